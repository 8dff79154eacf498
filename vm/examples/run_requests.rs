//! Runs requests over commands that come with them: for tests that compare with `CPython`.
//!
//! Each line of the standard input is `{"commands": {name: {"code": text, "items": [text]}}, "body": text, "query": {…},
//! "units": int, "collect": bool}`, where `collect` moves what is live after each slice; each line of the output is `{"status": int, "body": text}`.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::sync::Arc;

use vm::execution::{Execution, Inputs, Progress, Request, Variables, compile};
use vm::program::{Catalog, Definition};

struct Commands(HashMap<String, Arc<Definition>>);

impl Catalog for Commands {
    fn definition(&self, name: &str) -> Option<Arc<Definition>> {
        self.0.get(name).cloned()
    }
}

fn answer(line: &serde_json::Value) -> (u16, String) {
    let mut commands = HashMap::new();
    for (name, command) in line["commands"].as_object().into_iter().flatten() {
        let items: Vec<serde_json::Value> = command["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|item| serde_json::json!({ "item": item }))
            .collect();
        let interface = serde_json::Value::Array(items).to_string();
        let definition = Definition::new(
            name,
            command["code"].as_str().unwrap_or_default(),
            &interface,
        );
        commands.insert(name.clone(), Arc::new(definition));
    }
    let body = line["body"].as_str().unwrap_or_default();
    let query: Vec<(String, Vec<Vec<u8>>)> = line["query"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            (
                name.clone(),
                vec![value.as_str().unwrap_or_default().as_bytes().to_vec()],
            )
        })
        .collect();
    let request = match Request::read(body.as_bytes()) {
        Ok(request) => request,
        Err(failure) => return (failure.status, failure.body()),
    };
    let program = match compile(&request.script, &Commands(commands)) {
        Ok(program) => Arc::new(program),
        Err(failure) => return (failure.status, failure.body()),
    };
    let inputs = Inputs {
        body: body.as_bytes(),
        variables: Variables::OfBody,
        query: &query,
        now_us: line["now_us"].as_i64().unwrap_or_default(),
        seed: line["seed"].as_u64().unwrap_or_default(),
        ..Inputs::default()
    };
    let mut execution = match Execution::new(program, &inputs) {
        Ok(execution) => execution,
        Err(failure) => return (failure.status, failure.body()),
    };
    let units = line["units"]
        .as_u64()
        .and_then(|units| u32::try_from(units).ok())
        .unwrap_or(vm::limits::SLICE_UNITS);
    loop {
        if let Progress::Done(answer) = execution.run(units) {
            return (answer.status, answer.body);
        }
        if line["collect"] == true {
            execution.collect().expect("only values that are known");
        }
    }
}

fn main() {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line: serde_json::Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        let (status, body) = answer(&line);
        writeln!(
            out,
            "{}",
            serde_json::json!({ "status": status, "body": body })
        )
        .expect("a reader");
        out.flush().expect("a reader");
    }
}
