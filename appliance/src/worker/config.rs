//! The first order: what this worker is. It comes through the control channel, so that nothing
//! of it is ever in `argv` or the environment.

use std::os::fd::RawFd;
use std::time::Duration;

use serde::Deserialize;

use super::log::Level;

/// The frame `{"type": "config", …}`.
#[derive(Deserialize)]
pub struct Config {
    /// `"grpc"`.
    pub role: String,
    /// Worker slot, from 0.
    pub slot: usize,
    /// Page of the slots segment that this incarnation writes.
    pub page: u64,
    /// Name of the announcement segment.
    pub announce: String,
    /// Name of the slots segment.
    pub slots: String,
    /// A segment's name is this and its id.
    pub segment_prefix: String,
    /// A listening socket for each slot, our own among them.
    pub listen_fds: Vec<RawFd>,
    /// For each slot the two ends, receiving and sending, of the socket through which its worker is
    /// passed connections.
    #[serde(default)]
    pub mailbox_fds: Vec<(RawFd, RawFd)>,
    /// Written at each announcement.
    pub event_fd: RawFd,
    /// The pipe for log lines.
    pub log_fd: RawFd,
    /// Active keys.
    pub keys: Vec<String>,
    /// Cores for the serving thread; `null`: where the kernel likes.
    pub pin: Option<Vec<usize>>,
    /// From the order to drain until listeners are shut.
    pub drain_grace_ms: u64,
    /// From the order to drain until the exit, whatever is still under way.
    pub drain_timeout_ms: u64,
    #[serde(default)]
    pub log_level: Level,
}

impl Config {
    /// See `drain_grace_ms`.
    pub const fn drain_grace(&self) -> Duration {
        Duration::from_millis(self.drain_grace_ms)
    }

    /// See `drain_timeout_ms`.
    pub const fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }

    /// What contradicts itself, in one sentence.
    pub fn problem(&self) -> Option<String> {
        if self.role != "grpc" {
            return Some(format!(
                "this worker has the role \"grpc\", not {:?}",
                self.role
            ));
        }
        if self.slot >= self.listen_fds.len() {
            return Some(format!(
                "slot {} has no listening socket ({} given)",
                self.slot,
                self.listen_fds.len()
            ));
        }
        if self.mailbox_fds.len() != self.listen_fds.len() {
            return Some(format!(
                "{} listening sockets and {} mailboxes",
                self.listen_fds.len(),
                self.mailbox_fds.len()
            ));
        }
        None
    }
}
