//! Operators on floats, and their decimal texts.

use crate::bytecode::operand::Binary;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::value::Value;

/// Operators that floats have.
#[must_use]
pub const fn takes(op: Binary) -> bool {
    matches!(
        op,
        Binary::Add
            | Binary::Sub
            | Binary::Mul
            | Binary::Div
            | Binary::FloorDiv
            | Binary::Mod
            | Binary::Pow
    )
}

/// `left op right`.
pub fn binary<'a>(
    context: &mut Context<'a>,
    op: Binary,
    left: f64,
    right: f64,
) -> Result<Value<'a>, Fault<'a>> {
    Ok(Value::Float(match op {
        Binary::Add => left + right,
        Binary::Sub => left - right,
        Binary::Mul => left * right,
        Binary::Div if right == 0.0 => {
            return Err(context.raise(Class::ZeroDivisionError, "float division by zero"));
        }
        Binary::Div => left / right,
        Binary::FloorDiv if right == 0.0 => {
            return Err(context.raise(Class::ZeroDivisionError, "float floor division by zero"));
        }
        Binary::FloorDiv => divide_modulo(left, right).0,
        Binary::Mod if right == 0.0 => {
            return Err(context.raise(Class::ZeroDivisionError, "float modulo"));
        }
        Binary::Mod => divide_modulo(left, right).1,
        Binary::Pow => return power(context, left, right),
        _ => return Err(Fault::Internal("an operator that floats do not have")),
    }))
}

/// `divmod(left, right)` of floats; `right` is not 0.
#[must_use]
pub fn divide_modulo(left: f64, right: f64) -> (f64, f64) {
    let mut modulo = left % right;
    let mut quotient = (left - modulo) / right;
    if modulo == 0.0 {
        modulo = 0.0_f64.copysign(right);
    } else if (right < 0.0) != (modulo < 0.0) {
        modulo += right;
        quotient -= 1.0;
    }
    let floor = if quotient == 0.0 {
        0.0_f64.copysign(left / right)
    } else {
        let floor = quotient.floor();
        if quotient - floor > 0.5 {
            floor + 1.0
        } else {
            floor
        }
    };
    (floor, modulo)
}

fn power<'a>(context: &mut Context<'a>, left: f64, right: f64) -> Result<Value<'a>, Fault<'a>> {
    if left == 0.0 && right < 0.0 {
        return Err(context.raise(
            Class::ZeroDivisionError,
            "0.0 cannot be raised to a negative power",
        ));
    }
    if left < 0.0 && left.is_finite() && right.is_finite() && right.fract() != 0.0 {
        return Err(context.raise(
            Class::ValueError,
            "negative number cannot be raised to a fractional power: complex numbers are not available",
        ));
    }
    let result = left.powf(right);
    if result.is_infinite() && left.is_finite() && right.is_finite() {
        // Two arguments, as the C library's error number has it.
        let message = context.text("Numerical result out of range")?;
        return Err(context.raise_with(Class::OverflowError, &[Value::Int(34), message]));
    }
    Ok(Value::Float(result))
}

/// `round(number, digits)`: through the shortest decimal that the digits of the exact value round to, half to even.
pub fn round_digits<'a>(
    context: &mut Context<'a>,
    number: f64,
    digits: i64,
) -> Result<f64, Fault<'a>> {
    if !number.is_finite() || number == 0.0 {
        return Ok(number);
    }
    // Beyond these no digit of a float changes (CPython has the same bounds).
    if digits > 323 {
        return Ok(number);
    }
    if digits < -308 {
        return Ok(0.0_f64.copysign(number));
    }
    let rounded: f64 = if digits >= 0 {
        format!("{number:.*}", digits as usize)
            .parse()
            .unwrap_or(number)
    } else {
        round_tens(number, digits.unsigned_abs() as usize)
    };
    if rounded.is_infinite() {
        return Err(context.raise(Class::OverflowError, "rounded value too large to represent"));
    }
    Ok(rounded)
}

/// Round to a multiple of `10^places`, half to even of the exact value.
fn round_tens(number: f64, places: usize) -> f64 {
    let exponent = format!("{:e}", number.abs())
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse::<i64>().ok())
        .unwrap_or(0);
    let kept = exponent - places as i64;
    let magnitude = if kept == -1 {
        // 0 or one unit: above half of it, or half exactly, which rounds to the even 0.
        let half: f64 = format!("5e{exponent}").parse().unwrap_or(f64::MAX);
        if number.abs() > half {
            format!("1e{places}").parse().unwrap_or(f64::INFINITY)
        } else {
            0.0
        }
    } else if kept < 0 {
        0.0
    } else {
        format!("{:.*e}", kept as usize, number.abs())
            .parse()
            .unwrap_or(f64::INFINITY)
    };
    magnitude.copysign(number)
}

/// Digits that a float's exact value has at most, on either side of the point: beyond them all are zeros. Rust's
/// formatting takes no precision beyond 16 bits.
const DIGITS_MAX: usize = 1_100;

/// Digits after the point, as C's `%.*f`. The caller pays for the precision.
#[must_use]
pub fn fixed(number: f64, precision: usize) -> String {
    let exact = precision.min(DIGITS_MAX);
    let mut text = format!("{number:.exact$}");
    text.extend(std::iter::repeat_n('0', precision - exact));
    text
}

/// Mantissa and exponent, as C's `%.*e`: two digits of exponent at least. The caller pays for the precision.
#[must_use]
pub fn scientific(number: f64, precision: usize) -> String {
    let (mut digits, exponent) = parts(number, precision.min(DIGITS_MAX));
    digits.extend(std::iter::repeat_n(
        '0',
        precision - precision.min(DIGITS_MAX),
    ));
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

fn parts(number: f64, precision: usize) -> (String, i64) {
    let text = format!("{number:.precision$e}");
    match text.split_once('e') {
        Some((digits, exponent)) => (digits.to_owned(), exponent.parse().unwrap_or_default()),
        None => (text, 0),
    }
}

/// How [`general`] ends and when it goes over to an exponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Zeros at the end go: `%g`.
    Trimmed,
    /// All digits stay: `%#g`.
    Kept,
    /// As `%g`, but it shows that it is a float: `.0` or an exponent (`format(x, ".3")`).
    Float,
}

/// So many significant digits, as C's `%.*g`. The caller pays for the precision.
#[must_use]
pub fn general(number: f64, precision: usize, style: Style) -> String {
    let precision = precision.max(1);
    let exponent = parts(number, (precision - 1).min(DIGITS_MAX)).1;
    let bound = precision as i64 - i64::from(style == Style::Float);
    if exponent < -4 || exponent >= bound {
        let text = scientific(number, precision - 1);
        return match text.split_once('e') {
            Some((digits, exponent)) if style != Style::Kept => {
                format!("{}e{exponent}", trim_zeros(digits))
            }
            Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.e{exponent}"),
            _ => text,
        };
    }
    let text = fixed(number, (precision as i64 - 1 - exponent).max(0) as usize);
    match style {
        Style::Kept if text.contains('.') => text,
        Style::Kept => text + ".",
        Style::Trimmed => trim_zeros(&text).to_owned(),
        Style::Float => {
            let trimmed = trim_zeros(&text);
            if trimmed.contains('.') {
                trimmed.to_owned()
            } else {
                format!("{trimmed}.0")
            }
        }
    }
}

fn trim_zeros(digits: &str) -> &str {
    if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    }
}
