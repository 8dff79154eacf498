//! What to do, and the limits of what may be asked for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

const CONNECTIONS_MAX: u32 = 10_000;
const STREAMS_MAX: u32 = 1_000;
/// Requests under way at once; each holds a buffer of one reply.
const IN_FLIGHT_MAX: u32 = 100_000;
const RATE_MAX: f64 = 5_000_000.0;
const TIME_MAX_S: f64 = 3_600.0;
const TIMEOUT_MAX_S: f64 = 60.0;
const WINDOW_MAX: u32 = (1 << 31) - 1;
/// The connection window cannot be made smaller than what HTTP/2 starts with.
const WINDOW_DEFAULT: u32 = 65_535;

/// Why a plan was not run, or not to its end.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The plan does not make sense.
    #[error("the plan cannot be run: {0}")]
    Plan(String),
    /// An expected version cannot be read.
    #[error("expected version {path}: {reason}")]
    Expected {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused something.
    #[error("{what}: {error}")]
    Os {
        /// What was tried.
        what: &'static str,
        /// Its answer.
        error: std::io::Error,
    },
}

/// A version that replies may come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionFile {
    /// 32 hexadecimal digits, as in `avap-catalog-version`.
    pub digest: String,
    /// A file with the `Catalog` message of this version.
    pub catalog: PathBuf,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Method {
    /// One record by its name.
    #[default]
    GetCommand,
    /// The whole catalogue; `names` has no meaning then.
    SyncCatalog,
}

impl Method {
    /// `:path` of its calls.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::GetCommand => "/avap.DefinitionEngine/GetCommand",
            Self::SyncCatalog => "/avap.DefinitionEngine/SyncCatalog",
        }
    }
}

/// One run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// `address:port`.
    pub target: SocketAddr,
    /// Whether the target may be another host than this one: somebody said so in as many words.
    #[serde(default)]
    pub remote: bool,
    /// What is asked for.
    #[serde(default)]
    pub method: Method,
    /// Sent as `x-avap-auth`; empty: not sent.
    #[serde(default)]
    pub key: String,
    /// TCP connections.
    pub connections: u32,
    /// Requests under way at once on each.
    pub streams: u32,
    /// Requests a second over all connections; absent: closed loop.
    pub rate: Option<f64>,
    /// Time measured, in seconds.
    pub duration_s: f64,
    /// Time before it that is verified but not measured.
    #[serde(default)]
    pub warmup_s: f64,
    /// A reply that takes longer is given up and counted.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: f64,
    /// What replies are checked against, at least one.
    pub versions: Vec<VersionFile>,
    /// Names to ask for, uniformly; absent: those of the first version. One that a version does not hold must be
    /// answered with `NOT_FOUND`.
    #[serde(default)]
    pub names: Vec<String>,
    /// `SETTINGS_INITIAL_WINDOW_SIZE`: what a stream may send before we have read it.
    #[serde(default = "default_window")]
    pub stream_window: u32,
    /// The same for a connection.
    #[serde(default = "default_window")]
    pub connection_window: u32,
    /// Of the choice of names.
    #[serde(default)]
    pub seed: u64,
    /// A file for the measured requests: pairs of little-endian u64, intended and finished, in nanoseconds of
    /// `CLOCK_MONOTONIC`.
    pub samples: Option<PathBuf>,
}

fn default_timeout_s() -> f64 {
    10.0
}

fn default_window() -> u32 {
    WINDOW_DEFAULT
}

impl Plan {
    /// Refuses what is not loopback without `remote`, and what is over a limit.
    ///
    /// # Errors
    /// [`LoadError::Plan`], naming the field.
    pub fn check(&self) -> Result<(), LoadError> {
        let refuse = |reason: String| Err(LoadError::Plan(reason));
        if !self.target.ip().is_loopback() && !self.remote {
            return refuse(format!(
                "target must be a loopback address unless `remote` is set; found {}",
                self.target
            ));
        }
        let seconds = |value: f64, max: f64| value.is_finite() && (0.0..=max).contains(&value);
        if !(1..=CONNECTIONS_MAX).contains(&self.connections) {
            return refuse(format!(
                "connections is 1 to {CONNECTIONS_MAX}; found {}",
                self.connections
            ));
        }
        if !(1..=STREAMS_MAX).contains(&self.streams) {
            return refuse(format!(
                "streams is 1 to {STREAMS_MAX}; found {}",
                self.streams
            ));
        }
        if self.connections * self.streams > IN_FLIGHT_MAX {
            return refuse(format!("connections × streams is at most {IN_FLIGHT_MAX}"));
        }
        if let Some(rate) = self.rate
            && !(rate > 0.0 && rate <= RATE_MAX)
        {
            return refuse(format!(
                "rate is above 0 and at most {RATE_MAX}; found {rate}"
            ));
        }
        if !seconds(self.duration_s, TIME_MAX_S) || !seconds(self.warmup_s, TIME_MAX_S) {
            return refuse(format!("duration_s and warmup_s are 0 to {TIME_MAX_S}"));
        }
        if !seconds(self.timeout_s, TIMEOUT_MAX_S) || self.timeout_s == 0.0 {
            return refuse(format!(
                "timeout_s is above 0 and at most {TIMEOUT_MAX_S}; found {}",
                self.timeout_s
            ));
        }
        if self.stream_window == 0 || self.stream_window > WINDOW_MAX {
            return refuse(format!(
                "stream_window is 1 to {WINDOW_MAX}; found {}",
                self.stream_window
            ));
        }
        if !(WINDOW_DEFAULT..=WINDOW_MAX).contains(&self.connection_window) {
            return refuse(format!(
                "connection_window is {WINDOW_DEFAULT} to {WINDOW_MAX}; found {}",
                self.connection_window
            ));
        }
        if !self.key.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return refuse("key holds a byte that a header cannot carry".to_owned());
        }
        if self.versions.is_empty() {
            return refuse(
                "versions is empty: there is nothing to check replies against".to_owned(),
            );
        }
        Ok(())
    }

    /// The longest wait for a reply.
    pub(crate) fn timeout_ns(&self) -> u64 {
        nanoseconds(self.timeout_s)
    }
}

/// Checked seconds as nanoseconds.
pub fn nanoseconds(seconds: f64) -> u64 {
    Duration::from_secs_f64(seconds).as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(target: &str, rest: &str) -> Result<(), LoadError> {
        let json = format!(
            r#"{{"target": "{target}", "connections": 1, "streams": 1, "duration_s": 1,
                 "versions": [{{"digest": "00", "catalog": "x"}}]{rest}}}"#
        );
        serde_json::from_str::<Plan>(&json)
            .map_err(|error| LoadError::Plan(error.to_string()))?
            .check()
    }

    #[test]
    fn only_loopback_is_a_target() {
        plan("127.0.0.1:50051", "").unwrap();
        plan("[::1]:50051", "").unwrap();
        for target in [
            "10.0.0.1:80",
            "192.0.2.1:50051",
            "[2001:db8::1]:1",
            "localhost:1",
        ] {
            plan(target, "").unwrap_err();
        }
        plan("192.0.2.1:50051", r#", "remote": true"#).unwrap();
    }

    #[test]
    fn what_is_over_a_limit_or_unknown_is_refused() {
        for rest in [
            r#", "rate": 0"#,
            r#", "rate": -1"#,
            r#", "timeout_s": 0"#,
            r#", "warmup_s": 1e300"#,
            r#", "connection_window": 1000"#,
            r#", "stream_window": 0"#,
            r#", "key": "a\nb""#,
            r#", "bursts": true"#,
        ] {
            plan("127.0.0.1:1", rest).expect_err(rest);
        }
    }
}
