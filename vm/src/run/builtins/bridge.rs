//! Temporary.
use crate::bytecode::operand::{Binary, Unary};
use crate::run::context::{Context, TextBuilder};
use crate::run::dict::Dict;
use crate::run::fault::Fault;
use crate::run::list::List;
use crate::run::object::Object;
use crate::run::value::Value;
pub fn extend_list<'a>(
    c: &mut Context<'a>,
    l: &'a List<'a>,
    v: Value<'a>,
) -> Result<(), Fault<'a>> {
    let more = c.collect(v)?;
    for i in more.items() {
        c.push(l, i.get())?;
    }
    Ok(())
}
pub fn update_dict<'a>(
    c: &mut Context<'a>,
    d: &'a Dict<'a>,
    v: Value<'a>,
) -> Result<(), Fault<'a>> {
    if let Value::Dict(o) = v {
        for (k, v) in o.iter() {
            c.insert(d, k, v)?;
        }
    }
    Ok(())
}
pub fn object_binary<'a>(
    _: &mut Context<'a>,
    _: Binary,
    _: Value<'a>,
    _: Value<'a>,
) -> Result<Option<Value<'a>>, Fault<'a>> {
    Ok(None)
}
pub fn object_unary<'a>(
    _: &mut Context<'a>,
    _: Unary,
    _: &'a Object<'a>,
) -> Result<Option<Value<'a>>, Fault<'a>> {
    Ok(None)
}
pub fn object_item<'a>(
    _: &mut Context<'a>,
    _: &'a Object<'a>,
    _: Value<'a>,
) -> Result<Option<Value<'a>>, Fault<'a>> {
    Ok(None)
}
pub fn format_object<'a>(
    _: &mut Context<'a>,
    _: &mut TextBuilder,
    _: &'a Object<'a>,
    _: &str,
) -> Result<bool, Fault<'a>> {
    Ok(false)
}
pub fn ascii<'a>(c: &mut Context<'a>, v: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
    crate::run::ops::print::repr_of(c, v)
}
pub fn format<'a>(
    c: &mut Context<'a>,
    v: Value<'a>,
    _s: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    crate::run::ops::print::str_of(c, v)
}
