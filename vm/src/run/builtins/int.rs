//! `int` and `bool`: construction, methods, attributes.

use num_traits::{Signed, ToPrimitive};

use super::{
    Args, AttributeDef, Member, NativeDef, Param, TypeDef, between, exactly, function, method,
    named, optional,
};
use crate::limits::Limit;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::number::as_bigint;
use crate::run::ops::read;
use crate::run::value::Value;

/// `int`.
pub static TYPE: TypeDef = TypeDef {
    methods: METHODS,
    attributes: ATTRIBUTES,
    members: &[Member::Native(function(
        "from_bytes",
        named(&[
            optional("bytes"),
            optional("byteorder"),
            Param {
                name: "signed",
                required: false,
                keyword_only: true,
            },
        ]),
        from_bytes,
    ))],
    construct: Some(&function("int", super::Params::Any, construct)),
};

/// `bool`.
pub static BOOL: TypeDef = TypeDef {
    methods: METHODS,
    attributes: ATTRIBUTES,
    members: &[],
    construct: Some(&function("bool", between(0, 1), |_, args| {
        Ok(Value::Bool(args.or_none(0).is_true()))
    })),
};

static METHODS: &[NativeDef] = &[
    method("bit_length", exactly(0), |_, args| {
        Ok(Value::Int(
            as_bigint(args.receiver).map_or(0, |number| number.bits() as i64),
        ))
    }),
    method("bit_count", exactly(0), |_, args| {
        let ones = as_bigint(args.receiver).map_or(0, |number| {
            number
                .magnitude()
                .iter_u64_digits()
                .map(u64::count_ones)
                .sum()
        });
        Ok(Value::Int(i64::from(ones)))
    }),
    method("conjugate", exactly(0), |context, args| {
        plain(context, args.receiver)
    }),
    method("as_integer_ratio", exactly(0), |context, args| {
        let number = plain(context, args.receiver)?;
        context.tuple(&[number, Value::Int(1)])
    }),
    method("__index__", exactly(0), |context, args| {
        plain(context, args.receiver)
    }),
    method(
        "to_bytes",
        named(&[
            optional("length"),
            optional("byteorder"),
            Param {
                name: "signed",
                required: false,
                keyword_only: true,
            },
        ]),
        to_bytes,
    ),
];

static ATTRIBUTES: &[AttributeDef] = &[
    AttributeDef {
        name: "real",
        get: plain,
    },
    AttributeDef {
        name: "numerator",
        get: plain,
    },
    AttributeDef {
        name: "imag",
        get: |_, _| Ok(Value::Int(0)),
    },
    AttributeDef {
        name: "denominator",
        get: |_, _| Ok(Value::Int(1)),
    },
];

/// A bool as the int it is.
fn plain<'a>(_context: &mut Context<'a>, value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
    Ok(match value {
        Value::Bool(flag) => Value::Int(i64::from(flag)),
        other => other,
    })
}

fn construct<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let mut base = args.get(1);
    for (name, value) in args.named {
        if name.as_str() != "base" {
            return Err(context.raise(
                Class::TypeError,
                format_args!(
                    "'{}' is an invalid keyword argument for int()",
                    name.as_str()
                ),
            ));
        }
        base = Some(*value);
    }
    if args.given.len() + args.named.len() > 2 {
        let count = args.given.len() + args.named.len();
        return Err(context.raise(
            Class::TypeError,
            format_args!("int() takes at most 2 arguments ({count} given)"),
        ));
    }
    let Some(value) = args.get(0) else {
        return match base {
            None => Ok(Value::Int(0)),
            Some(_) => Err(context.raise(Class::TypeError, "int() missing string argument")),
        };
    };
    let Some(base) = base else {
        return int_of(context, value);
    };
    let number = match base {
        Value::Int(number) => number,
        Value::Bool(flag) => i64::from(flag),
        Value::Big(_) => -1,
        other => {
            let kind = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("'{kind}' object cannot be interpreted as an integer"),
            ));
        }
    };
    let Ok(base @ (0 | 2..=36)) = u32::try_from(number) else {
        return Err(context.raise(Class::ValueError, "int() base must be >= 2 and <= 36, or 0"));
    };
    match value {
        Value::Str(text) => read::int_of(context, text.as_str(), base, value),
        Value::Bytes(bytes) => {
            let text = String::from_utf8_lossy(bytes.as_slice());
            read::int_of(context, &text, base, value)
        }
        _ => Err(context.raise(
            Class::TypeError,
            "int() can't convert non-string with explicit base",
        )),
    }
}

/// `int(value)`, also for the machine (loop bounds).
pub fn int_of<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
    match value {
        Value::Int(_) | Value::Big(_) => Ok(value),
        Value::Bool(flag) => Ok(Value::Int(i64::from(flag))),
        Value::Float(number) => context.truncated(number),
        Value::Str(text) => read::int_of(context, text.as_str(), 10, value),
        Value::Bytes(bytes) => {
            let text = String::from_utf8_lossy(bytes.as_slice());
            read::int_of(context, &text, 10, value)
        }
        other => {
            let kind = other.type_of().name();
            let text = format_args!(
                "int() argument must be a string, a bytes-like object or a real number, not '{kind}'"
            );
            Err(context.raise(Class::TypeError, text))
        }
    }
}

/// `byteorder` as "big".
fn is_big<'a>(context: &mut Context<'a>, args: &Args<'a, '_>) -> Result<bool, Fault<'a>> {
    match args.get(1) {
        None => Ok(true),
        Some(Value::Str(order)) if order.as_str() == "big" => Ok(true),
        Some(Value::Str(order)) if order.as_str() == "little" => Ok(false),
        Some(Value::Str(_)) => Err(context.raise(
            Class::ValueError,
            "byteorder must be either 'little' or 'big'",
        )),
        Some(other) => {
            let kind = other.type_of().name();
            Err(context.raise(
                Class::TypeError,
                format_args!("argument 'byteorder' must be str, not {kind}"),
            ))
        }
    }
}

fn to_bytes<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let length = match args.get(0) {
        Some(_) => args.index(context, 0)?,
        None => 1,
    };
    let big = is_big(context, &args)?;
    let signed = args.get(2).is_some_and(Value::is_true);
    let Ok(length) = usize::try_from(length) else {
        return Err(context.raise(Class::ValueError, "length argument must be non-negative"));
    };
    let Some(number) = as_bigint(args.receiver) else {
        return Err(Fault::Internal("an int method without its receiver"));
    };
    if length > context.arena().remaining_bytes() {
        return Err(Fault::Limit(Limit::Memory));
    }
    context.charge_bytes(length)?;
    if number.is_negative() && !signed {
        return Err(context.raise(
            Class::OverflowError,
            "can't convert negative int to unsigned",
        ));
    }
    let mut bytes = if signed {
        number.to_signed_bytes_le()
    } else {
        number.magnitude().to_bytes_le()
    };
    if bytes == [0] {
        bytes.clear();
    }
    if bytes.len() > length {
        return Err(context.raise(Class::OverflowError, "int too big to convert"));
    }
    bytes.resize(length, if number.is_negative() { 0xFF } else { 0 });
    if big {
        bytes.reverse();
    }
    context.bytes(&bytes)
}

fn from_bytes<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let big = is_big(context, &args)?;
    let signed = args.get(2).is_some_and(Value::is_true);
    let mut bytes = match args.get(0) {
        Some(Value::Bytes(bytes)) => bytes.as_slice().to_vec(),
        Some(Value::List(list)) => {
            let mut bytes = Vec::new();
            for item in list.items() {
                context.charge(1)?;
                let byte = item.get().as_int().and_then(|number| number.to_u8());
                let Some(byte) = byte else {
                    return Err(context.raise(Class::ValueError, "bytes must be in range(0, 256)"));
                };
                bytes.push(byte);
            }
            bytes
        }
        Some(other) => {
            let kind = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("cannot convert '{kind}' object to bytes"),
            ));
        }
        None => {
            return Err(context.raise(
                Class::TypeError,
                "from_bytes() missing required argument 'bytes' (pos 1)",
            ));
        }
    };
    context.charge_bytes(bytes.len())?;
    if big {
        bytes.reverse();
    }
    let number = if signed {
        num_bigint::BigInt::from_signed_bytes_le(&bytes)
    } else {
        num_bigint::BigInt::from_bytes_le(num_bigint::Sign::Plus, &bytes)
    };
    context.big(&number)
}
