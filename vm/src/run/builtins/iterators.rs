//! `range`, `enumerate`, `zip`, `reversed`, `map`, `filter`.

use super::{
    Args, AttributeDef, Calls, NativeDef, Params, TypeDef, between, calling, exactly, function,
    method, named, optional,
};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::iterator::Source;
use crate::run::kind::Type;
use crate::run::object::Object;
use crate::run::ops::compare::contains;
use crate::run::value::{Range, Slice, Value};

const fn type_of(construct: &'static NativeDef) -> TypeDef {
    TypeDef {
        methods: &[],
        attributes: &[],
        members: &[],
        construct: Some(construct),
    }
}

/// `range`.
pub static RANGE: TypeDef = TypeDef {
    methods: &[
        method("count", exactly(1), |context, args| {
            let holds = contains(context, args.receiver, args.or_none(0))?;
            Ok(Value::Int(i64::from(holds)))
        }),
        method("index", exactly(1), range_index),
    ],
    attributes: &[
        AttributeDef {
            name: "start",
            get: |_, value| range_part(value, |range| range.start),
        },
        AttributeDef {
            name: "stop",
            get: |_, value| range_part(value, |range| range.stop),
        },
        AttributeDef {
            name: "step",
            get: |_, value| range_part(value, |range| range.step),
        },
    ],
    members: &[],
    construct: Some(&function("range", between(1, 3), range)),
};

/// `slice`.
pub static SLICE: TypeDef = type_of(&function("slice", between(1, 3), |context, args| {
    let (start, stop, step) = match args.given {
        [stop] => (Value::None, *stop, Value::None),
        _ => (args.or_none(0), args.or_none(1), args.or_none(2)),
    };
    let slice = context.arena().alloc(Slice { start, stop, step })?;
    Ok(Value::Slice(slice))
}));

/// `enumerate`.
pub static ENUMERATE: TypeDef = type_of(&function(
    "enumerate",
    named(&[optional("iterable"), optional("start")]),
    enumerate,
));

/// `zip`.
pub static ZIP: TypeDef = type_of(&function("zip", Params::Any, zip));

/// `reversed`.
pub static REVERSED: TypeDef = type_of(&function("reversed", exactly(1), reversed));

/// `map`.
pub static MAP: TypeDef = type_of(&calling("map", Params::Any, map));

/// `filter`.
pub static FILTER: TypeDef = type_of(&calling("filter", exactly(2), filter));

fn range_part(value: Value<'_>, part: fn(&Range) -> i64) -> Result<Value<'_>, Fault<'_>> {
    match value {
        Value::Range(range) => Ok(Value::Int(part(range))),
        _ => Err(Fault::Internal("a range's attribute of something else")),
    }
}

fn range<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let mut parts = [0; 3];
    for (index, part) in parts.iter_mut().enumerate().take(args.given.len()) {
        if matches!(args.given[index], Value::Big(_)) {
            return Err(context.raise(
                Class::OverflowError,
                "Python int too large to convert to C ssize_t",
            ));
        }
        *part = args.index(context, index)?;
    }
    let range = match args.given.len() {
        1 => Range {
            start: 0,
            stop: parts[0],
            step: 1,
        },
        2 => Range {
            start: parts[0],
            stop: parts[1],
            step: 1,
        },
        _ => Range {
            start: parts[0],
            stop: parts[1],
            step: parts[2],
        },
    };
    if range.step == 0 {
        return Err(context.raise(Class::ValueError, "range() arg 3 must not be zero"));
    }
    Ok(Value::Range(context.arena().alloc(range)?))
}

fn range_index<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let Value::Range(range) = args.receiver else {
        return Err(Fault::Internal("a range method without its receiver"));
    };
    let value = args.or_none(0);
    match value.as_int().and_then(|number| range.position(number)) {
        Some(place) => Ok(Value::Int(place as i64)),
        None => {
            let mut repr = context.builder();
            crate::run::ops::print::write_repr(context, &mut repr, value)?;
            Err(context.raise(
                Class::ValueError,
                format_args!("{} is not in range", repr.as_str()),
            ))
        }
    }
}

fn enumerate<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    if args.get(0).is_none() {
        return Err(context.raise(
            Class::TypeError,
            "enumerate() missing required argument 'iterable'",
        ));
    }
    let start = match args.get(1) {
        Some(_) => args.index(context, 1)?,
        None => 0,
    };
    let inner = context.iterate(args.or_none(0))?;
    let source = Source::Enumerate(inner, std::cell::Cell::new(start));
    Ok(Value::Iter(context.iter_over(source)?))
}

fn zip<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let mut strict = false;
    for (name, value) in args.named {
        if name.as_str() != "strict" {
            return Err(context.raise(
                Class::TypeError,
                format_args!(
                    "'{}' is an invalid keyword argument for zip()",
                    name.as_str()
                ),
            ));
        }
        strict = value.is_true();
    }
    let mut inner = Vec::with_capacity(args.given.len());
    for value in args.given {
        inner.push(context.iterate(*value)?);
    }
    let inner = context.arena().alloc_slice(&inner)?;
    Ok(Value::Iter(context.iter_over(Source::Zip(inner, strict))?))
}

fn reversed<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let value = args.or_none(0);
    let source = match value {
        Value::List(list) => Source::ReversedList(list),
        Value::Tuple(_)
        | Value::Str(_)
        | Value::Bytes(_)
        | Value::Dict(_)
        | Value::Object(Object::View(_)) => backwards(context, value)?,
        Value::Range(range) => {
            let count = range.len();
            let turned = if count == 0 {
                Range {
                    start: 0,
                    stop: 0,
                    step: 1,
                }
            } else {
                Range {
                    start: range.at(count - 1),
                    stop: range.start.saturating_sub(range.step),
                    step: range.step.saturating_neg(),
                }
            };
            Source::Range(turned)
        }
        other => {
            let kind = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("'{kind}' object is not reversible"),
            ));
        }
    };
    Ok(Value::Iter(context.iter_over(source)?))
}

fn backwards<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<Source<'a>, Fault<'a>> {
    let list = context.collect(value)?;
    let items = list.items();
    let items = context
        .arena()
        .alloc_slice_with(items.len(), |index| items[items.len() - 1 - index].get())?;
    Ok(Source::Items(items, Type::Reversed))
}

/// An iterator over what calls gave.
fn results<'a>(
    context: &mut Context<'a>,
    list: &'a crate::run::list::List<'a>,
    kind: Type,
) -> Result<Value<'a>, Fault<'a>> {
    let items = list.items();
    context.charge_bytes(size_of_val(items))?;
    let items = context
        .arena()
        .alloc_slice_with(items.len(), |index| items[index].get())?;
    Ok(Value::Iter(context.iter_over(Source::Items(items, kind))?))
}

fn map<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Calls<'a>, Fault<'a>> {
    let [function, iterables @ ..] = args.given else {
        return Err(context.raise(Class::TypeError, "map() must have at least two arguments."));
    };
    let (items, spread) = match iterables {
        [] => {
            return Err(context.raise(Class::TypeError, "map() must have at least two arguments."));
        }
        [only] => (context.collect(*only)?, false),
        several => {
            let mut inner = Vec::with_capacity(several.len());
            for value in several {
                inner.push(context.iterate(*value)?);
            }
            let inner = context.arena().alloc_slice(&inner)?;
            let zipped = Value::Iter(context.iter_over(Source::Zip(inner, false))?);
            (context.collect(zipped)?, true)
        }
    };
    Ok(Calls::Each {
        function: *function,
        items,
        spread,
        finish: |context, _, made, _| results(context, made, Type::Map),
        extra: Value::None,
    })
}

fn filter<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Calls<'a>, Fault<'a>> {
    let items = context.collect(args.or_none(1))?;
    if args.or_none(0).is_none() {
        return Ok(Calls::Done(kept(context, items, items)?));
    }
    Ok(Calls::Each {
        function: args.or_none(0),
        items,
        spread: false,
        finish: |context, items, verdicts, _| kept(context, items, verdicts),
        extra: Value::None,
    })
}

fn kept<'a>(
    context: &mut Context<'a>,
    items: &'a crate::run::list::List<'a>,
    verdicts: &'a crate::run::list::List<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let list = context.empty_list()?;
    for (item, verdict) in items.items().iter().zip(verdicts.items()) {
        context.charge(1)?;
        if verdict.get().is_true() {
            context.push(list, item.get())?;
        }
    }
    results(context, list, Type::Filter)
}
