//! What workers count: the words of a slot page that only grow, and the labels they are shown under.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a gRPC worker was asked for, as in `avap_requests_total{method}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Method {
    /// One command by name.
    GetCommand,
    /// The whole catalogue.
    SyncCatalog,
    /// `grpc.health.v1` Check.
    HealthCheck,
    /// `grpc.health.v1` Watch.
    HealthWatch,
    /// Anything else.
    Other,
}

impl Method {
    /// In the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::GetCommand,
        Self::SyncCatalog,
        Self::HealthCheck,
        Self::HealthWatch,
        Self::Other,
    ];

    /// Labels in the order of their numbers.
    pub const LABELS: [&'static str; 5] = [
        "GetCommand",
        "SyncCatalog",
        "HealthCheck",
        "HealthWatch",
        "other",
    ];

    /// The label's value.
    #[must_use]
    pub const fn label(self) -> &'static str {
        Self::LABELS[self as usize]
    }
}

/// How a gRPC call ended, as in `avap_requests_total{status}`: the gRPC status under its HTTP-like label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Status {
    /// gRPC `OK`.
    Ok,
    /// gRPC `INVALID_ARGUMENT`.
    InvalidArgument,
    /// gRPC `UNAUTHENTICATED`.
    Unauthenticated,
    /// gRPC `NOT_FOUND`.
    NotFound,
    /// gRPC `RESOURCE_EXHAUSTED`.
    ResourceExhausted,
    /// gRPC `INTERNAL`.
    Internal,
    /// gRPC `UNIMPLEMENTED`.
    Unimplemented,
    /// gRPC `UNAVAILABLE`.
    Unavailable,
    /// gRPC `DEADLINE_EXCEEDED`.
    DeadlineExceeded,
}

impl Status {
    /// In the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::InvalidArgument,
        Self::Unauthenticated,
        Self::NotFound,
        Self::ResourceExhausted,
        Self::Internal,
        Self::Unimplemented,
        Self::Unavailable,
        Self::DeadlineExceeded,
    ];

    /// Labels in the order of their numbers.
    pub const LABELS: [&'static str; 9] = [
        "200", "400", "401", "404", "429", "500", "501", "503", "504",
    ];

    /// The label's value.
    #[must_use]
    pub const fn label(self) -> &'static str {
        Self::LABELS[self as usize]
    }
}

/// What an HTTP worker was asked for, as in `avap_http_requests_total{route}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Route {
    /// `/api/v1/execute`
    Execute,
    /// `/api/v1/compile`
    Compile,
    /// `/api/v1/check`
    Check,
    /// `/api/v1/commands`
    Commands,
    /// `/api/v1/commands/{name}`
    Command,
    /// `/metrics`, `/api/v1/metrics`
    Metrics,
    /// `/api/v1/openapi.json`
    OpenApi,
    /// `/health`, and `/`, which points there
    Health,
    /// `/ready`
    Ready,
    /// Anything else.
    Other,
}

impl Route {
    /// Labels in the order of their numbers.
    pub const LABELS: [&'static str; 10] = [
        "execute", "compile", "check", "commands", "command", "metrics", "openapi", "health",
        "ready", "other",
    ];

    /// The label's value.
    #[must_use]
    pub const fn label(self) -> &'static str {
        Self::LABELS[self as usize]
    }
}

/// The status of an HTTP answer as in `avap_http_requests_total{status}`: scripts may choose any, so those that the
/// appliance itself gives have a label each and the others share one a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpStatus(usize);

impl HttpStatus {
    /// Labels in the order of their numbers.
    pub const LABELS: [&'static str; 18] = [
        "200", "204", "301", "304", "400", "401", "404", "405", "408", "413", "500", "503", "504",
        "1xx", "2xx", "3xx", "4xx", "5xx",
    ];
    const CODES: [u16; 13] = [
        200, 204, 301, 304, 400, 401, 404, 405, 408, 413, 500, 503, 504,
    ];

    /// From a status code; one that is none counts as `5xx`.
    #[must_use]
    pub fn from_code(code: u16) -> Self {
        if let Some(number) = Self::CODES.iter().position(|known| *known == code) {
            return Self(number);
        }
        let class = match code {
            100..=199 => 0,
            200..=299 => 1,
            300..=399 => 2,
            400..=499 => 3,
            _ => 4,
        };
        Self(Self::CODES.len() + class)
    }

    /// The label's value.
    #[must_use]
    pub fn label(self) -> &'static str {
        Self::LABELS[self.0]
    }
}

/// How a script ended, as in `avap_script_runs_total{outcome}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum ScriptEnd {
    /// It answered.
    Ok,
    /// It has a mistake, or raised.
    Failed,
    /// It used up its fuel.
    Fuel,
    /// It took too long.
    Deadline,
    /// It wanted too much memory.
    Memory,
    /// Its answer became too large.
    Output,
    /// It was ended for the worker's sake.
    Cancelled,
    /// A fault of the appliance.
    Internal,
    /// It was not begun, or not gone on with: it would not have been done in time.
    Refused,
}

impl ScriptEnd {
    /// Labels in the order of their numbers; those of limits are the codes of answers.
    pub const LABELS: [&'static str; 9] = [
        "ok",
        "failed",
        "fuel_exhausted",
        "deadline_exceeded",
        "memory_exceeded",
        "output_exceeded",
        "cancelled",
        "internal",
        "refused",
    ];
}

/// What a connection of the gRPC engine can run into, as in `avap_limits_reached_total{limit}`.
pub const LIMIT_LABELS: [&str; 15] = [
    "streams",
    "header_list",
    "continuations",
    "message",
    "peer_resets",
    "own_resets",
    "pings",
    "settings",
    "empty_frames",
    "queued_bytes",
    "zero_window",
    "preface",
    "request",
    "idle",
    "age",
];

/// Where an HTTP worker has a definition from, as in `avap_definitions_loaded_total{origin}`: the code segment, or it was
/// compiled by the worker.
pub const DEFINITION_ORIGINS: [&str; 2] = ["code_segment", "compiled"];

/// Upper bounds of the latency buckets in nanoseconds, 10 µs to 10 s; one more bucket lies above.
pub const LATENCY_BOUNDS_NS: [u64; 19] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Buckets of a latency histogram, the unbounded last one included.
pub const LATENCY_BUCKETS: usize = LATENCY_BOUNDS_NS.len() + 1;

/// Durations: how many fell into each bucket (not cumulative), and their sum.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Histogram {
    pub(crate) sum_ns: AtomicU64,
    pub(crate) buckets: [AtomicU64; LATENCY_BUCKETS],
}

impl Histogram {
    fn count(&self, elapsed: Duration, count: u64) {
        let elapsed_ns = nanoseconds(elapsed);
        let bucket = LATENCY_BOUNDS_NS
            .iter()
            .position(|bound| elapsed_ns <= *bound);
        add(&self.buckets[bucket.unwrap_or(LATENCY_BUCKETS - 1)], count);
        add(&self.sum_ns, elapsed_ns.saturating_mul(count));
    }

    fn words(&self) -> impl Iterator<Item = &AtomicU64> {
        std::iter::once(&self.sum_ns).chain(&self.buckets)
    }
}

/// Everything that counts up: folded into a base when the incarnation is gone. A worker of one role leaves the words of
/// the other at zero.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Counters {
    pub(crate) connections_total: AtomicU64,
    pub(crate) adopted_total: AtomicU64,
    pub(crate) resets_total: AtomicU64,
    pub(crate) logs_dropped_total: AtomicU64,
    pub(crate) streams_over_aged_total: AtomicU64,
    pub(crate) swaps_total: AtomicU64,
    pub(crate) panics_total: AtomicU64,
    pub(crate) timeouts_total: AtomicU64,
    pub(crate) handed_over_total: AtomicU64,
    pub(crate) limits: [AtomicU64; LIMIT_LABELS.len()],
    pub(crate) requests: [[AtomicU64; Status::LABELS.len()]; Method::LABELS.len()],
    pub(crate) latency: [Histogram; Method::LABELS.len()],
    pub(crate) http_requests: [[AtomicU64; HttpStatus::LABELS.len()]; Route::LABELS.len()],
    pub(crate) http_latency: [Histogram; Route::LABELS.len()],
    pub(crate) scripts: [AtomicU64; ScriptEnd::LABELS.len()],
    pub(crate) definitions: [AtomicU64; DEFINITION_ORIGINS.len()],
}

/// Words of [`Counters`]: the shape of a base.
pub const COUNTER_WORDS: usize = size_of::<Counters>() / 8;

const _: () = assert!(size_of::<Counters>() == COUNTER_WORDS * 8);

impl Counters {
    pub(crate) fn count_requests(
        &self,
        method: Method,
        status: Status,
        elapsed: Duration,
        count: u64,
    ) {
        add(&self.requests[method as usize][status as usize], count);
        self.latency[method as usize].count(elapsed, count);
    }

    pub(crate) fn count_http_request(&self, route: Route, status: HttpStatus, elapsed: Duration) {
        add(&self.http_requests[route as usize][status.0], 1);
        self.http_latency[route as usize].count(elapsed, 1);
    }

    /// Requests of both roles.
    pub(crate) fn requests_total(&self) -> u64 {
        let grpc = self.requests.iter().flatten();
        grpc.chain(self.http_requests.iter().flatten())
            .map(|word| word.load(Ordering::Relaxed))
            .sum()
    }

    /// Every counter, in the order of the struct.
    pub(crate) fn words(&self) -> impl Iterator<Item = &AtomicU64> {
        let Self {
            connections_total,
            adopted_total,
            resets_total,
            logs_dropped_total,
            streams_over_aged_total,
            swaps_total,
            panics_total,
            timeouts_total,
            handed_over_total,
            limits,
            requests,
            latency,
            http_requests,
            http_latency,
            scripts,
            definitions,
        } = self;
        [
            connections_total,
            adopted_total,
            resets_total,
            logs_dropped_total,
            streams_over_aged_total,
            swaps_total,
            panics_total,
            timeouts_total,
            handed_over_total,
        ]
        .into_iter()
        .chain(limits)
        .chain(requests.iter().flatten())
        .chain(latency.iter().flat_map(Histogram::words))
        .chain(http_requests.iter().flatten())
        .chain(http_latency.iter().flat_map(Histogram::words))
        .chain(scripts)
        .chain(definitions)
    }
}

/// Counters of a page have one writer, its worker's loop, and those of the base the supervisor: a load and a store, a
/// third of what a locked instruction costs.
pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    let sum = counter.load(Ordering::Relaxed).wrapping_add(amount);
    counter.store(sum, Ordering::Relaxed);
}

pub(crate) fn nanoseconds(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_its_own_label_or_that_of_its_class() {
        for code in [
            200, 204, 301, 304, 400, 401, 404, 405, 408, 413, 500, 503, 504,
        ] {
            assert_eq!(HttpStatus::from_code(code).label(), code.to_string());
        }
        for (code, label) in [
            (100, "1xx"),
            (201, "2xx"),
            (302, "3xx"),
            (418, "4xx"),
            (599, "5xx"),
            (0, "5xx"),
        ] {
            assert_eq!(HttpStatus::from_code(code).label(), label);
        }
    }
}
