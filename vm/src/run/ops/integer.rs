//! Operators on ints of any size.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};

use super::float;
use crate::bytecode::operand::Binary;
use crate::limits::{INT_BITS_MAX, Limit};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::number::as_bigint;
use crate::run::value::Value;

/// Words of 64 bits in one unit of fuel for a product or quotient: 10 ns are about 8 multiplications.
const WORD_PRODUCTS_PER_UNIT: u64 = 8;

/// `left op right` of two ints of 64 bits.
pub fn small<'a>(
    context: &mut Context<'a>,
    op: Binary,
    left: i64,
    right: i64,
) -> Result<Value<'a>, Fault<'a>> {
    let (wide_left, wide_right) = (i128::from(left), i128::from(right));
    match op {
        Binary::Add => context.wide(wide_left + wide_right),
        Binary::Sub => context.wide(wide_left - wide_right),
        Binary::Mul => context.wide(wide_left * wide_right),
        Binary::And => Ok(Value::Int(left & right)),
        Binary::Or => Ok(Value::Int(left | right)),
        Binary::Xor => Ok(Value::Int(left ^ right)),
        Binary::FloorDiv | Binary::Mod if right == 0 => Err(division_by_zero(context, op)),
        Binary::FloorDiv => context.wide(Integer::div_floor(&wide_left, &wide_right)),
        Binary::Mod => context.wide(wide_left.mod_floor(&wide_right)),
        Binary::Div => divide_small(context, left, right),
        Binary::Shl if (0..64).contains(&right) => context.wide(wide_left << right),
        Binary::Shr if right >= 0 => Ok(Value::Int(left >> right.min(63))),
        Binary::Pow if (0..64).contains(&right) => match left.checked_pow(right as u32) {
            Some(number) => Ok(Value::Int(number)),
            None => big(context, op, &BigInt::from(left), &BigInt::from(right)),
        },
        _ => big(context, op, &BigInt::from(left), &BigInt::from(right)),
    }
}

#[cold]
fn division_by_zero<'a>(context: &mut Context<'a>, op: Binary) -> Fault<'a> {
    context.raise(
        Class::ZeroDivisionError,
        if op == Binary::Mod {
            "integer modulo by zero"
        } else {
            "integer division or modulo by zero"
        },
    )
}

fn divide_small<'a>(
    context: &mut Context<'a>,
    left: i64,
    right: i64,
) -> Result<Value<'a>, Fault<'a>> {
    // Below 2^53 both are exact floats and one division rounds once.
    const EXACT: u64 = 1 << 53;
    if right == 0 {
        return Err(context.raise(Class::ZeroDivisionError, "division by zero"));
    }
    if left.unsigned_abs() <= EXACT && right.unsigned_abs() <= EXACT {
        return Ok(Value::Float(left as f64 / right as f64));
    }
    divide_big(context, &BigInt::from(left), &BigInt::from(right))
}

/// Fuel for a product or quotient of numbers of so many bits.
fn charge_product<'a>(context: &mut Context<'a>, left: u64, right: u64) -> Result<(), Fault<'a>> {
    let units = (left / 64 + 1).saturating_mul(right / 64 + 1) / WORD_PRODUCTS_PER_UNIT;
    context.charge(units as usize)
}

/// `left op right` of ints of any size.
pub fn big<'a>(
    context: &mut Context<'a>,
    op: Binary,
    left: &BigInt,
    right: &BigInt,
) -> Result<Value<'a>, Fault<'a>> {
    let bits = left.bits().max(right.bits());
    context.charge_bytes(bits as usize / 8)?;
    match op {
        Binary::Add => context.big(&(left + right)),
        Binary::Sub => context.big(&(left - right)),
        Binary::Mul => {
            if left.bits() + right.bits() > INT_BITS_MAX + 64 {
                return Err(Fault::Limit(Limit::Memory));
            }
            charge_product(context, left.bits(), right.bits())?;
            context.big(&(left * right))
        }
        Binary::And => context.big(&(left & right)),
        Binary::Or => context.big(&(left | right)),
        Binary::Xor => context.big(&(left ^ right)),
        Binary::FloorDiv | Binary::Mod if right.is_zero() => Err(division_by_zero(context, op)),
        Binary::FloorDiv => {
            charge_product(context, left.bits(), right.bits())?;
            context.big(&left.div_floor(right))
        }
        Binary::Mod => {
            charge_product(context, left.bits(), right.bits())?;
            context.big(&left.mod_floor(right))
        }
        Binary::Div => divide_big(context, left, right),
        Binary::Pow => power(context, left, right),
        Binary::Shl | Binary::Shr => shift(context, op, left, right),
        Binary::MatMul => Err(context.raise(
            Class::TypeError,
            "unsupported operand type(s) for @: 'int' and 'int'",
        )),
    }
}

fn shift<'a>(
    context: &mut Context<'a>,
    op: Binary,
    left: &BigInt,
    right: &BigInt,
) -> Result<Value<'a>, Fault<'a>> {
    if right.is_negative() {
        return Err(context.raise(Class::ValueError, "negative shift count"));
    }
    if op == Binary::Shl {
        if left.is_zero() {
            return Ok(Value::Int(0));
        }
        return match right.to_u64() {
            Some(count) if count <= INT_BITS_MAX && left.bits() + count <= INT_BITS_MAX => {
                context.charge_bytes((left.bits() + count) as usize / 8)?;
                context.big(&(left << count))
            }
            Some(count) if i64::try_from(count).is_ok() => Err(Fault::Limit(Limit::Memory)),
            _ => Err(context.raise(Class::OverflowError, "too many digits in integer")),
        };
    }
    match right.to_u64() {
        Some(count) if count <= left.bits() => context.big(&(left >> count)),
        _ => Ok(Value::Int(if left.is_negative() { -1 } else { 0 })),
    }
}

fn power<'a>(
    context: &mut Context<'a>,
    base: &BigInt,
    exponent: &BigInt,
) -> Result<Value<'a>, Fault<'a>> {
    if exponent.is_negative() {
        let left = to_float(context, base)?;
        let right = to_float(context, exponent)?;
        return float::binary(context, Binary::Pow, left, right);
    }
    if base.bits() <= 1 {
        // 0, 1 and -1 stay small whatever the exponent.
        let odd = exponent.bit(0);
        return Ok(Value::Int(match base.to_i64() {
            Some(0) => i64::from(exponent.is_zero()),
            Some(-1) if odd => -1,
            _ => 1,
        }));
    }
    let Some(count) = exponent.to_u32() else {
        return Err(Fault::Limit(Limit::Memory));
    };
    let bits = (base.bits() - 1).saturating_mul(u64::from(count));
    if bits > INT_BITS_MAX {
        return Err(Fault::Limit(Limit::Memory));
    }
    // The last squaring dominates.
    charge_product(context, bits, bits)?;
    context.big(&base.pow(count))
}

/// `pow(base, exponent, modulus)`.
pub fn power_modulo<'a>(
    context: &mut Context<'a>,
    base: Value<'a>,
    exponent: Value<'a>,
    modulus: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let (Some(base), Some(exponent), Some(modulus)) =
        (as_bigint(base), as_bigint(exponent), as_bigint(modulus))
    else {
        return Err(context.raise(
            Class::TypeError,
            "pow() 3rd argument not allowed unless all arguments are integers",
        ));
    };
    if modulus.is_zero() {
        return Err(context.raise(Class::ValueError, "pow() 3rd argument cannot be 0"));
    }
    let work = charge_product(context, modulus.bits(), modulus.bits());
    work?;
    let words = (modulus.bits() / 64 + 1).pow(2) / WORD_PRODUCTS_PER_UNIT + 1;
    context.charge(words.saturating_mul(exponent.bits() * 2) as usize)?;
    if exponent.is_negative() {
        let Some(inverse) = base.mod_floor(&modulus).modinv(&modulus) else {
            return Err(context.raise(
                Class::ValueError,
                "base is not invertible for the given modulus",
            ));
        };
        return context.big(&inverse.modpow(&-exponent, &modulus));
    }
    context.big(&base.modpow(&exponent, &modulus))
}

/// An int as a float, rounded to even, or `OverflowError`.
fn to_float<'a>(context: &mut Context<'a>, number: &BigInt) -> Result<f64, Fault<'a>> {
    match number.to_f64() {
        Some(float) if float.is_finite() => Ok(float),
        _ => Err(context.raise(Class::OverflowError, "int too large to convert to float")),
    }
}

/// `left / right`, rounded once: the quotient to 64 bits and a sticky bit, then to a float.
fn divide_big<'a>(
    context: &mut Context<'a>,
    left: &BigInt,
    right: &BigInt,
) -> Result<Value<'a>, Fault<'a>> {
    if right.is_zero() {
        return Err(context.raise(Class::ZeroDivisionError, "division by zero"));
    }
    if left.is_zero() {
        return Ok(Value::Float(if right.is_negative() { -0.0 } else { 0.0 }));
    }
    charge_product(context, left.bits(), right.bits())?;
    let negative = left.is_negative() != right.is_negative();
    let (left, right) = (left.abs(), right.abs());
    // The quotient gets 66 or 67 bits, so that 53 of them are exact and the rest only rounds.
    let shift = left.bits() as i64 - right.bits() as i64 - 66;
    if shift > 1100 {
        return Err(context.raise(
            Class::OverflowError,
            "integer division result too large for a float",
        ));
    }
    if shift < -1300 {
        return Ok(Value::Float(if negative { -0.0 } else { 0.0 }));
    }
    let (quotient, rest) = if shift >= 0 {
        left.div_rem(&(&right << shift as u64))
    } else {
        (&left << (-shift) as u64).div_rem(&right)
    };
    let mut digits = quotient.to_u128().unwrap_or(u128::MAX);
    digits |= u128::from(!rest.is_zero());
    let float = scaled(digits, shift as i32);
    if float.is_infinite() {
        return Err(context.raise(
            Class::OverflowError,
            "integer division result too large for a float",
        ));
    }
    Ok(Value::Float(if negative { -float } else { float }))
}

/// `digits * 2^exponent`, rounded to even once, subnormal results included. `digits` is not 0.
fn scaled(digits: u128, exponent: i32) -> f64 {
    let bits = 128 - digits.leading_zeros() as i32;
    let top = bits + exponent;
    // Bits of the result: 53, fewer below 2^-1022.
    let kept = if top < -1021 { 53 - (-1021 - top) } else { 53 };
    if kept < 0 {
        return 0.0;
    }
    let dropped = bits - kept;
    let mut whole = if dropped >= 128 { 0 } else { digits >> dropped };
    let rest = digits - if dropped >= 128 { 0 } else { whole << dropped };
    let half = 1_u128 << (dropped - 1);
    if rest > half || (rest == half && whole & 1 == 1) {
        whole += 1;
    }
    let scale = exponent + dropped;
    // Two steps, because 2^-1074 times a power is not in one f64's range of exponents.
    let step = scale / 2;
    whole as f64 * 2_f64.powi(step) * 2_f64.powi(scale - step)
}
