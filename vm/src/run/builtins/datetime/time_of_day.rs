//! `datetime.time`.

use super::calendar::EPOCH;
use super::moment::{TZINFO, checked_clock, int_part};
use super::value::{Clock, Moment, TimeOfDay, Zone};
use super::{strftime, text, zone};
use crate::run::builtins::{
    Args, AttributeDef, Member, NativeDef, TypeDef, exactly, function, keyword, method, named,
    optional, required,
};
use crate::run::context::Context;
use crate::run::fault::Fault;
use crate::run::object::Object;
use crate::run::value::Value;

/// `datetime.time`.
pub static TYPE: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[
        AttributeDef {
            name: "hour",
            get: |_, value| part(value, |clock| clock.hour),
        },
        AttributeDef {
            name: "minute",
            get: |_, value| part(value, |clock| clock.minute),
        },
        AttributeDef {
            name: "second",
            get: |_, value| part(value, |clock| clock.second),
        },
        AttributeDef {
            name: "microsecond",
            get: |_, value| part(value, |clock| clock.microsecond),
        },
        AttributeDef {
            name: "tzinfo",
            get: |context, value| match value {
                Value::Object(Object::Time(time)) => zone::zone_value(context, time.zone),
                _ => Err(Fault::Internal("a time's attribute of something else")),
            },
        },
    ],
    members: &[
        Member::Made("min", |context| value(context, 0, None)),
        Member::Made("max", |context| {
            value(context, super::calendar::DAY - 1, None)
        }),
    ],
    construct: Some(&function(
        "time",
        named(&[
            optional("hour"),
            optional("minute"),
            optional("second"),
            optional("microsecond"),
            optional("tzinfo"),
            keyword("fold"),
        ]),
        construct,
    )),
};

static METHODS: &[NativeDef] = &[
    method("isoformat", named(&[optional("timespec")]), isoformat),
    method(
        "replace",
        named(&[
            optional("hour"),
            optional("minute"),
            optional("second"),
            optional("microsecond"),
            optional("tzinfo"),
        ]),
        replace,
    ),
    method("strftime", named(&[required("format")]), strftime::strftime),
    method("utcoffset", exactly(0), |context, args| {
        zone::offset_value(context, receiver(args)?.zone)
    }),
];

fn receiver<'a>(args: Args<'a, '_>) -> Result<TimeOfDay<'a>, Fault<'a>> {
    match args.receiver {
        Value::Object(Object::Time(time)) => Ok(*time),
        _ => Err(Fault::Internal("a time's method without its receiver")),
    }
}

fn part(value: Value<'_>, of: fn(Clock) -> i64) -> Result<Value<'_>, Fault<'_>> {
    match value {
        Value::Object(Object::Time(time)) => Ok(Value::Int(of(Clock::of(time.micros)))),
        _ => Err(Fault::Internal("a time's attribute of something else")),
    }
}

/// A time of day as a value.
pub fn value<'a>(
    context: &mut Context<'a>,
    micros: i64,
    zone: Option<Zone<'a>>,
) -> Result<Value<'a>, Fault<'a>> {
    let time = TimeOfDay { micros, zone };
    Ok(Value::Object(context.arena().alloc(Object::Time(time))?))
}

/// As `strftime` sees it: on the first of January 1900.
#[must_use]
pub fn as_moment(time: TimeOfDay<'_>) -> Moment<'_> {
    const YEARS_70: i64 = 25_567 * super::calendar::DAY;
    Moment {
        micros: EPOCH - YEARS_70 + time.micros,
        zone: time.zone,
        fold: false,
    }
}

fn made<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    known: Clock,
    zone: Option<Zone<'a>>,
) -> Result<Value<'a>, Fault<'a>> {
    let clock = Clock {
        hour: int_part(context, &args, 0, known.hour)?,
        minute: int_part(context, &args, 1, known.minute)?,
        second: int_part(context, &args, 2, known.second)?,
        microsecond: int_part(context, &args, 3, known.microsecond)?,
    };
    let micros = checked_clock(context, clock)?;
    let zone = match args.get(4) {
        None => zone,
        Some(given) => zone::zone_of(context, given, TZINFO)?,
    };
    value(context, micros, zone)
}

fn construct<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    made(context, args, Clock::of(0), None)
}

fn replace<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let old = receiver(args)?;
    made(context, args, Clock::of(old.micros), old.zone)
}

fn isoformat<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let time = receiver(args)?;
    let spec = match args.get(0) {
        None => "auto",
        Some(_) => args.text(context, 0, "isoformat")?.as_str(),
    };
    let clock = text::clock(context, Clock::of(time.micros), spec)?;
    let offset = time
        .zone
        .map(|zone| zone::offset_text(zone.offset(), ":"))
        .unwrap_or_default();
    context.text(&format!("{clock}{offset}"))
}
