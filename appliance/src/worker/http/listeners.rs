//! Accepting: from our own listening socket, and from those of vacant slots that we adopted.
//!
//! The sockets belong to the supervisor; here is a descriptor of each. Not accepting from one
//! leaves its queue to whoever adopts it, so a socket is only shut when the whole appliance ends.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener as StdListener;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::net::{Shutdown, shutdown};
use serde_json::json;
use shm_catalog::WorkerSlot;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::http::server::Server;
use crate::worker::log::{Level, Log};
use crate::worker::sockets::{
    FULL_PAUSE, QUEUE_MAX, REFUSED_PAUSE, connections_max, is_of_the_peer,
};

/// Each listening socket has two descriptors while it is accepted from.
const DESCRIPTORS_PER_SLOT: u64 = 2;

/// The listening sockets and who accepts from which.
pub struct Listeners {
    sockets: Vec<OwnedFd>,
    own: usize,
    accepting: RefCell<BTreeMap<usize, JoinHandle<()>>>,
    gate: Rc<Gate>,
}

/// What every accept goes through.
struct Gate {
    server: Rc<Server>,
    worker: Rc<WorkerSlot>,
    log: Rc<Log>,
    connections_max: usize,
}

impl Listeners {
    /// Takes the sockets of all slots; accepts from none yet.
    pub fn new(
        sockets: Vec<OwnedFd>,
        own: usize,
        server: Rc<Server>,
        worker: Rc<WorkerSlot>,
        log: Rc<Log>,
    ) -> Self {
        let gate = Rc::new(Gate {
            server,
            worker,
            log,
            connections_max: connections_max(DESCRIPTORS_PER_SLOT, sockets.len()),
        });
        Self {
            sockets,
            own,
            accepting: RefCell::default(),
            gate,
        }
    }

    /// How many connections this worker takes at most.
    pub fn connections_max(&self) -> usize {
        self.gate.connections_max
    }

    /// Slots that are accepted from.
    pub fn slots(&self) -> Vec<usize> {
        self.accepting.borrow().keys().copied().collect()
    }

    /// Accepts from the socket of `slot` from now on. Doing so already is no error.
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
        self.server.connections.count() >= self.connections_max
    }

    fn take(&self, stream: TcpStream, adopted: bool) {
        if adopted {
            self.worker.count_adopted();
        }
        self.server.accept(stream);
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
