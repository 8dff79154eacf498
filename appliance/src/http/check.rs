//! `POST /api/v1/check`: what will surprise the writer of a script. Nothing is run.

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use shm_catalog::{Command, Segment};
use vm::check::{Catalog, Report, check, most_similar};

use crate::plane::version::Version;
use crate::scripts::runner::Runner;

use super::compile::aside;
use super::execute::{script_of, text};
use super::problem::{Problem, no_catalogue};
use super::reply::Reply;

/// Names that a check compares with names that do not exist, all such names together: some 100 ns each.
const COMPARED_MAX: u64 = 200_000;

/// Checks the script of a request, on a VM thread.
///
/// # Errors
/// 400 for a body that is wrong, 503 without a catalogue or when the threads have too much to do.
pub async fn answer(
    runner: &Runner,
    version: Option<&Version>,
    body: Bytes,
) -> Result<Reply, Problem> {
    let segment = Arc::clone(&version.ok_or_else(no_catalogue)?.segment);
    aside(runner, move || {
        let script = script_of(text(&body)?)?;
        let commands = Commands {
            segment: &segment,
            compared: Cell::new(0),
        };
        let report = check(&script, &commands);
        Ok(Reply::json(StatusCode::OK, shown(&report).to_string()))
    })
    .await
}

fn shown(report: &Report) -> Value {
    let diagnostics: Vec<Value> = report
        .diagnostics
        .iter()
        .map(|one| {
            let info = one.code.info();
            json!({
                "code": info.name,
                "severity": info.severity.name(),
                "strict": info.strict,
                "line": one.position.line,
                "column": one.position.column,
                "happens": one.happens,
                "meant": one.meant,
            })
        })
        .collect();
    json!({
        "diagnostics": diagnostics,
        "left_out": report.left_out,
        "strict": !report.is_refused_by_strict(),
    })
}

/// The commands of a version, as a check asks for them.
struct Commands<'a> {
    segment: &'a Segment,
    compared: Cell<u64>,
}

impl Catalog for Commands<'_> {
    fn interface(&self, name: &str) -> Option<Vec<String>> {
        let Command { interface, .. } = self.segment.command(name.as_bytes())?;
        let items = vm::interface::items(interface).into_iter();
        Some(items.map(Into::into).collect())
    }

    fn similar(&self, name: &str) -> Option<String> {
        let compared = self.compared.get() + self.segment.count();
        if compared > COMPARED_MAX {
            return None;
        }
        self.compared.set(compared);
        most_similar(name, self.segment.names()).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::test_segment::segment;

    fn report(script: &str) -> Value {
        let segment = segment(1, &[("addVar", "x = 1")]);
        let commands = Commands {
            segment: &segment,
            compared: Cell::new(0),
        };
        shown(&check(script, &commands))
    }

    #[test]
    fn a_surprise_has_its_place_and_what_was_meant() {
        let found = report("x = 1\nadvar(x, 2)\n");
        let first = &found["diagnostics"][0];
        assert_eq!(
            (&first["line"], &first["severity"]),
            (&json!(2), &json!("error"))
        );
        assert!(
            first["meant"].as_str().unwrap().contains("addVar"),
            "{found}"
        );
    }

    #[test]
    fn a_script_without_surprises_has_no_diagnostics() {
        assert_eq!(
            report("x = 1"),
            json!({"diagnostics": [], "left_out": 0, "strict": true})
        );
    }
}
