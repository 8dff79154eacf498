//! The module `datetime`, and `pytz`.

pub mod calendar;
mod date;
mod delta;
mod moment;
mod strftime;
mod strptime;
mod text;
mod time_of_day;
pub mod value;
mod zone;

use std::fmt::Write as _;

pub use date::TYPE as DATE;
pub use delta::{TYPE as TIMEDELTA, abs};
pub use moment::TYPE as DATETIME;
pub use time_of_day::TYPE as TIME;
pub use zone::{PYTZ, TIMEZONE, ZONE};

use std::cmp::Ordering;

use super::{Member, ModuleDef};
use crate::bytecode::operand::{Binary, Unary};
use crate::run::context::{Context, TextBuilder};
use crate::run::fault::{Class, Fault};
use crate::run::kind::Type;
use crate::run::object::Object;
use crate::run::value::Value;
use calendar::DAY;
use value::{Delta, Moment, Zone};

/// `datetime`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "datetime",
    members: &[
        Member::Type("datetime", Type::DateTime),
        Member::Type("date", Type::Date),
        Member::Type("time", Type::Time),
        Member::Type("timedelta", Type::TimeDelta),
        Member::Type("timezone", Type::TimeZone),
        Member::Made("UTC", |context| {
            zone::zone_value(context, Some(Zone::Fixed(0, None)))
        }),
        Member::Int("MINYEAR", 1),
        Member::Int("MAXYEAR", 9999),
    ],
};

/// `left op right` where one is a date, time or duration; nothing when there is no such operator.
pub fn binary<'a>(
    context: &mut Context<'a>,
    op: Binary,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Option<Value<'a>>, Fault<'a>> {
    let object = |value| match value {
        Value::Object(object) => Some(object),
        _ => None,
    };
    match (op, object(left), object(right)) {
        (
            Binary::Add | Binary::Sub,
            Some(Object::DateTime(moment)),
            Some(Object::TimeDelta(delta)),
        )
        | (Binary::Add, Some(Object::TimeDelta(delta)), Some(Object::DateTime(moment))) => {
            shifted(context, op, moment, *delta).map(Some)
        }
        (Binary::Add | Binary::Sub, Some(Object::Date(days)), Some(Object::TimeDelta(delta)))
        | (Binary::Add, Some(Object::TimeDelta(delta)), Some(Object::Date(days))) => {
            shifted_days(context, op, *days, *delta).map(Some)
        }
        (Binary::Sub, Some(Object::DateTime(left)), Some(Object::DateTime(right))) => {
            if left.zone.is_some() != right.zone.is_some() {
                return Err(context.raise(
                    Class::TypeError,
                    "can't subtract offset-naive and offset-aware datetimes",
                ));
            }
            let same = matches!((left.zone, right.zone), (Some(a), Some(b)) if a.same(b));
            let micros = if same {
                left.micros - right.micros
            } else {
                left.utc() - right.utc()
            };
            delta::value(context, i128::from(micros)).map(Some)
        }
        (Binary::Sub, Some(Object::Date(left)), Some(Object::Date(right))) => {
            delta::value(context, i128::from((left - right) * DAY)).map(Some)
        }
        (_, Some(Object::TimeDelta(_)), _) | (_, _, Some(Object::TimeDelta(_))) => {
            delta::binary(context, op, left, right)
        }
        _ => Ok(None),
    }
}

fn shifted<'a>(
    context: &mut Context<'a>,
    op: Binary,
    moment: &Moment<'a>,
    Delta(micros): Delta,
) -> Result<Value<'a>, Fault<'a>> {
    let micros = if op == Binary::Sub { -micros } else { micros };
    let sum = i128::from(moment.micros) + micros;
    let sum = i64::try_from(sum).unwrap_or(-1);
    let moment = moment::checked(context, sum, moment.zone)?;
    moment::value(context, moment)
}

fn shifted_days<'a>(
    context: &mut Context<'a>,
    op: Binary,
    days: i64,
    delta: Delta,
) -> Result<Value<'a>, Fault<'a>> {
    // The days of the duration, rounded down before the sign is turned.
    let whole = if op == Binary::Sub {
        -delta.days()
    } else {
        delta.days()
    };
    let sum = i64::try_from(i128::from(days) + whole).unwrap_or(-1);
    date::value(context, sum)
}

/// `op value`; nothing where there is no such operator.
pub fn unary<'a>(
    context: &mut Context<'a>,
    op: Unary,
    object: &Object<'a>,
) -> Result<Option<Value<'a>>, Fault<'a>> {
    match (op, object) {
        (Unary::Neg, Object::TimeDelta(Delta(micros))) => delta::value(context, -micros).map(Some),
        (Unary::Pos, Object::TimeDelta(Delta(micros))) => delta::value(context, *micros).map(Some),
        _ => Ok(None),
    }
}

/// Order of two objects; nothing when they have none.
pub fn order<'a>(
    context: &mut Context<'a>,
    left: &Object<'a>,
    right: &Object<'a>,
) -> Result<Option<Ordering>, Fault<'a>> {
    match (left, right) {
        (Object::DateTime(left), Object::DateTime(right)) => match left.order(right) {
            Some(order) => Ok(Some(order)),
            None => Err(context.raise(
                Class::TypeError,
                "can't compare offset-naive and offset-aware datetimes",
            )),
        },
        (Object::Date(left), Object::Date(right)) => Ok(Some(left.cmp(right))),
        (Object::DateTime(_), Object::Date(_)) | (Object::Date(_), Object::DateTime(_)) => {
            let (left, right) = (left.type_of().name(), right.type_of().name());
            Err(context.raise(
                Class::TypeError,
                format_args!("can't compare {left} to {right}"),
            ))
        }
        (Object::TimeDelta(left), Object::TimeDelta(right)) => Ok(Some(left.cmp(right))),
        (Object::Time(left), Object::Time(right)) => {
            if left.zone.is_some() != right.zone.is_some() {
                return Err(context.raise(
                    Class::TypeError,
                    "can't compare offset-naive and offset-aware times",
                ));
            }
            let utc = |time: &value::TimeOfDay<'_>| time.micros - time.zone.map_or(0, Zone::offset);
            Ok(Some(utc(left).cmp(&utc(right))))
        }
        _ => Ok(None),
    }
}

/// `str()` or `repr()`; false for what is no date, time, duration or zone.
pub fn write<'a>(
    out: &mut TextBuilder,
    object: &Object<'a>,
    plain: bool,
) -> Result<bool, Fault<'a>> {
    let text = match object {
        Object::DateTime(moment) if plain => {
            let (date, clock) = (text::date(moment.days()), moment.clock());
            let offset = moment
                .zone
                .map(|zone| zone::offset_text(zone.offset(), ":"))
                .unwrap_or_default();
            format!("{date} {}{offset}", clock_text(clock))
        }
        Object::DateTime(moment) => {
            let (civil, clock) = (moment.civil(), moment.clock());
            let mut text = format!(
                "datetime.datetime({}, {}, {}, {}, {}",
                civil.year, civil.month, civil.day, clock.hour, clock.minute
            );
            push_parts(&mut text, clock);
            if moment.fold {
                text.push_str(", fold=1");
            }
            if let Some(zone) = moment.zone {
                text.push_str(", tzinfo=");
                text.push_str(&zone::repr(zone));
            }
            text + ")"
        }
        Object::Date(days) if plain => text::date(*days),
        Object::Date(days) => {
            let civil = calendar::Civil::from_days(*days);
            format!(
                "datetime.date({}, {}, {})",
                civil.year, civil.month, civil.day
            )
        }
        Object::Time(time) if plain => {
            let offset = time
                .zone
                .map(|zone| zone::offset_text(zone.offset(), ":"))
                .unwrap_or_default();
            clock_text(value::Clock::of(time.micros)) + &offset
        }
        Object::Time(time) => {
            let clock = value::Clock::of(time.micros);
            let mut text = format!("datetime.time({}, {}", clock.hour, clock.minute);
            push_parts(&mut text, clock);
            if let Some(zone) = time.zone {
                text.push_str(", tzinfo=");
                text.push_str(&zone::repr(zone));
            }
            text + ")"
        }
        Object::TimeDelta(delta) if plain => delta::Duration(*delta).text(),
        Object::TimeDelta(delta) => delta::Duration(*delta).repr(),
        Object::Zone(zone) if plain => zone::name_of(*zone),
        Object::Zone(zone) => zone::repr(*zone),
        _ => return Ok(false),
    };
    out.push_str(&text)?;
    Ok(true)
}

fn clock_text(clock: value::Clock) -> String {
    let value::Clock {
        hour,
        minute,
        second,
        microsecond,
    } = clock;
    if microsecond == 0 {
        format!("{hour:02}:{minute:02}:{second:02}")
    } else {
        format!("{hour:02}:{minute:02}:{second:02}.{microsecond:06}")
    }
}

/// Seconds and microseconds where `repr` shows them.
fn push_parts(text: &mut String, clock: value::Clock) {
    if clock.second != 0 || clock.microsecond != 0 {
        let _ = write!(text, ", {}", clock.second);
    }
    if clock.microsecond != 0 {
        let _ = write!(text, ", {}", clock.microsecond);
    }
}

/// `format(date, spec)`: `strftime`. False for what has none.
pub fn format<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    object: &Object<'a>,
    spec: &str,
) -> Result<bool, Fault<'a>> {
    match strftime::moment_of(object) {
        Some(moment) => {
            strftime::write(context, out, &moment, spec, 3)?;
            Ok(true)
        }
        None => Ok(false),
    }
}
