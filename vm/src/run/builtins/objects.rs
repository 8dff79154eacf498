//! What operators, printing and formatting do with objects of their own kind.

use std::cmp::Ordering;

use super::{datetime, re, system};
use crate::bytecode::operand::{Binary, Unary};
use crate::run::context::{Context, TextBuilder};
use crate::run::fault::Fault;
use crate::run::object::Object;
use crate::run::value::Value;

/// `left op right` where one is an object; nothing where there is no such operator.
pub fn binary<'a>(
    context: &mut Context<'a>,
    op: Binary,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Option<Value<'a>>, Fault<'a>> {
    if matches!(left, Value::Object(_)) || matches!(right, Value::Object(_)) {
        return datetime::binary(context, op, left, right);
    }
    Ok(None)
}

/// `op object`; nothing where there is no such operator.
pub fn unary<'a>(
    context: &mut Context<'a>,
    op: Unary,
    object: &'a Object<'a>,
) -> Result<Option<Value<'a>>, Fault<'a>> {
    datetime::unary(context, op, object)
}

/// `object[index]`; nothing where there are no items.
pub fn item<'a>(
    context: &mut Context<'a>,
    object: &'a Object<'a>,
    index: Value<'a>,
) -> Result<Option<Value<'a>>, Fault<'a>> {
    match object {
        Object::Match(found) => re::item(context, found, index).map(Some),
        _ => Ok(None),
    }
}

/// Order of two objects; nothing where they have none.
pub fn order<'a>(
    context: &mut Context<'a>,
    left: &'a Object<'a>,
    right: &'a Object<'a>,
) -> Result<Option<Ordering>, Fault<'a>> {
    datetime::order(context, left, right)
}

/// `format(object, spec)` into a builder; false where a specification means nothing.
pub fn format<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    object: &'a Object<'a>,
    spec: &str,
) -> Result<bool, Fault<'a>> {
    datetime::format(context, out, object, spec)
}

/// `str(object)` (or `repr`).
pub fn write<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    object: &'a Object<'a>,
    plain: bool,
) -> Result<(), Fault<'a>> {
    match object {
        Object::Pattern(pattern) => return re::write_pattern(context, out, pattern),
        Object::Match(found) => return re::write_match(context, out, found),
        Object::Uuid(bits) if plain => return Ok(out.push_str(&system::uuid_text(*bits))?),
        Object::Uuid(bits) => {
            out.push_str("UUID('")?;
            out.push_str(&system::uuid_text(*bits))?;
            return Ok(out.push_str("')")?);
        }
        Object::Hash(hasher) => {
            out.push_str("<")?;
            out.push_str(hasher.borrow().facts().0)?;
            return Ok(out.push_str(" _hashlib.HASH object>")?);
        }
        _ => {}
    }
    if datetime::write(out, object, plain)? {
        return Ok(());
    }
    out.push_str("<")?;
    out.push_str(object.type_of().name())?;
    Ok(out.push_str(" object>")?)
}
