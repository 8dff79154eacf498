//! `bytes` and its methods.

use super::{
    Args, Member, NativeDef, TypeDef, between, codec, exactly, function, method, named, optional,
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
    method("lower", exactly(0), |context, args| {
        let bytes = receiver(args)?.to_ascii_lowercase();
        context.bytes(&bytes)
    }),
    method("upper", exactly(0), |context, args| {
        let bytes = receiver(args)?.to_ascii_uppercase();
        context.bytes(&bytes)
    }),
    method("strip", between(0, 1), strip),
    method("startswith", exactly(1), |context, args| {
        let (bytes, part) = (receiver(args)?, part(context, args, 0)?);
        Ok(Value::Bool(bytes.starts_with(part)))
    }),
    method("endswith", exactly(1), |context, args| {
        let (bytes, part) = (receiver(args)?, part(context, args, 0)?);
        Ok(Value::Bool(bytes.ends_with(part)))
    }),
    method("find", exactly(1), |context, args| {
        if let Value::Str(_) = args.or_none(0) {
            return Err(context.raise(
                Class::TypeError,
                "argument should be integer or bytes-like object, not 'str'",
            ));
        }
        let (bytes, part) = (receiver(args)?, part(context, args, 0)?);
        Ok(Value::Int(
            position(context, bytes, part)?.map_or(-1, |at| at as i64),
        ))
    }),
    method("replace", exactly(2), replace),
    method("split", between(0, 1), split),
    method("join", exactly(1), join),
];

fn receiver<'a>(args: Args<'a, '_>) -> Result<&'a [u8], Fault<'a>> {
    match args.receiver {
        Value::Bytes(bytes) => Ok(bytes.as_slice()),
        _ => Err(Fault::Internal("a bytes method without its receiver")),
    }
}

fn part<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    index: usize,
) -> Result<&'a [u8], Fault<'a>> {
    context.charge_bytes(receiver(args)?.len())?;
    match args.or_none(index) {
        Value::Bytes(bytes) => Ok(bytes.as_slice()),
        other => {
            let kind = other.type_of().name();
            Err(context.raise(
                Class::TypeError,
                format_args!("a bytes-like object is required, not '{kind}'"),
            ))
        }
    }
}

fn position<'a>(
    context: &mut Context<'a>,
    bytes: &[u8],
    part: &[u8],
) -> Result<Option<usize>, Fault<'a>> {
    if part.is_empty() {
        return Ok(Some(0));
    }
    context.charge_bytes(bytes.len().saturating_mul(part.len()))?;
    Ok(bytes.windows(part.len()).position(|window| window == part))
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

fn strip<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let bytes = receiver(args)?;
    let set: &[u8] = match args.or_none(0) {
        Value::None => b" \t\n\r\x0b\x0c",
        _ => part(context, args, 0)?,
    };
    context.charge_bytes(bytes.len().saturating_mul(set.len()))?;
    let start = bytes
        .iter()
        .position(|byte| !set.contains(byte))
        .unwrap_or(bytes.len());
    let end = bytes
        .iter()
        .rposition(|byte| !set.contains(byte))
        .map_or(start, |at| at + 1);
    Ok(Value::Bytes(
        context.arena().alloc(Bytes(&bytes[start..end]))?,
    ))
}

fn replace<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let bytes = receiver(args)?;
    let (old, new) = (part(context, args, 0)?, part(context, args, 1)?);
    context.charge_bytes(bytes.len().saturating_mul(old.len().max(1)))?;
    let bytes_max = context.arena().remaining_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        if out.len() + new.len() > bytes_max {
            return Err(Fault::Limit(Limit::Memory));
        }
        if old.is_empty() {
            out.extend_from_slice(new);
            context.charge_bytes(new.len())?;
            let Some(byte) = bytes.get(at) else { break };
            out.push(*byte);
            at += 1;
        } else if bytes[at..].starts_with(old) {
            out.extend_from_slice(new);
            context.charge_bytes(new.len())?;
            at += old.len();
        } else {
            let Some(byte) = bytes.get(at) else { break };
            out.push(*byte);
            at += 1;
        }
    }
    context.bytes(&out)
}

fn split<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let bytes = receiver(args)?;
    let list = context.empty_list()?;
    let mut pieces: Vec<&'a [u8]> = Vec::new();
    if args.or_none(0).is_none() {
        context.charge_bytes(bytes.len())?;
        pieces.extend(
            bytes
                .split(|byte| b" \t\n\r\x0b\x0c".contains(byte))
                .filter(|piece| !piece.is_empty()),
        );
    } else {
        let separator = part(context, args, 0)?;
        if separator.is_empty() {
            return Err(context.raise(Class::ValueError, "empty separator"));
        }
        context.charge_bytes(bytes.len().saturating_mul(separator.len()))?;
        let (mut start, mut at) = (0, 0);
        while at < bytes.len() {
            if bytes[at..].starts_with(separator) {
                pieces.push(&bytes[start..at]);
                at += separator.len();
                start = at;
            } else {
                at += 1;
            }
        }
        pieces.push(&bytes[start..]);
    }
    for piece in pieces {
        context.charge(1)?;
        let piece = Value::Bytes(context.arena().alloc(Bytes(piece))?);
        context.push(list, piece)?;
    }
    Ok(Value::List(list))
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
