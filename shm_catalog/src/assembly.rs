//! Building a segment from a COPY stream on several threads.
//!
//! Hashing and encoding the rows is most of the work and needs nothing but a row; only where a row goes depends on those
//! before it. So a thread takes the next buffer of the stream and finds the rows in it (one thread at a time, because a
//! row may begin in one buffer and end in the next), encodes them into a batch (all at once), gives the batch its place
//! and its part of the digest (in the order of the stream), and writes it there (all at once). The segment is the same
//! as one thread's.
//!
//! A thread that is kept waiting for its core holds up the place of the batches behind its own. The others go on until
//! [`AHEAD_MAX`] batches wait.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::batch::Batch;
use crate::builder::{BuildError, Builder, Row};
use crate::copy_stream::{CopyStream, RowSink, StreamRow};

/// One thread cannot keep up with the server; two outrun it.
const THREADS: usize = 2;

/// Batches that wait for one before them, some 300 KB each.
const AHEAD_MAX: u64 = 16;

/// What a batch's memory is cut back to before it is used again.
const BATCH_BYTES_KEPT: usize = 1 << 20;

/// The stream, read by one thread at a time.
struct Reading {
    buffers: Receiver<Vec<u8>>,
    stream: CopyStream,
    /// Of the next buffer.
    number: u64,
}

/// The segment, in the order of the stream.
struct Placing {
    builder: Builder,
    /// Number of the batch that is to be placed next.
    next: u64,
    waiting: BTreeMap<u64, Batch>,
    /// Emptied ones, to be used again.
    spare: Vec<Batch>,
    error: Option<BuildError>,
    /// After an error or a panic nobody goes on.
    stopped: bool,
}

struct Assembly<'a> {
    reading: Mutex<Reading>,
    placing: Mutex<Placing>,
    placed: Condvar,
    file: File,
    empty: &'a Sender<Vec<u8>>,
    seen: &'a (dyn Fn(u64) + Sync),
}

/// Builds from the stream in `buffers` until their sender is gone. Read buffers go back through `empty`; `seen` is told the
/// rows so far. Gives the builder back, and whether the stream was read well and to its end.
///
/// Runs on this thread and on others that it starts and ends.
pub fn assemble(
    builder: Builder,
    buffers: Receiver<Vec<u8>>,
    empty: &Sender<Vec<u8>>,
    seen: &(dyn Fn(u64) + Sync),
) -> (Builder, Result<(), BuildError>) {
    let file = match builder.file() {
        Ok(file) => file,
        Err(error) => return (builder, Err(error)),
    };
    let assembly = Assembly {
        reading: Mutex::new(Reading {
            buffers,
            stream: CopyStream::default(),
            number: 0,
        }),
        placing: Mutex::new(Placing {
            builder,
            next: 0,
            waiting: BTreeMap::new(),
            spare: Vec::new(),
            error: None,
            stopped: false,
        }),
        placed: Condvar::new(),
        file,
        empty,
        seen,
    };
    thread::scope(|scope| {
        for _ in 1..THREADS {
            // No thread to be had: those that there are do it all.
            let _ = thread::Builder::new()
                .name("avap-build".to_owned())
                .spawn_scoped(scope, || assembly.work());
        }
        assembly.work();
    });
    let reading = assembly
        .reading
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let placing = assembly
        .placing
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let result = match placing.error {
        Some(error) => Err(error),
        None => reading.stream.check_end(),
    };
    (placing.builder, result)
}

impl Assembly<'_> {
    fn work(&self) {
        let _alarm = Alarm(self);
        if let Err(error) = self.read_all() {
            let mut placing = self.placing();
            placing.error.get_or_insert(error);
            self.stop(&mut placing);
        }
    }

    fn read_all(&self) -> Result<(), BuildError> {
        loop {
            let Some(mut batch) = self.spare_batch() else {
                return Ok(());
            };
            let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
            let Ok(buffer) = reading.buffers.recv() else {
                return Ok(());
            };
            let number = reading.number;
            reading.number += 1;
            let mut rows = Rows {
                batch: &mut batch,
                whole: Vec::new(),
            };
            reading.stream.feed(&buffer, &mut rows)?;
            drop(reading);
            rows.encode();
            // The caller may have sent its last buffer and be gone.
            let _ = self.empty.send(buffer);
            self.place(number, batch)?;
        }
    }

    /// An empty batch, `None` when building has stopped.
    fn spare_batch(&self) -> Option<Batch> {
        let mut placing = self.placing();
        if placing.stopped {
            return None;
        }
        Some(
            placing
                .spare
                .pop()
                .unwrap_or_else(|| placing.builder.batch()),
        )
    }

    /// Leaves a batch for its turn; if it is this one's, writes it and those that waited for it.
    fn place(&self, number: u64, batch: Batch) -> Result<(), BuildError> {
        let mut placing = self.placing();
        while number >= placing.next + AHEAD_MAX && !placing.stopped {
            placing = self
                .placed
                .wait(placing)
                .unwrap_or_else(PoisonError::into_inner);
        }
        placing.waiting.insert(number, batch);
        loop {
            let next = placing.next;
            if placing.stopped {
                return Ok(());
            }
            let Some(mut batch) = placing.waiting.remove(&next) else {
                return Ok(());
            };
            let place = placing.builder.place(&mut batch)?;
            placing.next += 1;
            (self.seen)(placing.builder.rows());
            self.placed.notify_all();
            drop(placing);
            let written = place.write(&self.file, &batch);
            batch.clear(BATCH_BYTES_KEPT);
            placing = self.placing();
            if let Err(source) = written {
                return Err(placing.builder.system(source));
            }
            placing.spare.push(batch);
        }
    }

    fn placing(&self) -> MutexGuard<'_, Placing> {
        self.placing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self, placing: &mut Placing) {
        placing.stopped = true;
        self.placed.notify_all();
    }
}

/// Stops everybody when a thread panics: they would wait for its batch for ever.
struct Alarm<'a>(&'a Assembly<'a>);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop(&mut self.0.placing());
        }
    }
}

/// Rows of one buffer on their way into a batch: those that lie whole in it are encoded when the next thread may read.
struct Rows<'b, 'c> {
    batch: &'b mut Batch,
    whole: Vec<Row<'c>>,
}

impl Rows<'_, '_> {
    fn encode(&mut self) {
        for row in self.whole.drain(..) {
            self.batch.push(&row);
        }
    }
}

impl<'c> RowSink<'c> for Rows<'_, 'c> {
    fn take(&mut self, row: StreamRow<'c>) -> Result<(), BuildError> {
        match row {
            Ok(row) => self.whole.push(row),
            Err(refused) => self.batch.reject(refused.id, refused.name, refused.reason),
        }
        Ok(())
    }

    fn take_gathered(&mut self, row: StreamRow<'_>) -> Result<(), BuildError> {
        // Order is kept: the later one of two rows with one name and id wins.
        self.encode();
        match row {
            Ok(row) => self.batch.push(&row),
            Err(refused) => self.batch.reject(refused.id, refused.name, refused.reason),
        }
        Ok(())
    }
}
