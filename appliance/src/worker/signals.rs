//! Signals, as readable events.
//!
//! All are blocked before a second thread exists, so that none is delivered to a handler; those
//! that report a fault of this process (and SIGABRT, by which a hung worker is ended) keep their
//! meaning.

use std::io;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Blocks all signals but the fatal ones in this thread and those it will start, and gives them
/// to read.
///
/// # Errors
/// Those of `pthread_sigmask` and `signalfd`.
pub fn block() -> io::Result<SignalFd> {
    let mut signals = SigSet::all();
    for fault in [
        Signal::SIGABRT,
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGILL,
        Signal::SIGFPE,
    ] {
        signals.remove(fault);
    }
    signals.thread_block()?;
    Ok(SignalFd::with_flags(
        &signals,
        SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC,
    )?)
}

/// The next one, if there is any; those without a number of ours are passed over.
///
/// # Errors
/// Those of `read`.
pub fn next(signals: &SignalFd) -> io::Result<Option<Signal>> {
    while let Some(siginfo) = signals.read_signal()? {
        let number = i32::try_from(siginfo.ssi_signo).ok();
        if let Some(signal) = number.and_then(|number| Signal::try_from(number).ok()) {
            return Ok(Some(signal));
        }
    }
    Ok(None)
}
