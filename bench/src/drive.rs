//! The loop of one thread: epoll, and a timer for what is due next.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::arrivals::{Arrivals, Random};
use crate::clock::{now_ns, thread_cpu_ns};
use crate::connection::{Connection, Ending, Judge, Request};
use crate::headers::Fields;
use crate::link::Link;
use crate::plan::{LoadError, Plan, nanoseconds};
use crate::report::Share;
use crate::request::Requests;
use crate::tally::Tally;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_BYTES: usize = 256 << 10;
const EVENTS_MAX: usize = 1024;
/// How long the loop waits at most, and so how often it is asked whether to stop.
const TURN: Duration = Duration::from_millis(50);
const EXPIRE_EVERY_NS: u64 = 100_000_000;
const RECONNECT_AFTER_NS: u64 = 10_000_000;
/// A request that the generator gets to later than this is dropped and counted: sent now it would be part of a burst.
const LATE_MAX_NS: u64 = 5_000_000;
/// Requests due closer together than this go out together, the first of them so much late.
const QUANTUM_NS: u64 = 50_000;
const TIMER: Token = Token(usize::MAX);

/// One thread of a run.
pub struct Drive<'a, C: Connection> {
    plan: &'a Plan,
    /// Which of the plan's threads.
    thread: u32,
    requests: &'a Requests,
    tally: Tally<'a>,
    poll: Poll,
    timer: OwnedFd,
    links: Vec<Link<C>>,
    touched: Vec<usize>,
    setup: Rc<C::Setup>,
    buffer: Vec<u8>,
    random: Random,
    next_link: usize,
    /// Closed loop, and its time is not up: every free stream is filled.
    filling: bool,
    due: u64,
    not_started_busy: u64,
    not_started_late: u64,
    reconnects: u64,
    expire_at_ns: u64,
    /// A connection is to be made again.
    reopening: bool,
}

impl<'a, C: Connection> Drive<'a, C> {
    /// Makes this thread's share of the plan's connections; `interrupted` is asked between two of them.
    pub fn open(
        plan: &'a Plan,
        thread: u32,
        requests: &'a Requests,
        tally: Tally<'a>,
        setup: C::Setup,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<Self, LoadError> {
        let refused = |what| move |error: io::Error| LoadError::Os { what, error };
        let poll = Poll::new().map_err(refused("epoll"))?;
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )
        .map_err(|error| LoadError::Os {
            what: "timerfd",
            error: error.into(),
        })?;
        poll.registry()
            .register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)
            .map_err(refused("epoll of the timer"))?;
        let mut drive = Self {
            plan,
            thread,
            requests,
            tally,
            poll,
            timer,
            links: Vec::new(),
            touched: Vec::new(),
            setup: Rc::new(setup),
            buffer: vec![0; READ_BYTES],
            random: Random::new(plan.seed, thread),
            next_link: 0,
            filling: false,
            due: 0,
            not_started_busy: 0,
            not_started_late: 0,
            reconnects: 0,
            expire_at_ns: 0,
            reopening: false,
        };
        let connections = plan.connections_of(thread) as usize;
        for index in 0..connections {
            if interrupted() {
                return Err(LoadError::Interrupted);
            }
            let socket = std::net::TcpStream::connect_timeout(&plan.target, CONNECT_TIMEOUT)
                .and_then(|socket| {
                    socket
                        .set_nonblocking(true)
                        .map(|()| TcpStream::from_std(socket))
                })
                .and_then(|socket| drive.register(index, socket))
                .map_err(refused("connecting to the target"))?;
            drive.links.push(Link {
                socket,
                connection: C::new(&drive.setup),
                connected: true,
                touched: false,
                reopen_at_ns: None,
            });
            drive.touch(index);
        }
        Ok(drive)
    }

    fn register(&self, index: usize, mut socket: TcpStream) -> io::Result<TcpStream> {
        // With Nagle's algorithm a request waits up to 40 ms for the server's delayed ACK of the one before.
        socket.set_nodelay(true)?;
        self.poll.registry().register(
            &mut socket,
            Token(index),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        Ok(socket)
    }

    /// Waits until requests may be sent on every connection.
    pub fn settle(&mut self, interrupted: &mut dyn FnMut() -> bool) -> Result<(), LoadError> {
        let deadline_ns = now_ns() + CONNECT_TIMEOUT.as_nanos() as u64;
        let mut events = Events::with_capacity(EVENTS_MAX);
        self.flush();
        while !self.links.iter().all(|link| link.connection.ready()) {
            if now_ns() > deadline_ns || !self.links.iter().all(Link::open) {
                let error = io::Error::other("it does not answer in HTTP/2");
                return Err(LoadError::Os {
                    what: "connecting to the target",
                    error,
                });
            }
            if interrupted() {
                return Err(LoadError::Interrupted);
            }
            self.turn(&mut events)?;
            self.flush();
        }
        Ok(())
    }

    /// Makes the load; all threads of a plan began at the same time.
    pub fn run(
        mut self,
        began_ns: u64,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<Share, LoadError> {
        let began_cpu_ns = thread_cpu_ns();
        let measure_from_ns = began_ns + nanoseconds(self.plan.warmup_s);
        let end_ns = measure_from_ns + nanoseconds(self.plan.duration_s);
        self.tally.measure(measure_from_ns, end_ns);
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut ask_at_ns = began_ns;
        let mut stopped = false;
        let mut arrivals = Arrivals::new(self.plan, self.thread, began_ns);
        (0..self.links.len()).for_each(|index| self.touch(index));
        loop {
            let now = now_ns();
            if now >= ask_at_ns {
                stopped = interrupted();
                ask_at_ns = now + TURN.as_nanos() as u64;
            }
            let sending = now < end_ns && !stopped;
            // Before the end is looked at: what was due while this thread slept over it is counted too.
            if let Some(arrivals) = &mut arrivals
                && !stopped
            {
                self.start_due(arrivals, now, end_ns)?;
            }
            if !sending
                && (stopped || self.in_flight() == 0 || now >= end_ns + self.plan.timeout_ns())
            {
                break;
            }
            self.filling = sending && arrivals.is_none();
            if self.filling {
                self.fill_touched(now);
            }
            self.flush();
            self.upkeep(now);
            self.turn(&mut events)?;
        }
        let ended_ns = now_ns();
        for link in &mut self.links {
            if !stopped {
                link.connection.lose(&mut Late(&mut self.tally, ended_ns));
            }
            self.tally.counts.failures.went_back += link.connection.went_back();
        }
        Ok(Share {
            counts: self.tally.counts,
            connections: self.links.len() as u32,
            due: self.due,
            not_started_busy: self.not_started_busy,
            not_started_late: self.not_started_late,
            reconnects: self.reconnects,
            cpu_s: (thread_cpu_ns() - began_cpu_ns) as f64 / 1e9,
            elapsed_s: (ended_ns - began_ns) as f64 / 1e9,
            interrupted: stopped,
        })
    }

    /// Open loop: starts what is due and sets the timer for what is next.
    fn start_due(
        &mut self,
        arrivals: &mut Arrivals,
        now: u64,
        end_ns: u64,
    ) -> Result<(), LoadError> {
        let mut next_ns = arrivals.next_ns();
        while next_ns <= now && next_ns < end_ns {
            arrivals.advance();
            let measured = u64::from(self.tally.measured(next_ns));
            self.due += measured;
            if now - next_ns > LATE_MAX_NS {
                self.not_started_late += measured;
            } else if !self.start_anywhere(next_ns, now) {
                self.not_started_busy += measured;
            }
            next_ns = arrivals.next_ns();
        }
        if next_ns >= end_ns && now >= end_ns {
            return Ok(()); // nothing more is due
        }
        self.set_timer(next_ns.max(now + QUANTUM_NS).min(end_ns))
    }

    /// Closed loop: a new request on every free stream.
    fn fill(&mut self, index: usize, now: u64) {
        while self.start_on(index, now, now) {}
    }

    fn fill_touched(&mut self, now: u64) {
        for position in 0..self.touched.len() {
            self.fill(self.touched[position], now);
        }
    }

    fn start_anywhere(&mut self, intended_ns: u64, now: u64) -> bool {
        for _ in 0..self.links.len() {
            self.next_link = (self.next_link + 1) % self.links.len();
            if self.start_on(self.next_link, intended_ns, now) {
                self.touch(self.next_link);
                return true;
            }
        }
        false
    }

    fn start_on(&mut self, index: usize, intended_ns: u64, now: u64) -> bool {
        let connection = &mut self.links[index].connection;
        if connection.in_flight() >= self.plan.streams as usize {
            return false; // most calls of `fill` end here: no name is drawn for it
        }
        let name = self.random.below(self.requests.names.len());
        let request = Request {
            name: name as u32,
            intended_ns,
        };
        connection.start(request, &self.requests.messages[name], now)
    }

    fn in_flight(&self) -> usize {
        self.links
            .iter()
            .map(|link| link.connection.in_flight())
            .sum()
    }

    fn touch(&mut self, index: usize) {
        if !std::mem::replace(&mut self.links[index].touched, true) {
            self.touched.push(index);
        }
    }

    /// Waits for sockets or the timer and reads what came.
    fn turn(&mut self, events: &mut Events) -> Result<(), LoadError> {
        let turn = if self.reopening {
            Duration::from_nanos(RECONNECT_AFTER_NS)
        } else {
            TURN
        };
        match self.poll.poll(events, Some(turn)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(LoadError::Os {
                    what: "epoll",
                    error,
                });
            }
            _ => {}
        }
        for event in events.iter().filter(|event| event.token() != TIMER) {
            let index = event.token().0;
            let link = &mut self.links[index];
            if !link.open() {
                continue;
            }
            link.connected |= event.is_writable();
            let closed = event.is_read_closed() || event.is_error();
            if event.is_readable() || closed {
                self.read(index, closed);
            } else {
                self.touch(index);
            }
        }
        Ok(())
    }

    /// Reads what came, and in a closed loop sends the next requests at once: the server has something to do while
    /// the other connections are read.
    fn read(&mut self, index: usize, closed: bool) {
        loop {
            let Link {
                socket, connection, ..
            } = &mut self.links[index];
            match socket.read(&mut self.buffer) {
                Ok(0) => {
                    let now = now_ns();
                    let verified_before = self.tally.counts.verified;
                    connection.ended(&mut self.tally.at(now));
                    self.close(index);
                    if self.tally.counts.verified > verified_before {
                        self.reopen(index, self.plan.target, now);
                    }
                    return;
                }
                Ok(bytes) => {
                    let now = now_ns();
                    let verified_before = self.tally.counts.verified;
                    let judge = &mut self.tally.at(now);
                    if let Err(fault) = connection.receive(&self.buffer[..bytes], judge) {
                        self.tally.counts.failures.faults += 1;
                        self.tally.counts.note(fault.0.to_owned());
                        return self.close(index);
                    }
                    // One reply a connection is a way to serve; none at all waits for `upkeep`.
                    let replied = self.tally.counts.verified > verified_before;
                    if replied && self.links[index].served_its_time() {
                        self.close(index);
                        return self.reopen(index, self.plan.target, now);
                    }
                    if self.filling {
                        self.fill(index, now);
                    }
                    if self.links[index].send().is_err() {
                        return self.close(index);
                    }
                    // A short read emptied the socket; what comes later is a new edge.
                    if bytes < READ_BYTES && !closed {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.close(index),
            }
        }
    }

    /// Sends what touched connections have to say.
    fn flush(&mut self) {
        while let Some(index) = self.touched.pop() {
            self.links[index].touched = false;
            if self.links[index].send().is_err() {
                self.close(index);
            }
        }
    }

    /// Gives up late replies, replaces connections that are gone or that the server wants to end.
    fn upkeep(&mut self, now: u64) {
        if now < self.expire_at_ns {
            return;
        }
        self.expire_at_ns = now + EXPIRE_EVERY_NS.min(RECONNECT_AFTER_NS);
        let before_ns = now.saturating_sub(self.plan.timeout_ns());
        for index in 0..self.links.len() {
            let link = &mut self.links[index];
            link.connection.expire(before_ns, &mut self.tally.at(now));
            if link.served_its_time() {
                self.close(index);
                self.links[index].reopen_at_ns = Some(now);
            }
            let reopen_at_ns = self.links[index].reopen_at_ns;
            if reopen_at_ns.is_some_and(|at_ns| at_ns <= now) {
                self.reopen(index, self.plan.target, now);
            }
            self.touch(index);
        }
        self.reopening = !self.links.iter().all(Link::open);
    }

    fn close(&mut self, index: usize) {
        let now = now_ns();
        let link = &mut self.links[index];
        let _ = self.poll.registry().deregister(&mut link.socket); // it is closed below in any case
        let _ = link.socket.shutdown(std::net::Shutdown::Both);
        link.connected = false;
        link.connection.lose(&mut self.tally.at(now));
        link.reopen_at_ns = Some(now + RECONNECT_AFTER_NS);
        self.reopening = true;
    }

    fn reopen(&mut self, index: usize, target: SocketAddr, now: u64) {
        let Ok(socket) = TcpStream::connect(target).and_then(|socket| self.register(index, socket))
        else {
            self.links[index].reopen_at_ns = Some(now + RECONNECT_AFTER_NS);
            return;
        };
        self.reconnects += 1;
        let link = &mut self.links[index];
        self.tally.counts.failures.went_back += link.connection.went_back();
        link.socket = socket;
        link.connection = C::new(&self.setup);
        link.reopen_at_ns = None;
        self.touch(index);
    }

    fn set_timer(&self, at_ns: u64) -> Result<(), LoadError> {
        let at = Timespec {
            tv_sec: (at_ns / 1_000_000_000).cast_signed(),
            tv_nsec: (at_ns % 1_000_000_000).cast_signed(),
        };
        let never = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let value = Itimerspec {
            it_interval: never,
            it_value: at,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &value)
            .map(|_| ())
            .map_err(|error| LoadError::Os {
                what: "setting the timer",
                error: error.into(),
            })
    }
}

/// Ends what is still under way when time is up: as given up, not as lost.
struct Late<'t, 'a>(&'t mut Tally<'a>, u64);

impl Judge for Late<'_, '_> {
    fn agrees(&mut self, _: Request, _: &Rc<Fields>, _: usize, _: &[u8]) -> bool {
        false
    }

    fn finished(&mut self, request: Request, _: Ending<'_>) {
        self.0.at(self.1).finished(request, Ending::TimedOut);
    }
}
