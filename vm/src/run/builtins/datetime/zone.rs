//! Zones: the tz database that is built in, in the manner of `pytz`, and `datetime.timezone`.

use std::fmt::Write as _;

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::calendar::{EPOCH, SECOND};
use super::delta::Duration;
use super::value::{Delta, Moment, Named, Zone};
use crate::run::builtins::{
    Args, Member, ModuleDef, NativeDef, TypeDef, between, exactly, function, method, named,
    optional, required,
};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::kind::Type;
use crate::run::object::Object;
use crate::run::value::Value;

/// The database in the binary: nothing is read from files.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A name longer than any zone's is not even looked up.
const NAME_BYTES_MAX: usize = 64;

/// `pytz`.
pub static PYTZ: ModuleDef = ModuleDef {
    name: "pytz",
    members: &[
        Member::Native(function("timezone", named(&[required("zone")]), timezone)),
        Member::Type(
            "UnknownTimeZoneError",
            Type::Exception(Class::UnknownTimeZoneError),
        ),
        Member::Made("utc", |context| zone_value(context, Some(Zone::Utc))),
        Member::Made("UTC", |context| zone_value(context, Some(Zone::Utc))),
    ],
};

/// A zone of `pytz`.
pub static ZONE: TypeDef = TypeDef {
    methods: ZONE_METHODS,
    attributes: &[super::super::AttributeDef {
        name: "zone",
        get: |context, value| match value {
            Value::Object(Object::Zone(zone)) => {
                let name = name_of(*zone);
                context.text(&name)
            }
            _ => Err(Fault::Internal("a zone's attribute of something else")),
        },
    }],
    members: &[],
    construct: None,
};

/// `datetime.timezone`.
pub static TIMEZONE: TypeDef = TypeDef {
    methods: &[
        method("utcoffset", exactly(1), utcoffset),
        method("tzname", exactly(1), tzname),
        method("dst", exactly(1), dst),
    ],
    attributes: &[],
    members: &[Member::Made("utc", |context| {
        zone_value(context, Some(Zone::Fixed(0, None)))
    })],
    construct: Some(&function(
        "timezone",
        named(&[required("offset"), optional("name")]),
        fixed,
    )),
};

static ZONE_METHODS: &[NativeDef] = &[
    method(
        "localize",
        named(&[required("dt"), optional("is_dst")]),
        localize,
    ),
    method("normalize", exactly(1), normalize),
    method("utcoffset", between(1, 2), utcoffset),
    method("tzname", between(1, 2), tzname),
    method("dst", between(1, 2), dst),
];

fn receiver<'a>(args: Args<'a, '_>) -> Result<Zone<'a>, Fault<'a>> {
    match args.receiver {
        Value::Object(Object::Zone(zone)) => Ok(*zone),
        _ => Err(Fault::Internal("a zone's method without its receiver")),
    }
}

/// A zone as a value.
pub fn zone_value<'a>(
    context: &mut Context<'a>,
    zone: Option<Zone<'a>>,
) -> Result<Value<'a>, Fault<'a>> {
    match zone {
        None => Ok(Value::None),
        Some(zone) => Ok(Value::Object(context.arena().alloc(Object::Zone(zone))?)),
    }
}

/// A `tzinfo` argument.
pub fn zone_of<'a>(
    context: &mut Context<'a>,
    value: Value<'a>,
    message: &str,
) -> Result<Option<Zone<'a>>, Fault<'a>> {
    match value {
        Value::None | Value::Unset => Ok(None),
        Value::Object(Object::Zone(zone)) => Ok(Some(*zone)),
        other => {
            let kind = other.type_of().name();
            let short = kind.strip_prefix("datetime.").unwrap_or(kind);
            Err(context.raise(
                Class::TypeError,
                format_args!("{message}, not type '{short}'"),
            ))
        }
    }
}

fn timezone<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let given = args.or_none(0);
    let Some(name) = given.as_str() else {
        return Err(context.raise_with(Class::UnknownTimeZoneError, &[given]));
    };
    if name.eq_ignore_ascii_case("utc") {
        return zone_value(context, Some(Zone::Utc));
    }
    let found = (name.len() <= NAME_BYTES_MAX)
        .then(|| DATABASE.get(name).ok())
        .flatten();
    let Some(zone) = found else {
        return Err(context.raise_with(Class::UnknownTimeZoneError, &[given]));
    };
    let name = zone.iana_name().unwrap_or(name);
    let name = context.arena().alloc_str(name)?;
    // Until it meets a date a zone of `pytz` stands at its first offset.
    let first = offset_at(context, &zone, name, Timestamp::MIN)?;
    let rounded = Named {
        offset_s: (first.offset_s + 30).div_euclid(60) * 60,
        ..first
    };
    zone_value(context, Some(Zone::Named(rounded)))
}

fn offset_at<'a>(
    context: &mut Context<'a>,
    zone: &TimeZone,
    name: &'a str,
    at: Timestamp,
) -> Result<Named<'a>, Fault<'a>> {
    context.charge(4)?;
    let info = zone.to_offset_info(at);
    let abbreviation = context.arena().alloc_str(info.abbreviation())?;
    let offset_s = i64::from(info.offset().seconds());
    Ok(Named {
        name,
        offset_s,
        dst_s: if info.dst().is_dst() { 3600 } else { 0 },
        abbreviation,
    })
}

/// A zone as it is at a time: microseconds since 0001-01-01 UTC.
pub fn at_utc<'a>(
    context: &mut Context<'a>,
    zone: Zone<'a>,
    utc: i64,
) -> Result<Zone<'a>, Fault<'a>> {
    let Zone::Named(named) = zone else {
        return Ok(zone);
    };
    let (Ok(found), Ok(at)) = (
        DATABASE.get(named.name),
        Timestamp::from_microsecond(utc - EPOCH),
    ) else {
        return Ok(zone);
    };
    Ok(Zone::Named(offset_at(context, &found, named.name, at)?))
}

/// `zone.localize(naive, is_dst=False)`: of two offsets the one without summer time.
fn localize<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let zone = receiver(args)?;
    let Value::Object(Object::DateTime(moment)) = args.or_none(0) else {
        let kind = args.or_none(0).type_of().name();
        return Err(context.raise(
            Class::AttributeError,
            format_args!("'{kind}' object has no attribute 'tzinfo'"),
        ));
    };
    if moment.zone.is_some() {
        return Err(context.raise(
            Class::ValueError,
            "Not naive datetime (tzinfo is already set)",
        ));
    }
    let summer = args.get(1).is_some_and(Value::is_true);
    // A local time that does not exist: what was six hours before, or with summer time what will be six hours later.
    let beyond = if summer { 6 } else { -6 } * 3_600 * SECOND;
    let mut found = at_utc(context, zone, moment.micros + beyond - zone.offset())?;
    // Offsets of a day before and after: what the local time can mean.
    let mut fitting = Vec::new();
    for shift in [-86_400, 86_400] {
        let near = at_utc(context, zone, moment.micros + shift * SECOND)?;
        let back = at_utc(context, zone, moment.micros - near.offset())?;
        if back.offset() == near.offset() {
            fitting.push(back);
        }
    }
    let is_summer = |zone: &Zone<'_>| matches!(zone, Zone::Named(named) if named.dst_s != 0);
    if let Some(first) = fitting.first() {
        found = fitting
            .iter()
            .copied()
            .find(|zone| is_summer(zone) == summer)
            .unwrap_or(*first);
    }
    let moment = Moment {
        zone: Some(found),
        ..*moment
    };
    Ok(Value::Object(
        context.arena().alloc(Object::DateTime(moment))?,
    ))
}

fn normalize<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let zone = receiver(args)?;
    let Value::Object(Object::DateTime(moment)) = args.or_none(0) else {
        let kind = args.or_none(0).type_of().name();
        return Err(context.raise(
            Class::AttributeError,
            format_args!("'{kind}' object has no attribute 'tzinfo'"),
        ));
    };
    if moment.zone.is_none() {
        return Err(context.raise(Class::ValueError, "Naive time - no tzinfo set"));
    }
    let found = at_utc(context, zone, moment.utc())?;
    let moment = super::moment::checked(context, moment.utc() + found.offset(), Some(found))?;
    Ok(Value::Object(
        context.arena().alloc(Object::DateTime(moment))?,
    ))
}

fn fixed<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let Value::Object(Object::TimeDelta(Delta(micros))) = args.or_none(0) else {
        let kind = args.or_none(0).type_of().name();
        return Err(context.raise(
            Class::TypeError,
            format_args!("timezone() argument 1 must be datetime.timedelta, not {kind}"),
        ));
    };
    let day = i128::from(super::calendar::DAY);
    if micros.abs() >= day {
        let repr = Duration(Delta(*micros)).repr();
        return Err(context.raise(
            Class::ValueError,
            format_args!(
                "offset must be a timedelta strictly between -timedelta(hours=24) and \
                 timedelta(hours=24), not {repr}."
            ),
        ));
    }
    let name = match args.get(1) {
        None => None,
        Some(_) => Some(args.text(context, 1, "timezone")?.as_str()),
    };
    zone_value(context, Some(Zone::Fixed(*micros as i64, name)))
}

fn utcoffset<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    offset_value(context, Some(receiver(args)?))
}

/// `utcoffset()` of a zone, `None` without one.
pub fn offset_value<'a>(
    context: &mut Context<'a>,
    zone: Option<Zone<'a>>,
) -> Result<Value<'a>, Fault<'a>> {
    match zone {
        None => Ok(Value::None),
        Some(zone) => super::delta::value(context, i128::from(zone.offset())),
    }
}

fn tzname<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let name = abbreviation(receiver(args)?);
    context.text(&name)
}

fn dst<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    dst_value(context, Some(receiver(args)?))
}

/// `dst()` of a zone.
pub fn dst_value<'a>(
    context: &mut Context<'a>,
    zone: Option<Zone<'a>>,
) -> Result<Value<'a>, Fault<'a>> {
    match zone {
        None | Some(Zone::Fixed(..)) => Ok(Value::None),
        Some(Zone::Utc) => super::delta::value(context, 0),
        Some(Zone::Named(named)) => {
            super::delta::value(context, i128::from(named.dst_s) * i128::from(SECOND))
        }
    }
}

/// `tzname()` of a zone.
#[must_use]
pub fn abbreviation(zone: Zone<'_>) -> String {
    match zone {
        Zone::Fixed(_, Some(name)) => name.to_owned(),
        Zone::Fixed(0, None) | Zone::Utc => "UTC".to_owned(),
        Zone::Fixed(offset, None) => format!("UTC{}", offset_text(offset, ":")),
        Zone::Named(named) => named.abbreviation.to_owned(),
    }
}

/// `str()` of a zone.
#[must_use]
pub fn name_of(zone: Zone<'_>) -> String {
    match zone {
        Zone::Named(named) => named.name.to_owned(),
        other => abbreviation(other),
    }
}

/// `+01:00`, with seconds and microseconds where there are any.
#[must_use]
pub fn offset_text(offset: i64, separator: &str) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let clock = super::value::Clock::of(offset.abs());
    let mut text = format!("{sign}{:02}{separator}{:02}", clock.hour, clock.minute);
    if clock.second != 0 || clock.microsecond != 0 {
        text.push_str(separator);
        let _ = write!(text, "{:02}", clock.second);
    }
    if clock.microsecond != 0 {
        let _ = write!(text, ".{:06}", clock.microsecond);
    }
    text
}

/// `repr()` of a zone.
#[must_use]
pub fn repr(zone: Zone<'_>) -> String {
    match zone {
        Zone::Fixed(0, None) => "datetime.timezone.utc".to_owned(),
        Zone::Fixed(offset, name) => {
            let offset = Duration(Delta(i128::from(offset))).repr();
            match name {
                Some(name) => format!("datetime.timezone({offset}, '{name}')"),
                None => format!("datetime.timezone({offset})"),
            }
        }
        Zone::Utc => "<UTC>".to_owned(),
        Zone::Named(named) => {
            let offset = Duration(Delta(i128::from(named.offset_s) * i128::from(SECOND))).text();
            let sign = if named.offset_s >= 0 { "+" } else { "" };
            let season = if named.dst_s == 0 { "STD" } else { "DST" };
            format!(
                "<DstTzInfo '{}' {}{sign}{offset} {season}>",
                named.name, named.abbreviation
            )
        }
    }
}
