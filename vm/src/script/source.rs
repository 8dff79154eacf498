//! The text of a script and where its lines begin.

use super::span::{Position, Span};

/// Is it white space to Python's `str.strip`? Unicode's `White_Space` and the four ASCII separators.
#[must_use]
pub fn is_space(char: char) -> bool {
    char.is_whitespace() || matches!(char, '\x1c'..='\x1f')
}

/// `span` without white space at both ends, as Python's `str.strip` leaves it.
#[must_use]
pub fn strip(text: &str, span: Span) -> Span {
    let inner = span.of(text);
    let end = span.start as usize + inner.trim_end_matches(is_space).len();
    let start = end
        - inner[..end - span.start as usize]
            .trim_start_matches(is_space)
            .len();
    Span::new(start, end)
}

/// A script's text with the beginnings of its lines.
#[derive(Clone, Debug)]
pub struct Source {
    text: Box<str>,
    line_starts: Vec<u32>,
}

impl Source {
    /// Reads the text once.
    ///
    /// # Panics
    /// It is longer than [`crate::limits::SCRIPT_BYTES_MAX`], which whoever takes text in checks.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        let text = text.into();
        assert!(
            text.len() <= crate::limits::SCRIPT_BYTES_MAX,
            "the caller checks the size of a script"
        );
        let breaks = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let line_starts = std::iter::once(0)
            .chain(breaks.map(|(at, _)| at as u32 + 1))
            .collect();
        Self { text, line_starts }
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many lines it has; at least one.
    #[must_use]
    pub fn lines(&self) -> u32 {
        self.line_starts.len() as u32
    }

    /// A line (counted from 0) without its LF.
    #[must_use]
    pub fn line(&self, index: u32) -> Span {
        let start = self.line_starts[index as usize];
        let end = self
            .line_starts
            .get(index as usize + 1)
            .map_or(self.text.len(), |&next| next as usize - 1);
        Span::new(start as usize, end)
    }

    /// The line (counted from 0) that holds a byte of the text.
    #[must_use]
    pub fn line_of(&self, offset: u32) -> u32 {
        self.line_starts.partition_point(|&start| start <= offset) as u32 - 1
    }

    /// Line and column of a byte of the text, or of its end.
    #[must_use]
    pub fn position(&self, offset: u32) -> Position {
        let line = self.line_of(offset);
        let start = self.line_starts[line as usize] as usize;
        let column = self.text[start..]
            .char_indices()
            .take_while(|&(at, _)| start + at < offset as usize)
            .count();
        Position {
            line: line + 1,
            column: column as u32 + 1,
        }
    }

    /// What a span names.
    #[must_use]
    pub fn get(&self, span: Span) -> &str {
        span.of(&self.text)
    }
}
