//! `sub` and `subn`.

use super::matcher::{Mode, Search};
use super::pattern::Pattern;
use super::search::{all_matches, count, for_each, subject};
use super::template;
use crate::run::builtins::Calls;
use crate::run::context::{Context, TextBuilder};
use crate::run::fault::{Class, Fault};
use crate::run::latin1::{self, Alphabet};
use crate::run::list::{List, Tuple};
use crate::run::object::Object;
use crate::run::text::Text;
use crate::run::value::Value;

/// `sub` and `subn`: `values` are replacement and text.
pub(super) fn substitute<'a>(
    context: &mut Context<'a>,
    pattern: &'a Pattern<'a>,
    values: [Value<'a>; 2],
    most: Option<Value<'a>>,
    counted: bool,
) -> Result<Calls<'a>, Fault<'a>> {
    let [replacement, value] = values;
    let text = subject(context, pattern, value)?;
    let most = usize::try_from(count(context, most)?).unwrap_or(0);
    let alphabet = pattern.alphabet();
    let template = match replacement {
        Value::Str(template) if alphabet == Alphabet::Characters => template.as_str(),
        Value::Bytes(template) if alphabet == Alphabet::Bytes => {
            latin1::text(context, template.as_slice())?.as_str()
        }
        // What is put in is looked at once it is joined with the rest.
        Value::Str(_) | Value::Bytes(_) => {
            let mut search = Search::new(pattern.program, text.as_str());
            if !search.find(context, 0, Mode::Search, false)? {
                return finished(
                    context,
                    pattern,
                    context.builder(),
                    text.as_str(),
                    0,
                    counted,
                )
                .map(Calls::Done);
            }
            let place = usize::from(search.slots[0] > 0);
            return Err(not_joined(context, alphabet, place, replacement));
        }
        Value::Function(_) | Value::Native(_) | Value::Method(_) | Value::Type(_) => {
            let items = all_matches(context, pattern, value, most)?;
            let whole = Value::Object(context.arena().alloc(Object::Pattern(pattern))?);
            let extra = context.tuple(&[Value::Str(text), Value::Bool(counted), whole])?;
            return Ok(Calls::Each {
                function: replacement,
                items,
                spread: false,
                finish: finish_substitute,
                extra,
            });
        }
        other => {
            let kind = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("decoding to str: need a bytes-like object, {kind} found"),
            ));
        }
    };
    let parts = template::parse(context, pattern, template)?;
    let mut out = context.builder();
    let (mut last, mut done) = (0, 0);
    for_each(context, pattern, text, most, |context, slots| {
        out.push_str(&text.as_str()[last..slots[0]])?;
        context.charge(parts.len())?;
        template::write(context, &mut out, &parts, text, slots)?;
        last = slots[1];
        done += 1;
        Ok(())
    })?;
    let rest = &text.as_str()[last..];
    finished(context, pattern, out, rest, done, counted).map(Calls::Done)
}

/// The error of a replacement that is of the other kind than the text, at its place among the parts of the result.
#[cold]
fn not_joined<'a>(
    context: &mut Context<'a>,
    alphabet: Alphabet,
    place: usize,
    part: Value<'a>,
) -> Fault<'a> {
    let kind = part.type_of().name();
    let wanted = match alphabet {
        Alphabet::Characters => "expected str instance",
        Alphabet::Bytes => "expected a bytes-like object",
    };
    let text = format_args!("sequence item {place}: {wanted}, {kind} found");
    context.raise(Class::TypeError, text)
}

pub(super) fn finished<'a>(
    context: &mut Context<'a>,
    pattern: &Pattern<'a>,
    mut out: TextBuilder,
    rest: &str,
    count: i64,
    counted: bool,
) -> Result<Value<'a>, Fault<'a>> {
    out.push_str(rest)?;
    let text = pattern.alphabet().copied(context, out.as_str())?;
    if counted {
        context.tuple(&[text, Value::Int(count)])
    } else {
        Ok(text)
    }
}

pub(super) fn finish_substitute<'a>(
    context: &mut Context<'a>,
    items: &'a List<'a>,
    made: &'a List<'a>,
    extra: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let Value::Tuple(Tuple(
        [
            Value::Str(text),
            Value::Bool(counted),
            Value::Object(Object::Pattern(pattern)),
        ],
    )) = extra
    else {
        return Err(Fault::Internal("a substitution lost its text"));
    };
    let alphabet = pattern.alphabet();
    let mut out = context.builder();
    // Parts of the result so far, as CPython joins them.
    let mut parts = 0;
    let mut last = 0;
    for (item, part) in items.items().iter().zip(made.items()) {
        context.charge(1)?;
        let Value::Object(Object::Match(found)) = item.get() else {
            return Err(Fault::Internal("a substitution lost its matches"));
        };
        let before = &text.as_str()[last..found.slots[0]];
        out.push_str(before)?;
        parts += usize::from(!before.is_empty());
        let part: &'a Text<'a> = match (alphabet, part.get()) {
            (Alphabet::Characters, Value::Str(part)) => part,
            (Alphabet::Bytes, Value::Bytes(part)) => latin1::text(context, part.as_slice())?,
            (_, Value::None) => {
                last = found.slots[1];
                continue;
            }
            (_, other) => return Err(not_joined(context, alphabet, parts, other)),
        };
        context.charge_bytes(part.as_str().len())?;
        out.push_str(part.as_str())?;
        parts += 1;
        last = found.slots[1];
    }
    finished(
        context,
        pattern,
        out,
        &text.as_str()[last..],
        items.len() as i64,
        *counted,
    )
}
