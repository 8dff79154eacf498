//! Where connections go: into this worker, or through a mailbox to the one with the fewest.

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mio::Token;
use serde_json::json;
use shm_catalog::slots::Place;

use crate::worker::life::Door;
use crate::worker::log::Level;

use super::event_loop::{CONNECTIONS, LISTENERS, MAILBOXES, Sockets};

impl Sockets {
    pub(super) fn take_accepted(&mut self) {
        if self.listeners.idle_for(Instant::now()) != Some(Duration::ZERO) {
            return;
        }
        let connections = self.connections.count();
        for (slot, stream) in self.listeners.accept(Instant::now(), connections) {
            if slot != self.slot {
                self.worker.count_adopted();
            }
            self.place(stream);
        }
    }

    /// Where the fewest connections are: here, or with another worker.
    fn place(&mut self, stream: TcpStream) {
        let place = self.crew.reserve();
        if self.crew.is_own(place) {
            return self.enter(place, stream);
        }
        if self.mailboxes.send(place, &stream).is_ok() {
            return self.worker.count_handed_over();
        }
        // Its mailbox is full: better here than not at all.
        self.crew.release(place);
        let place = self.crew.reserve_own();
        self.enter(place, stream);
    }

    fn enter(&mut self, place: Place, stream: TcpStream) {
        if let Err(error) = self.connections.enter(stream, &self.registry, CONNECTIONS) {
            self.crew.release(place);
            let fields = json!({"error": error.to_string()});
            self.log
                .write(Level::Error, "Connection Not Watched", fields);
        }
    }

    /// Takes the connections that others have passed to `slot`.
    pub(super) fn read_mailbox(&mut self, slot: usize) {
        loop {
            match self.mailboxes.receive(slot) {
                Ok(Some((place, stream))) if self.crew.is_own(place) => self.enter(place, stream),
                // Meant for a worker that is gone, and its page with it. There may be many: those
                // who reserved these places did not know yet that nobody would come.
                Ok(Some((_, stream))) => self.place(stream),
                Ok(None) => return,
                Err(error) => {
                    let fields = json!({"mailbox": slot, "error": error.to_string()});
                    return self.log.write(Level::Error, "Mailbox Not Read", fields);
                }
            }
        }
    }
}

impl Door for Sockets {
    fn accept_from(&mut self, slot: usize) -> io::Result<()> {
        let token = Token(LISTENERS + slot);
        self.listeners.accept_from(slot, &self.registry, token)?;
        match self
            .mailboxes
            .watch(slot, &self.registry, Token(MAILBOXES + slot))
        {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    fn release(&mut self, slot: usize) {
        if slot != self.slot {
            self.listeners.release(slot, &self.registry);
            self.mailboxes.unwatch(slot, &self.registry);
        }
    }

    /// Takes what lies in queues and mailboxes, and tells every peer to go away.
    fn end_accepting(&mut self, shut: bool) {
        let connections = self.connections.count();
        let slots = self.listeners.slots();
        for (_, stream) in self.listeners.end(shut, &self.registry, connections) {
            let place = self.crew.reserve_own();
            self.enter(place, stream);
        }
        for slot in slots {
            self.read_mailbox(slot);
            self.release(slot);
        }
        self.connections.begin_drain();
    }

    fn slots(&self) -> Vec<usize> {
        self.listeners.slots()
    }

    fn connections(&self) -> usize {
        self.connections.count()
    }

    fn connections_max(&self) -> usize {
        self.listeners.connections_max()
    }

    fn sweep(&mut self, now: Instant) {
        let aborted = self.connections.sweep(now);
        if aborted > 0 {
            self.log.write(
                Level::Warning,
                "Connection Aborted",
                json!({"connections": aborted, "reason": "over-aged stream"}),
            );
        }
    }

    fn abort_all(&mut self) {
        self.connections.abort_all();
    }
}
