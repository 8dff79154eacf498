//! Specialising a definition is work that the execution which asks for it pays for.

mod embedded;

use std::fmt::Write as _;
use std::sync::Arc;

use embedded::Embedded;
use vm::execution::{Answer, Execution, Inputs, Progress, compile};
use vm::limits::{FUEL_MAX, SPECIALISED_OPS_MAX, SPECIALISING_STEPS_MAX, UNITS_OF_A_STEP};
use vm::program::{Catalog, Definition, Program};
use vm::specialise::{Shape, specialise_counted};

struct Probe(Arc<Definition>);

impl Catalog for Probe {
    fn definition(&self, name: &str) -> Option<Arc<Definition>> {
        (name == "probe").then(|| self.0.clone())
    }
}

fn probe(code: &str) -> Probe {
    let definition = Definition::new("probe", code, "[]");
    if let Err(error) = &definition.code {
        panic!("{error}\n{code:.1000}");
    }
    Probe(Arc::new(definition))
}

fn run(program: &Arc<Program>, units: u32, fuel: u64, specialise_after: u32) -> Answer {
    let inputs = Inputs {
        fuel,
        specialise_after,
        ..Inputs::default()
    };
    let mut execution = Execution::new(Arc::clone(program), &inputs).expect("an execution");
    loop {
        if let Progress::Done(answer) = execution.run(units) {
            return answer;
        }
    }
}

const LOOP: &str = "startLoop(i, 1, 20)\nif(i, 5, <)\naddVar(x, i)\nend()\naddVar(y, i)\nendLoop()";

/// A program over definitions that nothing specialised yet.
fn cold() -> Arc<Program> {
    Arc::new(compile(LOOP, &Embedded::load()).expect("a program"))
}

#[test]
fn who_specialises_pays_and_who_comes_later_does_not() {
    let (program, never) = (cold(), run(&cold(), 4000, FUEL_MAX, u32::MAX));
    let first = run(&program, 4000, FUEL_MAX, 3);
    let second = run(&program, 4000, FUEL_MAX, 3);
    assert_eq!((never.fuel_specialising, second.fuel_specialising), (0, 0));
    assert_eq!(first.body, never.body);
    // `if` and `addVar` of a loop are some hundred instructions.
    let steps = first.fuel_specialising / UNITS_OF_A_STEP as u64;
    assert!((200..4_000).contains(&steps), "{steps}");
    assert!(first.fuel_used > first.fuel_specialising);
    assert!(second.fuel_of_script() <= first.fuel_of_script());
}

#[test]
fn fuel_is_the_same_in_slices_of_any_length() {
    for after in [u32::MAX, 3] {
        let fuel = [1, 7, 4000].map(|units| {
            let answer = run(&cold(), units, FUEL_MAX, after);
            (answer.fuel_used, answer.fuel_specialising)
        });
        assert_eq!(fuel, [fuel[2]; 3]);
        assert_eq!(fuel[0].1 > 0, after == 3);
    }
}

#[test]
fn fuel_that_does_not_allow_for_it_ends_the_script() {
    let whole = run(&cold(), 4000, FUEL_MAX, 3);
    let fuel = whole.fuel_of_script() + whole.fuel_specialising / 2;
    assert!(run(&cold(), 4000, fuel, u32::MAX).failure.is_none());
    let failure = run(&cold(), 4000, fuel, 3).failure.expect("a failure");
    assert_eq!(failure.code, "fuel_exhausted");
}

#[test]
fn a_definition_that_cannot_be_specialised_is_paid_for_too() {
    let walked = "x = task['properties']['0']\n".repeat(50);
    let code = format!("{walked}y = [globals()]\n");
    let program = Arc::new(compile("probe(1)", &probe(&code)).expect("a program"));
    let first = run(&program, 4000, FUEL_MAX, 0);
    assert!(first.fuel_specialising > 50 * UNITS_OF_A_STEP as u64);
    assert_eq!(run(&program, 4000, FUEL_MAX, 0).fuel_specialising, 0);
}

#[test]
fn definitions_that_cost_too_much_to_specialise_run_as_they_are() {
    let shape = Shape {
        arguments: Vec::new(),
        has_target: false,
        has_branches: false,
    };
    let specialised = |code: &str| {
        let mut steps = 0;
        let made = specialise_counted(&probe(code).0, &shape, &mut steps).is_some();
        (made, steps)
    };
    // Nothing of it is left; all of it is walked.
    let flat = |lines: usize| "x = 1\n".repeat(lines);
    assert!(specialised(&flat(100)).0);
    assert_eq!(specialised(&flat(SPECIALISED_OPS_MAX)), (false, 0));
    // Functions are walked wherever they are called.
    let mut calls = format!("def f():\n{}", "    x = 1\n".repeat(2_000));
    for _ in 0..10 {
        let _ = writeln!(calls, "f()");
    }
    let (made, steps) = specialised(&calls);
    assert!(!made);
    let most = SPECIALISING_STEPS_MAX + SPECIALISED_OPS_MAX;
    assert!((SPECIALISING_STEPS_MAX..most).contains(&steps), "{steps}");
}
