//! Functions on numbers: `abs`, `round`, `divmod`, `pow`, `sum`, and the bases.

use num_traits::Signed;

use super::Args;
use crate::bytecode::operand::Binary;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::number::as_bigint;
use crate::run::object::Object;
use crate::run::ops::{arithmetic, float, format, integer};
use crate::run::value::Value;

#[cold]
fn not_an_int<'a>(context: &mut Context<'a>, value: Value<'a>) -> Fault<'a> {
    let kind = value.type_of().name();
    context.raise(
        Class::TypeError,
        format_args!("'{kind}' object cannot be interpreted as an integer"),
    )
}

pub fn abs<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    match args.or_none(0) {
        Value::Float(number) => Ok(Value::Float(number.abs())),
        Value::Object(Object::TimeDelta(delta)) => super::datetime::abs(context, *delta),
        value => match as_bigint(value) {
            Some(number) => context.big(&number.abs()),
            None => {
                let kind = value.type_of().name();
                Err(context.raise(
                    Class::TypeError,
                    format_args!("bad operand type for abs(): '{kind}'"),
                ))
            }
        },
    }
}

pub fn in_base<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    prefix: &str,
    code: char,
) -> Result<Value<'a>, Fault<'a>> {
    let value = args.or_none(0);
    if as_bigint(value).is_none() {
        return Err(not_an_int(context, value));
    }
    let (negative, digits) = format::digits_of(context, value, code)?;
    let sign = if negative { "-" } else { "" };
    context.text(&format!("{sign}{prefix}{digits}"))
}

pub fn chr<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let code = args.index(context, 0)?;
    match u32::try_from(code).ok().filter(|code| *code < 0x11_0000) {
        // Half a surrogate pair cannot be held.
        Some(code) => {
            context.character(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
        }
        None if i32::try_from(code).is_err() => Err(context.raise(
            Class::OverflowError,
            "Python int too large to convert to C int",
        )),
        None => Err(context.raise(Class::ValueError, "chr() arg not in range(0x110000)")),
    }
}

pub fn ord<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let count = match args.or_none(0) {
        Value::Str(text) => {
            context.charge_bytes(text.as_str().len())?;
            let mut characters = text.as_str().chars();
            if let (Some(only), None) = (characters.next(), characters.next()) {
                return Ok(Value::Int(i64::from(u32::from(only))));
            }
            text.char_count()
        }
        Value::Bytes(bytes) => {
            if let [only] = bytes.as_slice() {
                return Ok(Value::Int(i64::from(*only)));
            }
            bytes.as_slice().len()
        }
        other => {
            let kind = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("ord() expected string of length 1, but {kind} found"),
            ));
        }
    };
    Err(context.raise(
        Class::TypeError,
        format_args!("ord() expected a character, but string of length {count} found"),
    ))
}

pub fn divmod<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let (left, right) = (args.or_none(0), args.or_none(1));
    let durations = matches!(
        (left, right),
        (
            Value::Object(Object::TimeDelta(_)),
            Value::Object(Object::TimeDelta(_))
        )
    );
    let numbers = arithmetic::is_number(left) && arithmetic::is_number(right);
    if !durations && !numbers {
        let (left, right) = (left.type_of().name(), right.type_of().name());
        let text = format_args!("unsupported operand type(s) for divmod(): '{left}' and '{right}'");
        return Err(context.raise(Class::TypeError, text));
    }
    if matches!(left, Value::Float(_)) || matches!(right, Value::Float(_)) {
        let left = arithmetic::exact_float(context, left)?;
        let right = arithmetic::exact_float(context, right)?;
        if right == 0.0 {
            return Err(context.raise(Class::ZeroDivisionError, "float divmod()"));
        }
        let (quotient, modulo) = float::divide_modulo(left, right);
        return context.tuple(&[Value::Float(quotient), Value::Float(modulo)]);
    }
    let quotient = arithmetic::binary(context, Binary::FloorDiv, left, right)?;
    let modulo = arithmetic::binary(context, Binary::Mod, left, right)?;
    context.tuple(&[quotient, modulo])
}

pub fn pow<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    match args.or_none(2) {
        Value::None => arithmetic::binary(context, Binary::Pow, args.or_none(0), args.or_none(1)),
        modulus => {
            let values = [args.or_none(0), args.or_none(1), modulus];
            if !values.into_iter().all(arithmetic::is_number) {
                let [base, exponent, modulus] = values.map(|value| value.type_of().name());
                let text = format_args!(
                    "unsupported operand type(s) for ** or pow(): '{base}', '{exponent}', '{modulus}'"
                );
                return Err(context.raise(Class::TypeError, text));
            }
            integer::power_modulo(context, values[0], values[1], values[2])
        }
    }
}

pub fn round<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let value = args.or_none(0);
    let digits = match args.or_none(1) {
        Value::None => None,
        Value::Int(_) | Value::Bool(_) | Value::Big(_) => Some(args.index(context, 1)?),
        other if arithmetic::is_number(value) => return Err(not_an_int(context, other)),
        _ => None,
    };
    match (value, digits) {
        (Value::Float(number), None) => context.truncated(number.round_ties_even()),
        (Value::Float(number), Some(digits)) => {
            Ok(Value::Float(float::round_digits(context, number, digits)?))
        }
        (Value::Bool(flag), None) => Ok(Value::Int(i64::from(flag))),
        (Value::Int(_) | Value::Big(_), None) => Ok(value),
        (Value::Int(_) | Value::Big(_) | Value::Bool(_), Some(digits)) if digits >= 0 => {
            Ok(as_int_value(value))
        }
        (Value::Int(_) | Value::Big(_) | Value::Bool(_), Some(digits)) => {
            round_int(context, value, digits.unsigned_abs())
        }
        (other, _) => {
            let kind = other.type_of().name();
            Err(context.raise(
                Class::TypeError,
                format_args!("type {kind} doesn't define __round__ method"),
            ))
        }
    }
}

fn as_int_value(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Bool(flag) => Value::Int(i64::from(flag)),
        other => other,
    }
}

/// An int to a multiple of `10^places`, half to even.
fn round_int<'a>(
    context: &mut Context<'a>,
    value: Value<'a>,
    places: u64,
) -> Result<Value<'a>, Fault<'a>> {
    use num_integer::Integer;
    let Some(number) = as_bigint(value) else {
        return Err(Fault::Internal("rounding what is no int"));
    };
    // 10^places is far beyond the number: 0.
    if places > number.bits() {
        return Ok(Value::Int(0));
    }
    let units = number.bits() / 64 + 1;
    context.charge((units * units / 8) as usize)?;
    let unit = num_bigint::BigInt::from(10).pow(places as u32);
    let (quotient, rest) = number.div_mod_floor(&unit);
    let twice = rest * 2;
    let up = twice > unit || (twice == unit && quotient.is_odd());
    context.big(&((quotient + i32::from(up)) * unit))
}

pub fn sum<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let mut total = match args.get(1) {
        None => Value::Int(0),
        Some(Value::Str(_)) => {
            return Err(context.raise(
                Class::TypeError,
                "sum() can't sum strings [use ''.join(seq) instead]",
            ));
        }
        Some(Value::Bytes(_)) => {
            return Err(context.raise(
                Class::TypeError,
                "sum() can't sum bytes [use b''.join(seq) instead]",
            ));
        }
        Some(value) => value,
    };
    let iter = context.iterate(args.or_none(0))?;
    while let Some(item) = iter.next(context)? {
        context.charge(1)?;
        total = arithmetic::binary(context, Binary::Add, total, item)?;
    }
    Ok(total)
}
