//! Text that wants to break the compiler of definitions gets an error with a place, soon, on a thread with the usual
//! stack.

use std::fmt::Write as _;
use std::time::Duration;

use vm::limits::FUNCTION_REGISTERS_MAX;
use vm::program::Definition;

/// CPU time of this thread: others may be at work on the same cores.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("a Linux kernel");
    let ns = text.split(' ').next().map(str::parse);
    Duration::from_nanos(ns.expect("three numbers").expect("a number"))
}

fn error_of(code: &str) -> String {
    let begin = cpu_time();
    let definition = Definition::new("hostile", code, "[]");
    let took = cpu_time().saturating_sub(begin);
    assert!(
        took < Duration::from_secs(5),
        "{took:?} for {} bytes",
        code.len()
    );
    match definition.code {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn nesting_of_every_kind_is_refused_or_compiled() {
    for deep in [20, 60, 100, 150, 1_000, 40_000] {
        for code in [
            format!("x = {}1{}", "(".repeat(deep), ")".repeat(deep)),
            format!("x = {}1{}", "[".repeat(deep), "]".repeat(deep)),
            format!("x = {}1{}", "{1: ".repeat(deep), "}".repeat(deep)),
            format!("x = {}1{}", "f(".repeat(deep), ")".repeat(deep)),
            format!("x = {}1", "not ".repeat(deep)),
            format!("x = {}1", "-".repeat(deep)),
            format!("x = {}1", "~".repeat(deep)),
            format!("x = {}1", "lambda: ".repeat(deep)),
            format!("x = {}1", "1 if 1 else ".repeat(deep)),
            format!("x = 1{}", " + 1".repeat(deep)),
            format!("x = 1{}", " ** 1".repeat(deep)),
            format!("x = 1{}", " < 1".repeat(deep)),
            format!("x = 1{}", " and 1".repeat(deep)),
            format!("x = y{}", ".y".repeat(deep)),
            format!("x = y{}", "[0]".repeat(deep)),
            format!("x = y{}", "()".repeat(deep)),
            format!("x = {}'a'{}", "f'{".repeat(deep), "}'".repeat(deep)),
            format!("x = f'{}1{}'", "{".repeat(deep), "}".repeat(deep)),
            format!("x = {}", "'a' ".repeat(deep)),
            format!("x = {}1{}", "[y for y in ".repeat(deep), "]".repeat(deep)),
            format!("{} = 1", "(x,".repeat(deep) + &")".repeat(deep)),
            format!(
                "{}pass",
                (0..deep.min(2_000)).fold(String::new(), |text, level| text
                    + &" ".repeat(level)
                    + "if 1:\n")
                    + &" ".repeat(deep.min(2_000))
            ),
            format!("if 1:\n pass\n{}", "elif 1:\n pass\n".repeat(deep)),
            format!("x = 1\\\n{}", "+1\\\n".repeat(deep)),
        ] {
            error_of(&code);
        }
    }
}

#[test]
fn what_cannot_be_compiled_has_a_place_and_a_reason() {
    for (code, place, word) in [
        ("x = 1\nclass A: pass", "line 2, column 1", "class"),
        ("with open('f') as f:\n    pass", "line 1, column 1", "with"),
        ("def f():\n    yield 1", "line 2, column 5", "yield"),
        ("x = (\n", "line ", "syntax error"),
        ("x = 1\0", "line 1, column 6", "null bytes"),
        (
            "import a.b as c\nfrom . import d",
            "line 2, column 1",
            "relative import",
        ),
        ("x = 1j", "line 1, column 5", "complex"),
        (
            "x = ().__class__.__bases__",
            "line 1, column 18",
            "__bases__",
        ),
        ("return 1", "line 1, column 1", "'return' outside function"),
        (
            "x = 1\nnonlocal x",
            "line 2, column 1",
            "not allowed at module level",
        ),
        ("break", "line 1, column 1", "outside loop"),
        ("async def f(): pass", "line 1, column 1", "async"),
        ("@d\ndef f(): pass", "line 1, column 1", "decorator"),
        ("f(a=1, a=2)", "line 1", "a"),
        ("def f(a, a): pass", "line 1", "a"),
    ] {
        let error = error_of(code);
        assert!(error.contains(place), "{code:?}: {error}");
        assert!(error.contains(word), "{code:?}: {error}");
    }
}

#[test]
fn size_is_bounded() {
    assert!(error_of(&format!("x = '{}'", "a".repeat(10 << 20))).contains("bytes"));
    assert!(error_of(&format!("x = {}", "9".repeat(5_000))).contains("4300 digits"));
    // Each `finally` is copied to every way out of it, and ways out multiply.
    let mut code = String::from("def f(x):\n");
    for level in 1..=18 {
        let indent = " ".repeat(level);
        let _ = write!(
            code,
            "{indent}while x:\n{indent} try:\n{indent}  if x: break\n{indent}  if x: return 1\n{indent} finally:\n"
        );
    }
    let _ = writeln!(code, "{}pass", " ".repeat(20));
    error_of(&code);
}

#[test]
fn registers_are_bounded() {
    let names = |count: usize| {
        error_of(&(0..count).fold(String::new(), |mut text, n| {
            let _ = writeln!(text, "a{n:x}=1");
            text
        }))
    };
    assert_eq!(names(1_000), "");
    assert!(names(FUNCTION_REGISTERS_MAX + 1).contains("too large to compile"));
}

/// A function whose `finally` bodies stand in each other, each with four ways in.
fn nested_finally(name: &str, levels: usize) -> String {
    let mut text = format!("def {name}(x):\n");
    for level in 0..levels {
        let margin = " ".repeat(4 + 2 * level);
        let _ = write!(
            text,
            "{margin}while x:\n{margin} try:\n{margin}  if x: break\n{margin}  if x: return 1\n{margin} finally:\n"
        );
    }
    let _ = writeln!(text, "{}x = 2", " ".repeat(4 + 2 * levels));
    text
}

#[test]
fn copies_of_finally_are_not_made_beyond_what_may_be() {
    assert_eq!(error_of(&nested_finally("f", 5)), "");
    for levels in [9, 20, 40] {
        let error = error_of(&nested_finally("f", levels));
        assert!(error.contains("f is too large to compile"), "{error}");
    }
    let many: String = (0..300)
        .map(|number| nested_finally(&format!("f{number}"), 6))
        .collect();
    let error = error_of(&many);
    assert!(error.contains("is too large to compile"), "{error}");
}
