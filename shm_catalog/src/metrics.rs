//! The metrics of workers, once: name, help, labels, and where the number lies.
//!
//! Whoever exposes them (the supervisor's Prometheus endpoint, a worker's own) walks [`METRICS`]
//! and [`sample`]; neither knows a metric by name.

use std::mem::offset_of;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::counters::{
    COUNTER_WORDS, Counters, DEFINITION_ORIGINS, HttpStatus, LATENCY_BOUNDS_NS, LATENCY_BUCKETS,
    LIMIT_LABELS, Method, Route, ScriptEnd, Status,
};
use crate::slots::{Page, SlotPages};

/// How a family behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

impl Kind {
    /// The word of the Prometheus text format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Where a family's numbers lie.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// One word of the counters.
    Counter(usize),
    /// A word of each live page, summed.
    LiveSum(fn(&Page) -> &AtomicU64),
    /// Nanoseconds in a word of each live page, the largest, shown in seconds.
    LiveMaxSeconds(fn(&Page) -> &AtomicU64),
    /// `[row][column]`, by the values of two labels.
    Table {
        first: usize,
        rows: &'static [&'static str],
        columns: &'static [&'static str],
    },
    /// `[column]`, by the values of one label.
    Row {
        first: usize,
        columns: &'static [&'static str],
    },
    /// A histogram for each value of a label.
    Histograms {
        first: usize,
        rows: &'static [&'static str],
    },
}

/// One metric family.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As exposed, `_total` included.
    pub family: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// One line for people.
    pub help: &'static str,
    /// Names of its labels; a histogram's `le` is not among them.
    pub labels: &'static [&'static str],
    place: Place,
}

const fn word(byte_offset: usize) -> usize {
    assert!(byte_offset.is_multiple_of(8));
    byte_offset / 8
}

const fn counter_word(byte_offset: usize) -> Place {
    Place::Counter(word(byte_offset))
}

/// Every metric that workers keep.
pub const METRICS: &[Metric] = &[
    Metric {
        family: "avap_requests_total",
        kind: Kind::Counter,
        help: "gRPC calls answered, by method and status",
        labels: &["method", "status"],
        place: Place::Table {
            first: word(offset_of!(Counters, requests)),
            rows: &Method::LABELS,
            columns: &Status::LABELS,
        },
    },
    Metric {
        family: "avap_request_duration_seconds",
        kind: Kind::Histogram,
        help: "From a gRPC call's headers to the last of its reply queued on its connection",
        labels: &["method"],
        place: Place::Histograms {
            first: word(offset_of!(Counters, latency)),
            rows: &Method::LABELS,
        },
    },
    Metric {
        family: "avap_http_requests_total",
        kind: Kind::Counter,
        help: "HTTP requests answered, by route and status; statuses that only scripts give share a label a class",
        labels: &["route", "status"],
        place: Place::Table {
            first: word(offset_of!(Counters, http_requests)),
            rows: &Route::LABELS,
            columns: &HttpStatus::LABELS,
        },
    },
    Metric {
        family: "avap_http_request_duration_seconds",
        kind: Kind::Histogram,
        help: "From an HTTP request's headers to its answer handed to its connection",
        labels: &["route"],
        place: Place::Histograms {
            first: word(offset_of!(Counters, http_latency)),
            rows: &Route::LABELS,
        },
    },
    Metric {
        family: "avap_script_runs_total",
        kind: Kind::Counter,
        help: "Scripts that were to be run, by how that ended",
        labels: &["outcome"],
        place: Place::Row {
            first: word(offset_of!(Counters, scripts)),
            columns: &ScriptEnd::LABELS,
        },
    },
    Metric {
        family: "avap_definitions_loaded_total",
        kind: Kind::Counter,
        help: "Definitions that scripts needed for the first time in a worker, by where it had them from",
        labels: &["origin"],
        place: Place::Row {
            first: word(offset_of!(Counters, definitions)),
            columns: &DEFINITION_ORIGINS,
        },
    },
    Metric {
        family: "avap_scripts_running",
        kind: Kind::Gauge,
        help: "Scripts under way that did not end in their first slice",
        labels: &[],
        place: Place::LiveSum(|page| &page.scripts),
    },
    Metric {
        family: "avap_scripts_waiting",
        kind: Kind::Gauge,
        help: "Scripts under way that wait for a VM thread",
        labels: &[],
        place: Place::LiveSum(|page| &page.scripts_waiting),
    },
    Metric {
        family: "avap_connections",
        kind: Kind::Gauge,
        help: "Connections open now",
        labels: &[],
        place: Place::LiveSum(|page| &page.connections),
    },
    Metric {
        family: "avap_connections_total",
        kind: Kind::Counter,
        help: "Connections accepted",
        labels: &[],
        place: counter_word(offset_of!(Counters, connections_total)),
    },
    Metric {
        family: "avap_connections_adopted_total",
        kind: Kind::Counter,
        help: "Connections accepted by a worker from the socket of a vacant slot",
        labels: &[],
        place: counter_word(offset_of!(Counters, adopted_total)),
    },
    Metric {
        family: "avap_connections_handed_over_total",
        kind: Kind::Counter,
        help: "Connections passed on to a worker with fewer",
        labels: &[],
        place: counter_word(offset_of!(Counters, handed_over_total)),
    },
    Metric {
        family: "avap_limits_reached_total",
        kind: Kind::Counter,
        help: "Limits that connections ran into, by limit",
        labels: &["limit"],
        place: Place::Row {
            first: word(offset_of!(Counters, limits)),
            columns: &LIMIT_LABELS,
        },
    },
    Metric {
        family: "avap_stream_resets_total",
        kind: Kind::Counter,
        help: "Streams that ended by a reset",
        labels: &[],
        place: counter_word(offset_of!(Counters, resets_total)),
    },
    Metric {
        family: "avap_streams_over_aged_total",
        kind: Kind::Counter,
        help: "Streams ended because they held a retired version for too long",
        labels: &[],
        place: counter_word(offset_of!(Counters, streams_over_aged_total)),
    },
    Metric {
        family: "avap_connection_timeouts_total",
        kind: Kind::Counter,
        help: "HTTP connections closed because their peer was too slow to send or to read",
        labels: &[],
        place: counter_word(offset_of!(Counters, timeouts_total)),
    },
    Metric {
        family: "avap_log_lines_dropped_total",
        kind: Kind::Counter,
        help: "Log lines of workers dropped because their pipe was full",
        labels: &[],
        place: counter_word(offset_of!(Counters, logs_dropped_total)),
    },
    Metric {
        family: "avap_worker_panics_total",
        kind: Kind::Counter,
        help: "Panics caught in workers; each closed its connection",
        labels: &[],
        place: counter_word(offset_of!(Counters, panics_total)),
    },
    Metric {
        family: "avap_worker_swaps_total",
        kind: Kind::Counter,
        help: "Changes of version, summed over workers",
        labels: &[],
        place: counter_word(offset_of!(Counters, swaps_total)),
    },
    Metric {
        family: "avap_worker_swap_seconds",
        kind: Kind::Gauge,
        help: "Last change of version, from seeing the announcement to serving it, slowest worker",
        labels: &[],
        place: Place::LiveMaxSeconds(|page| &page.swap_ns),
    },
];

/// One line of an exposition. `family` of a histogram's lines ends in `_bucket` (cumulative, with
/// the label `le` last), `_sum` (seconds) or `_count`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name of the line.
    pub family: String,
    /// In the order of the family's labels.
    pub labels: Vec<String>,
    /// The number.
    pub value: f64,
}

impl Sample {
    fn new(family: &str, labels: &[&str], value: f64) -> Self {
        Self {
            family: family.to_owned(),
            labels: labels.iter().map(ToString::to_string).collect(),
            value,
        }
    }
}

/// Every sample of every family: dead incarnations and live pages together.
#[must_use]
pub fn sample(slots: &SlotPages) -> Vec<Sample> {
    let totals = slots.counter_totals();
    let mut samples = Vec::with_capacity(256);
    for metric in METRICS {
        sample_metric(metric, slots, &totals, &mut samples);
    }
    samples
}

fn sample_metric(
    metric: &Metric,
    slots: &SlotPages,
    totals: &[u64; COUNTER_WORDS],
    samples: &mut Vec<Sample>,
) {
    let family = metric.family;
    match metric.place {
        Place::Counter(word) => samples.push(Sample::new(family, &[], totals[word] as f64)),
        Place::LiveSum(field) => {
            let sum: u64 = slots
                .pages()
                .map(|page| field(page).load(Ordering::Relaxed))
                .sum();
            samples.push(Sample::new(family, &[], sum as f64));
        }
        Place::LiveMaxSeconds(field) => {
            let most_ns = slots
                .pages()
                .map(|page| field(page).load(Ordering::Relaxed))
                .max()
                .unwrap_or(0);
            samples.push(Sample::new(family, &[], seconds(most_ns)));
        }
        Place::Table {
            first,
            rows,
            columns,
        } => {
            let words = totals[first..].chunks(columns.len());
            for (row, words) in rows.iter().zip(words) {
                for (column, word) in columns.iter().zip(words) {
                    samples.push(Sample::new(family, &[row, column], *word as f64));
                }
            }
        }
        Place::Row { first, columns } => {
            for (column, word) in columns.iter().zip(&totals[first..]) {
                samples.push(Sample::new(family, &[column], *word as f64));
            }
        }
        Place::Histograms { first, rows } => {
            let words = totals[first..].chunks(1 + LATENCY_BUCKETS);
            for (row, words) in rows.iter().zip(words) {
                sample_histogram(family, row, words, samples);
            }
        }
    }
}

fn sample_histogram(family: &str, row: &str, words: &[u64], samples: &mut Vec<Sample>) {
    let bucket_family = format!("{family}_bucket");
    let mut count = 0;
    for (bucket, entries) in words[1..].iter().enumerate() {
        count += entries;
        let bound = LATENCY_BOUNDS_NS
            .get(bucket)
            .map_or("+Inf".to_owned(), |bound| seconds(*bound).to_string());
        samples.push(Sample::new(&bucket_family, &[row, &bound], count as f64));
    }
    samples.push(Sample::new(
        &format!("{family}_sum"),
        &[row],
        seconds(words[0]),
    ));
    samples.push(Sample::new(
        &format!("{family}_count"),
        &[row],
        count as f64,
    ));
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
