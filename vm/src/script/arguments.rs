//! Argument lists: splitting them, and what each piece is.

use super::number::{Integer, parse_float, parse_integer};
use super::source::strip;
use super::span::Span;

/// The pieces of an argument list, in order, without white space at their ends. Empty ones are left out but for their number.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    text: &'a str,
    /// What is not split yet; `None` at the end.
    rest: Option<Span>,
}

/// Splits an argument list at the commas outside quotes and parentheses. Brackets, braces and backticks protect nothing, no
/// character escapes a quote, and a quote without its partner lasts to the end of the list.
#[must_use]
pub fn split(text: &str, list: Span) -> Pieces<'_> {
    Pieces {
        text,
        rest: Some(list),
    }
}

impl Iterator for Pieces<'_> {
    type Item = Span;

    /// The next piece. An empty one is given too: whoever wants only those that count leaves it out.
    fn next(&mut self) -> Option<Span> {
        let rest = self.rest?;
        let mut quote = None;
        let mut depth = 0i64;
        for (at, byte) in rest.of(self.text).bytes().enumerate() {
            match (quote, byte) {
                (Some(open), _) if byte == open => quote = None,
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'(') => depth += 1,
                (None, b')') => depth -= 1,
                (None, b',') if depth == 0 => {
                    let comma = rest.start as usize + at;
                    self.rest = Some(Span::new(comma + 1, rest.end as usize));
                    return Some(strip(self.text, Span::new(rest.start as usize, comma)));
                }
                _ => {}
            }
        }
        self.rest = None;
        Some(strip(self.text, rest))
    }
}

/// What a piece of an argument list is before anything is looked up.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// It has a `.` and reads as a float.
    Float(f64),
    /// It reads as an integer.
    Integer(Integer),
    /// Any other: the text itself, or what is between its quotes.
    Text {
        /// Without the quotes.
        text: Span,
        /// Had it quotes? Nothing that runs may depend on it: it is for people.
        quoted: bool,
    },
}

/// The value of a piece. One pair of equal quotes at its ends is taken off, whatever is between them.
#[must_use]
pub fn value(text: &str, piece: Span) -> Value {
    let content = piece.of(text);
    let bytes = content.as_bytes();
    if let (Some(first @ (b'"' | b'\'')), Some(last), 2..) =
        (bytes.first(), bytes.last(), bytes.len())
        && first == last
    {
        let inner = Span::new(piece.start as usize + 1, piece.end as usize - 1);
        return Value::Text {
            text: inner,
            quoted: true,
        };
    }
    let float = if content.contains('.') {
        parse_float(content)
    } else {
        None
    };
    match (float, parse_integer(content)) {
        (Some(value), _) => Value::Float(value),
        (None, Some(value)) => Value::Integer(value),
        (None, None) => Value::Text {
            text: piece,
            quoted: false,
        },
    }
}
