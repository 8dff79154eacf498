//! What heavy requests took of the system's memory and nobody needs any more goes back to it.
//!
//! The allocator does this while it is at work; a worker that falls silent behind heavy scripts would keep their pages
//! (100 MB were measured) until it is busy again. So a VM thread gives back before it sleeps for long, and the loop
//! thread looks at each tick whether the process grew.

use std::cell::Cell;

/// Below it the pages are worth more than the memory: they are used again without a fault.
const GROWTH_BYTES: u64 = 2 << 20;

#[allow(unsafe_code, reason = "the crate of the allocator has no face for it")]
unsafe extern "C" {
    fn mi_collect(force: bool);
}

/// Gives back what the calling thread has freed, and the pages that all threads left: some 100 µs.
#[allow(
    unsafe_code,
    reason = "the crate of the allocator has no face for it; the argument is with the block"
)]
pub fn give_back() {
    // SAFETY: `mi_collect` is part of the global allocator of this crate, may be called at any time on any thread, and
    // touches only what is free.
    unsafe { mi_collect(true) }
}

/// Gives back when the process has grown since the last time.
#[derive(Debug, Default)]
pub struct Tide {
    low_bytes: Cell<u64>,
}

impl Tide {
    /// Called at each tick.
    pub fn look(&self) {
        let Some(now) = anonymous_bytes() else {
            return;
        };
        if now < self.low_bytes.get() + GROWTH_BYTES {
            self.low_bytes.set(self.low_bytes.get().min(now));
            return;
        }
        give_back();
        self.low_bytes.set(anonymous_bytes().unwrap_or(now));
    }
}

/// Resident pages of the process that no file has.
fn anonymous_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = statm.split(' ').skip(1).map(str::parse::<u64>);
    let (resident, of_files) = (pages.next()?.ok()?, pages.next()?.ok()?);
    Some(resident.saturating_sub(of_files) * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_freed_goes_back_at_the_next_look() {
        let tide = Tide::default();
        tide.look();
        let before = anonymous_bytes().unwrap();
        let blocks: Vec<Vec<u8>> = (0..2_000).map(|_| vec![1; 32 << 10]).collect();
        assert!(anonymous_bytes().unwrap() > before + (50 << 20));
        drop(blocks);
        tide.look();
        assert!(anonymous_bytes().unwrap() < before + (8 << 20));
    }
}
