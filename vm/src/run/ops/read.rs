//! `int(text)` and `float(text)`.

use num_bigint::BigInt;

use super::print;
use crate::limits::INT_DIGITS_MAX;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::unicode::is_space;
use crate::run::value::Value;
use crate::script::number::decimal;

/// Characters of a text that the message for an unreadable int shows (CPython's `%.200R`).
const SHOWN_MAX: usize = 200;

/// Decimal digits of every script as ASCII, white space as blanks, blanks at the ends off; nothing when another
/// character beyond ASCII is in it.
fn plain(text: &str) -> Option<String> {
    text.trim_matches(is_space)
        .chars()
        .map(|character| {
            if character.is_ascii() {
                Some(character)
            } else if is_space(character) {
                Some(' ')
            } else {
                decimal(character).map(|digit| char::from(b'0' + digit))
            }
        })
        .collect()
}

/// `int(text, base)`; `shown` is the value that the message shows.
pub fn int_of<'a>(
    context: &mut Context<'a>,
    text: &str,
    base: u32,
    shown: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    context.charge_bytes(text.len() * 4)?;
    if base == 10
        && let Some(number) = short_decimal(text)
    {
        return Ok(Value::Int(number));
    }
    let plain = plain(text);
    let Some((digits, radix, negative)) = plain.as_deref().and_then(|text| digits(text, base))
    else {
        let mut repr = context.builder();
        print::write_repr(context, &mut repr, shown)?;
        let end = super::subscript::offset(repr.as_str(), SHOWN_MAX);
        let shown = &repr.as_str()[..end];
        return Err(context.raise(
            Class::ValueError,
            format_args!("invalid literal for int() with base {base}: {shown}"),
        ));
    };
    if digits.len() <= 18 && radix <= 10 {
        // 18 digits always fit.
        let number = i64::from_str_radix(&digits, radix).unwrap_or_default();
        return Ok(Value::Int(if negative { -number } else { number }));
    }
    if !radix.is_power_of_two() {
        if digits.len() > INT_DIGITS_MAX {
            return Err(context.raise(
                Class::ValueError,
                format_args!(
                    "Exceeds the limit ({INT_DIGITS_MAX} digits) for integer string conversion: value has {} digits; \
                     use sys.set_int_max_str_digits() to increase the limit",
                    digits.len()
                ),
            ));
        }
        context.charge(digits.len() * digits.len() / 2_000)?;
    }
    let number = BigInt::parse_bytes(digits.as_bytes(), radix).unwrap_or_default();
    context.big(&if negative { -number } else { number })
}

/// The int that up to 18 ASCII digits spell: nearly every int that is read, without the two texts that the rest makes.
fn short_decimal(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut number = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(digit - b'0');
    }
    Some(if digits.len() < text.len() {
        -number
    } else {
        number
    })
}

/// Digits without `_`, their base, and the sign.
fn digits(text: &str, base: u32) -> Option<(String, u32, bool)> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let prefix = rest
        .get(..2)
        .map(str::to_ascii_lowercase)
        .and_then(|prefix| match prefix.as_str() {
            "0x" => Some(16),
            "0o" => Some(8),
            "0b" => Some(2),
            _ => None,
        });
    let (radix, digits) = match prefix {
        Some(radix) if base == 0 || base == radix => {
            let after = &rest[2..];
            (radix, after.strip_prefix('_').unwrap_or(after))
        }
        _ if base == 0 => (10, rest),
        _ => (base, rest),
    };
    let mut kept = String::with_capacity(digits.len());
    let mut after_digit = false;
    for character in digits.chars() {
        if character == '_' && after_digit {
            after_digit = false;
        } else if character.is_digit(radix) {
            kept.push(character);
            after_digit = true;
        } else {
            return None;
        }
    }
    if !after_digit {
        return None;
    }
    // "010" is no int in the base that literals have.
    if base == 0
        && prefix.is_none()
        && kept.starts_with('0')
        && kept.bytes().any(|digit| digit != b'0')
    {
        return None;
    }
    Some((kept, radix, negative))
}

/// `float(text)`; `shown` is the value that the message shows.
pub fn float_of<'a>(
    context: &mut Context<'a>,
    text: &str,
    shown: Value<'a>,
) -> Result<f64, Fault<'a>> {
    context.charge_bytes(text.len() * 4)?;
    if let Some(number) = plain(text).as_deref().and_then(float) {
        return Ok(number);
    }
    let mut repr = context.builder();
    print::write_repr(context, &mut repr, shown)?;
    Err(context.raise(
        Class::ValueError,
        format_args!("could not convert string to float: {}", repr.as_str()),
    ))
}

fn float(text: &str) -> Option<f64> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = match rest.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => f64::INFINITY,
        "nan" => f64::NAN,
        _ => {
            let mut kept = String::with_capacity(rest.len());
            let mut previous = '.';
            let mut characters = rest.chars().peekable();
            while let Some(character) = characters.next() {
                let between_digits = character == '_'
                    && previous.is_ascii_digit()
                    && characters.peek().is_some_and(char::is_ascii_digit);
                if !between_digits {
                    if !matches!(character, '0'..='9' | '.' | 'e' | 'E' | '+' | '-') {
                        return None;
                    }
                    kept.push(character);
                }
                previous = character;
            }
            if kept.starts_with(['+', '-']) {
                return None;
            }
            kept.parse().ok()?
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}
