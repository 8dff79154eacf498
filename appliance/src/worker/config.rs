//! The first order: what this worker is. It comes through the control channel, so that nothing
//! of it is ever in `argv` or the environment.

use std::ops::Range;
use std::os::fd::RawFd;
use std::time::Duration;

use serde::Deserialize;
use shm_catalog::slots;

use super::log::Level;

/// Pages of a slot: one for an incarnation, one for the next.
pub const PAGES_PER_SLOT: usize = 2;

/// What a worker process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Grpc,
    Http,
}

impl Role {
    /// As in logs, metrics and the name of the process.
    pub const fn name(self) -> &'static str {
        slots::Role::label_of(self.of_slot() as u64)
    }

    const fn of_slot(self) -> slots::Role {
        match self {
            Self::Grpc => slots::Role::Grpc,
            Self::Http => slots::Role::Http,
        }
    }
}

impl From<Role> for slots::Role {
    fn from(role: Role) -> Self {
        role.of_slot()
    }
}

/// The frame `{"type": "config", …}`.
#[derive(Deserialize)]
pub struct Config {
    /// Which data plane it runs.
    pub role: Role,
    /// Worker slot within the role, from 0.
    pub slot: usize,
    /// Page of the slots segment that this incarnation writes.
    pub page: u64,
    /// Name of the announcement segment.
    pub announce: String,
    /// Name of the slots segment.
    pub slots: String,
    /// A segment's name is this and its id.
    pub segment_prefix: String,
    /// A listening socket for each slot of the role, our own among them.
    pub listen_fds: Vec<RawFd>,
    /// For each gRPC slot the two ends, receiving and sending, of the socket through which its worker
    /// is passed connections.
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
    /// For the role `http`.
    pub http: Option<HttpConfig>,
}

/// What an HTTP worker needs beyond what all do.
#[derive(Deserialize)]
pub struct HttpConfig {
    /// Whether requests need a key.
    pub needs_key: bool,
    /// Origins of pages that may call.
    pub cors_origins: Vec<String>,
    /// Threads that run scripts.
    pub vm_threads: usize,
    /// Their cores, in turn; none: where the kernel likes.
    pub vm_cores: Vec<usize>,
    /// Bytes of memory of one execution.
    pub vm_memory_bytes: usize,
    /// From a script's arrival to its answer.
    pub vm_timeout_ms: u64,
    /// Hex hashes of sources that are not to be compiled, and why.
    #[serde(default)]
    pub quarantined: Vec<(String, String)>,
    /// Names of rows and files that could not be served, and why.
    #[serde(default)]
    pub left_out: Vec<(String, String)>,
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

    /// Pages of all slots of the role, which follow each other. `None`: `page` is none of our slot's.
    pub fn pages(&self) -> Option<Range<u64>> {
        let per_slot = PAGES_PER_SLOT as u64;
        let own = self.page - self.page % per_slot;
        let first = own.checked_sub(per_slot * self.slot as u64)?;
        Some(first..first + per_slot * self.listen_fds.len() as u64)
    }

    /// What contradicts itself, in one sentence.
    pub fn problem(&self) -> Option<String> {
        if self.slot >= self.listen_fds.len() {
            return Some(format!(
                "slot {} has no listening socket ({} given)",
                self.slot,
                self.listen_fds.len()
            ));
        }
        if self.pages().is_none() {
            return Some(format!("page {} is none of slot {}", self.page, self.slot));
        }
        if self.role == Role::Grpc && self.mailbox_fds.len() != self.listen_fds.len() {
            return Some(format!(
                "{} listening sockets and {} mailboxes",
                self.listen_fds.len(),
                self.mailbox_fds.len()
            ));
        }
        if self.role == Role::Http && self.http.is_none() {
            return Some("an HTTP worker was given no config of its own".to_owned());
        }
        None
    }
}
