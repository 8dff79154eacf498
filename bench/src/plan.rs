//! What to do, and the limits of what may be asked for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

const THREADS_MAX: u32 = 64;
const CONNECTIONS_MAX: u32 = 10_000;
const STREAMS_MAX: u32 = 1_000;
/// Requests under way at once; each holds some 100 bytes twice.
const IN_FLIGHT_MAX: u32 = 100_000;
const RATE_MAX: f64 = 5_000_000.0;
const TIME_MAX_S: f64 = 3_600.0;
const TIMEOUT_MAX_S: f64 = 60.0;
const WINDOW_MAX: u32 = (1 << 31) - 1;
/// The connection window cannot be made smaller than what HTTP/2 starts with.
const WINDOW_DEFAULT: u32 = 65_535;
/// Blocks of headers are one frame each.
const KEY_BYTES_MAX: usize = 4_096;
const HTTP_HEAD_BYTES_MAX: usize = 16_384;
const HTTP_BODY_BYTES_MAX: usize = 1 << 20;
/// What the generator says itself.
const HTTP_HEADERS_OURS: [&str; 5] = [
    "connection",
    "content-length",
    "host",
    "transfer-encoding",
    "user-agent",
];

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
    /// Stopped by the caller before it began.
    #[error("stopped before the first request")]
    Interrupted,
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
    /// A script, over HTTP/1.1 with keep-alive: `http` says which. One request at a time a connection; `names`,
    /// windows and `versions` have no meaning then.
    Execute,
}

impl Method {
    /// `:path` of its calls.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::GetCommand => "/avap.DefinitionEngine/GetCommand",
            Self::SyncCatalog => "/avap.DefinitionEngine/SyncCatalog",
            Self::Execute => "/api/v1/execute",
        }
    }
}

/// When requests of an open loop are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spacing {
    /// At equal distances.
    #[default]
    Even,
    /// At exponentially distributed distances, as those of many clients that know nothing of each other.
    Poisson,
}

/// What is executed, and what must come back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The path with its query.
    #[serde(default = "default_path")]
    pub path: String,
    /// The request's body.
    pub body: String,
    /// Further headers of the request. Host, User-Agent and Content-Length are the generator's.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The status that every reply must have.
    #[serde(default = "default_status")]
    pub status: u16,
    /// The bytes that every reply must have; absent: only the status is checked.
    pub expected: Option<String>,
}

fn default_path() -> String {
    Method::Execute.path().to_owned()
}

fn default_status() -> u16 {
    200
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
    /// What method `Execute` executes.
    pub http: Option<Http>,
    /// Threads that the connections are divided among, at most one for each. The first is the caller's.
    #[serde(default = "default_threads")]
    pub threads: u32,
    /// TCP connections.
    pub connections: u32,
    /// Requests under way at once on each; 1 in HTTP/1.1.
    pub streams: u32,
    /// Requests a second over all connections; absent: closed loop.
    pub rate: Option<f64>,
    /// How those lie in time.
    #[serde(default)]
    pub arrivals: Spacing,
    /// Time measured, in seconds.
    pub duration_s: f64,
    /// Time before it that is verified but not measured.
    #[serde(default)]
    pub warmup_s: f64,
    /// A reply that takes longer is given up and counted.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: f64,
    /// What replies are checked against, at least one unless a script is executed.
    #[serde(default)]
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

fn default_threads() -> u32 {
    1
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
        if !(1..=THREADS_MAX).contains(&self.threads) {
            return refuse(format!(
                "threads is 1 to {THREADS_MAX}; found {}",
                self.threads
            ));
        }
        if self.threads > self.connections {
            return refuse(format!(
                "threads is at most connections, for each needs one; found {} and {}",
                self.threads, self.connections
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
        if self.rate.is_none() && self.arrivals != Spacing::Even {
            return refuse("arrivals are an open loop's, which needs a rate".to_owned());
        }
        if self.key.len() > KEY_BYTES_MAX || !is_header_value(&self.key) {
            return refuse(format!(
                "key holds a byte that a header cannot carry, or more than {KEY_BYTES_MAX} of them"
            ));
        }
        match (&self.http, self.method) {
            (Some(http), Method::Execute) => self.check_http(http),
            (None, Method::Execute) => {
                refuse("http is missing: Execute needs to know what".to_owned())
            }
            (Some(_), _) => refuse("http is for method Execute only".to_owned()),
            (None, _) if self.versions.is_empty() => {
                refuse("versions is empty: there is nothing to check replies against".to_owned())
            }
            (None, _) => Ok(()),
        }
    }

    fn check_http(&self, http: &Http) -> Result<(), LoadError> {
        let refuse = |reason: String| Err(LoadError::Plan(reason));
        if self.streams != 1 {
            return refuse(format!(
                "streams is 1 in HTTP/1.1, which answers one request at a time; found {}",
                self.streams
            ));
        }
        if !http.path.starts_with('/') || !http.path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse(format!(
                "http.path starts with / and holds no space or control character; found {:?}",
                http.path
            ));
        }
        if http.body.len() > HTTP_BODY_BYTES_MAX {
            return refuse(format!(
                "http.body has at most {HTTP_BODY_BYTES_MAX} bytes; found {}",
                http.body.len()
            ));
        }
        if !(200..=599).contains(&http.status) {
            return refuse(format!("http.status is 200 to 599; found {}", http.status));
        }
        let mut head_bytes = http.path.len();
        for (name, value) in &http.headers {
            head_bytes += name.len() + value.len();
            let ours = HTTP_HEADERS_OURS.contains(&name.to_ascii_lowercase().as_str());
            if ours || !is_header_name(name) || !is_header_value(value) {
                return refuse(format!(
                    "http.headers cannot be sent, or are the generator's own; found {name:?}"
                ));
            }
        }
        if head_bytes > HTTP_HEAD_BYTES_MAX {
            return refuse(format!(
                "http.path and http.headers have at most {HTTP_HEAD_BYTES_MAX} bytes; found {head_bytes}"
            ));
        }
        Ok(())
    }

    /// Connections of one of the threads.
    pub(crate) fn connections_of(&self, thread: u32) -> u32 {
        self.connections / self.threads + u32::from(thread < self.connections % self.threads)
    }

    /// The longest wait for a reply.
    pub(crate) fn timeout_ns(&self) -> u64 {
        nanoseconds(self.timeout_s)
    }
}

fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// A token (RFC 9110, section 5.6.2).
fn is_header_name(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(token)
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
            r#", "threads": 0"#,
            r#", "threads": 2"#,
            r#", "arrivals": "poisson""#,
            r#", "arrivals": "random", "rate": 1"#,
            r#", "http": {"body": ""}"#,
            r#", "method": "Execute""#,
        ] {
            plan("127.0.0.1:1", rest).expect_err(rest);
        }
        let long = format!(r#", "key": "{}""#, "k".repeat(KEY_BYTES_MAX + 1));
        plan("127.0.0.1:1", &long).expect_err("a key that is too long");
        plan("127.0.0.1:1", r#", "arrivals": "poisson", "rate": 1"#).unwrap();
    }

    #[test]
    fn an_execution_that_cannot_be_sent_or_checked_is_refused() {
        let execute = |http: &str| {
            plan(
                "127.0.0.1:1",
                &format!(r#", "method": "Execute", "http": {http}"#),
            )
        };
        execute(r#"{"body": "{}"}"#).unwrap();
        execute(r#"{"path": "/x?a=1", "body": "", "headers": {"x-a": "b"}, "status": 503, "expected": ""}"#).unwrap();
        for http in [
            "{}",
            r#"{"body": "", "path": "x"}"#,
            r#"{"body": "", "path": "/a b"}"#,
            r#"{"body": "", "path": "/\r\nx"}"#,
            r#"{"body": "", "status": 100}"#,
            r#"{"body": "", "headers": {"Content-Length": "3"}}"#,
            r#"{"body": "", "headers": {"transfer-encoding": "chunked"}}"#,
            r#"{"body": "", "headers": {"a b": "c"}}"#,
            r#"{"body": "", "headers": {"a": "b\r\nc: d"}}"#,
            r#"{"body": "", "unknown": 1}"#,
        ] {
            execute(http).expect_err(http);
        }
        let many = r#", "method": "Execute", "http": {"body": ""}"#;
        let json = r#"{"target": "127.0.0.1:1", "connections": 1, "duration_s": 1"#;
        for (streams, runs) in [(1, true), (2, false)] {
            let text = format!(r#"{json}, "streams": {streams}{many}}}"#);
            let plan: Plan = serde_json::from_str(&text).unwrap();
            assert_eq!(plan.check().is_ok(), runs, "{streams}");
        }
    }
}
