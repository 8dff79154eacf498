//! Structure under pressure: depth, length, limits.

use super::tree::{ArgumentValue, StatementKind, TextForm};
use super::{parse, parse_leniently};
use crate::limits::{
    ARGUMENTS_MAX, NESTED_CALLS_MAX, SCRIPT_BYTES_MAX, STATEMENTS_MAX, TOKENS_MAX,
};
use std::fmt::Write as _;

/// Runs on a stack as small as a thread's by default.
fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(test)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn as_many_nested_ifs_as_may_be_are_read_and_dropped_without_recursion() {
    on_small_stack(|| {
        let script = parse("if(a,1,=)\n".repeat(STATEMENTS_MAX)).unwrap();
        assert_eq!(script.statements().count(), STATEMENTS_MAX);
        assert_eq!(script.block(script.root()).count(), 1);
        let closed = parse("if(a)\n".repeat(19_999) + &"end()\n".repeat(15_000) + "f()").unwrap();
        assert_eq!(closed.statements().count(), 20_000);
    });
}

#[test]
fn nested_functions_are_read_once_and_without_recursion() {
    on_small_stack(|| {
        let count = 40_000;
        let script =
            parse("function f() {\n".repeat(count) + "x = 1\n" + &"}\n".repeat(count)).unwrap();
        assert_eq!(script.functions().count(), count);
        assert!(script.steps() < 20 * script.source().text().len() as u64);
        let open = parse("function f() {\n".repeat(count)).unwrap();
        assert!(open.steps() < 20 * open.source().text().len() as u64);
    });
}

#[test]
fn calls_in_calls_are_read_to_a_depth_and_within_a_budget() {
    on_small_stack(|| {
        let deep = 1_200;
        let script = parse("f(".repeat(deep) + "x" + &")".repeat(deep)).unwrap();
        assert_eq!(script.calls().count() as u32, NESTED_CALLS_MAX);
        let innermost = script.calls().last().unwrap().0;
        let [argument] = script.arguments(innermost) else {
            panic!("one argument")
        };
        assert!(matches!(
            argument.value,
            ArgumentValue::Text {
                form: TextForm::TooDeep,
                ..
            }
        ));

        let wide = "f(".repeat(800) + &"x".repeat(500_000) + &")".repeat(800);
        let script = parse(wide).unwrap();
        assert!(
            script.steps() < 12 * script.source().text().len() as u64 + (8 << 20),
            "{}",
            script.steps()
        );
    });
}

#[test]
fn work_is_linear_in_the_text() {
    for line in [
        "t = t + i * 2 - len(x)",
        "f(a, \"b\", 3, 4.5, a + b, g(x))",
        "if(a, 1, =)",
        "end()",
        "x = [a for b in c]",
        "junk",
        "x = f\"{a}{b:>{c}}\"",
        "function f(a) {",
        "} x {",
    ] {
        let steps = |lines: usize| parse(format!("{line}\n").repeat(lines)).unwrap().steps() as f64;
        let ratio = steps(8_000) / steps(1_000);
        assert!((7.5..8.5).contains(&ratio), "{line}: {ratio}");
    }
    for piece in [
        "a+",
        "a,",
        "(a)+",
        "not ",
        "a.b+",
        "a if b else ",
        "\"a\" ",
        "a<",
        "[a]+",
        "-1+",
    ] {
        let steps = |count: usize| {
            parse(format!("x = {}a", piece.repeat(count)))
                .unwrap()
                .steps() as f64
        };
        let ratio = steps(8_000) / steps(1_000);
        assert!(ratio < 8.5, "{piece}: {ratio}");
    }
}

#[test]
fn a_script_over_the_size_limit_is_refused() {
    assert!(parse("x".repeat(SCRIPT_BYTES_MAX)).is_ok());
    let error = parse("x".repeat(SCRIPT_BYTES_MAX + 1)).unwrap_err();
    assert_eq!(error.code, "script_too_large");
}

#[test]
fn a_script_of_too_many_statements_is_refused_at_the_first_of_them() {
    assert!(parse("a=b\n".repeat(STATEMENTS_MAX)).is_ok());
    for count in [STATEMENTS_MAX + 1, 12 * STATEMENTS_MAX] {
        let error = parse("a=b\n".repeat(count)).unwrap_err();
        assert_eq!(error.code, "script_too_large");
        assert_eq!(error.span.start as usize, 4 * STATEMENTS_MAX);
        assert_eq!(parse_leniently("a=b\n".repeat(count)).err(), Some(error));
    }
}

#[test]
fn a_script_of_too_many_tokens_is_refused_at_the_line_that_holds_the_first_of_them() {
    let names = |count: usize| format!("[{}]", "a,".repeat(count));
    // Brackets, elements and commas, and the end of the text.
    let most = (TOKENS_MAX as usize - 3) / 2;
    assert!(parse(format!("x = {}", names(most))).is_ok());
    let texts = [
        format!("b = 1\nx = {}", names(most + 1)),
        format!("b = 1\nx = {}", names(5 * most)),
        format!("b = 1\nx = {}", &names(5 * most)[..4 * most]), // never closed
        format!("b = 1\naddVar(x, 1 + a{})", "<a".repeat(2 * most)),
    ];
    for text in texts {
        let error = parse(text.as_str()).err().unwrap();
        assert_eq!(error.code, "script_too_large");
        assert!(error.message.contains("tokens"), "{}", error.message);
        assert!((6..=10).contains(&error.span.start), "{}", error.span.start);
        assert_eq!(parse_leniently(text).err(), Some(error));
    }
    // Many small expressions count together.
    let line = format!("x = {}\n", names(50));
    let error = parse(line.repeat(TOKENS_MAX as usize / 100)).err().unwrap();
    assert_eq!(error.code, "script_too_large");
}

#[test]
fn a_script_of_too_many_arguments_is_refused_at_their_line() {
    let call = |count: usize| format!("f({})", vec!["a"; count].join(","));
    assert!(parse(call(ARGUMENTS_MAX)).is_ok());
    for count in [ARGUMENTS_MAX + 1, 5 * ARGUMENTS_MAX] {
        let error = parse(format!("b = 1\n{}", call(count))).err().unwrap();
        assert_eq!((error.code, error.span.start), ("script_too_large", 6));
        assert!(error.message.contains("arguments"), "{}", error.message);
    }
}

#[test]
fn the_first_error_of_a_script_ends_its_reading() {
    let text = format!(
        "startLoop(i,1,1)\nelse()\n{}",
        "a=b\n".repeat(STATEMENTS_MAX)
    );
    let error = parse(text.as_str()).unwrap_err();
    assert_eq!((error.code, error.span.start), ("else_in_loop", 17));
    // Who wants to know all that is wrong reads on.
    let error = parse_leniently(text.as_str()).unwrap_err();
    assert_eq!(error.code, "script_too_large");
    assert!(parse_leniently("startLoop(i,1,1)\nelse()\nendLoop()").is_ok());
}

#[test]
fn every_statement_knows_its_line() {
    let mut text = String::new();
    for line in 0..100 {
        writeln!(text, "{}x{line} = {line}", "\n".repeat(line % 3)).unwrap();
    }
    let script = parse(text.as_str()).unwrap();
    for (_, statement) in script.statements() {
        let StatementKind::Assign { target, .. } = statement.kind else {
            panic!("an assignment")
        };
        let place = script.position(statement.span);
        let line = text.lines().nth(place.line as usize - 1).unwrap();
        assert!(
            line.starts_with(script.text(target)) && place.column == 1,
            "{place}"
        );
    }
}

#[test]
fn functions_are_found_by_name() {
    let script = parse("function f() {\n}\nfunction f(a) {\n}\n").unwrap();
    let id = script.function_named("f").unwrap();
    assert_eq!(script.function(id).parameters.len(), 1);
    assert_eq!(script.function_named("g"), None);
}
