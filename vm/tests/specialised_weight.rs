//! Specialised code is bounded by its weight in a whole process, so this test has one of its own.

use std::sync::Arc;

use vm::execution::{Answer, Execution, Inputs, compile};
use vm::limits::{SPECIALISED_BYTES_MAX, SPECIALISED_SITES_MAX};
use vm::program::{Catalog, Definition, Program};
use vm::specialise::{Shape, specialise};

struct Probe(Arc<Definition>);

impl Catalog for Probe {
    fn definition(&self, name: &str) -> Option<Arc<Definition>> {
        (name == "probe").then(|| self.0.clone())
    }
}

/// A definition of which much is left for each literal.
fn probe() -> Probe {
    let line = "self.conector.variables['x'] = [task['properties']['0'], self.conector.results]\n";
    let definition = Definition::new("probe", &line.repeat(300), "[]");
    Probe(Arc::new(definition))
}

fn run(program: &Arc<Program>) -> Answer {
    let inputs = Inputs {
        specialise_after: 0,
        ..Inputs::default()
    };
    Execution::new(Arc::clone(program), &inputs)
        .expect("an execution")
        .run_to_end()
}

/// As many sites as one execution may specialise for, each of a shape of its own.
fn program(number: usize) -> Arc<Program> {
    let sites = SPECIALISED_SITES_MAX as usize;
    let calls = (0..sites).map(|site| format!("probe({})", number * sites + site));
    let script = calls.collect::<Vec<_>>().join("\n");
    Arc::new(compile(&script, &probe()).expect("a program"))
}

/// Bytes of specialised code that a program's sites hold.
fn held(program: &Program) -> usize {
    let made = program.heats.iter().filter_map(|heat| heat.made());
    made.map(vm::specialise::Specialised::weight_bytes).sum()
}

#[test]
fn specialised_code_is_bounded_by_its_weight() {
    let shape = Shape {
        arguments: vec![None],
        has_target: false,
        has_branches: false,
    };
    let one = specialise(&probe().0, &shape).expect("specialised");
    let each = one.weight_bytes();
    assert!(each > 300 * 8 && each < 300 * 400, "{each}");
    let fit = SPECIALISED_BYTES_MAX / each / SPECIALISED_SITES_MAX as usize;
    let programs: Vec<_> = (0..fit + 3).map(program).collect();
    let expected = run(&programs[0]).body;
    for program in &programs[1..] {
        assert!(run(program).failure.is_none());
    }
    let all: usize = programs.iter().map(|program| held(program)).sum();
    assert!(all <= SPECIALISED_BYTES_MAX, "{all}");
    assert!(all > SPECIALISED_BYTES_MAX * 3 / 4, "{all}");
    assert_eq!(held(&programs[fit + 2]), 0);
    // What has none runs as it is, and what is dropped makes room.
    assert_eq!(run(&programs[0]).body, expected);
    drop(programs);
    let later = program(0);
    assert_eq!(run(&later).body, expected);
    assert!(held(&later) > 0);
}
