//! `format(value, spec)`: the specification language of f-strings and `str.format`.

use super::float::{self, Style};
use super::print;
use crate::limits::Limit;
use crate::run::context::{Context, TextBuilder};
use crate::run::fault::{Class, Fault};
use crate::run::number::{as_bigint, as_float};
use crate::run::value::Value;

/// `[[fill]align][sign][z][#][0][width][grouping][.precision][type]`
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// What fills the width.
    pub fill: char,
    /// `<`, `>`, `^` or `=`.
    pub align: char,
    align_given: bool,
    sign: Option<char>,
    positive_zero: bool,
    /// `#`
    pub alternate: bool,
    /// Characters at least.
    pub width: usize,
    grouping: Option<char>,
    /// Digits, or characters at most.
    pub precision: Option<usize>,
    kind: Option<char>,
}

/// `format(value, spec)` as a value.
pub fn format_value<'a>(
    context: &mut Context<'a>,
    value: Value<'a>,
    spec: &str,
) -> Result<Value<'a>, Fault<'a>> {
    if spec.is_empty() {
        return print::str_of(context, value);
    }
    let mut out = context.builder();
    write_formatted(context, &mut out, value, spec)?;
    context.finish(out)
}

/// `format(value, spec)` into a builder.
pub fn write_formatted<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    value: Value<'a>,
    spec: &str,
) -> Result<(), Fault<'a>> {
    if spec.is_empty() {
        return print::write_str(context, out, value);
    }
    context.charge_bytes(spec.len())?;
    match value {
        Value::Str(text) => {
            let spec = parse(context, spec, value, '<', 's')?;
            write_text(context, out, text.as_str(), &spec)
        }
        Value::Int(_) | Value::Big(_) | Value::Bool(_) => {
            let spec = parse(context, spec, value, '>', 'd')?;
            write_int(context, out, value, &spec)
        }
        Value::Float(number) => {
            let spec = parse(context, spec, value, '>', '\0')?;
            write_float(context, out, number, &spec, "float")
        }
        Value::Object(object) => {
            if crate::run::builtins::format_object(context, out, object, spec)? {
                return Ok(());
            }
            Err(no_format(context, value))
        }
        _ => Err(no_format(context, value)),
    }
}

#[cold]
fn no_format<'a>(context: &mut Context<'a>, value: Value<'a>) -> Fault<'a> {
    let name = value.type_of().name();
    context.raise(
        Class::TypeError,
        format_args!("unsupported format string passed to {name}.__format__"),
    )
}

const fn is_align(character: char) -> bool {
    matches!(character, '<' | '>' | '=' | '^')
}

/// Read digits from the front of a text: the number and what follows.
fn number<'a, 't>(
    context: &mut Context<'a>,
    text: &'t str,
) -> Result<(Option<usize>, &'t str), Fault<'a>> {
    let end = text
        .find(|character: char| !crate::run::unicode::is_decimal(character))
        .unwrap_or(text.len());
    let mut value = 0_usize;
    for digit in text[..end]
        .chars()
        .filter_map(crate::script::number::decimal)
    {
        value = match value
            .checked_mul(10)
            .and_then(|value| value.checked_add(usize::from(digit)))
            .filter(|value| i64::try_from(*value).is_ok())
        {
            Some(value) => value,
            None => {
                return Err(context.raise(
                    Class::ValueError,
                    "Too many decimal digits in format string",
                ));
            }
        };
    }
    Ok(((end > 0).then_some(value), &text[end..]))
}

fn parse<'a>(
    context: &mut Context<'a>,
    spec: &str,
    value: Value<'a>,
    align: char,
    kind: char,
) -> Result<Spec, Fault<'a>> {
    let mut parsed = Spec {
        fill: ' ',
        align,
        align_given: false,
        sign: None,
        positive_zero: false,
        alternate: false,
        width: 0,
        grouping: None,
        precision: None,
        kind: None,
    };
    let mut rest = spec;
    let mut fill_given = false;
    let mut characters = rest.chars();
    let (first, second) = (characters.next(), characters.next());
    if let (Some(fill), Some(align)) = (first, second.filter(|second| is_align(*second))) {
        parsed.fill = fill;
        parsed.align = align;
        (fill_given, parsed.align_given) = (true, true);
        rest = characters.as_str();
    } else if let Some(align) = first.filter(|first| is_align(*first)) {
        parsed.align = align;
        parsed.align_given = true;
        rest = &rest[1..];
    }
    if let Some(sign) = rest.chars().next().filter(|sign| "+- ".contains(*sign)) {
        parsed.sign = Some(sign);
        rest = &rest[1..];
    }
    if let Some(after) = rest.strip_prefix('z') {
        parsed.positive_zero = true;
        rest = after;
    }
    if let Some(after) = rest.strip_prefix('#') {
        parsed.alternate = true;
        rest = after;
    }
    if let Some(after) = rest.strip_prefix('0').filter(|_| !fill_given) {
        parsed.fill = '0';
        if !parsed.align_given && align == '>' {
            parsed.align = '=';
        }
        rest = after;
    }
    let width;
    (width, rest) = number(context, rest)?;
    parsed.width = width.unwrap_or_default();
    if let Some(after) = rest.strip_prefix(',') {
        parsed.grouping = Some(',');
        rest = after;
    }
    if let Some(after) = rest.strip_prefix('_') {
        if parsed.grouping.is_some() {
            return Err(context.raise(Class::ValueError, "Cannot specify both ',' and '_'."));
        }
        parsed.grouping = Some('_');
        rest = after;
    }
    if rest.starts_with(',') && parsed.grouping == Some('_') {
        return Err(context.raise(Class::ValueError, "Cannot specify both ',' and '_'."));
    }
    if let Some(after) = rest.strip_prefix('.') {
        let precision;
        (precision, rest) = number(context, after)?;
        if precision.is_none() {
            return Err(context.raise(Class::ValueError, "Format specifier missing precision"));
        }
        parsed.precision = precision;
    }
    let mut characters = rest.chars();
    parsed.kind = characters.next();
    if characters.next().is_some() {
        let name = value.type_of().name();
        return Err(context.raise(
            Class::ValueError,
            format_args!("Invalid format specifier '{spec}' for object of type '{name}'"),
        ));
    }
    if let Some(grouping) = parsed.grouping {
        let kind = parsed.kind.unwrap_or(kind);
        let fits = "defgEG%F\0".contains(kind) || (grouping == '_' && "boxX".contains(kind));
        if !fits {
            return Err(context.raise(
                Class::ValueError,
                format_args!("Cannot specify '{grouping}' with '{kind}'."),
            ));
        }
    }
    Ok(parsed)
}

#[cold]
fn unknown_code<'a>(context: &mut Context<'a>, code: char, name: &str) -> Fault<'a> {
    if (' '..='\u{7f}').contains(&code) {
        context.raise(
            Class::ValueError,
            format_args!("Unknown format code '{code}' for object of type '{name}'"),
        )
    } else {
        let number = u32::from(code);
        context.raise(
            Class::ValueError,
            format_args!("Unknown format code '\\x{number:x}' for object of type '{name}'"),
        )
    }
}

/// A text filled up to a width, charged.
fn write_padded<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    text: &str,
    spec: &Spec,
) -> Result<(), Fault<'a>> {
    let count = text.chars().count();
    let padding = spec.width.saturating_sub(count);
    claim(context, padding)?;
    let before = match spec.align {
        '<' => 0,
        '^' => padding / 2,
        _ => padding,
    };
    out.push_repeated(spec.fill, before)?;
    out.push_str(text)?;
    Ok(out.push_repeated(spec.fill, padding - before)?)
}

/// Pay for so many bytes and see that the quota can hold them.
fn claim<'a>(context: &mut Context<'a>, bytes: usize) -> Result<(), Fault<'a>> {
    if bytes > context.arena().remaining_bytes() {
        return Err(Fault::Limit(Limit::Memory));
    }
    context.charge_bytes(bytes)
}

fn write_text<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    text: &str,
    spec: &Spec,
) -> Result<(), Fault<'a>> {
    let refusal = if let Some(code) = spec.kind.filter(|kind| *kind != 's') {
        return Err(unknown_code(context, code, "str"));
    } else if spec.sign == Some(' ') {
        "Space not allowed in string format specifier"
    } else if spec.sign.is_some() {
        "Sign not allowed in string format specifier"
    } else if spec.positive_zero {
        "Negative zero coercion (z) not allowed in string format specifier"
    } else if spec.alternate {
        "Alternate form (#) not allowed in string format specifier"
    } else if spec.align == '=' {
        "'=' alignment not allowed in string format specifier"
    } else {
        ""
    };
    if !refusal.is_empty() {
        return Err(context.raise(Class::ValueError, refusal));
    }
    context.charge_bytes(text.len())?;
    let text = match spec.precision {
        Some(precision) => &text[..super::subscript::offset(text, precision)],
        None => text,
    };
    write_padded(context, out, text, spec)
}

fn write_int<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    value: Value<'a>,
    spec: &Spec,
) -> Result<(), Fault<'a>> {
    let kind = spec.kind.unwrap_or('d');
    if "eEfFgG%".contains(kind) {
        let number = super::arithmetic::exact_float(context, value)?;
        return write_float(context, out, number, spec, "int");
    }
    if !"bcdoxXn".contains(kind) {
        return Err(unknown_code(context, kind, value.type_of().name()));
    }
    let refusal = if spec.precision.is_some() {
        "Precision not allowed in integer format specifier"
    } else if spec.positive_zero {
        "Negative zero coercion (z) not allowed in integer format specifier"
    } else if kind == 'c' && spec.sign.is_some() {
        "Sign not allowed with integer format specifier 'c'"
    } else if kind == 'c' && spec.alternate {
        "Alternate form (#) not allowed with integer format specifier 'c'"
    } else {
        ""
    };
    if !refusal.is_empty() {
        return Err(context.raise(Class::ValueError, refusal));
    }
    if kind == 'c' {
        let character = value
            .as_int()
            .and_then(|code| u32::try_from(code).ok())
            .filter(|code| *code < 0x11_0000);
        let Some(code) = character else {
            if matches!(value, Value::Big(_)) {
                return Err(context.raise(
                    Class::OverflowError,
                    "Python int too large to convert to C long",
                ));
            }
            return Err(context.raise(Class::OverflowError, "%c arg not in range(0x110000)"));
        };
        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        return write_number(context, out, "", "", &character.to_string(), spec);
    }
    let (negative, digits) = digits_of(context, value, kind)?;
    let prefix = match kind {
        'b' if spec.alternate => "0b",
        'o' if spec.alternate => "0o",
        'x' if spec.alternate => "0x",
        'X' if spec.alternate => "0X",
        _ => "",
    };
    write_number(context, out, sign(negative, spec), prefix, &digits, spec)
}

/// Sign and digits of an int in the base of a format code.
pub fn digits_of<'a>(
    context: &mut Context<'a>,
    value: Value<'a>,
    kind: char,
) -> Result<(bool, String), Fault<'a>> {
    if let Some(number) = value.as_int() {
        let magnitude = number.unsigned_abs();
        let digits = match kind {
            'b' => format!("{magnitude:b}"),
            'o' => format!("{magnitude:o}"),
            'x' => format!("{magnitude:x}"),
            'X' => format!("{magnitude:X}"),
            _ => magnitude.to_string(),
        };
        return Ok((number < 0, digits));
    }
    let Some(big) = as_bigint(value) else {
        return Err(Fault::Internal("digits of what is no int"));
    };
    let negative = big.sign() == num_bigint::Sign::Minus;
    let magnitude = big.magnitude();
    let radix = match kind {
        'b' => 2,
        'o' => 8,
        'x' | 'X' => 16,
        _ => {
            let text = print::decimal(context, &big)?;
            return Ok((negative, text.trim_start_matches('-').to_owned()));
        }
    };
    claim(context, magnitude.bits() as usize)?;
    let digits = magnitude.to_str_radix(radix);
    Ok((
        negative,
        if kind == 'X' {
            digits.to_uppercase()
        } else {
            digits
        },
    ))
}

const fn sign(negative: bool, spec: &Spec) -> &'static str {
    match spec.sign {
        _ if negative => "-",
        Some('+') => "+",
        Some(' ') => " ",
        _ => "",
    }
}

fn write_float<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    number: f64,
    spec: &Spec,
    name: &str,
) -> Result<(), Fault<'a>> {
    if let Some(kind) = spec.kind.filter(|kind| !"eEfFgGn%".contains(*kind)) {
        return Err(unknown_code(context, kind, name));
    }
    let mut text = float_digits(
        context,
        number.abs(),
        spec.kind,
        spec.precision,
        spec.alternate,
    )?;
    let shows_digit = text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    let zero = number.is_finite() && !mantissa_has_digit(&text);
    let negative = number.is_sign_negative()
        && !number.is_nan()
        && !(spec.positive_zero && zero && !(shows_digit && mantissa_has_digit(&text)));
    if spec.kind == Some('%') {
        text.push('%');
    }
    write_number(context, out, sign(negative, spec), "", &text, spec)
}

fn mantissa_has_digit(text: &str) -> bool {
    text.bytes()
        .take_while(|byte| *byte != b'e' && *byte != b'E')
        .any(|byte| (b'1'..=b'9').contains(&byte))
}

/// A float that is not negative by a format code; `%` without its sign.
pub fn float_digits<'a>(
    context: &mut Context<'a>,
    number: f64,
    kind: Option<char>,
    precision: Option<usize>,
    alternate: bool,
) -> Result<String, Fault<'a>> {
    let upper = matches!(kind, Some('E' | 'F' | 'G'));
    if !number.is_finite() {
        let text = if number.is_nan() { "nan" } else { "inf" };
        return Ok(if upper {
            text.to_uppercase()
        } else {
            text.to_owned()
        });
    }
    // The exact value has 310 digits before the point at most.
    claim(context, precision.unwrap_or_default().saturating_add(320))?;
    let digits = precision.unwrap_or(6);
    let style = if alternate {
        Style::Kept
    } else {
        Style::Trimmed
    };
    let with_point = |text: String| {
        if alternate && !text.contains('.') {
            match text.split_once('e') {
                Some((digits, exponent)) => format!("{digits}.e{exponent}"),
                None => text + ".",
            }
        } else {
            text
        }
    };
    let text = match kind {
        Some('f' | 'F') => with_point(float::fixed(number, digits)),
        Some('%') => with_point(float::fixed(number * 100.0, digits)),
        Some('e' | 'E') => with_point(float::scientific(number, digits)),
        Some('g' | 'G' | 'n') => float::general(number, digits, style),
        _ => match precision {
            Some(precision) if alternate => float::general(number, precision, Style::Kept),
            Some(precision) => float::general(number, precision, Style::Float),
            None => {
                let mut out = context.builder();
                print::write_float(&mut out, number)?;
                with_point(out.as_str().to_owned())
            }
        },
    };
    Ok(if upper { text.to_uppercase() } else { text })
}

/// Sign, prefix and digits by alignment and grouping. `digits` may go on with a fraction, exponent or percent sign.
fn write_number<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    sign: &str,
    prefix: &str,
    digits: &str,
    spec: &Spec,
) -> Result<(), Fault<'a>> {
    let zero_filled = spec.fill == '0' && spec.align == '=';
    let Some(separator) = spec.grouping else {
        let count = sign.len() + prefix.len() + digits.chars().count();
        return write_aligned(context, out, sign, prefix, digits, count, spec);
    };
    let hex = matches!(spec.kind, Some('b' | 'o' | 'x' | 'X'));
    let whole = digits
        .find(|character: char| {
            !(character.is_ascii_digit() || hex && character.is_ascii_hexdigit())
        })
        .unwrap_or(digits.len());
    let rest = &digits[whole..];
    let min_width = if zero_filled {
        spec.width
            .saturating_sub(sign.len() + prefix.len() + rest.len())
    } else {
        0
    };
    claim(
        context,
        min_width.saturating_add(digits.len()).saturating_mul(2),
    )?;
    let mut text = if whole == 0 {
        String::new()
    } else {
        grouped(
            &digits[..whole],
            separator,
            if hex { 4 } else { 3 },
            min_width,
        )
    };
    text.push_str(rest);
    let count = sign.len() + prefix.len() + text.len();
    write_aligned(context, out, sign, prefix, &text, count, spec)
}

fn write_aligned<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    sign: &str,
    prefix: &str,
    digits: &str,
    count: usize,
    spec: &Spec,
) -> Result<(), Fault<'a>> {
    let padding = spec.width.saturating_sub(count);
    claim(context, padding.saturating_add(digits.len()))?;
    let (before, inside, after) = match spec.align {
        '<' => (0, 0, padding),
        '^' => (padding / 2, 0, padding - padding / 2),
        '=' => (0, padding, 0),
        _ => (padding, 0, 0),
    };
    out.push_repeated(spec.fill, before)?;
    out.push_str(sign)?;
    out.push_str(prefix)?;
    out.push_repeated(spec.fill, inside)?;
    out.push_str(digits)?;
    Ok(out.push_repeated(spec.fill, after)?)
}

/// Digits in groups from the right, with zeros in front up to a width, separators counted.
fn grouped(digits: &str, separator: char, group: usize, mut min_width: usize) -> String {
    let bytes = digits.as_bytes();
    let mut reversed = String::with_capacity(digits.len() * 2);
    let mut left = bytes.len();
    let mut first = true;
    loop {
        let len = group.min(left.max(min_width).max(1));
        let zeros = len.saturating_sub(left);
        let taken = left.min(len);
        if !first {
            reversed.push(separator);
        }
        first = false;
        for byte in bytes[left - taken..left].iter().rev() {
            reversed.push(char::from(*byte));
        }
        reversed.extend(std::iter::repeat_n('0', zeros));
        left -= taken;
        min_width = min_width.saturating_sub(len);
        if left == 0 && min_width == 0 {
            break;
        }
        // The separator takes a place too.
        min_width = min_width.saturating_sub(1);
    }
    reversed.chars().rev().collect()
}

/// A number as a float, for format codes that want one.
pub fn real<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<Option<f64>, Fault<'a>> {
    match value {
        Value::Big(_) => super::arithmetic::exact_float(context, value).map(Some),
        other => Ok(as_float(other)),
    }
}
