//! Descriptors that were inherited as numbers.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::signalfd::SignalFd;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Takes ownership of an inherited descriptor and keeps it from children of ours.
///
/// # Errors
/// When it is not open.
#[expect(
    unsafe_code,
    reason = "a number from the supervisor becomes a descriptor"
)]
pub fn adopt(fd: RawFd) -> io::Result<OwnedFd> {
    if fd <= 2 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("descriptor {fd} is a standard stream or none"),
        ));
    }
    // SAFETY: only asked whether it is open; `fd` is not -1.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    let flags = fcntl_getfd(borrowed).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("inherited descriptor {fd} is not open: {error}"),
        )
    })?;
    fcntl_setfd(borrowed, flags | FdFlags::CLOEXEC)?;
    // SAFETY: it is open, and the supervisor passed it to be owned here: each number is adopted
    // once.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Switches to non-blocking. The flag belongs to the open file: whoever shares it sees it too.
pub fn set_nonblocking(fd: impl AsFd) -> io::Result<()> {
    let flags = fcntl_getfl(&fd)?;
    Ok(fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?)
}

/// Has tokio watch a non-blocking descriptor.
///
/// # Errors
/// Those of `epoll_ctl`.
#[expect(unsafe_code, reason = "tokio asks for a promise about the descriptor")]
pub fn watch(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd is open until it is dropped, and an AsyncFd gives no `&mut` to replace it.
    Ok(unsafe { AsyncFd::register_with_interest(fd, interest) }?)
}

/// The same for the descriptor that signals are read from.
///
/// # Errors
/// Those of `epoll_ctl`.
#[expect(unsafe_code, reason = "tokio asks for a promise about the descriptor")]
pub fn watch_signals(fd: SignalFd) -> io::Result<AsyncFd<SignalFd>> {
    // SAFETY: a SignalFd owns its descriptor as an OwnedFd does.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_and_standard_descriptors_are_refused() {
        for fd in [-1, 0, 2, 100_000] {
            assert!(adopt(fd).is_err(), "{fd}");
        }
    }
}
