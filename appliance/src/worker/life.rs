//! A worker from its first order to its exit: the loop in which every event is decided on.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use nix::sys::signal::Signal;
use nix::sys::signalfd::SignalFd;
use serde_json::json;
use shm_catalog::WorkerSlot;
use shm_catalog::announcement::Reader;
use shm_catalog::slots::{Crew, Role, State};

use crate::grpc::auth::Keys;
use crate::grpc::connections::Connections;
use crate::grpc::panics;
use crate::grpc::server::Server;
use crate::grpc::service::Service;

use super::catalog::Catalog;
use super::config::Config;
use super::control::{Control, News, Order};
use super::error::{WorkerError, system};
use super::listeners::Listeners;
use super::log::{Level, Log};
use super::mailboxes::{Mailboxes, PAGES_PER_SLOT};
use super::mapper::{Mapped, Mapper};
use super::pin::pin;
use super::report::Report;
use super::{fds, signals};

/// Heartbeat, leases, and a look at the announcement page should an event have been lost.
const TICK: Duration = Duration::from_millis(500);

/// From the start to the first order.
const CONFIG_TIMEOUT: Duration = Duration::from_secs(30);

/// For the last news to leave.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(500);

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 1024;

const CONTROL: Token = Token(0);
const SIGNALS: Token = Token(1);
const ANNOUNCED: Token = Token(2);
const MAPPED: Token = Token(3);
/// Listening sockets, then mailboxes, by slot; then connections, by place.
pub(super) const LISTENERS: usize = 1 << 16;
pub(super) const MAILBOXES: usize = 2 << 16;
pub(super) const CONNECTIONS: usize = 3 << 16;
const SLOTS_MAX: usize = 1 << 16;

/// Runs the worker in this thread until it has drained, its supervisor is gone, or it cannot go on.
/// `named` is called once, with the worker's slot.
///
/// # Errors
/// See [`WorkerError`].
pub fn run(control_fd: RawFd, named: impl FnOnce(usize)) -> Result<(), WorkerError> {
    let signals = signals::block().map_err(system("block signals"))?;
    panics::keep_texts();
    let control = fds::adopt(control_fd).map_err(system("control channel"))?;
    let mut control = Control::new(UnixStream::from(control));
    let Some(config) = first_order(&mut control)? else {
        return Ok(());
    };
    named(config.slot);
    let mut poll = Poll::new().map_err(system("event loop"))?;
    let mut life = Life::begin(&config, control, signals, &poll)?;
    let served = life.serve(&mut poll);
    life.farewell(&served);
    served.map(drop)
}

/// `None`: the supervisor was gone before it said anything.
fn first_order(control: &mut Control) -> Result<Option<Box<Config>>, WorkerError> {
    match control.first_order(CONFIG_TIMEOUT) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
            ) =>
        {
            Err(WorkerError::Orders(
                "no config came through the control channel".to_owned(),
            ))
        }
        Err(error) => Err(WorkerError::Orders(error.to_string())),
        Ok(None) => Ok(None),
        Ok(Some(Order::Config(config))) => match config.problem() {
            Some(problem) => Err(WorkerError::Orders(problem)),
            None => Ok(Some(config)),
        },
        Ok(Some(_)) => Err(WorkerError::Orders(
            "the first order is not the config".to_owned(),
        )),
    }
}

/// Why the loop ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Every connection closed.
    Drained,
    /// Some did not in time.
    TimedOut,
    /// A second signal.
    Hurried,
    /// The supervisor is dead.
    Orphaned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The first announcement is being mapped.
    Starting,
    Serving,
    /// Health is `NOT_SERVING`, everything is still accepted and answered.
    Grace {
        until: Instant,
        deadline: Instant,
        shut: bool,
    },
    /// Listeners are shut, peers are told to go away.
    Closing {
        deadline: Instant,
    },
}

/// A worker's state.
pub(super) struct Life {
    phase: Phase,
    drain_grace: Duration,
    drain_timeout: Duration,
    server: Rc<Server>,
    pub(super) connections: Connections,
    pub(super) worker: Rc<WorkerSlot>,
    pub(super) crew: Crew,
    pub(super) log: Rc<Log>,
    report: Rc<Report>,
    control: Control,
    signals: SignalFd,
    announced: OwnedFd,
    mapped: Receiver<Mapped>,
    pub(super) registry: Registry,
    pub(super) slot: usize,
    pub(super) listeners: Listeners,
    pub(super) mailboxes: Mailboxes,
    catalog: Catalog,
    key_count: usize,
    next_tick: Instant,
}

impl Life {
    fn begin(
        config: &Config,
        control: Control,
        signals: SignalFd,
        poll: &Poll,
    ) -> Result<Self, WorkerError> {
        let registry = poll.registry();
        let worker = WorkerSlot::open(&config.slots, config.page).map_err(system("worker slot"))?;
        worker.occupy(Role::Grpc);
        let worker = Rc::new(worker);
        let pages = (PAGES_PER_SLOT * config.listen_fds.len()) as u64;
        let crew = Crew::open(&config.slots, pages, config.page).map_err(system("worker slots"))?;
        let pipe = fds::adopt(config.log_fd).map_err(system("log pipe"))?;
        fds::set_nonblocking(&pipe).map_err(system("log pipe"))?;
        let log = Rc::new(Log::new(
            pipe,
            Rc::clone(&worker),
            config.slot,
            config.log_level,
        ));

        let announced = fds::adopt(config.event_fd).map_err(system("announcement event"))?;
        fds::set_nonblocking(&announced).map_err(system("announcement event"))?;
        watch(registry, &announced, ANNOUNCED).map_err(system("announcement event"))?;
        watch(registry, &signals, SIGNALS).map_err(system("signals"))?;
        let both = Interest::READABLE | Interest::WRITABLE;
        registry
            .register(&mut SourceFd(&control.stream().as_raw_fd()), CONTROL, both)
            .map_err(system("control channel"))?;
        let announcements = Reader::open(&config.announce).map_err(system("announcement page"))?;
        // The supervisor is on the other cores: of both, the mapper takes the one that is idle.
        let cores = pin(config.pin.as_deref(), &log);
        let waker = Waker::new(registry, MAPPED).map_err(system("mapper thread"))?;
        let (segments, mapped_segments) = channel();
        let mapper = Mapper::start(cores, segments, waker).map_err(system("mapper thread"))?;

        let keys = Keys::new(&config.keys);
        let key_count = keys.count();
        let report = Rc::new(Report::new(Rc::clone(&worker), Rc::clone(&log)));
        let server = Rc::new(Server::new(
            Service::new(keys),
            Rc::clone(&report) as Rc<_>,
            config.drain_timeout(),
        ));
        let catalog = Catalog::new(
            Rc::clone(&server),
            Rc::clone(&worker),
            Rc::clone(&log),
            control.outbox(),
            announcements,
            mapper,
            config.segment_prefix.clone(),
        );
        Ok(Self {
            phase: Phase::Starting,
            drain_grace: config.drain_grace(),
            drain_timeout: config.drain_timeout(),
            connections: Connections::new(Rc::clone(&server)),
            server,
            worker,
            crew,
            report,
            control,
            signals,
            announced,
            mapped: mapped_segments,
            registry: registry.try_clone().map_err(system("event loop"))?,
            slot: config.slot,
            listeners: listeners(config, &log)?,
            mailboxes: mailboxes(config)?,
            log,
            catalog,
            key_count,
            next_tick: Instant::now() + TICK,
        })
    }

    fn serve(&mut self, poll: &mut Poll) -> Result<End, WorkerError> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        if !self.catalog.look() {
            self.listen()?;
        }
        loop {
            self.control.send();
            match poll.poll(&mut events, Some(self.wait())) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
                polled => polled.map_err(system("event loop"))?,
            }
            self.connections.look_at_clock();
            for event in &events {
                if event.token().0 >= CONNECTIONS {
                    self.connections.ready(event.token().0 - CONNECTIONS, event);
                } else if let Some(end) = self.happened(event.token())? {
                    return Ok(end);
                }
            }
            self.connections.go_on();
            self.take_accepted();
            self.connections.expire();
            self.connections.tell_health();
            let now = Instant::now();
            if now >= self.next_tick {
                self.next_tick = now + TICK;
                self.tick(now);
            }
            if let Some(end) = self.passed(now) {
                return Ok(end);
            }
        }
    }

    /// Until when nothing is to be done.
    fn wait(&self) -> Duration {
        let now = Instant::now();
        let mut wait = self.next_tick.saturating_duration_since(now);
        if let Some(deadline) = self.next_deadline() {
            wait = wait.min(deadline.saturating_duration_since(now));
        }
        let others = [self.connections.idle_for(), self.listeners.idle_for(now)];
        others.into_iter().flatten().fold(wait, Duration::min)
    }

    /// Something other than a connection has something to say.
    fn happened(&mut self, token: Token) -> Result<Option<End>, WorkerError> {
        match token {
            CONTROL => return self.read_orders(),
            SIGNALS => {
                while let Some(signal) = signals::next(&self.signals).map_err(system("signals"))? {
                    if let Some(end) = self.signalled(signal) {
                        return Ok(Some(end));
                    }
                }
            }
            ANNOUNCED => {
                // How often it was written is of no interest.
                let _ = rustix::io::read(&self.announced, &mut [0; 8]);
                self.catalog.look();
            }
            MAPPED => self.take_mapped()?,
            Token(token) if token >= MAILBOXES => self.read_mailbox(token - MAILBOXES),
            Token(token) => self.listeners.ready(token - LISTENERS),
        }
        Ok(None)
    }

    fn read_orders(&mut self) -> Result<Option<End>, WorkerError> {
        let alive = self
            .control
            .read()
            .map_err(|error| WorkerError::Orders(error.to_string()))?;
        while let Some(order) = self
            .control
            .next()
            .map_err(|error| WorkerError::Orders(error.to_string()))?
        {
            self.follow(order);
        }
        Ok((!alive).then_some(End::Orphaned))
    }

    fn take_mapped(&mut self) -> Result<(), WorkerError> {
        while let Ok(mapped) = self.mapped.try_recv() {
            if !self.catalog.mapped(mapped) && self.phase == Phase::Starting {
                self.listen()?;
            }
        }
        Ok(())
    }

    // ---- orders --------------------------------------------------------------------------------

    fn listen(&mut self) -> Result<(), WorkerError> {
        self.accept_from(self.slot)
            .map_err(system("listening socket"))?;
        self.phase = Phase::Serving;
        self.worker.set_state(State::Serving);
        let fields = json!({
            "generation": self.catalog.served_generation().0,
            "connections_max": self.listeners.connections_max(),
        });
        self.log.write(Level::Info, "Worker Listening", fields);
        self.control.outbox().tell(&News::Ready);
        Ok(())
    }

    fn follow(&mut self, order: Order) {
        match order {
            Order::Config(_) => {
                self.log
                    .write(Level::Warning, "Order Ignored", json!({"order": "config"}));
            }
            Order::Keys { keys } => {
                let keys = Keys::new(&keys);
                self.key_count = keys.count();
                self.server.service.set_keys(keys);
                self.log.write(
                    Level::Info,
                    "Keys Replaced",
                    json!({"keys": self.key_count}),
                );
            }
            Order::Adopt { slot } => self.adopt(slot),
            Order::Release { slot } => {
                self.release(slot);
                self.log
                    .write(Level::Info, "Slot Released", json!({"listener": slot}));
            }
            Order::Drain { shut } => self.drain(shut),
            Order::LogLevel { level } => self.log.set_level(level),
            Order::Dump => self.dump(),
        }
    }

    fn adopt(&mut self, slot: usize) {
        if matches!(self.phase, Phase::Closing { .. }) {
            return;
        }
        match self.accept_from(slot) {
            Ok(()) => self
                .log
                .write(Level::Info, "Slot Adopted", json!({"listener": slot})),
            Err(error) => {
                let fields = json!({"listener": slot, "error": error.to_string()});
                self.log.write(Level::Error, "Slot Not Adopted", fields);
            }
        }
    }

    /// A signal sent to this worker alone: somebody else takes its slot, so the socket stays open.
    fn signalled(&mut self, signal: Signal) -> Option<End> {
        match signal {
            Signal::SIGTERM | Signal::SIGINT
                if matches!(self.phase, Phase::Grace { .. } | Phase::Closing { .. }) =>
            {
                return Some(End::Hurried);
            }
            Signal::SIGTERM | Signal::SIGINT => self.drain(false),
            Signal::SIGUSR2 => self.dump(),
            _ => {}
        }
        None
    }

    fn drain(&mut self, shut: bool) {
        if matches!(self.phase, Phase::Grace { .. } | Phase::Closing { .. }) {
            return;
        }
        let now = Instant::now();
        let deadline = now + self.drain_timeout;
        self.phase = Phase::Grace {
            until: (now + self.drain_grace).min(deadline),
            deadline,
            shut,
        };
        self.worker.set_state(State::Draining);
        self.server.begin_drain();
        let fields = json!({"connections": self.connections.count()});
        self.log.write(Level::Info, "Drain Started", fields);
    }

    fn next_deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Starting | Phase::Serving => None,
            Phase::Grace { until, .. } => Some(until),
            Phase::Closing { deadline } => Some(deadline),
        }
    }

    /// What time has brought to an end.
    fn passed(&mut self, now: Instant) -> Option<End> {
        if self.next_deadline().is_some_and(|deadline| now >= deadline)
            && let Some(end) = self.deadline_passed()
        {
            return Some(end);
        }
        let closing = matches!(self.phase, Phase::Closing { .. });
        (closing && self.connections.count() == 0).then_some(End::Drained)
    }

    fn deadline_passed(&mut self) -> Option<End> {
        match self.phase {
            Phase::Starting | Phase::Serving => None,
            Phase::Grace { deadline, shut, .. } => {
                self.phase = Phase::Closing { deadline };
                self.end_accepting(shut);
                None
            }
            Phase::Closing { .. } => Some(End::TimedOut),
        }
    }

    fn tick(&mut self, now: Instant) {
        self.worker.heartbeat();
        self.report.sample_next();
        self.catalog.look();
        let aborted = self.connections.sweep(now);
        if aborted > 0 {
            self.log.write(
                Level::Warning,
                "Connection Aborted",
                json!({"connections": aborted, "reason": "over-aged stream"}),
            );
        }
        self.catalog.unmap_unread();
    }

    fn dump(&self) {
        let fields = json!({
            "phase": match self.phase {
                Phase::Starting => "starting",
                Phase::Serving => "serving",
                Phase::Grace { .. } => "grace",
                Phase::Closing { .. } => "closing",
            },
            "generation": self.catalog.served_generation().0,
            "connections": self.connections.count(),
            "connections_max": self.listeners.connections_max(),
            "held_versions": self.server.held_versions(),
            "superseded_segments": self.catalog.superseded_count(),
            "listeners": format!("{:?}", self.listeners.slots()),
            "keys": self.key_count,
        });
        self.log.write(Level::Info, "State Dumped", fields);
    }

    /// Says how it ended. The supervisor has to hear it before the channel closes.
    fn farewell(mut self, served: &Result<End, WorkerError>) {
        let connections = self.connections.count();
        match served {
            Ok(End::Orphaned) => return,
            Ok(end) => {
                let fields = json!({"end": format!("{end:?}"), "connections": connections});
                self.log.write(Level::Info, "Drain Ended", fields);
            }
            Err(error) => self.log.write(
                Level::Error,
                "Worker Failed",
                json!({"error": error.to_string()}),
            ),
        }
        self.connections.abort_all();
        self.worker.set_state(State::Stopped);
        if served.is_ok() {
            self.control.outbox().tell(&News::Drained);
        }
        let stream = self.control.stream();
        // Refused: the news go as far as they go at once.
        let _ = stream.set_nonblocking(false);
        let _ = stream.set_write_timeout(Some(FAREWELL_TIMEOUT));
        self.control.send();
    }
}

fn watch(registry: &Registry, fd: &impl AsRawFd, token: Token) -> io::Result<()> {
    registry.register(&mut SourceFd(&fd.as_raw_fd()), token, Interest::READABLE)
}

fn listeners(config: &Config, log: &Rc<Log>) -> Result<Listeners, WorkerError> {
    let sockets: io::Result<Vec<_>> = config.listen_fds.iter().map(|fd| fds::adopt(*fd)).collect();
    let sockets = sockets.map_err(system("listening socket"))?;
    if sockets.len() > SLOTS_MAX {
        let problem = format!("{} slots are more than {SLOTS_MAX}", sockets.len());
        return Err(WorkerError::Orders(problem));
    }
    Listeners::new(sockets, config.slot, Rc::clone(log)).map_err(system("listening socket"))
}

fn mailboxes(config: &Config) -> Result<Mailboxes, WorkerError> {
    let ends = config.mailbox_fds.iter().map(|(receiver, sender)| {
        let (receiver, sender) = (fds::adopt(*receiver)?, fds::adopt(*sender)?);
        fds::set_nonblocking(&receiver)?;
        fds::set_nonblocking(&sender)?;
        Ok((receiver, sender))
    });
    let ends: io::Result<Vec<_>> = ends.collect();
    Ok(Mailboxes::new(ends.map_err(system("mailbox"))?))
}
