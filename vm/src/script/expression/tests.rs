//! Expressions: trees and errors by table, limits, hostile depth.

use super::print::print;
use super::{Expressions, parse};
use crate::limits::{BRACKETS_MAX, EXPRESSION_HEIGHT_MAX, EXPRESSION_NESTING_MAX};
use crate::script::span::Span;

fn tree(text: &str) -> Result<String, String> {
    let mut expressions = Expressions::default();
    match parse(&mut expressions, text, Span::new(0, text.len())) {
        Ok(parsed) => Ok(print(&expressions, parsed.root)),
        Err(error) => Err(error.message),
    }
}

/// Trees are compared with Python's in bulk by `tests/vm`; these are for reading.
#[test]
fn expressions_have_pythons_shape() {
    for (text, expected) in [
        ("1 + 2 * 3", "(+ 1 (* 2 3))"),
        ("-x ** -y", "(- (** x (- y)))"),
        ("a ** b ** c", "(** a (** b c))"),
        ("not a in b", "(not (compare a in b))"),
        ("a < b is not c", "(compare a < b is-not c)"),
        ("a or b or c and d", "(or a b (and c d))"),
        ("x if c else y if d else z", "(if c x (if d y z))"),
        (
            "lambda a, /, b=1, *c, d, **e: a",
            "(lambda positional-only a positional b 1 * c keyword-only d ** e : a)",
        ),
        (
            "a[1:, ::2][-1]",
            "([] ([] a (tuple (slice 1 _ _) (slice _ _ 2))) (- 1))",
        ),
        ("{1: 2, **m}", "(dict 1 2 ** m)"),
        ("{*a, 1}", "(set (* a) 1)"),
        ("()", "(tuple)"),
        ("1,", "(tuple 1)"),
        ("f(*a, k=1, **m)", "(call f (* a) (= k 1) (= ** m))"),
        ("[a async_ for a in b]", "invalid syntax"),
        ("\"a\" 'b' f\"{c}\"", "(f \"ab\" (field c))"),
        ("f\"{x!r:>{w}}\"", "(f (field x !r (f \">\" (field w))))"),
        ("f\"{ x = }\"", "(f \" x = \" (field x !r))"),
        (
            "r'\\n' '\\n\\x41\\101\\N{BULLET}\\q'",
            "\"\\\\n\\u{a}AA\\u{2022}\\\\q\"",
        ),
        ("\"\\ud83d\\ude00\"", "\"\\u{d83d}\\u{de00}\""),
        ("b'\\xff\\''", "b\"\\u{ff}'\""),
        ("1_000.5e-3", "1.0005"),
        ("1e16 + 1e-5", "(+ 1e+16 1e-05)"),
        ("0x_ff", "255"),
        ("18446744073709551616", "18446744073709551616"),
        ("ﬁ", "fi"),
        (
            "[y := f(x) for x in z if y]",
            "(listcomp (:= y (call f x)) (for x z y))",
        ),
        ("5 # five", "5"),
        ("(1 +\n 2)", "(+ 1 2)"),
    ] {
        assert_eq!(
            tree(text).unwrap_or_else(|message| message),
            expected,
            "{text}"
        );
    }
}

#[test]
fn what_python_refuses_is_an_error_with_its_reason() {
    for (text, expected) in [
        ("", "unexpected end of the expression"),
        ("hello world", "invalid syntax"),
        (
            "012",
            "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers",
        ),
        (
            "2023-01-05",
            "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers",
        ),
        ("1__0", "invalid decimal literal"),
        ("0b12", "invalid digit '2' in binary literal"),
        ("3x", "invalid decimal literal"),
        ("2j", "complex numbers are not part of the language"),
        ("\"abc", "unterminated string literal"),
        ("(1, 2", "'(' was never closed"),
        (
            "(1]",
            "closing parenthesis ']' does not match opening parenthesis '('",
        ),
        ("1)", "unmatched ')'"),
        ("a b", "invalid syntax"),
        ("x = 1", "invalid syntax"),
        ("x := 1", "invalid syntax"),
        ("*a", "invalid syntax"),
        ("(*a)", "cannot use starred expression here"),
        ("1 + not x", "invalid syntax"),
        (
            "lambda a, a: 1",
            "duplicate argument 'a' in function definition",
        ),
        ("f(a=1, a=2)", "keyword argument repeated: a"),
        ("f(a=1, 2)", "positional argument follows keyword argument"),
        (
            "f(x for x in y, 1)",
            "Generator expression must be parenthesized",
        ),
        ("[x for f() in y]", "cannot assign to function call"),
        (
            "[x := 1 for x in y]",
            "assignment expression cannot rebind comprehension iteration variable 'x'",
        ),
        (
            "[1 for x in (y := z)]",
            "assignment expression cannot be used in a comprehension iterable expression",
        ),
        ("(yield 1)", "'yield' outside function"),
        ("\"\\x4\"", "(unicode error) truncated \\xXX escape"),
        ("b'é'", "bytes can only contain ASCII literal characters"),
        ("'a' b'b'", "cannot mix bytes and nonbytes literals"),
        ("f\"{}\"", "f-string: empty expression not allowed"),
        ("f\"}\"", "f-string: single '}' is not allowed"),
        ("f\"{a\"", "f-string: expecting '}'"),
        (
            "f\"{a!x}\"",
            "f-string: invalid conversion character: expected 's', 'r', or 'a'",
        ),
        (
            "f\"{'\\n'}\"",
            "f-string expression part cannot include a backslash",
        ),
        (
            "f\"{a:{b:{c}}}\"",
            "f-string: expressions nested too deeply",
        ),
        ("__import__('os')", "name '__import__' is not defined"),
        ("x.__class__", "name '__class__' is not defined"),
        ("a\0", "source code string cannot contain null bytes"),
        ("a; b", "invalid syntax"),
        ("a“b”", "invalid character '“' (U+201C)"),
    ] {
        assert_eq!(tree(text).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn names_with_two_underscores_at_one_end_are_ordinary() {
    assert_eq!(tree("__a + b__").unwrap(), "(+ __a b__)");
    assert_eq!(tree("____").unwrap(), "____");
}

#[test]
fn python_limits() {
    let brackets = |count: usize| tree(&("(".repeat(count) + "a" + &")".repeat(count)));
    assert!(brackets(BRACKETS_MAX).is_ok());
    assert_eq!(
        brackets(BRACKETS_MAX + 1).unwrap_err(),
        "too many nested parentheses"
    );
    let chain = |count: usize| tree(&("a".to_string() + &"+a".repeat(count)));
    assert!(chain(EXPRESSION_HEIGHT_MAX as usize - 1).is_ok());
    assert_eq!(
        chain(EXPRESSION_HEIGHT_MAX as usize).unwrap_err(),
        "maximum recursion depth exceeded during compilation"
    );
    let digits = |count: usize| tree(&"1".repeat(count));
    assert!(digits(4300).is_ok());
    assert!(
        digits(4301)
            .unwrap_err()
            .starts_with("Exceeds the limit (4300 digits)")
    );
    assert!(tree(&"0".repeat(10_000)).is_ok());
}

/// Depth of every kind, as far as the limits let it and beyond, on a thread with 2 MiB.
#[test]
fn nesting_fits_a_small_stack() {
    let check = || {
        let nestings = [
            ("(", "a", ")"),
            ("[", "a", "]"),
            ("{1:", "a", "}"),
            ("a(", "a", ")"),
            ("a[", "a", "]"),
            ("1+(", "a", ")"),
            ("a or -(", "a", ")"),
            ("lambda: ", "a", ""),
            ("not ", "a", ""),
            ("-", "a", ""),
            ("a ** ", "a", ""),
            ("a if a else ", "a", ""),
            ("[a for a in ", "a", "]"),
            ("{**", "a", "}"),
            ("f(k=", "a", ")"),
            ("x[:", "a", "]"),
            ("lambda a=", "1", ": 1"),
            ("[*", "a", "]"),
            ("a < (", "a", ")"),
            ("(a := ", "1", ")"),
        ];
        for (open, middle, close) in nestings {
            for count in [
                50,
                150,
                199,
                200,
                EXPRESSION_NESTING_MAX as usize,
                5_000,
                50_000,
            ] {
                let text = open.repeat(count) + middle + &close.repeat(count);
                let parsed = tree(&text);
                assert!(parsed.is_ok() || count > 50, "{open} {count}: {parsed:?}");
                assert!(parsed.is_err() || count < 50_000, "{open} {count}");
            }
        }
        for (first, more) in [
            ("a", ".b"),
            ("a", "()"),
            ("a", "[0]"),
            ("a", "+a"),
            ("a", " and a"),
            ("a", "<a"),
            ("1", ",1"),
        ] {
            for count in [1_000, 100_000] {
                let _ = tree(&(first.to_string() + &more.repeat(count)));
            }
        }
    };
    std::thread::Builder::new()
        .stack_size(2048 << 10)
        .spawn(check)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn several_expressions_share_their_vectors() {
    let mut expressions = Expressions::default();
    let text = "a + 1 | b * | [c]";
    let first = parse(&mut expressions, text, Span::new(0, 5)).unwrap();
    let nodes = expressions.len();
    assert!(parse(&mut expressions, text, Span::new(8, 11)).is_err());
    assert_eq!(expressions.len(), nodes);
    let second = parse(&mut expressions, text, Span::new(14, 17)).unwrap();
    assert_eq!(print(&expressions, first.root), "(+ a 1)");
    assert_eq!(print(&expressions, second.root), "(list c)");
    assert_eq!(expressions.span(second.root), Span::new(14, 17));
    assert_eq!(expressions.ids(second).count(), 2);
}
