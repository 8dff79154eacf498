//! Number literals: how far they reach, and their values.

use super::error::SyntaxError;
use crate::limits::INT_DIGITS_MAX;
use crate::script::number::Integer;
use crate::script::span::Span;

/// The value of a number literal.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Number {
    Integer(Integer),
    Float(f64),
}

/// Where the number that begins at `start` ends. `text` is read no further than its end.
pub(super) fn scan(text: &[u8], start: usize) -> Result<usize, SyntaxError> {
    let byte = |at: usize| text.get(at).copied().unwrap_or(0);
    let radix = match (byte(start), byte(start + 1)) {
        (b'0', b'x' | b'X') => Some((16, "hexadecimal")),
        (b'0', b'o' | b'O') => Some((8, "octal")),
        (b'0', b'b' | b'B') => Some((2, "binary")),
        _ => None,
    };
    if let Some((radix, name)) = radix {
        let mut at = start + 2;
        loop {
            at += usize::from(byte(at) == b'_');
            if !(byte(at) as char).is_digit(radix) {
                return Err(bad_digit(byte(at), name, start, at));
            }
            while (byte(at) as char).is_digit(radix) {
                at += 1;
            }
            if byte(at) != b'_' {
                break;
            }
        }
        if byte(at).is_ascii_digit() {
            return Err(bad_digit(byte(at), name, start, at));
        }
        return check_end(text, start, at, name);
    }

    let mut at = decimal_digits(text, start)?;
    let mut is_integer = true;
    if byte(at) == b'.' {
        is_integer = false;
        at += 1;
        if byte(at).is_ascii_digit() {
            at = decimal_digits(text, at)?;
        }
    }
    if matches!(byte(at), b'e' | b'E') {
        let signed = matches!(byte(at + 1), b'+' | b'-');
        let digits = at + 1 + usize::from(signed);
        if byte(digits).is_ascii_digit() {
            is_integer = false;
            at = decimal_digits(text, digits)?;
        } else if signed {
            return Err(invalid("decimal", start, at));
        }
    }
    if matches!(byte(at), b'j' | b'J') {
        return Err(SyntaxError::new(
            "complex numbers are not part of the language",
            Span::new(start, at + 1),
        ));
    }
    let literal = &text[start..at];
    if is_integer && literal[0] == b'0' && literal.iter().any(|digit| matches!(digit, b'1'..=b'9'))
    {
        let message = "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers";
        return Err(SyntaxError::new(message, Span::new(start, at)));
    }
    check_end(text, start, at, "decimal")
}

/// Digits with single `_` between them, if any.
fn decimal_digits(text: &[u8], start: usize) -> Result<usize, SyntaxError> {
    let mut at = start;
    while let Some(byte) = text.get(at) {
        match byte {
            b'0'..=b'9' => at += 1,
            b'_' if at > start => {
                if !text.get(at + 1).is_some_and(u8::is_ascii_digit) {
                    return Err(invalid("decimal", start, at));
                }
                at += 1;
            }
            _ => break,
        }
    }
    Ok(at)
}

/// A number may run into a keyword (`1if x else 2`), but not into a name.
fn check_end(text: &[u8], start: usize, at: usize, name: &str) -> Result<usize, SyntaxError> {
    let rest = &text[at..];
    let keyword = [
        &b"and"[..],
        b"else",
        b"for",
        b"if",
        b"in",
        b"is",
        b"or",
        b"not",
    ]
    .iter()
    .any(|word| rest.starts_with(word));
    let in_word = rest
        .first()
        .is_some_and(|&byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80);
    if in_word && !keyword {
        Err(invalid(name, start, at))
    } else {
        Ok(at)
    }
}

fn invalid(name: &str, start: usize, at: usize) -> SyntaxError {
    SyntaxError::new(format!("invalid {name} literal"), Span::new(start, at))
}

fn bad_digit(byte: u8, name: &str, start: usize, at: usize) -> SyntaxError {
    if byte.is_ascii_digit() {
        let message = format!("invalid digit '{}' in {name} literal", byte as char);
        return SyntaxError::new(message, Span::new(start, at + 1));
    }
    invalid(name, start, at)
}

/// The value of a literal that [`scan`] accepted.
pub(super) fn value(literal: &str, span: Span) -> Result<Number, SyntaxError> {
    let plain: Vec<u8> = literal.bytes().filter(|&byte| byte != b'_').collect();
    let radix = match plain.get(1) {
        Some(b'x' | b'X') => 16,
        Some(b'o' | b'O') => 8,
        Some(b'b' | b'B') => 2,
        _ => 10,
    };
    if radix != 10 {
        return Ok(Number::Integer(Integer::from_digits(
            &plain[2..],
            radix,
            false,
        )));
    }
    if plain.iter().all(u8::is_ascii_digit) {
        let digits = &plain[plain
            .iter()
            .take_while(|&&digit| digit == b'0')
            .count()
            .min(plain.len() - 1)..];
        if digits.len() > INT_DIGITS_MAX {
            let message = format!(
                "Exceeds the limit ({INT_DIGITS_MAX} digits) for integer string conversion: value has {} digits",
                digits.len()
            );
            return Err(SyntaxError::new(message, span));
        }
        return Ok(Number::Integer(Integer::from_digits(digits, 10, false)));
    }
    let value = std::str::from_utf8(&plain)
        .ok()
        .and_then(|text| text.parse().ok());
    value
        .map(Number::Float)
        .ok_or_else(|| SyntaxError::new("invalid decimal literal", span))
}
