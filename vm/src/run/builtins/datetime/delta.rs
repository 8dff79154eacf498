//! `datetime.timedelta`.

use std::fmt::Write as _;

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{FromPrimitive, Signed, ToPrimitive, Zero};

use super::calendar::{DAY, SECOND};
use super::value::Delta;
use crate::bytecode::operand::Binary;
use crate::run::builtins::{
    Args, AttributeDef, Member, NativeDef, TypeDef, exactly, function, method, named, optional,
};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::number::as_bigint;
use crate::run::object::Object;
use crate::run::ops::integer;
use crate::run::value::Value;

/// Days of a timedelta, either way.
const DAYS_MAX: i128 = 999_999_999;

/// `datetime.timedelta`.
pub static TYPE: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[
        AttributeDef {
            name: "days",
            get: |_, value| part(value, Delta::days),
        },
        AttributeDef {
            name: "seconds",
            get: |_, value| part(value, Delta::seconds),
        },
        AttributeDef {
            name: "microseconds",
            get: |_, value| part(value, Delta::microseconds),
        },
    ],
    members: &[
        Member::Made("resolution", |context| value(context, 1)),
        Member::Made("max", |context| {
            value(context, (DAYS_MAX + 1) * i128::from(DAY) - 1)
        }),
        Member::Made("min", |context| value(context, -DAYS_MAX * i128::from(DAY))),
    ],
    construct: Some(&function(
        "__new__",
        named(&[
            optional("days"),
            optional("seconds"),
            optional("microseconds"),
            optional("milliseconds"),
            optional("minutes"),
            optional("hours"),
            optional("weeks"),
        ]),
        construct,
    )),
};

static METHODS: &[NativeDef] = &[method(
    "total_seconds",
    exactly(0),
    |context, args| match args.receiver {
        Value::Object(Object::TimeDelta(delta)) => seconds(context, *delta),
        _ => Err(Fault::Internal("a timedelta's method without its receiver")),
    },
)];

fn part(value: Value<'_>, of: fn(Delta) -> i128) -> Result<Value<'_>, Fault<'_>> {
    match value {
        Value::Object(Object::TimeDelta(delta)) => Ok(Value::Int(of(*delta) as i64)),
        _ => Err(Fault::Internal("a timedelta's attribute of something else")),
    }
}

/// A duration of microseconds as a value, or `OverflowError`.
pub fn value<'a>(context: &mut Context<'a>, micros: i128) -> Result<Value<'a>, Fault<'a>> {
    let delta = Delta(micros);
    if delta.days().abs() > DAYS_MAX {
        let days = delta.days();
        if i32::try_from(days).is_err() {
            return Err(context.raise(
                Class::OverflowError,
                "Python int too large to convert to C int",
            ));
        }
        return Err(context.raise(
            Class::OverflowError,
            format_args!("days={days}; must have magnitude <= 999999999"),
        ));
    }
    Ok(Value::Object(
        context.arena().alloc(Object::TimeDelta(delta))?,
    ))
}

fn big_value<'a>(context: &mut Context<'a>, micros: &BigInt) -> Result<Value<'a>, Fault<'a>> {
    match micros.to_i128() {
        Some(micros) => value(context, micros),
        None => Err(context.raise(
            Class::OverflowError,
            "Python int too large to convert to C int",
        )),
    }
}

/// Seconds as a float, rounded once.
pub fn seconds<'a>(context: &mut Context<'a>, delta: Delta) -> Result<Value<'a>, Fault<'a>> {
    integer::big(
        context,
        Binary::Div,
        &BigInt::from(delta.0),
        &BigInt::from(SECOND),
    )
}

fn construct<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    const NAMES: [&str; 7] = [
        "days",
        "seconds",
        "microseconds",
        "milliseconds",
        "minutes",
        "hours",
        "weeks",
    ];
    const FACTORS: [i64; 7] = [DAY, SECOND, 1, 1_000, 60 * SECOND, 3_600 * SECOND, 7 * DAY];
    let mut total = BigInt::zero();
    // Fractions of a microsecond are kept and rounded once.
    let mut leftover = 0.0;
    for place in [2, 3, 1, 4, 5, 0, 6] {
        let Some(given) = args.get(place) else {
            continue;
        };
        match given {
            Value::Float(number) => {
                if number.is_nan() {
                    return Err(
                        context.raise(Class::ValueError, "cannot convert float NaN to integer")
                    );
                }
                let Some(whole) = BigInt::from_f64(number.trunc()) else {
                    return Err(context.raise(
                        Class::OverflowError,
                        "cannot convert float infinity to integer",
                    ));
                };
                total += whole * FACTORS[place];
                let fraction = number.fract() * FACTORS[place] as f64;
                total += BigInt::from_f64(fraction.trunc()).unwrap_or_default();
                leftover += fraction.fract();
            }
            other => match as_bigint(other) {
                Some(number) => total += number * FACTORS[place],
                None => {
                    let kind = other.type_of().name();
                    let name = NAMES[place];
                    return Err(context.raise(
                        Class::TypeError,
                        format_args!("unsupported type for timedelta {name} component: {kind}"),
                    ));
                }
            },
        }
    }
    if leftover != 0.0 {
        let mut whole: f64 = leftover.round();
        if (whole - leftover).abs() == 0.5 {
            let odd = f64::from(u8::from(total.is_odd()));
            whole = 2.0 * ((leftover + odd) * 0.5).round() - odd;
        }
        total += BigInt::from_f64(whole).unwrap_or_default();
    }
    big_value(context, &total)
}

/// `abs(timedelta)`.
pub fn abs<'a>(context: &mut Context<'a>, delta: Delta) -> Result<Value<'a>, Fault<'a>> {
    value(context, delta.0.abs())
}

/// `top / bottom` to the nearest int, halves to even.
fn nearest(top: &BigInt, bottom: &BigInt) -> BigInt {
    let (quotient, rest) = top.div_mod_floor(bottom);
    let twice: BigInt = rest * 2;
    // The rest has the divisor's sign.
    let beyond = twice.abs().cmp(&bottom.abs());
    if beyond.is_gt() || (beyond.is_eq() && quotient.is_odd()) {
        quotient + 1
    } else {
        quotient
    }
}

/// A float as a fraction of two ints.
fn ratio<'a>(context: &mut Context<'a>, number: f64) -> Result<(BigInt, BigInt), Fault<'a>> {
    if number.is_nan() {
        return Err(context.raise(Class::ValueError, "cannot convert NaN to integer ratio"));
    }
    if number.is_infinite() {
        return Err(context.raise(
            Class::OverflowError,
            "cannot convert Infinity to integer ratio",
        ));
    }
    let (mut scaled, mut halvings) = (number, 0_u32);
    while scaled.fract() != 0.0 {
        scaled *= 2.0;
        halvings += 1;
    }
    Ok((
        BigInt::from_f64(scaled).unwrap_or_default(),
        BigInt::from(1) << halvings,
    ))
}

/// `left op right` where one is a timedelta and neither a date; nothing when there is no such operator.
pub fn binary<'a>(
    context: &mut Context<'a>,
    op: Binary,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Option<Value<'a>>, Fault<'a>> {
    let delta = |value| match value {
        Value::Object(Object::TimeDelta(delta)) => Some(delta.0),
        _ => None,
    };
    let zero = |context: &mut Context<'a>| {
        let text = if op == Binary::Mod {
            "integer modulo by zero"
        } else if op == Binary::Div {
            "division by zero"
        } else {
            "integer division or modulo by zero"
        };
        context.raise(Class::ZeroDivisionError, text)
    };
    if let (Some(left), Some(right)) = (delta(left), delta(right)) {
        return Ok(Some(match op {
            Binary::Add => value(context, left + right)?,
            Binary::Sub => value(context, left - right)?,
            Binary::Div | Binary::FloorDiv | Binary::Mod if right == 0 => {
                return Err(zero(context));
            }
            Binary::Div => integer::big(context, op, &BigInt::from(left), &BigInt::from(right))?,
            Binary::FloorDiv => context.wide(Integer::div_floor(&left, &right))?,
            Binary::Mod => value(context, Integer::mod_floor(&left, &right))?,
            _ => return Ok(None),
        }));
    }
    let (micros, number, swapped) = match (delta(left), delta(right)) {
        (Some(micros), None) => (micros, right, false),
        (None, Some(micros)) => (micros, left, true),
        _ => return Ok(None),
    };
    let micros = BigInt::from(micros);
    if let Value::Float(number) = number {
        let result = match op {
            Binary::Mul => {
                let (top, bottom) = ratio(context, number)?;
                nearest(&(micros * top), &bottom)
            }
            Binary::Div if !swapped => {
                let (top, bottom) = ratio(context, number)?;
                if top.is_zero() {
                    return Err(zero(context));
                }
                nearest(&(micros * bottom), &top)
            }
            _ => return Ok(None),
        };
        return big_value(context, &result).map(Some);
    }
    let Some(number) = as_bigint(number) else {
        return Ok(None);
    };
    context.charge_bytes(number.bits() as usize / 8)?;
    let result = match op {
        Binary::Mul => micros * number,
        Binary::Div | Binary::FloorDiv if !swapped && number.is_zero() => {
            return Err(context.raise(
                Class::ZeroDivisionError,
                "integer division or modulo by zero",
            ));
        }
        Binary::Div if !swapped => nearest(&micros, &number),
        Binary::FloorDiv if !swapped => micros.div_floor(&number),
        _ => return Ok(None),
    };
    big_value(context, &result).map(Some)
}

/// A duration as text.
#[derive(Clone, Copy, Debug)]
pub struct Duration(pub Delta);

impl Duration {
    /// `str()`: `1 day, 2:03:04.000005`
    #[must_use]
    pub fn text(self) -> String {
        let delta = self.0;
        let seconds = delta.seconds();
        let mut text = match delta.days() {
            0 => String::new(),
            days @ (1 | -1) => format!("{days} day, "),
            days => format!("{days} days, "),
        };
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let _ = write!(text, "{hours}:{minutes:02}:{seconds:02}");
        if delta.microseconds() != 0 {
            let _ = write!(text, ".{:06}", delta.microseconds());
        }
        text
    }

    /// `repr()`: `datetime.timedelta(days=1, seconds=7384)`
    #[must_use]
    pub fn repr(self) -> String {
        let delta = self.0;
        let parts: Vec<String> = [
            ("days", delta.days()),
            ("seconds", delta.seconds()),
            ("microseconds", delta.microseconds()),
        ]
        .into_iter()
        .filter(|(_, number)| *number != 0)
        .map(|(name, number)| format!("{name}={number}"))
        .collect();
        if parts.is_empty() {
            "datetime.timedelta(0)".to_owned()
        } else {
            format!("datetime.timedelta({})", parts.join(", "))
        }
    }
}
