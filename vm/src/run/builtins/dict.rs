//! `dict`, its views, and its methods.

use super::{Args, Member, NativeDef, Params, TypeDef, between, exactly, function, method};
use crate::run::context::Context;
use crate::run::dict::Dict;
use crate::run::fault::{Class, Fault};
use crate::run::hash::hash_value;
use crate::run::object::{Object, View, ViewKind};
use crate::run::ops::sets::{copy_dict, merge};
use crate::run::value::Value;

/// `dict`.
pub static TYPE: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[],
    members: &[Member::Native(function(
        "fromkeys",
        between(1, 2),
        fromkeys,
    ))],
    construct: Some(&function("dict", Params::Any, construct)),
};

static METHODS: &[NativeDef] = &[
    method("get", between(1, 2), get),
    method("keys", exactly(0), |context, args| {
        view(context, args, ViewKind::Keys)
    }),
    method("values", exactly(0), |context, args| {
        view(context, args, ViewKind::Values)
    }),
    method("items", exactly(0), |context, args| {
        view(context, args, ViewKind::Items)
    }),
    method("clear", exactly(0), |_, args| {
        receiver(args)?.clear();
        Ok(Value::None)
    }),
    method("copy", exactly(0), |context, args| {
        Ok(Value::Dict(copy_dict(context, receiver(args)?)?))
    }),
    method("pop", between(1, 2), pop),
    method("popitem", exactly(0), popitem),
    method("setdefault", between(1, 2), setdefault),
    method("update", Params::Any, update),
];

fn receiver<'a>(args: Args<'a, '_>) -> Result<&'a Dict<'a>, Fault<'a>> {
    match args.receiver {
        Value::Dict(dict) => Ok(dict),
        _ => Err(Fault::Internal("a dict method without its receiver")),
    }
}

fn construct<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let dict = context.dict()?;
    fill(context, dict, args, "dict")?;
    Ok(Value::Dict(dict))
}

fn update<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    fill(context, receiver(args)?, args, "update")?;
    Ok(Value::None)
}

/// Entries of at most one positional argument and of named ones.
fn fill<'a>(
    context: &mut Context<'a>,
    dict: &'a Dict<'a>,
    args: Args<'a, '_>,
    name: &str,
) -> Result<(), Fault<'a>> {
    if args.given.len() > 1 {
        return Err(context.raise(
            Class::TypeError,
            format_args!(
                "{name} expected at most 1 argument, got {}",
                args.given.len()
            ),
        ));
    }
    if let Some(value) = args.get(0) {
        update_from(context, dict, value)?;
    }
    for (name, value) in args.named {
        context.charge(1)?;
        dict.set_text(context.arena(), name, *value)?;
    }
    Ok(())
}

/// `dict.update(value)`: a mapping, or pairs.
pub fn update_from<'a>(
    context: &mut Context<'a>,
    dict: &'a Dict<'a>,
    value: Value<'a>,
) -> Result<(), Fault<'a>> {
    if let Value::Dict(other) = value {
        return merge(context, dict, other);
    }
    let iter = context.iterate(value)?;
    let mut number = 0;
    while let Some(element) = iter.next(context)? {
        context.charge(1)?;
        let pair = match context.iterate(element) {
            Ok(_) => context.collect(element)?,
            Err(Fault::Raised(_)) => {
                return Err(context.raise(
                    Class::TypeError,
                    format_args!(
                        "cannot convert dictionary update sequence element #{number} to a sequence"
                    ),
                ));
            }
            Err(fault) => return Err(fault),
        };
        let [key, value] = pair.items() else {
            return Err(context.raise(
                Class::ValueError,
                format_args!(
                    "dictionary update sequence element #{number} has length {}; 2 is required",
                    pair.len()
                ),
            ));
        };
        context.insert(dict, key.get(), value.get())?;
        number += 1;
    }
    Ok(())
}

fn fromkeys<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let dict = context.dict()?;
    let value = args.or_none(1);
    let iter = context.iterate(args.or_none(0))?;
    while let Some(key) = iter.next(context)? {
        context.charge(1)?;
        context.insert(dict, key, value)?;
    }
    Ok(Value::Dict(dict))
}

fn get<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let found = context.lookup(receiver(args)?, args.or_none(0))?;
    Ok(found.unwrap_or_else(|| args.or_none(1)))
}

fn pop<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let key = args.or_none(0);
    let dict = receiver(args)?;
    let hash = hash_value(context, key)?;
    match dict.remove(key, hash).or_else(|| args.get(1)) {
        Some(value) => Ok(value),
        None => Err(context.raise_with(Class::KeyError, &[key])),
    }
}

fn popitem<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let dict = receiver(args)?;
    match dict.last_place() {
        Some((place, passed)) => {
            context.charge(passed / 8)?;
            let (key, value) = dict.remove_at(place);
            context.tuple(&[key, value])
        }
        None => {
            let text = context.text("popitem(): dictionary is empty")?;
            Err(context.raise_with(Class::KeyError, &[text]))
        }
    }
}

fn setdefault<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let (dict, key) = (receiver(args)?, args.or_none(0));
    if let Some(value) = context.lookup(dict, key)? {
        return Ok(value);
    }
    let value = args.or_none(1);
    context.insert(dict, key, value)?;
    Ok(value)
}

fn view<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    kind: ViewKind,
) -> Result<Value<'a>, Fault<'a>> {
    let dict = receiver(args)?;
    Ok(Value::Object(
        context.arena().alloc(Object::View(View { dict, kind }))?,
    ))
}
