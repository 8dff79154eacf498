//! Whether a script that did not end in its first slice can end in time, given what runs already.
//!
//! A script goes one level down with each slice, so those that are deep already stand in nobody's way: only what others
//! may still do *above* the level at which this one will be done comes before it. How deep that is, is what finished
//! scripts tell.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::limits::{JOBS_MAX, LEVELS};

/// Weight of the newest measurement: 1 / 2^3.
const SHIFT: u32 = 3;

/// Before anything was measured: a slice takes some 20 µs, and most scripts that take more than one take a few.
const SLICE_NS_AT_FIRST: u64 = 50_000;
const SLICES_AT_FIRST: u64 = 4;

/// Fractions of slices are kept too.
const SCALE: u64 = 256;

/// What is known of the load.
#[derive(Debug)]
pub struct Admission {
    threads: u64,
    jobs: AtomicUsize,
    at_level: [AtomicUsize; LEVELS],
    slice_ns: AtomicU64,
    slices_scaled: AtomicU64,
}

impl Admission {
    pub fn new(threads: usize) -> Self {
        Self {
            threads: threads.max(1) as u64,
            jobs: AtomicUsize::new(0),
            at_level: [const { AtomicUsize::new(0) }; LEVELS],
            slice_ns: AtomicU64::new(SLICE_NS_AT_FIRST),
            slices_scaled: AtomicU64::new(SLICES_AT_FIRST * SCALE),
        }
    }

    /// Lets a job in that has this long. `false`: it would not end in time, or there are too many.
    pub fn admit(&self, remaining: Duration) -> bool {
        if self.wait() > remaining {
            return false;
        }
        let full = self
            .jobs
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |jobs| {
                (jobs < JOBS_MAX).then_some(jobs + 1)
            })
            .is_err();
        if !full {
            self.at_level[0].fetch_add(1, Ordering::Relaxed);
        }
        !full
    }

    /// A job used a slice and goes one level down.
    pub fn descended(&self, from: u32, took: Duration) {
        self.at_level[index(from)].fetch_sub(1, Ordering::Relaxed);
        self.at_level[index(from + 1)].fetch_add(1, Ordering::Relaxed);
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        learn(&self.slice_ns, took_ns);
    }

    /// A job left from a level. `slices`: how many it took, if it ended by itself.
    pub fn left(&self, level: u32, slices: Option<u32>) {
        self.jobs.fetch_sub(1, Ordering::Relaxed);
        self.at_level[index(level)].fetch_sub(1, Ordering::Relaxed);
        if let Some(slices) = slices {
            learn(&self.slices_scaled, u64::from(slices) * SCALE);
        }
    }

    /// Jobs that are in.
    pub fn jobs(&self) -> usize {
        self.jobs.load(Ordering::Relaxed)
    }

    /// From now until a new job would probably be done.
    fn wait(&self) -> Duration {
        let slices = self
            .slices_scaled
            .load(Ordering::Relaxed)
            .div_ceil(SCALE)
            .max(1);
        let before: u64 = (0u64..)
            .zip(&self.at_level)
            .map(|(level, count)| {
                let above = slices.saturating_sub(level);
                above.saturating_mul(count.load(Ordering::Relaxed) as u64)
            })
            .sum();
        let turns = before / self.threads + slices;
        Duration::from_nanos(turns.saturating_mul(self.slice_ns.load(Ordering::Relaxed)))
    }
}

fn index(level: u32) -> usize {
    (level as usize).min(LEVELS - 1)
}

/// Moves an average towards what was measured. Two threads may lose one measurement to each other.
fn learn(average: &AtomicU64, measured: u64) {
    let before = average.load(Ordering::Relaxed);
    let after = before - (before >> SHIFT) + (measured >> SHIFT);
    average.store(after.max(1), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICE: Duration = Duration::from_micros(20);

    fn warmed(threads: usize, slices: u32) -> Admission {
        let admission = Admission::new(threads);
        for _ in 0..200 {
            assert!(admission.admit(Duration::from_secs(1)));
            admission.descended(0, SLICE);
            admission.left(1, Some(slices));
        }
        admission
    }

    #[test]
    fn who_cannot_be_done_in_time_is_not_let_in() {
        let admission = warmed(1, 10);
        assert!(admission.admit(Duration::from_millis(1)));
        for _ in 0..50 {
            admission.admit(Duration::from_secs(1));
        }
        // 51 others with up to 10 slices of 20 µs each come before: 10 ms.
        assert!(!admission.admit(Duration::from_millis(5)));
        assert!(admission.admit(Duration::from_millis(20)));
    }

    #[test]
    fn endless_scripts_do_not_stand_in_the_way_of_short_ones() {
        let admission = warmed(1, 10);
        for _ in 0..100 {
            assert!(admission.admit(Duration::from_secs(1)));
            for level in 0..1000 {
                admission.descended(level, SLICE);
            }
        }
        assert!(admission.admit(Duration::from_millis(1)));
    }

    #[test]
    fn there_is_a_bound_whatever_the_measurements_say() {
        let admission = warmed(4, 1);
        let admitted = (0..2 * JOBS_MAX)
            .filter(|_| admission.admit(Duration::from_hours(1)))
            .count();
        assert_eq!((admitted, admission.jobs()), (JOBS_MAX, JOBS_MAX));
        admission.left(0, None);
        assert!(admission.admit(Duration::from_hours(1)));
    }
}
