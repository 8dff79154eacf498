//! Searching and splitting.

use super::matcher::{Mode, Search, UNSET};
use super::matches;
use super::pattern::{Pattern, pattern, receiver};
use crate::run::builtins::Args;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::latin1::{self, Alphabet};
use crate::run::list::List;
use crate::run::ops::subscript::offset;
use crate::run::text::Text;
use crate::run::value::Value;

/// The text to search in, or what stands for the bytes.
pub(super) fn subject<'a>(
    context: &mut Context<'a>,
    pattern: &Pattern<'a>,
    value: Value<'a>,
) -> Result<&'a Text<'a>, Fault<'a>> {
    match (pattern.alphabet(), value) {
        (Alphabet::Characters, Value::Str(text)) => Ok(text),
        (Alphabet::Bytes, Value::Bytes(bytes)) => latin1::text(context, bytes.as_slice()),
        (Alphabet::Characters, Value::Bytes(_)) => Err(context.raise(
            Class::TypeError,
            "cannot use a string pattern on a bytes-like object",
        )),
        (Alphabet::Bytes, Value::Str(_)) => Err(context.raise(
            Class::TypeError,
            "cannot use a bytes pattern on a string-like object",
        )),
        (_, other) => {
            let kind = other.type_of().name();
            Err(context.raise(
                Class::TypeError,
                format_args!("expected string or bytes-like object, got '{kind}'"),
            ))
        }
    }
}

pub(super) fn once<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    mode: Mode,
) -> Result<Value<'a>, Fault<'a>> {
    let pattern = pattern(context, args.or_none(0), args.or_none(2))?;
    let text = subject(context, pattern, args.or_none(1))?;
    first(context, pattern, text, 0, mode)
}

pub(super) fn method_once<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    mode: Mode,
) -> Result<Value<'a>, Fault<'a>> {
    let pattern = receiver(args.receiver)?;
    let text = subject(context, pattern, args.or_none(0))?;
    if args.get(2).is_some() {
        return Err(context.raise(
            Class::ValueError,
            "endpos is not available: cut the text first",
        ));
    }
    let start = match args.get(1) {
        None => 0,
        Some(_) => {
            context.charge_bytes(text.as_str().len())?;
            let characters = usize::try_from(args.index(context, 1)?).unwrap_or(0);
            offset(text.as_str(), characters)
        }
    };
    first(context, pattern, text, start, mode)
}

pub(super) fn first<'a>(
    context: &mut Context<'a>,
    pattern: &'a Pattern<'a>,
    text: &'a Text<'a>,
    start: usize,
    mode: Mode,
) -> Result<Value<'a>, Fault<'a>> {
    let mut search = Search::new(pattern.program, text.as_str());
    if search.find(context, start, mode, false)? {
        matches::value(context, pattern, text, &search.slots)
    } else {
        Ok(Value::None)
    }
}

/// Call `each` with the slots of every match in turn, `most` of them (0: all).
pub(super) fn for_each<'a>(
    context: &mut Context<'a>,
    pattern: &'a Pattern<'a>,
    text: &'a Text<'a>,
    most: usize,
    mut each: impl FnMut(&mut Context<'a>, &[usize]) -> Result<(), Fault<'a>>,
) -> Result<(), Fault<'a>> {
    let mut search = Search::new(pattern.program, text.as_str());
    let (mut at, mut not_empty, mut count) = (0, false, 0);
    while (most == 0 || count < most) && search.find(context, at, Mode::Search, not_empty)? {
        let (start, end) = (search.slots[0], search.slots[1]);
        context.charge(2 + search.slots.len() / 4)?;
        each(context, &search.slots)?;
        // After an empty match the next one must take a character or begin later.
        not_empty = start == end;
        at = end;
        count += 1;
    }
    Ok(())
}

/// The text of a group, or nothing when it took no part.
pub(super) fn group_text<'a>(text: &'a Text<'a>, slots: &[usize], group: usize) -> Option<&'a str> {
    let (start, end) = (*slots.get(group * 2)?, *slots.get(group * 2 + 1)?);
    if start == UNSET || end == UNSET {
        return None;
    }
    text.as_str().get(start..end)
}

pub(super) fn find_all<'a>(
    context: &mut Context<'a>,
    pattern: &'a Pattern<'a>,
    value: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let text = subject(context, pattern, value)?;
    let groups = pattern.program.groups as usize;
    let list = context.empty_list()?;
    for_each(context, pattern, text, 0, |context, slots| {
        let item = match groups {
            0 | 1 => pattern.piece(context, group_text(text, slots, groups).unwrap_or_default())?,
            _ => {
                let mut items = Vec::with_capacity(groups);
                for group in 1..=groups {
                    let part = group_text(text, slots, group).unwrap_or_default();
                    items.push(pattern.piece(context, part)?);
                }
                context.tuple(&items)?
            }
        };
        context.push(list, item)
    })?;
    Ok(Value::List(list))
}

pub(super) fn find_iter<'a>(
    context: &mut Context<'a>,
    pattern: &'a Pattern<'a>,
    value: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let list = all_matches(context, pattern, value, 0)?;
    Ok(Value::Iter(context.iterate(Value::List(list))?))
}

pub(super) fn all_matches<'a>(
    context: &mut Context<'a>,
    pattern: &'a Pattern<'a>,
    value: Value<'a>,
    most: usize,
) -> Result<&'a List<'a>, Fault<'a>> {
    let text = subject(context, pattern, value)?;
    let list = context.empty_list()?;
    for_each(context, pattern, text, most, |context, slots| {
        let found = matches::value(context, pattern, text, slots)?;
        context.push(list, found)
    })?;
    Ok(list)
}

/// A count argument: 0 is all, below 0 none for `split` and all for `sub`.
pub(super) fn count<'a>(
    context: &mut Context<'a>,
    value: Option<Value<'a>>,
) -> Result<i64, Fault<'a>> {
    match value {
        None => Ok(0),
        Some(Value::Int(number)) => Ok(number),
        Some(Value::Bool(flag)) => Ok(i64::from(flag)),
        Some(other) => {
            let kind = other.type_of().name();
            Err(context.raise(
                Class::TypeError,
                format_args!("'{kind}' object cannot be interpreted as an integer"),
            ))
        }
    }
}

pub(super) fn split<'a>(
    context: &mut Context<'a>,
    pattern: &'a Pattern<'a>,
    value: Value<'a>,
    most: Option<Value<'a>>,
) -> Result<Value<'a>, Fault<'a>> {
    let text = subject(context, pattern, value)?;
    let most = count(context, most)?;
    let list = context.empty_list()?;
    let mut last = 0;
    if most >= 0 {
        for_each(context, pattern, text, most as usize, |context, slots| {
            let piece = pattern.piece(context, &text.as_str()[last..slots[0]])?;
            context.push(list, piece)?;
            for group in 1..=pattern.program.groups as usize {
                let part = match group_text(text, slots, group) {
                    Some(part) => pattern.piece(context, part)?,
                    None => Value::None,
                };
                context.push(list, part)?;
            }
            last = slots[1];
            Ok(())
        })?;
    }
    let rest = pattern.piece(context, &text.as_str()[last..])?;
    context.push(list, rest)?;
    Ok(Value::List(list))
}
