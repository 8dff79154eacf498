//! `float`: construction, methods, attributes.

use num_bigint::BigInt;
use num_traits::FromPrimitive;

use super::{Args, AttributeDef, NativeDef, TypeDef, between, exactly, function, method};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::ops::{arithmetic::exact_float, read};
use crate::run::value::Value;

/// `float`.
pub static TYPE: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[
        AttributeDef {
            name: "real",
            get: |_, value| Ok(value),
        },
        AttributeDef {
            name: "imag",
            get: |_, _| Ok(Value::Float(0.0)),
        },
    ],
    members: &[],
    construct: Some(&function("float", between(0, 1), construct)),
};

static METHODS: &[NativeDef] = &[
    method("is_integer", exactly(0), |_, args| {
        Ok(Value::Bool(receiver(args)?.fract() == 0.0))
    }),
    method("conjugate", exactly(0), |_, args| Ok(args.receiver)),
    method("as_integer_ratio", exactly(0), as_integer_ratio),
    method("hex", exactly(0), hex),
];

fn receiver<'a>(args: Args<'a, '_>) -> Result<f64, Fault<'a>> {
    match args.receiver {
        Value::Float(number) => Ok(number),
        _ => Err(Fault::Internal("a float method without its receiver")),
    }
}

fn construct<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    match args.get(0) {
        None => Ok(Value::Float(0.0)),
        Some(value) => float_of(context, value),
    }
}

/// `float(value)`.
pub fn float_of<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
    Ok(Value::Float(match value {
        Value::Float(number) => number,
        Value::Int(_) | Value::Bool(_) | Value::Big(_) => exact_float(context, value)?,
        Value::Str(text) => read::float_of(context, text.as_str(), value)?,
        Value::Bytes(bytes) => {
            let text = String::from_utf8_lossy(bytes.as_slice());
            read::float_of(context, &text, value)?
        }
        other => {
            let kind = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("float() argument must be a string or a real number, not '{kind}'"),
            ));
        }
    }))
}

fn as_integer_ratio<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
) -> Result<Value<'a>, Fault<'a>> {
    let number = receiver(args)?;
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
    // 1074 doublings make every float whole.
    while scaled.fract() != 0.0 {
        scaled *= 2.0;
        halvings += 1;
    }
    let top = context.big(&BigInt::from_f64(scaled).unwrap_or_default())?;
    let bottom = context.big(&(BigInt::from(1) << halvings))?;
    context.tuple(&[top, bottom])
}

fn hex<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let number = receiver(args)?;
    if !number.is_finite() {
        return crate::run::ops::print::repr_of(context, args.receiver);
    }
    let bits = number.to_bits();
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let mantissa = bits & ((1 << 52) - 1);
    let exponent = ((bits >> 52) & 0x7FF) as i64;
    let text = match (exponent, mantissa) {
        (0, 0) => format!("{sign}0x0.0p+0"),
        (0, _) => format!("{sign}0x0.{mantissa:013x}p-1022"),
        _ => format!("{sign}0x1.{mantissa:013x}p{:+}", exponent - 1023),
    };
    context.text(&text)
}
