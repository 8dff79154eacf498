//! `str.format`: fields, their attributes and items, and specifications that hold fields themselves.

use super::{Args, attribute};
use crate::limits::FIELD_NESTING_MAX;
use crate::run::context::{Context, TextBuilder};
use crate::run::fault::{Class, Fault};
use crate::run::ops::{format::write_formatted, print, subscript};
use crate::run::value::Value;

/// Where fields take their values from.
struct Fields<'a, 'r> {
    given: &'r [Value<'a>],
    named: super::arguments::Named<'a, 'r>,
    /// `format_map`
    mapping: Option<Value<'a>>,
    /// Next automatic number; nothing once a number was written out.
    automatic: Option<usize>,
    manual: bool,
}

pub fn format<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    let mut fields = Fields {
        given: args.given,
        named: args.named,
        mapping: None,
        automatic: None,
        manual: false,
    };
    let mut out = context.builder();
    write(context, &mut out, text, &mut fields, FIELD_NESTING_MAX)?;
    context.finish(out)
}

pub fn format_map<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    let mut fields = Fields {
        given: &[],
        named: &[],
        mapping: Some(args.or_none(0)),
        automatic: None,
        manual: false,
    };
    let mut out = context.builder();
    write(context, &mut out, text, &mut fields, FIELD_NESTING_MAX)?;
    context.finish(out)
}

fn value_error<'a>(context: &mut Context<'a>, text: &str) -> Fault<'a> {
    context.raise(Class::ValueError, text)
}

fn write<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    text: &str,
    fields: &mut Fields<'a, '_>,
    depth: u32,
) -> Result<(), Fault<'a>> {
    if depth == 0 {
        return Err(value_error(context, "Max string recursion exceeded"));
    }
    context.charge_bytes(text.len())?;
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at])?;
        let brace = rest.as_bytes()[at];
        let after = &rest[at + 1..];
        if after.as_bytes().first() == Some(&brace) {
            out.push(char::from(brace))?;
            rest = &after[1..];
            continue;
        }
        if brace == b'}' {
            return Err(value_error(
                context,
                "Single '}' encountered in format string",
            ));
        }
        if after.is_empty() {
            return Err(value_error(
                context,
                "Single '{' encountered in format string",
            ));
        }
        rest = field(context, out, after, fields, depth)?;
    }
    Ok(out.push_str(rest)?)
}

/// One field behind its `{`; gives what follows its `}`.
fn field<'a, 't>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    text: &'t str,
    fields: &mut Fields<'a, '_>,
    depth: u32,
) -> Result<&'t str, Fault<'a>> {
    context.charge(4)?;
    // The name ends at a colon, an exclamation mark or the closing brace outside of brackets.
    let mut bracket = false;
    let mut end = None;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => {
                return Err(value_error(context, "unexpected '{' in field name"));
            }
            b'[' => bracket = true,
            b']' => bracket = false,
            b'}' | b':' | b'!' if !bracket => {
                end = Some((at, byte));
                break;
            }
            _ => {}
        }
    }
    let Some((name_end, mark)) = end else {
        return Err(value_error(context, "expected '}' before end of string"));
    };
    let name = &text[..name_end];
    let mut rest = &text[name_end..];
    let mut conversion = None;
    if mark == b'!' {
        let after = &rest[1..];
        let mut characters = after.chars();
        let Some(letter) = characters.next() else {
            return Err(value_error(
                context,
                "end of string while looking for conversion specifier",
            ));
        };
        if letter == '}' {
            return Err(value_error(context, "unmatched '{' in format spec"));
        }
        rest = characters.as_str();
        if !rest.starts_with([':', '}']) {
            return Err(value_error(
                context,
                if rest.is_empty() {
                    "unmatched '{' in format spec"
                } else {
                    "expected ':' after conversion specifier"
                },
            ));
        }
        conversion = Some(letter);
    }
    let mut spec = "";
    if rest.starts_with(':') {
        let (found, after) = spec_of(context, &rest[1..])?;
        spec = found;
        rest = after;
    } else {
        rest = &rest[1..];
    }
    let value = resolve(context, name, fields)?;
    let value = match conversion {
        None => value,
        Some('s') => print::str_of(context, value)?,
        Some('r') => print::repr_of(context, value)?,
        Some('a') => {
            let mut ascii = context.builder();
            print::write_ascii(context, &mut ascii, value)?;
            context.finish(ascii)?
        }
        Some(other) => {
            let text = if (' '..='~').contains(&other) {
                format!("Unknown conversion specifier {other}")
            } else {
                format!("Unknown conversion specifier \\x{:x}", u32::from(other))
            };
            return Err(context.raise(Class::ValueError, text));
        }
    };
    if spec.contains(['{', '}']) {
        let mut inner = context.builder();
        write(context, &mut inner, spec, fields, depth - 1)?;
        write_formatted(context, out, value, inner.as_str())?;
    } else {
        write_formatted(context, out, value, spec)?;
    }
    Ok(rest)
}

/// A specification up to its `}`, braces inside counted.
fn spec_of<'a, 't>(
    context: &mut Context<'a>,
    text: &'t str,
) -> Result<(&'t str, &'t str), Fault<'a>> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Ok((&text[..at], &text[at + 1..])),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    Err(value_error(context, "unmatched '{' in format spec"))
}

/// An index in a field's name: decimal digits only.
fn number(text: &str) -> Option<usize> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// `name.attribute[item]…`
fn resolve<'a>(
    context: &mut Context<'a>,
    name: &str,
    fields: &mut Fields<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let mut value = first(context, &name[..end], fields)?;
    let mut rest = &name[end..];
    while !rest.is_empty() {
        context.charge(1)?;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let attribute_name = &after[..end];
            if attribute_name.is_empty() {
                return Err(value_error(context, "Empty attribute in format string"));
            }
            value = match attribute(context, value, attribute_name)? {
                Some(found) => found,
                None => return Err(context.no_attribute(value, attribute_name)),
            };
            rest = &after[end..];
        } else if let Some(after) = rest.strip_prefix('[') {
            let Some(end) = after.find(']') else {
                return Err(value_error(context, "Missing ']' in format string"));
            };
            let key = &after[..end];
            if key.is_empty() {
                return Err(value_error(context, "Empty attribute in format string"));
            }
            let key = match number(key) {
                Some(index) => Value::Int(index as i64),
                None => context.text(key)?,
            };
            value = subscript::get(context, value, key)?;
            rest = &after[end + 1..];
        } else {
            return Err(value_error(
                context,
                "Only '.' or '[' may follow ']' in format field specifier",
            ));
        }
    }
    Ok(value)
}

fn first<'a>(
    context: &mut Context<'a>,
    name: &str,
    fields: &mut Fields<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    let index = if name.is_empty() {
        if fields.manual {
            return Err(value_error(
                context,
                "cannot switch from manual field specification to automatic field numbering",
            ));
        }
        let next = fields.automatic.unwrap_or(0);
        fields.automatic = Some(next + 1);
        Some(next)
    } else {
        let index = number(name);
        if index.is_some() {
            if fields.automatic.is_some() {
                return Err(value_error(
                    context,
                    "cannot switch from automatic field numbering to manual field specification",
                ));
            }
            fields.manual = true;
        }
        index
    };
    if let Some(index) = index {
        if fields.mapping.is_some() {
            return Err(value_error(
                context,
                "Format string contains positional fields",
            ));
        }
        return fields.given.get(index).copied().ok_or_else(|| {
            context.raise(
                Class::IndexError,
                format_args!("Replacement index {index} out of range for positional args tuple"),
            )
        });
    }
    if let Some(mapping) = fields.mapping {
        let key = context.text(name)?;
        return subscript::get(context, mapping, key);
    }
    let found = fields
        .named
        .iter()
        .find(|(known, _)| known.as_str() == name)
        .map(|(_, value)| *value);
    match found {
        Some(value) => Ok(value),
        None => {
            let key = context.text(name)?;
            Err(context.raise_with(Class::KeyError, &[key]))
        }
    }
}
