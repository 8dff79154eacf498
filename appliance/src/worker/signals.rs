//! Signals, as readable events.
//!
//! All are blocked before a second thread exists, so that none is delivered to a handler; those
//! that report a fault of this process (and SIGABRT, by which a hung worker is ended) keep their
//! meaning.

use std::io;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use tokio::io::unix::AsyncFd;

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

/// Waits for the next one.
pub async fn next(signals: &AsyncFd<SignalFd>) -> io::Result<Signal> {
    loop {
        let mut guard = signals.readable().await?;
        match guard.try_io(|fd| match fd.get_ref().read_signal()? {
            Some(siginfo) => Ok(i32::try_from(siginfo.ssi_signo)
                .ok()
                .and_then(|number| Signal::try_from(number).ok())),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }) {
            Ok(Ok(Some(signal))) => return Ok(signal),
            Ok(Ok(None)) | Err(_) => {}
            Ok(Err(error)) => return Err(error),
        }
    }
}
