//! A thread beside the loop that maps and unmaps segments: both touch every page, which would
//! stop requests for as long as that takes (about 50 ms a GB).
//!
//! A version is served as soon as its index is present; its records follow. Whoever asks for one that is not yet takes a
//! page fault, which the kernel answers from the page cache with the 15 pages around it. Waiting for all of them, the
//! acknowledgement of 100 MB came after 6 ms instead of 0.5.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rustix::thread::CpuSet;
use shm_catalog::{Announcement, CodeSegment, OpenError, Segment, SegmentId};

use crate::background;

/// A segment that was asked for.
pub enum Mapped {
    /// Of a version.
    Version {
        announcement: Announcement,
        result: Result<Arc<Segment>, MapError>,
        /// From the order to the index.
        elapsed: Duration,
    },
    /// Of compiled definitions.
    Code {
        id: SegmentId,
        result: Result<CodeSegment, MapError>,
    },
}

/// Why it could not be mapped.
#[derive(Debug)]
pub enum MapError {
    /// Retired meanwhile.
    Gone,
    /// Anything else, in words.
    Failed(String),
}

enum Job {
    Map {
        name: String,
        announcement: Announcement,
        ordered: Instant,
    },
    MapCode {
        name: String,
        id: SegmentId,
    },
    Unmap(Arc<Segment>),
    UnmapCode(Arc<CodeSegment>),
}

/// Orders to the thread. It ends when this is dropped.
pub struct Mapper(Sender<Job>);

impl Mapper {
    /// Starts the thread. It runs on `cores`, not on the one that the loop is pinned to. `answer` takes
    /// what was mapped to the loop and wakes it; `false`: there is no loop any more.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(
        cores: Option<CpuSet>,
        answer: impl Fn(Mapped) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, jobs) = channel();
        std::thread::Builder::new()
            .name("avap-mapper".to_owned())
            .spawn(move || {
                if let Some(cores) = cores {
                    // Refused: it shares the loop's core, which costs latency during a swap and
                    // nothing else.
                    let _ = rustix::thread::sched_setaffinity(None, &cores);
                }
                background::yield_to_requests();
                work(&jobs, answer);
            })?;
        Ok(Self(sender))
    }

    /// Maps the announced segment and makes its pages present: those of the index before it is answered.
    pub fn map(&self, name: String, announcement: Announcement) {
        self.order(Job::Map {
            name,
            announcement,
            ordered: Instant::now(),
        });
    }

    /// Gives up a segment; the mapping goes if this was the last holder.
    pub fn unmap(&self, segment: Arc<Segment>) {
        self.order(Job::Unmap(segment));
    }

    /// Maps a code segment and makes all its pages present.
    pub fn map_code(&self, name: String, id: SegmentId) {
        self.order(Job::MapCode { name, id });
    }

    /// Gives up a code segment; the mapping goes if this was the last holder.
    pub fn unmap_code(&self, code: Arc<CodeSegment>) {
        self.order(Job::UnmapCode(code));
    }

    fn order(&self, job: Job) {
        // The thread catches panics and ends after this sender only.
        let _ = self.0.send(job);
    }
}

fn work(jobs: &Receiver<Job>, answer: impl Fn(Mapped) -> bool) {
    for job in jobs {
        let mut incomplete = None;
        let mapped = match job {
            Job::Map {
                name,
                announcement,
                ordered,
            } => {
                let result = caught(&name, || map(&name, &announcement).map(Arc::new));
                incomplete = result.as_ref().ok().cloned();
                Mapped::Version {
                    announcement,
                    result,
                    elapsed: ordered.elapsed(),
                }
            }
            Job::MapCode { name, id } => Mapped::Code {
                id,
                result: caught(&name, || map_code(&name, id)),
            },
            Job::Unmap(segment) => {
                drop(segment);
                continue;
            }
            Job::UnmapCode(code) => {
                drop(code);
                continue;
            }
        };
        if !answer(mapped) {
            return;
        }
        if let Some(segment) = incomplete {
            segment.prefault_records();
        }
    }
}

fn caught<T>(name: &str, map: impl FnOnce() -> Result<T, MapError>) -> Result<T, MapError> {
    panic::catch_unwind(AssertUnwindSafe(map)).unwrap_or_else(|_| {
        Err(MapError::Failed(format!(
            "segment {name}: mapping it panicked"
        )))
    })
}

fn map_error(error: OpenError) -> MapError {
    match error {
        OpenError::Gone(_) => MapError::Gone,
        error => MapError::Failed(error.to_string()),
    }
}

fn map_code(name: &str, id: SegmentId) -> Result<CodeSegment, MapError> {
    let code = CodeSegment::open(name).map_err(map_error)?;
    if code.id() != id {
        return Err(MapError::Failed(format!(
            "code segment {name}: it holds segment {}",
            code.id()
        )));
    }
    if code.form() != vm::bytecode::binary::VERSION {
        return Err(MapError::Failed(format!(
            "code segment {name}: it is of another release of the machine"
        )));
    }
    code.prefault();
    Ok(code)
}

fn map(name: &str, announcement: &Announcement) -> Result<Segment, MapError> {
    let segment = Segment::open(name).map_err(map_error)?;
    // A file of that name with other bytes in it was not announced: whoever put it there, what is
    // served stays.
    if (segment.id(), segment.len()) != (announcement.segment_id, announcement.length) {
        return Err(MapError::Failed(format!(
            "segment {name}: it holds segment {} of {} bytes, announced were {} bytes",
            segment.id(),
            segment.len(),
            announcement.length
        )));
    }
    segment.prefault_index();
    Ok(segment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::test_segment::SegmentFile;
    use shm_catalog::{Generation, SegmentId};

    #[test]
    fn only_the_segment_that_was_announced_is_mapped() {
        let file = SegmentFile::new(7, &[("if", "one")]);
        let announced = Announcement {
            generation: Generation(1),
            segment_id: SegmentId(7),
            length: file.bytes(),
            code_segment_id: None,
        };
        assert!(map(file.name(), &announced).is_ok());
        for other in [
            Announcement {
                segment_id: SegmentId(8),
                ..announced
            },
            Announcement {
                length: announced.length + 1,
                ..announced
            },
        ] {
            assert!(
                matches!(map(file.name(), &other), Err(MapError::Failed(_))),
                "{other:?}"
            );
        }
        assert!(matches!(
            map("avap-test-nothing", &announced),
            Err(MapError::Gone)
        ));
    }
}
