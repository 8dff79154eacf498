//! `str`: its construction, its letter cases, what its characters are; the rest of its methods is beside it.

use super::{
    Args, Member, NativeDef, TypeDef, between, codec, exactly, function, method, named, optional,
    text_format, text_layout, text_search, text_split, text_translate,
};
use crate::run::context::Context;
use crate::run::fault::Fault;
use crate::run::ops::print;
use crate::run::unicode;
use crate::run::value::Value;

/// `str`.
pub static TYPE: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[],
    members: &[Member::Native(function(
        "maketrans",
        between(1, 3),
        text_translate::maketrans,
    ))],
    construct: Some(&function(
        "str",
        named(&[optional("object"), optional("encoding"), optional("errors")]),
        construct,
    )),
};

static METHODS: &[NativeDef] = &[
    method("capitalize", exactly(0), capitalize),
    method("casefold", exactly(0), casefold),
    method("center", between(1, 2), text_layout::center),
    method("count", between(1, 3), text_search::count),
    method(
        "encode",
        named(&[optional("encoding"), optional("errors")]),
        codec::encode,
    ),
    method("endswith", between(1, 3), text_search::endswith),
    method(
        "expandtabs",
        named(&[optional("tabsize")]),
        text_layout::expandtabs,
    ),
    method("find", between(1, 3), text_search::find),
    method("format", super::Params::Any, text_format::format),
    method("format_map", exactly(1), text_format::format_map),
    method("index", between(1, 3), text_search::index),
    method("isalnum", exactly(0), |context, args| {
        every(context, args, unicode::is_alphanumeric)
    }),
    method("isalpha", exactly(0), |context, args| {
        every(context, args, unicode::is_alpha)
    }),
    method("isascii", exactly(0), |context, args| {
        let text = args.receiver_text(context)?;
        context.charge_bytes(text.as_str().len())?;
        Ok(Value::Bool(text.as_str().is_ascii()))
    }),
    method("isdecimal", exactly(0), |context, args| {
        every(context, args, unicode::is_decimal)
    }),
    method("isdigit", exactly(0), |context, args| {
        every(context, args, unicode::is_digit)
    }),
    method("isidentifier", exactly(0), |context, args| {
        let text = args.receiver_text(context)?.as_str();
        context.charge_bytes(text.len() * 4)?;
        Ok(Value::Bool(unicode::is_identifier(text)))
    }),
    method("islower", exactly(0), |context, args| {
        cased(context, args, unicode::is_lower, |character| {
            unicode::is_upper(character) || unicode::is_title(character)
        })
    }),
    method("isnumeric", exactly(0), |context, args| {
        every(context, args, unicode::is_numeric)
    }),
    method("isprintable", exactly(0), |context, args| {
        let text = args.receiver_text(context)?.as_str();
        context.charge_bytes(text.len() * 4)?;
        Ok(Value::Bool(text.chars().all(unicode::is_printable)))
    }),
    method("isspace", exactly(0), |context, args| {
        every(context, args, unicode::is_space)
    }),
    method("istitle", exactly(0), istitle),
    method("isupper", exactly(0), |context, args| {
        cased(context, args, unicode::is_upper, |character| {
            unicode::is_lower(character) || unicode::is_title(character)
        })
    }),
    method("join", exactly(1), text_split::join),
    method("ljust", between(1, 2), text_layout::ljust),
    method("lower", exactly(0), lower),
    method("lstrip", between(0, 1), text_search::lstrip),
    method("partition", exactly(1), text_split::partition),
    method("removeprefix", exactly(1), text_search::removeprefix),
    method("removesuffix", exactly(1), text_search::removesuffix),
    method("replace", between(2, 3), text_search::replace),
    method("rfind", between(1, 3), text_search::rfind),
    method("rindex", between(1, 3), text_search::rindex),
    method("rjust", between(1, 2), text_layout::rjust),
    method("rpartition", exactly(1), text_split::rpartition),
    method(
        "rsplit",
        named(&[optional("sep"), optional("maxsplit")]),
        text_split::rsplit,
    ),
    method("rstrip", between(0, 1), text_search::rstrip),
    method(
        "split",
        named(&[optional("sep"), optional("maxsplit")]),
        text_split::split,
    ),
    method(
        "splitlines",
        named(&[optional("keepends")]),
        text_split::splitlines,
    ),
    method("startswith", between(1, 3), text_search::startswith),
    method("strip", between(0, 1), text_search::strip),
    method("swapcase", exactly(0), swapcase),
    method("title", exactly(0), title),
    method("translate", exactly(1), text_translate::translate),
    method("upper", exactly(0), upper),
    method("zfill", exactly(1), text_layout::zfill),
];

fn construct<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    if args.get(1).is_some() || args.get(2).is_some() {
        return codec::text_of(context, args);
    }
    match args.get(0) {
        None => context.text_over(""),
        Some(value) => print::str_of(context, value),
    }
}

fn every<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    holds: fn(char) -> bool,
) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    context.charge_bytes(text.len() * 4)?;
    Ok(Value::Bool(!text.is_empty() && text.chars().all(holds)))
}

/// One character that holds at least, and none of the other case.
fn cased<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    holds: fn(char) -> bool,
    other: fn(char) -> bool,
) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    context.charge_bytes(text.len() * 4)?;
    Ok(Value::Bool(
        text.chars().any(holds) && !text.chars().any(other),
    ))
}

fn istitle<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    context.charge_bytes(text.len() * 4)?;
    let (mut after_cased, mut found) = (false, false);
    for character in text.chars() {
        let capital = unicode::is_upper(character) || unicode::is_title(character);
        let small = unicode::is_lower(character);
        if capital && after_cased || small && !after_cased {
            return Ok(Value::Bool(false));
        }
        after_cased = capital || small;
        found |= after_cased;
    }
    Ok(Value::Bool(found))
}

fn upper<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    context.charge_bytes(text.len() * 4)?;
    context.text(&text.to_uppercase())
}

fn lower<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    context.charge_bytes(text.len() * 4)?;
    context.text(&text.to_lowercase())
}

fn casefold<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    context.charge_bytes(text.len() * 4)?;
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        unicode::push_folded(&mut out, character);
    }
    context.text(&out)
}

fn capitalize<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    context.charge_bytes(text.len() * 4)?;
    let mut out = String::with_capacity(text.len());
    if let Some(first) = text.chars().next() {
        unicode::push_title(&mut out, first);
        push_rest_lower(&mut out, text, first);
    }
    context.text(&out)
}

/// What follows the first character in lower case; a sigma at the end sees what is before it.
fn push_rest_lower(out: &mut String, word: &str, first: char) {
    if word.is_ascii() {
        out.extend(
            word[first.len_utf8()..]
                .chars()
                .map(|character| character.to_ascii_lowercase()),
        );
        return;
    }
    let lower = word.to_lowercase();
    let skipped: usize = first.to_lowercase().map(char::len_utf8).sum();
    out.push_str(lower.get(skipped..).unwrap_or_default());
}

fn title<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    context.charge_bytes(text.len() * 4)?;
    let mut out = String::with_capacity(text.len());
    let is_cased = |character: char| {
        unicode::is_upper(character) || unicode::is_lower(character) || unicode::is_title(character)
    };
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if !is_cased(first) {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = rest
            .find(|character: char| !is_cased(character))
            .unwrap_or(rest.len());
        unicode::push_title(&mut out, first);
        push_rest_lower(&mut out, &rest[..end], first);
        rest = &rest[end..];
    }
    context.text(&out)
}

fn swapcase<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    context.charge_bytes(text.len() * 4)?;
    let mut out = String::with_capacity(text.len());
    // In lower case a sigma depends on what is around it: the characters of the whole text are taken in turn.
    let lower = text.to_lowercase();
    let mut lower = lower.chars();
    for character in text.chars() {
        let count = character.to_lowercase().count();
        let small: String = lower.by_ref().take(count).collect();
        if unicode::is_upper(character) {
            out.push_str(&small);
        } else if unicode::is_lower(character) {
            out.extend(character.to_uppercase());
        } else {
            out.push(character);
        }
    }
    context.text(&out)
}
