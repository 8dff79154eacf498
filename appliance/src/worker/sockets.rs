//! Listening sockets, whoever accepts from them: their options, their errors, how many connections there may be.

use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::error::{WorkerError, system};
use super::fds;

/// Descriptors that are not connections: sockets of all slots are counted apart, this is for
/// everything else (epoll, eventfd, signalfd, pipe, control, and what a mapping needs for a
/// moment).
const OTHER_DESCRIPTORS: u64 = 64;

/// Wait after the system refused a connection for want of descriptors or memory: trying at once
/// would spin.
pub const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// Wait for a connection to close when there are as many as may be.
pub const FULL_PAUSE: Duration = Duration::from_millis(20);

/// A peer that is gone without a word is noticed after about two minutes: 60 s of silence, then six
/// probes 10 s apart.
const KEEPALIVE_IDLE: Duration = Duration::from_mins(1);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 6;

/// Connections taken from a queue when it is shut; it holds no more than `somaxconn`.
pub const QUEUE_MAX: usize = 65_536;

/// Takes the inherited sockets of all slots and sets their options.
///
/// # Errors
/// When one is not open, or refuses its options.
pub fn adopt_all(fds: &[RawFd]) -> Result<Vec<OwnedFd>, WorkerError> {
    let adopt = |fd: &RawFd| {
        let socket = fds::adopt(*fd)?;
        set_options(&socket)?;
        Ok(socket)
    };
    let sockets: io::Result<Vec<_>> = fds.iter().map(adopt).collect();
    sockets.map_err(system("listening socket"))
}

/// accept(2) passes on what went wrong with the connection that it took from the queue.
pub fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::CONNABORTED
                | Errno::INTR
                | Errno::NETDOWN
                | Errno::PROTO
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH
                | Errno::TIMEDOUT
                | Errno::PERM
        )
    )
}

/// Accepted sockets inherit these from the listening one: four system calls less for each.
fn set_options(socket: &OwnedFd) -> io::Result<()> {
    fds::set_nonblocking(socket.as_fd())?;
    sockopt::set_tcp_nodelay(socket, true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(socket, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(socket, KEEPALIVE_PROBES)?;
    Ok(())
}

/// Raises the soft limit of descriptors to the hard one and leaves some for everything else.
pub fn connections_max(descriptors_per_slot: u64, slots: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let reserved = OTHER_DESCRIPTORS + descriptors_per_slot * slots as u64;
    // No limit at all: what one worker could ever hold.
    let descriptors = current.unwrap_or(1 << 20);
    usize::try_from(descriptors.saturating_sub(reserved))
        .unwrap_or(usize::MAX)
        .max(1)
}
