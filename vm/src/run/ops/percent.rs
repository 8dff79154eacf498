//! `text % values` and `bytes % values`: formatting in C's manner.

use super::format::{digits_of, float_digits, real};
use super::print;
use crate::limits::Limit;
use crate::run::context::{Context, TextBuilder};
use crate::run::fault::{Class, Fault};
use crate::run::latin1::{self, Alphabet};
use crate::run::value::Value;

/// Where the values come from.
struct Values<'a> {
    given: Value<'a>,
    used: usize,
    /// A tuple gives its items; anything else is the one value.
    is_tuple: bool,
    /// Named values were taken: nothing needs to be used up.
    named: bool,
    /// What is formatted: text, or bytes.
    alphabet: Alphabet,
}

impl<'a> Values<'a> {
    /// What takes subscripts, to CPython.
    const fn is_mapping(&self) -> bool {
        match self.given {
            Value::Dict(_) | Value::List(_) | Value::Range(_) => true,
            Value::Bytes(_) => matches!(self.alphabet, Alphabet::Characters),
            _ => false,
        }
    }

    fn next(&mut self, context: &mut Context<'a>) -> Result<Value<'a>, Fault<'a>> {
        let next = match self.given {
            Value::Tuple(tuple) => tuple.items().get(self.used).copied(),
            other if self.used == 0 => Some(other),
            _ => None,
        };
        self.used += 1;
        next.ok_or_else(|| {
            context.raise(Class::TypeError, "not enough arguments for format string")
        })
    }
}

/// One `%…` directive.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the syntax"
)]
#[derive(Clone, Copy, Debug, Default)]
struct Directive {
    left: bool,
    plus: bool,
    blank: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// `format % values` of texts.
pub fn format<'a>(
    context: &mut Context<'a>,
    format: &str,
    given: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    formatted(context, format, given, Alphabet::Characters)
}

/// `format % values` of bytes.
pub fn format_bytes<'a>(
    context: &mut Context<'a>,
    format: &'a [u8],
    given: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let format = latin1::text(context, format)?;
    formatted(context, format.as_str(), given, Alphabet::Bytes)
}

fn formatted<'a>(
    context: &mut Context<'a>,
    format: &str,
    given: Value<'a>,
    alphabet: Alphabet,
) -> Result<Value<'a>, Fault<'a>> {
    context.charge_bytes(format.len())?;
    let mut out = context.builder();
    let mut values = Values {
        given,
        used: 0,
        is_tuple: matches!(given, Value::Tuple(_)),
        named: false,
        alphabet,
    };
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        context.charge(1)?;
        out.push_str(&rest[..at])?;
        rest = directive(context, &mut out, &mut values, format, &rest[at + 1..])?;
    }
    out.push_str(rest)?;
    let all_used = match given {
        Value::Tuple(tuple) => values.used >= tuple.len(),
        // These take names, so that not using them is no mistake.
        _ => values.is_mapping() || values.used >= 1,
    };
    if !all_used && (values.is_tuple || !values.named) {
        let what = match alphabet {
            Alphabet::Characters => "string",
            Alphabet::Bytes => "bytes",
        };
        return Err(context.raise(
            Class::TypeError,
            format_args!("not all arguments converted during {what} formatting"),
        ));
    }
    alphabet.copied(context, out.as_str())
}

/// Work one directive off; gives what follows it.
fn directive<'a, 't>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    values: &mut Values<'a>,
    format: &'t str,
    text: &'t str,
) -> Result<&'t str, Fault<'a>> {
    let mut rest = text;
    let mut named = None;
    if rest.starts_with('(') {
        let (key, after) = key(context, &rest[1..])?;
        rest = after;
        if !values.is_mapping() {
            return Err(context.raise(Class::TypeError, "format requires a mapping"));
        }
        let key = values.alphabet.copied(context, key)?;
        values.named = true;
        values.used = 1;
        named = Some(super::subscript::get(context, values.given, key)?);
    }
    let mut found = Directive::default();
    while let Some(flag) = rest.chars().next() {
        match flag {
            '-' => found.left = true,
            '+' => found.plus = true,
            ' ' => found.blank = true,
            '#' => found.alternate = true,
            '0' => found.zero = true,
            _ => break,
        }
        rest = &rest[1..];
    }
    let width;
    (width, rest) = count(context, values, rest, "width")?;
    if let Some(width) = width {
        found.left |= width < 0;
        found.width = width.unsigned_abs() as usize;
    }
    if let Some(after) = rest.strip_prefix('.') {
        let precision;
        (precision, rest) = count(context, values, after, "precision")?;
        found.precision = Some(usize::try_from(precision.unwrap_or(0)).unwrap_or(0));
    }
    rest = rest.strip_prefix(['h', 'l', 'L']).unwrap_or(rest);
    let Some(code) = rest.chars().next() else {
        return Err(context.raise(Class::ValueError, "incomplete format"));
    };
    let after = &rest[code.len_utf8()..];
    if code == '%' && named.is_none() && found.is_plain() && std::ptr::eq(rest, text) {
        out.push('%')?;
        return Ok(after);
    }
    let value = match named {
        Some(value) => value,
        None => values.next(context)?,
    };
    if code == '%' && values.alphabet == Alphabet::Characters {
        out.push('%')?;
        return Ok(after);
    }
    let is_known = match (values.alphabet, code) {
        (Alphabet::Characters, 'b') | (Alphabet::Bytes, '%') => false,
        (_, known) => "sbrauidoxXeEfFgGc%".contains(known),
    };
    if !is_known {
        let at = format.len() - rest.len();
        let at = format[..at].chars().count();
        let shown = if (' '..='~').contains(&code) || u32::from(code) > 0x7f {
            code
        } else {
            '?'
        };
        return Err(context.raise(
            Class::ValueError,
            format_args!(
                "unsupported format character '{shown}' (0x{:x}) at index {at}",
                u32::from(code)
            ),
        ));
    }
    match (values.alphabet, code) {
        (Alphabet::Bytes, 's' | 'b' | 'r' | 'a' | 'c') => {
            write_bytes(context, out, &found, code, value)?;
        }
        _ => write_value(context, out, &found, code, value, values.alphabet)?,
    }
    Ok(after)
}

impl Directive {
    const fn is_plain(&self) -> bool {
        !(self.left || self.plus || self.blank || self.alternate || self.zero)
            && self.width == 0
            && self.precision.is_none()
    }
}

/// `(name)`: brackets inside count.
fn key<'a, 't>(context: &mut Context<'a>, text: &'t str) -> Result<(&'t str, &'t str), Fault<'a>> {
    let mut depth = 1;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok((&text[..at], &text[at + 1..]));
        }
    }
    Err(context.raise(Class::ValueError, "incomplete format key"))
}

/// A width or precision: digits, or `*` for a value.
fn count<'a, 't>(
    context: &mut Context<'a>,
    values: &mut Values<'a>,
    text: &'t str,
    what: &str,
) -> Result<(Option<i64>, &'t str), Fault<'a>> {
    if let Some(after) = text.strip_prefix('*') {
        return match values.next(context)? {
            Value::Int(number) => Ok((Some(number), after)),
            Value::Bool(flag) => Ok((Some(i64::from(flag)), after)),
            _ => Err(context.raise(Class::TypeError, "* wants int")),
        };
    }
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    if end == 0 {
        return Ok((None, text));
    }
    match text[..end].parse::<i64>() {
        Ok(number) if what == "width" || i32::try_from(number).is_ok() => {
            Ok((Some(number), &text[end..]))
        }
        _ => {
            let text = match (what, values.alphabet) {
                ("width", _) => "width too big",
                (_, Alphabet::Characters) => "precision too big",
                (_, Alphabet::Bytes) => "prec too big",
            };
            Err(context.raise(Class::ValueError, text))
        }
    }
}

/// What is a text, a character or other bytes in a format of bytes.
fn write_bytes<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    directive: &Directive,
    code: char,
    value: Value<'a>,
) -> Result<(), Fault<'a>> {
    let mut repr = context.builder();
    let text = match (code, value) {
        ('r' | 'a', _) => {
            print::write_ascii(context, &mut repr, value)?;
            repr.as_str()
        }
        ('c', Value::Bytes(bytes)) if bytes.as_slice().len() == 1 => {
            latin1::text(context, bytes.as_slice())?.as_str()
        }
        ('c', Value::Int(_) | Value::Bool(_) | Value::Big(_)) => {
            let byte = value.as_int().and_then(|code| u8::try_from(code).ok());
            let Some(byte) = byte else {
                return Err(context.raise(Class::OverflowError, "%c arg not in range(256)"));
            };
            repr.push(char::from(byte))?;
            repr.as_str()
        }
        ('c', _) => {
            return Err(context.raise(
                Class::TypeError,
                "%c requires an integer in range(256) or a single byte",
            ));
        }
        (_, Value::Bytes(bytes)) => latin1::text(context, bytes.as_slice())?.as_str(),
        (_, other) => {
            let kind = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!(
                    "%b requires a bytes-like object, or an object that implements __bytes__, not '{kind}'"
                ),
            ));
        }
    };
    let end = match directive.precision {
        Some(precision) if code != 'c' => super::subscript::offset(text, precision),
        _ => text.len(),
    };
    context.charge_bytes(end)?;
    pad(context, out, directive, "", &text[..end], false)
}

fn write_value<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    directive: &Directive,
    code: char,
    value: Value<'a>,
    alphabet: Alphabet,
) -> Result<(), Fault<'a>> {
    match code {
        's' | 'r' | 'a' => {
            let mut text = context.builder();
            match code {
                's' => print::write_str(context, &mut text, value)?,
                'r' => print::write_repr(context, &mut text, value)?,
                _ => print::write_ascii(context, &mut text, value)?,
            }
            let text = text.as_str();
            let end = match directive.precision {
                Some(precision) => super::subscript::offset(text, precision),
                None => text.len(),
            };
            context.charge_bytes(end)?;
            pad(context, out, directive, "", &text[..end], false)
        }
        'c' => {
            let character = character(context, value)?;
            pad(context, out, directive, "", &character.to_string(), false)
        }
        'd' | 'i' | 'u' | 'o' | 'x' | 'X' => {
            write_int(context, out, directive, code, value, alphabet)
        }
        _ => {
            let Some(number) = real(context, value)? else {
                let kind = value.type_of().name();
                return Err(match alphabet {
                    Alphabet::Characters => context.raise(
                        Class::TypeError,
                        format_args!("must be real number, not {kind}"),
                    ),
                    Alphabet::Bytes => context.raise(
                        Class::TypeError,
                        format_args!("float argument required, not {kind}"),
                    ),
                });
            };
            let precision = Some(directive.precision.unwrap_or(6));
            let digits = float_digits(
                context,
                number.abs(),
                Some(code),
                precision,
                directive.alternate,
            )?;
            let negative = number.is_sign_negative() && !number.is_nan();
            let sign = directive.sign(negative);
            pad(context, out, directive, sign, &digits, true)
        }
    }
}

impl Directive {
    const fn sign(&self, negative: bool) -> &'static str {
        if negative {
            "-"
        } else if self.plus {
            "+"
        } else if self.blank {
            " "
        } else {
            ""
        }
    }
}

fn character<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<char, Fault<'a>> {
    match value {
        Value::Str(text) => {
            let mut characters = text.as_str().chars();
            if let (Some(only), None) = (characters.next(), characters.next()) {
                return Ok(only);
            }
        }
        Value::Int(_) | Value::Bool(_) | Value::Big(_) => {
            let code = value.as_int().and_then(|code| u32::try_from(code).ok());
            return match code.filter(|code| *code < 0x11_0000) {
                // Half a surrogate pair cannot be held.
                Some(code) => Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)),
                None => Err(context.raise(Class::OverflowError, "%c arg not in range(0x110000)")),
            };
        }
        _ => {}
    }
    Err(context.raise(Class::TypeError, "%c requires int or char"))
}

fn write_int<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    directive: &Directive,
    code: char,
    value: Value<'a>,
    alphabet: Alphabet,
) -> Result<(), Fault<'a>> {
    let kind = value.type_of().name();
    let number = match value {
        Value::Int(_) | Value::Bool(_) | Value::Big(_) => value,
        Value::Float(number) if matches!(code, 'd' | 'i' | 'u') => context.truncated(number)?,
        _ if matches!(code, 'd' | 'i' | 'u') => {
            let code = match alphabet {
                Alphabet::Bytes if code == 'i' => 'd',
                _ => code,
            };
            return Err(context.raise(
                Class::TypeError,
                format_args!("%{code} format: a real number is required, not {kind}"),
            ));
        }
        _ => {
            return Err(context.raise(
                Class::TypeError,
                format_args!("%{code} format: an integer is required, not {kind}"),
            ));
        }
    };
    let (negative, mut digits) = digits_of(context, number, code)?;
    if let Some(precision) = directive.precision {
        if precision > context.arena().remaining_bytes() {
            return Err(Fault::Limit(Limit::Memory));
        }
        context.charge_bytes(precision)?;
        let zeros = precision.saturating_sub(digits.len());
        digits.insert_str(0, &"0".repeat(zeros));
    }
    let prefix = match code {
        'o' if directive.alternate => "0o",
        'x' if directive.alternate => "0x",
        'X' if directive.alternate => "0X",
        _ => "",
    };
    let sign = format!("{}{prefix}", directive.sign(negative));
    pad(context, out, directive, &sign, &digits, true)
}

/// Sign and digits in their width; zeros go behind the sign.
fn pad<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    directive: &Directive,
    sign: &str,
    text: &str,
    numeric: bool,
) -> Result<(), Fault<'a>> {
    let padding = directive
        .width
        .saturating_sub(sign.len() + text.chars().count());
    if padding > context.arena().remaining_bytes() {
        return Err(Fault::Limit(Limit::Memory));
    }
    context.charge_bytes(padding)?;
    let zeros = directive.zero && numeric && !directive.left;
    if !directive.left && !zeros {
        out.push_repeated(' ', padding)?;
    }
    out.push_str(sign)?;
    if zeros {
        out.push_repeated('0', padding)?;
    }
    out.push_str(text)?;
    if directive.left {
        out.push_repeated(' ', padding)?;
    }
    Ok(())
}
