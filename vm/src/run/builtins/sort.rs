//! Sorting, and the least and greatest: with keys called for by the machine.

use std::cell::Cell;

use super::{Args, Calls, NativeDef, Params, calling};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::list::List;
use crate::run::ops::compare::{Order, ordered};
use crate::run::value::Value;

/// Items that insertion sorts faster than merging does.
const RUN: usize = 8;

/// `sorted`, `min`, `max`.
pub const SORTED: NativeDef = calling("sorted", Params::Any, sorted_of);
/// See [`SORTED`].
pub const MIN: NativeDef = calling("min", Params::Any, |context, args| {
    extreme(context, args, Order::Less)
});
/// See [`SORTED`].
pub const MAX: NativeDef = calling("max", Params::Any, |context, args| {
    extreme(context, args, Order::Greater)
});

/// `reverse=`: an int, as CPython takes it.
pub fn flag<'a>(context: &mut Context<'a>, value: Option<Value<'a>>) -> Result<bool, Fault<'a>> {
    match value {
        None => Ok(false),
        Some(value @ (Value::Bool(_) | Value::Int(_) | Value::Big(_))) => Ok(value.is_true()),
        Some(other) => {
            let kind = other.type_of().name();
            Err(context.raise(
                Class::TypeError,
                format_args!("'{kind}' object cannot be interpreted as an integer"),
            ))
        }
    }
}

/// A new list of `items` in the order of `keys`, equal ones as they were. Charged by the comparison.
pub fn sorted<'a>(
    context: &mut Context<'a>,
    items: &'a List<'a>,
    keys: &'a List<'a>,
    reverse: bool,
) -> Result<&'a List<'a>, Fault<'a>> {
    let count = items.len().min(keys.len());
    context.charge_bytes(count * size_of::<Value<'_>>() * 4)?;
    let key = |place: u32| keys.get(place as usize).unwrap_or_default();
    let mut places: Vec<u32> = (0..count as u32).collect();
    if reverse {
        // Sorted backwards and turned round, so that equal ones stay as they were.
        places.reverse();
    }
    let all_ints = keys.items()[..count]
        .iter()
        .all(|key| matches!(key.get(), Value::Int(_)));
    let all_texts = keys.items()[..count]
        .iter()
        .all(|key| matches!(key.get(), Value::Str(_)));
    if all_ints || all_texts {
        let levels = count.checked_ilog2().unwrap_or(0) as usize + 1;
        context.charge(count * levels / 4)?;
        if all_texts {
            let bytes: usize = keys.items()[..count]
                .iter()
                .filter_map(|key| key.get().as_str())
                .map(str::len)
                .sum();
            context.charge_bytes(bytes.saturating_mul(levels))?;
            places.sort_by(|left, right| key(*left).as_str().cmp(&key(*right).as_str()));
        } else {
            places.sort_by_key(|place| key(*place).as_int());
        }
    } else {
        merge_sort(context, &mut places, |context, left, right| {
            ordered(context, Order::Less, key(left), key(right))
        })?;
    }
    if reverse {
        places.reverse();
    }
    let places = context.arena().alloc_slice_with(count, |index| {
        Cell::new(items.get(places[index] as usize).unwrap_or_default())
    })?;
    Ok(context.arena().alloc(List::over(places))?)
}

/// Stable, with a comparison that may fail: short runs by insertion, then merged.
fn merge_sort<'a>(
    context: &mut Context<'a>,
    places: &mut Vec<u32>,
    mut less: impl FnMut(&mut Context<'a>, u32, u32) -> Result<bool, Fault<'a>>,
) -> Result<(), Fault<'a>> {
    for run in places.chunks_mut(RUN) {
        for end in 1..run.len() {
            let mut at = end;
            context.charge(1)?;
            while at > 0 && less(context, run[at], run[at - 1])? {
                run.swap(at, at - 1);
                at -= 1;
            }
        }
    }
    let mut width = RUN;
    let mut merged = Vec::with_capacity(places.len());
    while width < places.len() {
        merged.clear();
        for pair in places.chunks(width * 2) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let (Some(first), Some(second)) = (left.first(), right.first()) {
                context.charge(1)?;
                if less(context, *second, *first)? {
                    merged.push(*second);
                    right = &right[1..];
                } else {
                    merged.push(*first);
                    left = &left[1..];
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(places, &mut merged);
        width *= 2;
    }
    Ok(())
}

fn sorted_of<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Calls<'a>, Fault<'a>> {
    if args.given.len() != 1 {
        return Err(context.raise(
            Class::TypeError,
            format_args!("sorted expected 1 argument, got {}", args.given.len()),
        ));
    }
    let (mut function, mut reverse) = (Value::None, None);
    let items = context.collect(args.given[0])?;
    for (name, value) in args.named {
        match name.as_str() {
            "key" => function = *value,
            "reverse" => reverse = Some(*value),
            other => {
                return Err(context.raise(
                    Class::TypeError,
                    format_args!("'{other}' is an invalid keyword argument for sort()"),
                ));
            }
        }
    }
    let reverse = flag(context, reverse)?;
    if function.is_none() {
        return Ok(Calls::Done(Value::List(sorted(
            context, items, items, reverse,
        )?)));
    }
    Ok(Calls::Each {
        function,
        items,
        spread: false,
        finish: |context, items, keys, reverse| {
            Ok(Value::List(sorted(
                context,
                items,
                keys,
                reverse.is_true(),
            )?))
        },
        extra: Value::Bool(reverse),
    })
}

fn extreme<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    order: Order,
) -> Result<Calls<'a>, Fault<'a>> {
    let name = if order == Order::Less { "min" } else { "max" };
    if args.given.is_empty() {
        return Err(context.raise(
            Class::TypeError,
            format_args!("{name} expected at least 1 argument, got 0"),
        ));
    }
    let (mut function, mut default) = (Value::None, None);
    for (keyword, value) in args.named {
        match keyword.as_str() {
            "key" => function = *value,
            "default" => default = Some(*value),
            other => {
                return Err(context.raise(
                    Class::TypeError,
                    format_args!("'{other}' is an invalid keyword argument for {name}()"),
                ));
            }
        }
    }
    let items = if let [only] = args.given {
        context.collect(*only)?
    } else {
        if default.is_some() {
            let text = format_args!(
                "Cannot specify a default for {name}() with multiple positional arguments"
            );
            return Err(context.raise(Class::TypeError, text));
        }
        context.list(args.given)?
    };
    if items.is_empty() {
        return match default {
            Some(value) => Ok(Calls::Done(value)),
            None => Err(context.raise(
                Class::ValueError,
                format_args!("{name}() arg is an empty sequence"),
            )),
        };
    }
    if function.is_none() {
        return Ok(Calls::Done(best(context, items, items, order)?));
    }
    Ok(Calls::Each {
        function,
        items,
        spread: false,
        finish: if order == Order::Less {
            |context, items, keys, _| best(context, items, keys, Order::Less)
        } else {
            |context, items, keys, _| best(context, items, keys, Order::Greater)
        },
        extra: Value::None,
    })
}

/// The first item whose key no later one beats.
fn best<'a>(
    context: &mut Context<'a>,
    items: &'a List<'a>,
    keys: &'a List<'a>,
    order: Order,
) -> Result<Value<'a>, Fault<'a>> {
    let mut found = 0;
    for index in 1..keys.len() {
        context.charge(1)?;
        let (key, known) = (
            keys.get(index).unwrap_or_default(),
            keys.get(found).unwrap_or_default(),
        );
        if ordered(context, order, key, known)? {
            found = index;
        }
    }
    items
        .get(found)
        .ok_or(Fault::Internal("an extreme of nothing"))
}
