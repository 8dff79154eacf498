//! A worker from its first order to its exit: the loop in which every event is decided on.

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::signalfd::SignalFd;
use serde_json::{Value, json};
use shm_catalog::WorkerSlot;
use shm_catalog::announcement::Reader;
use shm_catalog::slots::{SlotPages, State};
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::grpc::service::Service;
use crate::plane::Plane;
use crate::plane::auth::Keys;
use crate::plane::panics;
use crate::scripts::runner;
use crate::{grpc, http};

use super::catalog::Catalog;
use super::config::Config;
use super::control::{self, News, Order, Orders, Outbox};
use super::error::{WorkerError, system};
use super::listeners::Listeners;
use super::log::{Level, Log};
use super::mapper::{Mapped, Mapper};
use super::pin::pin;
use super::report::Report;
use super::{fds, signals};

/// Heartbeat, leases, and a look at the announcement page should an event have been lost.
const TICK: Duration = Duration::from_millis(500);

/// Tasks that run before sockets and timers are looked at again. tokio's own 61 let first slices of scripts keep the
/// heartbeat waiting: each takes some 20 µs, and ten times that where the host is overcommitted.
const TURNS_BETWEEN_EVENTS: u32 = 16;

/// From the start to the first order.
const CONFIG_TIMEOUT: Duration = Duration::from_secs(30);

/// For the last news to leave.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(500);

/// Runs the worker in this thread until it has drained, its supervisor is gone, or it cannot go on.
/// `named` is called once, with the worker's role and slot.
///
/// # Errors
/// See [`WorkerError`].
pub fn run(control_fd: RawFd, named: impl FnOnce(&'static str, usize)) -> Result<(), WorkerError> {
    let signals = signals::block().map_err(system("block signals"))?;
    panics::keep_texts();
    let control = fds::adopt(control_fd).map_err(system("control channel"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(TURNS_BETWEEN_EVENTS)
        .build_local(tokio::runtime::LocalOptions::default())
        .map_err(system("event loop"))?;
    runtime.block_on(live(control, signals, named))
}

async fn live(
    control: OwnedFd,
    signals: SignalFd,
    named: impl FnOnce(&'static str, usize),
) -> Result<(), WorkerError> {
    let control = StdUnixStream::from(control);
    control
        .set_nonblocking(true)
        .map_err(system("control channel"))?;
    let control = UnixStream::from_std(control).map_err(system("control channel"))?;
    let (mut orders, outbox, writer) = control::open(control);
    let writer = tokio::task::spawn_local(writer);
    let Some(config) = first_order(&mut orders).await? else {
        return Ok(());
    };
    named(config.role.name(), config.slot);
    let (mapped_sender, mapped) = mpsc::unbounded_channel();
    let signals = fds::watch_signals(signals).map_err(system("signals"))?;
    let (mut life, announced) = Life::begin(&config, outbox, mapped_sender)?;
    let served = life
        .serve(Sources {
            orders,
            signals,
            announced,
            mapped,
        })
        .await;
    life.farewell(&served, writer).await;
    served.map(drop)
}

/// `None`: the supervisor was gone before it said anything.
async fn first_order(orders: &mut Orders) -> Result<Option<Box<Config>>, WorkerError> {
    match tokio::time::timeout(CONFIG_TIMEOUT, orders.next()).await {
        Err(_) => Err(WorkerError::Orders(
            "no config came through the control channel".to_owned(),
        )),
        Ok(Err(error)) => Err(WorkerError::Orders(error.to_string())),
        Ok(Ok(None)) => Ok(None),
        Ok(Ok(Some(Order::Config(config)))) => match config.problem() {
            Some(problem) => Err(WorkerError::Orders(problem)),
            None => Ok(Some(config)),
        },
        Ok(Ok(Some(_))) => Err(WorkerError::Orders(
            "the first order is not the config".to_owned(),
        )),
    }
}

/// Where events come from.
struct Sources {
    orders: Orders,
    signals: AsyncFd<SignalFd>,
    announced: AsyncFd<OwnedFd>,
    mapped: UnboundedReceiver<Mapped>,
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

struct Life {
    phase: Phase,
    drain_grace: Duration,
    drain_timeout: Duration,
    plane: Rc<dyn Plane>,
    worker: Rc<WorkerSlot>,
    log: Rc<Log>,
    report: Rc<Report>,
    outbox: Outbox,
    listeners: Listeners,
    catalog: Catalog,
    key_count: usize,
}

impl Life {
    fn begin(
        config: &Config,
        outbox: Outbox,
        segments: mpsc::UnboundedSender<Mapped>,
    ) -> Result<(Self, AsyncFd<OwnedFd>), WorkerError> {
        let worker = WorkerSlot::open(&config.slots, config.page).map_err(system("worker slot"))?;
        worker.occupy(config.role.into());
        let worker = Rc::new(worker);
        let pipe = fds::adopt(config.log_fd).map_err(system("log pipe"))?;
        fds::set_nonblocking(&pipe).map_err(system("log pipe"))?;
        let log = Rc::new(Log::new(
            pipe,
            Rc::clone(&worker),
            config.role.name(),
            config.slot,
            config.log_level,
        ));

        let announced = fds::adopt(config.event_fd).map_err(system("announcement event"))?;
        fds::set_nonblocking(&announced).map_err(system("announcement event"))?;
        let announced = fds::watch(announced).map_err(system("announcement event"))?;
        let announcements = Reader::open(&config.announce).map_err(system("announcement page"))?;
        // The supervisor is on the other cores: of both, the mapper takes the one that is idle.
        let cores = pin(config.pin.as_deref(), &log);
        let mapper = Mapper::start(cores, segments).map_err(system("mapper thread"))?;

        let keys = Keys::new(&config.keys);
        let key_count = keys.count();
        let report = Rc::new(Report::new(Rc::clone(&worker), Rc::clone(&log)));
        let plane = open_plane(config, keys, &report)?;

        let sockets: io::Result<Vec<_>> =
            config.listen_fds.iter().map(|fd| fds::adopt(*fd)).collect();
        let sockets = sockets.map_err(system("listening socket"))?;
        let listeners = Listeners::new(
            sockets,
            config.slot,
            Rc::clone(&plane),
            Rc::clone(&worker),
            Rc::clone(&log),
        )
        .map_err(system("listening socket"))?;
        let catalog = Catalog::new(
            Rc::clone(&plane),
            Rc::clone(&worker),
            Rc::clone(&log),
            outbox.clone(),
            announcements,
            mapper,
            config.segment_prefix.clone(),
        );
        let life = Self {
            phase: Phase::Starting,
            drain_grace: config.drain_grace(),
            drain_timeout: config.drain_timeout(),
            plane,
            worker,
            log,
            report,
            outbox,
            listeners,
            catalog,
            key_count,
        };
        Ok((life, announced))
    }

    async fn serve(&mut self, mut sources: Sources) -> Result<End, WorkerError> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let plane = Rc::clone(&self.plane);
        if !self.catalog.look() {
            self.listen()?;
        }
        // An order is read in parts: its future lives as long as it takes.
        let mut orders = Box::pin(next_order(sources.orders));
        loop {
            tokio::select! {
                (rest, order) = &mut orders => {
                    orders = Box::pin(next_order(rest));
                    match order.map_err(|error| WorkerError::Orders(error.to_string()))? {
                        None => return Ok(End::Orphaned),
                        Some(order) => self.follow(order),
                    }
                }
                signal = signals::next(&sources.signals) => {
                    if let Some(end) = self.signalled(signal.map_err(system("signals"))?) {
                        return Ok(end);
                    }
                }
                event = read_event(&sources.announced) => {
                    event.map_err(system("announcement event"))?;
                    self.catalog.look();
                }
                Some(mapped) = sources.mapped.recv() => {
                    if !self.catalog.mapped(mapped) && self.phase == Phase::Starting {
                        self.listen()?;
                    }
                }
                _ = tick.tick() => self.tick(),
                () = until(self.next_deadline()) => {
                    if let Some(end) = self.deadline_passed() {
                        return Ok(end);
                    }
                }
                () = plane.connections().emptied(), if matches!(self.phase, Phase::Closing { .. }) => {
                    return Ok(End::Drained);
                }
            }
        }
    }

    fn listen(&mut self) -> Result<(), WorkerError> {
        self.listeners
            .listen()
            .map_err(system("listening socket"))?;
        self.phase = Phase::Serving;
        self.worker.set_state(State::Serving);
        let fields = json!({
            "generation": self.catalog.served_generation().0,
            "connections_max": self.listeners.connections_max(),
        });
        self.log.write(Level::Info, "Worker Listening", fields);
        self.outbox.tell(News::Ready);
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
                self.plane.set_keys(keys);
                self.log.write(
                    Level::Info,
                    "Keys Replaced",
                    json!({"keys": self.key_count}),
                );
            }
            Order::Adopt { slot } => self.adopt(slot),
            Order::Release { slot } => {
                self.listeners.release(slot);
                self.log
                    .write(Level::Info, "Slot Released", json!({"listener": slot}));
            }
            Order::Drain { shut } => self.drain(shut),
            Order::LogLevel { level } => self.log.set_level(level),
            Order::Dump => self.dump(),
        }
    }

    fn adopt(&self, slot: usize) {
        if matches!(self.phase, Phase::Closing { .. }) {
            return;
        }
        match self.listeners.accept_from(slot) {
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
        self.plane.begin_drain();
        let fields = json!({"connections": self.plane.connections().count()});
        self.log.write(Level::Info, "Drain Started", fields);
    }

    fn next_deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Starting | Phase::Serving => None,
            Phase::Grace { until, .. } => Some(until),
            Phase::Closing { deadline } => Some(deadline),
        }
    }

    fn deadline_passed(&mut self) -> Option<End> {
        match self.phase {
            Phase::Starting | Phase::Serving => None,
            Phase::Grace { deadline, shut, .. } => {
                self.phase = Phase::Closing { deadline };
                self.listeners.end(shut);
                self.plane.end_connections();
                None
            }
            Phase::Closing { .. } => Some(End::TimedOut),
        }
    }

    fn tick(&mut self) {
        self.worker.heartbeat();
        self.report.sample_next();
        self.catalog.look();
        self.plane.sweep(Instant::now());
        self.catalog.unmap_unread();
    }

    fn dump(&self) {
        let mut fields = json!({
            "phase": match self.phase {
                Phase::Starting => "starting",
                Phase::Serving => "serving",
                Phase::Grace { .. } => "grace",
                Phase::Closing { .. } => "closing",
            },
            "generation": self.catalog.served_generation().0,
            "connections": self.plane.connections().count(),
            "connections_max": self.listeners.connections_max(),
            "superseded_segments": self.catalog.superseded_count(),
            "listeners": format!("{:?}", self.listeners.slots()),
            "keys": self.key_count,
        });
        if let Value::Object(fields) = &mut fields {
            fields.extend(self.plane.describe());
        }
        self.log.write(Level::Info, "State Dumped", fields);
    }

    /// Says how it ended. The supervisor has to hear it before the channel closes.
    async fn farewell(self, served: &Result<End, WorkerError>, writer: JoinHandle<()>) {
        match served {
            Ok(End::Orphaned) => return,
            Ok(end) => {
                let fields = json!({"end": format!("{end:?}"), "connections": self.plane.connections().count()});
                self.log.write(Level::Info, "Drain Ended", fields);
            }
            Err(error) => self.log.write(
                Level::Error,
                "Worker Failed",
                json!({"error": error.to_string()}),
            ),
        }
        self.worker.set_state(State::Stopped);
        if served.is_ok() {
            self.outbox.tell(News::Drained);
        }
        // The writer ends when the last outbox is gone.
        drop(self);
        let _ = tokio::time::timeout(FAREWELL_TIMEOUT, writer).await;
    }
}

/// The data plane of the role.
fn open_plane(
    config: &Config,
    keys: Keys,
    report: &Rc<Report>,
) -> Result<Rc<dyn Plane>, WorkerError> {
    let Some(http) = &config.http else {
        let service = Service::new(keys);
        return Ok(Rc::new(grpc::server::Server::new(
            service,
            Rc::clone(report) as Rc<_>,
            config.drain_timeout(),
        )));
    };
    let slots = SlotPages::open(&config.slots).map_err(system("worker slots"))?;
    let options = http::server::Options {
        needs_key: http.needs_key,
        cors_origins: http.cors_origins.clone(),
        scripts: runner::Options {
            threads: http.vm_threads.max(1),
            cores: http.vm_cores.clone(),
            memory_bytes: http.vm_memory_bytes,
            timeout: Duration::from_millis(http.vm_timeout_ms),
        },
    };
    let server = http::server::Server::new(options, keys, slots, Rc::clone(report) as Rc<_>);
    Ok(Rc::new(server.map_err(system("VM threads"))?))
}

async fn next_order(mut orders: Orders) -> (Orders, io::Result<Option<Order>>) {
    let order = orders.next().await;
    (orders, order)
}

/// Waits for the eventfd and empties it.
async fn read_event(event: &AsyncFd<OwnedFd>) -> io::Result<()> {
    loop {
        let mut guard = event.readable().await?;
        let mut count = [0; 8];
        if let Ok(read) = guard.try_io(|fd| Ok(rustix::io::read(fd, &mut count)?)) {
            return read.map(drop);
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
