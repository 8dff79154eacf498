//! `bytes` and its methods.

use super::{
    Args, Member, NativeDef, TypeDef, between, bytes_parts, codec, exactly, function, method,
    named, optional,
};
use crate::limits::Limit;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::value::{Bytes, Value};

/// `bytes`.
pub static TYPE: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[],
    members: &[Member::Native(function("fromhex", exactly(1), fromhex))],
    construct: Some(&function(
        "bytes",
        named(&[optional("source"), optional("encoding"), optional("errors")]),
        construct,
    )),
};

static METHODS: &[NativeDef] = &[
    method(
        "decode",
        named(&[optional("encoding"), optional("errors")]),
        codec::decode,
    ),
    method("hex", exactly(0), hex),
    method("join", exactly(1), join),
    method("lower", exactly(0), |context, args| {
        changed(context, args, |byte, _| byte.to_ascii_lowercase())
    }),
    method("upper", exactly(0), |context, args| {
        changed(context, args, |byte, _| byte.to_ascii_uppercase())
    }),
    method("swapcase", exactly(0), |context, args| {
        changed(context, args, |byte, _| {
            if byte.is_ascii_uppercase() {
                byte.to_ascii_lowercase()
            } else {
                byte.to_ascii_uppercase()
            }
        })
    }),
    method("capitalize", exactly(0), |context, args| {
        changed(context, args, |byte, before| match before {
            None => byte.to_ascii_uppercase(),
            Some(_) => byte.to_ascii_lowercase(),
        })
    }),
    method("title", exactly(0), |context, args| {
        changed(context, args, |byte, before| {
            if before.is_some_and(|before| before.is_ascii_alphabetic()) {
                byte.to_ascii_lowercase()
            } else {
                byte.to_ascii_uppercase()
            }
        })
    }),
    method("isalnum", exactly(0), |context, args| {
        every(context, args, u8::is_ascii_alphanumeric)
    }),
    method("isalpha", exactly(0), |context, args| {
        every(context, args, u8::is_ascii_alphabetic)
    }),
    method("isdigit", exactly(0), |context, args| {
        every(context, args, u8::is_ascii_digit)
    }),
    method("isspace", exactly(0), |context, args| {
        every(context, args, is_space)
    }),
    method("isascii", exactly(0), |context, args| {
        context.charge_bytes(receiver(args)?.len())?;
        Ok(Value::Bool(receiver(args)?.is_ascii()))
    }),
    method("islower", exactly(0), |context, args| {
        cased(
            context,
            args,
            u8::is_ascii_lowercase,
            u8::is_ascii_uppercase,
        )
    }),
    method("isupper", exactly(0), |context, args| {
        cased(
            context,
            args,
            u8::is_ascii_uppercase,
            u8::is_ascii_lowercase,
        )
    }),
    method("center", between(1, 2), bytes_parts::center),
    method("count", between(1, 3), bytes_parts::count),
    method("endswith", between(1, 3), bytes_parts::endswith),
    method(
        "expandtabs",
        named(&[optional("tabsize")]),
        bytes_parts::expandtabs,
    ),
    method("find", between(1, 3), bytes_parts::find),
    method("index", between(1, 3), bytes_parts::index),
    method("ljust", between(1, 2), bytes_parts::ljust),
    method("lstrip", between(0, 1), bytes_parts::lstrip),
    method("partition", exactly(1), bytes_parts::partition),
    method("removeprefix", exactly(1), bytes_parts::removeprefix),
    method("removesuffix", exactly(1), bytes_parts::removesuffix),
    method("replace", between(2, 3), bytes_parts::replace),
    method("rfind", between(1, 3), bytes_parts::rfind),
    method("rindex", between(1, 3), bytes_parts::rindex),
    method("rjust", between(1, 2), bytes_parts::rjust),
    method("rpartition", exactly(1), bytes_parts::rpartition),
    method(
        "rsplit",
        named(&[optional("sep"), optional("maxsplit")]),
        bytes_parts::rsplit,
    ),
    method("rstrip", between(0, 1), bytes_parts::rstrip),
    method(
        "split",
        named(&[optional("sep"), optional("maxsplit")]),
        bytes_parts::split,
    ),
    method(
        "splitlines",
        named(&[optional("keepends")]),
        bytes_parts::splitlines,
    ),
    method("startswith", between(1, 3), bytes_parts::startswith),
    method("strip", between(0, 1), bytes_parts::strip),
    method("zfill", exactly(1), bytes_parts::zfill),
];

/// White space in bytes.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "iterators over bytes call it"
)]
pub(super) fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Each byte by itself and the one before it.
fn changed<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    change: fn(u8, Option<u8>) -> u8,
) -> Result<Value<'a>, Fault<'a>> {
    let bytes = receiver(args)?;
    context.charge_bytes(bytes.len())?;
    let mut before = None;
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        out.push(change(*byte, before));
        before = Some(*byte);
    }
    context.bytes(&out)
}

/// One byte at least, and all of them are such.
fn every<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    holds: fn(&u8) -> bool,
) -> Result<Value<'a>, Fault<'a>> {
    let bytes = receiver(args)?;
    context.charge_bytes(bytes.len())?;
    Ok(Value::Bool(!bytes.is_empty() && bytes.iter().all(holds)))
}

/// One letter of the case at least, and none of the other.
fn cased<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    holds: fn(&u8) -> bool,
    other: fn(&u8) -> bool,
) -> Result<Value<'a>, Fault<'a>> {
    let bytes = receiver(args)?;
    context.charge_bytes(bytes.len() * 2)?;
    Ok(Value::Bool(
        bytes.iter().any(holds) && !bytes.iter().any(other),
    ))
}

pub(super) fn receiver<'a>(args: Args<'a, '_>) -> Result<&'a [u8], Fault<'a>> {
    match args.receiver {
        Value::Bytes(bytes) => Ok(bytes.as_slice()),
        _ => Err(Fault::Internal("a bytes method without its receiver")),
    }
}

fn construct<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    if args.get(1).is_some() || args.get(2).is_some() {
        return codec::bytes_of(context, args);
    }
    match args.get(0) {
        None => context.bytes(&[]),
        Some(value @ Value::Bytes(_)) => Ok(value),
        Some(Value::Str(_)) => {
            Err(context.raise(Class::TypeError, "string argument without an encoding"))
        }
        Some(Value::Int(_) | Value::Bool(_) | Value::Big(_)) => {
            let count = args.index(context, 0)?;
            let Ok(count) = usize::try_from(count) else {
                return Err(context.raise(Class::ValueError, "negative count"));
            };
            if count > context.arena().remaining_bytes() {
                return Err(Fault::Limit(Limit::Memory));
            }
            context.charge_bytes(count)?;
            let bytes = context.arena().alloc_slice_with(count, |_| 0_u8)?;
            Ok(Value::Bytes(context.arena().alloc(Bytes(bytes))?))
        }
        Some(value) => {
            let items = match context.iterate(value) {
                Ok(_) => context.collect(value)?,
                Err(Fault::Raised(_)) => {
                    let kind = value.type_of().name();
                    return Err(context.raise(
                        Class::TypeError,
                        format_args!("cannot convert '{kind}' object to bytes"),
                    ));
                }
                Err(fault) => return Err(fault),
            };
            let mut bytes = Vec::with_capacity(items.len());
            for item in items.items() {
                let number = match item.get() {
                    Value::Int(number) => u8::try_from(number).ok(),
                    Value::Bool(flag) => Some(u8::from(flag)),
                    Value::Big(_) => None,
                    other => {
                        let kind = other.type_of().name();
                        return Err(context.raise(
                            Class::TypeError,
                            format_args!("'{kind}' object cannot be interpreted as an integer"),
                        ));
                    }
                };
                let Some(number) = number else {
                    return Err(context.raise(Class::ValueError, "bytes must be in range(0, 256)"));
                };
                bytes.push(number);
            }
            context.bytes(&bytes)
        }
    }
}

fn hex<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let bytes = receiver(args)?;
    context.charge_bytes(bytes.len() * 2)?;
    let mut out = context.builder();
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'))?;
        }
    }
    context.finish(out)
}

fn fromhex<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let text = args.text(context, 0, "fromhex")?.as_str();
    context.charge_bytes(text.len())?;
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for (place, character) in text.chars().enumerate() {
        if high.is_none() && character.is_ascii_whitespace() {
            continue;
        }
        let Some(digit) = character.to_digit(16) else {
            return Err(context.raise(
                Class::ValueError,
                format_args!("non-hexadecimal number found in fromhex() arg at position {place}"),
            ));
        };
        match high.take() {
            None => high = Some(digit),
            Some(first) => bytes.push((first * 16 + digit) as u8),
        }
    }
    if high.is_some() {
        let place = text.chars().count();
        return Err(context.raise(
            Class::ValueError,
            format_args!("non-hexadecimal number found in fromhex() arg at position {place}"),
        ));
    }
    context.bytes(&bytes)
}

fn join<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let separator = receiver(args)?;
    let items = context.collect(args.or_none(0))?;
    let mut out = Vec::new();
    for (index, item) in items.items().iter().enumerate() {
        let Value::Bytes(bytes) = item.get() else {
            let kind = item.get().type_of().name();
            let text =
                format_args!("sequence item {index}: expected a bytes-like object, {kind} found");
            return Err(context.raise(Class::TypeError, text));
        };
        context.charge_bytes(bytes.as_slice().len() + separator.len())?;
        if out.len() + bytes.as_slice().len() + separator.len() > context.arena().remaining_bytes()
        {
            return Err(Fault::Limit(Limit::Memory));
        }
        if index > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(bytes.as_slice());
    }
    context.bytes(&out)
}
