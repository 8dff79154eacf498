//! `str`: filling up to a width.

use super::Args;
use crate::limits::Limit;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::value::Value;

/// Padding for a width and the filling character.
fn padding<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<(usize, char), Fault<'a>> {
    let text = args.receiver_text(context)?;
    let width = args.index(context, 0)?;
    let fill = match args.get(1) {
        None => ' ',
        Some(Value::Str(fill)) => {
            let mut characters = fill.as_str().chars();
            match (characters.next(), characters.next()) {
                (Some(only), None) => only,
                _ => {
                    return Err(context.raise(
                        Class::TypeError,
                        "The fill character must be exactly one character long",
                    ));
                }
            }
        }
        Some(other) => {
            let kind = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("The fill character must be a unicode character, not {kind}"),
            ));
        }
    };
    context.charge_bytes(text.as_str().len())?;
    let padding = usize::try_from(width)
        .unwrap_or_default()
        .saturating_sub(text.char_count());
    claim(context, padding)?;
    Ok((padding, fill))
}

fn claim<'a>(context: &mut Context<'a>, bytes: usize) -> Result<(), Fault<'a>> {
    if bytes > context.arena().remaining_bytes() {
        return Err(Fault::Limit(Limit::Memory));
    }
    context.charge_bytes(bytes)
}

fn filled<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    before: usize,
    after: usize,
    fill: char,
) -> Result<Value<'a>, Fault<'a>> {
    if before == 0 && after == 0 {
        return Ok(args.receiver);
    }
    let text = args.receiver_text(context)?.as_str();
    let mut out = context.builder();
    out.push_repeated(fill, before)?;
    out.push_str(text)?;
    out.push_repeated(fill, after)?;
    context.finish(out)
}

pub fn center<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let (padding, fill) = padding(context, args)?;
    let width = args.index(context, 0)?;
    // CPython gives the odd one to the left where the width is odd.
    let before = padding / 2 + (padding & width as usize & 1);
    filled(context, args, before, padding - before, fill)
}

pub fn ljust<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let (padding, fill) = padding(context, args)?;
    filled(context, args, 0, padding, fill)
}

pub fn rjust<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let (padding, fill) = padding(context, args)?;
    filled(context, args, padding, 0, fill)
}

pub fn zfill<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let (padding, _) = padding(context, args)?;
    if padding == 0 {
        return Ok(args.receiver);
    }
    let text = args.receiver_text(context)?.as_str();
    let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
    let mut out = context.builder();
    out.push_str(sign)?;
    out.push_repeated('0', padding)?;
    out.push_str(digits)?;
    context.finish(out)
}

pub fn expandtabs<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    let size = match args.get(0) {
        Some(_) => args.index(context, 0)?,
        None => 8,
    };
    context.charge_bytes(text.len())?;
    let mut out = context.builder();
    let mut column: i64 = 0;
    for character in text.chars() {
        match character {
            '\t' => {
                if size > 0 {
                    let blanks = size - column % size;
                    claim(context, blanks as usize)?;
                    out.push_repeated(' ', blanks as usize)?;
                    column += blanks;
                }
            }
            '\n' | '\r' => {
                out.push(character)?;
                column = 0;
            }
            _ => {
                out.push(character)?;
                column += 1;
            }
        }
    }
    context.finish(out)
}
