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

/// What a step has in the processor's registers must be in the frames whenever a slice ends, and where one loop of the
/// machine hands over to the other.
#[test]
fn loops_and_calls_end_the_same_however_long_the_slices_are() {
    let wide: String = (0..300).fold(String::new(), |text, number| {
        text + &format!("    a{number} = n + {number}\n")
    });
    let wide = format!("def wide(n):\n{wide}    return f(a299 - n - 296) + a0\n");
    let fibonacci = "def f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)\n";
    let codes = [
        format!("{fibonacci}r = f(14)"),
        format!("{fibonacci}{wide}r = 0\nfor i in range(40):\n    r += wide(i)"),
        "r = 2 ** 62\nfor i in range(70):\n    r = r + r - i".into(),
        "r = []\nfor i in range(3, 90, 4):\n    for j in range(i):\n        if j > 40: break\n        if j == i - 2: continue\n        r.append(j - i)".into(),
        "r = []\nit = iter(range(200))\nfor i in it:\n    if i == 130: break\n    r.append(next(it))\nr.append(list(it))".into(),
        "r = []\nfor i in range(9223372036854775800, 9223372036854775807, 3):\n    r.append(i + 5)".into(),
        "def g(n):\n    if n > 3: return 'text'\n    if n > 2: return None\n    if n > 1: return n > 0\n    return 0.5\nr = [g(i) for i in range(6)]".into(),
        "r = []\nfor i in range(-9, 60):\n    r.append([i * 7919 * i, i // 7, i % 7, i // -4, i % -4, i * 2 ** 60])".into(),
        "r = 0\nfor i in range(40):\n    try:\n        r = r * 3 + i % (i - 20) + i // (i - 20)\n    except ZeroDivisionError as e:\n        r = [str(e)]\n        r = len(r)".into(),
        "r = 0\nwhile r < 500:\n    r += 1\n    if not r: r = None".into(),
        "r = 0\nfor i in range(100):\n    r = r + (1 if 'a' * i < 'b' else 0.5)".into(),
        "r = 0\nfor i in range(20):\n    try:\n        r = r + (i if i % 3 else None)\n    except TypeError:\n        r -= 100".into(),
        "def d(n):\n    return 0 if n == 0 else d(n - 1) + 1\nr = [d(900)]\ntry:\n    d(2000)\nexcept RecursionError as e:\n    r.append(str(e))".into(),
    ];
    for code in codes {
        let code = format!("{code}\nself.conector.variables['r'] = r");
        let slow = checked::evaluate(&probe(&code), &Inputs::default());
        let program = Arc::new(probe(&code));
        let mut used = Vec::new();
        for units in [1, 7, 4000] {
            let inputs = Inputs::default();
            let mut execution =
                Execution::new(Arc::clone(&program), &inputs).expect("an execution");
            let fast = loop {
                if let Progress::Done(answer) = execution.run(units) {
                    break answer;
                }
            };
            used.push(fast.fuel_used);
            assert!(fast.failure.is_none(), "{:?}\n{code}", fast.failure);
            assert_eq!(slow, End::Done(fast.body), "{units}: {code}");
        }
        assert!(used.iter().all(|fuel| *fuel == used[0]), "{used:?}: {code}");
    }
}
