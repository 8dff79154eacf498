//! What heavy requests took of the system's memory and nobody needs any more goes back to it.
//!
//! The allocator does this while it is at work; a worker that falls silent behind heavy scripts would keep their pages
//! (100 MB were measured) until it is busy again. So the loop thread looks at each tick whether the process grew, and then
//! each thread gives back.

use std::cell::Cell;

/// Below it the pages are worth more than the memory: they are used again without a fault.
const GROWTH_BYTES: u64 = 2 << 20;

/// After so many ticks, half a minute, it gives back in any case: what is freed without growth is not seen.
const LOOKS: u32 = 64;

/// And after so many, two seconds, when it grew: what made it grow may be freed by then.
const LOOKS_AFTER_GROWTH: u32 = 4;

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

/// Keeps this process to small pages, for good. The allocator asks for huge ones (`madvise(2)`), and where there is no
/// free one the kernel makes room while the thread waits: the first script of 1 MB in a worker took 16 to 157 ms of CPU and
/// takes 17 now, and a worker that has run a few hundred scripts keeps 11 MB instead of 28. Small scripts and loops cost the
/// same. Where a kernel refuses, all is as it was.
#[allow(
    unsafe_code,
    reason = "no crate of ours has this system call; the argument is with the block"
)]
pub fn keep_to_small_pages() {
    let (on, unused): (libc::c_ulong, libc::c_ulong) = (1, 0);
    // SAFETY: the call takes numbers only (PR_SET_THP_DISABLE in prctl(2)).
    let _ = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, on, unused, unused, unused) };
}

/// Tells when there may be something to give back.
#[derive(Debug)]
pub struct Tide {
    /// What was there after the last time; unknown until the tick after it: other threads take part.
    low_bytes: Cell<Option<u64>>,
    looks_left: Cell<u32>,
}

impl Default for Tide {
    fn default() -> Self {
        Self {
            low_bytes: Cell::new(None),
            looks_left: Cell::new(LOOKS_AFTER_GROWTH),
        }
    }
}

impl Tide {
    /// Called at each tick. Gives back when the process has grown since the last time, and now and then in any case. Then
    /// true: the other threads are to do so too.
    pub fn look(&self) -> bool {
        let Some(now) = anonymous_bytes() else {
            return false;
        };
        let low = self.low_bytes.get().map_or(now, |low| low.min(now));
        self.low_bytes.set(Some(low));
        self.looks_left.set(self.looks_left.get().saturating_sub(1));
        let has_grown = now >= low + GROWTH_BYTES;
        if !has_grown && self.looks_left.get() > 0 {
            return false;
        }
        give_back();
        self.low_bytes.set(None);
        self.looks_left
            .set(if has_grown { LOOKS_AFTER_GROWTH } else { LOOKS });
        true
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
    use std::process::Command;

    use super::*;

    /// Set in the process that the test is alone in.
    const ALONE: &str = "AVAP_TEST_ALONE";

    #[test]
    fn what_is_freed_goes_back_at_the_next_look() {
        // Other tests take and give back memory at the same time.
        if std::env::var_os(ALONE).is_none() {
            let name = "memory::tests::what_is_freed_goes_back_at_the_next_look";
            let run = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", name])
                .env(ALONE, "1")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&run.stdout);
            assert!(run.status.success() && said.contains("1 passed"), "{said}");
            return;
        }
        let tide = Tide::default();
        assert!(!tide.look());
        let before = anonymous_bytes().unwrap();
        let blocks: Vec<Vec<u8>> = (0..2_000).map(|_| vec![1; 32 << 10]).collect();
        assert!(anonymous_bytes().unwrap() > before + (50 << 20));
        drop(blocks);
        assert!(tide.look());
        assert!(anonymous_bytes().unwrap() < before + (8 << 20));
        assert!(!tide.look());
    }
}
