//! f-strings by Python 3.11's rules: a string first, whose replacement fields are then parsed on their own.
//!
//! So no backslash and no `#` can stand in a field, nor the quote that the string is in, and fields nest two deep.

use super::error::SyntaxError;
use super::lexer::{Lexer, closing};
use super::parser::Parser;
use super::strings::{Buffer, Literal};
use super::{Conversion, Node, NodeId};
use crate::limits::{BRACKETS_MAX, FIELD_NESTING_MAX};
use crate::script::span::Span;

impl Parser<'_> {
    /// Appends the parts of an f-string to the scratch list; text that may still go on stays in `buffer`.
    pub(super) fn formatted_string(
        &mut self,
        literal: Literal,
        buffer: &mut Buffer,
    ) -> Result<(), SyntaxError> {
        let mut at = literal.body.start as usize;
        self.parts(&mut at, literal, 0, buffer)
    }

    /// Makes the text so far a part of its own.
    pub(super) fn flush_text(
        &mut self,
        buffer: &mut Buffer,
        span: Span,
    ) -> Result<(), SyntaxError> {
        if !buffer.is_empty() {
            let text = self.add_text(buffer.take());
            let part = self.push(Node::Text(text), span)?;
            self.scratch.push(part);
        }
        Ok(())
    }

    /// Texts and fields from `at` to the end of the literal or, in a format (`depth` > 0), to its `}`.
    fn parts(
        &mut self,
        at: &mut usize,
        literal: Literal,
        depth: u32,
        buffer: &mut Buffer,
    ) -> Result<(), SyntaxError> {
        let end = literal.body.end as usize;
        loop {
            let start = *at;
            let doubled = self.text_part(at, literal, depth, buffer)?;
            if doubled {
                continue;
            }
            if *at >= end || (depth > 0 && self.byte(*at) == b'}') {
                return Ok(());
            }
            let text_span = Span::new(start, *at);
            self.field(at, literal, depth, buffer, text_span)?;
        }
    }

    /// Text up to a brace. True if the brace was doubled, so that one of the two belongs to the text.
    fn text_part(
        &self,
        at: &mut usize,
        literal: Literal,
        depth: u32,
        buffer: &mut Buffer,
    ) -> Result<bool, SyntaxError> {
        let text = self.text();
        let end = literal.body.end as usize;
        let start = *at;
        let mut stop = end;
        let mut doubled = false;
        while *at < end {
            let mut byte = self.byte(*at);
            *at += 1;
            if !literal.raw && byte == b'\\' && *at < end {
                byte = self.byte(*at);
                *at += 1;
                if byte == b'N' {
                    // `\N{…}` is an escape. One without a brace is an error that the escapes report.
                    if *at < end && self.byte(*at) == b'{' {
                        *at = text[*at..end]
                            .find('}')
                            .map_or(end, |close| *at + close + 1);
                    }
                    continue;
                }
            }
            if byte == b'{' || byte == b'}' {
                if depth == 0 && *at < end && self.byte(*at) == byte {
                    stop = *at;
                    *at += 1;
                    doubled = true;
                    break;
                }
                if depth == 0 && byte == b'}' {
                    return Err(SyntaxError::new(
                        "f-string: single '}' is not allowed",
                        Span::new(*at - 1, *at),
                    ));
                }
                *at -= 1;
                stop = *at;
                break;
            }
        }
        let part = Span::new(start, stop.max(start));
        if literal.raw {
            buffer.push_raw(part.of(text));
        } else {
            buffer.push_escaped(text, part)?;
        }
        Ok(doubled)
    }

    /// One `{…}`; `at` is at its brace.
    fn field(
        &mut self,
        at: &mut usize,
        literal: Literal,
        depth: u32,
        buffer: &mut Buffer,
        before: Span,
    ) -> Result<(), SyntaxError> {
        let open = *at;
        let end = literal.body.end as usize;
        let error = |message: &str, from: usize| {
            Err(SyntaxError::new(message, Span::new(from.min(end), end)))
        };
        if depth >= FIELD_NESTING_MAX {
            return error("f-string: expressions nested too deeply", open);
        }
        let inner = self.field_expression(open + 1, end)?;
        *at = inner.end as usize;
        let value = self.field_value(inner)?;

        let mut shown = false;
        if self.byte(*at) == b'=' {
            *at += 1;
            while *at < end && matches!(self.byte(*at), b' ' | b'\t'..=b'\r') {
                *at += 1;
            }
            shown = true;
            buffer.push_raw(&self.text()[inner.start as usize..*at]);
        }
        self.flush_text(buffer, before)?;
        let mut conversion = Conversion::None;
        if *at < end && self.byte(*at) == b'!' {
            conversion = match (*at + 1 < end).then(|| self.byte(*at + 1)) {
                Some(b's') => Conversion::Str,
                Some(b'r') => Conversion::Repr,
                Some(b'a') => Conversion::Ascii,
                Some(_) => {
                    return error(
                        "f-string: invalid conversion character: expected 's', 'r', or 'a'",
                        *at,
                    );
                }
                None => return error("f-string: expecting '}'", *at),
            };
            *at += 2;
        }
        let mut spec = None;
        if *at < end && self.byte(*at) == b':' {
            *at += 1;
            let start = *at;
            let base = self.scratch.len();
            let mut text = Buffer::default();
            self.parts(at, literal, depth + 1, &mut text)?;
            let span = Span::new(start, *at);
            self.flush_text(&mut text, span)?;
            let parts = self.list_since(base);
            spec = Some(self.push(Node::JoinedStr(parts), span)?);
        }
        if *at >= end || self.byte(*at) != b'}' {
            return error("f-string: expecting '}'", *at);
        }
        *at += 1;
        if shown && spec.is_none() && conversion == Conversion::None {
            conversion = Conversion::Repr;
        }
        let field = self.push(
            Node::FormattedValue {
                value,
                conversion,
                spec,
            },
            Span::new(open, *at),
        )?;
        self.scratch.push(field);
        Ok(())
    }

    /// How far the expression of a field reaches: to a `!`, `:`, `=` or `}` outside its brackets and strings.
    fn field_expression(&self, start: usize, end: usize) -> Result<Span, SyntaxError> {
        let error = |message: String, at: usize| Err(SyntaxError::new(message, Span::new(at, end)));
        let mut brackets = Vec::new();
        let mut quote: Option<(u8, usize)> = None;
        let mut at = start;
        while at < end {
            let byte = self.byte(at);
            let tripled = at + 2 < end && self.byte(at + 1) == byte && self.byte(at + 2) == byte;
            let next = if at + 1 < end { self.byte(at + 1) } else { 0 };
            match (byte, quote) {
                (b'\\', _) => {
                    return error(
                        "f-string expression part cannot include a backslash".into(),
                        at,
                    );
                }
                (_, Some((open, size))) if byte == open && (size == 1 || tripled) => {
                    quote = None;
                    at += size - 1;
                }
                (b'"' | b'\'', None) => {
                    let size = if tripled { 3 } else { 1 };
                    quote = Some((byte, size));
                    at += size - 1;
                }
                (b'(' | b'[' | b'{', None) => {
                    if brackets.len() >= BRACKETS_MAX {
                        return error("f-string: too many nested parenthesis".into(), at);
                    }
                    brackets.push(byte);
                }
                (b'#', None) => {
                    return error("f-string expression part cannot include '#'".into(), at);
                }
                (b'!' | b'=' | b'<' | b'>', None) if brackets.is_empty() && next == b'=' => at += 1,
                (b'!' | b':' | b'}' | b'=', None) if brackets.is_empty() => break,
                (b')' | b']' | b'}', None) => match brackets.pop() {
                    Some(open) if closing(open) == byte => {}
                    Some(_) => {
                        return error(
                            format!(
                                "f-string: closing parenthesis '{}' does not match",
                                byte as char
                            ),
                            at,
                        );
                    }
                    None => return error(format!("f-string: unmatched '{}'", byte as char), at),
                },
                _ => {}
            }
            at += 1;
        }
        if quote.is_some() {
            return error("f-string: unterminated string".into(), start);
        }
        if let Some(open) = brackets.pop() {
            return error(format!("f-string: unmatched '{}'", open as char), start);
        }
        if at >= end {
            return error("f-string: expecting '}'".into(), end);
        }
        Ok(Span::new(start, at))
    }

    /// The expression of a field, which reads as if it were in parentheses.
    fn field_value(&mut self, inner: Span) -> Result<NodeId, SyntaxError> {
        if inner
            .of(self.text())
            .bytes()
            .all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c'))
        {
            return Err(SyntaxError::new(
                "f-string: empty expression not allowed",
                inner,
            ));
        }
        let lexer = Lexer::new(self.text(), inner, true);
        let outer = std::mem::replace(&mut self.lexer, lexer);
        let outer_token = self.token;
        self.step(u64::from(inner.end - inner.start));
        let value = self.advance().and_then(|()| self.enclosed());
        self.lexer = outer;
        self.token = outer_token;
        value
    }

    fn byte(&self, at: usize) -> u8 {
        self.text().as_bytes()[at]
    }
}
