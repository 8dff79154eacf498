//! `str`: finding, counting, replacing, and taking off the ends.

use super::Args;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::ops::subscript::offset;
use crate::run::text::Text;
use crate::run::unicode::is_space;
use crate::run::value::Value;

/// A text argument with CPython's shorter message.
fn must_be_text<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<&'a str, Fault<'a>> {
    match value.as_str() {
        Some(text) => Ok(text),
        None => {
            let kind = value.type_of().name();
            Err(context.raise(Class::TypeError, format_args!("must be str, not {kind}")))
        }
    }
}

/// Bytes of a text that a start and an end (arguments 1 and 2) leave, with the number of characters before them.
/// Nothing when the start is beyond the end of the text.
struct Window {
    start: usize,
    end: usize,
    characters: usize,
    beyond: bool,
}

fn bound<'a>(
    context: &mut Context<'a>,
    value: Value<'a>,
    default: i64,
    len: i64,
) -> Result<i64, Fault<'a>> {
    let number = match value {
        Value::None | Value::Unset => return Ok(default),
        Value::Int(number) => number,
        Value::Bool(flag) => i64::from(flag),
        Value::Big(big) if big.is_negative() => i64::MIN,
        Value::Big(_) => i64::MAX,
        _ => {
            return Err(context.raise(
                Class::TypeError,
                "slice indices must be integers or None or have an __index__ method",
            ));
        }
    };
    Ok(if number < 0 {
        number.saturating_add(len).max(0)
    } else {
        number
    })
}

fn window<'a>(
    context: &mut Context<'a>,
    args: &Args<'a, '_>,
    text: &Text<'a>,
) -> Result<Window, Fault<'a>> {
    let content = text.as_str();
    if args.get(1).is_none() && args.get(2).is_none() {
        return Ok(Window {
            start: 0,
            end: content.len(),
            characters: 0,
            beyond: false,
        });
    }
    context.charge_bytes(content.len())?;
    let len = text.char_count() as i64;
    let start = bound(context, args.or_none(1), 0, len)?;
    let end = bound(context, args.or_none(2), len, len)?.min(len);
    if start > end {
        return Ok(Window {
            start: content.len(),
            end: content.len(),
            characters: 0,
            beyond: true,
        });
    }
    let (start_byte, end_byte) = if text.is_ascii() {
        (start as usize, end as usize)
    } else {
        let first = offset(content, start as usize);
        (
            first,
            first + offset(&content[first..], (end - start) as usize),
        )
    };
    Ok(Window {
        start: start_byte,
        end: end_byte,
        characters: start as usize,
        beyond: false,
    })
}

/// Character position of the first or last occurrence.
fn position<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    last: bool,
) -> Result<Option<i64>, Fault<'a>> {
    let text = args.receiver_text(context)?;
    let part = must_be_text(context, args.or_none(0))?;
    let window = window(context, &args, text)?;
    if window.beyond {
        return Ok(None);
    }
    let content = &text.as_str()[window.start..window.end];
    context.charge_bytes(content.len() * 2)?;
    let found = if last {
        content.rfind(part)
    } else {
        content.find(part)
    };
    Ok(found.map(|at| {
        let before = if text.is_ascii() {
            at
        } else {
            content[..at].chars().count()
        };
        (window.characters + before) as i64
    }))
}

pub fn find<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    Ok(Value::Int(position(context, args, false)?.unwrap_or(-1)))
}

pub fn rfind<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    Ok(Value::Int(position(context, args, true)?.unwrap_or(-1)))
}

pub fn index<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    match position(context, args, false)? {
        Some(at) => Ok(Value::Int(at)),
        None => Err(context.raise(Class::ValueError, "substring not found")),
    }
}

pub fn rindex<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    match position(context, args, true)? {
        Some(at) => Ok(Value::Int(at)),
        None => Err(context.raise(Class::ValueError, "substring not found")),
    }
}

pub fn count<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?;
    let part = must_be_text(context, args.or_none(0))?;
    let window = window(context, &args, text)?;
    if window.beyond {
        return Ok(Value::Int(0));
    }
    let content = &text.as_str()[window.start..window.end];
    context.charge_bytes(content.len() * 2)?;
    let count = if part.is_empty() {
        content.chars().count() + 1
    } else {
        content.matches(part).count()
    };
    Ok(Value::Int(count as i64))
}

/// `startswith` and `endswith`: a text or a tuple of texts.
fn has_end<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    name: &str,
    holds: fn(&str, &str) -> bool,
) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?;
    let window = window(context, &args, text)?;
    let content = &text.as_str()[window.start..window.end];
    let check = |part: &str| !window.beyond && holds(content, part);
    match args.or_none(0) {
        Value::Str(part) => {
            context.charge_bytes(part.as_str().len())?;
            Ok(Value::Bool(check(part.as_str())))
        }
        Value::Tuple(parts) => {
            for part in parts.items() {
                context.charge(1)?;
                let Some(part) = part.as_str() else {
                    let kind = part.type_of().name();
                    return Err(context.raise(
                        Class::TypeError,
                        format_args!("tuple for {name} must only contain str, not {kind}"),
                    ));
                };
                context.charge_bytes(part.len())?;
                if check(part) {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        other => {
            let kind = other.type_of().name();
            Err(context.raise(
                Class::TypeError,
                format_args!("{name} first arg must be str or a tuple of str, not {kind}"),
            ))
        }
    }
}

pub fn startswith<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    has_end(context, args, "startswith", |text, part| {
        text.starts_with(part)
    })
}

pub fn endswith<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    has_end(context, args, "endswith", |text, part| text.ends_with(part))
}

pub fn replace<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let receiver = args.receiver;
    let text = args.receiver_text(context)?.as_str();
    let old = args.text(context, 0, "replace")?.as_str();
    let new = args.text(context, 1, "replace")?.as_str();
    let count = match args.get(2) {
        Some(_) => args.index(context, 2)?,
        None => -1,
    };
    let mut left = usize::try_from(count).unwrap_or(usize::MAX);
    context.charge_bytes(text.len() * 2)?;
    if old == new || left == 0 || (!old.is_empty() && !text.contains(old)) {
        return Ok(receiver);
    }
    let mut out = context.builder();
    if old.is_empty() {
        for character in text.chars() {
            if left > 0 {
                out.push_str(new)?;
                left -= 1;
            }
            out.push(character)?;
        }
        if left > 0 {
            out.push_str(new)?;
        }
        return context.finish(out);
    }
    let mut rest = text;
    while left > 0 {
        let Some(at) = rest.find(old) else { break };
        out.push_str(&rest[..at])?;
        out.push_str(new)?;
        context.charge(1)?;
        rest = &rest[at + old.len()..];
        left -= 1;
    }
    out.push_str(rest)?;
    context.finish(out)
}

/// Which ends to take characters off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Both,
    Left,
    Right,
}

fn strip_ends<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    name: &str,
    ends: Ends,
) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    let set = match args.or_none(0) {
        Value::None => None,
        Value::Str(set) => Some(set.as_str()),
        _ => {
            return Err(context.raise(
                Class::TypeError,
                format_args!("{name} arg must be None or str"),
            ));
        }
    };
    // Mostly there is nothing to take off, which the outer bytes show.
    let stays = |byte: Option<&u8>| {
        byte.is_some_and(|byte| match set {
            Some(set) => byte.is_ascii() && !set.as_bytes().contains(byte),
            None => byte.is_ascii_graphic(),
        })
    };
    let bytes = text.as_bytes();
    if (ends == Ends::Right || stays(bytes.first())) && (ends == Ends::Left || stays(bytes.last()))
    {
        return Ok(args.receiver);
    }
    let work = set.map_or(1, str::len).max(1);
    // Only what is taken off is looked at.
    let mut stripped = text;
    let off = |character: char| match set {
        Some(set) => set.contains(character),
        None => is_space(character),
    };
    if ends != Ends::Right {
        stripped = stripped.trim_start_matches(off);
    }
    if ends != Ends::Left {
        stripped = stripped.trim_end_matches(off);
    }
    context.charge_bytes((text.len() - stripped.len()).saturating_mul(work))?;
    if stripped.len() == text.len() {
        return Ok(args.receiver);
    }
    context.text_over(stripped)
}

pub fn strip<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    strip_ends(context, args, "strip", Ends::Both)
}

pub fn lstrip<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    strip_ends(context, args, "lstrip", Ends::Left)
}

pub fn rstrip<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    strip_ends(context, args, "rstrip", Ends::Right)
}

fn only_text<'a>(
    context: &mut Context<'a>,
    args: &Args<'a, '_>,
    name: &str,
) -> Result<&'a str, Fault<'a>> {
    let value = args.or_none(0);
    match value.as_str() {
        Some(text) => Ok(text),
        None => {
            let kind = match value {
                Value::None => "None",
                other => other.type_of().name(),
            };
            Err(context.raise(
                Class::TypeError,
                format_args!("{name}() argument must be str, not {kind}"),
            ))
        }
    }
}

pub fn removeprefix<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    let part = only_text(context, &args, "removeprefix")?;
    context.charge_bytes(part.len())?;
    context.text_over(text.strip_prefix(part).unwrap_or(text))
}

pub fn removesuffix<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    let part = only_text(context, &args, "removesuffix")?;
    context.charge_bytes(part.len())?;
    context.text_over(text.strip_suffix(part).unwrap_or(text))
}
