//! JSON out: as `json.dumps` writes it, and the answer of an execution.
//!
//! All beyond ASCII is escaped; NaN and infinities are bare words; keys that are numbers, truth values or `None` become
//! texts. What waits is in a list: depth is no native recursion.

use std::borrow::Cow;

use crate::limits::{JSON_NESTING_MAX, Limit};
use crate::run::builtins::Args;
use crate::run::context::{Context, TextBuilder};
use crate::run::dict::Dict;
use crate::run::fault::{Class, Fault};
use crate::run::nesting::Nesting;
use crate::run::ops::compare::{Order, ordered};
use crate::run::ops::print;
use crate::run::value::Value;

/// How the text is laid out.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of `json.dumps`"
)]
#[derive(Clone, Debug)]
pub struct Layout {
    /// Between items.
    comma: Cow<'static, str>,
    /// Between key and value.
    colon: Cow<'static, str>,
    /// One step; nothing: all on one line.
    indent: Option<String>,
    /// All beyond ASCII as `\u`.
    ascii: bool,
    /// Keys in order.
    sort: bool,
    /// Keys that cannot be texts are left out.
    skip_keys: bool,
    /// NaN and infinities are written.
    allow_nan: bool,
    /// `</` as `<\/`, so that the text can stand inside of HTML.
    html: bool,
}

impl Layout {
    /// As `json.dumps` without options.
    #[must_use]
    pub const fn plain() -> Self {
        Self {
            comma: Cow::Borrowed(", "),
            colon: Cow::Borrowed(": "),
            indent: None,
            ascii: true,
            sort: false,
            skip_keys: false,
            allow_nan: true,
            html: false,
        }
    }

    /// As the HTTP answer is written: `</` escaped.
    #[must_use]
    pub const fn answer() -> Self {
        let mut layout = Self::plain();
        layout.html = true;
        layout
    }

    /// From the arguments of `json.dumps`.
    pub fn of<'a>(context: &mut Context<'a>, args: &Args<'a, '_>) -> Result<Self, Fault<'a>> {
        let flag = |index: usize, default: bool| args.get(index).map_or(default, Value::is_true);
        let mut layout = Self {
            skip_keys: flag(1, false),
            ascii: flag(2, true),
            allow_nan: flag(4, true),
            sort: flag(9, false),
            ..Self::plain()
        };
        match args.or_none(6) {
            Value::None => {}
            Value::Str(step) => layout.indent = Some(step.as_str().to_owned()),
            _ => {
                let count = usize::try_from(args.index(context, 6)?).unwrap_or(0);
                if count > context.arena().remaining_bytes() {
                    return Err(Fault::Limit(Limit::Memory));
                }
                context.charge_bytes(count)?;
                layout.indent = Some(" ".repeat(count));
            }
        }
        if layout.indent.is_some() {
            layout.comma = Cow::Borrowed(",");
        }
        match args.or_none(7) {
            Value::None => {}
            separators => {
                let pair = context.collect(separators)?;
                let texts: Vec<&str> = pair
                    .items()
                    .iter()
                    .filter_map(|item| item.get().as_str())
                    .collect();
                let [comma, colon] = texts.as_slice() else {
                    return Err(context.raise(Class::ValueError, "separators must be two strings"));
                };
                layout.comma = Cow::Owned((*comma).to_owned());
                layout.colon = Cow::Owned((*colon).to_owned());
            }
        }
        Ok(layout)
    }
}

/// A container that was begun.
enum Open<'a> {
    /// Items from an index on, of a list or tuple.
    Items(Value<'a>, usize),
    /// Entries of a dict from a place on, and whether one was written.
    Entries(&'a Dict<'a>, usize, bool),
    /// The same in the order of the keys.
    Sorted(
        &'a Dict<'a>,
        std::vec::IntoIter<(Value<'a>, Value<'a>)>,
        bool,
    ),
}

impl<'a> Open<'a> {
    fn container(&self) -> Value<'a> {
        match self {
            Self::Items(container, _) => *container,
            Self::Entries(dict, ..) | Self::Sorted(dict, ..) => Value::Dict(dict),
        }
    }
}

/// A value as JSON into a builder.
pub fn write<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    value: Value<'a>,
    layout: &Layout,
) -> Result<(), Fault<'a>> {
    // One inside itself is an error.
    let mut open: Nesting<Open<'a>> = Nesting::new();
    let mut next = Some(value);
    loop {
        if let Some(value) = next.take() {
            context.charge(1)?;
            if !write_leaf(context, out, value, layout)? {
                begin(context, out, value, layout, &mut open)?;
            }
            continue;
        }
        let depth = open.len();
        let Some(last) = open.last_mut() else {
            return Ok(());
        };
        context.charge(1)?;
        let (entry, any) = match last {
            Open::Items(container, index) => {
                let item = match container {
                    Value::List(list) => list.get(*index),
                    Value::Tuple(tuple) => tuple.items().get(*index).copied(),
                    _ => None,
                };
                if item.is_some() {
                    if *index > 0 {
                        out.push_str(&layout.comma)?;
                    }
                    *index += 1;
                    next = item;
                    new_line(context, out, layout, depth)?;
                } else {
                    open.pop();
                    new_line(context, out, layout, depth - 1)?;
                    out.push(']')?;
                }
                continue;
            }
            Open::Entries(dict, place, any) => {
                let found = dict.next_entry(*place).map(|(after, key, value)| {
                    *place = after;
                    (key, value)
                });
                (found, any)
            }
            Open::Sorted(_, entries, any) => (entries.next(), any),
        };
        if let Some((key, value)) = entry {
            let made;
            let key = if let Value::Str(key) = key {
                key.as_str()
            } else if let Some(text) = key_text(context, key, layout)? {
                made = text;
                made.as_str()
            } else {
                continue;
            };
            if *any {
                out.push_str(&layout.comma)?;
            }
            *any = true;
            next = Some(value);
            new_line(context, out, layout, depth)?;
            write_text(context, out, key, layout)?;
            out.push_str(&layout.colon)?;
        } else {
            let any = *any;
            open.pop();
            if any {
                new_line(context, out, layout, depth - 1)?;
            }
            out.push('}')?;
        }
    }
}

/// Begin a container, and end it at once if it is empty.
fn begin<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    value: Value<'a>,
    layout: &Layout,
    open: &mut Nesting<Open<'a>>,
) -> Result<(), Fault<'a>> {
    if open.len() >= JSON_NESTING_MAX {
        return Err(context.raise(
            Class::RecursionError,
            "maximum recursion depth exceeded while encoding a JSON object",
        ));
    }
    context.charge(open.len() / 8)?;
    if open.iter().any(|known| known.container().is(value)) {
        return Err(context.raise(Class::ValueError, "Circular reference detected"));
    }
    match value {
        Value::Dict(dict) if dict.is_empty() => out.push_str("{}")?,
        Value::Dict(dict) => {
            context.charge(dict.len())?;
            let begun = if layout.sort {
                Open::Sorted(dict, sorted(context, dict)?.into_iter(), false)
            } else {
                Open::Entries(dict, 0, false)
            };
            out.push('{')?;
            open.push(begun);
        }
        Value::List(list) if list.is_empty() => out.push_str("[]")?,
        Value::Tuple(tuple) if tuple.is_empty() => out.push_str("[]")?,
        _ => {
            out.push('[')?;
            open.push(Open::Items(value, 0));
        }
    }
    Ok(())
}

#[inline]
fn new_line<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    layout: &Layout,
    depth: usize,
) -> Result<(), Fault<'a>> {
    match &layout.indent {
        Some(step) => indented(context, out, step, depth),
        None => Ok(()),
    }
}

#[cold]
fn indented<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    step: &str,
    depth: usize,
) -> Result<(), Fault<'a>> {
    out.push('\n')?;
    context.charge_bytes(step.len() * depth)?;
    for _ in 0..depth {
        out.push_str(step)?;
    }
    Ok(())
}

/// A dict's entries in the order of their keys.
fn sorted<'a>(
    context: &mut Context<'a>,
    dict: &'a Dict<'a>,
) -> Result<Vec<(Value<'a>, Value<'a>)>, Fault<'a>> {
    let mut entries: Vec<_> = dict.iter().collect();
    // Insertion into a sorted prefix: comparisons may fail, and they are paid for.
    for end in 1..entries.len() {
        let (mut low, mut high) = (0, end);
        while low < high {
            let middle = usize::midpoint(low, high);
            context.charge(1)?;
            if ordered(context, Order::Less, entries[end].0, entries[middle].0)? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        context.charge((end - low) / 16)?;
        entries[low..=end].rotate_right(1);
    }
    Ok(entries)
}

/// A key as text; nothing when it is to be left out.
fn key_text<'a>(
    context: &mut Context<'a>,
    key: Value<'a>,
    layout: &Layout,
) -> Result<Option<TextBuilder>, Fault<'a>> {
    let mut text = context.builder();
    match key {
        Value::Str(key) => text.push_str(key.as_str())?,
        Value::None => text.push_str("null")?,
        Value::Bool(true) => text.push_str("true")?,
        Value::Bool(false) => text.push_str("false")?,
        Value::Int(_) | Value::Big(_) => print::write_repr(context, &mut text, key)?,
        Value::Float(number) => write_float(context, &mut text, number, layout)?,
        _ if layout.skip_keys => return Ok(None),
        other => {
            let kind = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("keys must be str, int, float, bool or None, not {kind}"),
            ));
        }
    }
    Ok(Some(text))
}

fn write_float<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    number: f64,
    layout: &Layout,
) -> Result<(), Fault<'a>> {
    if number.is_finite() {
        return Ok(print::write_float(out, number)?);
    }
    if !layout.allow_nan {
        return Err(context.raise(
            Class::ValueError,
            "Out of range float values are not JSON compliant",
        ));
    }
    Ok(out.push_str(if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    })?)
}

/// What is no container; false for containers.
fn write_leaf<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    value: Value<'a>,
    layout: &Layout,
) -> Result<bool, Fault<'a>> {
    match value {
        Value::Unset | Value::None => out.push_str("null")?,
        Value::Bool(true) => out.push_str("true")?,
        Value::Bool(false) => out.push_str("false")?,
        Value::Int(number) => print::write_int(out, number)?,
        Value::Big(_) => print::write_repr(context, out, value)?,
        Value::Float(number) => write_float(context, out, number, layout)?,
        Value::Str(text) => write_text(context, out, text.as_str(), layout)?,
        Value::Dict(_) | Value::List(_) | Value::Tuple(_) => return Ok(false),
        other => {
            let kind = other.type_of().name();
            let kind = kind.rsplit('.').next().unwrap_or(kind);
            return Err(context.raise(
                Class::TypeError,
                format_args!("Object of type {kind} is not JSON serializable"),
            ));
        }
    }
    Ok(true)
}

/// A UTF-16 unit as an escape. Formatting took 40 ns for each, which at the output limit is a quarter of a second.
fn escaped(unit: u16) -> [u8; 6] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u32| DIGITS[usize::from((unit >> shift) & 0xf)];
    [b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]
}

/// A text in quotes.
pub fn write_text<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    text: &str,
    layout: &Layout,
) -> Result<(), Fault<'a>> {
    context.charge_bytes(text.len())?;
    out.push('"')?;
    // All of it, without an early end: many bytes in one step.
    let special = text.bytes().fold(false, |special, byte| {
        special | !matches!(byte, b' '..=b'~') | matches!(byte, b'"' | b'\\' | b'/')
    });
    if !special {
        out.push_str(text)?;
        return Ok(out.push('"')?);
    }
    let mut plain = 0;
    let mut previous = '\0';
    for (at, character) in text.char_indices() {
        let escape = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '/' if layout.html && previous == '<' => "\\/",
            '\u{0}'..='\u{1f}' => "",
            ' '..='~' => {
                previous = character;
                continue;
            }
            _ if !layout.ascii => {
                previous = character;
                continue;
            }
            _ => "",
        };
        out.push_str(&text[plain..at])?;
        if escape.is_empty() {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(std::str::from_utf8(&escaped(*unit)).unwrap_or_default())?;
            }
        } else {
            out.push_str(escape)?;
        }
        plain = at + character.len_utf8();
        previous = character;
    }
    out.push_str(&text[plain..])?;
    Ok(out.push('"')?)
}
