//! Every recorded script (except those that need outbound HTTP) gives the recorded answer over the embedded commands.

mod embedded;

use embedded::{Embedded, Manner, Query, answer, answer_collecting, answer_in, root};
use serde_json::Value;
use vm::program::Catalog;

fn query_of(case: &Value) -> Query {
    let text = |value: &Value| value.as_str().expect("a text").as_bytes().to_vec();
    case["query"]
        .as_object()
        .expect("an object")
        .iter()
        .map(|(name, value)| {
            let values = match value {
                Value::Array(values) => values.iter().map(text).collect(),
                one => vec![text(one)],
            };
            (name.clone(), values)
        })
        .collect()
}

/// Equal as JSON shows them: 3 and 3.0 differ.
fn same(left: &Value, right: &Value) -> bool {
    left == right
}

fn check(case: &Value, status: u16, body: &str) -> Result<(), String> {
    if u64::from(status) != case["expected_status"].as_u64().unwrap_or_default() {
        return Err(format!("status {status}: {body}"));
    }
    let answer: Value = serde_json::from_str(body).map_err(|error| format!("{error}: {body}"))?;
    if case["error_compare"] == "exact" && answer["error"] != case["expected_error"] {
        return Err(format!(
            "error {} instead of {}",
            answer["error"], case["expected_error"]
        ));
    }
    if !case["error_compare"].is_null() {
        return if answer["success"] == false {
            Ok(())
        } else {
            Err("it succeeded".into())
        };
    }
    if !case["expected_result"].is_null() && !same(&answer["result"], &case["expected_result"]) {
        return Err(format!(
            "result {} instead of {}",
            answer["result"], case["expected_result"]
        ));
    }
    for (name, value) in case["expected_variables_subset"]
        .as_object()
        .expect("an object")
    {
        if !same(&answer["variables"][name], value) {
            return Err(format!(
                "variable {name} is {} instead of {value}",
                answer["variables"][name]
            ));
        }
    }
    if let Some(logs) = case["expected_logs"].as_array() {
        let found = answer["logs"].as_array().expect("a list");
        let same = found.len() == logs.len()
            && found.iter().zip(logs).all(|(found, log)| {
                found["command"] == log["command"] && found["success"] == log["success"]
            });
        if !same {
            return Err(format!(
                "logs {} instead of {}",
                answer["logs"], case["expected_logs"]
            ));
        }
    }
    Ok(())
}

fn cases() -> Vec<Value> {
    let text =
        std::fs::read_to_string(root().join("tests/cases/language.json")).expect("the cases");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    cases
        .into_iter()
        .filter(|case| {
            case["path"] == "/api/v1/execute"
                && !case["tags"]
                    .as_array()
                    .expect("tags")
                    .iter()
                    .any(|tag| tag == "http_stub")
        })
        .collect()
}

type Answering = fn(&dyn Catalog, &str, &Query, u32) -> (u16, String);

fn run_all(answer: Answering, units: u32) {
    run_all_by(|catalog, body, query| answer(catalog, body, query, units));
}

fn run_all_in(manner: Manner) {
    run_all_by(|catalog, body, query| answer_in(catalog, body, query, manner));
}

fn run_all_by(answer: impl Fn(&dyn Catalog, &str, &Query) -> (u16, String)) {
    let embedded = Embedded::load();
    for definition in embedded.commands.values() {
        if let Err(error) = &definition.code {
            panic!("{}: {error}", definition.name);
        }
    }
    let cases = cases();
    assert!(cases.len() > 120, "only {} cases", cases.len());
    let mut failed = Vec::new();
    for case in &cases {
        let body = match &case["body"] {
            Value::String(raw) => raw.clone(),
            object => object.to_string(),
        };
        let (status, answer) = answer(&embedded, &body, &query_of(case));
        if let Err(difference) = check(case, status, &answer) {
            failed.push(format!(
                "{}: {difference}\n  {}",
                case["name"], case["script"]
            ));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} differ:\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n")
    );
}

#[test]
fn answers_are_as_recorded() {
    run_all(answer, vm::limits::SLICE_UNITS);
}

#[test]
fn answers_do_not_depend_on_the_length_of_slices() {
    run_all(answer, 1);
    run_all(answer, 7);
}

#[test]
fn answers_do_not_depend_on_where_the_arena_is_left_behind() {
    run_all(answer_collecting, 1);
    run_all(answer_collecting, 7);
}

#[test]
fn answers_of_specialised_definitions_are_as_recorded() {
    for (units, collects) in [(4000, false), (7, false), (1, false), (7, true), (1, true)] {
        run_all_in(Manner {
            specialise_after: 0,
            units,
            collects,
        });
    }
}
