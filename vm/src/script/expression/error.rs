//! Why a text is no expression.

use crate::script::span::Span;

/// A text that Python 3.11 would not take for an expression, or that is over a limit. An ordinary value: a script that assigns
/// such a text stores the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Why, in the words of Python 3.11 where it has some for it.
    pub message: String,
    /// Where it was noticed.
    pub span: Span,
}

impl SyntaxError {
    pub(super) fn new(message: impl Into<String>, span: Span) -> Self {
        Self {
            message: message.into(),
            span,
        }
    }
}

impl std::fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SyntaxError {}
