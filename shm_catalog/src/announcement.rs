//! The announcement page: how the supervisor tells every worker which version to serve.
//!
//! One page, one writer, any number of readers in other processes, no lock.
//!
//! ```text
//!     0  magic        u64, written last when the page is made
//!    64  generation   u64, the current one; 0 = nothing announced
//!   128  ring         64 places of 32 bytes; generation g uses place g mod 64
//!          +0 generation   u64, 0 while the place is being rewritten
//!          +8 segment id   u64
//!         +16 length       u64, bytes
//!         +24 code segment u64, 0 = none
//! ```
//!
//! Announcing g, and reading:
//!
//! ```text
//!   W1  place.generation = 0        relaxed       R1  g = generation            acquire
//!   W2  fence                       release       R2  the three fields          relaxed
//!   W3  the three fields            relaxed       R3  fence                     acquire
//!   W4  place.generation = g        relaxed       R4  place.generation == g ?   relaxed
//!   W5  generation = g              release
//! ```
//!
//! The code segment comes later than the rest: its one word of the current place is stored once more, with release, and
//! nothing else changes (C1). A reader sees the word before or after, so it has no code yet, or whole code: R3 acquires
//! what C1 released.
//!
//! Why a reader that passes R4 holds exactly the fields of g:
//!
//! * *Not older.* R1 read what W5 stored, so W3 of g happens before R2, which sees these fields
//!   or later ones. A C1 of the announcement before in this place is older than W3 of g.
//! * *Not newer.* Suppose R2 read a field stored by a later announcement h of the same place, be it by its C1. That
//!   store follows the fence W2 of h, R2 precedes the fence R3, so the fences synchronise and W1
//!   of h happens before R4. R4 would then read 0, h or later, never g.
//! * *Not before its segment.* The segment was complete before W5, which R1 acquires; a reader
//!   that maps the segment finds it whole.
//!
//! The writer never waits. A reader repeats only when the writer went round the ring between R1
//! and R4, that is 64 announcements during a few loads; it gives up after `READ_ATTEMPTS_MAX`
//! and looks again at the next event. The writer may die between any two lines: `generation`
//! still names the previous announcement, whose place is untouched (its successor has another
//! place unless generations jump by a multiple of 64, and then readers keep what they have).

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::ids::{Generation, SegmentId};

/// Bytes of the announcement segment.
pub const ANNOUNCE_BYTES: u64 = crate::mapping::PAGE;

/// Loom explores every interleaving: with one place each announcement overwrites the last, which
/// is what the 64th after it does.
#[cfg(loom)]
const RING_PLACES: usize = 1;
#[cfg(not(loom))]
const RING_PLACES: usize = 64;

#[cfg(loom)]
const READ_ATTEMPTS_MAX: usize = 1;
#[cfg(not(loom))]
const READ_ATTEMPTS_MAX: usize = 64;

/// What is announced: serve this segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Above every earlier one.
    pub generation: Generation,
    /// Names the segment's file.
    pub segment_id: SegmentId,
    /// Bytes of the segment.
    pub length: u64,
    /// The compiled definitions that belong to it, if any.
    pub code_segment_id: Option<SegmentId>,
}

/// An announcement that would go backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("generation {offered} cannot follow generation {current}: generations only grow")]
pub struct GenerationError {
    /// What is announced.
    pub current: Generation,
    /// What was to be announced.
    pub offered: Generation,
}

#[derive(Debug)]
#[repr(C)]
struct Place {
    generation: AtomicU64,
    segment_id: AtomicU64,
    length: AtomicU64,
    code_segment_id: AtomicU64,
}

#[derive(Debug)]
#[repr(C)]
struct Page {
    #[cfg(not(loom))]
    magic: AtomicU64,
    #[cfg(not(loom))]
    _before_generation: [AtomicU64; 7],
    generation: AtomicU64,
    #[cfg(not(loom))]
    _before_ring: [AtomicU64; 7],
    ring: [Place; RING_PLACES],
}

#[cfg(not(loom))]
const _: () = {
    assert!(size_of::<Place>() == 32);
    assert!(std::mem::offset_of!(Page, generation) == 64);
    assert!(std::mem::offset_of!(Page, ring) == 128);
    assert!(size_of::<Page>() as u64 <= ANNOUNCE_BYTES);
};

impl Page {
    fn place(&self, generation: u64) -> &Place {
        &self.ring[(generation % RING_PLACES as u64) as usize]
    }

    /// W1 to W5. One writer only, generations ascending: see [`Self::check_order`].
    fn announce(&self, announcement: &Announcement) {
        let generation = announcement.generation.0;
        let place = self.place(generation);
        place.generation.store(0, Ordering::Relaxed);
        fence(Ordering::Release);
        place
            .segment_id
            .store(announcement.segment_id.0, Ordering::Relaxed);
        place.length.store(announcement.length, Ordering::Relaxed);
        place.code_segment_id.store(
            announcement.code_segment_id.map_or(0, |id| id.0),
            Ordering::Relaxed,
        );
        place.generation.store(generation, Ordering::Relaxed);
        self.generation.store(generation, Ordering::Release);
    }

    /// C1. Only the writer, and only for the generation that it announced last.
    fn announce_code(&self, generation: u64, code_segment_id: u64) {
        self.place(generation)
            .code_segment_id
            .store(code_segment_id, Ordering::Release);
    }

    /// Refuses a generation that is not above the current one. Not part of `announce`: a load by
    /// the writer makes loom 0.7 overlook stale loads by readers.
    #[cfg(not(loom))]
    fn check_order(&self, offered: Generation) -> Result<(), GenerationError> {
        let current = self.generation();
        if offered > current {
            Ok(())
        } else {
            Err(GenerationError { current, offered })
        }
    }

    /// R1 to R4.
    fn current(&self) -> Option<Announcement> {
        for _ in 0..READ_ATTEMPTS_MAX {
            let generation = self.generation.load(Ordering::Acquire);
            if generation == 0 {
                return None;
            }
            let place = self.place(generation);
            let segment_id = place.segment_id.load(Ordering::Relaxed);
            let length = place.length.load(Ordering::Relaxed);
            let code_segment_id = place.code_segment_id.load(Ordering::Relaxed);
            fence(Ordering::Acquire);
            if place.generation.load(Ordering::Relaxed) == generation {
                return Some(Announcement {
                    generation: Generation(generation),
                    segment_id: SegmentId(segment_id),
                    length,
                    code_segment_id: (code_segment_id != 0).then_some(SegmentId(code_segment_id)),
                });
            }
        }
        None
    }

    fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }
}

#[cfg(not(loom))]
pub use mapped::{Reader, Writer};

#[cfg(not(loom))]
mod mapped {
    use std::io;
    use std::sync::atomic::Ordering;

    use super::{Announcement, GenerationError, Page};
    use crate::ids::{Generation, SegmentId};
    use crate::mapping::Shared;

    /// "AVAPANN1": the kind of page and its version.
    const MAGIC: u64 = u64::from_le_bytes(*b"AVAPANN1");

    #[expect(
        unsafe_code,
        reason = "states what the compiler cannot check about a shared page"
    )]
    // SAFETY: Page is repr(C), consists of AtomicU64 only, and is asserted to fit one page.
    unsafe impl crate::mapping::SharedLayout for Page {}

    /// The supervisor's end. One for each page: `announce` takes `&mut self`, and the instance
    /// lock keeps a second supervisor away.
    #[derive(Debug)]
    pub struct Writer {
        page: Shared<Page>,
    }

    impl Writer {
        /// Maps the page and initialises it if it is new (all zero). The segment exists and is at
        /// least [`super::ANNOUNCE_BYTES`] long.
        ///
        /// # Errors
        /// `InvalidData` when the page holds something else, `StorageFull`, those of `open`, `mmap`.
        pub fn open(name: &str) -> io::Result<Self> {
            let page = Shared::<Page>::open_write(name, 0)?;
            match page.magic.load(Ordering::Acquire) {
                0 => page.magic.store(MAGIC, Ordering::Release),
                MAGIC => {}
                _ => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("{name}: not an announcement page"),
                    ));
                }
            }
            Ok(Self { page })
        }

        /// Makes `announcement` the current one.
        ///
        /// # Errors
        /// When its generation is not above the current one.
        pub fn announce(&mut self, announcement: Announcement) -> Result<(), GenerationError> {
            self.page.check_order(announcement.generation)?;
            self.page.announce(&announcement);
            Ok(())
        }

        /// Adds the compiled definitions of the current announcement. `false`: `generation` is not the current one any
        /// more, and nothing has changed.
        pub fn announce_code(&mut self, generation: Generation, code: SegmentId) -> bool {
            let is_current = generation.0 > 0 && self.page.generation() == generation;
            if is_current {
                self.page.announce_code(generation.0, code.0);
            }
            is_current
        }

        /// What is announced.
        #[must_use]
        pub fn current(&self) -> Option<Announcement> {
            self.page.current()
        }
    }

    /// A worker's end: a read-only mapping.
    #[derive(Debug)]
    pub struct Reader {
        page: Shared<Page>,
    }

    impl Reader {
        /// Maps a page that a [`Writer`] has initialised.
        ///
        /// # Errors
        /// `InvalidData` when it is not initialised, those of `open` and `mmap`.
        pub fn open(name: &str) -> io::Result<Self> {
            Ok(Self {
                page: Shared::open_read(name, MAGIC)?,
            })
        }

        /// The current announcement. `None` when nothing is announced yet or, for a moment, when
        /// the writer is ahead of this reader by a whole ring: keep what you have and look again
        /// at the next event.
        #[must_use]
        pub fn current(&self) -> Option<Announcement> {
            self.page.current()
        }

        /// The current generation, one load: compare it to see whether there is news.
        #[must_use]
        pub fn generation(&self) -> Generation {
            self.page.generation()
        }
    }
}

/// Run with `RUSTFLAGS="--cfg loom" cargo test -p shm_catalog --release loom`. Each of these
/// weakenings fails it: W1, W2, R3 or R4 left out, W5, R1, C1
/// or the load of `generation()` relaxed.
#[cfg(all(test, loom))]
mod loom_tests {
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicU64, Ordering};
    use loom::thread;

    use super::{Announcement, Page, Place};
    use crate::ids::{Generation, SegmentId};

    fn page() -> Page {
        let word = || AtomicU64::new(0);
        let place = || Place {
            generation: word(),
            segment_id: word(),
            length: word(),
            code_segment_id: word(),
        };
        Page {
            generation: word(),
            ring: [place()],
        }
    }

    fn announcement(generation: u64) -> Announcement {
        Announcement {
            generation: Generation(generation),
            segment_id: SegmentId(generation + 10),
            length: generation + 20,
            code_segment_id: Some(SegmentId(generation + 30)),
        }
    }

    /// The writer goes round the ring under the reader.
    #[test]
    fn loom_a_reader_sees_whole_announcements() {
        loom::model(|| {
            let page = Arc::new(page());
            page.announce(&announcement(1));
            let writer = thread::spawn({
                let page = Arc::clone(&page);
                move || page.announce(&announcement(2))
            });
            if let Some(seen) = page.current() {
                assert_eq!(seen, announcement(seen.generation.0));
            }
            writer.join().unwrap();
            assert_eq!(page.current(), Some(announcement(2)));
        });
    }

    /// Code is announced behind the rest: a reader has none or whole code, and never that of another announcement, also
    /// when the writer goes round the ring.
    #[test]
    fn loom_code_is_whole_and_belongs_to_its_announcement() {
        loom::model(|| {
            let page = Arc::new(page());
            let code = Arc::new(AtomicU64::new(0));
            let without = |generation| Announcement {
                code_segment_id: None,
                ..announcement(generation)
            };
            page.announce(&without(1));
            let writer = thread::spawn({
                let (page, code) = (Arc::clone(&page), Arc::clone(&code));
                move || {
                    code.store(7, Ordering::Relaxed);
                    page.announce_code(1, 31);
                    page.announce(&without(2));
                }
            });
            if let Some(seen) = page.current() {
                match seen.code_segment_id {
                    Some(_) => {
                        assert_eq!(seen, announcement(1));
                        assert_eq!(code.load(Ordering::Relaxed), 7);
                    }
                    None => assert_eq!(seen, without(seen.generation.0)),
                }
            }
            writer.join().unwrap();
            assert_eq!(page.current(), Some(without(2)));
        });
    }

    /// What the supervisor stored in the segment before it announced is there for a reader that
    /// saw the announcement, or only its number.
    #[test]
    fn loom_a_segment_is_whole_before_it_is_announced() {
        loom::model(|| {
            let page = Arc::new(page());
            let segment = Arc::new(AtomicU64::new(0));
            let writer = thread::spawn({
                let (page, segment) = (Arc::clone(&page), Arc::clone(&segment));
                move || {
                    segment.store(7, Ordering::Relaxed);
                    page.announce(&announcement(1));
                }
            });
            if page.generation() == Generation(1) {
                assert_eq!(segment.load(Ordering::Relaxed), 7);
                assert_eq!(page.current(), Some(announcement(1)));
            }
            writer.join().unwrap();
        });
    }
}
