//! `re.Match`.

use super::{Pattern, matcher::UNSET, search::group_text, template};
use crate::run::builtins::{
    Args, AttributeDef, NativeDef, TypeDef, at_least, between, exactly, method, named, optional,
};
use crate::run::context::{Context, TextBuilder};
use crate::run::fault::{Class, Fault};
use crate::run::latin1::{self, Alphabet};
use crate::run::object::Object;
use crate::run::ops::print;
use crate::run::text::Text;
use crate::run::value::Value;

/// A match: positions are in bytes.
#[derive(Debug)]
pub struct Match<'a> {
    /// What matched.
    pub pattern: &'a Pattern<'a>,
    /// Where: a text, or what stands for bytes.
    pub text: &'a Text<'a>,
    /// Start and end of each group.
    pub slots: &'a [usize],
}

/// `re.Match`.
pub static MATCH: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[
        AttributeDef {
            name: "string",
            get: |context, value| {
                let found = receiver(value)?;
                match found.pattern.alphabet() {
                    Alphabet::Characters => Ok(Value::Str(found.text)),
                    Alphabet::Bytes => found.pattern.piece(context, found.text.as_str()),
                }
            },
        },
        AttributeDef {
            name: "re",
            get: |context, value| {
                let pattern = receiver(value)?.pattern;
                Ok(Value::Object(
                    context.arena().alloc(Object::Pattern(pattern))?,
                ))
            },
        },
        AttributeDef {
            name: "pos",
            get: |_, _| Ok(Value::Int(0)),
        },
        AttributeDef {
            name: "endpos",
            get: |_, value| Ok(Value::Int(receiver(value)?.text.char_count() as i64)),
        },
        AttributeDef {
            name: "lastindex",
            get: |_, value| {
                Ok(last(receiver(value)?).map_or(Value::None, |group| Value::Int(group as i64)))
            },
        },
        AttributeDef {
            name: "lastgroup",
            get: |context, value| {
                let found = receiver(value)?;
                let name = last(found).and_then(|group| {
                    let names = found.pattern.program.names;
                    names
                        .iter()
                        .find(|(_, number)| *number as usize == group)
                        .map(|(name, _)| *name)
                });
                match name {
                    Some(name) => context.text_over(name),
                    None => Ok(Value::None),
                }
            },
        },
    ],
    members: &[],
    construct: None,
};

static METHODS: &[NativeDef] = &[
    method("group", at_least(0), group),
    method("groups", named(&[optional("default")]), groups),
    method("groupdict", named(&[optional("default")]), groupdict),
    method("start", between(0, 1), |context, args| {
        let (start, _) = span(context, args)?;
        Ok(Value::Int(start))
    }),
    method("end", between(0, 1), |context, args| {
        let (_, end) = span(context, args)?;
        Ok(Value::Int(end))
    }),
    method("span", between(0, 1), |context, args| {
        let (start, end) = span(context, args)?;
        context.tuple(&[Value::Int(start), Value::Int(end)])
    }),
    method("expand", exactly(1), expand),
];

fn receiver(value: Value<'_>) -> Result<&Match<'_>, Fault<'_>> {
    match value {
        Value::Object(Object::Match(found)) => Ok(found),
        _ => Err(Fault::Internal("a match's method without its receiver")),
    }
}

/// The group that closed last.
fn last(found: &Match<'_>) -> Option<usize> {
    (1..found.slots.len() / 2)
        .filter(|group| found.slots[group * 2 + 1] != UNSET)
        .max_by_key(|group| (found.slots[group * 2 + 1], std::cmp::Reverse(*group)))
}

/// A match as a value.
pub fn value<'a>(
    context: &mut Context<'a>,
    pattern: &'a Pattern<'a>,
    text: &'a Text<'a>,
    slots: &[usize],
) -> Result<Value<'a>, Fault<'a>> {
    let groups = (pattern.program.groups as usize + 1) * 2;
    let slots = context.arena().alloc_slice(&slots[..groups])?;
    let found = Match {
        pattern,
        text,
        slots,
    };
    Ok(Value::Object(context.arena().alloc(Object::Match(found))?))
}

/// The number of a group by number or name.
fn number<'a>(
    context: &mut Context<'a>,
    found: &Match<'a>,
    value: Value<'a>,
) -> Result<usize, Fault<'a>> {
    let groups = found.pattern.program.groups as usize;
    let number = match value {
        Value::Int(number) => usize::try_from(number).ok(),
        Value::Bool(flag) => Some(usize::from(flag)),
        Value::Str(name) => found
            .pattern
            .program
            .names
            .iter()
            .find(|(known, _)| *known == name.as_str())
            .map(|(_, number)| *number as usize),
        _ => None,
    };
    match number.filter(|number| *number <= groups) {
        Some(number) => Ok(number),
        None => Err(context.raise(Class::IndexError, "no such group")),
    }
}

/// `match[group]`.
pub fn item<'a>(
    context: &mut Context<'a>,
    found: &Match<'a>,
    index: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let group = number(context, found, index)?;
    match group_text(found.text, found.slots, group) {
        Some(part) => found.pattern.piece(context, part),
        None => Ok(Value::None),
    }
}

fn group<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let found = receiver(args.receiver)?;
    match args.given {
        [] => item(context, found, Value::Int(0)),
        [only] => item(context, found, *only),
        several => {
            let mut items = Vec::with_capacity(several.len());
            for index in several {
                context.charge(1)?;
                items.push(item(context, found, *index)?);
            }
            context.tuple(&items)
        }
    }
}

fn groups<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let found = receiver(args.receiver)?;
    let mut items = Vec::new();
    for group in 1..found.slots.len() / 2 {
        items.push(match group_text(found.text, found.slots, group) {
            Some(part) => found.pattern.piece(context, part)?,
            None => args.or_none(0),
        });
    }
    context.tuple(&items)
}

fn groupdict<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let found = receiver(args.receiver)?;
    let dict = context.dict()?;
    for (name, group) in found.pattern.program.names {
        let value = match group_text(found.text, found.slots, *group as usize) {
            Some(part) => found.pattern.piece(context, part)?,
            None => args.or_none(0),
        };
        let name = context.text_over(name)?;
        context.insert(dict, name, value)?;
    }
    Ok(Value::Dict(dict))
}

/// Start and end in characters; -1 for a group that took no part.
fn span<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<(i64, i64), Fault<'a>> {
    let found = receiver(args.receiver)?;
    let group = number(context, found, args.get(0).unwrap_or(Value::Int(0)))?;
    let (start, end) = (found.slots[group * 2], found.slots[group * 2 + 1]);
    if start == UNSET || end == UNSET {
        return Ok((-1, -1));
    }
    let text = found.text.as_str();
    if found.text.is_ascii() {
        return Ok((start as i64, end as i64));
    }
    context.charge_bytes(end)?;
    let before = text[..start].chars().count();
    let inside = text[start..end].chars().count();
    Ok((before as i64, (before + inside) as i64))
}

fn expand<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let found = receiver(args.receiver)?;
    let alphabet = found.pattern.alphabet();
    let template = match (alphabet, args.or_none(0)) {
        (Alphabet::Bytes, Value::Bytes(bytes)) => latin1::text(context, bytes.as_slice())?,
        (Alphabet::Bytes, other) => {
            let kind = other.type_of().name();
            let text = format_args!("sequence item 0: expected a bytes-like object, {kind} found");
            return Err(context.raise(Class::TypeError, text));
        }
        (Alphabet::Characters, _) => args.text(context, 0, "expand")?,
    };
    let parts = template::parse(context, found.pattern, template.as_str())?;
    let mut out = context.builder();
    template::write(context, &mut out, &parts, found.text, found.slots)?;
    alphabet.copied(context, out.as_str())
}

/// `repr()` of a match.
pub fn write<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    found: &Match<'a>,
) -> Result<(), Fault<'a>> {
    let text = found.text.as_str();
    let (start, end) = (found.slots[0], found.slots[1]);
    context.charge_bytes(end)?;
    let before = text[..start].chars().count();
    let inside = text[start..end].chars().count();
    out.push_str(&format!(
        "<re.Match object; span=({before}, {}), match=",
        before + inside
    ))?;
    let mut quoted = context.builder();
    let whole = found.pattern.piece(context, &text[start..end])?;
    print::write_repr(context, &mut quoted, whole)?;
    // CPython shows 50 characters of the repr.
    let cut = crate::run::ops::subscript::offset(quoted.as_str(), 50);
    out.push_str(&quoted.as_str()[..cut])?;
    Ok(out.push_str(">")?)
}
