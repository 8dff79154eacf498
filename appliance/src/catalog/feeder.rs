//! A COPY stream into a builder on threads of their own, so that rows are hashed and written while
//! the caller reads the next ones from its socket.
//!
//! Pieces are gathered into buffers; a full one goes to the thread. A slow thread stops the
//! caller, so memory stays flat. An error of the thread comes back with the next buffer, or at
//! the end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use shm_catalog::assembly::assemble;
use shm_catalog::{BuildError, Builder};

use crate::background;

/// One buffer: the GIL is handed over and the threads meet once in so many bytes.
const BUFFER_BYTES: usize = 256 << 10;

/// Full buffers that wait for the thread.
const BUFFERS_WAITING: usize = 2;

/// What the thread gives back: the builder, and whether the stream was read well and to its end.
type Outcome = (Builder, Result<(), BuildError>);

/// Feeds one builder.
pub struct Feeder {
    filling: Vec<u8>,
    full: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
    rows: Arc<AtomicU64>,
    thread: JoinHandle<Outcome>,
}

/// The thread has stopped; [`Feeder::end`] says why.
pub struct Stopped;

impl Feeder {
    /// Starts the thread. If there is none to be had the builder is lost.
    pub fn start(builder: Builder) -> io::Result<Self> {
        let (full, full_receiver) = sync_channel(BUFFERS_WAITING);
        let (empty_sender, empty) = channel();
        let rows = Arc::new(AtomicU64::new(builder.rows()));
        let seen = Arc::clone(&rows);
        let thread = std::thread::Builder::new()
            .name("avap-build".to_owned())
            .spawn(move || {
                background::yield_to_requests();
                let seen = |rows| seen.store(rows, Ordering::Relaxed);
                assemble(builder, full_receiver, &empty_sender, &seen)
            })?;
        Ok(Self {
            filling: Vec::with_capacity(BUFFER_BYTES),
            full,
            empty,
            rows,
            thread,
        })
    }

    /// Bytes that [`Self::fill`] takes before [`Self::send`] is due.
    pub fn space(&self) -> usize {
        BUFFER_BYTES - self.filling.len()
    }

    /// Adds a piece of at most [`Self::space`] bytes.
    pub fn fill(&mut self, piece: &[u8]) {
        self.filling.extend_from_slice(piece);
    }

    /// Sends what was filled in; waits while the thread is behind.
    pub fn send(&mut self) -> Result<(), Stopped> {
        let mut next = self.empty.try_recv().unwrap_or_default();
        next.clear();
        next.reserve(BUFFER_BYTES);
        self.full
            .send(std::mem::replace(&mut self.filling, next))
            .map_err(|_| Stopped)
    }

    /// Rows the thread has seen.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Sends the rest and waits for the thread. `None` when it panicked.
    pub fn end(mut self) -> Option<Outcome> {
        // A thread that stopped says so in its outcome.
        let _ = self.send();
        drop(self.full);
        self.thread.join().ok()
    }
}
