//! The VM threads: each takes a job, runs one slice of it, and looks who is next.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::{background, memory};

use super::job::Slice;
use super::limits::STACK_BYTES;
use super::runner::Shared;

/// Starts `threads` of them; on `cores`, in turn, if any are given. They end when the queue is closed.
///
/// # Errors
/// When no thread can be started.
pub fn start(shared: &Arc<Shared>, threads: usize, cores: &[usize]) -> io::Result<()> {
    for number in 0..threads {
        let shared = Arc::clone(shared);
        let core = (!cores.is_empty()).then(|| cores[number % cores.len()]);
        std::thread::Builder::new()
            .name(format!("avap-vm-{number}"))
            .stack_size(STACK_BYTES)
            .spawn(move || {
                if let Some(core) = core.filter(|core| *core < CpuSet::MAX_CPU) {
                    let mut set = CpuSet::new();
                    set.set(core);
                    // Not being allowed to costs speed, not service.
                    let _ = sched_setaffinity(None, &set);
                }
                background::run_in_batches();
                work(&shared);
            })?;
    }
    Ok(())
}

fn work(shared: &Shared) {
    let mut tidied = 0;
    while let Some((mut rank, mut job)) = shared.queue.pop(&mut tidied, memory::give_back) {
        loop {
            let began = Instant::now();
            match job.slice(shared) {
                Slice::More => {
                    shared.admission.descended(rank.level, began.elapsed());
                    rank.level = rank.level.saturating_add(1);
                    (rank, job) = shared.queue.exchange(rank, job);
                }
                Slice::Ended => {
                    shared.admission.left(rank.level, Some(rank.level + 1));
                    break;
                }
                Slice::Cut => {
                    shared.admission.left(rank.level, None);
                    break;
                }
            }
        }
    }
}
