//! Leases: who still reads a segment that a reply left in, and how it is got back.
//!
//! A large reply is a slice of the mapping that h2 holds until the socket took it. The slice keeps
//! the segment mapped, so a reader that stalls would keep a superseded version in memory for as
//! long as it likes. When a segment has been superseded for `patience`, `sweep` asks each stream
//! that still holds it to reset itself; a lease that is held even then (bytes stuck behind a full
//! socket) has its connection aborted at the next sweep. Nothing else frees them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use shm_catalog::{Segment, SegmentId};

use crate::plane::connections::ConnectionId;

/// Finished leases are forgotten at least whenever the list has grown by this many.
const FORGET_AFTER: usize = 1024;

/// The part of a lease that outlives the bytes.
pub struct Mark {
    segment: SegmentId,
    connection: ConnectionId,
    over_aged: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Mark {
    /// Whether the stream has to give the segment back now; if not, the task is woken when it has.
    pub fn poll_over_aged(&self, context: &Context<'_>) -> bool {
        if self.over_aged.load(Ordering::Relaxed) {
            return true;
        }
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        false
    }

    fn set_over_aged(&self) {
        self.over_aged.store(true, Ordering::Relaxed);
        if let Some(waker) = self
            .waker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            waker.wake();
        }
    }
}

/// What the bytes own.
struct Lease {
    segment: Arc<Segment>,
    _mark: Arc<Mark>,
}

impl AsRef<[u8]> for Lease {
    fn as_ref(&self) -> &[u8] {
        self.segment.sync_body()
    }
}

/// What a sweep found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Streams that were asked to end now.
    pub over_aged: usize,
    /// Connections that hold on to a lease whose stream was asked to end a sweep ago.
    pub stuck: Vec<ConnectionId>,
}

/// The leases of a worker.
pub struct Leases {
    patience: Duration,
    held: RefCell<Held>,
}

#[derive(Default)]
struct Held {
    marks: Vec<Weak<Mark>>,
    forget_at: usize,
    superseded: HashMap<SegmentId, Instant>,
}

impl Leases {
    /// Streams may hold a segment for `patience` after it was superseded.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            held: RefCell::default(),
        }
    }

    /// Lends `slice`, which lies in the segment's `sync_body` (every record does). `None` when it
    /// does not.
    pub fn lend(
        &self,
        segment: &Arc<Segment>,
        slice: &[u8],
        connection: ConnectionId,
    ) -> Option<(Bytes, Arc<Mark>)> {
        let body = segment.sync_body();
        let from = slice.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
        let to = from
            .checked_add(slice.len())
            .filter(|to| *to <= body.len())?;
        let mark = Arc::new(Mark {
            segment: segment.id(),
            connection,
            over_aged: AtomicBool::new(false),
            waker: Mutex::new(None),
        });
        let held = &mut *self.held.borrow_mut();
        if held.marks.len() >= held.forget_at {
            held.marks.retain(|mark| mark.strong_count() > 0);
            held.forget_at = 2 * held.marks.len() + FORGET_AFTER;
        }
        held.marks.push(Arc::downgrade(&mark));
        let lease = Lease {
            segment: Arc::clone(segment),
            _mark: Arc::clone(&mark),
        };
        Some((Bytes::from_owner(lease).slice(from..to), mark))
    }

    /// `current` is served from now on, and `before` no longer.
    pub fn supersede(&self, before: SegmentId, current: SegmentId, now: Instant) {
        let mut held = self.held.borrow_mut();
        if before != current {
            held.superseded.insert(before, now);
        }
        held.superseded.remove(&current);
    }

    /// Looks for streams that hold a superseded segment for too long.
    pub fn sweep(&self, now: Instant) -> Swept {
        let held = &mut *self.held.borrow_mut();
        let mut swept = Swept::default();
        let mut still_held = Vec::new();
        held.marks.retain(|mark| {
            let Some(mark) = mark.upgrade() else {
                return false;
            };
            if let Some(since) = held.superseded.get(&mark.segment) {
                still_held.push(mark.segment);
                if mark.over_aged.load(Ordering::Relaxed) {
                    swept.stuck.push(mark.connection);
                } else if now.saturating_duration_since(*since) >= self.patience {
                    mark.set_over_aged();
                    swept.over_aged += 1;
                }
            }
            true
        });
        held.superseded
            .retain(|segment, _| still_held.contains(segment));
        swept
    }

    /// Replies that have not left completely.
    pub fn count(&self) -> usize {
        self.held
            .borrow()
            .marks
            .iter()
            .filter(|mark| mark.strong_count() > 0)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::test_segment::segment;

    const PATIENCE: Duration = Duration::from_secs(10);
    const READER: ConnectionId = ConnectionId(5);

    #[test]
    fn what_is_lent_is_the_record_and_keeps_the_segment() {
        let leases = Leases::new(PATIENCE);
        let segment = segment(1, &[("a", "one"), ("b", "two")]);
        let record = segment.lookup(b"b").unwrap();
        let (bytes, mark) = leases.lend(&segment, record, READER).unwrap();
        assert_eq!(bytes, record);
        assert_eq!((Arc::strong_count(&segment), leases.count()), (2, 1));
        drop((bytes, mark));
        assert_eq!((Arc::strong_count(&segment), leases.count()), (1, 0));
        assert!(
            leases
                .lend(&segment, b"not in the segment", READER)
                .is_none()
        );
    }

    #[test]
    fn a_superseded_segment_is_asked_for_after_the_patience_and_taken_at_the_next_sweep() {
        let leases = Leases::new(PATIENCE);
        let (first, second) = (segment(1, &[("a", "one")]), segment(2, &[("a", "two")]));
        let (_old, old_mark) = leases.lend(&first, first.sync_body(), READER).unwrap();
        let (_new, new_mark) = leases
            .lend(&second, second.sync_body(), ConnectionId(6))
            .unwrap();
        let swapped = Instant::now();
        leases.supersede(first.id(), second.id(), swapped);
        assert_eq!(leases.sweep(swapped + PATIENCE / 2), Swept::default());
        assert_eq!(
            leases.sweep(swapped + PATIENCE),
            Swept {
                over_aged: 1,
                stuck: vec![]
            }
        );
        assert!(
            old_mark.over_aged.load(Ordering::Relaxed)
                && !new_mark.over_aged.load(Ordering::Relaxed)
        );
        assert_eq!(
            leases.sweep(swapped + PATIENCE),
            Swept {
                over_aged: 0,
                stuck: vec![READER]
            }
        );
    }

    #[test]
    fn a_segment_that_is_announced_again_is_not_superseded() {
        let leases = Leases::new(PATIENCE);
        let (first, second) = (segment(1, &[("a", "one")]), segment(2, &[("a", "two")]));
        let _held = leases.lend(&first, first.sync_body(), READER).unwrap();
        let swapped = Instant::now();
        leases.supersede(first.id(), second.id(), swapped);
        leases.supersede(second.id(), first.id(), swapped);
        assert_eq!(leases.sweep(swapped + 2 * PATIENCE), Swept::default());
    }
}
