//! What the fuzzers run, and the corpus test after them. None of it may panic, and none may be a fault of the machine.

#![allow(dead_code, reason = "each fuzz target uses a part of it")]

use std::sync::Arc;

use vm::bytecode::{Code, listing, verify};
use vm::execution::{Answer, Execution, Inputs, Progress, compile};
use vm::program::{Catalog, Definition, Program};

/// Units of an input: enough for every statement of a small text, too few for a fuzzer to wait.
const FUEL: u64 = 20_000;

/// One command under every name, or none at all.
struct Commands(Option<Arc<Definition>>);

impl Catalog for Commands {
    fn definition(&self, _: &str) -> Option<Arc<Definition>> {
        self.0.clone()
    }
}

/// A script whose every command sets a variable.
pub fn scripts(data: &[u8]) {
    let Some((units, script)) = units_and_text(data) else {
        return;
    };
    let command = Definition::new(
        "command",
        "self.conector.variables['task'] = len(task['properties'])\nfor branch in task.get('branches', {}).values():\n    for step in branch:\n        self.process_step(step)\n",
        r#"[{"item": "value"}]"#,
    );
    let Ok(program) = compile(script, &Commands(Some(Arc::new(command)))) else {
        return;
    };
    for code in &program.codes {
        check_code(code, &[], &program);
    }
    outcomes_agree(&Arc::new(program), units);
}

/// A definition that a script calls.
pub fn definitions(data: &[u8]) {
    let Some((units, text)) = units_and_text(data) else {
        return;
    };
    let definition = Definition::new("command", text, "[]");
    if definition.code.is_err() {
        return;
    }
    let Ok(program) = compile("command(1)", &Commands(Some(Arc::new(definition)))) else {
        return;
    };
    outcomes_agree(&Arc::new(program), units);
}

/// A definition: the verifier accepts what the compiler made, and its listing is read back as it was.
pub fn bytecode(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(code) = Definition::new("command", text, "[]").code {
        check_listings(&code);
        verify::verify(&code, code.globals.len(), 0, 0).expect("code of our own compiler");
    }
}

/// The binary form of a definition, without the version in front: what is accepted is sound, and written as it was read.
pub fn binary(data: &[u8]) {
    let bytes = [&vm::bytecode::binary::VERSION.to_le_bytes()[..], data].concat();
    let Ok(definition) = Definition::from_binary(&bytes) else {
        return;
    };
    assert_eq!(definition.to_binary(), bytes);
    if let Ok(code) = &definition.code {
        verify::verify(code, code.globals.len(), 0, 0).expect("code that was verified");
    }
}

fn check_code(code: &Code, globals: &[Box<str>], program: &Program) {
    check_listings(code);
    let (definitions, codes) = (program.definitions.len(), program.codes.len());
    verify::verify(code, globals.len(), definitions, codes).expect("code of our own compiler");
}

fn check_listings(code: &Code) {
    let (ops, handlers) = listing::parse_ops(&listing::print(code)).expect("a listing");
    assert_eq!(ops, code.ops);
    assert_eq!(handlers, code.handlers);
}

/// The answer depends neither on the length of slices nor on where the arena is left behind.
fn outcomes_agree(program: &Arc<Program>, units: u32) {
    let whole = outcome(program, vm::limits::SLICE_UNITS, false);
    let moved = outcome(program, units, true);
    for answer in [&whole, &moved] {
        let code = answer.failure.as_ref().map(|failure| failure.code);
        assert_ne!(code, Some("internal"), "{}", answer.body);
    }
    let limited = |answer: &Answer| {
        answer
            .failure
            .as_ref()
            .is_some_and(|failure| matches!(failure.code, "fuel_exhausted" | "memory_exceeded"))
    };
    // Moving costs fuel, and memory is measured elsewhere.
    if !limited(&whole) && !limited(&moved) {
        assert_eq!(whole.body, moved.body);
    }
}

fn outcome(program: &Arc<Program>, units: u32, collects: bool) -> Answer {
    let inputs = Inputs {
        fuel: FUEL,
        memory_bytes: 4 << 20,
        ..Inputs::default()
    };
    let mut execution = Execution::new(Arc::clone(program), &inputs).expect("an execution");
    loop {
        match execution.run(units) {
            Progress::Done(answer) => return answer,
            Progress::Yielded if collects => {
                execution.collect().expect("only values that are known");
            }
            Progress::Yielded => {}
        }
    }
}

/// The first byte is the length of slices, the rest a text.
fn units_and_text(data: &[u8]) -> Option<(u32, &str)> {
    let (units, text) = data.split_first()?;
    Some((u32::from(*units) + 1, std::str::from_utf8(text).ok()?))
}
