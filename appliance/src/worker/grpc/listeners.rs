//! Accepting: from our own listening socket, and from those of vacant slots that we adopted.
//!
//! The sockets belong to the supervisor; here is a descriptor of each. Not accepting from one
//! leaves its queue to whoever adopts it, so a socket is only shut when the whole appliance ends.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use rustix::net::{Shutdown, SocketFlags, accept_with, shutdown};
use serde_json::json;

use crate::worker::log::{Level, Log};
use crate::worker::sockets::{
    FULL_PAUSE, QUEUE_MAX, REFUSED_PAUSE, connections_max, is_of_the_peer,
};

/// A listening socket and two ends of a mailbox.
const DESCRIPTORS_PER_SLOT: u64 = 3;

/// Connections taken from one queue before everything else has its turn.
const ACCEPTS_PER_TURN: usize = 64;

/// The listening sockets and which of them are accepted from.
pub struct Listeners {
    sockets: Vec<OwnedFd>,
    own: usize,
    accepting: BTreeMap<usize, Queue>,
    paused_until: Option<Instant>,
    log: Rc<Log>,
    connections_max: usize,
}

/// A queue that is accepted from.
#[derive(Default)]
struct Queue {
    /// It may hold more: told once (edge-triggered), and kept until it is found empty.
    ready: bool,
}

impl Listeners {
    /// Takes the sockets of all slots; accepts from none yet.
    pub fn new(sockets: Vec<OwnedFd>, own: usize, log: Rc<Log>) -> Self {
        let connections_max = connections_max(DESCRIPTORS_PER_SLOT, sockets.len());
        Self {
            sockets,
            own,
            accepting: BTreeMap::new(),
            paused_until: None,
            log,
            connections_max,
        }
    }

    /// How many connections this worker takes at most.
    pub const fn connections_max(&self) -> usize {
        self.connections_max
    }

    /// Slots that are accepted from.
    pub fn slots(&self) -> Vec<usize> {
        self.accepting.keys().copied().collect()
    }

    /// Accepts from the socket of `slot` from now on. Doing so already is no error.
    ///
    /// # Errors
    /// When there is no such slot, or its socket cannot be watched.
    pub fn accept_from(
        &mut self,
        slot: usize,
        registry: &Registry,
        token: Token,
    ) -> io::Result<()> {
        if self.accepting.contains_key(&slot) {
            return Ok(());
        }
        let socket = self.sockets.get(slot).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("there is no slot {slot}"),
            )
        })?;
        registry.register(
            &mut SourceFd(&socket.as_raw_fd()),
            token,
            Interest::READABLE,
        )?;
        self.accepting.insert(slot, Queue::default());
        Ok(())
    }

    /// Stops accepting for another slot. What its queue holds is left to whoever fills the slot.
    pub fn release(&mut self, slot: usize, registry: &Registry) {
        if slot != self.own {
            self.stop(slot, registry);
        }
    }

    fn stop(&mut self, slot: usize, registry: &Registry) {
        if self.accepting.remove(&slot).is_some()
            && let Some(socket) = self.sockets.get(slot)
        {
            // The socket is open, and was registered.
            let _ = registry.deregister(&mut SourceFd(&socket.as_raw_fd()));
        }
    }

    /// The kernel has said that there are connections for `slot`.
    pub fn ready(&mut self, slot: usize) {
        if let Some(queue) = self.accepting.get_mut(&slot) {
            queue.ready = true;
        }
    }

    /// How long nothing can be accepted. `None`: until the kernel says so.
    pub fn idle_for(&self, now: Instant) -> Option<Duration> {
        let waits = self.accepting.values().any(|queue| queue.ready);
        let pause = |until: Instant| until.saturating_duration_since(now);
        waits.then(|| self.paused_until.map_or(Duration::ZERO, pause))
    }

    /// Accepts what is there, up to `ACCEPTS_PER_TURN` of each queue: gives slot and socket.
    /// `connections` are open already.
    pub fn accept(&mut self, now: Instant, connections: usize) -> Vec<(usize, TcpStream)> {
        let mut accepted = Vec::new();
        if self.paused_until.is_some_and(|until| now < until) {
            return accepted;
        }
        self.paused_until = None;
        for (slot, queue) in &mut self.accepting {
            for _ in 0..ACCEPTS_PER_TURN {
                if !queue.ready {
                    break;
                }
                if connections + accepted.len() >= self.connections_max {
                    let fields = json!({"connections_max": self.connections_max});
                    self.log
                        .write(Level::Warning, "Connection Limit Reached", fields);
                    self.paused_until = Some(now + FULL_PAUSE);
                    return accepted;
                }
                match accept_one(&self.sockets[*slot]) {
                    Ok(Some(stream)) => accepted.push((*slot, stream)),
                    Ok(None) => queue.ready = false,
                    Err(error) if is_of_the_peer(&error) => {}
                    Err(error) => {
                        let fields = json!({"error": error.to_string()});
                        self.log.write(Level::Error, "Accept Refused", fields);
                        self.paused_until = Some(now + REFUSED_PAUSE);
                        return accepted;
                    }
                }
            }
        }
        accepted
    }

    /// Accepts no more. With `shut`, takes what is queued and closes the queues for everybody:
    /// later clients are refused by the kernel.
    pub fn end(
        &mut self,
        shut: bool,
        registry: &Registry,
        connections: usize,
    ) -> Vec<(usize, TcpStream)> {
        let mut taken = Vec::new();
        for slot in self.slots() {
            self.stop(slot, registry);
            if shut && let Err(error) = self.take_queue_and_shut(slot, connections, &mut taken) {
                let fields = json!({"listener": slot, "error": error.to_string()});
                self.log.write(Level::Warning, "Listener Not Shut", fields);
            }
        }
        taken
    }

    /// Shuts the queue whatever became of what it held: clients in a queue that nobody accepts from
    /// would wait, and are told to go elsewhere when it is shut.
    fn take_queue_and_shut(
        &self,
        slot: usize,
        connections: usize,
        taken: &mut Vec<(usize, TcpStream)>,
    ) -> io::Result<()> {
        let queue = self.take_queue(slot, connections, taken);
        shutdown(&self.sockets[slot], Shutdown::Read)?;
        queue
    }

    fn take_queue(
        &self,
        slot: usize,
        connections: usize,
        taken: &mut Vec<(usize, TcpStream)>,
    ) -> io::Result<()> {
        for _ in 0..QUEUE_MAX {
            if connections + taken.len() >= self.connections_max {
                break;
            }
            match accept_one(&self.sockets[slot]) {
                Ok(Some(stream)) => taken.push((slot, stream)),
                Ok(None) => break,
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// `None`: the queue is empty.
fn accept_one(socket: &OwnedFd) -> io::Result<Option<TcpStream>> {
    match accept_with(socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
        Ok(stream) => Ok(Some(TcpStream::from(stream))),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
