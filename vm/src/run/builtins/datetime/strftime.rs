//! `strftime`: CPython's own directives, then those of the GNU C library in the C locale.

use std::fmt::Write as _;

use super::calendar::{EPOCH, MONTHS, SECOND, WEEKDAYS, iso_week, weekday};
use super::value::{Moment, TimeOfDay};
use super::zone;
use crate::limits::Limit;
use crate::run::builtins::Args;
use crate::run::context::{Context, TextBuilder};
use crate::run::fault::{Class, Fault};
use crate::run::object::Object;
use crate::run::value::Value;

/// Directives that stand for others (`%c`) inside each other.
const NESTING_MAX: u32 = 3;

/// `strftime(format)` of dates, times and both.
pub fn strftime<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let Some(format_text) = args.or_none(0).as_str() else {
        let kind = args.or_none(0).type_of().name();
        return Err(context.raise(
            Class::TypeError,
            format_args!("strftime() argument 1 must be str, not {kind}"),
        ));
    };
    let Value::Object(object) = args.receiver else {
        return Err(Fault::Internal("strftime without its receiver"));
    };
    match moment_of(object) {
        Some(moment) => format(context, &moment, format_text),
        None => Err(Fault::Internal("strftime of what is no date")),
    }
}

/// A date or time as a datetime.
#[must_use]
pub fn moment_of<'a>(object: &Object<'a>) -> Option<Moment<'a>> {
    match object {
        Object::DateTime(moment) => Some(*moment),
        Object::Date(days) => Some(Moment {
            micros: days * super::calendar::DAY,
            zone: None,
            fold: false,
        }),
        Object::Time(time @ TimeOfDay { .. }) => Some(super::time_of_day::as_moment(*time)),
        _ => None,
    }
}

/// A datetime by a format.
pub fn format<'a>(
    context: &mut Context<'a>,
    moment: &Moment<'a>,
    format: &str,
) -> Result<Value<'a>, Fault<'a>> {
    let mut out = context.builder();
    write(context, &mut out, moment, format, NESTING_MAX)?;
    context.finish(out)
}

/// How a directive's value is written: C's flags and width.
#[derive(Clone, Copy, Default)]
struct Style {
    pad: Option<char>,
    upper: bool,
    swap: bool,
    width: usize,
}

/// A datetime by a format, into a builder.
pub fn write<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    moment: &Moment<'a>,
    format: &str,
    depth: u32,
) -> Result<(), Fault<'a>> {
    context.charge_bytes(format.len() * 8)?;
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at])?;
        let directive = &rest[at..];
        let mut characters = directive[1..].chars();
        let mut style = Style::default();
        let mut next = characters.next();
        while let Some(flag @ ('_' | '-' | '0' | '^' | '#')) = next {
            match flag {
                '^' => style.upper = true,
                '#' => style.swap = true,
                pad => style.pad = Some(pad),
            }
            next = characters.next();
        }
        while let Some(digit) = next.and_then(|digit| digit.to_digit(10)) {
            style.width = (style.width * 10 + digit as usize).min(i32::MAX as usize);
            next = characters.next();
        }
        if matches!(next, Some('E' | 'O')) {
            next = characters.next();
        }
        let plain = directive.len() - characters.as_str().len() == 2;
        rest = characters.as_str();
        let Some(code) = next else {
            // The C library writes an unfinished directive as it is.
            out.push_str(directive)?;
            return Ok(());
        };
        if style.width > context.arena().remaining_bytes() {
            return Err(Fault::Limit(Limit::Memory));
        }
        context.charge_bytes(style.width)?;
        // These three are CPython's own and take no flags.
        if plain && write_own(out, moment, code)? {
            continue;
        }
        if let Some(inner) = composite(code).filter(|_| depth > 0) {
            let mut text = context.builder();
            write(context, &mut text, moment, inner, depth - 1)?;
            write_word(out, text.as_str(), style)?;
            continue;
        }
        if !write_directive(out, moment, code, style)? {
            out.push_str(&directive[..directive.len() - rest.len()])?;
        }
    }
    Ok(out.push_str(rest)?)
}

fn write_own(
    out: &mut TextBuilder,
    moment: &Moment<'_>,
    code: char,
) -> Result<bool, crate::run::context::TooLong> {
    match code {
        'f' => out.push_str(&format!("{:06}", moment.clock().microsecond))?,
        'z' => {
            if let Some(zone) = moment.zone {
                out.push_str(&zone::offset_text(zone.offset(), ""))?;
            }
        }
        'Z' => {
            if let Some(zone) = moment.zone {
                out.push_str(&zone::abbreviation(zone))?;
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Directives that are others together.
const fn composite(code: char) -> Option<&'static str> {
    Some(match code {
        'c' => "%a %b %e %H:%M:%S %Y",
        'D' | 'x' => "%m/%d/%y",
        'F' => "%Y-%m-%d",
        'r' => "%I:%M:%S %p",
        'R' => "%H:%M",
        'T' | 'X' => "%H:%M:%S",
        '+' => "%a %b %e %H:%M:%S %Z %Y",
        _ => return None,
    })
}

fn write_directive(
    out: &mut TextBuilder,
    moment: &Moment<'_>,
    code: char,
    style: Style,
) -> Result<bool, crate::run::context::TooLong> {
    let (civil, clock, days) = (moment.civil(), moment.clock(), moment.days());
    let weekday = weekday(days);
    let year_day = civil.day_of_year();
    let hour_12 = (clock.hour + 11) % 12 + 1;
    let (number, digits, pad) = match code {
        'a' => return write_word(out, &WEEKDAYS[weekday as usize][..3], style).map(|()| true),
        'A' => return write_word(out, WEEKDAYS[weekday as usize], style).map(|()| true),
        'b' | 'h' => {
            return write_word(out, &MONTHS[civil.month as usize - 1][..3], style).map(|()| true);
        }
        'B' => return write_word(out, MONTHS[civil.month as usize - 1], style).map(|()| true),
        'p' | 'P' => {
            let word = match (code, clock.hour < 12, style.swap) {
                ('p', true, false) => "AM",
                ('p', false, false) => "PM",
                (_, true, _) => "am",
                (_, false, _) => "pm",
            };
            let style = Style {
                swap: false,
                ..style
            };
            return write_word(out, word, style).map(|()| true);
        }
        // With flags these are the C library's, which knows no zone.
        'Z' => return write_word(out, "", style).map(|()| true),
        'z' => return write_word(out, "+0000", style).map(|()| true),
        'n' => return write_word(out, "\n", style).map(|()| true),
        't' => return write_word(out, "\t", style).map(|()| true),
        '%' => return write_word(out, "%", style).map(|()| true),
        'C' => (civil.year / 100, 1, '0'),
        'd' => (civil.day, 2, '0'),
        'e' => (civil.day, 2, '_'),
        'g' => (iso_week(days).0 % 100, 2, '0'),
        'G' => (iso_week(days).0, 0, '0'),
        'H' => (clock.hour, 2, '0'),
        'I' => (hour_12, 2, '0'),
        'j' => (year_day, 3, '0'),
        'k' => (clock.hour, 2, '_'),
        'l' => (hour_12, 2, '_'),
        'm' => (civil.month, 2, '0'),
        'M' => (clock.minute, 2, '0'),
        's' => ((moment.micros - EPOCH).div_euclid(SECOND), 0, '0'),
        'S' => (clock.second, 2, '0'),
        'u' => (weekday + 1, 1, '0'),
        'U' => ((year_day + 6 - (weekday + 1) % 7) / 7, 2, '0'),
        'V' => (iso_week(days).1, 2, '0'),
        'w' => ((weekday + 1) % 7, 1, '0'),
        'W' => ((year_day + 6 - weekday) / 7, 2, '0'),
        'y' => (civil.year % 100, 2, '0'),
        'Y' => (civil.year, 0, '0'),
        _ => return Ok(false),
    };
    write_number(out, number, digits, pad, style)?;
    Ok(true)
}

fn write_word(
    out: &mut TextBuilder,
    word: &str,
    style: Style,
) -> Result<(), crate::run::context::TooLong> {
    let padding = style.width.saturating_sub(word.chars().count());
    if style.pad != Some('-') {
        let pad = if style.pad == Some('0') { '0' } else { ' ' };
        out.push_repeated(pad, padding)?;
    }
    if style.upper || style.swap {
        out.push_str(&word.to_uppercase())
    } else {
        out.push_str(word)
    }
}

fn write_number(
    out: &mut TextBuilder,
    number: i64,
    digits: usize,
    pad: char,
    style: Style,
) -> Result<(), crate::run::context::TooLong> {
    let mut text = String::new();
    let _ = write!(text, "{}", number.abs());
    let sign = if number < 0 { "-" } else { "" };
    let pad = style.pad.unwrap_or(pad);
    let width = digits.max(style.width);
    let padding = if pad == '-' {
        0
    } else {
        width.saturating_sub(text.len() + sign.len())
    };
    if pad == '_' {
        out.push_repeated(' ', padding)?;
        out.push_str(sign)?;
    } else {
        out.push_str(sign)?;
        out.push_repeated('0', padding)?;
    }
    out.push_str(&text)
}
