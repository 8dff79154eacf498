//! The outcome of a run.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::plan::Plan;
use crate::tally::Counts;

/// Requests that did not end as they must, by kind. All zero: every reply was verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Failures {
    /// The record is not the one that the named version holds; the body is not the expected one (Execute).
    pub wrong_bytes: u64,
    /// The status is not what the named version gives, or the plan (Execute).
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
    /// Breaches of HTTP by the server.
    pub faults: u64,
}

impl Failures {
    /// Adds another thread's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.wrong_bytes += other.wrong_bytes;
        self.wrong_status += other.wrong_status;
        self.wrong_version += other.wrong_version;
        self.wrong_headers += other.wrong_headers;
        self.reset += other.reset;
        self.refused += other.refused;
        self.lost += other.lost;
        self.timed_out += other.timed_out;
        self.went_back += other.went_back;
        self.faults += other.faults;
    }
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

/// What one thread did. One whose `cpu_s` is close to its `elapsed_s` had no time left: the rate may be its own limit.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ThreadReport {
    /// Connections that it had.
    pub connections: u32,
    /// Replies that it verified, warm-up included.
    pub verified: u64,
    /// CPU time in seconds.
    pub cpu_s: f64,
    /// Wall time of the same span, in seconds.
    pub elapsed_s: f64,
}

/// What came of one thread.
pub struct Share {
    pub counts: Counts,
    pub connections: u32,
    pub due: u64,
    pub not_started_busy: u64,
    pub not_started_late: u64,
    pub reconnects: u64,
    pub cpu_s: f64,
    pub elapsed_s: f64,
    pub interrupted: bool,
}

/// What [`crate::run`] returns: of all threads together, where nothing else is said.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// No failure of any kind.
    pub clean: bool,
    /// Verified replies, warm-up included.
    pub verified: u64,
    /// Verified replies that came in the measured time, a second of it.
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
    /// The versions that replied, in order of appearance; none in Execute.
    pub versions: Vec<SeenVersion>,
    /// Connections made anew.
    pub reconnects: u64,
    /// CPU time of the generator's threads, in seconds.
    pub generator_cpu_s: f64,
    /// From the first request to the last reply, in seconds.
    pub elapsed_s: f64,
    /// Each thread; the first is the caller's.
    pub threads: Vec<ThreadReport>,
    /// Samples that did not fit.
    pub samples_dropped: u64,
    /// Stopped by the caller before its end.
    pub interrupted: bool,
}

impl Report {
    /// The shares of a plan's threads, put together.
    pub(crate) fn of(plan: &Plan, shares: Vec<Share>) -> (Self, Vec<(u64, u64)>) {
        let threads: Vec<ThreadReport> = shares.iter().map(ThreadReport::of).collect();
        let sum = |count: fn(&Share) -> u64| shares.iter().map(count).sum();
        let (due, reconnects) = (sum(|share| share.due), sum(|share| share.reconnects));
        let not_started_busy = sum(|share| share.not_started_busy);
        let not_started_late = sum(|share| share.not_started_late);
        let interrupted = shares.iter().any(|share| share.interrupted);
        let mut counts = Counts::new();
        for share in shares {
            counts.absorb(share.counts);
        }
        counts
            .samples
            .sort_unstable_by_key(|&(_, finished)| finished);
        let report = Self {
            clean: counts.failures == Failures::default(),
            verified: counts.verified,
            rate: counts.verified_in_time as f64 / plan.duration_s.max(f64::MIN_POSITIVE),
            due,
            not_started_busy,
            not_started_late,
            failures: counts.failures,
            notes: counts.notes,
            latency_us: Latency::of(&counts.latency_ns),
            measured: counts.latency_ns.len(),
            versions: counts.versions,
            reconnects,
            generator_cpu_s: threads.iter().map(|thread| thread.cpu_s).sum(),
            elapsed_s: threads
                .iter()
                .map(|thread| thread.elapsed_s)
                .fold(0.0, f64::max),
            threads,
            samples_dropped: counts.samples_dropped,
            interrupted,
        };
        (report, counts.samples)
    }
}

impl ThreadReport {
    fn of(share: &Share) -> Self {
        Self {
            connections: share.connections,
            verified: share.counts.verified,
            cpu_s: share.cpu_s,
            elapsed_s: share.elapsed_s,
        }
    }
}
