//! Where the events of a gRPC worker come from: one epoll.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use nix::sys::signalfd::SignalFd;
use shm_catalog::WorkerSlot;
use shm_catalog::slots::Crew;

use crate::grpc::connections::Connections;
use crate::grpc::server::Server;
use crate::grpc::service::Service;
use crate::plane::auth::Keys;
use crate::worker::config::Config;
use crate::worker::control::Control;
use crate::worker::error::{WorkerError, system};
use crate::worker::ground::Ground;
use crate::worker::life::{End, Life, TICK};
use crate::worker::log::Log;
use crate::worker::mapper::{Mapped, Mapper};
use crate::worker::{fds, signals, sockets};

use super::listeners::Listeners;
use super::mailboxes::Mailboxes;

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

/// Connections, and where they come from and go to.
pub(super) struct Sockets {
    pub(super) connections: Connections,
    pub(super) worker: Rc<WorkerSlot>,
    pub(super) crew: Crew,
    pub(super) log: Rc<Log>,
    pub(super) registry: Registry,
    pub(super) slot: usize,
    pub(super) listeners: Listeners,
    pub(super) mailboxes: Mailboxes,
}

/// What is watched beside sockets and orders.
struct EventLoop {
    life: Life<Sockets>,
    signals: SignalFd,
    announced: OwnedFd,
    mapped: Receiver<Mapped>,
    next_tick: Instant,
}

/// Runs a gRPC worker in this thread to its end.
///
/// # Errors
/// See [`WorkerError`].
pub fn run(config: &Config, control: Control, signals: SignalFd) -> Result<(), WorkerError> {
    let mut poll = Poll::new().map_err(system("event loop"))?;
    let mut event_loop = EventLoop::begin(config, control, signals, &poll)?;
    let served = event_loop.serve(&mut poll);
    event_loop.life.farewell(&served);
    served.map(drop)
}

impl EventLoop {
    fn begin(
        config: &Config,
        control: Control,
        signals: SignalFd,
        poll: &Poll,
    ) -> Result<Self, WorkerError> {
        let registry = poll.registry();
        let (mut ground, announced) = Ground::open(config)?;
        let pages = config.pages().unwrap_or_default();
        let crew = Crew::open(&config.slots, pages.clone(), config.page)
            .map_err(system("worker slots"))?;
        watch(registry, &announced, ANNOUNCED).map_err(system("announcement event"))?;
        watch(registry, &signals, SIGNALS).map_err(system("signals"))?;
        let both = Interest::READABLE | Interest::WRITABLE;
        registry
            .register(&mut SourceFd(&control.stream().as_raw_fd()), CONTROL, both)
            .map_err(system("control channel"))?;
        let waker = Waker::new(registry, MAPPED).map_err(system("mapper thread"))?;
        let (answers, mapped) = channel();
        let answer = move |mapped| {
            let taken = answers.send(mapped).is_ok();
            // Refused: the loop looks at its next tick.
            let _ = waker.wake();
            taken
        };
        let thread = Mapper::start(ground.cores.take(), answer).map_err(system("mapper thread"))?;
        let server = Rc::new(Server::new(
            Service::new(Keys::new(&config.keys)),
            Rc::clone(&ground.report) as Rc<_>,
            config.drain_timeout(),
        ));
        let sockets = Sockets {
            connections: Connections::new(Rc::clone(&server)),
            worker: Rc::clone(&ground.worker),
            crew,
            registry: registry.try_clone().map_err(system("event loop"))?,
            slot: config.slot,
            listeners: listeners(config, &ground.log)?,
            mailboxes: mailboxes(config, pages.start)?,
            log: Rc::clone(&ground.log),
        };
        Ok(Self {
            life: Life::new(config, control, ground, thread, server, sockets),
            signals,
            announced,
            mapped,
            next_tick: Instant::now() + TICK,
        })
    }

    fn serve(&mut self, poll: &mut Poll) -> Result<End, WorkerError> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        self.life.start()?;
        loop {
            self.life.control.send();
            match poll.poll(&mut events, Some(self.wait())) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
                polled => polled.map_err(system("event loop"))?,
            }
            self.life.door.connections.look_at_clock();
            for event in &events {
                if event.token().0 >= CONNECTIONS {
                    let place = event.token().0 - CONNECTIONS;
                    self.life.door.connections.ready(place, event);
                } else if let Some(end) = self.happened(event.token())? {
                    return Ok(end);
                }
            }
            let sockets = &mut self.life.door;
            sockets.connections.go_on();
            sockets.take_accepted();
            sockets.connections.expire();
            sockets.connections.tell_health();
            let now = Instant::now();
            if now >= self.next_tick {
                self.next_tick = now + TICK;
                self.life.tick(now);
            }
            if let Some(end) = self.life.passed(now) {
                return Ok(end);
            }
        }
    }

    /// Until when nothing is to be done.
    fn wait(&self) -> Duration {
        let now = Instant::now();
        let mut wait = self.next_tick.saturating_duration_since(now);
        if let Some(deadline) = self.life.next_deadline() {
            wait = wait.min(deadline.saturating_duration_since(now));
        }
        let sockets = &self.life.door;
        let others = [
            sockets.connections.idle_for(),
            sockets.listeners.idle_for(now),
        ];
        others.into_iter().flatten().fold(wait, Duration::min)
    }

    /// Something other than a connection has something to say.
    fn happened(&mut self, token: Token) -> Result<Option<End>, WorkerError> {
        match token {
            CONTROL => return self.life.read_orders(),
            SIGNALS => {
                while let Some(signal) = signals::next(&self.signals).map_err(system("signals"))? {
                    if let Some(end) = self.life.signalled(signal) {
                        return Ok(Some(end));
                    }
                }
            }
            ANNOUNCED => {
                // How often it was written is of no interest.
                let _ = rustix::io::read(&self.announced, &mut [0; 8]);
                self.life.announced();
            }
            MAPPED => {
                while let Ok(mapped) = self.mapped.try_recv() {
                    self.life.mapped(mapped)?;
                }
            }
            Token(token) if token >= MAILBOXES => self.life.door.read_mailbox(token - MAILBOXES),
            Token(token) => self.life.door.listeners.ready(token - LISTENERS),
        }
        Ok(None)
    }
}

fn watch(registry: &Registry, fd: &impl AsRawFd, token: Token) -> io::Result<()> {
    registry.register(&mut SourceFd(&fd.as_raw_fd()), token, Interest::READABLE)
}

fn listeners(config: &Config, log: &Rc<Log>) -> Result<Listeners, WorkerError> {
    let sockets = sockets::adopt_all(&config.listen_fds)?;
    if sockets.len() > SLOTS_MAX {
        let problem = format!("{} slots are more than {SLOTS_MAX}", sockets.len());
        return Err(WorkerError::Orders(problem));
    }
    Ok(Listeners::new(sockets, config.slot, Rc::clone(log)))
}

fn mailboxes(config: &Config, first_page: u64) -> Result<Mailboxes, WorkerError> {
    let ends = config.mailbox_fds.iter().map(|(receiver, sender)| {
        let (receiver, sender) = (fds::adopt(*receiver)?, fds::adopt(*sender)?);
        fds::set_nonblocking(&receiver)?;
        fds::set_nonblocking(&sender)?;
        Ok((receiver, sender))
    });
    let ends: io::Result<Vec<_>> = ends.collect();
    let ends = ends.map_err(system("mailbox"))?;
    Ok(Mailboxes::new(ends, first_page as usize))
}
