//! Global functions and types.

use super::{
    Args, NativeDef, Param, Params, Special, TypeDef, attribute, between, exactly, function, named,
    numeric, optional, required, sort, special,
};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::hash::hash_value;
use crate::run::kind::Type;
use crate::run::ops::print;
use crate::run::value::Value;

/// Global functions.
pub static FUNCTIONS: &[NativeDef] = &[
    function("len", exactly(1), len),
    function("isinstance", exactly(2), isinstance),
    function("issubclass", exactly(2), issubclass),
    function("getattr", between(2, 3), getattr),
    function("hasattr", exactly(2), hasattr),
    function("repr", exactly(1), repr),
    function("ascii", exactly(1), |context, args| {
        ascii_of(context, args.or_none(0))
    }),
    function("format", between(1, 2), |context, args| {
        format_by(context, args.or_none(0), args.or_none(1))
    }),
    function("iter", exactly(1), iter),
    function("print", Params::Any, print),
    function("callable", exactly(1), callable),
    function("id", exactly(1), |context, args| {
        Ok(Value::Int(context.identify(args.or_none(0))?))
    }),
    function("hash", exactly(1), |context, args| {
        let hash = hash_value(context, args.or_none(0))?;
        Ok(Value::Int(hash.cast_signed()))
    }),
    function("abs", exactly(1), numeric::abs),
    function("bin", exactly(1), |context, args| {
        numeric::in_base(context, args, "0b", 'b')
    }),
    function("oct", exactly(1), |context, args| {
        numeric::in_base(context, args, "0o", 'o')
    }),
    function("hex", exactly(1), |context, args| {
        numeric::in_base(context, args, "0x", 'x')
    }),
    function("chr", exactly(1), numeric::chr),
    function("ord", exactly(1), numeric::ord),
    function("divmod", exactly(2), numeric::divmod),
    function(
        "pow",
        named(&[required("base"), required("exp"), optional("mod")]),
        numeric::pow,
    ),
    function(
        "round",
        named(&[required("number"), optional("ndigits")]),
        numeric::round,
    ),
    function(
        "sum",
        named(&[
            Param {
                name: "",
                required: true,
                keyword_only: false,
            },
            optional("start"),
        ]),
        numeric::sum,
    ),
    sort::SORTED,
    sort::MIN,
    sort::MAX,
    special("next", between(1, 2), Special::Next),
    special("any", exactly(1), Special::Any),
    special("all", exactly(1), Special::All),
    special("eval", between(1, 3), Special::Eval),
    special("globals", exactly(0), Special::Globals),
    special("locals", exactly(0), Special::Globals),
];

/// Types that are global names.
pub static TYPES: &[Type] = &[
    Type::Object,
    Type::Type,
    Type::Bool,
    Type::Int,
    Type::Float,
    Type::Str,
    Type::Bytes,
    Type::ByteArray,
    Type::List,
    Type::Tuple,
    Type::Dict,
    Type::Set,
    Type::FrozenSet,
    Type::Range,
    Type::Slice,
    Type::Enumerate,
    Type::Zip,
    Type::Map,
    Type::Filter,
    Type::Reversed,
];

/// `len(value)`, also for the machine.
pub fn length<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<i64, Fault<'a>> {
    Ok(match value {
        Value::Str(text) => {
            context.charge_bytes(text.as_str().len())?;
            text.char_count() as i64
        }
        Value::Bytes(bytes) => bytes.as_slice().len() as i64,
        Value::List(list) => list.len() as i64,
        Value::Tuple(tuple) => tuple.len() as i64,
        Value::Dict(dict) => dict.len() as i64,
        Value::Set(set) => set.len() as i64,
        Value::Range(range) => match i64::try_from(range.len()) {
            Ok(count) => count,
            Err(_) => {
                return Err(context.raise(
                    Class::OverflowError,
                    "Python int too large to convert to C ssize_t",
                ));
            }
        },
        Value::Object(crate::run::object::Object::View(view)) => view.dict.len() as i64,
        other => {
            let name = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("object of type '{name}' has no len()"),
            ));
        }
    })
}

fn len<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    Ok(Value::Int(length(context, args.or_none(0))?))
}

/// Is a value of a type, or of one of a tuple of types?
fn matches_types<'a>(
    context: &mut Context<'a>,
    name: &str,
    kind: Type,
    types: Value<'a>,
) -> Result<bool, Fault<'a>> {
    // Tuples of tuples of types: from a list, not by recursion.
    let mut waiting = vec![types];
    while let Some(next) = waiting.pop() {
        context.charge(1)?;
        match next {
            Value::Type(of) if kind.is_subtype_of(of) => return Ok(true),
            Value::Type(_) => {}
            Value::Tuple(tuple) => waiting.extend(tuple.items().iter().rev()),
            _ => {
                let text =
                    format_args!("{name}() arg 2 must be a type, a tuple of types, or a union");
                return Err(context.raise(Class::TypeError, text));
            }
        }
    }
    Ok(false)
}

fn isinstance<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    Ok(Value::Bool(matches_types(
        context,
        "isinstance",
        args.or_none(0).type_of(),
        args.or_none(1),
    )?))
}

fn issubclass<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    match args.or_none(0) {
        Value::Type(kind) => Ok(Value::Bool(matches_types(
            context,
            "issubclass",
            kind,
            args.or_none(1),
        )?)),
        _ => Err(context.raise(Class::TypeError, "issubclass() arg 1 must be a class")),
    }
}

fn attribute_name<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<&'a str, Fault<'a>> {
    match value.as_str() {
        Some(text) => Ok(text),
        None => {
            let kind = value.type_of().name();
            Err(context.raise(
                Class::TypeError,
                format_args!("attribute name must be string, not '{kind}'"),
            ))
        }
    }
}

fn getattr<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let (value, name) = (args.or_none(0), attribute_name(context, args.or_none(1))?);
    match attribute(context, value, name)? {
        Some(found) => Ok(found),
        None => args.get(2).ok_or_else(|| context.no_attribute(value, name)),
    }
}

fn hasattr<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let name = attribute_name(context, args.or_none(1))?;
    Ok(Value::Bool(
        attribute(context, args.or_none(0), name)?.is_some(),
    ))
}

fn repr<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    print::repr_of(context, args.or_none(0))
}

fn iter<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    Ok(Value::Iter(context.iterate(args.or_none(0))?))
}

/// `ascii(value)`, also for the machine.
pub fn ascii_of<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
    let mut out = context.builder();
    print::write_ascii(context, &mut out, value)?;
    context.finish(out)
}

/// `format(value, spec)`, also for the machine.
pub fn format_by<'a>(
    context: &mut Context<'a>,
    value: Value<'a>,
    spec: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let spec = match spec {
        Value::None | Value::Unset => "",
        Value::Str(spec) => spec.as_str(),
        other => {
            let kind = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("format() argument 2 must be str, not {kind}"),
            ));
        }
    };
    crate::run::ops::format::format_value(context, value, spec)
}

/// Prints nowhere; what would fail to print fails.
fn print<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    for (name, value) in args.named {
        match (name.as_str(), value) {
            ("sep" | "end", Value::None | Value::Str(_)) | ("file" | "flush", _) => {}
            (name @ ("sep" | "end"), other) => {
                let kind = other.type_of().name();
                return Err(context.raise(
                    Class::TypeError,
                    format_args!("{name} must be None or a string, not {kind}"),
                ));
            }
            (name, _) => {
                return Err(context.raise(
                    Class::TypeError,
                    format_args!("'{name}' is an invalid keyword argument for print()"),
                ));
            }
        }
    }
    for value in args.given {
        let mut out = context.builder();
        print::write_str(context, &mut out, *value)?;
    }
    Ok(Value::None)
}

fn callable<'a>(_context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    Ok(Value::Bool(matches!(
        args.or_none(0),
        Value::Function(_) | Value::Native(_) | Value::Method(_) | Value::Type(_)
    )))
}

/// `type`: of one value; classes are not made.
pub static TYPE: TypeDef = TypeDef {
    methods: &[],
    attributes: &[],
    members: &[],
    construct: Some(&function("type", between(1, 3), |context, args| {
        if args.given.len() == 1 {
            return Ok(Value::Type(args.or_none(0).type_of()));
        }
        let text = if args.given.len() == 2 {
            "type() takes 1 or 3 arguments"
        } else {
            "type() takes 1 argument here: classes are not available"
        };
        Err(context.raise(Class::TypeError, text))
    })),
};

/// `object`.
pub static OBJECT: TypeDef = TypeDef {
    methods: &[],
    attributes: &[],
    members: &[],
    construct: Some(&function("object", exactly(0), |context, _| {
        Ok(Value::Object(
            context.arena().alloc(crate::run::object::Object::Plain)?,
        ))
    })),
};
