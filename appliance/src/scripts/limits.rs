//! Limits of running scripts that belong to the worker, not to the language: what each bounds and why it has this size.

use std::time::Duration;

/// Executions that have not ended in their first slice. Each may hold its whole memory, so this times
/// `AVAP_VM_MEMORY_MB` is what hostile scripts can make a worker grow by: 2 GiB at 16 MB.
pub const JOBS_MAX: usize = 128;

/// Compiled scripts that are kept.
pub const PROGRAMS_MAX: usize = 1000;

/// Source text of the compiled scripts that are kept. A program takes up to 45 times its text (measured): 45 MB are what
/// clients can fill a worker's cache with.
pub const PROGRAMS_BYTES_MAX: usize = 1024 * 1024;

/// Longer scripts are compiled on a VM thread: a kilobyte takes some 80 µs on the loop thread, where everybody waits. One of
/// a megabyte was measured at 170 ms (a list of 300,000 elements).
pub const INLINE_BYTES_MAX: usize = 8 * 1024;

/// Scripts with more calls in calls are compiled on a VM thread: each level's arguments are read once more for all around
/// it, so that 3.4 KB with 800 levels took 6 ms on the loop thread.
pub const INLINE_NESTING_MAX: usize = 32;

/// Longer scripts are compiled each time: one of them would drive out hundreds that come often.
pub const PROGRAM_BYTES_MAX: usize = 64 * 1024;

/// Compiled definitions that are kept.
pub const DEFINITIONS_MAX: usize = 4096;

/// What the compiled definitions that are kept hold: code, constants, names. The embedded ones hold 4 to 8 times their text,
/// long displays 13 times, and copies of `finally` 120 times and more.
pub const DEFINITIONS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Definitions are loaded from the code segment on the loop thread up to this many bytes of source and of code: some
/// 50 µs in the worst case. Larger ones are loaded on a VM thread.
pub const LOADED_INLINE_BYTES_MAX: usize = 16 * 1024;

/// From an execution's deadline until the loop thread answers without waiting for the VM thread that has it: what a
/// slice and one long native operation may take.
pub const OVERDUE: Duration = Duration::from_millis(20);

/// Levels that admission tells apart; below them all are one.
pub const LEVELS: usize = 64;

/// Stack of a VM thread. The definitions' parser recurses on nesting, bounded by the language's own limit: less than
/// 1 MB in the worst build.
pub const STACK_BYTES: usize = 8 * 1024 * 1024;
