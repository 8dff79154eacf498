//! What the fuzzers run, and the corpus test after them. None of it may panic, and none may be a fault of the machine.

#![allow(dead_code, reason = "each fuzz target uses a part of it")]

use std::sync::Arc;

use vm::bytecode::escape::task_stays;
use vm::bytecode::{Code, Op, listing, verify};
use vm::execution::{Answer, Execution, Inputs, Progress, compile};
use vm::program::{Catalog, Definition, Program};
use vm::run::checked::{self, End};

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
    let program = Arc::new(program);
    let fast = outcomes_agree(&program, units, true);
    evaluators_agree(&program, &fast, true);
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
    let program = Arc::new(program);
    let fast = outcomes_agree(&program, units, true);
    evaluators_agree(&program, &fast, true);
}

/// A definition, as it is and with its code changed in one place, several times: what the verifier accepts runs without
/// reaching outside, and the machine makes of it what the slow evaluator makes of it.
///
/// Most changes are refused, and most changes of an input's bytes are changes of its text; so one input stands for many
/// changes of the code, which follow from its first bytes.
pub fn bytecode(data: &[u8]) {
    let Some((seed, text)) = data.split_first_chunk() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let Ok(code) = Definition::new("command", text, "[]").code else {
        return;
    };
    check_listings(&code);
    verify::verify(&code, code.globals.len(), 0, 0).expect("code of our own compiler");
    ends_agree(text, code.clone(), true);
    let mut random = Random(u64::from_le_bytes(*seed) | 1);
    for _ in 0..CHANGES {
        let mut changed = code.clone();
        change(&mut changed, &mut random);
        if changed != code && verify::verify(&changed, changed.globals.len(), 0, 0).is_ok() {
            ends_agree(text, changed, false);
        }
    }
}

fn ends_agree(text: &str, code: Code, is_compiled: bool) {
    let mut definition = Definition::new("command", text, "[]");
    definition.task_stays = task_stays(&code);
    definition.code = Ok(code);
    let Ok(program) = compile("command(1)", &Commands(Some(Arc::new(definition)))) else {
        return;
    };
    let program = Arc::new(program);
    let fast = outcomes_agree(&program, 50, is_compiled);
    evaluators_agree(&program, &fast, is_compiled);
}

/// Changes of one input.
const CHANGES: usize = 24;

/// Xorshift: any numbers will do that follow from the input.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound.max(1)
    }
}

/// Give one operand of one instruction another number: one that it may have, or now and then one around the bound.
fn change(code: &mut Code, random: &mut Random) {
    let child = random.below(code.children.len() + 1);
    let code = match child.checked_sub(1) {
        Some(child) => &mut code.children[child],
        None => code,
    };
    let place = random.below(code.ops.len());
    let op = code.ops[place].to_string();
    let mut words: Vec<String> = op.split(' ').map(str::to_owned).collect();
    if words.len() < 2 {
        return;
    }
    let word = random.below(words.len() - 1) + 1;
    let digits = words[word].find(|character: char| character.is_ascii_digit());
    let prefix = words[word][..digits.unwrap_or(0)].to_owned();
    let bound = match prefix.as_str() {
        "@" => code.ops.len(),
        "k" => code.constants.len(),
        "r" | "=r" | "r+" => usize::from(code.registers),
        _ => 4,
    };
    let number = match random.below(16) {
        0 => usize::from(u16::MAX),
        1 => bound + random.below(3),
        _ => random.below(bound),
    };
    words[word] = format!("{prefix}{number}");
    if let Some(op) = Op::parse(&words.join(" ")) {
        code.ops[place] = op;
    }
}

/// The machine and the slow evaluator end the same way, unless one of them met a limit.
fn evaluators_agree(program: &Program, fast: &Answer, is_compiled: bool) {
    let failure = fast.failure.as_ref();
    let slow = checked::evaluate(program, &inputs());
    match &slow {
        End::Breach(what) => panic!("{what}"),
        End::Internal(what) => assert!(!is_compiled, "{what}"),
        End::Done(_) | End::Failed(..) | End::Limited => {}
    }
    if slow == End::Limited || is_limited(fast) {
        return;
    }
    let fast = match failure {
        Some(failure) if failure.code == "internal" => {
            assert!(matches!(slow, End::Internal(_)), "{slow:?} and {failure:?}");
            return;
        }
        Some(failure) => End::Failed(failure.code, failure.error.clone()),
        // Some statuses have no body.
        None if fast.body.is_empty() => return,
        None => End::Done(fast.body.clone()),
    };
    assert_eq!(slow, fast);
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
fn outcomes_agree(program: &Arc<Program>, units: u32, is_compiled: bool) -> Answer {
    let whole = outcome(program, vm::limits::SLICE_UNITS, false);
    let moved = outcome(program, units, true);
    for answer in [&whole, &moved] {
        let code = answer.failure.as_ref().map(|failure| failure.code);
        assert!(!is_compiled || code != Some("internal"), "{}", answer.body);
    }
    // Moving costs fuel, and memory is measured elsewhere.
    if !is_limited(&whole) && !is_limited(&moved) {
        assert_eq!(whole.body, moved.body);
    }
    whole
}

fn is_limited(answer: &Answer) -> bool {
    let code = answer.failure.as_ref().map(|failure| failure.code);
    matches!(
        code,
        Some("fuel_exhausted" | "memory_exceeded" | "output_exceeded")
    )
}

fn inputs() -> Inputs<'static> {
    Inputs {
        fuel: FUEL,
        memory_bytes: 4 << 20,
        ..Inputs::default()
    }
}

fn outcome(program: &Arc<Program>, units: u32, collects: bool) -> Answer {
    let mut execution = Execution::new(Arc::clone(program), &inputs()).expect("an execution");
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
