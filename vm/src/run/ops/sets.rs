//! `| & - ^` of sets, of views of dicts, and `|` of dicts.

use crate::bytecode::operand::Binary;
use crate::run::context::Context;
use crate::run::dict::{Dict, Set};
use crate::run::fault::Fault;
use crate::run::hash::hash_value;
use crate::run::object::{Object, ViewKind};
use crate::run::value::Value;

/// `left op right`; nothing where the operands have no such operator.
pub fn binary<'a>(
    context: &mut Context<'a>,
    op: Binary,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Option<Value<'a>>, Fault<'a>> {
    if let (Binary::Or, Value::Dict(left), Value::Dict(right)) = (op, left, right) {
        let merged = copy_dict(context, left)?;
        merge(context, merged, right)?;
        return Ok(Some(Value::Dict(merged)));
    }
    let (Some(left_set), Some(right_set)) = (operand(context, left)?, operand(context, right)?)
    else {
        return Ok(None);
    };
    let frozen = matches!(left, Value::Set(set) if set.is_frozen());
    Ok(Some(Value::Set(combine(
        context, op, left_set, right_set, frozen,
    )?)))
}

/// `left op= right` in place; nothing where there is no such operator.
pub fn in_place<'a>(
    context: &mut Context<'a>,
    op: Binary,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Option<Value<'a>>, Fault<'a>> {
    match (left, right) {
        (Value::Dict(dict), _) if op == Binary::Or => {
            crate::run::builtins::update_dict(context, dict, right)?;
            Ok(Some(left))
        }
        (Value::Set(set), Value::Set(other)) if !set.is_frozen() => {
            let result = combine(context, op, set.entries(), other.entries(), false)?;
            replace(context, set, result)?;
            Ok(Some(left))
        }
        _ => Ok(None),
    }
}

/// Give a set the items of another.
pub fn replace<'a>(
    context: &mut Context<'a>,
    set: &'a Set<'a>,
    other: &'a Set<'a>,
) -> Result<(), Fault<'a>> {
    if std::ptr::eq(set, other) {
        return Ok(());
    }
    set.entries().clear();
    for (key, _, hash) in other.entries().iter_hashed() {
        context.charge(1)?;
        set.entries().set(context.arena(), key, hash, Value::None)?;
    }
    Ok(())
}

/// The keys of a set or a view that is like one.
fn operand<'a>(
    context: &mut Context<'a>,
    value: Value<'a>,
) -> Result<Option<&'a Dict<'a>>, Fault<'a>> {
    Ok(match value {
        Value::Set(set) => Some(set.entries()),
        Value::Object(Object::View(view)) => match view.kind {
            ViewKind::Keys => Some(view.dict),
            ViewKind::Items => {
                let keys = context.dict()?;
                for (key, value) in view.dict.iter() {
                    context.charge(1)?;
                    let pair = context.tuple(&[key, value])?;
                    context.insert(keys, pair, Value::None)?;
                }
                Some(keys)
            }
            ViewKind::Values => None,
        },
        _ => None,
    })
}

/// A new set of the items of two.
pub fn combine<'a>(
    context: &mut Context<'a>,
    op: Binary,
    left: &Dict<'a>,
    right: &Dict<'a>,
    frozen: bool,
) -> Result<&'a Set<'a>, Fault<'a>> {
    let arena = context.arena();
    let result = context.set(frozen)?;
    let entries = result.entries();
    context.charge(left.len() + right.len())?;
    for (key, _, hash) in left.iter_hashed() {
        let keep = match op {
            Binary::Or => true,
            Binary::And => right.find(key, hash).is_some(),
            _ => right.find(key, hash).is_none(),
        };
        if keep {
            entries.append(arena, key, hash, Value::None)?;
        }
    }
    if matches!(op, Binary::Or | Binary::Xor) {
        for (key, _, hash) in right.iter_hashed() {
            if left.find(key, hash).is_none() {
                entries.append(arena, key, hash, Value::None)?;
            }
        }
    }
    Ok(result)
}

/// A dict with the same entries.
pub fn copy_dict<'a>(
    context: &mut Context<'a>,
    dict: &Dict<'a>,
) -> Result<&'a Dict<'a>, Fault<'a>> {
    context.charge(dict.len())?;
    let arena = context.arena();
    let copy = arena.alloc(Dict::with_capacity(arena, dict.len())?)?;
    for (key, value, hash) in dict.iter_hashed() {
        copy.append(arena, key, hash, value)?;
    }
    Ok(copy)
}

/// Set all entries of `other` in `dict`.
pub fn merge<'a>(
    context: &mut Context<'a>,
    dict: &'a Dict<'a>,
    other: &'a Dict<'a>,
) -> Result<(), Fault<'a>> {
    if std::ptr::eq(dict, other) {
        return Ok(());
    }
    context.charge(other.len())?;
    for (key, value, hash) in other.iter_hashed() {
        dict.set(context.arena(), key, hash, value)?;
    }
    Ok(())
}

/// The items of an iterable as keys: what `set(value)` holds.
pub fn keys_of<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<&'a Dict<'a>, Fault<'a>> {
    match value {
        Value::Set(set) => Ok(set.entries()),
        Value::Dict(dict) => Ok(dict),
        other => {
            let keys = context.dict()?;
            let iter = context.iterate(other)?;
            while let Some(item) = iter.next(context)? {
                context.charge(1)?;
                let hash = hash_value(context, item)?;
                if keys.find(item, hash).is_none() {
                    keys.append(context.arena(), item, hash, Value::None)?;
                }
            }
            Ok(keys)
        }
    }
}
