//! `datetime.date`: days since 0001-01-01.

use super::calendar::{Civil, DAY, DAYS_END, EPOCH, iso_week, weekday};
use super::moment::{checked_days, int_part, timestamp_micros};
use super::value::Moment;
use super::{delta, strftime, text};
use crate::run::builtins::{
    Args, AttributeDef, Member, NativeDef, TypeDef, exactly, function, method, named, optional,
    required,
};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::object::Object;
use crate::run::value::Value;

/// `datetime.date`.
pub static TYPE: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[
        AttributeDef {
            name: "year",
            get: |_, value| part(value, |civil| civil.year),
        },
        AttributeDef {
            name: "month",
            get: |_, value| part(value, |civil| civil.month),
        },
        AttributeDef {
            name: "day",
            get: |_, value| part(value, |civil| civil.day),
        },
    ],
    members: &[
        Member::Native(function("today", exactly(0), |context, _| {
            let days = (context.now_us() + EPOCH).div_euclid(DAY);
            value(context, days)
        })),
        Member::Native(function("fromtimestamp", exactly(1), |context, args| {
            let micros = timestamp_micros(context, args.or_none(0))?;
            value(context, micros.div_euclid(DAY))
        })),
        Member::Native(function("fromordinal", exactly(1), |context, args| {
            let days = ordinal(context, args)?;
            value(context, days)
        })),
        Member::Native(function("fromisoformat", exactly(1), text::date_of_iso)),
        Member::Made("min", |context| value(context, 0)),
        Member::Made("max", |context| value(context, DAYS_END - 1)),
        Member::Made("resolution", |context| {
            delta::value(context, i128::from(DAY))
        }),
    ],
    construct: Some(&function(
        "function",
        named(&[required("year"), required("month"), required("day")]),
        |context, args| {
            let mut parts = [0; 3];
            for (index, part) in parts.iter_mut().enumerate() {
                *part = int_part(context, &args, index, 0)?;
            }
            let days = checked_days(context, parts[0], parts[1], parts[2])?;
            value(context, days)
        },
    )),
};

static METHODS: &[NativeDef] = &[
    method("ctime", exactly(0), |context, args| {
        let moment = midnight(args)?;
        strftime::format(context, &moment, "%a %b %e %H:%M:%S %04Y")
    }),
    method("isocalendar", exactly(0), |context, args| {
        isocalendar(context, receiver(args)?)
    }),
    method("isoformat", exactly(0), |context, args| {
        let text = text::date(receiver(args)?);
        context.text(&text)
    }),
    method("isoweekday", exactly(0), |_, args| {
        Ok(Value::Int(weekday(receiver(args)?) + 1))
    }),
    method(
        "replace",
        named(&[optional("year"), optional("month"), optional("day")]),
        |context, args| {
            let old = Civil::from_days(receiver(args)?);
            let year = int_part(context, &args, 0, old.year)?;
            let month = int_part(context, &args, 1, old.month)?;
            let day = int_part(context, &args, 2, old.day)?;
            let days = checked_days(context, year, month, day)?;
            value(context, days)
        },
    ),
    method("strftime", named(&[required("format")]), strftime::strftime),
    method("toordinal", exactly(0), |_, args| {
        Ok(Value::Int(receiver(args)? + 1))
    }),
    method("weekday", exactly(0), |_, args| {
        Ok(Value::Int(weekday(receiver(args)?)))
    }),
];

fn receiver<'a>(args: Args<'a, '_>) -> Result<i64, Fault<'a>> {
    match args.receiver {
        Value::Object(Object::Date(days)) => Ok(*days),
        _ => Err(Fault::Internal("a date's method without its receiver")),
    }
}

fn midnight<'a>(args: Args<'a, '_>) -> Result<Moment<'a>, Fault<'a>> {
    Ok(Moment {
        micros: receiver(args)? * DAY,
        zone: None,
        fold: false,
    })
}

fn part(value: Value<'_>, of: fn(Civil) -> i64) -> Result<Value<'_>, Fault<'_>> {
    match value {
        Value::Object(Object::Date(days)) => Ok(Value::Int(of(Civil::from_days(*days)))),
        _ => Err(Fault::Internal("a date's attribute of something else")),
    }
}

/// A date as a value.
pub fn value<'a>(context: &mut Context<'a>, days: i64) -> Result<Value<'a>, Fault<'a>> {
    if !(0..DAYS_END).contains(&days) {
        return Err(context.raise(Class::OverflowError, "date value out of range"));
    }
    Ok(Value::Object(context.arena().alloc(Object::Date(days))?))
}

/// `fromordinal`'s argument as days since 0001-01-01.
pub fn ordinal<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<i64, Fault<'a>> {
    let number = int_part(context, &args, 0, 0)?;
    if number < 1 {
        return Err(context.raise(Class::ValueError, "ordinal must be >= 1"));
    }
    if number > DAYS_END {
        let year = Civil::from_days(number - 1).year;
        return Err(context.raise(
            Class::ValueError,
            format_args!("year {year} is out of range"),
        ));
    }
    Ok(number - 1)
}

/// `isocalendar()`: year, week, weekday.
pub fn isocalendar<'a>(context: &mut Context<'a>, days: i64) -> Result<Value<'a>, Fault<'a>> {
    let (year, week, weekday) = iso_week(days);
    context.tuple(&[Value::Int(year), Value::Int(week), Value::Int(weekday)])
}
