//! Small modules: `os`, `time`, `random`, `uuid`, `math`.

use super::{
    Args, Member, ModuleDef, TypeDef, between, exactly, function, keyword, named, required,
};
use super::{AttributeDef, optional};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::kind::Type;
use crate::run::object::Object;
use crate::run::ops::arithmetic::{exact_float, is_number};
use crate::run::value::Value;

/// `os`: there is no environment and no file to see.
pub static OS: ModuleDef = ModuleDef {
    name: "os",
    members: &[
        Member::Native(function(
            "getenv",
            named(&[required("key"), optional("default")]),
            |context, args| {
                if args.or_none(0).as_str().is_none() {
                    let kind = args.or_none(0).type_of().name();
                    return Err(
                        context.raise(Class::TypeError, format_args!("str expected, not {kind}"))
                    );
                }
                Ok(args.or_none(1))
            },
        )),
        Member::Made("environ", |context| Ok(Value::Dict(context.dict()?))),
        Member::Text("name", "posix"),
        Member::Text("sep", "/"),
        Member::Text("linesep", "\n"),
    ],
};

/// `time`: the time of the execution.
pub static TIME: ModuleDef = ModuleDef {
    name: "time",
    members: &[
        Member::Native(function("time", exactly(0), |context, _| {
            Ok(Value::Float(context.now_us() as f64 / 1e6))
        })),
        Member::Native(function("time_ns", exactly(0), |context, _| {
            let nanos = i128::from(context.now_us()) * 1_000;
            context.wide(nanos)
        })),
    ],
};

/// `random`: from the seed of the execution. Its numbers are not those of CPython's generator.
pub static RANDOM: ModuleDef = ModuleDef {
    name: "random",
    members: &[
        Member::Native(function("random", exactly(0), |context, _| {
            Ok(Value::Float(unit(context)))
        })),
        Member::Native(function(
            "uniform",
            named(&[required("a"), required("b")]),
            |context, args| {
                let low = number(context, args.or_none(0))?;
                let high = number(context, args.or_none(1))?;
                Ok(Value::Float(low + (high - low) * unit(context)))
            },
        )),
        Member::Native(function(
            "randint",
            named(&[required("a"), required("b")]),
            |context, args| {
                let (low, high) = (args.index(context, 0)?, args.index(context, 1)?);
                below(context, low, i128::from(high) + 1)
            },
        )),
        Member::Native(function("randrange", between(1, 2), |context, args| {
            let first = args.index(context, 0)?;
            if args.get(1).is_none() {
                return below(context, 0, i128::from(first));
            }
            let end = args.index(context, 1)?;
            below(context, first, i128::from(end))
        })),
        Member::Native(function(
            "choice",
            named(&[required("seq")]),
            |context, args| {
                let count = super::length(context, args.or_none(0))?;
                if count == 0 {
                    return Err(
                        context.raise(Class::IndexError, "Cannot choose from an empty sequence")
                    );
                }
                let chosen = context.random().below(count as u64) as i64;
                crate::run::ops::subscript::get(context, args.or_none(0), Value::Int(chosen))
            },
        )),
    ],
};

fn unit(context: &mut Context<'_>) -> f64 {
    (context.random().bits() >> 11) as f64 / (1_u64 << 53) as f64
}

fn below<'a>(context: &mut Context<'a>, low: i64, end: i128) -> Result<Value<'a>, Fault<'a>> {
    let width = end - i128::from(low);
    if width <= 0 {
        return Err(context.raise(
            Class::ValueError,
            format_args!("empty range for randrange() ({low}, {end}, {width})"),
        ));
    }
    let width = u64::try_from(width).unwrap_or(u64::MAX);
    let chosen = context.random().below(width);
    context.wide(i128::from(low) + i128::from(chosen))
}

/// `uuid`.
pub static UUID_MODULE: ModuleDef = ModuleDef {
    name: "uuid",
    members: &[
        Member::Native(function("uuid4", exactly(0), |context, _| {
            let bits =
                u128::from(context.random().bits()) << 64 | u128::from(context.random().bits());
            // Version 4, variant of RFC 9562 section 4.1.
            let bits = bits & !(0xF << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
            Ok(Value::Object(context.arena().alloc(Object::Uuid(bits))?))
        })),
        Member::Type("UUID", Type::Uuid),
    ],
};

/// `uuid.UUID`.
pub static UUID: TypeDef = TypeDef {
    methods: &[],
    attributes: &[
        AttributeDef {
            name: "hex",
            get: |context, value| {
                let hex = format!("{:032x}", bits(value)?);
                context.text(&hex)
            },
        },
        AttributeDef {
            name: "int",
            get: |context, value| {
                let number = num_bigint::BigInt::from(bits(value)?);
                context.big(&number)
            },
        },
        AttributeDef {
            name: "version",
            get: |_, value| Ok(Value::Int((bits(value)? >> 76 & 0xF) as i64)),
        },
        AttributeDef {
            name: "bytes",
            get: |context, value| {
                let bytes = bits(value)?.to_be_bytes();
                context.bytes(&bytes)
            },
        },
    ],
    members: &[],
    construct: Some(&function(
        "UUID",
        named(&[optional("hex"), keyword("int")]),
        |context, args| {
            let Some(text) = args.or_none(0).as_str() else {
                return Err(context.raise(
                    Class::TypeError,
                    "one of the hex, bytes, bytes_le, fields, or int arguments must be given",
                ));
            };
            let plain: String = text
                .replace("urn:", "")
                .replace("uuid:", "")
                .trim_matches(['{', '}'])
                .replace('-', "");
            match u128::from_str_radix(&plain, 16) {
                Ok(bits) if plain.len() == 32 => {
                    Ok(Value::Object(context.arena().alloc(Object::Uuid(bits))?))
                }
                _ => Err(context.raise(Class::ValueError, "badly formed hexadecimal UUID string")),
            }
        },
    )),
};

fn bits(value: Value<'_>) -> Result<u128, Fault<'_>> {
    match value {
        Value::Object(Object::Uuid(bits)) => Ok(*bits),
        _ => Err(Fault::Internal("a UUID's attribute of something else")),
    }
}

/// A UUID as text: groups of RFC 9562.
#[must_use]
pub fn uuid_text(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// `math`.
pub static MATH: ModuleDef = ModuleDef {
    name: "math",
    members: &[
        Member::Float("pi", std::f64::consts::PI),
        Member::Float("e", std::f64::consts::E),
        Member::Float("tau", std::f64::consts::TAU),
        Member::Float("inf", f64::INFINITY),
        Member::Float("nan", f64::NAN),
        Member::Native(function("floor", exactly(1), |context, args| {
            whole(context, args, f64::floor)
        })),
        Member::Native(function("ceil", exactly(1), |context, args| {
            whole(context, args, f64::ceil)
        })),
        Member::Native(function("trunc", exactly(1), |context, args| {
            whole(context, args, f64::trunc)
        })),
        Member::Native(function("sqrt", exactly(1), |context, args| {
            let number = number(context, args.or_none(0))?;
            if number < 0.0 {
                return Err(context.raise(Class::ValueError, "math domain error"));
            }
            Ok(Value::Float(number.sqrt()))
        })),
        Member::Native(function("fabs", exactly(1), |context, args| {
            Ok(Value::Float(number(context, args.or_none(0))?.abs()))
        })),
        Member::Native(function("isnan", exactly(1), |context, args| {
            Ok(Value::Bool(number(context, args.or_none(0))?.is_nan()))
        })),
        Member::Native(function("isinf", exactly(1), |context, args| {
            Ok(Value::Bool(number(context, args.or_none(0))?.is_infinite()))
        })),
        Member::Native(function("isfinite", exactly(1), |context, args| {
            Ok(Value::Bool(number(context, args.or_none(0))?.is_finite()))
        })),
        Member::Native(function("pow", exactly(2), |context, args| {
            let (base, exponent) = (
                number(context, args.or_none(0))?,
                number(context, args.or_none(1))?,
            );
            let result = base.powf(exponent);
            if result.is_nan() && !base.is_nan() && !exponent.is_nan()
                || base == 0.0 && exponent < 0.0
            {
                return Err(context.raise(Class::ValueError, "math domain error"));
            }
            if result.is_infinite() && base.is_finite() && exponent.is_finite() {
                return Err(context.raise(Class::OverflowError, "math range error"));
            }
            Ok(Value::Float(result))
        })),
    ],
};

fn number<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<f64, Fault<'a>> {
    if is_number(value) {
        return exact_float(context, value);
    }
    let kind = value.type_of().name();
    Err(context.raise(
        Class::TypeError,
        format_args!("must be real number, not {kind}"),
    ))
}

fn whole<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    rounded: fn(f64) -> f64,
) -> Result<Value<'a>, Fault<'a>> {
    match args.or_none(0) {
        Value::Float(number) => context.truncated(rounded(number)),
        Value::Bool(flag) => Ok(Value::Int(i64::from(flag))),
        value @ (Value::Int(_) | Value::Big(_)) => Ok(value),
        other => Ok(Value::Float(number(context, other)?)),
    }
}
