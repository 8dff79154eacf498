//! `datetime.strptime`: the format becomes a regular expression, as in CPython's `_strptime.py`.

use super::super::re;
use super::super::re::matcher::{Mode, Search, UNSET};
use super::calendar::{Civil, DAY, MONTHS, SECOND, WEEKDAYS, days_before_year, is_leap, weekday};
use super::moment::{checked_clock, checked_days, value};
use super::value::{Clock, Moment, Zone};
use crate::run::builtins::Args;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::latin1::Alphabet;
use crate::run::ops::print::write_quoted;
use crate::run::text::Text;
use crate::run::value::Value;

/// What a format's directives say. A directive may stand once.
#[derive(Default)]
struct Fields {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    microsecond: i64,
    year_day: Option<i64>,
    weekday: Option<i64>,
    /// Week of the year, and whether it begins on Monday.
    week: Option<(i64, bool)>,
    iso_year: Option<i64>,
    iso_week: Option<i64>,
    offset: Option<i64>,
    zone_name: Option<String>,
}

pub fn strptime<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let text = argument(context, args, 0)?;
    let format = argument(context, args, 1)?;
    context.charge_bytes(text.as_str().len() + format.as_str().len() * 16)?;
    let (source, directives) = translate(context, format.as_str())?;
    let source = context.arena().alloc_str(&source)?;
    let source = context.arena().alloc(Text::new(source))?;
    let pattern = re::compile(
        context,
        source,
        Alphabet::Characters,
        re::tree::bits::IGNORE_CASE,
    )?;
    let mut search = Search::new(pattern.program, text.as_str());
    if !search.find(context, 0, Mode::Match, false)? {
        let mut message = context.builder();
        message.push_str("time data ")?;
        write_quoted(&mut message, text.as_str())?;
        message.push_str(" does not match format ")?;
        write_quoted(&mut message, format.as_str())?;
        return Err(context.raise(Class::ValueError, message.as_str()));
    }
    if search.slots[1] != text.as_str().len() {
        let rest = &text.as_str()[search.slots[1]..];
        return Err(context.raise(
            Class::ValueError,
            format_args!("unconverted data remains: {rest}"),
        ));
    }
    let mut fields = Fields::default();
    let mut afternoon = None;
    for (group, directive) in directives.iter().enumerate() {
        let (start, end) = (search.slots[group * 2 + 2], search.slots[group * 2 + 3]);
        if start == UNSET || end == UNSET {
            continue;
        }
        let found = &text.as_str()[start..end];
        if *directive == 'p' {
            afternoon = Some(found.eq_ignore_ascii_case("pm"));
        }
        read(context, &mut fields, *directive, found)?;
    }
    if directives.contains(&'I') {
        fields.hour = match afternoon {
            Some(true) if fields.hour != 12 => fields.hour + 12,
            Some(false) | None if fields.hour == 12 => 0,
            _ => fields.hour,
        };
    }
    resolve(context, &fields, &directives)
}

fn argument<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    index: usize,
) -> Result<&'a Text<'a>, Fault<'a>> {
    args.text(context, index, "strptime")
}

/// The names of months or days as alternatives, longest first.
fn names(list: &[&str], short: bool) -> String {
    let mut names: Vec<String> = list
        .iter()
        .map(|name| if short { &name[..3] } else { name }.to_lowercase())
        .collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    format!("({})", names.join("|"))
}

/// The pattern of a format, and which directive each group stands for.
fn translate<'a>(
    context: &mut Context<'a>,
    format: &str,
) -> Result<(String, Vec<char>), Fault<'a>> {
    let mut source = String::new();
    let mut directives = Vec::new();
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        if character.is_whitespace() {
            while characters
                .peek()
                .is_some_and(|character| character.is_whitespace())
            {
                characters.next();
            }
            source.push_str("\\s+");
            continue;
        }
        if character != '%' {
            if "\\.^$*+?(){}[]|".contains(character) {
                source.push('\\');
            }
            source.push(character);
            continue;
        }
        let Some(directive) = characters.next() else {
            return Err(context.raise(
                Class::ValueError,
                format_args!("stray % in format '{format}'"),
            ));
        };
        let expanded = match directive {
            '%' => {
                source.push('%');
                continue;
            }
            'c' => "aβbβdβHβMβSβY",
            'x' => "mβdβy",
            'X' => "HβMβS",
            _ => "",
        };
        if expanded.is_empty() {
            one_directive(context, &mut source, &mut directives, directive, format)?;
            continue;
        }
        let separators: &[&str] = match directive {
            'c' => &["\\s+", "\\s+", "\\s+", ":", ":", "\\s+"],
            'x' => &["/", "/"],
            _ => &[":", ":"],
        };
        for (place, inner) in expanded.split('β').enumerate() {
            if place > 0 {
                source.push_str(separators[place - 1]);
            }
            let inner = inner.chars().next().unwrap_or('Y');
            one_directive(context, &mut source, &mut directives, inner, format)?;
        }
    }
    Ok((source, directives))
}

fn one_directive<'a>(
    context: &mut Context<'a>,
    source: &mut String,
    directives: &mut Vec<char>,
    directive: char,
    format: &str,
) -> Result<(), Fault<'a>> {
    let pattern = match directive {
        'd' => r"(3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9])".to_owned(),
        'f' => r"([0-9]{1,6})".to_owned(),
        'H' => r"(2[0-3]|[0-1]\d|\d)".to_owned(),
        'G' | 'Y' => r"(\d\d\d\d)".to_owned(),
        'j' => r"(36[0-6]|3[0-5]\d|[1-2]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9])".to_owned(),
        'I' | 'm' => r"(1[0-2]|0[1-9]|[1-9])".to_owned(),
        'M' => r"([0-5]\d|\d)".to_owned(),
        'S' => r"(6[0-1]|[0-5]\d|\d)".to_owned(),
        'U' | 'W' => r"(5[0-3]|[0-4]\d|\d)".to_owned(),
        'w' => r"([0-6])".to_owned(),
        'u' => r"([1-7])".to_owned(),
        'V' => r"(5[0-3]|0[1-9]|[1-4]\d|\d)".to_owned(),
        'y' => r"(\d\d)".to_owned(),
        'z' => r"([+-]\d\d:?[0-5]\d(?::?[0-5]\d(?:\.\d{1,6})?)?|(?-i:Z))".to_owned(),
        'A' => names(&WEEKDAYS, false),
        'a' => names(&WEEKDAYS, true),
        'B' => names(&MONTHS, false),
        'b' => names(&MONTHS, true),
        'p' => "(am|pm)".to_owned(),
        'Z' => "(utc|gmt)".to_owned(),
        other => {
            let shown = if other == '\\' {
                "\\\\".to_owned()
            } else {
                other.to_string()
            };
            return Err(context.raise(
                Class::ValueError,
                format_args!("'{shown}' is a bad directive in format '{format}'"),
            ));
        }
    };
    if directives.contains(&directive) {
        let again = directives.len() + 1;
        let first = directives
            .iter()
            .position(|known| *known == directive)
            .unwrap_or(0)
            + 1;
        // The pattern has a name for each group in CPython, and a name cannot be used twice.
        return Err(context.raise(
            Class::RegexError,
            format_args!(
                "redefinition of group name '{directive}' as group {again}; was group {first}"
            ),
        ));
    }
    directives.push(directive);
    source.push_str(&pattern);
    Ok(())
}

fn number(text: &str) -> i64 {
    text.trim()
        .chars()
        .filter_map(crate::script::number::decimal)
        .fold(0, |value, digit| value * 10 + i64::from(digit))
}

fn name_index(list: &[&str], short: bool, found: &str) -> i64 {
    list.iter()
        .position(|name| {
            let name = if short { &name[..3] } else { *name };
            name.eq_ignore_ascii_case(found)
        })
        .unwrap_or_default() as i64
}

fn read<'a>(
    context: &mut Context<'a>,
    fields: &mut Fields,
    directive: char,
    found: &str,
) -> Result<(), Fault<'a>> {
    match directive {
        'y' => {
            let year = number(found);
            fields.year = Some(if year <= 68 { year + 2000 } else { year + 1900 });
        }
        'Y' => fields.year = Some(number(found)),
        'G' => fields.iso_year = Some(number(found)),
        'm' => fields.month = Some(number(found)),
        'B' => fields.month = Some(name_index(&MONTHS, false, found) + 1),
        'b' => fields.month = Some(name_index(&MONTHS, true, found) + 1),
        'd' => fields.day = Some(number(found)),
        'H' | 'I' => fields.hour = number(found),
        'M' => fields.minute = number(found),
        'S' => fields.second = number(found),
        'f' => {
            let padded: String = found.chars().chain("000000".chars()).take(6).collect();
            fields.microsecond = number(&padded);
        }
        'A' => fields.weekday = Some(name_index(&WEEKDAYS, false, found)),
        'a' => fields.weekday = Some(name_index(&WEEKDAYS, true, found)),
        'w' => fields.weekday = Some((number(found) + 6) % 7),
        'u' => fields.weekday = Some(number(found) - 1),
        'j' => fields.year_day = Some(number(found)),
        'U' => fields.week = Some((number(found), false)),
        'W' => fields.week = Some((number(found), true)),
        'V' => fields.iso_week = Some(number(found)),
        'z' => fields.offset = Some(offset(context, found)?),
        'Z' => fields.zone_name = Some(found.to_lowercase()),
        _ => {}
    }
    Ok(())
}

/// `+0100`, `+01:00:30.5`, `Z`: microseconds.
fn offset<'a>(context: &mut Context<'a>, found: &str) -> Result<i64, Fault<'a>> {
    if found == "Z" {
        return Ok(0);
    }
    let mut plain = found.to_owned();
    if plain.as_bytes().get(3) == Some(&b':') {
        plain.remove(3);
        if plain.len() > 5 && plain.as_bytes()[5] != b':' {
            return Err(context.raise(
                Class::ValueError,
                format_args!("Inconsistent use of : in {found}"),
            ));
        }
        if plain.len() > 5 {
            plain.remove(5);
        }
    }
    let part = |range: std::ops::Range<usize>| plain.get(range).map_or(0, number);
    let fraction = plain.get(8..).unwrap_or_default();
    let padded: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let micros = ((part(1..3) * 60 + part(3..5)) * 60 + part(5..7)) * SECOND
        + if fraction.is_empty() {
            0
        } else {
            number(&padded)
        };
    Ok(if plain.starts_with('-') {
        -micros
    } else {
        micros
    })
}

/// The day that a week and a weekday mean.
fn day_of_week(year: i64, week: i64, day: i64, monday: bool) -> i64 {
    let mut first = weekday(days_before_year(year));
    let mut day = day;
    if !monday {
        first = (first + 1) % 7;
        day = (day + 1) % 7;
    }
    let before = (7 - first) % 7;
    if week == 0 {
        1 + day - first
    } else {
        1 + before + 7 * (week - 1) + day
    }
}

fn resolve<'a>(
    context: &mut Context<'a>,
    fields: &Fields,
    directives: &[char],
) -> Result<Value<'a>, Fault<'a>> {
    let has = |directive: char| directives.contains(&directive);
    let refusal = if fields.year.is_none() && fields.iso_year.is_some() {
        if fields.iso_week.is_none() || fields.weekday.is_none() {
            "ISO year directive '%G' must be used with the ISO week directive '%V' and a weekday directive ('%A', '%a', '%w', or '%u')."
        } else if has('j') {
            "Day of the year directive '%j' is not compatible with ISO year directive '%G'. Use '%Y' instead."
        } else {
            ""
        }
    } else if fields.iso_week.is_some() && fields.week.is_none() || fields.iso_week.is_some() {
        if fields.weekday.is_none() {
            "ISO week directive '%V' must be used with the ISO year directive '%G' and a weekday directive ('%A', '%a', '%w', or '%u')."
        } else {
            "ISO week directive '%V' is incompatible with the year directive '%Y'. Use the ISO year '%G' instead."
        }
    } else {
        ""
    };
    if !refusal.is_empty() {
        return Err(context.raise(Class::ValueError, refusal));
    }
    let (mut year, leap_year_only) = match (fields.year, fields.month, fields.day) {
        // The 29th of February without a year.
        (None, Some(2), Some(29)) => (1904, true),
        (year, ..) => (year.unwrap_or(1900), false),
    };
    let (mut month, mut day) = (fields.month.unwrap_or(1), fields.day.unwrap_or(1));
    let mut year_day = fields.year_day;
    if year_day.is_none()
        && let Some(wanted) = fields.weekday
    {
        if let Some((week, monday)) = fields.week {
            let found = day_of_week(year, week, wanted, monday);
            year_day = Some(found);
            if found <= 0 {
                year -= 1;
                let length = if is_leap(year) { 366 } else { 365 };
                year_day = Some(found + length);
            }
        } else if let (Some(iso_year), Some(week)) = (fields.iso_year, fields.iso_week) {
            let first = days_before_year(iso_year);
            let monday = first - weekday(first) + if weekday(first) > 3 { 7 } else { 0 };
            let days = monday + (week - 1) * 7 + wanted;
            let civil = Civil::from_days(days);
            (year, month, day) = (civil.year, civil.month, civil.day);
        }
    }
    if let Some(number) = year_day
        && (fields.month.is_none() || fields.day.is_none() || fields.year_day.is_none())
        && (fields.month.is_none() && fields.day.is_none())
    {
        let civil = Civil::from_days(days_before_year(year) + number - 1);
        (year, month, day) = (civil.year, civil.month, civil.day);
    }
    if leap_year_only {
        year = 1900;
    }
    let clock = Clock {
        hour: fields.hour,
        minute: fields.minute,
        second: fields.second,
        microsecond: fields.microsecond,
    };
    let days = checked_days(context, year, month, day)?;
    let clock = checked_clock(context, clock)?;
    let zone = match (fields.offset, &fields.zone_name) {
        (Some(offset), None) => Some(Zone::Fixed(offset, None)),
        (Some(offset), Some(name)) => {
            let name = context.arena().alloc_str(name)?;
            Some(Zone::Fixed(offset, Some(name)))
        }
        _ => None,
    };
    value(
        context,
        Moment {
            micros: days * DAY + clock,
            zone,
            fold: false,
        },
    )
}
