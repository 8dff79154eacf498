//! `list`, `tuple`, and their methods.

use std::cell::Cell;

use super::{
    Args, Calls, NativeDef, TypeDef, between, calling_method, exactly, function, keyword, method,
    named, sort,
};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::list::{List, Tuple};
use crate::run::ops::compare::equal;
use crate::run::value::Value;

/// `list`.
pub static TYPE: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[],
    members: &[],
    construct: Some(&function("list", between(0, 1), construct)),
};

static METHODS: &[NativeDef] = &[
    method("append", exactly(1), append),
    method("clear", exactly(0), |_, args| {
        receiver(args)?.truncate(0);
        Ok(Value::None)
    }),
    method("copy", exactly(0), |context, args| {
        Ok(Value::List(context.collect(args.receiver)?))
    }),
    method("count", exactly(1), count),
    method("extend", exactly(1), |context, args| {
        extend(context, receiver(args)?, args.or_none(0))?;
        Ok(Value::None)
    }),
    method("index", between(1, 3), index),
    method("insert", exactly(2), insert),
    method("pop", between(0, 1), pop),
    method("remove", exactly(1), remove),
    method("reverse", exactly(0), reverse),
    calling_method(
        "sort",
        named(&[keyword("key"), keyword("reverse")]),
        list_sort,
    ),
];

/// `tuple`.
pub static TUPLE: TypeDef = TypeDef {
    methods: &[
        method("count", exactly(1), count),
        method("index", between(1, 3), index),
    ],
    attributes: &[],
    members: &[],
    construct: Some(&function("tuple", between(0, 1), construct_tuple)),
};

fn receiver<'a>(args: Args<'a, '_>) -> Result<&'a List<'a>, Fault<'a>> {
    match args.receiver {
        Value::List(list) => Ok(list),
        _ => Err(Fault::Internal("a list method without its receiver")),
    }
}

fn construct<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    Ok(Value::List(match args.get(0) {
        None => context.empty_list()?,
        Some(value) => context.collect(value)?,
    }))
}

fn construct_tuple<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    match args.get(0) {
        None => context.tuple(&[]),
        Some(value @ Value::Tuple(_)) => Ok(value),
        Some(value) => {
            let list = context.collect(value)?;
            tuple_of(context, list)
        }
    }
}

/// The items of a list as a tuple.
pub fn tuple_of<'a>(context: &mut Context<'a>, list: &'a List<'a>) -> Result<Value<'a>, Fault<'a>> {
    let items = list.items();
    context.charge_bytes(size_of_val(items))?;
    let items = context
        .arena()
        .alloc_slice_with(items.len(), |index| items[index].get())?;
    Ok(Value::Tuple(context.arena().alloc(Tuple(items))?))
}

fn append<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    context.push(receiver(args)?, args.or_none(0))?;
    Ok(Value::None)
}

/// `list.extend(value)`, also `list += value`.
pub fn extend<'a>(
    context: &mut Context<'a>,
    list: &'a List<'a>,
    value: Value<'a>,
) -> Result<(), Fault<'a>> {
    match value {
        Value::List(other) => {
            let items = other.items();
            context.charge_bytes(size_of_val(items))?;
            for item in items {
                context.push(list, item.get())?;
            }
        }
        other => {
            let iter = context.iterate(other)?;
            while let Some(item) = iter.next(context)? {
                context.charge(1)?;
                context.push(list, item)?;
            }
        }
    }
    Ok(())
}

/// Item of a list or tuple, which may shrink meanwhile.
fn item(sequence: Value<'_>, index: usize) -> Option<Value<'_>> {
    match sequence {
        Value::List(list) => list.get(index),
        Value::Tuple(tuple) => tuple.items().get(index).copied(),
        _ => None,
    }
}

fn count<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let wanted = args.or_none(0);
    let (mut found, mut index) = (0, 0);
    while let Some(known) = item(args.receiver, index) {
        context.charge(1)?;
        found += i64::from(known.is(wanted) || equal(context, known, wanted)?);
        index += 1;
    }
    Ok(Value::Int(found))
}

fn index<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let wanted = args.or_none(0);
    let len = match args.receiver {
        Value::List(list) => list.len(),
        Value::Tuple(tuple) => tuple.len(),
        _ => 0,
    } as i64;
    let mut bounds = [0, i64::MAX];
    for (place, bound) in bounds.iter_mut().enumerate() {
        if args.get(place + 1).is_some() {
            let number = match args.or_none(place + 1) {
                Value::Int(_) | Value::Bool(_) | Value::Big(_) => args.index(context, place + 1)?,
                _ => {
                    return Err(context.raise(
                        Class::TypeError,
                        "slice indices must be integers or have an __index__ method",
                    ));
                }
            };
            *bound = if number < 0 {
                number.saturating_add(len).max(0)
            } else {
                number
            };
        }
    }
    let mut at = bounds[0] as usize;
    while (at as i64) < bounds[1]
        && let Some(known) = item(args.receiver, at)
    {
        context.charge(1)?;
        if known.is(wanted) || equal(context, known, wanted)? {
            return Ok(Value::Int(at as i64));
        }
        at += 1;
    }
    if matches!(args.receiver, Value::Tuple(_)) {
        return Err(context.raise(Class::ValueError, "tuple.index(x): x not in tuple"));
    }
    let mut repr = context.builder();
    crate::run::ops::print::write_repr(context, &mut repr, wanted)?;
    Err(context.raise(
        Class::ValueError,
        format_args!("{} is not in list", repr.as_str()),
    ))
}

fn insert<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let list = receiver(args)?;
    let len = list.len() as i64;
    let index = args.index(context, 0)?;
    let at = if index < 0 {
        index.saturating_add(len).max(0)
    } else {
        index.min(len)
    };
    context.charge_bytes((len - at) as usize * size_of::<Value<'_>>())?;
    list.insert(context.arena(), at as usize, args.or_none(1))?;
    Ok(Value::None)
}

fn pop<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let list = receiver(args)?;
    let len = list.len() as i64;
    let index = match args.get(0) {
        Some(_) => args.index(context, 0)?,
        None => -1,
    };
    if len == 0 {
        return Err(context.raise(Class::IndexError, "pop from empty list"));
    }
    let at = if index < 0 {
        index.saturating_add(len)
    } else {
        index
    };
    if at < 0 || at >= len {
        return Err(context.raise(Class::IndexError, "pop index out of range"));
    }
    context.charge_bytes((len - at) as usize * size_of::<Value<'_>>())?;
    Ok(list.remove(at as usize))
}

fn remove<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let list = receiver(args)?;
    let wanted = args.or_none(0);
    let mut at = 0;
    while let Some(known) = list.get(at) {
        context.charge(1)?;
        if known.is(wanted) || equal(context, known, wanted)? {
            context.charge_bytes((list.len() - at) * size_of::<Value<'_>>())?;
            list.remove(at);
            return Ok(Value::None);
        }
        at += 1;
    }
    Err(context.raise(Class::ValueError, "list.remove(x): x not in list"))
}

fn reverse<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let items = receiver(args)?.items();
    context.charge_bytes(size_of_val(items))?;
    for index in 0..items.len() / 2 {
        Cell::swap(&items[index], &items[items.len() - 1 - index]);
    }
    Ok(Value::None)
}

fn list_sort<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Calls<'a>, Fault<'a>> {
    let list = receiver(args)?;
    let reverse = sort::flag(context, args.get(1))?;
    match args.or_none(0) {
        Value::None => {
            let sorted = sort::sorted(context, list, list, reverse)?;
            list.replace(sorted.items());
            Ok(Calls::Done(Value::None))
        }
        function => {
            let items = context.collect(args.receiver)?;
            let extra = context.tuple(&[args.receiver, Value::Bool(reverse)])?;
            Ok(Calls::Each {
                function,
                items,
                spread: false,
                finish: finish_sort,
                extra,
            })
        }
    }
}

fn finish_sort<'a>(
    context: &mut Context<'a>,
    items: &'a List<'a>,
    keys: &'a List<'a>,
    extra: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let Value::Tuple(Tuple([Value::List(list), Value::Bool(reverse)])) = extra else {
        return Err(Fault::Internal("list.sort lost its list"));
    };
    let sorted = sort::sorted(context, items, keys, *reverse)?;
    list.replace(sorted.items());
    Ok(Value::None)
}
