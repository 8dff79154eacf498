//! ISO 8601: dates and times as text and back.

use super::calendar::{Civil, DAY, SECOND, days_before_year, iso_week, weekday};
use super::moment::{checked_clock, checked_days, value as moment_value};
use super::value::{Clock, Moment, Zone};
use crate::run::builtins::Args;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::value::Value;

/// `2024-02-29`
#[must_use]
pub fn date(days: i64) -> String {
    let civil = Civil::from_days(days);
    format!("{:04}-{:02}-{:02}", civil.year, civil.month, civil.day)
}

/// A time of day to a precision.
pub fn clock<'a>(context: &mut Context<'a>, clock: Clock, spec: &str) -> Result<String, Fault<'a>> {
    let Clock {
        hour,
        minute,
        second,
        microsecond,
    } = clock;
    Ok(match spec {
        "hours" => format!("{hour:02}"),
        "minutes" => format!("{hour:02}:{minute:02}"),
        "seconds" => format!("{hour:02}:{minute:02}:{second:02}"),
        "milliseconds" => {
            let milli = microsecond / 1000;
            format!("{hour:02}:{minute:02}:{second:02}.{milli:03}")
        }
        "auto" if microsecond == 0 => format!("{hour:02}:{minute:02}:{second:02}"),
        "auto" | "microseconds" => format!("{hour:02}:{minute:02}:{second:02}.{microsecond:06}"),
        _ => return Err(context.raise(Class::ValueError, "Unknown timespec value")),
    })
}

#[cold]
fn invalid<'a>(context: &mut Context<'a>, text: &str) -> Fault<'a> {
    let mut repr = context.builder();
    match crate::run::ops::print::write_quoted(&mut repr, text) {
        Ok(()) => context.raise(
            Class::ValueError,
            format_args!("Invalid isoformat string: {}", repr.as_str()),
        ),
        Err(_) => Fault::Limit(crate::limits::Limit::Memory),
    }
}

fn argument<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<&'a str, Fault<'a>> {
    match args.or_none(0).as_str() {
        Some(text) => Ok(text),
        None => Err(context.raise(Class::TypeError, "fromisoformat: argument must be str")),
    }
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// A day and what of it a text asked for: `YYYY-MM-DD`, `YYYYMMDD`, `YYYY-Www-D` and their like.
enum Day {
    Civil(i64, i64, i64),
    Week(i64, i64, i64),
}

/// The date at the front of a text.
fn day_of(text: &str) -> Option<Day> {
    let year = digits(text.get(..4)?)?;
    let rest = &text[4..];
    let (dashed, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    if let Some(week) = rest.strip_prefix('W') {
        let number = digits(week.get(..2)?)?;
        let rest = &week[2..];
        if rest.is_empty() {
            return Some(Day::Week(year, number, 1));
        }
        let rest = if dashed {
            rest.strip_prefix('-')?
        } else {
            rest
        };
        return (rest.len() == 1).then(|| digits(rest).map(|day| Day::Week(year, number, day)))?;
    }
    let month = digits(rest.get(..2)?)?;
    let rest = &rest[2..];
    let rest = if dashed {
        rest.strip_prefix('-')?
    } else {
        rest
    };
    (rest.len() == 2).then(|| digits(rest).map(|day| Day::Civil(year, month, day)))?
}

/// Bytes of the date at the front of an ISO text.
fn date_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
    if at(4) == b'-' {
        if at(5) == b'W' {
            // A week, and a day behind a dash if digits follow it.
            if at(8) == b'-' && at(9).is_ascii_digit() {
                10
            } else {
                8
            }
        } else {
            10
        }
    } else if at(4) == b'W' {
        if at(7).is_ascii_digit() { 8 } else { 7 }
    } else {
        8
    }
}

fn resolve<'a>(context: &mut Context<'a>, text: &str, day: Day) -> Result<i64, Fault<'a>> {
    match day {
        Day::Civil(year, month, day) => checked_days(context, year, month, day),
        Day::Week(year, week, day) => {
            if !(1..=9999).contains(&year) {
                return Err(context.raise(
                    Class::ValueError,
                    format_args!("year {year} is out of range"),
                ));
            }
            let last = iso_week(days_before_year(year + 1) - 4).1;
            if !(1..=last).contains(&week) || !(1..=7).contains(&day) {
                return Err(invalid(context, text));
            }
            let first = days_before_year(year);
            let shift = if weekday(first) > 3 { 7 } else { 0 };
            let days = first - weekday(first) + shift + (week - 1) * 7 + day - 1;
            Ok(days)
        }
    }
}

/// `date.fromisoformat(text)`.
pub fn date_of_iso<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    let text = argument(context, args)?;
    let Some(day) = day_of(text).filter(|_| matches!(text.len(), 7 | 8 | 10)) else {
        return Err(invalid(context, text));
    };
    let days = resolve(context, text, day)?;
    super::date::value(context, days)
}

/// `HH[:MM[:SS[.ffffff]]]`, colons everywhere or nowhere: microseconds.
fn clock_of(text: &str) -> Option<Clock> {
    let mut parts = [0_i64; 3];
    let mut rest = text;
    let mut colons = None;
    for (index, part) in parts.iter_mut().enumerate() {
        if index > 0 {
            if rest.is_empty() {
                break;
            }
            let colon = rest.starts_with(':');
            if *colons.get_or_insert(colon) != colon {
                return None;
            }
            rest = rest.strip_prefix(':').unwrap_or(rest);
        }
        *part = digits(rest.get(..2)?)?;
        rest = &rest[2..];
        if index < 2 && rest.starts_with(['.', ',']) {
            return None;
        }
    }
    let mut microsecond = 0;
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        digits(fraction)?;
        let six: String = fraction.chars().chain("000000".chars()).take(6).collect();
        microsecond = digits(&six)?;
        rest = "";
    }
    rest.is_empty().then_some(Clock {
        hour: parts[0],
        minute: parts[1],
        second: parts[2],
        microsecond,
    })
}

/// `datetime.fromisoformat(text)`.
pub fn moment_of_iso<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    let text = argument(context, args)?;
    context.charge_bytes(text.len())?;
    let date_end = date_len(text);
    let Some(day) = text.get(..date_end).and_then(day_of) else {
        return Err(invalid(context, text));
    };
    let mut rest = &text[date_end..];
    let mut clock = Clock::of(0);
    let mut zone = None;
    if let Some(separator) = rest.chars().next() {
        rest = &rest[separator.len_utf8()..];
        let end = rest.find(['+', '-', 'Z']).unwrap_or(rest.len());
        let (time, offset) = rest.split_at(end);
        let Some(found) = clock_of(time) else {
            return Err(invalid(context, text));
        };
        clock = found;
        if !offset.is_empty() {
            let Some(found) = offset_of(offset) else {
                return Err(invalid(context, text));
            };
            zone = Some(found);
        }
    }
    let days = resolve(context, text, day)?;
    let micros = checked_clock(context, clock)?;
    if let Some(Zone::Fixed(offset, _)) = zone
        && offset.abs() >= DAY
    {
        return Err(invalid(context, text));
    }
    moment_value(
        context,
        Moment {
            micros: days * DAY + micros,
            zone,
            fold: false,
        },
    )
}

fn offset_of<'a>(text: &str) -> Option<Zone<'a>> {
    if text == "Z" {
        return Some(Zone::Fixed(0, None));
    }
    let negative = text.starts_with('-');
    let clock = clock_of(text.get(1..)?)?;
    if clock.minute > 59 || clock.second > 59 {
        return None;
    }
    let micros = clock.micros();
    debug_assert!(micros < 400_000 * SECOND);
    Some(Zone::Fixed(if negative { -micros } else { micros }, None))
}
