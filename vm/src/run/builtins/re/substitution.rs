//! `sub` and `subn`.

use super::pattern::Pattern;
use super::search::{all_matches, count, for_each, subject};
use super::template;
use crate::run::builtins::Calls;
use crate::run::context::{Context, TextBuilder};
use crate::run::fault::{Class, Fault};
use crate::run::list::{List, Tuple};
use crate::run::object::Object;
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
    let text = subject(context, value)?;
    let most = usize::try_from(count(context, most)?).unwrap_or(0);
    let template = match replacement {
        Value::Str(template) => template.as_str(),
        Value::Function(_) | Value::Native(_) | Value::Method(_) | Value::Type(_) => {
            let items = all_matches(context, pattern, value, most)?;
            let extra = context.tuple(&[value, Value::Bool(counted)])?;
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
    finished(context, out, &text.as_str()[last..], done, counted).map(Calls::Done)
}

pub(super) fn finished<'a>(
    context: &mut Context<'a>,
    mut out: TextBuilder,
    rest: &str,
    count: i64,
    counted: bool,
) -> Result<Value<'a>, Fault<'a>> {
    out.push_str(rest)?;
    let text = context.finish(out)?;
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
    let Value::Tuple(Tuple([Value::Str(text), Value::Bool(counted)])) = extra else {
        return Err(Fault::Internal("a substitution lost its text"));
    };
    let mut out = context.builder();
    let mut last = 0;
    for (index, (item, part)) in items.items().iter().zip(made.items()).enumerate() {
        context.charge(1)?;
        let Value::Object(Object::Match(found)) = item.get() else {
            return Err(Fault::Internal("a substitution lost its matches"));
        };
        out.push_str(&text.as_str()[last..found.slots[0]])?;
        match part.get() {
            Value::Str(part) => {
                context.charge_bytes(part.as_str().len())?;
                out.push_str(part.as_str())?;
            }
            Value::None => {}
            other => {
                let kind = other.type_of().name();
                return Err(context.raise(
                    Class::TypeError,
                    format_args!("sequence item {index}: expected str instance, {kind} found"),
                ));
            }
        }
        last = found.slots[1];
    }
    finished(
        context,
        out,
        &text.as_str()[last..],
        items.len() as i64,
        *counted,
    )
}
