//! Work beside requests: it gets the cores that they leave.
//!
//! Building, verifying, keeping and mapping a version takes tenths of a second of CPU a 100 MB. On
//! a host without a core to spare that would be taken from the workers, and every refresh would be
//! seen in their latency. Threads that do nothing else run under `SCHED_IDLE` (sched(7)): whoever
//! wakes up has their core at once, where a nicer thread would first have its slice, 4 ms (Linux
//! 6.6 and later). They hold no lock that a request or the interpreter waits for. On a host that is
//! full for a long time a new version comes late; what is served stays.

use std::panic;
use std::thread;

/// Puts the calling thread and those that it starts under `SCHED_IDLE`, for good: an unprivileged
/// thread may not take it back.
#[allow(
    unsafe_code,
    reason = "no crate of ours has this system call; the argument is with the block"
)]
pub fn yield_to_requests() {
    let parameter = libc::sched_param { sched_priority: 0 };
    // SAFETY: the kernel reads a live structure; 0 is the calling thread.
    // Were it refused, the work would only be seen in the latency.
    let _ = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameter) };
    // Whoever waits for this core would otherwise do so until the next tick: they woke up before.
    thread::yield_now();
}

/// Puts the calling thread under `SCHED_BATCH`: it is taken to need its core for long, so one that wakes up for a request
/// comes before it.
#[allow(
    unsafe_code,
    reason = "no crate of ours has this system call; the argument is with the block"
)]
pub fn run_in_batches() {
    let parameter = libc::sched_param { sched_priority: 0 };
    // SAFETY: the kernel reads a live structure; 0 is the calling thread.
    let _ = unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameter) };
}

/// Runs `work` on a thread of its own that yields to requests, and waits for it.
pub fn run<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let mut work = Some(work);
    let done = thread::scope(|scope| {
        let work = &mut work;
        thread::Builder::new()
            .name("avap-background".to_owned())
            .spawn_scoped(scope, || {
                yield_to_requests();
                work.take().map(|work| work())
            })
            .ok()
            .and_then(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| panic::resume_unwind(panic))
            })
    });
    // No thread to be had: late is better than never.
    done.unwrap_or_else(|| work.take().expect("only the thread takes it")())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Field 41 of `proc_pid_stat(5)`.
    fn policy() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let behind_name = &stat[stat.rfind(')').unwrap() + 2..];
        behind_name.split(' ').nth(38).unwrap().parse().unwrap()
    }

    #[test]
    fn work_and_its_threads_yield_and_the_one_who_waits_does_not() {
        let before = policy();
        let of_both = run(|| (policy(), thread::spawn(policy).join().unwrap()));
        assert_eq!(of_both, (libc::SCHED_IDLE, libc::SCHED_IDLE));
        assert_eq!(policy(), before);
    }

    #[test]
    fn a_panic_of_the_work_is_the_callers() {
        assert!(panic::catch_unwind(|| run(|| panic!("work"))).is_err());
    }
}
