//! Numbers as Python's `int(text)` and `float(text)` read them.

use crate::limits::INT_DIGITS_MAX;
use num_bigint::BigInt;

/// An integer of any size. [`Integer::Big`] holds only what does not fit [`Integer::Small`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Integer {
    /// Fits 64 bits.
    Small(i64),
    /// Anything else.
    Big(Box<BigInt>),
}

impl Integer {
    /// ASCII digits of a radix from 2 to 16, at least one, to a number.
    pub(super) fn from_digits(digits: &[u8], radix: u32, negative: bool) -> Self {
        let small = digits.iter().try_fold(0i64, |value, &digit| {
            let digit = i64::from((digit as char).to_digit(radix)?);
            let shifted = value.checked_mul(i64::from(radix))?;
            if negative {
                shifted.checked_sub(digit)
            } else {
                shifted.checked_add(digit)
            }
        });
        if let Some(value) = small {
            return Self::Small(value);
        }
        let value = BigInt::parse_bytes(digits, radix).unwrap_or_default();
        Self::Big(Box::new(if negative { -value } else { value }))
    }
}

impl std::fmt::Display for Integer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Small(value) => write!(f, "{value}"),
            Self::Big(value) => write!(f, "{value}"),
        }
    }
}

/// What `int(text)` makes of a text without blanks at its ends: sign, digits of any script of Unicode, `_` between them.
#[must_use]
pub fn parse_integer(text: &str) -> Option<Integer> {
    let (negative, unsigned) = sign(text);
    // Most texts that are asked about are names.
    if unsigned
        .chars()
        .next()
        .is_none_or(|first| decimal(first).is_none())
    {
        return None;
    }
    let mut digits = Vec::with_capacity(unsigned.len());
    push_digits(unsigned, &mut digits).filter(|rest| rest.is_empty())?;
    (digits.len() <= INT_DIGITS_MAX).then(|| Integer::from_digits(&digits, 10, negative))
}

/// What `float(text)` makes of a text without blanks at its ends and with a `.` in it: so neither `inf` nor `nan`.
#[must_use]
pub fn parse_float(text: &str) -> Option<f64> {
    let (negative, unsigned) = sign(text);
    if !unsigned.starts_with(|first| first == '.' || decimal(first).is_some()) {
        return None;
    }
    let mut plain = Vec::with_capacity(unsigned.len());
    let mut rest = push_digits(unsigned, &mut plain).unwrap_or(unsigned);
    let whole = plain.len();
    rest = rest.strip_prefix('.')?;
    plain.push(b'.');
    let fraction_start = plain.len();
    rest = push_digits(rest, &mut plain).unwrap_or(rest);
    if whole == 0 && plain.len() == fraction_start {
        return None;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let (negative, unsigned) = sign(exponent);
        plain.extend_from_slice(if negative { b"e-" } else { b"e" });
        rest = push_digits(unsigned, &mut plain)?;
    }
    if !rest.is_empty() {
        return None;
    }
    let value: f64 = std::str::from_utf8(&plain).ok()?.parse().ok()?;
    Some(if negative { -value } else { value })
}

fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// Appends the digits that `text` begins with and gives what follows them; `None` if there is none, or an `_` is not between two.
fn push_digits<'a>(text: &'a str, digits: &mut Vec<u8>) -> Option<&'a str> {
    let mut after_digit = false;
    for (at, char) in text.char_indices() {
        if let Some(value) = decimal(char) {
            digits.push(b'0' + value);
            after_digit = true;
        } else if char == '_' && after_digit {
            after_digit = false;
        } else {
            return after_digit.then(|| &text[at..]);
        }
    }
    after_digit.then_some("")
}

/// The value of a decimal digit of any script (`Nd` of Unicode 14, which Python 3.11 has).
#[must_use]
pub fn decimal(char: char) -> Option<u8> {
    if char.is_ascii() {
        return char.to_digit(10).map(|value| value as u8);
    }
    let before = ZEROS.partition_point(|&zero| zero <= char as u32);
    let value = char as u32 - ZEROS.get(before.checked_sub(1)?)?;
    (value < 10).then_some(value as u8)
}

/// Where each script's ten digits begin (`unicodedata.decimal`); they are consecutive.
#[rustfmt::skip]
const ZEROS: [u32; 65] = [
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20, 0x1040,
    0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0,
    0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650,
    0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2,
    0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_what_python_takes_for_them() {
        for (text, expected) in [
            ("0", "0"),
            ("007", "7"),
            ("+5", "5"),
            ("-5", "-5"),
            ("1_000", "1000"),
            ("٣٤", "34"),
            ("𝟗", "9"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9223372036854775808", "9223372036854775808"),
        ] {
            assert_eq!(
                parse_integer(text)
                    .map(|value| value.to_string())
                    .as_deref(),
                Some(expected),
                "{text}"
            );
        }
        assert!(matches!(
            parse_integer("-9223372036854775808"),
            Some(Integer::Small(i64::MIN))
        ));
        for text in [
            "", "+", "-", "_1", "1_", "1__0", "1 0", "- 1", "1.0", "0x10", "1e3", "²", "½", "--1",
            "True",
        ] {
            assert_eq!(parse_integer(text), None, "{text}");
        }
    }

    #[test]
    fn an_integer_has_4300_digits_at_most() {
        assert!(parse_integer(&"1".repeat(INT_DIGITS_MAX)).is_some());
        assert_eq!(parse_integer(&"1".repeat(INT_DIGITS_MAX + 1)), None);
    }

    #[test]
    fn floats_are_what_python_takes_for_them() {
        for (text, expected) in [
            (".5", 0.5),
            ("2.", 2.0),
            ("1.5e3", 1500.0),
            ("1_0.5", 10.5),
            ("-1.5", -1.5),
            ("+.5E-1", 0.05),
            ("1.e5", 1e5),
            ("1.5_0e1_0", 1.5e10),
            ("١.٥", 1.5),
            ("1.0e999", f64::INFINITY),
            ("00.5", 0.5),
        ] {
            assert_eq!(parse_float(text), Some(expected), "{text}");
        }
        for text in [
            ".", "1_.5", "1._5", ".e1", "1.5e", "1.5e+", "1.2.3", "1 .5", "a.b", "inf.", "1.5f",
            "", "1.5e1.0",
        ] {
            assert_eq!(parse_float(text), None, "{text}");
        }
    }
}
