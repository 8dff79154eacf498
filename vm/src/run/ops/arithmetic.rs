//! Binary and unary operators.

use num_bigint::BigInt;

use super::compare::contains;
use super::{float, integer, percent, repeat, sets};
use crate::bytecode::operand::{Binary, Unary};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::number::{as_bigint, as_float};
use crate::run::value::Value;

/// `left op right`.
pub fn binary<'a>(
    context: &mut Context<'a>,
    op: Binary,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    binary_as(context, op, op.symbol(), left, right)
}

/// `left op right` under the name that messages show.
fn binary_as<'a>(
    context: &mut Context<'a>,
    op: Binary,
    symbol: &str,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => return integer::small(context, op, left, right),
        (Value::Float(left), Value::Float(right)) if float::takes(op) => {
            return float::binary(context, op, left, right);
        }
        _ => {}
    }
    if is_number(left) && is_number(right) {
        return numbers(context, op, symbol, left, right);
    }
    let done = match op {
        Binary::Add => repeat::concatenate(context, left, right)?,
        Binary::Mul => repeat::multiply(context, left, right)?,
        Binary::Mod => match left {
            Value::Str(format) => Some(percent::format(context, format.as_str(), right)?),
            Value::Bytes(format) => Some(percent::format_bytes(context, format.as_slice(), right)?),
            _ => None,
        },
        Binary::And | Binary::Or | Binary::Xor | Binary::Sub => {
            sets::binary(context, op, left, right)?
        }
        _ => None,
    };
    if let Some(value) = done {
        return Ok(value);
    }
    if let Some(value) = crate::run::builtins::object_binary(context, op, left, right)? {
        return Ok(value);
    }
    Err(unsupported(context, op, symbol, left, right))
}

/// `left op= right`: lists, dicts and sets change in place, all else is [`binary`].
pub fn in_place<'a>(
    context: &mut Context<'a>,
    op: Binary,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    match (op, left) {
        (Binary::Add, Value::List(list)) => {
            crate::run::builtins::extend_list(context, list, right)?;
            return Ok(left);
        }
        (Binary::Mul, Value::List(list)) => {
            if let Some(Value::List(product)) = repeat::multiply(context, left, right)? {
                list.replace(product.items());
                return Ok(left);
            }
        }
        (Binary::And | Binary::Or | Binary::Xor | Binary::Sub, Value::Set(_) | Value::Dict(_)) => {
            if let Some(value) = sets::in_place(context, op, left, right)? {
                return Ok(value);
            }
        }
        // Sequences to CPython that cannot be repeated: it does not look at the other side then.
        (Binary::Mul, Value::Set(_) | Value::Dict(_) | Value::Range(_)) => {
            let (left, right) = (left.type_of().name(), right.type_of().name());
            let text = format_args!("unsupported operand type(s) for *=: '{left}' and '{right}'");
            return Err(context.raise(Class::TypeError, text));
        }
        _ => {}
    }
    let symbol = match op {
        Binary::Add => "+=",
        Binary::Sub => "-=",
        Binary::Mul => "*=",
        Binary::Div => "/=",
        Binary::FloorDiv => "//=",
        Binary::Mod => "%=",
        Binary::Pow => "**=",
        Binary::Shl => "<<=",
        Binary::Shr => ">>=",
        Binary::And => "&=",
        Binary::Or => "|=",
        Binary::Xor => "^=",
        Binary::MatMul => "@=",
    };
    binary_as(context, op, symbol, left, right)
}

/// `op value`.
pub fn unary<'a>(
    context: &mut Context<'a>,
    op: Unary,
    value: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let number = match value {
        Value::Bool(flag) => Value::Int(i64::from(flag)),
        other => other,
    };
    match (op, number) {
        (Unary::Not, _) => return Ok(Value::Bool(!value.is_true())),
        (Unary::Neg, Value::Int(number)) => return context.wide(-i128::from(number)),
        (Unary::Neg, Value::Float(number)) => return Ok(Value::Float(-number)),
        (Unary::Neg, Value::Big(big)) => return context.big(&-big.to_bigint()),
        (Unary::Pos, Value::Int(_) | Value::Float(_) | Value::Big(_)) => return Ok(number),
        (Unary::Invert, Value::Int(number)) => return Ok(Value::Int(!number)),
        (Unary::Invert, Value::Big(big)) => return context.big(&!big.to_bigint()),
        (Unary::Neg | Unary::Pos, Value::Object(object)) => {
            if let Some(value) = crate::run::builtins::object_unary(context, op, object)? {
                return Ok(value);
            }
        }
        _ => {}
    }
    let kind = value.type_of().name();
    Err(context.raise(
        Class::TypeError,
        format_args!("bad operand type for unary {}: '{kind}'", op.symbol()),
    ))
}

/// `left op right` of a comparison, `in` and `is` included.
pub fn compare<'a>(
    context: &mut Context<'a>,
    op: crate::bytecode::operand::Compare,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<bool, Fault<'a>> {
    use super::compare::{Order, equal, ordered};
    use crate::bytecode::operand::Compare;
    Ok(match op {
        Compare::Eq => equal(context, left, right)?,
        Compare::Ne => !equal(context, left, right)?,
        Compare::Lt => ordered(context, Order::Less, left, right)?,
        Compare::Le => ordered(context, Order::LessEqual, left, right)?,
        Compare::Gt => ordered(context, Order::Greater, left, right)?,
        Compare::Ge => ordered(context, Order::GreaterEqual, left, right)?,
        Compare::In => contains(context, right, left)?,
        Compare::NotIn => !contains(context, right, left)?,
        Compare::Is => left.is(right),
        Compare::IsNot => !left.is(right),
    })
}

/// Int, float or bool.
#[must_use]
pub const fn is_number(value: Value<'_>) -> bool {
    matches!(
        value,
        Value::Int(_) | Value::Float(_) | Value::Big(_) | Value::Bool(_)
    )
}

fn numbers<'a>(
    context: &mut Context<'a>,
    op: Binary,
    symbol: &str,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    if op == Binary::MatMul {
        return Err(unsupported(context, op, symbol, left, right));
    }
    if matches!(left, Value::Float(_)) || matches!(right, Value::Float(_)) {
        if !float::takes(op) {
            return Err(unsupported(context, op, symbol, left, right));
        }
        let left = exact_float(context, left)?;
        let right = exact_float(context, right)?;
        return float::binary(context, op, left, right);
    }
    if let (Value::Bool(left), Value::Bool(right)) = (left, right) {
        match op {
            Binary::And => return Ok(Value::Bool(left & right)),
            Binary::Or => return Ok(Value::Bool(left | right)),
            Binary::Xor => return Ok(Value::Bool(left ^ right)),
            _ => {}
        }
    }
    if let (Some(left), Some(right)) = (left.as_int(), right.as_int()) {
        return integer::small(context, op, left, right);
    }
    let (Some(left), Some(right)) = (as_bigint(left), as_bigint(right)) else {
        return Err(Fault::Internal("a number that is no number"));
    };
    big(context, op, &left, &right)
}

fn big<'a>(
    context: &mut Context<'a>,
    op: Binary,
    left: &BigInt,
    right: &BigInt,
) -> Result<Value<'a>, Fault<'a>> {
    integer::big(context, op, left, right)
}

/// A number as a float, or `OverflowError`.
pub fn exact_float<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<f64, Fault<'a>> {
    match as_float(value) {
        Some(number) if number.is_infinite() && !matches!(value, Value::Float(_)) => {
            Err(context.raise(Class::OverflowError, "int too large to convert to float"))
        }
        Some(number) => Ok(number),
        None => Err(Fault::Internal("a float of something that is no number")),
    }
}

/// `TypeError` for operands that an operator does not take.
#[cold]
fn unsupported<'a>(
    context: &mut Context<'a>,
    op: Binary,
    symbol: &str,
    left: Value<'a>,
    right: Value<'a>,
) -> Fault<'a> {
    let (left_name, right_name) = (left.type_of().name(), right.type_of().name());
    let sequence = |value| {
        matches!(
            value,
            Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Bytes(_)
        )
    };
    match (op, left) {
        (Binary::Add, Value::Str(_) | Value::List(_) | Value::Tuple(_)) => {
            let text = format_args!(
                "can only concatenate {left_name} (not \"{right_name}\") to {left_name}"
            );
            context.raise(Class::TypeError, text)
        }
        (Binary::Add, Value::Bytes(_)) => context.raise(
            Class::TypeError,
            format_args!("can't concat {right_name} to bytes"),
        ),
        (Binary::Mul, _) if sequence(left) => context.raise(
            Class::TypeError,
            format_args!("can't multiply sequence by non-int of type '{right_name}'"),
        ),
        (Binary::Mul, _) if sequence(right) => context.raise(
            Class::TypeError,
            format_args!("can't multiply sequence by non-int of type '{left_name}'"),
        ),
        _ => {
            let symbol = if symbol == "**" {
                "** or pow()"
            } else {
                symbol
            };
            let text = format_args!(
                "unsupported operand type(s) for {symbol}: '{left_name}' and '{right_name}'"
            );
            context.raise(Class::TypeError, text)
        }
    }
}
