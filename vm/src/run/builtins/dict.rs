//! `dict`, its views, and its methods.

use super::{Args, NativeDef, TypeDef, between, exactly, method};
use crate::run::context::Context;
use crate::run::dict::Dict;
use crate::run::fault::Fault;
use crate::run::object::{Object, View, ViewKind};
use crate::run::value::Value;

/// `dict`.
pub static TYPE: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[],
    members: &[],
    construct: None,
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
];

fn receiver<'a>(args: Args<'a, '_>) -> Result<&'a Dict<'a>, Fault<'a>> {
    match args.receiver {
        Value::Dict(dict) => Ok(dict),
        _ => Err(Fault::Internal("a dict method without its receiver")),
    }
}

fn get<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let found = context.lookup(receiver(args)?, args.or_none(0))?;
    Ok(found.unwrap_or_else(|| args.or_none(1)))
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
