//! Thousands of expressions over built-ins, each in a definition of its own, against what `CPython` 3.11 gave.
//! The cases are recorded by `tests/vm/record_builtins.py`.

#![allow(clippy::doc_markdown, reason = "CPython is a name here")]

mod embedded;

use std::sync::Arc;

use embedded::{Embedded, Manner, answer_in};
use vm::program::Definition;

const RECORDED: &str = include_str!("recorded_builtins.json");

/// Where we differ and mean to: a part of the expression, and why. Also in `limitations.md`.
const KNOWN: &[(&str, &str)] = &[
    ("range(5)[1:4:2**70]", "ranges are within 64 bits"),
    (
        "json.loads()",
        "functions that CPython writes in Python count arguments in other words",
    ),
    ("json.dumps()", "as json.loads()"),
    ("re.sub('a')", "as json.loads()"),
    ("literal_eval('--1')", "no addresses in messages"),
    ("'%d %d'", "the position is one in CPython's own pattern"),
];

/// The text that `CPython` and the definition give for a case, specialised after so many runs.
fn run(catalog: &mut Embedded, case: &str, specialise_after: u32) -> String {
    let is_statement = case.starts_with("x = ") || case.starts_with("x, ");
    let (statements, expression) = match case.rsplit_once("; ") {
        Some((statements, expression)) if is_statement => (statements, expression),
        _ => ("pass", case),
    };
    let body = statements.replace("; ", "\n    ");
    let code = format!(
        "import ast, datetime, hashlib, json, math, os, pytz, re\ntry:\n    {body}\n    \
         result = repr(({expression}))\nexcept Exception as error:\n    result = '!' + \
         type(error).__name__ + ': ' + str(error)\nself.conector.variables['result'] = result\n"
    );
    let definition = Definition::new("probe", &code, "[]");
    catalog
        .commands
        .insert("probe".into(), Arc::new(definition));
    let request = r#"{"script": "probe()"}"#;
    let manner = Manner {
        specialise_after,
        units: vm::limits::SLICE_UNITS,
        collects: false,
    };
    let (_, text) = answer_in(catalog, request, &Vec::new(), manner);
    let reply: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    match reply["variables"]["result"].as_str() {
        Some(result) => result.to_owned(),
        None => format!("?{}", reply["error"].as_str().unwrap_or(&text)),
    }
}

/// What a message says beyond doubt: some of `CPython`'s texts are its parser's own.
fn same(expected: &str, found: &str) -> bool {
    if expected == found {
        return true;
    }
    let class = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
    let parsing = ["!JSONDecodeError", "!SyntaxError"];
    parsing.contains(&class(expected).as_str()) && class(expected) == class(found)
}

#[test]
fn built_ins_give_what_cpython_gives() {
    check(u32::MAX);
}

#[test]
fn built_ins_in_specialised_definitions_give_what_cpython_gives() {
    check(0);
}

fn check(specialise_after: u32) {
    let cases: Vec<(String, String)> = serde_json::from_str(RECORDED).expect("recorded cases");
    assert!(cases.len() > 4_000, "{}", cases.len());
    let mut catalog = Embedded::load();
    let mut differing = Vec::new();
    for (case, expected) in &cases {
        if KNOWN.iter().any(|(part, _)| case.contains(part)) {
            continue;
        }
        let found = run(&mut catalog, case, specialise_after);
        if !same(expected, &found) {
            differing.push(format!(
                "{case}\n    CPython: {expected}\n    here:    {found}"
            ));
        }
    }
    assert!(
        differing.is_empty(),
        "{} of {} differ:\n{}",
        differing.len(),
        cases.len(),
        differing.join("\n")
    );
}
