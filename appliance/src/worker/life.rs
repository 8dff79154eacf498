//! A worker from its first order to its exit: every decision about it, whichever loop brings the events.

use std::io;
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use shm_catalog::WorkerSlot;
use shm_catalog::slots::State;

use crate::plane::auth::Keys;
use crate::plane::{Plane, panics};

use super::catalog::Catalog;
use super::config::{Config, Role};
use super::control::{Control, News, Order};
use super::error::{WorkerError, system};
use super::ground::Ground;
use super::log::{Level, Log};
use super::mapper::{Mapped, Mapper};
use super::report::Report;
use super::{fds, grpc, http, signals};

/// Heartbeat, leases, and a look at the announcement page should an event have been lost.
pub const TICK: Duration = Duration::from_millis(500);

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
    let mut control = Control::new(UnixStream::from(control));
    let Some(config) = first_order(&mut control)? else {
        return Ok(());
    };
    named(config.role.name(), config.slot);
    match config.role {
        Role::Grpc => grpc::event_loop::run(&config, control, signals),
        Role::Http => http::event_loop::run(&config, control, signals),
    }
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
pub enum End {
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

/// The sockets of a worker, in its loop.
pub trait Door {
    /// Accepts from the socket of `slot` from now on. Doing so already is no error.
    ///
    /// # Errors
    /// When there is no such slot, or its socket cannot be watched.
    fn accept_from(&mut self, slot: usize) -> io::Result<()>;

    /// Stops accepting for another slot. What its queue holds is left to whoever fills the slot.
    fn release(&mut self, slot: usize);

    /// Accepts no more and tells every peer to go away; connections close when what is under way is
    /// answered. With `shut`, takes what is queued and closes the queues for everybody.
    fn end_accepting(&mut self, shut: bool);

    /// Slots that are accepted from.
    fn slots(&self) -> Vec<usize>;

    /// Connections open now.
    fn connections(&self) -> usize;

    /// How many there may be.
    fn connections_max(&self) -> usize;

    /// Called at each tick: ends what takes too long.
    fn sweep(&mut self, now: Instant);

    /// Closes all, now.
    fn abort_all(&mut self);
}

/// A worker's state.
pub struct Life<D> {
    phase: Phase,
    drain_grace: Duration,
    drain_timeout: Duration,
    slot: usize,
    plane: Rc<dyn Plane>,
    /// Its sockets.
    pub door: D,
    /// The supervisor.
    pub control: Control,
    catalog: Catalog,
    worker: Rc<WorkerSlot>,
    log: Rc<Log>,
    report: Rc<Report>,
    key_count: usize,
}

impl<D: Door> Life<D> {
    /// Not listening yet: see [`Self::start`].
    pub fn new(
        config: &Config,
        control: Control,
        ground: Ground,
        mapper: Mapper,
        plane: Rc<dyn Plane>,
        door: D,
    ) -> Self {
        let catalog = Catalog::new(
            Rc::clone(&plane),
            Rc::clone(&ground.worker),
            Rc::clone(&ground.log),
            control.outbox(),
            ground.announcements,
            mapper,
            config.segment_prefix.clone(),
        );
        Self {
            phase: Phase::Starting,
            drain_grace: config.drain_grace(),
            drain_timeout: config.drain_timeout(),
            slot: config.slot,
            plane,
            door,
            control,
            catalog,
            worker: ground.worker,
            log: ground.log,
            report: ground.report,
            key_count: Keys::new(&config.keys).count(),
        }
    }

    /// Listens, unless a version has to be mapped first.
    ///
    /// # Errors
    /// When our socket cannot be listened on.
    pub fn start(&mut self) -> Result<(), WorkerError> {
        if self.catalog.look() {
            return Ok(());
        }
        self.listen()
    }

    /// Something was announced.
    pub fn announced(&mut self) {
        self.catalog.look();
    }

    /// A segment was mapped, or could not be.
    ///
    /// # Errors
    /// When it was the first and our socket cannot be listened on.
    pub fn mapped(&mut self, mapped: Mapped) -> Result<(), WorkerError> {
        if !self.catalog.mapped(mapped) && self.phase == Phase::Starting {
            self.listen()?;
        }
        Ok(())
    }

    /// Follows the orders that have come.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read_orders(&mut self) -> Result<Option<End>, WorkerError> {
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

    fn listen(&mut self) -> Result<(), WorkerError> {
        self.door
            .accept_from(self.slot)
            .map_err(system("listening socket"))?;
        self.phase = Phase::Serving;
        self.worker.set_state(State::Serving);
        let fields = json!({
            "generation": self.catalog.served_generation().0,
            "connections_max": self.door.connections_max(),
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
                self.plane.set_keys(keys);
                self.log.write(
                    Level::Info,
                    "Keys Replaced",
                    json!({"keys": self.key_count}),
                );
            }
            Order::Adopt { slot } => self.adopt(slot),
            Order::Release { slot } => {
                self.door.release(slot);
                self.log
                    .write(Level::Info, "Slot Released", json!({"listener": slot}));
            }
            Order::Drain { shut } => self.drain(shut),
            Order::LogLevel { level } => self.log.set_level(level),
            Order::Quarantine { sources } => self.plane.set_quarantine(&sources),
            Order::LeftOut { rows } => self.plane.set_left_out(&rows),
            Order::Dump => self.dump(),
        }
    }

    fn adopt(&mut self, slot: usize) {
        if matches!(self.phase, Phase::Closing { .. }) {
            return;
        }
        match self.door.accept_from(slot) {
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
    pub fn signalled(&mut self, signal: Signal) -> Option<End> {
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
        let fields = json!({"connections": self.door.connections()});
        self.log.write(Level::Info, "Drain Started", fields);
    }

    /// When the phase ends by itself.
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Starting | Phase::Serving => None,
            Phase::Grace { until, .. } => Some(until),
            Phase::Closing { deadline } => Some(deadline),
        }
    }

    /// Whether only what is under way is still answered.
    pub const fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. })
    }

    /// What time has brought to an end.
    pub fn passed(&mut self, now: Instant) -> Option<End> {
        if self.next_deadline().is_some_and(|deadline| now >= deadline)
            && let Some(end) = self.deadline_passed()
        {
            return Some(end);
        }
        (self.is_closing() && self.door.connections() == 0).then_some(End::Drained)
    }

    fn deadline_passed(&mut self) -> Option<End> {
        match self.phase {
            Phase::Starting | Phase::Serving => None,
            Phase::Grace { deadline, shut, .. } => {
                self.phase = Phase::Closing { deadline };
                self.door.end_accepting(shut);
                None
            }
            Phase::Closing { .. } => Some(End::TimedOut),
        }
    }

    /// Every [`TICK`].
    pub fn tick(&mut self, now: Instant) {
        self.worker.heartbeat();
        self.report.sample_next();
        self.catalog.look();
        self.door.sweep(now);
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
            "connections": self.door.connections(),
            "connections_max": self.door.connections_max(),
            "superseded_segments": self.catalog.superseded_count(),
            "listeners": format!("{:?}", self.door.slots()),
            "keys": self.key_count,
        });
        if let Value::Object(fields) = &mut fields {
            fields.extend(self.plane.describe());
        }
        self.log.write(Level::Info, "State Dumped", fields);
    }

    /// Says how it ended. The supervisor has to hear it before the channel closes.
    pub fn farewell(mut self, served: &Result<End, WorkerError>) {
        let connections = self.door.connections();
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
        self.door.abort_all();
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
