//! `list` and its methods.

use super::{Args, NativeDef, TypeDef, between, exactly, function, method};
use crate::run::context::Context;
use crate::run::fault::Fault;
use crate::run::list::List;
use crate::run::value::Value;

/// `list`.
pub static TYPE: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[],
    members: &[],
    construct: Some(&function("list", between(0, 1), construct)),
};

static METHODS: &[NativeDef] = &[method("append", exactly(1), append)];

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

fn append<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    context.push(receiver(args)?, args.or_none(0))?;
    Ok(Value::None)
}
