//! Whatever the text: no panic, and every place lies in it.

use super::expression::{Expressions, parse as parse_expression};
use super::tree::{ArgumentValue, StatementKind};
use super::{Span, parse_leniently, print};
use proptest::prelude::*;

/// Text of words that mean something to the parser, and of any characters.
pub(crate) fn script() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        8 => prop::sample::select(vec![
            "if(", "if (", "else()", "end()", "endLoop()", "startLoop(", "function ", "return ", "=", "==", "(", ")", "{", "}",
            "[", "]", ",", "\"", "'", "`", "${", "//", "\n", "\n", "\n", " ", "a", "x", "1", "1.5", "+", "-", "*", "/", "%",
            "not ", " in ", " for ", " if ", " else ", "lambda ", ":", ":=", ".", "f\"", "b'", "\"\"\"", "\\", "#", "0x", "1e",
            "é", "\u{1f}", "\r", "\u{2028}", "\0", "𝟗", "__a__", "**", "{a!r:>3}",
        ]).prop_map(str::to_string),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

pub(crate) fn check_inside(text: &str, span: Span) {
    assert!(
        span.start <= span.end && span.end as usize <= text.len(),
        "{span:?} in {} bytes",
        text.len()
    );
    assert!(
        text.is_char_boundary(span.start as usize) && text.is_char_boundary(span.end as usize),
        "{span:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_script_whose_places_lie_in_it(text in script()) {
        let script = parse_leniently(text.as_str()).unwrap();
        for (_, statement) in script.statements() {
            check_inside(&text, statement.span);
            if let StatementKind::Assign { target, .. } = statement.kind {
                check_inside(&text, target);
            }
        }
        for (id, call) in script.calls() {
            check_inside(&text, call.span);
            check_inside(&text, call.name);
            check_inside(&text, call.list);
            for argument in script.arguments(id) {
                check_inside(&text, argument.span);
                if let ArgumentValue::Text { text: inner, .. } = argument.value {
                    check_inside(&text, inner);
                }
            }
        }
        for remark in script.remarks() {
            check_inside(&text, remark.span);
        }
        for (_, function) in script.functions() {
            check_inside(&text, function.header);
        }
        let _ = print::print(&script);
    }

    #[test]
    fn any_text_is_an_expression_or_an_error_with_a_place(text in script()) {
        let mut expressions = Expressions::default();
        match parse_expression(&mut expressions, &text, Span::new(0, text.len())) {
            Ok(parsed) => {
                for id in expressions.ids(parsed) {
                    check_inside(&text, expressions.span(id));
                }
            }
            Err(error) => {
                check_inside(&text, error.span);
                prop_assert!(expressions.is_empty(), "what failed leaves nothing behind");
            }
        }
    }
}
