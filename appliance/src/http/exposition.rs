//! Prometheus' text format, version 0.0.4, from the table of metrics and the pages of all workers.

use std::fmt::Write as _;

use http::{HeaderValue, StatusCode};
use shm_catalog::metrics::{METRICS, sample};
use shm_catalog::slots::SlotPages;

use super::reply::Reply;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The metrics of all workers of both roles, those that are gone included.
pub fn metrics(slots: &SlotPages) -> Reply {
    Reply::new(StatusCode::OK, TEXT, text(slots))
}

fn text(slots: &SlotPages) -> String {
    let samples = sample(slots);
    let mut out = String::with_capacity(64 * samples.len());
    let mut rest = samples.as_slice();
    for metric in METRICS {
        // Writing to a String does not fail.
        let _ = writeln!(out, "# HELP {} {}", metric.family, metric.help);
        let _ = writeln!(out, "# TYPE {} {}", metric.family, metric.kind.name());
        // Samples come in the order of the table; a histogram's lines have suffixes.
        let of_family = rest
            .iter()
            .take_while(|one| {
                one.family
                    .strip_prefix(metric.family)
                    .is_some_and(|suffix| matches!(suffix, "" | "_bucket" | "_sum" | "_count"))
            })
            .count();
        let (mine, others) = rest.split_at(of_family);
        rest = others;
        for one in mine {
            out.push_str(&one.family);
            let le = one.family.ends_with("_bucket").then_some("le");
            let names = metric.labels.iter().copied().chain(le);
            for (index, (name, value)) in names.zip(&one.labels).enumerate() {
                let open = if index == 0 { '{' } else { ',' };
                let _ = write!(out, "{open}{name}=\"{value}\"");
            }
            if !one.labels.is_empty() {
                out.push('}');
            }
            let _ = writeln!(out, " {}", one.value);
        }
    }
    out
}
