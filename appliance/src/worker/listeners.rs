//! Accepting: from our own listening socket, and from those of vacant slots that we adopted.
//!
//! The sockets belong to the supervisor; here is a descriptor of each. Not accepting from one
//! leaves its queue to whoever adopts it, so a socket is only shut when the whole appliance ends.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener as StdListener;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use shm_catalog::WorkerSlot;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::plane::Plane;

use super::fds;
use super::log::{Level, Log};

/// Descriptors that are not connections: sockets of all slots are counted apart, this is for
/// everything else (epoll, eventfd, signalfd, pipe, control, and what a mapping needs for a
/// moment).
const OTHER_DESCRIPTORS: u64 = 64;

/// Wait after the system refused a connection for want of descriptors or memory: trying at once
/// would spin.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// Wait for a connection to close when there are as many as may be.
const FULL_PAUSE: Duration = Duration::from_millis(20);

/// A peer that is gone without a word is noticed after about two minutes: 60 s of silence, then six
/// probes 10 s apart.
const KEEPALIVE_IDLE: Duration = Duration::from_mins(1);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 6;

/// Connections taken from a queue when it is shut; it holds no more than `somaxconn`.
const QUEUE_MAX: usize = 65_536;

/// The listening sockets and who accepts from which.
pub struct Listeners {
    sockets: Vec<OwnedFd>,
    own: usize,
    accepting: RefCell<BTreeMap<usize, JoinHandle<()>>>,
    gate: Rc<Gate>,
}

/// What every accept goes through.
struct Gate {
    plane: Rc<dyn Plane>,
    worker: Rc<WorkerSlot>,
    log: Rc<Log>,
    connections_max: usize,
}

impl Listeners {
    /// Takes the sockets of all slots; accepts from none yet.
    ///
    /// # Errors
    /// When a socket refuses its options.
    pub fn new(
        sockets: Vec<OwnedFd>,
        own: usize,
        plane: Rc<dyn Plane>,
        worker: Rc<WorkerSlot>,
        log: Rc<Log>,
    ) -> io::Result<Self> {
        for socket in &sockets {
            set_options(socket)?;
        }
        let connections_max = connections_max(sockets.len());
        let gate = Rc::new(Gate {
            plane,
            worker,
            log,
            connections_max,
        });
        Ok(Self {
            sockets,
            own,
            accepting: RefCell::default(),
            gate,
        })
    }

    /// How many connections this worker takes at most.
    pub fn connections_max(&self) -> usize {
        self.gate.connections_max
    }

    /// Slots that are accepted from.
    pub fn slots(&self) -> Vec<usize> {
        self.accepting.borrow().keys().copied().collect()
    }

    /// Accepts from our own socket.
    pub fn listen(&self) -> io::Result<()> {
        self.accept_from(self.own)
    }

    /// Accepts from the socket of `slot` too. Doing so already is no error.
    ///
    /// # Errors
    /// When there is no such slot, or its socket cannot be watched.
    pub fn accept_from(&self, slot: usize) -> io::Result<()> {
        let mut accepting = self.accepting.borrow_mut();
        if accepting.contains_key(&slot) {
            return Ok(());
        }
        let socket = self.sockets.get(slot).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("there is no slot {slot}"),
            )
        })?;
        let listener = TcpListener::from_std(StdListener::from(socket.try_clone()?))?;
        let task =
            tokio::task::spawn_local(accept(listener, Rc::clone(&self.gate), slot != self.own));
        accepting.insert(slot, task);
        Ok(())
    }

    /// Stops accepting for another slot. What its queue holds is left to whoever fills the slot.
    pub fn release(&self, slot: usize) {
        if slot != self.own
            && let Some(task) = self.accepting.borrow_mut().remove(&slot)
        {
            task.abort();
        }
    }

    /// Accepts no more. With `shut`, takes what is queued and closes the queues for everybody:
    /// later clients are refused by the kernel.
    pub fn end(&self, shut: bool) {
        for (slot, task) in std::mem::take(&mut *self.accepting.borrow_mut()) {
            task.abort();
            if shut && let Err(error) = self.take_queue_and_shut(slot) {
                let fields = json!({"listener": slot, "error": error.to_string()});
                self.gate
                    .log
                    .write(Level::Warning, "Listener Not Shut", fields);
            }
        }
    }

    /// Shuts the queue whatever became of what it held: clients in a queue that nobody accepts from
    /// would wait, and are told to go elsewhere when it is shut.
    fn take_queue_and_shut(&self, slot: usize) -> io::Result<()> {
        let socket = &self.sockets[slot];
        let taken = self.take_queue(socket, slot != self.own);
        shutdown(socket, Shutdown::Read)?;
        taken
    }

    fn take_queue(&self, socket: &OwnedFd, adopted: bool) -> io::Result<()> {
        let listener = StdListener::from(socket.try_clone()?);
        for _ in 0..QUEUE_MAX {
            if self.gate.is_full() {
                break;
            }
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    self.gate.take(TcpStream::from_std(stream)?, adopted);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Gate {
    fn is_full(&self) -> bool {
        self.plane.connections().count() >= self.connections_max
    }

    fn take(&self, stream: TcpStream, adopted: bool) {
        if adopted {
            self.worker.count_adopted();
        }
        Rc::clone(&self.plane).serve(stream);
    }
}

async fn accept(listener: TcpListener, gate: Rc<Gate>, adopted: bool) {
    loop {
        while gate.is_full() {
            let fields = json!({"connections_max": gate.connections_max});
            gate.log
                .write(Level::Warning, "Connection Limit Reached", fields);
            tokio::time::sleep(FULL_PAUSE).await;
        }
        match listener.accept().await {
            Ok((stream, _)) => gate.take(stream, adopted),
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                gate.log.write(
                    Level::Error,
                    "Accept Refused",
                    json!({"error": error.to_string()}),
                );
                tokio::time::sleep(REFUSED_PAUSE).await;
            }
        }
    }
}

/// accept(2) passes on what went wrong with the connection that it took from the queue.
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::CONNABORTED
                | Errno::INTR
                | Errno::NETDOWN
                | Errno::PROTO
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH
                | Errno::TIMEDOUT
                | Errno::PERM
        )
    )
}

/// Accepted sockets inherit these from the listening one: four system calls less for each.
fn set_options(socket: &OwnedFd) -> io::Result<()> {
    fds::set_nonblocking(socket.as_fd())?;
    sockopt::set_tcp_nodelay(socket, true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(socket, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(socket, KEEPALIVE_PROBES)?;
    Ok(())
}

/// Raises the soft limit of descriptors to the hard one and leaves some for everything else.
fn connections_max(listeners: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    // Each listening socket has two descriptors while it is accepted from.
    let reserved = OTHER_DESCRIPTORS + 2 * listeners as u64;
    // No limit at all: what one worker could ever hold.
    let descriptors = current.unwrap_or(1 << 20);
    usize::try_from(descriptors.saturating_sub(reserved))
        .unwrap_or(usize::MAX)
        .max(1)
}
