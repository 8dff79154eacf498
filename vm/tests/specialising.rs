//! Specialising a definition is work that the execution which asks for it pays for.

mod embedded;

use std::fmt::Write as _;
use std::sync::Arc;

use embedded::Embedded;
use vm::execution::{Answer, Execution, Inputs, Progress, compile};
use vm::limits::{
    FUEL_MAX, SHAPE_LITERAL_BYTES_MAX, SHAPES_MAX, SPECIALISED_OPS_MAX, SPECIALISED_SITES_MAX,
    SPECIALISING_STEPS_MAX, UNITS_OF_A_STEP,
};
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
    let steps = first.fuel_specialising / UNITS_OF_A_STEP as u32;
    assert!((200..4_000).contains(&steps), "{steps}");
    assert!(first.fuel_of_script() > 0);
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
    let fuel = whole.fuel_of_script() + u64::from(whole.fuel_specialising / 2);
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
    assert!(first.fuel_specialising > 50 * UNITS_OF_A_STEP as u32);
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

/// What a first run of a script over this catalogue pays for specialising.
fn price(script: &str, catalog: &dyn Catalog) -> u32 {
    let program = Arc::new(compile(script, catalog).expect("a program"));
    run(&program, 4000, FUEL_MAX, 0).fuel_specialising
}

/// One call for each number, each of a shape of its own.
fn calls(numbers: std::ops::Range<usize>) -> String {
    numbers.fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "addVar(x{number:04}, 1)");
        text
    })
}

#[test]
fn an_execution_specialises_for_so_many_sites() {
    let one = price(&calls(0..1), &Embedded::load());
    assert!(one > 0);
    let sites = SPECIALISED_SITES_MAX as usize;
    let program = compile(&calls(0..sites + 6), &Embedded::load()).expect("a program");
    let program = Arc::new(program);
    let prices = [(); 3].map(|()| run(&program, 4000, FUEL_MAX, 0).fuel_specialising);
    assert_eq!(prices, [sites as u32 * one, 6 * one, 0]);
}

#[test]
fn so_many_shapes_of_a_definition_are_kept() {
    let catalog = Embedded::load();
    let one = price(&calls(0..1), &catalog);
    assert_eq!(price(&calls(0..1), &catalog), 0);
    let sites = SPECIALISED_SITES_MAX as usize;
    for start in (1..SHAPES_MAX).step_by(sites) {
        price(&calls(start..SHAPES_MAX.min(start + sites)), &catalog);
    }
    assert_eq!(price(&calls(0..1), &catalog), 0);
    assert_eq!(price(&calls(SHAPES_MAX..SHAPES_MAX + 1), &catalog), one);
    assert_eq!(price(&calls(0..1), &catalog), one);
}

#[test]
fn long_literals_share_their_shape() {
    let second = |bytes: usize| {
        let catalog = Embedded::load();
        let call = |letter: &str| format!("addVar(x, \"{}\")", letter.repeat(bytes));
        assert!(price(&call("a"), &catalog) > 0);
        price(&call("b"), &catalog)
    };
    assert!(second(SHAPE_LITERAL_BYTES_MAX) > 0);
    assert_eq!(second(SHAPE_LITERAL_BYTES_MAX + 1), 0);
}
