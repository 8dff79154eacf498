//! Ints beyond 64 bits, and conversions between the numeric types.

use num_bigint::{BigInt, Sign};
use num_traits::{FromPrimitive, ToPrimitive};

use super::arena::{Arena, QuotaReached};
use super::context::Context;
use super::fault::{Class, Fault};
use super::value::Value;
use crate::limits::{INT_BITS_MAX, Limit};

/// An int beyond 64 bits: sign and digits (base 2^32, least first) in the arena.
#[derive(Debug, PartialEq, Eq)]
pub struct Big<'a> {
    sign: Sign,
    digits: &'a [u32],
}

impl Big<'_> {
    /// The same int in another arena.
    pub fn moved<'b>(&self, arena: &'b Arena) -> Result<Big<'b>, QuotaReached> {
        Ok(Big {
            sign: self.sign,
            digits: arena.alloc_slice(self.digits)?,
        })
    }

    /// A copy that can be computed with.
    #[must_use]
    pub fn to_bigint(&self) -> BigInt {
        BigInt::from_slice(self.sign, self.digits)
    }

    /// Below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.sign == Sign::Minus
    }

    /// Bytes that its digits take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.digits.len() * 4
    }

    /// The nearest float, infinite when out of range.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        self.to_bigint().to_f64().unwrap_or(f64::INFINITY)
    }
}

/// The int that a float equals, when there is one within 64 bits.
#[must_use]
pub fn float_as_int(number: f64) -> Option<i64> {
    // 2^63 itself is out of range.
    if number.fract() == 0.0
        && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number)
    {
        return Some(number as i64);
    }
    None
}

impl<'a> Context<'a> {
    /// An int value of any size, in its one representation. Beyond the size limit it is [`Limit::Memory`].
    pub fn big(&mut self, number: &BigInt) -> Result<Value<'a>, Fault<'a>> {
        if let Some(small) = number.to_i64() {
            return Ok(Value::Int(small));
        }
        if number.bits() > INT_BITS_MAX {
            return Err(Fault::Limit(Limit::Memory));
        }
        let (sign, digits) = number.to_u32_digits();
        self.charge_bytes(digits.len() * 4)?;
        let digits = self.arena().alloc_slice(&digits)?;
        Ok(Value::Big(self.arena().alloc(Big { sign, digits })?))
    }

    /// An int from 128 bits, as products and sums of two small ints need.
    pub fn wide(&mut self, number: i128) -> Result<Value<'a>, Fault<'a>> {
        match i64::try_from(number) {
            Ok(small) => Ok(Value::Int(small)),
            Err(_) => self.big(&BigInt::from(number)),
        }
    }

    /// `int(float)`: truncated, or the errors for what is no number.
    pub fn truncated(&mut self, number: f64) -> Result<Value<'a>, Fault<'a>> {
        if let Some(small) = float_as_int(number.trunc()) {
            return Ok(Value::Int(small));
        }
        if number.is_nan() {
            return Err(self.raise(Class::ValueError, "cannot convert float NaN to integer"));
        }
        match BigInt::from_f64(number.trunc()) {
            Some(big) => self.big(&big),
            None => Err(self.raise(
                Class::OverflowError,
                "cannot convert float infinity to integer",
            )),
        }
    }
}

/// An int or bool of any size as one that can be computed with.
#[must_use]
pub fn as_bigint(value: Value<'_>) -> Option<BigInt> {
    match value {
        Value::Int(number) => Some(BigInt::from(number)),
        Value::Bool(flag) => Some(BigInt::from(u8::from(flag))),
        Value::Big(big) => Some(big.to_bigint()),
        _ => None,
    }
}

/// Any number as a float; nothing for other values. An int out of a float's range gives infinity.
#[must_use]
pub fn as_float(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Float(number) => Some(number),
        Value::Int(number) => Some(number as f64),
        Value::Bool(flag) => Some(f64::from(u8::from(flag))),
        Value::Big(big) => Some(big.to_f64()),
        _ => None,
    }
}
