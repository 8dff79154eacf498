//! The slow evaluator agrees with the machine on the recorded cases and on what Python writers reach for.

mod embedded;

use std::sync::Arc;

use embedded::Embedded;
use vm::execution::{Execution, Inputs, Progress, Request, Variables, compile};
use vm::program::{Catalog, Definition, Program};
use vm::run::checked::{self, End};

#[track_caller]
fn check(program: Program, inputs: &Inputs<'_>, what: &str) {
    let slow = checked::evaluate(&program, inputs);
    let mut execution = Execution::new(Arc::new(program), inputs).expect("an execution");
    let fast = loop {
        if let Progress::Done(answer) = execution.run(vm::limits::SLICE_UNITS) {
            break answer;
        }
    };
    let fast = match fast.failure {
        Some(failure) => End::Failed(failure.code, failure.error),
        None if fast.body.is_empty() => return,
        None => End::Done(fast.body),
    };
    assert_eq!(slow, fast, "{what}");
}

#[test]
fn recorded_cases_end_the_same() {
    let file = embedded::root().join("tests/cases/language.json");
    let text = std::fs::read_to_string(file).expect("the cases");
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    let catalog = Embedded::load();
    let mut checked = 0;
    for case in &cases {
        let body = match &case["body"] {
            serde_json::Value::String(raw) => raw.clone(),
            object => object.to_string(),
        };
        let Ok(request) = Request::read(body.as_bytes()) else {
            continue;
        };
        let Ok(program) = compile(&request.script, &catalog) else {
            continue;
        };
        let inputs = Inputs {
            body: body.as_bytes(),
            variables: Variables::OfBody,
            ..Inputs::default()
        };
        check(program, &inputs, &request.script);
        checked += 1;
    }
    assert!(checked > 100, "{checked}");
}

struct One(Arc<Definition>);

impl Catalog for One {
    fn definition(&self, _: &str) -> Option<Arc<Definition>> {
        Some(Arc::clone(&self.0))
    }
}

fn probe(code: &str) -> Program {
    let definition = Definition::new("probe", code, "[]");
    if let Err(error) = &definition.code {
        panic!("{error}\n{code}");
    }
    compile("probe()", &One(Arc::new(definition))).expect("a program")
}

#[test]
fn recursion_ends_at_the_same_depth() {
    for code in [
        "def f(n):\n    self.conector.variables['n'] = n\n    return f(n + 1)\nf(0)",
        "def f(n, *rest, **more):\n    self.conector.variables['n'] = n\n    return f(n + 1, *rest, **more)\nf(0, 1, k=2)",
        "def f(n):\n    self.conector.variables['n'] = n\n    return sorted([1], key=lambda x: f(n + 1))\nf(0)",
        "def f(n):\n    self.conector.variables['n'] = n\n    return sum(f(n + 1) for x in [1])\nf(0)",
        "def f(n):\n    self.conector.variables['n'] = n\n    return any(f(n + 1) for x in [1])\nf(0)",
        "def f(n):\n    self.conector.variables['n'] = n\n    return eval('f(n)', {'f': f, 'n': n + 1})\nf(0)",
        "def f(n, a=1, b=2, c=3):\n    self.conector.variables['n'] = n\n    x = [[a, b], [b, c], [[a, b, c, n, f(n + 1)]]]\nf(0)",
    ] {
        check(probe(code), &Inputs::default(), code);
        let caught = code.replace("\nf(0", "\ntry:\n    f(0")
            + "\nexcept RecursionError as error:\n    self.conector.variables['e'] = str(error)\n";
        check(probe(&caught), &Inputs::default(), &caught);
    }
}
