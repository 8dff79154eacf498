//! The rules of lines and argument lists, one table each.

use super::arguments::{Value, split, value};
use super::line::{Line, brace_balance, classify, is_call, split_call};
use super::source::{Source, strip};
use super::span::Span;

fn whole(text: &str) -> Span {
    Span::new(0, text.len())
}

/// The rule by the word for it.
fn rule(line: &str) -> &'static str {
    match classify(line, strip(line, whole(line))) {
        Line::Blank => "blank",
        Line::Comment => "comment",
        Line::If => "if",
        Line::Else => "else",
        Line::Close => "close",
        Line::Loop => "loop",
        Line::Function { .. } => "function",
        Line::Return { .. } => "return",
        Line::Assignment { .. } => "assignment",
        Line::Call => "call",
        Line::Ignored => "ignored",
    }
}

#[test]
fn the_first_rule_that_fits_wins() {
    for (line, expected) in [
        ("", "blank"),
        ("\t \u{a0}\u{1f}", "blank"),
        ("// if(a, b, =)", "comment"),
        ("//", "comment"),
        ("/ /", "ignored"),
        ("# x = 1", "assignment"),
        ("# note", "ignored"),
        ("if(", "if"),
        ("if (a) = 3", "if"),
        ("if  (a)", "call"),
        ("iffy(a)", "call"),
        ("else()", "else"),
        ("else (x = 1", "else"),
        ("else(1)", "call"),
        ("else", "ignored"),
        ("elseif(a)", "call"),
        ("end()", "close"),
        ("end() = 1", "close"),
        ("end ()", "call"),
        ("end", "ignored"),
        ("endLoop()x", "close"),
        ("endloop()", "call"),
        ("startLoop(i, 1, 2)", "loop"),
        ("startLoop (i, 1, 2)", "call"),
        ("startLoop(i = 1", "loop"),
        ("function f(a = 1) {", "function"),
        ("function\tf() {", "call"),
        ("functional(x)", "call"),
        ("return x = 1", "return"),
        ("return", "ignored"),
        ("return(x)", "call"),
        ("return(x = 1)", "assignment"),
        ("returned = 1", "assignment"),
        ("addVar(t, \"p=q\")", "assignment"),
        ("x == 1", "assignment"),
        ("=", "assignment"),
        (")x(", "call"),
        ("(", "ignored"),
        ("hello there", "ignored"),
        ("include \"lib.avap\"", "ignored"),
    ] {
        assert_eq!(rule(line), expected, "{line:?}");
    }
}

#[test]
fn an_assignment_splits_at_the_first_equals_sign() {
    for (line, target, right) in [
        ("a = b = 2", "a", "b = 2"),
        ("x == 1", "x", "= 1"),
        ("x += 1", "x +", "1"),
        ("xs[0]=1", "xs[0]", "1"),
        ("= 1", "", "1"),
        ("a =", "a", ""),
        ("addVar(t, \"p=q\")", "addVar(t, \"p", "q\")"),
    ] {
        let Line::Assignment {
            target: left,
            right: value,
        } = classify(line, whole(line))
        else {
            panic!("{line}")
        };
        assert_eq!((left.of(line), value.of(line)), (target, right), "{line}");
    }
}

#[test]
fn a_right_side_is_a_call_by_its_characters() {
    for (right, expected) in [
        ("len(items)", true),
        ("name.lower()", true),
        ("(3)", true),
        ("\"%s %s\" % (a, b)", true),
        ("\"see (this)\"", false),
        ("f(a) ", false),
        ("f(a + 1)", false),
        ("f(\"http://x\")", false),
        ("f(a-b)", false),
        ("f)", false),
        ("[(1)]", false),
    ] {
        assert_eq!(is_call(right), expected, "{right}");
    }
}

#[test]
fn a_call_is_a_name_and_what_is_between_the_first_and_the_last_parenthesis() {
    for (call, name, list) in [
        ("f(a)", "f", "a"),
        ("f (a) b) // c", "f", "a) b"),
        ("(3)", "", "3"),
        ("a b(c)", "a b", "c"),
        (")4(", ")4", ""),
        ("if(a, 1, ==", "if", "a, 1, ="),
        ("if(", "if", ""),
        ("if(é", "if", ""),
    ] {
        let (found_name, found_list) = split_call(call, whole(call));
        assert_eq!(
            (found_name.of(call), found_list.of(call)),
            (name, list),
            "{call}"
        );
    }
}

#[test]
fn arguments_are_split_at_commas_outside_quotes_and_parentheses() {
    for (list, expected) in [
        ("a, b ,c", vec!["a", "b", "c"]),
        ("a, , b,", vec!["a", "", "b", ""]),
        ("", vec![""]),
        ("f(a, b), c", vec!["f(a, b)", "c"]),
        ("\"a, b\", 'c, d'", vec!["\"a, b\"", "'c, d'"]),
        ("don't, b", vec!["don't, b"]),
        ("'a\\', b', c", vec!["'a\\'", "b', c"]),
        (
            "[1, 2], {a, b}, `x, y`",
            vec!["[1", "2]", "{a", "b}", "`x", "y`"],
        ),
        ("a), b", vec!["a), b"]),
        ("(a, b", vec!["(a, b"]),
        ("\"(\", b", vec!["\"(\"", "b"]),
    ] {
        let found: Vec<_> = split(list, whole(list))
            .map(|piece| piece.of(list))
            .collect();
        assert_eq!(found, expected, "{list}");
    }
}

#[test]
fn a_piece_is_text_in_quotes_a_float_an_integer_or_text() {
    for (piece, expected) in [
        ("\"a\"", "text a"),
        ("'a\"", "text 'a\""),
        ("\"\"", "text "),
        ("\"", "text \""),
        ("\"A \" + x + \"!\"", "text A \" + x + \"!"),
        ("\"tab\\there\"", "text tab\\there"),
        ("5", "integer 5"),
        ("-1_0", "integer -10"),
        (".5", "float 0.5"),
        ("2.", "float 2"),
        ("1e3", "text 1e3"),
        ("1.2.3", "text 1.2.3"),
        ("true", "text true"),
        ("None", "text None"),
        ("a + b", "text a + b"),
        ("`t`", "text `t`"),
    ] {
        let found = match value(piece, whole(piece)) {
            Value::Float(value) => format!("float {value}"),
            Value::Integer(value) => format!("integer {value}"),
            Value::Text { text, .. } => format!("text {}", text.of(piece)),
        };
        assert_eq!(found, expected, "{piece}");
    }
}

#[test]
fn braces_count_wherever_they_stand() {
    for (line, expected) in [
        ("", 0),
        ("x = {\"a\": {}}", 0),
        ("} // }", -2),
        ("\"{\"", 1),
    ] {
        assert_eq!(brace_balance(line), expected, "{line}");
    }
}

#[test]
fn places_count_characters_from_one() {
    let source = Source::new("ab\r\n\n\u{e9}\u{e9}x\n");
    for (offset, line, column) in [
        (0, 1, 1),
        (2, 1, 3),
        (4, 2, 1),
        (5, 3, 1),
        (9, 3, 3),
        (10, 3, 4),
        (11, 4, 1),
    ] {
        let found = source.position(offset);
        assert_eq!((found.line, found.column), (line, column), "{offset}");
    }
    assert_eq!(source.lines(), 4);
    assert_eq!(source.get(source.line(2)), "\u{e9}\u{e9}x");
}
