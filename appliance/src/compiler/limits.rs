//! What the kernel holds this process to. A limit that is reached ends it, with a signal that tells which one it was.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Address space from now on: what is mapped already, and `memory_bytes`. An allocation beyond it fails, which aborts
/// (SIGABRT). No core is written.
///
/// # Errors
/// When the kernel does not say how much there is, or refuses.
pub fn bound_memory(memory_bytes: u64) -> io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    let limit = mapped_bytes()?.saturating_add(memory_bytes);
    let most = getrlimit(Resource::As).maximum;
    let limit = most.map_or(limit, |most| most.min(limit));
    let bound = Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    Ok(setrlimit(Resource::As, bound)?)
}

/// First field of `proc_pid_statm(5)`.
fn mapped_bytes() -> io::Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm
        .split(' ')
        .next()
        .and_then(|word| word.parse::<u64>().ok());
    pages
        .map(|pages| pages * rustix::param::page_size() as u64)
        .ok_or_else(|| io::Error::other("/proc/self/statm does not begin with a number"))
}

/// Begins a stretch of work that may take `cpu_ms` of this process's CPU time; more ends the process (SIGPROF). Behind it
/// stands `RLIMIT_CPU`, in whole seconds (SIGXCPU). `None`: no limit any more.
///
/// # Errors
/// When the kernel refuses.
pub fn bound_cpu(cpu_ms: Option<u64>) -> io::Result<()> {
    arm(cpu_ms.unwrap_or(0))?;
    let most = getrlimit(Resource::Cpu).maximum;
    let limit = cpu_ms.map(|cpu_ms| {
        let used_s = cpu_clock_s();
        let limit = used_s + cpu_ms.div_ceil(1000) + 1;
        most.map_or(limit, |most| most.min(limit))
    });
    let bound = Rlimit {
        current: limit.or(most),
        maximum: most,
    };
    Ok(setrlimit(Resource::Cpu, bound)?)
}

fn cpu_clock_s() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(now.tv_sec).unwrap_or(0)
}

#[allow(
    unsafe_code,
    reason = "no crate of ours has this system call; the argument is with the block"
)]
fn arm(cpu_ms: u64) -> io::Result<()> {
    let timer = libc::itimerval {
        it_interval: libc::timeval {
            tv_sec: 0,
            tv_usec: 0,
        },
        it_value: libc::timeval {
            tv_sec: (cpu_ms / 1000).cast_signed(),
            tv_usec: (cpu_ms % 1000 * 1000).cast_signed(),
        },
    };
    // SAFETY: the kernel reads a live structure and is given nowhere to write.
    let refused =
        unsafe { libc::setitimer(libc::ITIMER_PROF, &raw const timer, std::ptr::null_mut()) };
    if refused == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
