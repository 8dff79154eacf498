//! `set`, `frozenset`, and their methods.

use super::{Args, NativeDef, TypeDef, at_least, between, exactly, function, method};
use crate::bytecode::operand::Binary;
use crate::run::context::Context;
use crate::run::dict::Set;
use crate::run::fault::{Class, Fault};
use crate::run::hash::hash_value;
use crate::run::ops::sets::{combine, keys_of, replace};
use crate::run::value::Value;

/// `set`.
pub static TYPE: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[],
    members: &[],
    construct: Some(&function("set", between(0, 1), |context, args| {
        construct(context, args, false)
    })),
};

/// `frozenset`.
pub static FROZEN: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[],
    members: &[],
    construct: Some(&function("frozenset", between(0, 1), |context, args| {
        construct(context, args, true)
    })),
};

static METHODS: &[NativeDef] = &[
    method("add", exactly(1), add),
    method("clear", exactly(0), |context, args| {
        changeable(context, args, "clear")?.entries().clear();
        Ok(Value::None)
    }),
    method("copy", exactly(0), |context, args| {
        let set = receiver(args)?;
        combined(context, args, Binary::Or, set.is_frozen())
    }),
    method("difference", at_least(0), |context, args| {
        combined(context, args, Binary::Sub, receiver(args)?.is_frozen())
    }),
    method("difference_update", at_least(0), |context, args| {
        changed(context, args, "difference_update", Binary::Sub)
    }),
    method("discard", exactly(1), |context, args| {
        take(context, args, "discard")?;
        Ok(Value::None)
    }),
    method("intersection", at_least(0), |context, args| {
        combined(context, args, Binary::And, receiver(args)?.is_frozen())
    }),
    method("intersection_update", at_least(0), |context, args| {
        changed(context, args, "intersection_update", Binary::And)
    }),
    method("isdisjoint", exactly(1), |context, args| {
        let found = first_item(context, args, true)?;
        Ok(Value::Bool(!found))
    }),
    method("issubset", exactly(1), |context, args| {
        let other = keys_of(context, args.or_none(0))?;
        let rest = combine(
            context,
            Binary::Sub,
            receiver(args)?.entries(),
            other,
            false,
        )?;
        Ok(Value::Bool(rest.is_empty()))
    }),
    method("issuperset", exactly(1), |context, args| {
        let missing = first_item(context, args, false)?;
        Ok(Value::Bool(!missing))
    }),
    method("pop", exactly(0), pop),
    method("remove", exactly(1), |context, args| {
        if take(context, args, "remove")? {
            Ok(Value::None)
        } else {
            Err(context.raise_with(Class::KeyError, &[args.or_none(0)]))
        }
    }),
    method("symmetric_difference", exactly(1), |context, args| {
        combined(context, args, Binary::Xor, receiver(args)?.is_frozen())
    }),
    method(
        "symmetric_difference_update",
        exactly(1),
        |context, args| changed(context, args, "symmetric_difference_update", Binary::Xor),
    ),
    method("union", at_least(0), |context, args| {
        combined(context, args, Binary::Or, receiver(args)?.is_frozen())
    }),
    method("update", at_least(0), |context, args| {
        let set = changeable(context, args, "update")?;
        for value in args.given {
            update(context, set, *value)?;
        }
        Ok(Value::None)
    }),
];

fn receiver<'a>(args: Args<'a, '_>) -> Result<&'a Set<'a>, Fault<'a>> {
    match args.receiver {
        Value::Set(set) => Ok(set),
        _ => Err(Fault::Internal("a set method without its receiver")),
    }
}

/// Is any item of the argument in the receiver (`is_in`), or not in it? The first one ends the search, before one that
/// cannot be hashed.
fn first_item<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    is_in: bool,
) -> Result<bool, Fault<'a>> {
    let set = receiver(args)?;
    let iter = context.iterate(args.or_none(0))?;
    while let Some(item) = iter.next(context)? {
        context.charge(1)?;
        if context.lookup(set.entries(), item)?.is_some() == is_in {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The receiver of a method that only `set` has.
fn changeable<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    name: &str,
) -> Result<&'a Set<'a>, Fault<'a>> {
    let set = receiver(args)?;
    if set.is_frozen() {
        return Err(context.no_attribute(args.receiver, name));
    }
    Ok(set)
}

fn construct<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    frozen: bool,
) -> Result<Value<'a>, Fault<'a>> {
    let set = context.set(frozen)?;
    if let Some(value) = args.get(0) {
        let keys = keys_of(context, value)?;
        context.charge(keys.len())?;
        for (key, _, hash) in keys.iter_hashed() {
            set.entries()
                .append(context.arena(), key, hash, Value::None)?;
        }
    }
    Ok(Value::Set(set))
}

fn add<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let set = changeable(context, args, "add")?;
    let hash = hash_value(context, args.or_none(0))?;
    if set.entries().find(args.or_none(0), hash).is_none() {
        set.entries()
            .append(context.arena(), args.or_none(0), hash, Value::None)?;
    }
    Ok(Value::None)
}

fn take<'a>(context: &mut Context<'a>, args: Args<'a, '_>, name: &str) -> Result<bool, Fault<'a>> {
    let set = changeable(context, args, name)?;
    let item = match args.or_none(0) {
        // A set is looked for as the frozen one that it equals.
        Value::Set(set) if !set.is_frozen() => {
            let frozen = combine(context, Binary::Or, set.entries(), set.entries(), true)?;
            Value::Set(frozen)
        }
        item => item,
    };
    let hash = hash_value(context, item)?;
    Ok(set.entries().remove(item, hash).is_some())
}

fn pop<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let set = changeable(context, args, "pop")?;
    // The last one: taking the first would search past all that were taken before.
    match set.entries().last_place() {
        Some((place, passed)) => {
            context.charge(1 + passed / 8)?;
            Ok(set.entries().remove_at(place).0)
        }
        None => {
            let text = context.text("pop from an empty set")?;
            Err(context.raise_with(Class::KeyError, &[text]))
        }
    }
}

/// The receiver and each argument in turn, as a new set.
fn combined<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    op: Binary,
    frozen: bool,
) -> Result<Value<'a>, Fault<'a>> {
    let first = receiver(args)?;
    let mut result = None;
    for value in args.given {
        let other = keys_of(context, *value)?;
        let known = result.unwrap_or(first);
        result = Some(combine(context, op, known.entries(), other, frozen)?);
    }
    match result {
        Some(set) => Ok(Value::Set(set)),
        None => {
            let copy = combine(
                context,
                Binary::Or,
                first.entries(),
                first.entries(),
                frozen,
            )?;
            Ok(Value::Set(copy))
        }
    }
}

/// Add the items of an iterable, one after the other: those before one that cannot be hashed are in.
fn update<'a>(
    context: &mut Context<'a>,
    set: &'a Set<'a>,
    value: Value<'a>,
) -> Result<(), Fault<'a>> {
    let items = match value {
        Value::List(list) => list,
        other => context.collect(other)?,
    };
    for item in items.items() {
        context.charge(1)?;
        context.insert(set.entries(), item.get(), Value::None)?;
    }
    Ok(())
}

fn changed<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    name: &str,
    op: Binary,
) -> Result<Value<'a>, Fault<'a>> {
    let set = changeable(context, args, name)?;
    if let Value::Set(result) = combined(context, args, op, false)? {
        replace(context, set, result)?;
    }
    Ok(Value::None)
}
