//! What kind of statement a line is: the first rule that fits wins.

use super::source::strip;
use super::span::Span;

/// A line by the first rule that fits it. Spans are without white space at their ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Nothing on it.
    Blank,
    /// Begins with `//`.
    Comment,
    /// Begins with `if(` or `if (`: opens a block.
    If,
    /// Begins with `else()` or `else (`: goes on in the other branch of the open block.
    Else,
    /// Begins with `end()` or `endLoop()`: closes the innermost block, whichever of the two it is.
    Close,
    /// Begins with `startLoop(`: opens a block.
    Loop,
    /// Begins with `function `: the rest is its header.
    Function {
        /// Everything behind the word.
        header: Span,
    },
    /// Begins with `return `.
    Return {
        /// Everything behind the word.
        value: Span,
    },
    /// Has a `=` anywhere: in front of the first one is a name, whatever it looks like.
    Assignment {
        /// In front of the first `=`.
        target: Span,
        /// Behind it.
        right: Span,
    },
    /// Has a `(` and a `)` anywhere, in any order.
    Call,
    /// Fits no rule and does nothing.
    Ignored,
}

/// Classifies a line; `line` is without white space at its ends.
#[must_use]
pub fn classify(text: &str, line: Span) -> Line {
    let content = line.of(text);
    let behind = |prefix: &str| {
        strip(
            text,
            Span::new(line.start as usize + prefix.len(), line.end as usize),
        )
    };
    let starts = |prefix: &str| content.starts_with(prefix);
    if content.is_empty() {
        Line::Blank
    } else if starts("//") {
        Line::Comment
    } else if starts("if(") || starts("if (") {
        Line::If
    } else if starts("else()") || starts("else (") {
        Line::Else
    } else if starts("end()") || starts("endLoop()") {
        Line::Close
    } else if starts("startLoop(") {
        Line::Loop
    } else if starts("function ") {
        Line::Function {
            header: behind("function "),
        }
    } else if starts("return ") {
        Line::Return {
            value: behind("return "),
        }
    } else if let Some(equals) = content.find('=') {
        let equals = line.start as usize + equals;
        Line::Assignment {
            target: strip(text, Span::new(line.start as usize, equals)),
            right: strip(text, Span::new(equals + 1, line.end as usize)),
        }
    } else if has_parentheses(content) {
        Line::Call
    } else {
        Line::Ignored
    }
}

/// Has it a `(` and a `)`, in whatever order?
#[must_use]
pub fn has_parentheses(text: &str) -> bool {
    text.contains('(') && text.contains(')')
}

/// Is an assignment's right side a call? Anything with `(` that ends in `)` and has none of `+ - * /`; `%` does not count.
#[must_use]
pub fn is_call(right: &str) -> bool {
    right.ends_with(')') && right.contains('(') && !right.contains(['+', '-', '*', '/'])
}

/// The name and the text of the arguments of a call: in front of the first `(`, and from there to the last `)`.
///
/// Without any `)` the last character is taken for it, whatever it is. A last `)` in front of the first `(` encloses nothing.
/// Text without `(` is a name.
#[must_use]
pub fn split_call(text: &str, call: Span) -> (Span, Span) {
    let content = call.of(text);
    let base = call.start as usize;
    let Some(open) = content.find('(') else {
        return (
            strip(text, call),
            Span::new(call.end as usize, call.end as usize),
        );
    };
    let last = || content.char_indices().next_back().map_or(0, |(at, _)| at);
    let close = content
        .rfind(')')
        .unwrap_or_else(last)
        .max(open + 1)
        .min(content.len());
    (
        strip(text, Span::new(base, base + open)),
        Span::new(base + open + 1, base + close),
    )
}

/// How many braces a line opens, less those it closes; braces in texts count too.
#[must_use]
pub fn brace_balance(line: &str) -> i64 {
    line.bytes()
        .map(|byte| i64::from(byte == b'{') - i64::from(byte == b'}'))
        .sum()
}
