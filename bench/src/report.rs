//! The outcome of a run.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Requests that did not end as they must, by kind. All zero: every reply was verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Failures {
    /// The record is not the one that the named version holds.
    pub wrong_bytes: u64,
    /// The status is not what the named version gives.
    pub wrong_status: u64,
    /// The reply names a version that is not expected.
    pub wrong_version: u64,
    /// Not a gRPC reply, or one that names no version.
    pub wrong_headers: u64,
    /// Reset by the server.
    pub reset: u64,
    /// Refused by GOAWAY.
    pub refused: u64,
    /// The connection ended first.
    pub lost: u64,
    /// No reply in time.
    pub timed_out: u64,
    /// Replies with a generation below an earlier one's on their connection.
    pub went_back: u64,
    /// Breaches of HTTP/2 by the server.
    pub faults: u64,
}

/// A value of `avap-catalog-version`, and when its verified replies came (`CLOCK_MONOTONIC`).
#[derive(Clone, Debug, Serialize)]
pub struct SeenVersion {
    /// As sent.
    pub version: String,
    /// How many.
    pub replies: u64,
    /// The first.
    pub first_ns: u64,
    /// The last.
    pub last_ns: u64,
}

/// Microseconds: extremes, mean, and the quantiles of the names.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    pub min: f64,
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Latency {
    /// Of a histogram of nanoseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let us = |nanoseconds: u64| nanoseconds as f64 / 1e3;
        let quantile = |quantile: f64| us(histogram.value_at_quantile(quantile));
        Self {
            min: us(histogram.min()),
            mean: histogram.mean() / 1e3,
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: us(histogram.max()),
        }
    }
}

/// What [`crate::run`] returns.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// No failure of any kind.
    pub clean: bool,
    /// Verified replies, warm-up included.
    pub verified: u64,
    /// Verified replies a second of measured time.
    pub rate: f64,
    /// Requests due in the measured time (open loop).
    pub due: u64,
    /// Of those, dropped because every stream was taken or the server's windows were closed.
    pub not_started_busy: u64,
    /// Of those, dropped because the generator itself was late: the host did not let it run.
    pub not_started_late: u64,
    /// By kind, warm-up included.
    pub failures: Failures,
    /// The first failures in words.
    pub notes: Vec<String>,
    /// From the intended time (open loop) or the start (closed loop) to the last byte.
    pub latency_us: Latency,
    /// How many requests that is of.
    pub measured: u64,
    /// The versions that replied, in order of appearance.
    pub versions: Vec<SeenVersion>,
    /// Connections made anew.
    pub reconnects: u64,
    /// CPU time of the generator's thread, in seconds, and wall time of the same span.
    pub generator_cpu_s: f64,
    /// From the first request to the last reply, in seconds.
    pub elapsed_s: f64,
    /// Samples that did not fit.
    pub samples_dropped: u64,
    /// Stopped by the caller before its end.
    pub interrupted: bool,
}
