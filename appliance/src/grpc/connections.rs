//! The open connections of a worker, and their turns.
//!
//! A turn reads once, has the engine answer what was read, and sends all of it in one write; then
//! again while there is more, a bounded number of times. Connections that would go on are taken up
//! again after everybody else.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use engine::{Connection, End, Limit, Moment, Output, Scratch, Turn};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::limits::{
    AGE_JITTER, DEADLINE_STEP, LINGER_READS_MAX, LINGER_TIME, READ_BYTES, ROUNDS_PER_TURN,
    SPARE_OUTPUT_BYTES_MAX, SPARE_OUTPUTS_MAX,
};
use super::link::Link;
use super::server::{Server, Serving};
use super::version::Pinned;
use crate::plane::panics;

/// What a turn left.
enum Left {
    /// Nothing to do until the kernel says so.
    Waiting,
    /// More to do.
    GoesOn,
}

/// All of them.
pub struct Connections {
    server: Rc<Server>,
    links: Vec<Option<Box<Link>>>,
    free: Vec<usize>,
    go_on: Vec<usize>,
    going_on: Vec<usize>,
    io: TurnBuffers,
    epoch: Instant,
    now: Moment,
    /// No link has a deadline before this.
    earliest: Moment,
    jitter: u64,
    draining: bool,
}

/// What turns use one after the other.
struct TurnBuffers {
    input: Box<[u8]>,
    scratch: Scratch,
    spare: Vec<Output<Pinned>>,
}

impl Connections {
    /// None yet.
    #[must_use]
    pub fn new(server: Rc<Server>) -> Self {
        Self {
            server,
            links: Vec::new(),
            free: Vec::new(),
            go_on: Vec::new(),
            going_on: Vec::new(),
            io: TurnBuffers {
                input: vec![0; READ_BYTES].into(),
                scratch: Scratch::default(),
                spare: Vec::new(),
            },
            epoch: Instant::now(),
            now: Moment(0),
            earliest: Moment::NEVER,
            jitter: u64::from(std::process::id()) | 1,
            draining: false,
        }
    }

    /// How many are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.links.len() - self.free.len()
    }

    /// Looks at the clock: once a round of events, and after each turn.
    pub fn look_at_clock(&mut self) {
        let elapsed_ns = u64::try_from(self.epoch.elapsed().as_nanos());
        self.now = Moment(elapsed_ns.unwrap_or(u64::MAX));
    }

    /// How long nothing is due. `None`: until something happens.
    #[must_use]
    pub fn idle_for(&self) -> Option<Duration> {
        if !self.go_on.is_empty() {
            return Some(Duration::ZERO);
        }
        (self.earliest != Moment::NEVER).then(|| self.earliest.since(self.now).max(DEADLINE_STEP))
    }

    /// Takes over a connection; its token is `token_base` and its place.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn enter(
        &mut self,
        stream: std::net::TcpStream,
        registry: &Registry,
        token_base: usize,
    ) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let place = self.free.pop().unwrap_or_else(|| {
            self.links.push(None);
            self.links.len() - 1
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = registry.register(&mut stream, Token(token_base + place), interest) {
            self.free.push(place);
            return Err(error);
        }
        let age = self.jittered(self.server.limits.age);
        let connection = Connection::new(&self.server.limits, age, self.now);
        self.links[place] = Some(Box::new(Link::new(stream, connection)));
        self.server.observer.connection_opened();
        if self.draining {
            self.act(place, |link, turn| link.connection.begin_drain(turn));
        } else {
            self.turn(place);
        }
        Ok(())
    }

    /// The kernel has said something of the connection in this place.
    pub fn ready(&mut self, place: usize, event: &mio::event::Event) {
        // An event may be older than the connection in its place: then a read or a write finds
        // nothing to do.
        let Some(Some(link)) = self.links.get_mut(place) else {
            return;
        };
        link.readable |= event.is_readable() || event.is_error();
        link.writable |= event.is_writable() || event.is_error();
        link.peer_closed |= event.is_read_closed();
        self.turn(place);
    }

    /// Takes up those that had more to do.
    pub fn go_on(&mut self) {
        std::mem::swap(&mut self.go_on, &mut self.going_on);
        while let Some(place) = self.going_on.pop() {
            if let Some(Some(link)) = self.links.get_mut(place) {
                link.goes_on = false;
                self.turn(place);
            }
        }
    }

    /// Does what is due.
    pub fn expire(&mut self) {
        if self.now < self.earliest {
            return;
        }
        self.earliest = Moment::NEVER;
        for place in 0..self.links.len() {
            let Some(Some(link)) = self.links.get(place) else {
                continue;
            };
            let due = deadline(link, &self.server);
            if due > self.now {
                self.earliest = self.earliest.min(due);
            } else if is_stuck(link, &self.server, self.now) {
                self.server.observer.limit_reached(Limit::ZeroWindow);
                self.abort(place);
            } else if link.farewell.is_some() {
                self.close(place);
            } else {
                self.act(place, |link, turn| link.connection.expire(turn));
            }
        }
    }

    /// Tells watchers of the health, if it has changed.
    pub fn tell_health(&mut self) {
        if self.server.take_health_change() {
            self.act_all(|link, turn| link.connection.tell_watchers(turn));
        }
    }

    /// Tells every peer to go away; connections close when what is under way is answered.
    pub fn begin_drain(&mut self) {
        self.draining = true;
        self.act_all(|link, turn| link.connection.begin_drain(turn));
    }

    /// Resets streams that hold a superseded version for too long; a connection whose socket still
    /// holds on to one a sweep later is aborted. Gives the number of those.
    pub fn sweep(&mut self, now: Instant) -> usize {
        if !self.server.has_over_aged(now) {
            return 0;
        }
        let server = Rc::clone(&self.server);
        let over_aged = |version: &Pinned| server.is_over_aged(version, now);
        let mut aborted = 0;
        for place in 0..self.links.len() {
            let Some(Some(link)) = self.links.get_mut(place) else {
                continue;
            };
            if link.output.holds(over_aged) && std::mem::replace(&mut link.asked_to_release, true) {
                self.abort(place);
                aborted += 1;
                continue;
            }
            self.act(place, |link, turn| {
                let released = link.connection.release(over_aged, turn);
                if released > 0 {
                    server.observer.streams_over_aged(released);
                }
            });
        }
        aborted
    }

    /// Closes all, now.
    pub fn abort_all(&mut self) {
        for place in 0..self.links.len() {
            self.abort(place);
        }
    }

    fn act_all(&mut self, act: impl Fn(&mut Link, &mut Turn<'_, Serving<'_>>)) {
        for place in 0..self.links.len() {
            self.act(place, &act);
        }
    }

    /// Has the engine do something, and sends what comes of it.
    fn act(&mut self, place: usize, act: impl FnOnce(&mut Link, &mut Turn<'_, Serving<'_>>)) {
        let Some(Some(mut link)) = self.links.get_mut(place).map(Option::take) else {
            return;
        };
        let (server, io, now) = (&self.server, &mut self.io, self.now);
        let acted = panics::catch(|| with_turn(&mut link, server, io, now, act));
        self.links[place] = Some(link);
        match acted {
            Ok(()) => self.turn(place),
            Err(text) => self.panicked(place, &text),
        }
    }

    /// One turn of the connection in this place.
    fn turn(&mut self, place: usize) {
        let Some(Some(link)) = self.links.get_mut(place) else {
            return;
        };
        let (server, io, now) = (&*self.server, &mut self.io, self.now);
        let driven = panics::catch(|| drive(link, server, io, now));
        let due = deadline(link, server);
        match driven {
            Ok(Ok(Left::Waiting)) => {}
            Ok(Ok(Left::GoesOn)) => {
                if !std::mem::replace(&mut link.goes_on, true) {
                    self.go_on.push(place);
                }
            }
            Ok(Err(_)) => self.close(place),
            Err(text) => self.panicked(place, &text),
        }
        self.earliest = self.earliest.min(due);
        self.look_at_clock();
        self.server.count_ended(self.now);
    }

    fn panicked(&mut self, place: usize, text: &str) {
        self.server.observer.panic_caught(text);
        // What the turn was working with may be half changed.
        self.io.scratch = Scratch::default();
        self.io.input = vec![0; READ_BYTES].into();
        self.abort(place);
    }

    fn abort(&mut self, place: usize) {
        if let Some(Some(link)) = self.links.get(place) {
            link.discard_on_close();
            self.close(place);
        }
    }

    fn close(&mut self, place: usize) {
        let Some(Some(mut link)) = self.links.get_mut(place).map(Option::take) else {
            return;
        };
        self.free.push(place);
        let serving = self.server.serving();
        // After a panic, cleaning up may panic as well: it adds nothing to the first.
        let _ = panics::catch(move || {
            link.connection.abandon(&serving);
            drop(link);
        });
        self.server.observer.connection_closed();
    }

    fn jittered(&mut self, time: Duration) -> Duration {
        // xorshift64: spread, not secrecy.
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        let unit = (self.jitter >> 11) as f64 / (1_u64 << 53) as f64;
        time.mul_f64(1.0 + AGE_JITTER * (2.0 * unit - 1.0))
    }
}

/// Reads, answers and sends until nothing is left, or it is others' turn.
///
/// # Errors
/// The connection is over.
fn drive(link: &mut Link, server: &Server, io: &mut TurnBuffers, now: Moment) -> io::Result<Left> {
    for _ in 0..ROUNDS_PER_TURN {
        if !link.output.is_empty() {
            if link.writable {
                link.send(now)?;
            }
            if !link.output.is_empty() {
                return Ok(Left::Waiting);
            }
            keep(&mut io.spare, std::mem::take(&mut link.output));
        }
        if link.farewell.is_some() {
            return discard(link, &mut io.input);
        }
        if let Some(end) = link.connection.end() {
            if end == End::Silent {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            link.say_farewell(now.after(LINGER_TIME))?;
            continue;
        }
        if link.connection.waits_for_output() {
            with_turn(link, server, io, now, |link, turn| {
                link.connection.resume(turn);
            });
            continue;
        }
        if !link.readable || !link.connection.takes_input() {
            return Ok(Left::Waiting);
        }
        let mut input = std::mem::take(&mut io.input);
        let read = link.read(&mut input);
        if let Ok(Some(read)) = read {
            with_turn(link, server, io, now, |link, turn| {
                link.connection.receive(&input[..read], turn);
            });
        }
        io.input = input;
        if read?.is_none() {
            return Ok(Left::Waiting);
        }
    }
    // Others' turns do not delay what is answered.
    if link.writable {
        link.send(now)?;
    }
    Ok(Left::GoesOn)
}

fn with_turn(
    link: &mut Link,
    server: &Server,
    io: &mut TurnBuffers,
    now: Moment,
    act: impl FnOnce(&mut Link, &mut Turn<'_, Serving<'_>>),
) {
    let mut output = std::mem::take(&mut link.output);
    if output.is_empty() {
        link.blocked_since = now;
        if let Some(spare) = io.spare.pop() {
            output = spare;
        }
    }
    let serving = server.serving();
    let mut turn = Turn {
        service: &serving,
        out: &mut output,
        scratch: &mut io.scratch,
        limits: &server.limits,
        now,
    };
    act(link, &mut turn);
    if output.is_empty() {
        keep(&mut io.spare, output);
    } else {
        link.output = output;
    }
}

/// What the peer says after our last word.
fn discard(link: &mut Link, room: &mut [u8]) -> io::Result<Left> {
    while link.readable
        && let Some((_, reads)) = &mut link.farewell
    {
        *reads += 1;
        if *reads > LINGER_READS_MAX {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        link.read(room)?;
    }
    Ok(Left::Waiting)
}

fn keep(spare: &mut Vec<Output<Pinned>>, output: Output<Pinned>) {
    let worth_it = (1..=SPARE_OUTPUT_BYTES_MAX).contains(&output.capacity());
    if worth_it && spare.len() < SPARE_OUTPUTS_MAX {
        spare.push(output);
    }
}

fn deadline(link: &Link, server: &Server) -> Moment {
    let farewell = link.farewell.map_or(Moment::NEVER, |(until, _)| until);
    let stuck = if link.output.is_empty() {
        Moment::NEVER
    } else {
        link.blocked_since.after(server.limits.zero_window_time)
    };
    let own = link.connection.deadline(&server.limits);
    own.min(farewell).min(stuck)
}

/// Whether the peer's socket has taken nothing for too long.
fn is_stuck(link: &Link, server: &Server, now: Moment) -> bool {
    !link.output.is_empty() && now >= link.blocked_since.after(server.limits.zero_window_time)
}
