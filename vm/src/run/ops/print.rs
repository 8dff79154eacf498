//! `str()` and `repr()` of any value. Nested values are worked off from a list, so depth is no native recursion.

use std::fmt::Write;

use crate::limits::{INT_DIGITS_MAX, SHOWN_NESTING_MAX};
use crate::run::context::{Context, TextBuilder, TooLong};
use crate::run::exception::Exception;
use crate::run::fault::{Class, Fault};
use crate::run::iterator::Iter;
use crate::run::object::{Object, ViewKind};
use crate::run::os_error::Given;
use crate::run::text::Text;
use crate::run::unicode::is_printable;
use crate::run::value::Value;

/// `str(value)` as a value; a text is itself.
pub fn str_of<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
    match value {
        Value::Str(_) => return Ok(value),
        Value::Int(number) => return small_decimal(context, number),
        _ => {}
    }
    let mut out = context.builder();
    write_str(context, &mut out, value)?;
    context.finish(out)
}

/// An int's decimal text, made in place.
fn small_decimal<'a>(context: &mut Context<'a>, number: i64) -> Result<Value<'a>, Fault<'a>> {
    let mut bytes = [0; DIGITS_MAX];
    context.text(digits_of(number, &mut bytes))
}

/// `text + str(number)` without the text of the number alone: with `add` after it, 1000 × `"T-" + str(i)` took 1006
/// instructions a turn.
pub fn with_int<'a>(
    context: &mut Context<'a>,
    text: &Text<'a>,
    number: i64,
) -> Result<Value<'a>, Fault<'a>> {
    let mut bytes = [0; DIGITS_MAX];
    context.joined(text.as_str(), digits_of(number, &mut bytes))
}

/// An int's decimal digits into a builder.
pub fn write_int(out: &mut TextBuilder, number: i64) -> Result<(), TooLong> {
    out.push_str(digits_of(number, &mut [0; DIGITS_MAX]))
}

/// A sign and 19 digits.
const DIGITS_MAX: usize = 20;

/// An int's decimal digits.
fn digits_of(number: i64, bytes: &mut [u8; DIGITS_MAX]) -> &str {
    let mut start = bytes.len();
    let mut rest = number.unsigned_abs();
    loop {
        start -= 1;
        bytes[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        start -= 1;
        bytes[start] = b'-';
    }
    std::str::from_utf8(&bytes[start..]).unwrap_or_default()
}

/// `repr(value)` as a value.
pub fn repr_of<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
    let mut out = context.builder();
    write_repr(context, &mut out, value)?;
    context.finish(out)
}

/// `ascii(value)` as a value.
pub fn ascii_of<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
    let mut out = context.builder();
    write_ascii(context, &mut out, value)?;
    context.finish(out)
}

/// `str(value)` into a builder.
pub fn write_str<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    value: Value<'a>,
) -> Result<(), Fault<'a>> {
    match value {
        Value::Exception(exception) => write_exception(context, out, exception),
        other => write_str_of_other(context, out, other),
    }
}

/// `str(value)` of what is no exception.
fn write_str_of_other<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    value: Value<'a>,
) -> Result<(), Fault<'a>> {
    match value {
        Value::Str(text) => Ok(out.push_str(text.as_str())?),
        Value::Object(object) => crate::run::builtins::write_object(context, out, object, true),
        other => write_repr(context, out, other),
    }
}

/// `str(exception)`: the text that scripts see of an error.
fn write_exception<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    exception: &Exception<'a>,
) -> Result<(), Fault<'a>> {
    // The text of an exception may be that of others which it holds, as deep as a definition cares to make it.
    let mut todo = vec![Part::Exception(exception)];
    while let Some(part) = todo.pop() {
        match part {
            Part::Text(text) => out.push_str(text)?,
            Part::Repr(value) => write_repr(context, out, value)?,
            Part::Str(Value::Exception(inner)) => {
                context.charge(1)?;
                if todo.len() >= PARTS_MAX {
                    return Err(context.raise(
                        Class::RecursionError,
                        "maximum recursion depth exceeded while getting the str of an object",
                    ));
                }
                todo.push(Part::Exception(inner));
            }
            Part::Str(value) => write_str_of_other(context, out, value)?,
            Part::Exception(exception) => {
                let class = exception.class();
                if let Some(given) = Given::of(class, exception.given()) {
                    push_os_error(&mut todo, &given);
                    continue;
                }
                match exception.arguments() {
                    [] if class.is_a(Class::SyntaxError) => out.push_str("None")?,
                    [] => {}
                    [only] if class.is_a(Class::KeyError) => todo.push(Part::Repr(*only)),
                    [only] => todo.push(Part::Str(*only)),
                    [text, _, _, ..] if class.is_a(Class::SyntaxError) => {
                        todo.push(Part::Str(*text));
                    }
                    several => {
                        let tuple = context.tuple(several)?;
                        write_repr(context, out, tuple)?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Parts that wait: an exception leaves at most six behind it.
const PARTS_MAX: usize = 6 * SHOWN_NESTING_MAX;

/// What is still to be written of the text of an exception.
enum Part<'e, 'a> {
    Exception(&'e Exception<'a>),
    Str(Value<'a>),
    Repr(Value<'a>),
    Text(&'static str),
}

/// `[Errno 2] text: 'file' -> 'second file'`, last part first.
fn push_os_error<'a>(todo: &mut Vec<Part<'_, 'a>>, given: &Given<'a>) {
    if given.names_a_file() {
        if !matches!(given.second_file, Value::None) {
            todo.extend([Part::Repr(given.second_file), Part::Text(" -> ")]);
        }
        todo.extend([Part::Repr(given.file), Part::Text(": ")]);
    }
    todo.extend([
        Part::Str(given.text),
        Part::Text("] "),
        Part::Str(given.number),
        Part::Text("[Errno "),
    ]);
}

/// What is still to be printed.
enum Todo<'a> {
    Value(Value<'a>),
    Text(&'static str),
    /// The items of a container from an index on, and how it ends.
    Items(Value<'a>, usize, &'static str),
    Leave,
}

/// `repr(value)` into a builder.
pub fn write_repr<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    value: Value<'a>,
) -> Result<(), Fault<'a>> {
    if write_leaf(context, out, value)? {
        return Ok(());
    }
    let mut todo = vec![Todo::Value(value)];
    // Containers that are open now: one inside itself is printed as dots.
    let mut open: Vec<Value<'a>> = Vec::new();
    while let Some(next) = todo.pop() {
        context.charge(1)?;
        match next {
            Todo::Text(text) => out.push_str(text)?,
            Todo::Leave => {
                open.pop();
            }
            Todo::Value(value) => {
                if write_leaf(context, out, value)? {
                    continue;
                }
                if let Some(dots) = dots_of(value, &open) {
                    out.push_str(dots)?;
                    continue;
                }
                if open.len() >= SHOWN_NESTING_MAX {
                    return Err(context.raise(
                        Class::RecursionError,
                        "maximum recursion depth exceeded while getting the repr of an object",
                    ));
                }
                open.push(value);
                todo.push(Todo::Leave);
                if let Value::Exception(exception) = value {
                    out.push_str(exception.class().name())?;
                }
                let (start, end) = brackets(value);
                out.push_str(start)?;
                todo.push(Todo::Items(value, 0, end));
            }
            Todo::Items(container, index, end) => match next_item(container, index) {
                None => out.push_str(end)?,
                Some((key, value, next)) => {
                    if index > 0 {
                        out.push_str(", ")?;
                    }
                    todo.push(Todo::Items(container, next, end));
                    if let Value::Object(Object::View(_)) = container
                        && !key.is_unset()
                    {
                        // `items()` shows pairs.
                        out.push_str("(")?;
                        todo.push(Todo::Text(")"));
                        todo.push(Todo::Value(value));
                        todo.push(Todo::Text(", "));
                        todo.push(Todo::Value(key));
                        continue;
                    }
                    todo.push(Todo::Value(value));
                    if !key.is_unset() {
                        todo.push(Todo::Text(": "));
                        todo.push(Todo::Value(key));
                    }
                }
            },
        }
    }
    Ok(())
}

fn dots_of<'a>(value: Value<'a>, open: &[Value<'a>]) -> Option<&'static str> {
    if matches!(value, Value::Tuple(_)) || !open.iter().any(|container| container.is(value)) {
        return None;
    }
    Some(match value {
        Value::Dict(_) => "{...}",
        Value::Set(_) => "set(...)",
        _ => "[...]",
    })
}

fn brackets(value: Value<'_>) -> (&'static str, &'static str) {
    match value {
        Value::Tuple(tuple) => ("(", if tuple.len() == 1 { ",)" } else { ")" }),
        Value::Set(set) if set.is_frozen() => ("frozenset({", "})"),
        Value::Dict(_) | Value::Set(_) => ("{", "}"),
        // The class name is written before the bracket.
        Value::Exception(_) => ("(", ")"),
        Value::Object(Object::View(view)) => match view.kind {
            ViewKind::Keys => ("dict_keys([", "])"),
            ViewKind::Values => ("dict_values([", "])"),
            ViewKind::Items => ("dict_items([", "])"),
        },
        _ => ("[", "]"),
    }
}

/// The item at or after a place: a key (dicts only), a value, and the next place.
fn next_item(container: Value<'_>, index: usize) -> Option<(Value<'_>, Value<'_>, usize)> {
    match container {
        Value::List(list) => Some((Value::Unset, list.get(index)?, index + 1)),
        Value::Tuple(tuple) => Some((Value::Unset, *tuple.items().get(index)?, index + 1)),
        Value::Dict(dict) => dict
            .next_entry(index)
            .map(|(next, key, value)| (key, value, next)),
        Value::Set(set) => set
            .entries()
            .next_entry(index)
            .map(|(next, key, _)| (Value::Unset, key, next)),
        Value::Exception(exception) => {
            Some((Value::Unset, *exception.arguments().get(index)?, index + 1))
        }
        Value::Object(Object::View(view)) => {
            let (next, key, value) = view.dict.next_entry(index)?;
            Some(match view.kind {
                ViewKind::Keys => (Value::Unset, key, next),
                ViewKind::Values => (Value::Unset, value, next),
                ViewKind::Items => (key, value, next),
            })
        }
        _ => None,
    }
}

/// Print what is no container; false for containers.
fn write_leaf<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    value: Value<'a>,
) -> Result<bool, Fault<'a>> {
    match value {
        Value::Unset | Value::None => out.push_str("None")?,
        Value::Bool(true) => out.push_str("True")?,
        Value::Bool(false) => out.push_str("False")?,
        Value::Int(number) => write_int(out, number)?,
        Value::Float(number) => write_float(out, number)?,
        Value::Big(big) => {
            let digits = decimal(context, &big.to_bigint())?;
            out.push_str(&digits)?;
        }
        Value::Str(text) => {
            context.charge_bytes(text.as_str().len())?;
            write_quoted(out, text.as_str())?;
        }
        Value::Bytes(bytes) => write_bytes(out, bytes.as_slice())?,
        Value::Set(set) if set.is_empty() => out.push_str(if set.is_frozen() {
            "frozenset()"
        } else {
            "set()"
        })?,
        Value::Range(range) if range.step == 1 => {
            write_display(out, format_args!("range({}, {})", range.start, range.stop))?;
        }
        Value::Range(range) => {
            write_display(
                out,
                format_args!("range({}, {}, {})", range.start, range.stop, range.step),
            )?;
        }
        Value::Type(kind) => write_display(out, format_args!("<class '{}'>", kind.name()))?,
        Value::Module(module) => write_display(out, format_args!("<module '{}'>", module.name))?,
        Value::Native(native) => {
            write_display(out, format_args!("<built-in function {}>", native.name))?;
        }
        Value::Function(function) => {
            write_display(out, format_args!("<function {}>", function.code.name()))?;
        }
        Value::Method(method) => write_display(
            out,
            format_args!(
                "<built-in method {} of {} object>",
                method.native.name,
                method.receiver.type_of().name()
            ),
        )?,
        Value::Iter(iter) => {
            write_display(out, format_args!("<{} object>", Iter::type_of(iter).name()))?;
        }
        Value::Slice(slice) => {
            // Parts are ints or None in all but made-up slices; others are printed by their type.
            out.push_str("slice(")?;
            for (index, part) in [slice.start, slice.stop, slice.step]
                .into_iter()
                .enumerate()
            {
                if index > 0 {
                    out.push_str(", ")?;
                }
                match part {
                    Value::Int(number) => write_int(out, number)?,
                    Value::None => out.push_str("None")?,
                    other => write_display(out, format_args!("<{}>", other.type_of().name()))?,
                }
            }
            out.push_str(")")?;
        }
        Value::Ellipsis => out.push_str("Ellipsis")?,
        Value::NotImplemented => out.push_str("NotImplemented")?,
        Value::Cell(_) => out.push_str("<cell>")?,
        Value::Object(Object::View(_))
        | Value::List(_)
        | Value::Tuple(_)
        | Value::Dict(_)
        | Value::Set(_) => return Ok(false),
        Value::Exception(exception) => {
            // As a container of its arguments, with the class before the bracket.
            if exception.arguments().is_empty() {
                write_display(out, format_args!("{}()", exception.class().name()))?;
                return Ok(true);
            }
            return Ok(false);
        }
        Value::Object(object) => crate::run::builtins::write_object(context, out, object, false)?,
    }
    Ok(true)
}

fn write_display(out: &mut TextBuilder, value: impl std::fmt::Display) -> Result<(), TooLong> {
    write!(out, "{value}").map_err(|_| TooLong)
}

/// A float as CPython's `repr`: the shortest digits that read back, an exponent below 1e-4 and from 1e16 on.
pub fn write_float(out: &mut TextBuilder, number: f64) -> Result<(), TooLong> {
    if number.is_nan() {
        return out.push_str("nan");
    }
    if number.is_infinite() {
        return out.push_str(if number > 0.0 { "inf" } else { "-inf" });
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..16).contains(&exponent) {
        let plain = format!("{number}");
        out.push_str(&plain)?;
        if !plain.contains('.') {
            out.push_str(".0")?;
        }
        return Ok(());
    }
    out.push_str(digits)?;
    let sign = if exponent < 0 { '-' } else { '+' };
    write_display(out, format_args!("e{sign}{:02}", exponent.abs()))
}

/// A text as `repr` quotes it.
pub fn write_quoted(out: &mut TextBuilder, text: &str) -> Result<(), TooLong> {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote)?;
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\")?,
            '\n' => out.push_str("\\n")?,
            '\r' => out.push_str("\\r")?,
            '\t' => out.push_str("\\t")?,
            _ if character == quote => {
                out.push('\\')?;
                out.push(quote)?;
            }
            _ if is_printable(character) => out.push(character)?,
            _ => write_escaped(out, character)?,
        }
    }
    out.push(quote)
}

/// Decimal digits of a big int, or CPython's `ValueError` when there are too many.
pub fn decimal<'a>(
    context: &mut Context<'a>,
    number: &num_bigint::BigInt,
) -> Result<String, Fault<'a>> {
    // A digit is 3.32 bits: what is far beyond the limit is not even converted.
    let text = if number.bits() as usize > INT_DIGITS_MAX * 10 / 3 {
        String::new()
    } else {
        context.charge(number.bits() as usize / 8)?;
        number.to_string()
    };
    if text.is_empty() || text.trim_start_matches('-').len() > INT_DIGITS_MAX {
        return Err(context.raise(
            Class::ValueError,
            format_args!(
                "Exceeds the limit ({INT_DIGITS_MAX} digits) for integer string conversion; \
                 use sys.set_int_max_str_digits() to increase the limit"
            ),
        ));
    }
    Ok(text)
}

/// `ascii(value)` into a builder: its `repr` with all beyond ASCII escaped.
pub fn write_ascii<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    value: Value<'a>,
) -> Result<(), Fault<'a>> {
    let mut repr = context.builder();
    write_repr(context, &mut repr, value)?;
    context.charge_bytes(repr.as_str().len())?;
    for character in repr.as_str().chars() {
        if character.is_ascii() {
            out.push(character)?;
        } else {
            write_escaped(out, character)?;
        }
    }
    Ok(())
}

fn write_escaped(out: &mut TextBuilder, character: char) -> Result<(), TooLong> {
    let code = u32::from(character);
    match code {
        0..=0xFF => write_display(out, format_args!("\\x{code:02x}")),
        0x100..=0xFFFF => write_display(out, format_args!("\\u{code:04x}")),
        _ => write_display(out, format_args!("\\U{code:08x}")),
    }
}

fn write_bytes(out: &mut TextBuilder, bytes: &[u8]) -> Result<(), TooLong> {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        '"'
    } else {
        '\''
    };
    out.push('b')?;
    out.push(quote)?;
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\")?,
            b'\n' => out.push_str("\\n")?,
            b'\r' => out.push_str("\\r")?,
            b'\t' => out.push_str("\\t")?,
            _ if char::from(*byte) == quote => {
                out.push('\\')?;
                out.push(quote)?;
            }
            b' '..=b'~' => out.push(char::from(*byte))?,
            _ => write_display(out, format_args!("\\x{byte:02x}"))?,
        }
    }
    out.push(quote)
}
