//! The embedded commands as a catalogue, and one request from body to answer.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use vm::execution::{Answer, Execution, Inputs, Request, Variables, compile};
use vm::program::{Catalog, Definition};

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A command file's definition and the items of its interface, as JSON.
pub fn command_file(text: &str) -> (String, String) {
    let (block, code) = text.split_once("\n# ///\n").expect("a block");
    let items: Vec<String> = block
        .lines()
        .filter_map(|line| {
            line.split_once("item = \"")?
                .1
                .split_once('"')
                .map(|(name, _)| format!("{{\"item\": \"{name}\"}}"))
        })
        .collect();
    (code.to_owned(), format!("[{}]", items.join(", ")))
}

/// The embedded commands, compiled.
pub struct Embedded {
    pub commands: HashMap<String, Arc<Definition>>,
}

impl Embedded {
    pub fn load() -> Self {
        let mut commands = HashMap::new();
        for entry in std::fs::read_dir(root().join("supervisor/commands")).expect("the folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_none_or(|extension| extension != "py") {
                continue;
            }
            let name = path
                .file_stem()
                .and_then(|name| name.to_str())
                .expect("a name")
                .to_owned();
            let (code, interface) = command_file(&std::fs::read_to_string(&path).expect("a file"));
            commands.insert(
                name.clone(),
                Arc::new(Definition::new(&name, &code, &interface)),
            );
        }
        Self { commands }
    }
}

impl Catalog for Embedded {
    fn definition(&self, name: &str) -> Option<Arc<Definition>> {
        self.commands.get(name).cloned()
    }
}

pub type Query = Vec<(String, Vec<Vec<u8>>)>;

/// Answer one request, in slices of `units`.
pub fn answer(catalog: &dyn Catalog, body: &str, query: &Query, units: u32) -> (u16, String) {
    answer_within(catalog, body, query, units, vm::limits::FUEL_MAX)
}

/// Answer one request with so much fuel.
pub fn answer_within(
    catalog: &dyn Catalog,
    body: &str,
    query: &Query,
    units: u32,
    fuel: u64,
) -> (u16, String) {
    let after = vm::limits::SPECIALISE_AFTER;
    answer_with(catalog, body, query, units, fuel, after, |_| ())
}

/// Answer one request, in slices of `units`, and move all that is live to another arena after each.
pub fn answer_collecting(
    catalog: &dyn Catalog,
    body: &str,
    query: &Query,
    units: u32,
) -> (u16, String) {
    let fuel = vm::limits::FUEL_MAX;
    let after = vm::limits::SPECIALISE_AFTER;
    answer_with(catalog, body, query, units, fuel, after, |execution| {
        assert_eq!(execution.collect(), Ok(true));
    })
}

/// When a call site's definition is specialised, and what happens between two slices.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub specialise_after: u32,
    pub units: u32,
    pub collects: bool,
}

/// Answer one request in a certain manner.
pub fn answer_in(
    catalog: &dyn Catalog,
    body: &str,
    query: &Query,
    manner: Manner,
) -> (u16, String) {
    let (fuel, after) = (vm::limits::FUEL_MAX, manner.specialise_after);
    answer_with(
        catalog,
        body,
        query,
        manner.units,
        fuel,
        after,
        |execution| {
            if manner.collects {
                assert_eq!(execution.collect(), Ok(true));
            }
        },
    )
}

fn answer_with(
    catalog: &dyn Catalog,
    body: &str,
    query: &Query,
    units: u32,
    fuel: u64,
    specialise_after: u32,
    between: impl Fn(&mut Execution),
) -> (u16, String) {
    let request = match Request::read(body.as_bytes()) {
        Ok(request) => request,
        Err(failure) => return (failure.status, failure.body()),
    };
    let program = match compile(&request.script, catalog) {
        Ok(program) => Arc::new(program),
        Err(failure) => return (failure.status, failure.body()),
    };
    let inputs = Inputs {
        body: body.as_bytes(),
        variables: Variables::OfBody,
        query,
        now_us: 1_700_000_000_000_000,
        seed: 1,
        fuel,
        specialise_after,
        ..Inputs::default()
    };
    let mut execution = match Execution::new(program, &inputs) {
        Ok(execution) => execution,
        Err(failure) => return (failure.status, failure.body()),
    };
    loop {
        if let vm::execution::Progress::Done(Answer { status, body, .. }) = execution.run(units) {
            return (status, body);
        }
        between(&mut execution);
    }
}
