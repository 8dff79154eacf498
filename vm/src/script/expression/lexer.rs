//! Text to tokens, one at a time, by the rules of Python 3.11's tokenizer.

use super::error::SyntaxError;
use super::token::{Keyword, Kind, Token};
use super::{BinaryOp, CompareOp, numbers};
use crate::limits::BRACKETS_MAX;
use crate::script::span::Span;

/// Reads tokens from `text[..end]`.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    end: usize,
    /// The brackets open here, by their opening characters. New lines are blanks while there is one.
    brackets: Vec<u8>,
    /// The same for a text that stands in brackets already: an f-string's expression.
    enclosed: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, span: Span, enclosed: bool) -> Self {
        Self {
            text,
            at: span.start as usize,
            end: span.end as usize,
            brackets: Vec::new(),
            enclosed,
        }
    }

    /// The whole text, of which the lexer may read a part only.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// The next token. After [`Kind::End`] there is no other.
    pub(super) fn next(&mut self) -> Result<Token, SyntaxError> {
        self.skip_blanks()?;
        let start = self.at;
        let Some(byte) = self.byte(0) else {
            return Ok(self.token(Kind::End, start));
        };
        let kind = match byte {
            b'\n' | b'\r' => return self.end_of_line(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => return self.word(),
            b'0'..=b'9' => return self.number(),
            b'.' if self.byte(1).is_some_and(|next| next.is_ascii_digit()) => return self.number(),
            b'"' | b'\'' => return self.string(start),
            b'(' | b'[' | b'{' => {
                if self.brackets.len() >= BRACKETS_MAX {
                    return Err(SyntaxError::new(
                        "too many nested parentheses",
                        Span::new(start, start + 1),
                    ));
                }
                self.brackets.push(byte);
                self.at += 1;
                Kind::Open(byte)
            }
            b')' | b']' | b'}' => {
                self.close(byte)?;
                self.at += 1;
                Kind::Close(byte)
            }
            _ => {
                let (kind, length) = self.sign();
                if length == 0 {
                    return Err(self.no_token(byte));
                }
                self.at += length;
                kind
            }
        };
        Ok(self.token(kind, start))
    }

    fn token(&self, kind: Kind, start: usize) -> Token {
        Token {
            kind,
            span: Span::new(start, self.at),
        }
    }

    /// A byte ahead, if the part to be read reaches that far.
    fn byte(&self, ahead: usize) -> Option<u8> {
        let at = self.at + ahead;
        (at < self.end).then(|| self.text.as_bytes()[at])
    }

    /// Blanks, comments, continued lines and, within brackets, new lines.
    fn skip_blanks(&mut self) -> Result<(), SyntaxError> {
        loop {
            match self.byte(0) {
                Some(b' ' | b'\t' | b'\x0c') => self.at += 1,
                Some(b'\n' | b'\r') if self.enclosed || !self.brackets.is_empty() => self.at += 1,
                Some(b'#') => {
                    while !matches!(self.byte(0), None | Some(b'\n' | b'\r')) {
                        self.at += 1;
                    }
                }
                Some(b'\\') => {
                    let length = match (self.byte(1), self.byte(2)) {
                        (Some(b'\r'), Some(b'\n')) => 3,
                        (Some(b'\n' | b'\r'), _) => 2,
                        _ => {
                            let message = "unexpected character after line continuation character";
                            return Err(SyntaxError::new(message, Span::new(self.at, self.at + 1)));
                        }
                    };
                    self.at += length;
                }
                _ => return Ok(()),
            }
        }
    }

    /// A new line outside brackets ends the expression: only blank lines and comments may follow.
    fn end_of_line(&mut self) -> Result<Token, SyntaxError> {
        let start = self.at;
        while matches!(self.byte(0), Some(b'\n' | b'\r')) {
            self.at += 1;
            self.skip_blanks()?;
        }
        if self.at < self.end {
            return Err(SyntaxError::new(
                "invalid syntax",
                Span::new(self.at, self.at + self.char_length()),
            ));
        }
        Ok(Token {
            kind: Kind::End,
            span: Span::new(start, start),
        })
    }

    fn char_length(&self) -> usize {
        self.text[self.at..]
            .chars()
            .next()
            .map_or(0, char::len_utf8)
    }

    fn close(&mut self, byte: u8) -> Result<(), SyntaxError> {
        let here = Span::new(self.at, self.at + 1);
        match self.brackets.pop() {
            Some(open) if closing(open) == byte => Ok(()),
            Some(open) => {
                let (byte, open) = (byte as char, open as char);
                let message = format!(
                    "closing parenthesis '{byte}' does not match opening parenthesis '{open}'"
                );
                Err(SyntaxError::new(message, here))
            }
            None => Err(SyntaxError::new(
                format!("unmatched '{}'", byte as char),
                here,
            )),
        }
    }

    /// A name, a keyword, or the prefix of a string.
    fn word(&mut self) -> Result<Token, SyntaxError> {
        let start = self.at;
        while self
            .byte(0)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80)
        {
            self.at += 1;
        }
        let word = &self.text[start..self.at];
        if matches!(self.byte(0), Some(b'"' | b'\'')) && is_string_prefix(word) {
            return self.string(start);
        }
        if let Some(keyword) = Keyword::of(word) {
            return Ok(self.token(Kind::Keyword(keyword), start));
        }
        if !word.is_ascii() {
            for (index, char) in word.char_indices() {
                let fits = if index == 0 {
                    unicode_ident::is_xid_start(char)
                } else {
                    unicode_ident::is_xid_continue(char)
                };
                if !fits && char != '_' {
                    let span = Span::new(start + index, start + index + char.len_utf8());
                    let message = format!("invalid character '{char}' (U+{:04X})", char as u32);
                    return Err(SyntaxError::new(message, span));
                }
            }
        }
        Ok(self.token(Kind::Name, start))
    }

    fn number(&mut self) -> Result<Token, SyntaxError> {
        let start = self.at;
        self.at = numbers::scan(&self.text.as_bytes()[..self.end], start)?;
        Ok(self.token(Kind::Number, start))
    }

    /// A string whose prefix began at `start`; the lexer stands at its quote.
    fn string(&mut self, start: usize) -> Result<Token, SyntaxError> {
        let quote = self.byte(0);
        let long = self.byte(1) == quote && self.byte(2) == quote;
        let size = if long { 3 } else { 1 };
        self.at += size;
        let mut found = 0;
        while found < size {
            match self.byte(0) {
                None => return Err(self.unterminated(start, long)),
                Some(b'\n' | b'\r') if !long => return Err(self.unterminated(start, long)),
                Some(b'\\') => {
                    found = 0;
                    self.at += 1;
                    if self.byte(0) == Some(b'\r') && self.byte(1) == Some(b'\n') {
                        self.at += 1;
                    }
                    if self.byte(0).is_some() {
                        self.at += 1;
                    }
                }
                byte => {
                    found = if byte == quote { found + 1 } else { 0 };
                    self.at += 1;
                }
            }
        }
        Ok(self.token(Kind::String, start))
    }

    fn unterminated(&self, start: usize, long: bool) -> SyntaxError {
        let kind = if long {
            "triple-quoted string"
        } else {
            "string"
        };
        SyntaxError::new(
            format!("unterminated {kind} literal"),
            Span::new(start, self.at),
        )
    }

    /// Operators and punctuation: the longest that fits, with its length; 0 if there is none.
    fn sign(&self) -> (Kind, usize) {
        use BinaryOp as B;
        use CompareOp as C;
        let byte = self.byte(0);
        let (second, third) = (self.byte(1), self.byte(2));
        let assigned = second == Some(b'=');
        let doubled = second == byte;
        // `+=` and its like are tokens of statements.
        let operator = |op| {
            if assigned {
                (Kind::Foreign, 2)
            } else {
                (Kind::Operator(op), 1)
            }
        };
        let doubled_operator = |op| {
            if third == Some(b'=') {
                (Kind::Foreign, 3)
            } else {
                (Kind::Operator(op), 2)
            }
        };
        match byte {
            Some(b'+') => operator(B::Add),
            Some(b'-') if second == Some(b'>') => (Kind::Foreign, 2),
            Some(b'-') => operator(B::Sub),
            Some(b'*') if doubled => doubled_operator(B::Pow),
            Some(b'*') => operator(B::Mult),
            Some(b'/') if doubled => doubled_operator(B::FloorDiv),
            Some(b'/') => operator(B::Div),
            Some(b'%') => operator(B::Mod),
            Some(b'@') => operator(B::MatMult),
            Some(b'|') => operator(B::BitOr),
            Some(b'^') => operator(B::BitXor),
            Some(b'&') => operator(B::BitAnd),
            Some(b'<') if doubled => doubled_operator(B::LShift),
            Some(b'>') if doubled => doubled_operator(B::RShift),
            Some(b'<') if assigned => (Kind::Compare(C::LtE), 2),
            Some(b'<') if second == Some(b'>') => (Kind::Foreign, 2),
            Some(b'<') => (Kind::Compare(C::Lt), 1),
            Some(b'>') if assigned => (Kind::Compare(C::GtE), 2),
            Some(b'>') => (Kind::Compare(C::Gt), 1),
            Some(b'=') if assigned => (Kind::Compare(C::Eq), 2),
            Some(b'=') => (Kind::Equals, 1),
            Some(b'!') if assigned => (Kind::Compare(C::NotEq), 2),
            Some(b':') if assigned => (Kind::Walrus, 2),
            Some(b':') => (Kind::Colon, 1),
            Some(b',') => (Kind::Comma, 1),
            Some(b'.') if doubled && third == byte => (Kind::Ellipsis, 3),
            Some(b'.') => (Kind::Dot, 1),
            Some(b'~') => (Kind::Tilde, 1),
            Some(b';') => (Kind::Foreign, 1),
            _ => (Kind::Foreign, 0),
        }
    }

    fn no_token(&self, byte: u8) -> SyntaxError {
        let here = Span::new(self.at, self.at + 1);
        match byte {
            0 => SyntaxError::new("source code string cannot contain null bytes", here),
            b' '..=b'~' => SyntaxError::new("invalid syntax", here),
            _ => SyntaxError::new(
                format!("invalid non-printable character U+{byte:04X}"),
                here,
            ),
        }
    }
}

/// The character that closes a bracket.
pub(super) fn closing(open: u8) -> u8 {
    match open {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}

fn is_string_prefix(word: &str) -> bool {
    matches!(
        word.to_ascii_lowercase().as_str(),
        "r" | "u" | "b" | "f" | "br" | "rb" | "fr" | "rf"
    )
}
