//! `datetime.datetime`.

use super::calendar::{Civil, DAY, DAYS_END, EPOCH, SECOND, days_in_month};
use super::value::{Clock, Moment, Zone};
use super::{date, delta, strftime, strptime, text, zone};
use crate::run::builtins::{
    Args, AttributeDef, Member, NativeDef, Param, TypeDef, exactly, function, keyword, method,
    named, optional, required,
};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::object::Object;
use crate::run::value::Value;

/// The message for a `tzinfo` that is none.
pub const TZINFO: &str = "tzinfo argument must be None or of a tzinfo subclass";

const PARTS: &[Param] = &[
    required("year"),
    required("month"),
    required("day"),
    optional("hour"),
    optional("minute"),
    optional("second"),
    optional("microsecond"),
    optional("tzinfo"),
    keyword("fold"),
];

/// `datetime.datetime`.
pub static TYPE: TypeDef = TypeDef {
    methods: METHODS,
    attributes: ATTRIBUTES,
    members: MEMBERS,
    construct: Some(&function("function", named(PARTS), construct)),
};

static MEMBERS: &[Member] = &[
    Member::Native(function("now", named(&[optional("tz")]), now)),
    Member::Native(function("utcnow", exactly(0), |context, _| {
        let now = context.now_us() + EPOCH;
        naive(context, now)
    })),
    Member::Native(function("today", exactly(0), |context, _| {
        let now = context.now_us() + EPOCH;
        naive(context, now)
    })),
    Member::Native(function(
        "fromtimestamp",
        named(&[required("timestamp"), optional("tz")]),
        fromtimestamp,
    )),
    Member::Native(function("utcfromtimestamp", exactly(1), |context, args| {
        let micros = timestamp_micros(context, args.or_none(0))?;
        naive(context, micros)
    })),
    Member::Native(function("strptime", exactly(2), strptime::strptime)),
    Member::Native(function("fromisoformat", exactly(1), text::moment_of_iso)),
    Member::Native(function("fromordinal", exactly(1), |context, args| {
        let day = date::ordinal(context, args)?;
        naive(context, day * DAY)
    })),
    Member::Native(function(
        "combine",
        named(&[required("date"), required("time"), optional("tzinfo")]),
        combine,
    )),
    Member::Made("min", |context| naive(context, 0)),
    Member::Made("max", |context| naive(context, DAYS_END * DAY - 1)),
    Member::Made("resolution", |context| delta::value(context, 1)),
];

static METHODS: &[NativeDef] = &[
    method("astimezone", named(&[optional("tz")]), astimezone),
    method("ctime", exactly(0), |context, args| {
        let moment = receiver(args)?;
        strftime::format(context, &moment, "%a %b %e %H:%M:%S %04Y")
    }),
    method("date", exactly(0), |context, args| {
        date::value(context, receiver(args)?.days())
    }),
    method("dst", exactly(0), |context, args| {
        zone::dst_value(context, receiver(args)?.zone)
    }),
    method(
        "isoformat",
        named(&[optional("sep"), optional("timespec")]),
        isoformat,
    ),
    method("isocalendar", exactly(0), |context, args| {
        date::isocalendar(context, receiver(args)?.days())
    }),
    method("isoweekday", exactly(0), |_, args| {
        Ok(Value::Int(
            super::calendar::weekday(receiver(args)?.days()) + 1,
        ))
    }),
    method(
        "replace",
        named(&[
            optional("year"),
            optional("month"),
            optional("day"),
            optional("hour"),
            optional("minute"),
            optional("second"),
            optional("microsecond"),
            optional("tzinfo"),
            keyword("fold"),
        ]),
        replace,
    ),
    method("strftime", named(&[required("format")]), strftime::strftime),
    method("time", exactly(0), |context, args| {
        let moment = receiver(args)?;
        super::time_of_day::value(context, moment.micros.rem_euclid(DAY), None)
    }),
    method("timetz", exactly(0), |context, args| {
        let moment = receiver(args)?;
        super::time_of_day::value(context, moment.micros.rem_euclid(DAY), moment.zone)
    }),
    method("timestamp", exactly(0), timestamp),
    method("toordinal", exactly(0), |_, args| {
        Ok(Value::Int(receiver(args)?.days() + 1))
    }),
    method("tzname", exactly(0), |context, args| {
        match receiver(args)?.zone {
            None => Ok(Value::None),
            Some(zone) => {
                let name = zone::abbreviation(zone);
                context.text(&name)
            }
        }
    }),
    method("utcoffset", exactly(0), |context, args| {
        zone::offset_value(context, receiver(args)?.zone)
    }),
    method("weekday", exactly(0), |_, args| {
        Ok(Value::Int(super::calendar::weekday(receiver(args)?.days())))
    }),
];

static ATTRIBUTES: &[AttributeDef] = &[
    AttributeDef {
        name: "year",
        get: |_, value| part(value, |moment| moment.civil().year),
    },
    AttributeDef {
        name: "month",
        get: |_, value| part(value, |moment| moment.civil().month),
    },
    AttributeDef {
        name: "day",
        get: |_, value| part(value, |moment| moment.civil().day),
    },
    AttributeDef {
        name: "hour",
        get: |_, value| part(value, |moment| moment.clock().hour),
    },
    AttributeDef {
        name: "minute",
        get: |_, value| part(value, |moment| moment.clock().minute),
    },
    AttributeDef {
        name: "second",
        get: |_, value| part(value, |moment| moment.clock().second),
    },
    AttributeDef {
        name: "microsecond",
        get: |_, value| part(value, |moment| moment.clock().microsecond),
    },
    AttributeDef {
        name: "fold",
        get: |_, value| part(value, |moment| i64::from(moment.fold)),
    },
    AttributeDef {
        name: "tzinfo",
        get: |context, value| match value {
            Value::Object(Object::DateTime(moment)) => zone::zone_value(context, moment.zone),
            _ => Err(Fault::Internal("a datetime's attribute of something else")),
        },
    },
];

fn part<'a>(value: Value<'a>, of: fn(&Moment<'a>) -> i64) -> Result<Value<'a>, Fault<'a>> {
    match value {
        Value::Object(Object::DateTime(moment)) => Ok(Value::Int(of(moment))),
        _ => Err(Fault::Internal("a datetime's attribute of something else")),
    }
}

fn receiver<'a>(args: Args<'a, '_>) -> Result<Moment<'a>, Fault<'a>> {
    match args.receiver {
        Value::Object(Object::DateTime(moment)) => Ok(*moment),
        _ => Err(Fault::Internal("a datetime's method without its receiver")),
    }
}

/// A datetime on a clock, if its year is within 1 to 9999.
pub fn checked<'a>(
    context: &mut Context<'a>,
    micros: i64,
    zone: Option<Zone<'a>>,
) -> Result<Moment<'a>, Fault<'a>> {
    if !(0..DAYS_END * DAY).contains(&micros) {
        return Err(context.raise(Class::OverflowError, "date value out of range"));
    }
    Ok(Moment {
        micros,
        zone,
        fold: false,
    })
}

/// A datetime as a value.
pub fn value<'a>(context: &mut Context<'a>, moment: Moment<'a>) -> Result<Value<'a>, Fault<'a>> {
    Ok(Value::Object(
        context.arena().alloc(Object::DateTime(moment))?,
    ))
}

/// A datetime without zone.
pub fn naive<'a>(context: &mut Context<'a>, micros: i64) -> Result<Value<'a>, Fault<'a>> {
    let moment = checked(context, micros, None)?;
    value(context, moment)
}

/// An int part of a date or time: 32 bits, as CPython's constructors take.
pub fn int_part<'a>(
    context: &mut Context<'a>,
    args: &Args<'a, '_>,
    index: usize,
    default: i64,
) -> Result<i64, Fault<'a>> {
    if args.get(index).is_none() {
        return Ok(default);
    }
    let number = args.index(context, index)?;
    if i32::try_from(number).is_err() {
        let text = if matches!(args.or_none(index), Value::Big(_)) {
            "Python int too large to convert to C int"
        } else if number > 0 {
            "signed integer is greater than maximum"
        } else {
            "signed integer is less than minimum"
        };
        return Err(context.raise(Class::OverflowError, text));
    }
    Ok(number)
}

/// Year, month and day, checked: days since 0001-01-01.
pub fn checked_days<'a>(
    context: &mut Context<'a>,
    year: i64,
    month: i64,
    day: i64,
) -> Result<i64, Fault<'a>> {
    if !(1..=9999).contains(&year) {
        return Err(context.raise(
            Class::ValueError,
            format_args!("year {year} is out of range"),
        ));
    }
    if !(1..=12).contains(&month) {
        return Err(context.raise(Class::ValueError, "month must be in 1..12"));
    }
    if day < 1 || day > days_in_month(year, month) {
        return Err(context.raise(Class::ValueError, "day is out of range for month"));
    }
    Ok(Civil { year, month, day }.days())
}

/// Hour, minute, second and microsecond, checked.
pub fn checked_clock<'a>(context: &mut Context<'a>, clock: Clock) -> Result<i64, Fault<'a>> {
    let text = if !(0..24).contains(&clock.hour) {
        "hour must be in 0..23"
    } else if !(0..60).contains(&clock.minute) {
        "minute must be in 0..59"
    } else if !(0..60).contains(&clock.second) {
        "second must be in 0..59"
    } else if !(0..SECOND).contains(&clock.microsecond) {
        "microsecond must be in 0..999999"
    } else {
        return Ok(clock.micros());
    };
    Err(context.raise(Class::ValueError, text))
}

/// `fold=`
pub fn fold_of<'a>(
    context: &mut Context<'a>,
    args: &Args<'a, '_>,
    index: usize,
    default: bool,
) -> Result<bool, Fault<'a>> {
    match int_part(context, args, index, i64::from(default))? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(context.raise(Class::ValueError, "fold must be either 0 or 1")),
    }
}

fn construct<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let mut parts = [0; 7];
    for (index, part) in parts.iter_mut().enumerate() {
        *part = int_part(context, &args, index, 0)?;
    }
    let [year, month, day, hour, minute, second, microsecond] = parts;
    let days = checked_days(context, year, month, day)?;
    let clock = Clock {
        hour,
        minute,
        second,
        microsecond,
    };
    let clock = checked_clock(context, clock)?;
    let fold = fold_of(context, &args, 8, false)?;
    let zone = zone::zone_of(context, args.or_none(7), TZINFO)?;
    let micros = days * DAY + clock;
    value(context, Moment { micros, zone, fold })
}

fn replace<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let old = receiver(args)?;
    let (civil, clock) = (old.civil(), old.clock());
    let known = [
        civil.year,
        civil.month,
        civil.day,
        clock.hour,
        clock.minute,
        clock.second,
        clock.microsecond,
    ];
    let mut parts = known;
    for (index, part) in parts.iter_mut().enumerate() {
        *part = int_part(context, &args, index, known[index])?;
    }
    let [year, month, day, hour, minute, second, microsecond] = parts;
    let days = checked_days(context, year, month, day)?;
    let clock = Clock {
        hour,
        minute,
        second,
        microsecond,
    };
    let clock = checked_clock(context, clock)?;
    let fold = fold_of(context, &args, 8, old.fold)?;
    let zone = match args.get(7) {
        None => old.zone,
        Some(given) => zone::zone_of(context, given, TZINFO)?,
    };
    let micros = days * DAY + clock;
    value(context, Moment { micros, zone, fold })
}

fn now<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let now = context.now_us() + EPOCH;
    in_zone(context, now, args.or_none(0))
}

/// A time in UTC on the clock of a zone; without one it is naive (local time is UTC).
fn in_zone<'a>(
    context: &mut Context<'a>,
    utc: i64,
    given: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let zone = match zone::zone_of(context, given, TZINFO)? {
        None => None,
        Some(zone) => Some(zone::at_utc(context, zone, utc)?),
    };
    let moment = checked(context, utc + zone.map_or(0, Zone::offset), zone)?;
    value(context, moment)
}

/// Seconds since 1970 to microseconds since 0001, half to even.
pub fn timestamp_micros<'a>(context: &mut Context<'a>, given: Value<'a>) -> Result<i64, Fault<'a>> {
    let (seconds, micros) = match given {
        Value::Float(number) => {
            if number.is_nan() {
                return Err(context.raise(Class::ValueError, "Invalid value NaN (not a number)"));
            }
            let mut seconds = number.trunc();
            let mut micros = (number.fract() * 1e6).round_ties_even();
            if micros >= 1e6 {
                seconds += 1.0;
                micros -= 1e6;
            } else if micros < 0.0 {
                seconds -= 1.0;
                micros += 1e6;
            }
            // Far beyond year 9999, and within 64 bits.
            (seconds.clamp(-1e18, 1e18) as i64, micros as i64)
        }
        Value::Int(number) => (number, 0),
        Value::Bool(flag) => (i64::from(flag), 0),
        Value::Big(big) => (
            if big.is_negative() {
                i64::MIN
            } else {
                i64::MAX
            },
            0,
        ),
        other => {
            let kind = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("'{kind}' object cannot be interpreted as an integer"),
            ));
        }
    };
    let too_large = match given {
        Value::Float(number) => number.abs() >= 9.223_372_036_854_776e18,
        Value::Big(_) => true,
        _ => false,
    };
    if too_large {
        return Err(context.raise(
            Class::OverflowError,
            "timestamp out of range for platform time_t",
        ));
    }
    let first = -EPOCH / SECOND;
    if !(first..first + DAYS_END * 86_400).contains(&seconds) {
        return match year_of(seconds) {
            Some(year) => Err(context.raise(
                Class::ValueError,
                format_args!("year {year} is out of range"),
            )),
            None => {
                let message = context.text("Value too large for defined data type")?;
                Err(context.raise_with(Class::OverflowError, &[Value::Int(75), message]))
            }
        };
    }
    Ok((seconds - first) * SECOND + micros)
}

/// The year of a time outside of `datetime`'s range, if C's calendar holds it.
fn year_of(seconds: i64) -> Option<i64> {
    let days = seconds.div_euclid(86_400) + super::calendar::EPOCH_DAYS;
    // 146,097 days are 400 years.
    let (cycles, days) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = cycles * 400 + Civil::from_days(days).year;
    i32::try_from(year - 1900).ok().map(|_| year)
}

fn fromtimestamp<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    let micros = timestamp_micros(context, args.or_none(0))?;
    in_zone(context, micros, args.or_none(1))
}

fn timestamp<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let moment = receiver(args)?;
    let micros = moment.utc() - EPOCH;
    if moment.zone.is_some() {
        return delta::seconds(context, super::value::Delta(i128::from(micros)));
    }
    let fraction = micros.rem_euclid(SECOND) as f64 / 1e6;
    Ok(Value::Float(micros.div_euclid(SECOND) as f64 + fraction))
}

fn astimezone<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let moment = receiver(args)?;
    let zone = zone::zone_of(
        context,
        args.or_none(0),
        "tz argument must be an instance of tzinfo",
    )?
    .unwrap_or(Zone::Fixed(0, None));
    let zone = zone::at_utc(context, zone, moment.utc())?;
    let moment = checked(context, moment.utc() + zone.offset(), Some(zone))?;
    value(context, moment)
}

fn combine<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let days = match args.or_none(0) {
        Value::Object(Object::Date(days)) => *days,
        Value::Object(Object::DateTime(moment)) => moment.days(),
        other => {
            let kind = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("combine() argument 1 must be datetime.date, not {kind}"),
            ));
        }
    };
    let Value::Object(Object::Time(time)) = args.or_none(1) else {
        let kind = args.or_none(1).type_of().name();
        return Err(context.raise(
            Class::TypeError,
            format_args!("combine() argument 2 must be datetime.time, not {kind}"),
        ));
    };
    let zone = match args.get(2) {
        None => time.zone,
        Some(given) => zone::zone_of(context, given, TZINFO)?,
    };
    let moment = checked(context, days * DAY + time.micros, zone)?;
    value(context, moment)
}

fn isoformat<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let moment = receiver(args)?;
    let separator = match args.get(0) {
        None => 'T',
        Some(given) => {
            let mut characters = given.as_str().unwrap_or_default().chars();
            match (characters.next(), characters.next()) {
                (Some(only), None) => only,
                _ => {
                    let kind = given.type_of().name();
                    return Err(context.raise(
                        Class::TypeError,
                        format_args!(
                            "isoformat() argument 1 must be a unicode character, not {kind}"
                        ),
                    ));
                }
            }
        }
    };
    let spec = match args.get(1) {
        None => "auto",
        Some(_) => args.text(context, 1, "isoformat")?.as_str(),
    };
    let clock = text::clock(context, moment.clock(), spec)?;
    let date = text::date(moment.days());
    let offset = moment
        .zone
        .map(|zone| zone::offset_text(zone.offset(), ":"))
        .unwrap_or_default();
    context.text(&format!("{date}{separator}{clock}{offset}"))
}
