//! Tokens of an expression.

use super::{BinaryOp, CompareOp};
use crate::script::span::Span;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The end of the text, or of the line where no bracket is open.
    End,
    Name,
    Number,
    /// With prefix and quotes.
    String,
    Keyword(Keyword),
    /// `( [ {`, by the character.
    Open(u8),
    /// `) ] }`, by the character.
    Close(u8),
    Comma,
    Colon,
    Dot,
    Ellipsis,
    /// `=`, which is never part of an expression but in a call's keyword.
    Equals,
    Walrus,
    Tilde,
    /// Binary and arithmetic, `**`, `*`, `+` and `-` among them.
    Operator(BinaryOp),
    /// Those written with signs.
    Compare(CompareOp),
    /// `;`, `->`, `+=` and such: a token of Python, but none of an expression.
    Foreign,
}

/// Python's keywords that matter to expressions, and all others as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    And,
    Async,
    Await,
    Else,
    False,
    For,
    If,
    In,
    Is,
    Lambda,
    None,
    Not,
    Or,
    True,
    Yield,
    /// `class`, `def`, `while` …
    Other,
}

impl Keyword {
    /// The keyword that a word is.
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "and" => Self::And,
            "async" => Self::Async,
            "await" => Self::Await,
            "else" => Self::Else,
            "False" => Self::False,
            "for" => Self::For,
            "if" => Self::If,
            "in" => Self::In,
            "is" => Self::Is,
            "lambda" => Self::Lambda,
            "None" => Self::None,
            "not" => Self::Not,
            "or" => Self::Or,
            "True" => Self::True,
            "yield" => Self::Yield,
            "as" | "assert" | "break" | "class" | "continue" | "def" | "del" | "elif"
            | "except" | "finally" | "from" | "global" | "import" | "nonlocal" | "pass"
            | "raise" | "return" | "try" | "while" | "with" => Self::Other,
            _ => return None,
        })
    }
}

/// A token and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}
