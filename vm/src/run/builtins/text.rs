//! `str` and its methods.

use super::{Args, NativeDef, TypeDef, exactly, function, method, named, optional};
use crate::run::context::Context;
use crate::run::fault::Fault;
use crate::run::ops::print;
use crate::run::value::Value;

/// `str`.
pub static TYPE: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[],
    members: &[],
    construct: Some(&function(
        "str",
        named(&[optional("object"), optional("encoding"), optional("errors")]),
        construct,
    )),
};

static METHODS: &[NativeDef] = &[method("upper", exactly(0), upper)];

fn construct<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    match args.get(0) {
        None => context.text_over(""),
        Some(value) => print::str_of(context, value),
    }
}

fn upper<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    context.charge_bytes(text.len())?;
    context.text(&text.to_uppercase())
}
