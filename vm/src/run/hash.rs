//! Hashes of keys, under keys that are drawn once a process: a script cannot aim at collisions.
//!
//! Numbers that Python holds equal (`1`, `1.0`, `True`) hash equal. The order of dicts and sets never depends on hashes.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use super::context::Context;
use super::fault::{Class, Fault};
use super::value::Value;
use crate::limits::KEY_NESTING_MAX;

struct Keys {
    text: RandomState,
    first: u64,
    second: u64,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let text = RandomState::new();
    Keys {
        first: text.hash_one(1_u8) | 1,
        second: text.hash_one(2_u8) | 1,
        text,
    }
});

/// Hash of a text; never 0.
#[must_use]
pub fn hash_text(text: &str) -> u64 {
    let mut hasher = KEYS.text.build_hasher();
    hasher.write(text.as_bytes());
    hasher.finish() | 1
}

fn hash_bytes(kind: u8, bytes: &[u8]) -> u64 {
    let mut hasher = KEYS.text.build_hasher();
    hasher.write_u8(kind);
    hasher.write(bytes);
    hasher.finish() | 1
}

/// Hash of an int; never 0. One folded 128-bit product: about 1 ns.
#[inline]
#[must_use]
pub fn hash_int(number: i64) -> u64 {
    let product = u128::from(number.cast_unsigned() ^ KEYS.first) * u128::from(KEYS.second);
    ((product >> 64) as u64 ^ product as u64) | 1
}

fn hash_float(number: f64) -> u64 {
    if let Some(int) = super::number::float_as_int(number) {
        return hash_int(int);
    }
    if number.is_finite()
        && number.fract() == 0.0
        && let Some(big) = num_traits::FromPrimitive::from_f64(number)
    {
        let big: num_bigint::BigInt = big;
        return hash_bytes(1, &big.to_signed_bytes_le());
    }
    hash_bytes(2, &number.to_bits().to_le_bytes())
}

/// Hash of any value, or `TypeError: unhashable type: 'list'`.
#[inline]
pub fn hash_value<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<u64, Fault<'a>> {
    if let Value::Str(text) = value {
        return Ok(text.hash());
    }
    hash_nested(context, value, 0)
}

fn hash_nested<'a>(
    context: &mut Context<'a>,
    value: Value<'a>,
    depth: usize,
) -> Result<u64, Fault<'a>> {
    if depth > KEY_NESTING_MAX {
        return Err(context.raise(Class::RecursionError, "maximum recursion depth exceeded"));
    }
    Ok(match value {
        Value::Str(text) => text.hash(),
        Value::Int(number) => hash_int(number),
        Value::Bool(flag) => hash_int(i64::from(flag)),
        Value::Float(number) => hash_float(number),
        Value::Big(big) => hash_bytes(1, &big.to_bigint().to_signed_bytes_le()),
        Value::Bytes(bytes) => hash_bytes(3, bytes.as_slice()),
        Value::Tuple(tuple) => {
            let mut all = hash_int(tuple.len() as i64);
            for item in tuple.items() {
                all = hash_int(
                    (all.rotate_left(7) ^ hash_nested(context, *item, depth + 1)?).cast_signed(),
                );
            }
            all
        }
        Value::Set(set) if set.is_frozen() => {
            // The order of insertion must not matter.
            let mut all = 0_u64;
            for (item, _) in set.entries().iter() {
                all = all.wrapping_add(hash_nested(context, item, depth + 1)?);
            }
            hash_int(all.cast_signed())
        }
        Value::List(_) | Value::Dict(_) | Value::Set(_) | Value::Slice(_) => {
            let name = value.type_of().name();
            return Err(context.raise(Class::TypeError, format_args!("unhashable type: '{name}'")));
        }
        Value::Object(object) => match object.key() {
            Some(key) => hash_bytes(5, &key),
            None => hash_int(context.identify(value)?),
        },
        other => hash_bytes(4, &context.identify(other)?.to_le_bytes()),
    })
}
