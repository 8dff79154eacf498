//! The loop: one thread, epoll, a timer for what is due next.

use std::fs;
use std::io::{self, Read, Write};
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

use crate::clock::{now_ns, thread_cpu_ns};
use crate::connection::{Connection, Request, Windows};
use crate::expected::Expected;
use crate::plan::{LoadError, Method, Plan, nanoseconds};
use crate::report::{Latency, Report};
use crate::request::{RequestHeaders, Requests};
use crate::tally::{PREFIX_BYTES, Tally};

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

/// Runs a plan to its end, or until `interrupted` says so (asked about twenty times a second).
///
/// # Errors
/// [`LoadError`]: a plan that cannot be run, a target that cannot be reached at the start, samples that cannot be
/// written. What happens later is part of the report.
pub fn run(
    plan: &Plan,
    expected: &Expected,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<Report, LoadError> {
    plan.check()?;
    let nameless = [String::new()];
    let names = match plan.method {
        Method::SyncCatalog => &nameless,
        Method::GetCommand if plan.names.is_empty() => expected.names(),
        Method::GetCommand => &plan.names,
    };
    let requests = Requests::new(names)?;
    let mut drive = Drive::open(plan, expected, &requests)?;
    drive.settle()?;
    let report = drive.run(interrupted)?;
    if let Some(path) = &plan.samples {
        let bytes: Vec<u8> = drive
            .tally
            .samples
            .iter()
            .flat_map(|(from, to)| [from.to_le_bytes(), to.to_le_bytes()])
            .flatten()
            .collect();
        fs::write(path, bytes).map_err(|error| LoadError::Os {
            what: "writing the samples",
            error,
        })?;
    }
    Ok(report)
}

/// A connection with its socket.
struct Link {
    socket: TcpStream,
    connection: Connection,
    connected: bool,
    /// Wants its bytes sent or its streams filled at the end of the turn.
    touched: bool,
    /// The socket is gone; a new one is made then.
    reopen_at_ns: Option<u64>,
}

struct Drive<'a> {
    plan: &'a Plan,
    requests: &'a Requests,
    tally: Tally<'a>,
    poll: Poll,
    timer: OwnedFd,
    links: Vec<Link>,
    touched: Vec<usize>,
    headers: Rc<RequestHeaders>,
    body_bytes_max: usize,
    buffer: Vec<u8>,
    random: u64,
    next_link: usize,
    due: u64,
    not_started_busy: u64,
    not_started_late: u64,
    reconnects: u64,
    expire_at_ns: u64,
}

impl<'a> Drive<'a> {
    fn open(
        plan: &'a Plan,
        expected: &'a Expected,
        requests: &'a Requests,
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
            requests,
            tally: Tally::new(plan.method, expected, requests, plan.samples.is_some()),
            poll,
            timer,
            links: Vec::with_capacity(plan.connections as usize),
            touched: Vec::new(),
            headers: Rc::new(RequestHeaders::new(
                plan.method.path(),
                &plan.target.to_string(),
                &plan.key,
            )),
            body_bytes_max: PREFIX_BYTES
                + match plan.method {
                    Method::GetCommand => expected.record_bytes_max(),
                    Method::SyncCatalog => expected.catalog_bytes_max(),
                },
            buffer: vec![0; READ_BYTES],
            random: plan.seed ^ 0x9E37_79B9_7F4A_7C15,
            next_link: 0,
            due: 0,
            not_started_busy: 0,
            not_started_late: 0,
            reconnects: 0,
            expire_at_ns: 0,
        };
        for index in 0..plan.connections as usize {
            let socket = std::net::TcpStream::connect_timeout(&plan.target, CONNECT_TIMEOUT)
                .and_then(|socket| {
                    socket
                        .set_nonblocking(true)
                        .map(|()| TcpStream::from_std(socket))
                })
                .and_then(|socket| drive.register(index, socket))
                .map_err(refused("connecting to the target"))?;
            let connection = drive.connection();
            drive.links.push(Link {
                socket,
                connection,
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

    fn connection(&self) -> Connection {
        let windows = Windows {
            stream: self.plan.stream_window,
            connection: self.plan.connection_window,
        };
        Connection::new(
            self.plan.streams as usize,
            windows,
            Rc::clone(&self.headers),
            self.body_bytes_max,
        )
    }

    /// Waits until the server has said its SETTINGS on every connection.
    fn settle(&mut self) -> Result<(), LoadError> {
        let deadline_ns = now_ns() + CONNECT_TIMEOUT.as_nanos() as u64;
        self.flush();
        while !self.links.iter().all(|link| link.connection.ready()) {
            if now_ns() > deadline_ns || self.links.iter().any(|link| link.reopen_at_ns.is_some()) {
                let error = io::Error::other("it does not answer in HTTP/2");
                return Err(LoadError::Os {
                    what: "connecting to the target",
                    error,
                });
            }
            self.turn()?;
            self.flush();
        }
        Ok(())
    }

    fn run(&mut self, interrupted: &mut dyn FnMut() -> bool) -> Result<Report, LoadError> {
        let (began_ns, began_cpu_ns) = (now_ns(), thread_cpu_ns());
        let measure_from_ns = began_ns + nanoseconds(self.plan.warmup_s);
        let end_ns = measure_from_ns + nanoseconds(self.plan.duration_s);
        self.tally.measure(measure_from_ns, end_ns);
        let mut ask_at_ns = began_ns;
        let mut stopped = false;
        let mut arrivals = self.plan.rate.map(|rate| Arrivals {
            began_ns,
            rate,
            number: 0,
        });
        if arrivals.is_none() {
            (0..self.links.len()).for_each(|index| self.touch(index));
        }
        loop {
            let now = now_ns();
            if now >= ask_at_ns {
                stopped = interrupted();
                ask_at_ns = now + TURN.as_nanos() as u64;
            }
            let sending = now < end_ns && !stopped;
            if !sending
                && (stopped || self.in_flight() == 0 || now >= end_ns + self.plan.timeout_ns())
            {
                break;
            }
            match &mut arrivals {
                Some(arrivals) if sending => self.start_due(arrivals, now, end_ns)?,
                None if sending => self.refill(now),
                _ => {}
            }
            self.flush();
            self.upkeep(now);
            self.turn()?;
        }
        let ended_ns = now_ns();
        if !stopped {
            let Self { links, tally, .. } = self;
            for link in links {
                link.connection.lose(&mut |request, _| {
                    tally.finished(request, &crate::connection::Ending::TimedOut, ended_ns);
                });
            }
        }
        self.tally.failures.went_back += self
            .links
            .iter()
            .map(|link| link.connection.went_back)
            .sum::<u64>();
        let tally = &self.tally;
        Ok(Report {
            clean: tally.failures == crate::report::Failures::default(),
            verified: tally.verified,
            rate: tally.verified_in_time as f64 / self.plan.duration_s.max(f64::MIN_POSITIVE),
            due: self.due,
            not_started_busy: self.not_started_busy,
            not_started_late: self.not_started_late,
            failures: tally.failures,
            notes: tally.notes.clone(),
            latency_us: Latency::of(&tally.latency_ns),
            measured: tally.latency_ns.len(),
            versions: tally.versions.clone(),
            reconnects: self.reconnects,
            generator_cpu_s: (thread_cpu_ns() - began_cpu_ns) as f64 / 1e9,
            elapsed_s: (ended_ns - began_ns) as f64 / 1e9,
            samples_dropped: tally.samples_dropped,
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
            arrivals.number += 1;
            let measured = u64::from(self.tally.measured(next_ns));
            self.due += measured;
            if now - next_ns > LATE_MAX_NS {
                self.not_started_late += measured;
            } else if !self.start_anywhere(next_ns, now) {
                self.not_started_busy += measured;
            }
            next_ns = arrivals.next_ns();
        }
        self.set_timer(next_ns.max(now + QUANTUM_NS).min(end_ns))
    }

    /// Closed loop: a new request on every free stream.
    fn refill(&mut self, now: u64) {
        for position in 0..self.touched.len() {
            while self.start_on(self.touched[position], now, now) {}
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
        let name = pick(self.random, self.requests.names.len());
        let request = Request {
            name: name as u32,
            intended_ns,
        };
        let started =
            self.links[index]
                .connection
                .start(request, &self.requests.messages[name], now);
        if started {
            self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        }
        started
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
    fn turn(&mut self) -> Result<(), LoadError> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        match self.poll.poll(&mut events, Some(TURN)) {
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
            if self.links[index].reopen_at_ns.is_some() {
                continue;
            }
            self.links[index].connected |= event.is_writable();
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.read(index, event.is_read_closed() || event.is_error());
            }
            self.touch(index);
        }
        Ok(())
    }

    fn read(&mut self, index: usize, closed: bool) {
        loop {
            let Self {
                links,
                tally,
                buffer,
                ..
            } = self;
            let Link {
                socket, connection, ..
            } = &mut links[index];
            match socket.read(buffer) {
                Ok(0) => return self.close(index),
                Ok(bytes) => {
                    let now = now_ns();
                    let finished = &mut |request, ending: crate::connection::Ending<'_>| {
                        tally.finished(request, &ending, now);
                    };
                    if let Err(fault) = connection.receive(&buffer[..bytes], finished) {
                        self.tally.failures.faults += 1;
                        self.tally.note_text(fault.0.to_owned());
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
        for index in std::mem::take(&mut self.touched) {
            let link = &mut self.links[index];
            link.touched = false;
            if link.connected
                && link.reopen_at_ns.is_none()
                && send(&mut link.socket, &mut link.connection.out).is_err()
            {
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
        for index in 0..self.links.len() {
            let Self { links, tally, .. } = self;
            let link = &mut links[index];
            let before_ns = now.saturating_sub(self.plan.timeout_ns());
            link.connection.expire(before_ns, &mut |request, ending| {
                tally.finished(request, &ending, now);
            });
            if link.connection.going_away()
                && link.connection.in_flight() == 0
                && link.reopen_at_ns.is_none()
            {
                self.close(index);
                self.links[index].reopen_at_ns = Some(now);
            }
            if self.links[index]
                .reopen_at_ns
                .is_some_and(|at_ns| at_ns <= now)
            {
                self.reopen(index, self.plan.target, now);
            }
            self.touch(index);
        }
    }

    fn close(&mut self, index: usize) {
        let now = now_ns();
        let Self {
            links, tally, poll, ..
        } = self;
        let link = &mut links[index];
        let _ = poll.registry().deregister(&mut link.socket); // it is closed below in any case
        let _ = link.socket.shutdown(std::net::Shutdown::Both);
        link.connected = false;
        link.connection
            .lose(&mut |request, ending| tally.finished(request, &ending, now));
        link.reopen_at_ns = Some(now + RECONNECT_AFTER_NS);
    }

    fn reopen(&mut self, index: usize, target: SocketAddr, now: u64) {
        let Ok(socket) = TcpStream::connect(target).and_then(|socket| self.register(index, socket))
        else {
            self.links[index].reopen_at_ns = Some(now + RECONNECT_AFTER_NS);
            return;
        };
        self.reconnects += 1;
        let connection = self.connection();
        let link = &mut self.links[index];
        self.tally.failures.went_back += link.connection.went_back;
        link.socket = socket;
        link.connection = connection;
        link.reopen_at_ns = None;
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

/// Intended times at a set rate.
struct Arrivals {
    began_ns: u64,
    rate: f64,
    number: u64,
}

impl Arrivals {
    fn next_ns(&self) -> u64 {
        self.began_ns + nanoseconds(self.number as f64 / self.rate)
    }
}

/// Writes as much as the socket takes.
fn send(socket: &mut TcpStream, out: &mut Vec<u8>) -> io::Result<()> {
    let mut sent = 0;
    while sent < out.len() {
        match socket.write(&out[sent..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(bytes) => sent += bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    out.drain(..sent);
    Ok(())
}

/// An index below `count` (splitmix64, then the high half of a product).
fn pick(state: u64, count: usize) -> usize {
    let mut mixed = state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 31;
    ((u128::from(mixed) * count as u128) >> 64) as usize
}
