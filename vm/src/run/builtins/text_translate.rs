//! `str.maketrans` and `str.translate`.

use super::Args;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::value::Value;

pub fn maketrans<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    let table = context.dict()?;
    if args.get(1).is_none() {
        let Value::Dict(dict) = args.or_none(0) else {
            return Err(context.raise(
                Class::TypeError,
                "if you give only one argument to maketrans it must be a dict",
            ));
        };
        for (key, value) in dict.iter() {
            context.charge(1)?;
            let code = match key {
                Value::Str(text) => {
                    let mut characters = text.as_str().chars();
                    match (characters.next(), characters.next()) {
                        (Some(only), None) => Value::Int(i64::from(u32::from(only))),
                        _ => {
                            return Err(context.raise(
                                Class::ValueError,
                                "string keys in translate table must be of length 1",
                            ));
                        }
                    }
                }
                Value::Int(_) | Value::Bool(_) | Value::Big(_) => key,
                _ => {
                    return Err(context.raise(
                        Class::TypeError,
                        "keys in translate table must be strings or integers",
                    ));
                }
            };
            context.insert(table, code, value)?;
        }
        return Ok(Value::Dict(table));
    }
    let Value::Str(from) = args.or_none(0) else {
        return Err(context.raise(
            Class::TypeError,
            "first maketrans argument must be a string if there is a second argument",
        ));
    };
    let to = args.text(context, 1, "maketrans")?;
    context.charge_bytes(from.as_str().len() + to.as_str().len())?;
    if from.char_count() != to.char_count() {
        return Err(context.raise(
            Class::ValueError,
            "the first two maketrans arguments must have equal length",
        ));
    }
    let code = |character| Value::Int(i64::from(u32::from(character)));
    for (from, to) in from.as_str().chars().zip(to.as_str().chars()) {
        context.charge(1)?;
        context.insert(table, code(from), code(to))?;
    }
    if args.get(2).is_some() {
        for character in args.text(context, 2, "maketrans")?.as_str().chars() {
            context.charge(1)?;
            context.insert(table, code(character), Value::None)?;
        }
    }
    Ok(Value::Dict(table))
}

pub fn translate<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    let table = args.or_none(0);
    context.charge_bytes(text.len() * 16)?;
    let mut out = context.builder();
    for character in text.chars() {
        let key = Value::Int(i64::from(u32::from(character)));
        let found = match table {
            Value::Dict(dict) => context.lookup(dict, key)?,
            other => match crate::run::ops::subscript::get(context, other, key) {
                Ok(value) => Some(value),
                Err(Fault::Raised(error)) if error.class().is_a(Class::LookupError) => None,
                Err(fault) => return Err(fault),
            },
        };
        match found {
            None => out.push(character)?,
            Some(Value::None) => {}
            Some(Value::Str(text)) => {
                context.charge_bytes(text.as_str().len())?;
                out.push_str(text.as_str())?;
            }
            Some(value @ (Value::Int(_) | Value::Bool(_) | Value::Big(_))) => {
                let code = value.as_int().and_then(|code| u32::try_from(code).ok());
                match code.filter(|code| *code < 0x11_0000) {
                    Some(code) => {
                        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))?;
                    }
                    None => {
                        return Err(context.raise(
                            Class::ValueError,
                            "character mapping must be in range(0x110000)",
                        ));
                    }
                }
            }
            Some(_) => {
                return Err(context.raise(
                    Class::TypeError,
                    "character mapping must return integer, None or str",
                ));
            }
        }
    }
    context.finish(out)
}
