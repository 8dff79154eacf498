//! The front end of definitions: Python text to [`crate::hir`].
//!
//! `scan` bounds nesting before anything recurses, `python` lowers by an allow-list. What is not on the list is a
//! [`DefinitionError`] with line and column, never another meaning.

mod python;
mod scan;

pub use python::parse;

use crate::script::span::{Position, Span};

/// Why a definition does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {message}", position.line, position.column)]
pub struct DefinitionError {
    /// Where, counted from 1.
    pub position: Position,
    /// What, and what to write instead where that is known.
    pub message: String,
}

impl DefinitionError {
    /// An error at a place of a text.
    #[must_use]
    pub fn at(source: &str, span: Span, message: impl Into<String>) -> Self {
        let start = source.floor_char_boundary((span.start as usize).min(source.len()));
        let before = &source[..start];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() as u32 + 1;
        let column = before[line_start..].chars().count() as u32 + 1;
        Self {
            position: Position { line, column },
            message: message.into(),
        }
    }
}
