//! Workers' cores lent to the work on a version while their workers do nothing.
//!
//! The supervisor stays off pinned workers' cores (`supervisor/pinning.py`): also work that yields empties their caches and
//! costs a change of threads at every request. On a small host that leaves it one core, which it shares with everything
//! else there, while the workers' stand idle. So for the length of a hydration a thread looks at the workers' CPU clocks
//! every few milliseconds. The cores of those that did next to nothing for a while are added to what the supervisor's
//! `SCHED_IDLE` threads may use, and taken back with the first look that finds their worker at work; until then the
//! worker preempts whoever is there, as `background` says.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Between two looks. A look takes some 20 µs.
const STEP: Duration = Duration::from_millis(5);

/// A worker is at work when it used more than one part in so many of the time since the last look: its timers alone use less.
const BUSY_SHARE: u32 = 20;

/// Looks at a worker that did nothing before its core is lent: a pause between two bursts is no rest.
const QUIET_LOOKS: u32 = 4;

/// A worker and the cores that it is pinned to.
struct Worker {
    pid: i32,
    cores: Vec<usize>,
    used: Option<Duration>,
    quiet_looks: u32,
}

/// Lends until it is closed.
#[pyclass(frozen, module = "appliance._native")]
pub struct IdleCores {
    thread: std::sync::Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

#[pymethods]
impl IdleCores {
    /// `workers`: process ids and the cores that each is pinned to. The cores that this thread may use are the ones that
    /// the work has anyway.
    #[new]
    fn new(workers: Vec<(i32, Vec<usize>)>) -> Self {
        Self {
            thread: std::sync::Mutex::new(start(workers).ok()),
        }
    }

    /// Takes every core back.
    fn close(&self, py: Python<'_>) {
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some((stop, thread)) = thread {
            drop(stop);
            py.detach(|| {
                // It does nothing that can panic; a core that is still lent would only cost latency.
                let _ = thread.join();
            });
        }
    }
}

/// Puts `IdleCores` into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<IdleCores>()
}

fn start(workers: Vec<(i32, Vec<usize>)>) -> io::Result<(Sender<()>, JoinHandle<()>)> {
    let own = sched_getaffinity(None)?;
    let mut workers: Vec<Worker> = workers
        .into_iter()
        .map(|(pid, cores)| Worker {
            pid,
            cores,
            used: None,
            quiet_looks: 0,
        })
        .collect();
    let (stop, stopped) = channel();
    let thread = std::thread::Builder::new()
        .name("avap-idle-cores".to_owned())
        .spawn(move || {
            let mut looked = Instant::now();
            let mut lends = false;
            while stopped.recv_timeout(STEP) == Err(RecvTimeoutError::Timeout) {
                let elapsed = looked.elapsed();
                looked = Instant::now();
                let mut cores = own;
                for worker in &mut workers {
                    look(worker, elapsed);
                }
                for core in cores_at_rest(&workers) {
                    cores.set(core);
                }
                let lends_now = cores != own;
                // While cores are lent there may be new threads; afterwards there is nothing to take back.
                if lends || lends_now {
                    move_yielding_threads(&cores);
                }
                lends = lends_now;
            }
            if lends {
                move_yielding_threads(&own);
            }
        })?;
    Ok((stop, thread))
}

/// Notes whether a worker was at work since the last look.
fn look(worker: &mut Worker, elapsed: Duration) {
    let used = cpu_time(worker.pid);
    worker.quiet_looks = match (worker.used, used) {
        (Some(before), Some(now)) if now.saturating_sub(before) * BUSY_SHARE <= elapsed => {
            worker.quiet_looks.saturating_add(1)
        }
        _ => 0,
    };
    worker.used = used;
}

/// Cores of which every worker rests.
fn cores_at_rest(workers: &[Worker]) -> Vec<usize> {
    let mut rests: HashMap<usize, bool> = HashMap::new();
    for worker in workers {
        for core in worker.cores.iter().filter(|core| **core < CpuSet::MAX_CPU) {
            *rests.entry(*core).or_insert(true) &= worker.quiet_looks >= QUIET_LOOKS;
        }
    }
    rests
        .into_iter()
        .filter_map(|(core, rests)| rests.then_some(core))
        .collect()
}

/// Lets each thread of this process that yields to requests run on these cores.
fn move_yielding_threads(cores: &CpuSet) {
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return;
    };
    for thread in threads.flatten() {
        let number = thread
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let Some(thread) = number.and_then(Pid::from_raw) else {
            continue;
        };
        if yields(thread) {
            // Gone meanwhile, or not allowed: it works where it is.
            let _ = sched_setaffinity(Some(thread), cores);
        }
    }
}

#[allow(
    unsafe_code,
    reason = "no crate of ours has this system call; the argument is with the block"
)]
fn yields(thread: Pid) -> bool {
    // SAFETY: the kernel reads no memory of ours; a thread that is gone is an error.
    unsafe { libc::sched_getscheduler(thread.as_raw_nonzero().get()) == libc::SCHED_IDLE }
}

/// CPU time of a process by `clock_getcpuclockid(3)`; `None` when it is gone.
#[allow(
    unsafe_code,
    reason = "no crate of ours reads the clock of another process; the argument is with the block"
)]
fn cpu_time(pid: i32) -> Option<Duration> {
    let mut clock = 0;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: both calls write to live variables of the type that they expect.
    let read = unsafe {
        libc::clock_getcpuclockid(pid, &raw mut clock) == 0
            && libc::clock_gettime(clock, &raw mut time) == 0
    };
    read.then(|| {
        Duration::new(
            time.tv_sec.cast_unsigned(),
            time.tv_nsec.cast_unsigned() as u32,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(cores: &[usize]) -> Worker {
        Worker {
            pid: std::process::id().cast_signed(),
            cores: cores.to_vec(),
            used: None,
            quiet_looks: 0,
        }
    }

    fn rest(worker: &mut Worker) {
        for _ in 0..=QUIET_LOOKS {
            // So long a time that whatever this process does meanwhile is little.
            look(worker, Duration::from_secs(1000));
        }
    }

    #[test]
    fn a_core_is_lent_when_its_worker_rests_and_no_sooner() {
        let mut workers = [worker(&[3])];
        assert!(cores_at_rest(&workers).is_empty());
        rest(&mut workers[0]);
        assert_eq!(cores_at_rest(&workers), [3]);
    }

    #[test]
    fn the_first_look_that_finds_a_worker_at_work_takes_its_core_back() {
        let mut workers = [worker(&[3])];
        rest(&mut workers[0]);
        workers[0].used = Some(Duration::ZERO); // as if it had used all its time since
        look(&mut workers[0], Duration::ZERO);
        assert!(cores_at_rest(&workers).is_empty());
    }

    #[test]
    fn a_core_that_two_workers_share_is_lent_when_both_rest() {
        let mut workers = [worker(&[3]), worker(&[3, 5])];
        rest(&mut workers[1]);
        assert_eq!(cores_at_rest(&workers), [5]);
        rest(&mut workers[0]);
        let mut cores = cores_at_rest(&workers);
        cores.sort_unstable();
        assert_eq!(cores, [3, 5]);
    }

    #[test]
    fn a_worker_that_is_gone_lends_nothing() {
        let mut workers = [worker(&[3])];
        workers[0].pid = 1 << 22; // PID_MAX_LIMIT of proc_pid(5): never anybody's
        rest(&mut workers[0]);
        assert!(cores_at_rest(&workers).is_empty());
    }
}
