//! `+` and `*` of sequences.

use std::cell::Cell;

use crate::limits::Limit;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::list::{List, Tuple};
use crate::run::value::{Bytes, Value};

/// Two sequences of one kind as one; nothing for other operands.
pub fn concatenate<'a>(
    context: &mut Context<'a>,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Option<Value<'a>>, Fault<'a>> {
    Ok(Some(match (left, right) {
        (Value::Str(first), Value::Str(second)) => {
            let (first, second) = (first.as_str(), second.as_str());
            if second.is_empty() {
                return Ok(Some(left));
            }
            if first.is_empty() {
                return Ok(Some(right));
            }
            context.joined(first, second)?
        }
        (Value::List(first), Value::List(second)) => {
            let (first, second) = (first.items(), second.items());
            let count = first.len() + second.len();
            context.charge_bytes(count * size_of::<Value<'_>>())?;
            let places = context.arena().alloc_slice_with(count, |index| {
                Cell::new(match first.get(index) {
                    Some(item) => item.get(),
                    None => second[index - first.len()].get(),
                })
            })?;
            Value::List(context.arena().alloc(List::over(places))?)
        }
        (Value::Tuple(first), Value::Tuple(second)) => {
            let (first, second) = (first.items(), second.items());
            let count = first.len() + second.len();
            context.charge_bytes(count * size_of::<Value<'_>>())?;
            let items = context.arena().alloc_slice_with(count, |index| {
                first
                    .get(index)
                    .copied()
                    .unwrap_or_else(|| second[index - first.len()])
            })?;
            Value::Tuple(context.arena().alloc(Tuple(items))?)
        }
        (Value::Bytes(first), Value::Bytes(second)) => {
            let (first, second) = (first.as_slice(), second.as_slice());
            let count = first.len() + second.len();
            context.charge_bytes(count)?;
            let bytes = context.arena().alloc_slice_with(count, |index| {
                first
                    .get(index)
                    .copied()
                    .unwrap_or_else(|| second[index - first.len()])
            })?;
            Value::Bytes(context.arena().alloc(Bytes(bytes))?)
        }
        _ => return Ok(None),
    }))
}

/// A sequence times an int, either way round; nothing for other operands.
pub fn multiply<'a>(
    context: &mut Context<'a>,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Option<Value<'a>>, Fault<'a>> {
    let sequence = |value| {
        matches!(
            value,
            Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Bytes(_)
        )
    };
    let (sequence, count) = match (left, right) {
        (left, Value::Int(_) | Value::Bool(_) | Value::Big(_)) if sequence(left) => (left, right),
        (Value::Int(_) | Value::Bool(_) | Value::Big(_), right) if sequence(right) => (right, left),
        _ => return Ok(None),
    };
    let count = match count {
        Value::Big(_) => {
            return Err(context.raise(
                Class::OverflowError,
                "cannot fit 'int' into an index-sized integer",
            ));
        }
        other => usize::try_from(other.as_int().unwrap_or_default()).unwrap_or_default(),
    };
    Ok(Some(repeat(context, sequence, count)?))
}

fn repeat<'a>(
    context: &mut Context<'a>,
    sequence: Value<'a>,
    count: usize,
) -> Result<Value<'a>, Fault<'a>> {
    let (unit, len) = match sequence {
        Value::Str(text) => (1, text.as_str().len()),
        Value::Bytes(bytes) => (1, bytes.as_slice().len()),
        Value::List(list) => (size_of::<Value<'_>>(), list.len()),
        Value::Tuple(tuple) => (size_of::<Value<'_>>(), tuple.len()),
        _ => return Err(Fault::Internal("repeating what is no sequence")),
    };
    if len == 0 || (count == 1 && !matches!(sequence, Value::List(_))) {
        return match sequence {
            Value::List(list) => Ok(Value::List(
                context.list(
                    &list.items()[..len]
                        .iter()
                        .map(Cell::get)
                        .collect::<Vec<_>>(),
                )?,
            )),
            other => Ok(other),
        };
    }
    let total = len.saturating_mul(count);
    let bytes = total.saturating_mul(unit);
    if bytes > context.arena().remaining_bytes() {
        return Err(Fault::Limit(Limit::Memory));
    }
    context.charge_bytes(bytes)?;
    Ok(match sequence {
        Value::Str(text) => {
            let text = text.as_str().repeat(count);
            let text = context.arena().alloc_str(&text)?;
            context.text_over(text)?
        }
        Value::Bytes(bytes) => {
            let bytes = context
                .arena()
                .alloc_slice(&bytes.as_slice().repeat(count))?;
            Value::Bytes(context.arena().alloc(Bytes(bytes))?)
        }
        Value::List(list) => {
            let items = list.items();
            let places = context
                .arena()
                .alloc_slice_with(total, |index| Cell::new(items[index % len].get()))?;
            Value::List(context.arena().alloc(List::over(places))?)
        }
        Value::Tuple(tuple) => {
            let items = tuple.items();
            let items = context
                .arena()
                .alloc_slice_with(total, |index| items[index % len])?;
            Value::Tuple(context.arena().alloc(Tuple(items))?)
        }
        _ => return Err(Fault::Internal("repeating what is no sequence")),
    })
}
