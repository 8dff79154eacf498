//! String and bytes literals: prefixes, quotes, escapes, adjacent literals.

use super::error::SyntaxError;
use super::parser::Parser;
use super::token::Kind;
use super::{Node, NodeId, Text};
use crate::run::unicode;
use crate::script::span::Span;

/// A literal as its token shows it.
#[derive(Clone, Copy)]
pub(super) struct Literal {
    pub(super) raw: bool,
    bytes: bool,
    formatted: bool,
    /// What is between the quotes.
    pub(super) body: Span,
}

impl Literal {
    fn new(text: &str, token: Span) -> Self {
        let content = token.of(text);
        let prefix = content.find(['"', '\'']).unwrap_or(0);
        let has = |letter: u8| {
            content.as_bytes()[..prefix]
                .iter()
                .any(|byte| byte.to_ascii_lowercase() == letter)
        };
        let quoted = &content.as_bytes()[prefix..];
        let long = quoted.len() >= 6 && quoted[1] == quoted[0] && quoted[2] == quoted[0];
        let size = if long { 3 } else { 1 };
        let body = Span::new(
            token.start as usize + prefix + size,
            token.end as usize - size,
        );
        Self {
            raw: has(b'r'),
            bytes: has(b'b'),
            formatted: has(b'f'),
            body,
        }
    }
}

/// A text in the making: UTF-8, and halves of surrogate pairs in the same scheme.
#[derive(Default)]
pub(super) struct Buffer {
    content: Vec<u8>,
    surrogates: bool,
}

impl Buffer {
    pub(super) fn is_empty(&self) -> bool {
        self.content.is_empty()
    }

    /// A code point, which may be a surrogate.
    fn push(&mut self, code: u32) {
        if let Some(char) = char::from_u32(code) {
            self.content
                .extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            self.surrogates = true;
            let [low, middle] = [code as u8 & 0x3f, (code >> 6) as u8 & 0x3f];
            self.content
                .extend_from_slice(&[0xe0 | (code >> 12) as u8, 0x80 | middle, 0x80 | low]);
        }
    }

    /// Text as it stands, but for line ends, which Python makes LF before it reads anything.
    pub(super) fn push_raw(&mut self, text: &str) {
        if text.contains('\r') {
            self.content
                .extend_from_slice(text.replace("\r\n", "\n").replace('\r', "\n").as_bytes());
        } else {
            self.content.extend_from_slice(text.as_bytes());
        }
    }

    pub(super) fn take(&mut self) -> Text {
        let buffer = std::mem::take(self);
        if buffer.surrogates {
            return Text::Surrogates(buffer.content.into());
        }
        // Only whole characters went in.
        String::from_utf8(buffer.content).map_or_else(
            |bad| Text::Bytes(bad.into_bytes().into()),
            |text| Text::Plain(text.into()),
        )
    }

    /// Text with its escapes replaced. `within` is its place in `source`.
    pub(super) fn push_escaped(&mut self, source: &str, within: Span) -> Result<(), SyntaxError> {
        let mut rest = within.of(source);
        while let Some(backslash) = rest.find('\\') {
            self.push_raw(&rest[..backslash]);
            rest = &rest[backslash..];
            let at = within.end as usize - rest.len();
            let taken = self.push_escape(rest).map_err(|message| {
                SyntaxError::new(message, Span::new(at, (at + 2).min(within.end as usize)))
            })?;
            rest = &rest[taken..];
        }
        self.push_raw(rest);
        Ok(())
    }

    /// The escape that `rest` begins with; how many bytes of it are used up.
    fn push_escape(&mut self, rest: &str) -> Result<usize, &'static str> {
        let Some(kind) = rest[1..].chars().next() else {
            self.push(u32::from(b'\\')); // in front of a brace of an f-string
            return Ok(1);
        };
        if let Some(taken) = simple_escape(rest.as_bytes(), &mut |code| self.push(code)) {
            return Ok(taken);
        }
        let hexadecimal = |digits: usize, message| match rest.get(2..2 + digits) {
            Some(hex) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                u32::from_str_radix(hex, 16).map_err(|_| message)
            }
            _ => Err(message),
        };
        let (code, taken) = match kind {
            'x' => (hexadecimal(2, "(unicode error) truncated \\xXX escape")?, 4),
            'u' => (
                hexadecimal(4, "(unicode error) truncated \\uXXXX escape")?,
                6,
            ),
            'U' => (
                hexadecimal(8, "(unicode error) truncated \\UXXXXXXXX escape")?,
                10,
            ),
            'N' => {
                let name = rest[2..]
                    .strip_prefix('{')
                    .and_then(|inner| inner.split_once('}'))
                    .map(|(name, _)| name);
                let name = name.ok_or("(unicode error) malformed \\N character escape")?;
                let char =
                    unicode::named(name).ok_or("(unicode error) unknown Unicode character name")?;
                (char as u32, name.len() + 4)
            }
            other => {
                self.push(u32::from(b'\\')); // not an escape: it stays, backslash included
                self.push(other as u32);
                return Ok(1 + other.len_utf8());
            }
        };
        if code > char::MAX as u32 {
            return Err("(unicode error) illegal Unicode character");
        }
        self.push(code);
        Ok(taken)
    }
}

/// The escapes that texts and bytes have in common, from the backslash on; how many bytes are used up.
fn simple_escape(rest: &[u8], push: &mut dyn FnMut(u32)) -> Option<usize> {
    let code = match rest[1] {
        b'\n' => return Some(2),
        b'\r' => return Some(if rest.get(2) == Some(&b'\n') { 3 } else { 2 }),
        kind @ (b'\\' | b'\'' | b'"') => kind,
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => 10,
        b'r' => 13,
        b't' => 9,
        b'v' => 11,
        b'0'..=b'7' => {
            let digits = rest[1..]
                .iter()
                .take(3)
                .take_while(|byte| matches!(byte, b'0'..=b'7'));
            let (count, code) = digits.fold((0, 0), |(count, code), byte| {
                (count + 1, code * 8 + u32::from(byte - b'0'))
            });
            push(code);
            return Some(1 + count);
        }
        _ => return None,
    };
    push(u32::from(code));
    Some(2)
}

/// The value of a bytes literal.
fn bytes(source: &str, literal: Literal, into: &mut Vec<u8>) -> Result<(), SyntaxError> {
    let content = literal.body.of(source);
    if !content.is_ascii() {
        return Err(SyntaxError::new(
            "bytes can only contain ASCII literal characters",
            literal.body,
        ));
    }
    let content = content
        .replace("\r\n", "\n")
        .replace('\r', "\n")
        .into_bytes();
    let mut at = 0;
    while at < content.len() {
        if content[at] != b'\\' || literal.raw {
            into.push(content[at]);
            at += 1;
            continue;
        }
        let rest = &content[at..];
        if let Some(taken) = simple_escape(rest, &mut |code| into.push(code as u8)) {
            at += taken;
        } else if rest[1] == b'x' {
            let hex = rest
                .get(2..4)
                .and_then(|hex| std::str::from_utf8(hex).ok())
                .filter(|hex| !hex.starts_with('+'));
            let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) else {
                return Err(SyntaxError::new(
                    "(value error) invalid \\x escape",
                    literal.body,
                ));
            };
            into.push(byte);
            at += 4;
        } else {
            into.push(b'\\');
            at += 1;
        }
    }
    Ok(())
}

impl Parser<'_> {
    /// A string, or several next to each other, which are one.
    pub(super) fn strings(&mut self) -> Result<NodeId, SyntaxError> {
        let mut span = self.token.span;
        let base = self.scratch.len();
        let mut buffer = Buffer::default();
        let mut joined_bytes = Vec::new();
        let (mut is_bytes, mut formatted, mut first) = (false, false, true);
        while self.token.kind == Kind::String {
            let token = self.token.span;
            self.step(u64::from(token.end - token.start));
            span = span.to(token);
            let text = self.text();
            let literal = Literal::new(text, token);
            if !first && literal.bytes != is_bytes {
                return Err(SyntaxError::new(
                    "cannot mix bytes and nonbytes literals",
                    span,
                ));
            }
            (first, is_bytes) = (false, literal.bytes);
            if literal.bytes {
                bytes(text, literal, &mut joined_bytes)?;
            } else if literal.formatted {
                formatted = true;
                self.formatted_string(literal, &mut buffer)?;
            } else if literal.raw {
                buffer.push_raw(literal.body.of(text));
            } else {
                buffer.push_escaped(text, literal.body)?;
            }
            self.advance()?;
        }
        if formatted {
            self.flush_text(&mut buffer, span)?;
            let parts = self.list_since(base);
            return self.push(Node::JoinedStr(parts), span);
        }
        let text = if is_bytes {
            Text::Bytes(joined_bytes.into())
        } else {
            buffer.take()
        };
        let text = self.add_text(text);
        self.push(Node::Text(text), span)
    }
}
