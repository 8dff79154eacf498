//! Every limit has a script that trips it, a code, a bound on the time, and a clean next execution.

mod embedded;

use std::sync::Arc;
use std::time::{Duration, Instant};

use vm::execution::{Answer, Execution, Inputs, Progress, compile};
use vm::program::{Catalog, Definition};

struct Probe(Arc<Definition>, embedded::Embedded);

impl Catalog for Probe {
    fn definition(&self, name: &str) -> Option<Arc<Definition>> {
        if name == "probe" {
            Some(self.0.clone())
        } else {
            self.1.definition(name)
        }
    }
}

fn run(script: &str, code: &str, fuel: u64) -> Answer {
    let definition = Definition::new("probe", code, "[]");
    if let Err(error) = &definition.code {
        panic!("{error}\n{code}");
    }
    let catalog = Probe(Arc::new(definition), embedded::Embedded::load());
    let program =
        Arc::new(compile(script, &catalog).unwrap_or_else(|failure| panic!("{failure:?}")));
    let begin = Instant::now();
    let inputs = Inputs {
        fuel,
        ..Inputs::default()
    };
    let answer = Execution::new(Arc::clone(&program), &inputs)
        .expect("an execution")
        .run_to_end();
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "{:?}: {script} {code}",
        begin.elapsed()
    );
    answer
}

fn code_of(script: &str, code: &str) -> &'static str {
    run(script, code, 2_000_000)
        .failure
        .map_or("", |failure| failure.code)
}

#[test]
fn endless_loops_end_by_fuel() {
    for code in [
        "while True:\n    pass",
        "while True:\n    continue",
        "while True:\n    try:\n        continue\n    finally:\n        pass",
        "while True:\n    if task: continue\n    break",
        "while True:\n    try:\n        while True: pass\n    except BaseException:\n        pass\n    finally:\n        x = 1",
        "def f():\n    return f\nwhile f(): pass",
        "x = [1]\nfor y in x:\n    x.append(y)",
        "while True:\n    x = [y for y in range(100)] and 0",
    ] {
        let reached = code_of("probe()", code);
        assert!(
            ["fuel_exhausted", "memory_exceeded"].contains(&reached),
            "{code}: {reached}"
        );
    }
    assert_eq!(
        code_of("startLoop(i, 1, 1000000000)\nx = i\nendLoop()", "pass"),
        "fuel_exhausted"
    );
    assert_eq!(
        code_of(
            "try()\nstartLoop(i, 1, 1000000000)\nx = i\nendLoop()\nexception(e)",
            "pass"
        ),
        "fuel_exhausted"
    );
}

#[test]
fn memory_ends_growth_and_cannot_be_caught() {
    for code in [
        "s = 'ab'\nwhile True:\n    s = s + s",
        "s = 'ab' * 10000000000",
        "x = [0]\nwhile True:\n    x = x + x",
        "x = [0] * 10000000000",
        "x = 1\nwhile True:\n    x = x * 1000003\n    x = x * x",
        "x = 1 << 1000000000000",
        "x = 7 ** 7 ** 7 ** 7",
        "x = []\nwhile True:\n    x = [x]",
        "d = {}\ni = 0\nwhile True:\n    d[i] = i\n    i = i + 1",
        "while True:\n    try:\n        x = 'a' * 1000000\n        y = [x, x + x]\n    except:\n        pass",
        "x = f\"{'a':>10000000000}\"",
        "x = '%10000000000d' % 1",
        "x = 'a'.replace('', 'b' * 1000000)\nx = x.replace('b', x)",
        "x = ('a' * 1000).join(['b' * 1000] * 1000)\nx = x.join(['b'] * 100000)",
    ] {
        let reached = run("probe()", code, 50_000_000).failure;
        let reached = reached.map_or("", |failure| failure.code);
        assert!(
            ["memory_exceeded", "fuel_exhausted", "script_error"].contains(&reached),
            "{code}: {reached}"
        );
    }
}

#[test]
fn recursion_is_an_error_that_scripts_can_see() {
    let answer = run("probe()", "def f(n):\n    return f(n + 1)\nf(0)", 2_000_000);
    assert_eq!(
        answer.failure.expect("a failure").error,
        "maximum recursion depth exceeded"
    );
    let answer = run(
        "function f(n) {\nf(n)\n}\ntry()\nf(1)\nexception(e)\naddResult(e)",
        "pass",
        20_000_000,
    );
    assert!(
        answer.body.contains("maximum recursion depth exceeded"),
        "{}",
        answer.body
    );
    let deep = format!("{}x = 1\n", "if(1, 1, =)\n".repeat(3_000));
    assert!(
        run(&deep, "pass", 20_000_000)
            .body
            .contains("maximum recursion depth exceeded")
    );
    let nested = format!("addVar(x, {}1{})", "f(".repeat(3_000), ")".repeat(3_000));
    let nested = format!("function f(n) {{\nreturn n\n}}\n{nested}");
    assert!(
        run(&nested, "pass", 20_000_000)
            .body
            .contains("maximum recursion depth exceeded")
    );
}

#[test]
fn a_script_that_ends_in_time_leaves_no_trace_on_the_next() {
    let program = Arc::new(
        compile(
            "startLoop(i, 1, 1000000000)\nx = i\nendLoop()",
            &embedded::Embedded::load(),
        )
        .expect("a program"),
    );
    let mut execution =
        Execution::new(Arc::clone(&program), &Inputs::default()).expect("an execution");
    for _ in 0..10 {
        assert!(matches!(execution.run(1_000), Progress::Yielded));
    }
    let answer = execution.end(vm::limits::Limit::Deadline);
    assert_eq!(answer.status, 504);
    assert!(answer.body.contains("Script Execution Timeout (Isolation)"));

    let program = Arc::new(compile("x = 1", &embedded::Embedded::load()).expect("a program"));
    let answer = Execution::new(program, &Inputs::default())
        .expect("an execution")
        .run_to_end();
    assert!(
        answer.body.contains("\"variables\": {\"x\": 1}"),
        "{}",
        answer.body
    );
}

#[test]
fn executions_move_between_threads() {
    let program = Arc::new(
        compile(
            "t = 0\nstartLoop(i, 1, 5000)\nt = t + i\nendLoop()",
            &embedded::Embedded::load(),
        )
        .expect("a program"),
    );
    let mut execution = Execution::new(program, &Inputs::default()).expect("an execution");
    loop {
        let step = std::thread::spawn(move || {
            let progress = execution.run(1_000);
            (execution, progress)
        });
        let (moved, progress) = step.join().expect("no panic");
        execution = moved;
        if let Progress::Done(answer) = progress {
            assert!(answer.body.contains("12502500"), "{}", answer.body);
            return;
        }
    }
}
