//! Where the events of an HTTP worker come from: a current-thread runtime of tokio.

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::sys::signalfd::SignalFd;
use shm_catalog::slots::SlotPages;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::MissedTickBehavior;

use crate::http::connections::Order;
use crate::http::server::{Options, Server};
use crate::memory;
use crate::plane::Plane as _;
use crate::plane::auth::Keys;
use crate::scripts::runner;
use crate::worker::config::{Config, HttpConfig};
use crate::worker::control::Control;
use crate::worker::error::{WorkerError, system};
use crate::worker::ground::Ground;
use crate::worker::life::{Door, End, Life, TICK};
use crate::worker::mapper::{Mapped, Mapper};
use crate::worker::{fds, signals, sockets};

use super::listeners::Listeners;

/// Tasks that run before sockets and timers are looked at again. tokio's own 61 let first slices of scripts keep the
/// heartbeat waiting: each takes some 20 µs, and ten times that where the host is overcommitted.
const TURNS_BETWEEN_EVENTS: u32 = 16;

/// Runs an HTTP worker in this thread to its end.
///
/// # Errors
/// See [`WorkerError`].
pub fn run(config: &Config, control: Control, signals: SignalFd) -> Result<(), WorkerError> {
    let Some(http) = &config.http else {
        return Err(WorkerError::Orders("no config for HTTP".to_owned()));
    };
    memory::keep_to_small_pages();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(TURNS_BETWEEN_EVENTS)
        .build_local(tokio::runtime::LocalOptions::default())
        .map_err(system("event loop"))?;
    runtime.block_on(live(config, http, control, signals))
}

/// Where events come from.
struct Sources {
    control: AsyncFd<OwnedFd>,
    signals: AsyncFd<SignalFd>,
    announced: AsyncFd<OwnedFd>,
    mapped: UnboundedReceiver<Mapped>,
}

/// The server, and where its connections come from.
struct Sockets {
    server: Rc<Server>,
    listeners: Listeners,
}

async fn live(
    config: &Config,
    http: &HttpConfig,
    control: Control,
    signals: SignalFd,
) -> Result<(), WorkerError> {
    let (mut ground, announced) = Ground::open(config)?;
    let (answers, mapped) = mpsc::unbounded_channel();
    let answer = move |mapped| answers.send(mapped).is_ok();
    let thread = Mapper::start(ground.cores.take(), answer).map_err(system("mapper thread"))?;
    let orders = control
        .stream()
        .try_clone()
        .map_err(system("control channel"))?;
    let sources = Sources {
        control: fds::watch(orders.into(), Interest::READABLE | Interest::WRITABLE)
            .map_err(system("control channel"))?,
        signals: fds::watch_signals(signals).map_err(system("signals"))?,
        announced: fds::watch(announced, Interest::READABLE)
            .map_err(system("announcement event"))?,
        mapped,
    };
    let server = Rc::new(open_server(config, http, &ground)?);
    let listeners = Listeners::new(
        sockets::adopt_all(&config.listen_fds)?,
        config.slot,
        Rc::clone(&server),
        Rc::clone(&ground.worker),
        Rc::clone(&ground.log),
    );
    let sockets = Sockets {
        server: Rc::clone(&server),
        listeners,
    };
    let mut life = Life::new(config, control, ground, thread, server, sockets);
    let outcome = serve(&mut life, sources).await;
    life.farewell(&outcome);
    outcome.map(drop)
}

async fn serve(life: &mut Life<Sockets>, mut sources: Sources) -> Result<End, WorkerError> {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let server = Rc::clone(&life.door.server);
    life.start()?;
    loop {
        let news_wait = !life.control.send();
        tokio::select! {
            ready = sources.control.readable() => {
                let mut ready = ready.map_err(system("control channel"))?;
                if let Some(end) = life.read_orders()? {
                    return Ok(end);
                }
                ready.clear_ready();
            }
            ready = sources.control.writable(), if news_wait => {
                ready.map_err(system("control channel"))?.clear_ready();
            }
            ready = sources.signals.readable() => {
                let mut ready = ready.map_err(system("signals"))?;
                while let Some(signal) = signals::next(ready.get_inner()).map_err(system("signals"))? {
                    if let Some(end) = life.signalled(signal) {
                        return Ok(end);
                    }
                }
                ready.clear_ready();
            }
            ready = sources.announced.readable() => {
                let mut ready = ready.map_err(system("announcement event"))?;
                // How often it was written is of no interest.
                let _ = rustix::io::read(ready.get_inner(), &mut [0; 8]);
                ready.clear_ready();
                life.announced();
            }
            Some(mapped) = sources.mapped.recv() => life.mapped(mapped)?,
            _ = tick.tick() => life.tick(Instant::now()),
            () = until(life.next_deadline()) => {}
            () = server.connections.emptied(), if life.is_closing() => {}
        }
        if let Some(end) = life.passed(Instant::now()) {
            return Ok(end);
        }
    }
}

impl Door for Sockets {
    fn accept_from(&mut self, slot: usize) -> std::io::Result<()> {
        self.listeners.accept_from(slot)
    }

    fn release(&mut self, slot: usize) {
        self.listeners.release(slot);
    }

    fn end_accepting(&mut self, shut: bool) {
        self.listeners.end(shut);
        self.server.end_connections();
    }

    fn slots(&self) -> Vec<usize> {
        self.listeners.slots()
    }

    fn connections(&self) -> usize {
        self.server.connections.count()
    }

    fn connections_max(&self) -> usize {
        self.listeners.connections_max()
    }

    fn sweep(&mut self, _: Instant) {
        self.server.sweep();
    }

    /// Their tasks, and with them their sockets, go with the runtime.
    fn abort_all(&mut self) {
        self.server.connections.give_all(Order::Abort);
    }
}

fn open_server(config: &Config, http: &HttpConfig, ground: &Ground) -> Result<Server, WorkerError> {
    let slots = SlotPages::open(&config.slots).map_err(system("worker slots"))?;
    let options = Options {
        needs_key: http.needs_key,
        cors_origins: http.cors_origins.clone(),
        scripts: runner::Options {
            threads: http.vm_threads.max(1),
            cores: http.vm_cores.clone(),
            memory_bytes: http.vm_memory_bytes,
            timeout: Duration::from_millis(http.vm_timeout_ms),
        },
    };
    let keys = Keys::new(&config.keys);
    let server = Server::new(options, keys, slots, Rc::clone(&ground.report) as Rc<_>)
        .map_err(system("VM threads"))?;
    server.set_quarantine(&http.quarantined);
    server.set_left_out(&http.left_out);
    Ok(server)
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
