//! `str`: splitting and joining.

use super::Args;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::list::List;
use crate::run::unicode::{ends_line, is_space};
use crate::run::value::Value;

/// Pieces of a text: separator (`None`: white space) and how many splits at most.
struct Plan<'a> {
    text: &'a str,
    separator: Option<&'a str>,
    left: usize,
}

fn plan<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Plan<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    let separator = match args.or_none(0) {
        Value::None => None,
        Value::Str(separator) if separator.as_str().is_empty() => {
            return Err(context.raise(Class::ValueError, "empty separator"));
        }
        Value::Str(separator) => Some(separator.as_str()),
        other => {
            let kind = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("must be str or None, not {kind}"),
            ));
        }
    };
    let most = match args.get(1) {
        Some(_) => args.index(context, 1)?,
        None => -1,
    };
    context.charge_bytes(text.len() * 2)?;
    Ok(Plan {
        text,
        separator,
        left: usize::try_from(most).unwrap_or(usize::MAX),
    })
}

fn push_text<'a>(
    context: &mut Context<'a>,
    list: &'a List<'a>,
    text: &'a str,
) -> Result<(), Fault<'a>> {
    context.charge(1)?;
    let value = context.text_over(text)?;
    context.push(list, value)
}

pub fn split<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let plan = plan(context, args)?;
    let list = context.empty_list()?;
    let mut rest = plan.text;
    let mut left = plan.left;
    if let Some(separator) = plan.separator {
        while left > 0 {
            let Some(at) = rest.find(separator) else {
                break;
            };
            push_text(context, list, &rest[..at])?;
            rest = &rest[at + separator.len()..];
            left -= 1;
        }
        push_text(context, list, rest)?;
        return Ok(Value::List(list));
    }
    rest = rest.trim_start_matches(is_space);
    while !rest.is_empty() {
        if left == 0 {
            push_text(context, list, rest.trim_end_matches(is_space))?;
            break;
        }
        let end = rest.find(is_space).unwrap_or(rest.len());
        push_text(context, list, &rest[..end])?;
        rest = rest[end..].trim_start_matches(is_space);
        left -= 1;
    }
    Ok(Value::List(list))
}

pub fn rsplit<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let plan = plan(context, args)?;
    let list = context.empty_list()?;
    let mut rest = plan.text;
    let mut left = plan.left;
    if let Some(separator) = plan.separator {
        while left > 0 {
            let Some(at) = rest.rfind(separator) else {
                break;
            };
            push_text(context, list, &rest[at + separator.len()..])?;
            rest = &rest[..at];
            left -= 1;
        }
        push_text(context, list, rest)?;
    } else {
        rest = rest.trim_end_matches(is_space);
        while !rest.is_empty() {
            if left == 0 {
                push_text(context, list, rest.trim_start_matches(is_space))?;
                break;
            }
            let start = rest.rfind(is_space).map_or(0, |at| {
                at + rest[at..].chars().next().map_or(0, char::len_utf8)
            });
            push_text(context, list, &rest[start..])?;
            rest = rest[..start].trim_end_matches(is_space);
            left -= 1;
        }
    }
    let items = list.items();
    context.charge(items.len())?;
    for index in 0..items.len() / 2 {
        items[index].swap(&items[items.len() - 1 - index]);
    }
    Ok(Value::List(list))
}

pub fn splitlines<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    let keep = args.get(0).is_some_and(Value::is_true);
    context.charge_bytes(text.len() * 2)?;
    let list = context.empty_list()?;
    let mut rest = text;
    while !rest.is_empty() {
        let Some(at) = rest.find(ends_line) else {
            push_text(context, list, rest)?;
            break;
        };
        let len = if rest[at..].starts_with("\r\n") {
            2
        } else {
            rest[at..].chars().next().map_or(0, char::len_utf8)
        };
        push_text(context, list, &rest[..if keep { at + len } else { at }])?;
        rest = &rest[at + len..];
    }
    Ok(Value::List(list))
}

fn separator<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<&'a str, Fault<'a>> {
    match args.or_none(0) {
        Value::Str(text) if text.as_str().is_empty() => {
            Err(context.raise(Class::ValueError, "empty separator"))
        }
        Value::Str(text) => Ok(text.as_str()),
        other => {
            let kind = other.type_of().name();
            Err(context.raise(Class::TypeError, format_args!("must be str, not {kind}")))
        }
    }
}

fn three<'a>(context: &mut Context<'a>, parts: [&'a str; 3]) -> Result<Value<'a>, Fault<'a>> {
    let mut items = [Value::None; 3];
    for (item, part) in items.iter_mut().zip(parts) {
        *item = context.text_over(part)?;
    }
    context.tuple(&items)
}

pub fn partition<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    let separator = separator(context, args)?;
    context.charge_bytes(text.len())?;
    match text.split_once(separator) {
        Some((before, after)) => three(context, [before, separator, after]),
        None => three(context, [text, "", ""]),
    }
}

pub fn rpartition<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    let separator = separator(context, args)?;
    context.charge_bytes(text.len())?;
    match text.rsplit_once(separator) {
        Some((before, after)) => three(context, [before, separator, after]),
        None => three(context, ["", "", text]),
    }
}

pub fn join<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let separator = args.receiver_text(context)?.as_str();
    let iterable = args.or_none(0);
    let items = match context.iterate(iterable) {
        Ok(_) => match iterable {
            Value::List(list) => list,
            other => context.collect(other)?,
        },
        Err(Fault::Raised(_)) => {
            return Err(context.raise(Class::TypeError, "can only join an iterable"));
        }
        Err(fault) => return Err(fault),
    };
    if let [only] = items.items()
        && let Value::Str(_) = only.get()
    {
        return Ok(only.get());
    }
    let mut out = context.builder();
    for (index, item) in items.items().iter().enumerate() {
        let Some(text) = item.get().as_str() else {
            let kind = item.get().type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("sequence item {index}: expected str instance, {kind} found"),
            ));
        };
        context.charge(1)?;
        context.charge_bytes(text.len() + separator.len())?;
        if index > 0 {
            out.push_str(separator)?;
        }
        out.push_str(text)?;
    }
    context.finish(out)
}
