//! Every limit has a script that trips it, a code, a bound on the time, and a clean next execution.

mod embedded;

use std::cell::Cell;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use vm::execution::{Answer, Execution, Inputs, Progress, compile};
use vm::limits::{
    COMPARED_PAIRS_MAX, EVALUATION_BYTES_MAX, EVALUATIONS_MAX, FRAMES_MAX, FUEL_MAX,
    LITERAL_BYTES_MAX, LOG_ENTRIES_MAX, REGISTERS_MAX, SEARCH_STACK_MAX, STATEMENTS_BETWEEN_LOOKS,
};
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

/// CPU time of this thread: others may be at work on the same cores.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("a Linux kernel");
    let ns = text.split(' ').next().map(str::parse);
    Duration::from_nanos(ns.expect("three numbers").expect("a number"))
}

fn run(script: &str, code: &str, fuel: u64) -> Answer {
    let definition = Definition::new("probe", code, "[]");
    if let Err(error) = &definition.code {
        panic!("{error}\n{code}");
    }
    let catalog = Probe(Arc::new(definition), embedded::Embedded::load());
    let program =
        Arc::new(compile(script, &catalog).unwrap_or_else(|failure| panic!("{failure:?}")));
    let begin = cpu_time();
    let inputs = Inputs {
        fuel,
        ..Inputs::default()
    };
    let answer = Execution::new(Arc::clone(&program), &inputs)
        .expect("an execution")
        .run_to_end();
    let took = cpu_time().saturating_sub(begin);
    assert!(took < Duration::from_secs(20), "{took:?}: {script} {code}");
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

/// What a definition raises; nothing when it ends well.
fn error_of(code: &str) -> String {
    let failure = run("probe()", code, FUEL_MAX).failure;
    failure.map_or_else(String::new, |failure| failure.error)
}

const TOO_DEEP: &str = "maximum recursion depth exceeded";

#[test]
fn large_frames_nest_less_deep() {
    // A frame of some 250 registers: the limit of frames is not reached.
    let locals = (0..250).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "    v{n} = d");
        text
    });
    let nested = |depth: usize| {
        error_of(&format!(
            "def f(d):\n{locals}    return f(d - 1) if d else v0\nf({depth})"
        ))
    };
    assert_eq!(nested(REGISTERS_MAX / 250 / 2), "");
    const { assert!(REGISTERS_MAX / 250 < FRAMES_MAX - 10) };
    assert_eq!(nested(REGISTERS_MAX / 250), TOO_DEEP);
}

#[test]
fn an_answer_is_bounded() {
    let answer = run(
        "probe()",
        "self.conector.variables['x'] = 'ñ' * 3000000",
        FUEL_MAX,
    );
    assert!(answer.failure.is_none());
    let both =
        "x = 'ñ' * 3000000\nself.conector.variables['x'] = x\nself.conector.results['x'] = x";
    let failure = run("probe()", both, FUEL_MAX).failure.expect("a failure");
    assert_eq!((failure.status, failure.code), (400, "output_exceeded"));
}

#[test]
fn logs_are_bounded() {
    for statements in [LOG_ENTRIES_MAX, LOG_ENTRIES_MAX + 1, LOG_ENTRIES_MAX + 500] {
        let answer = run(&"a=1\n".repeat(statements), "pass", FUEL_MAX);
        let entries = answer.body.matches("\"success\": true").count() - 1;
        assert_eq!(entries, LOG_ENTRIES_MAX, "{statements}");
    }
}

#[test]
fn texts_for_eval_are_bounded() {
    let ends = |code: &str| {
        run("probe()", code, FUEL_MAX)
            .failure
            .map(|failure| failure.code)
    };
    let refused = Some("memory_exceeded");
    let many = |count: usize| ends(&format!("for i in range({count}):\n    eval(str(i), {{}})"));
    assert_eq!(many(EVALUATIONS_MAX), None);
    assert_eq!(many(EVALUATIONS_MAX + 1), refused);
    // The same text again costs nothing.
    assert_eq!(ends("for i in range(5000):\n    eval('1', {})"), None);
    let long = |bytes: usize| ends(&format!("eval(' ' * {} + '1', {{}})", bytes - 1));
    assert_eq!(long(EVALUATION_BYTES_MAX), None);
    assert_eq!(long(EVALUATION_BYTES_MAX + 1), refused);
    let sum = "for i in range(5):\n    eval(' ' * 60000 + str(i), {})";
    assert_eq!(ends(sum), refused);
    // A condition that raises is false, but not one that is not even looked at.
    let conditions = (0..=EVALUATIONS_MAX).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "if(0, 0, `{n} == {n}`)\nx = {n}\nend()");
        text
    });
    let failure = run(&conditions, "pass", FUEL_MAX).failure;
    assert_eq!(failure.map(|failure| failure.code), refused);
}

#[test]
fn texts_for_literal_eval_are_bounded() {
    let read = |bytes: usize| {
        error_of(&format!(
            "import ast\nast.literal_eval('1' + ' ' * {})",
            bytes - 1
        ))
    };
    assert_eq!(read(LITERAL_BYTES_MAX), "");
    assert_eq!(
        read(LITERAL_BYTES_MAX + 1),
        "the text is too long for a literal"
    );
}

#[test]
fn pairs_that_wait_in_a_comparison_are_bounded() {
    let compared = |count: usize| {
        error_of(&format!(
            "x = [[i] for i in range({count})]\ny = [[i] for i in range({count})]\nx == y"
        ))
    };
    assert_eq!(compared(COMPARED_PAIRS_MAX), "");
    assert!(compared(COMPARED_PAIRS_MAX + 2).starts_with(TOO_DEEP));
}

#[test]
fn fields_of_formats_nest_as_in_cpython() {
    assert_eq!(error_of("x = '{:{}}'.format(1, 5)"), "");
    let refused = "Max string recursion exceeded";
    assert_eq!(error_of("x = '{:{:{}}}'.format(1, 5, 5)"), refused);
    let stored = "x = f'{1:{5:{5}}}' + ''\naddResult(x)";
    let answer = run(stored, "pass", FUEL_MAX);
    assert!(answer.body.contains("{1:{5:{5}}}"), "{:.300}", answer.body);
}

#[test]
fn alternatives_of_a_search_are_bounded() {
    let searched = |count: usize| {
        run(
            "probe()",
            &format!("import re\nre.match('(?:a|b)*c', 'a' * {count})"),
            FUEL_MAX,
        )
        .failure
    };
    assert!(searched(SEARCH_STACK_MAX / 8).is_none());
    assert_eq!(
        searched(SEARCH_STACK_MAX).map(|failure| failure.code),
        Some("memory_exceeded")
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

struct Patience(Cell<usize>);

impl Catalog for Patience {
    fn definition(&self, _: &str) -> Option<Arc<Definition>> {
        None
    }

    fn is_wanted(&self) -> bool {
        self.0.set(self.0.get().saturating_sub(1));
        self.0.get() > 0
    }
}

#[test]
fn a_program_that_is_not_wanted_any_more_is_not_compiled_to_its_end() {
    let scripts = ["a=b\n", "if(a, b, =)\n", "function f(v) {\na=b\n}\n"];
    for script in scripts.map(|line| line.repeat(100 * STATEMENTS_BETWEEN_LOOKS / 2)) {
        let plenty = Patience(Cell::new(1_000));
        assert!(compile(&script, &plenty).is_ok());
        let looks = 1_000 - plenty.0.get();
        assert!((50..60).contains(&looks), "{looks}");
        for looks in [1, 2, 30, looks] {
            let failure = compile(&script, &Patience(Cell::new(looks))).err();
            let failure = failure.expect("it was not wanted");
            assert_eq!((failure.status, failure.code), (504, "deadline_exceeded"));
        }
    }
}

#[test]
fn every_limit_names_a_test_that_is_there() {
    let text = std::fs::read_to_string(embedded::root().join("vm/src/limits.rs")).expect("limits");
    let (mut words, mut limits) = (String::new(), 0);
    for line in text.lines() {
        if let Some(more) = line.strip_prefix("/// ") {
            let _ = write!(words, "{more} ");
            continue;
        }
        let words = std::mem::take(&mut words);
        let Some(name) = line.strip_prefix("pub const ") else {
            continue;
        };
        let name = name.split(':').next().unwrap_or_default();
        if name == "METERED" {
            continue;
        }
        limits += 1;
        if words.contains("by the same test.") {
            continue;
        }
        let place = words
            .split_once("Tripped in `")
            .or(words.split_once("Shown in `"));
        let place = place.unwrap_or_else(|| panic!("{name} names no test")).1;
        let (file, rest) = place.split_once("`: `").expect("file and test");
        let named = rest.split('`').next().unwrap_or_default();
        let source = std::fs::read_to_string(embedded::root().join(file));
        let source = source.unwrap_or_else(|error| panic!("{name}: {file}: {error}"));
        let is_there = ["fn", "def"]
            .iter()
            .any(|def| source.contains(&format!("{def} {named}(")));
        assert!(is_there, "{name}: no {named} in {file}");
    }
    assert!(limits > 40, "{limits}");
}
