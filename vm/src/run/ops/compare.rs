//! Equality and order, without native recursion: nested values are worked off from a list.

use std::cmp::Ordering;

use super::sets::combine;
use crate::bytecode::operand::Binary;
use crate::limits::{COMPARED_NESTING_MAX, COMPARED_PAIRS_MAX};
use crate::run::context::Context;
use crate::run::dict::Dict;
use crate::run::fault::{Class, Fault};
use crate::run::hash::hash_value;
use crate::run::number::{as_bigint, float_as_int};
use crate::run::object::{Object, ViewKind};
use crate::run::value::Value;

/// Equality of dict keys: what is hashable. Keys nest at most as deep as `hash` allows.
#[inline]
#[must_use]
pub fn same_key<'a>(left: Value<'a>, right: Value<'a>) -> bool {
    match (left, right) {
        (Value::Str(left), Value::Str(right)) => {
            std::ptr::eq(left, right) || left.as_str() == right.as_str()
        }
        (Value::Int(left), Value::Int(right)) => left == right,
        (Value::Tuple(left), Value::Tuple(right)) => {
            left.len() == right.len()
                && left
                    .items()
                    .iter()
                    .zip(right.items())
                    .all(|(left, right)| same_key(*left, *right))
        }
        (Value::Set(left), Value::Set(right)) => {
            left.len() == right.len()
                && left
                    .entries()
                    .iter_hashed()
                    .all(|(key, _, hash)| right.entries().get(key, hash).is_some())
        }
        _ => same_leaf(left, right),
    }
}

/// Equality of two values that are not containers.
fn same_leaf<'a>(left: Value<'a>, right: Value<'a>) -> bool {
    match (left, right) {
        (Value::Str(left), Value::Str(right)) => {
            std::ptr::eq(left, right) || left.as_str() == right.as_str()
        }
        (Value::Bytes(left), Value::Bytes(right)) => left.as_slice() == right.as_slice(),
        (Value::Object(left), Value::Object(right)) => match (left.key(), right.key()) {
            (Some(left_key), Some(right_key)) => {
                left.type_of() == right.type_of() && left_key == right_key
            }
            _ => std::ptr::eq(left, right),
        },
        (Value::Range(left), Value::Range(right)) => {
            left.len() == right.len()
                && (left.is_empty()
                    || left.start == right.start && (left.len() == 1 || left.step == right.step))
        }
        (Value::Method(left), Value::Method(right)) => {
            std::ptr::eq(left.native, right.native) && left.receiver.is(right.receiver)
        }
        _ => match order_numbers(left, right) {
            Some(order) => order == Some(Ordering::Equal),
            None => left.is(right),
        },
    }
}

/// Order of two numbers: nothing when one is no number, `Some(None)` with a NaN.
#[allow(clippy::option_option)] // three answers: no numbers, unordered numbers, an order
fn order_numbers<'a>(left: Value<'a>, right: Value<'a>) -> Option<Option<Ordering>> {
    Some(match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(&right)),
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(&right),
        (Value::Float(left), _) => order_float(left, right)?,
        (_, Value::Float(right)) => order_float(right, left)?.map(Ordering::reverse),
        _ => match (left.as_int(), right.as_int()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => Some(as_bigint(left)?.cmp(&as_bigint(right)?)),
        },
    })
}

/// Order of a float and an int, exactly: an int beyond 2^53 is not rounded first.
#[allow(clippy::option_option)] // as above
fn order_float(float: f64, int: Value<'_>) -> Option<Option<Ordering>> {
    let exact = as_bigint(int)?;
    if float.is_nan() {
        return Some(None);
    }
    if float.is_infinite() {
        return Some(Some(if float > 0.0 {
            Ordering::Greater
        } else {
            Ordering::Less
        }));
    }
    if let (Some(whole), Some(int)) = (float_as_int(float), int.as_int()) {
        return Some(Some(whole.cmp(&int)));
    }
    let floor: num_bigint::BigInt = num_traits::FromPrimitive::from_f64(float.floor())?;
    Some(Some(match floor.cmp(&exact) {
        Ordering::Equal if float.fract() != 0.0 => Ordering::Greater,
        order => order,
    }))
}

/// `left == right`. Pairs of nested items wait in a list; each costs a unit, so self-containing lists end by fuel or by
/// the list's bound.
pub fn equal<'a>(
    context: &mut Context<'a>,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<bool, Fault<'a>> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => return Ok(left == right),
        (Value::Str(left), Value::Str(right)) => {
            if std::ptr::eq(left, right) {
                return Ok(true);
            }
            if left.as_str().len() != right.as_str().len() {
                return Ok(false);
            }
            context.charge_bytes(left.as_str().len())?;
            return Ok(left.as_str() == right.as_str());
        }
        _ => {}
    }
    let mut waiting = vec![(left, right, 0_u32)];
    while let Some((left, right, depth)) = waiting.pop() {
        context.charge(1)?;
        if depth > COMPARED_NESTING_MAX || waiting.len() > COMPARED_PAIRS_MAX {
            return Err(context.raise(
                Class::RecursionError,
                "maximum recursion depth exceeded in comparison",
            ));
        }
        match (left, right) {
            (Value::List(left), Value::List(right)) => {
                if std::ptr::eq(left, right) {
                    continue;
                }
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (left, right) in left.items().iter().zip(right.items()).rev() {
                    if !quickly(&mut waiting, context, left.get(), right.get(), depth)? {
                        return Ok(false);
                    }
                }
            }
            (Value::Tuple(left), Value::Tuple(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (left, right) in left.items().iter().zip(right.items()).rev() {
                    if !quickly(&mut waiting, context, *left, *right, depth)? {
                        return Ok(false);
                    }
                }
            }
            (Value::Dict(left), Value::Dict(right)) => {
                if std::ptr::eq(left, right) {
                    continue;
                }
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (key, value, hash) in left.iter_hashed() {
                    let Some(other) = right.get(key, hash) else {
                        return Ok(false);
                    };
                    if !quickly(&mut waiting, context, value, other, depth)? {
                        return Ok(false);
                    }
                }
            }
            (Value::Set(_), Value::Set(_)) => {
                if !same_key(left, right) {
                    return Ok(false);
                }
            }
            (Value::Object(Object::View(view)), Value::Set(set))
            | (Value::Set(set), Value::Object(Object::View(view)))
                if view.kind == ViewKind::Keys =>
            {
                context.charge(set.len())?;
                if !same_keys(view.dict, set.entries()) {
                    return Ok(false);
                }
            }
            (Value::Object(Object::View(left)), Value::Object(Object::View(right)))
                if left.kind == ViewKind::Keys && right.kind == ViewKind::Keys =>
            {
                context.charge(left.dict.len())?;
                if !same_keys(left.dict, right.dict) {
                    return Ok(false);
                }
            }
            _ => {
                if let (Value::Str(left), Value::Str(_)) = (left, right) {
                    context.charge_bytes(left.as_str().len())?;
                }
                if !same_leaf(left, right) {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

/// Do two dicts have the same keys?
fn same_keys<'a>(left: &Dict<'a>, right: &Dict<'a>) -> bool {
    left.len() == right.len()
        && left
            .iter_hashed()
            .all(|(key, _, hash)| right.get(key, hash).is_some())
}

/// Compare two items at once if neither is a container, else let them wait. Identical items are equal (NaN in a list).
fn quickly<'a>(
    waiting: &mut Vec<(Value<'a>, Value<'a>, u32)>,
    context: &mut Context<'a>,
    left: Value<'a>,
    right: Value<'a>,
    depth: u32,
) -> Result<bool, Fault<'a>> {
    context.charge(1)?;
    let container = |value| {
        matches!(
            value,
            Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::Set(_)
        )
    };
    if container(left) && container(right) {
        waiting.push((left, right, depth + 1));
        return Ok(true);
    }
    if let (Value::Str(left), Value::Str(_)) = (left, right) {
        context.charge_bytes(left.as_str().len())?;
    }
    Ok(same_leaf(left, right) || left.is(right))
}

/// An ordering operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

impl Order {
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Less => order == Some(Ordering::Less),
            Self::LessEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }

    const fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }
}

/// `left < right` and its kin; unlike types raise.
pub fn ordered<'a>(
    context: &mut Context<'a>,
    order: Order,
    mut left: Value<'a>,
    mut right: Value<'a>,
) -> Result<bool, Fault<'a>> {
    // Lists and tuples: down to the first pair of items that differ.
    for _ in 0..COMPARED_NESTING_MAX {
        let lengths = match (left, right) {
            (Value::Tuple(left), Value::Tuple(right)) => (left.len(), right.len()),
            (Value::List(left), Value::List(right)) => (left.len(), right.len()),
            _ => return leaf_ordered(context, order, left, right),
        };
        let mut differing = None;
        for index in 0..lengths.0.min(lengths.1) {
            let pair = (item(left, index), item(right, index));
            if !pair.0.is(pair.1) && !equal(context, pair.0, pair.1)? {
                differing = Some(pair);
                break;
            }
        }
        match differing {
            Some(pair) => (left, right) = pair,
            None => return Ok(order.holds(Some(lengths.0.cmp(&lengths.1)))),
        }
    }
    Err(context.raise(
        Class::RecursionError,
        "maximum recursion depth exceeded in comparison",
    ))
}

fn item(container: Value<'_>, index: usize) -> Value<'_> {
    match container {
        Value::Tuple(tuple) => tuple.items().get(index).copied().unwrap_or_default(),
        Value::List(list) => list.get(index).unwrap_or_default(),
        _ => Value::Unset,
    }
}

fn leaf_ordered<'a>(
    context: &mut Context<'a>,
    order: Order,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<bool, Fault<'a>> {
    match (left, right) {
        (Value::Str(left), Value::Str(right)) => {
            context.charge_bytes(left.as_str().len().min(right.as_str().len()))?;
            // UTF-8 orders as code points do.
            return Ok(order.holds(Some(left.as_str().cmp(right.as_str()))));
        }
        (Value::Bytes(left), Value::Bytes(right)) => {
            return Ok(order.holds(Some(left.as_slice().cmp(right.as_slice()))));
        }
        (Value::Set(left), Value::Set(right)) => {
            let (small, large, strict) = match order {
                Order::Less => (left, right, true),
                Order::LessEqual => (left, right, false),
                Order::Greater => (right, left, true),
                Order::GreaterEqual => (right, left, false),
            };
            let inside = small
                .entries()
                .iter_hashed()
                .all(|(key, _, hash)| large.entries().get(key, hash).is_some());
            return Ok(inside && (!strict || small.len() < large.len()));
        }
        (Value::Object(left), Value::Object(right)) => {
            if let Some(found) = crate::run::builtins::object_order(context, left, right)? {
                return Ok(order.holds(Some(found)));
            }
        }
        _ => {}
    }
    if let Some(found) = order_numbers(left, right) {
        return Ok(order.holds(found));
    }
    let (symbol, left, right) = (
        order.symbol(),
        left.type_of().name(),
        right.type_of().name(),
    );
    let text = format_args!("'{symbol}' not supported between instances of '{left}' and '{right}'");
    Err(context.raise(Class::TypeError, text))
}

/// `item in container`.
pub fn contains<'a>(
    context: &mut Context<'a>,
    container: Value<'a>,
    item: Value<'a>,
) -> Result<bool, Fault<'a>> {
    match container {
        Value::Dict(dict) => {
            let hash = hash_value(context, item)?;
            Ok(dict.find(item, hash).is_some())
        }
        Value::Set(set) => {
            // A set is looked up as the frozenset that it would be.
            let item = match item {
                Value::Set(inner) if !inner.is_frozen() => {
                    let (op, keys) = (Binary::Or, inner.entries());
                    Value::Set(combine(context, op, keys, keys, true)?)
                }
                other => other,
            };
            let hash = hash_value(context, item)?;
            Ok(set.entries().find(item, hash).is_some())
        }
        Value::Str(text) => match item {
            Value::Str(part) => {
                context.charge_bytes(text.as_str().len())?;
                Ok(text.as_str().contains(part.as_str()))
            }
            other => {
                let name = other.type_of().name();
                let text =
                    format_args!("'in <string>' requires string as left operand, not {name}");
                Err(context.raise(Class::TypeError, text))
            }
        },
        Value::List(list) => {
            let mut index = 0;
            while let Some(known) = list.get(index) {
                context.charge(1)?;
                if known.is(item) || equal(context, known, item)? {
                    return Ok(true);
                }
                index += 1;
            }
            Ok(false)
        }
        Value::Tuple(tuple) => {
            for known in tuple.items() {
                context.charge(1)?;
                if known.is(item) || equal(context, *known, item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Range(range) => match item {
            Value::Int(_) | Value::Bool(_) => Ok(item
                .as_int()
                .is_some_and(|number| range.position(number).is_some())),
            Value::Float(number) => {
                Ok(float_as_int(number).is_some_and(|number| range.position(number).is_some()))
            }
            _ => Ok(false),
        },
        Value::Bytes(bytes) => contains_bytes(context, bytes.as_slice(), item),
        Value::Object(Object::View(view)) if view.kind == ViewKind::Keys => {
            let hash = hash_value(context, item)?;
            Ok(view.dict.find(item, hash).is_some())
        }
        Value::Iter(_) | Value::Object(Object::View(_)) => {
            let iter = context.iterate(container)?;
            while let Some(known) = iter.next(context)? {
                context.charge(1)?;
                if known.is(item) || equal(context, known, item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        other => {
            let name = other.type_of().name();
            Err(context.raise(
                Class::TypeError,
                format_args!("argument of type '{name}' is not iterable"),
            ))
        }
    }
}

/// `item in bytes`.
fn contains_bytes<'a>(
    context: &mut Context<'a>,
    bytes: &'a [u8],
    item: Value<'a>,
) -> Result<bool, Fault<'a>> {
    match item {
        Value::Int(number @ 0..=255) => Ok(bytes.contains(&(number as u8))),
        Value::Bool(flag) => Ok(bytes.contains(&u8::from(flag))),
        Value::Int(_) | Value::Big(_) => {
            Err(context.raise(Class::ValueError, "byte must be in range(0, 256)"))
        }
        Value::Bytes(part) => {
            context.charge_bytes(bytes.len() * part.as_slice().len().max(1))?;
            let part = part.as_slice();
            Ok(part.is_empty() || bytes.windows(part.len()).any(|window| window == part))
        }
        other => {
            let name = other.type_of().name();
            Err(context.raise(
                Class::TypeError,
                format_args!("a bytes-like object is required, not '{name}'"),
            ))
        }
    }
}
