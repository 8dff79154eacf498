//! What exceptions show of themselves.

use super::{AttributeDef, TypeDef};
use crate::run::exception::Exception;
use crate::run::fault::Fault;
use crate::run::os_error::Given;
use crate::run::value::Value;

/// An exception's `args`.
const ARGUMENTS: AttributeDef = AttributeDef {
    name: "args",
    get: |context, value| match value {
        Value::Exception(exception) => context.tuple(exception.arguments()),
        _ => Err(Fault::Internal(
            "an exception's attribute of something else",
        )),
    },
};

/// What all exceptions have. Calling a class is the machine's.
pub static EXCEPTION: TypeDef = TypeDef {
    methods: &[],
    attributes: &[ARGUMENTS],
    members: &[],
    construct: None,
};

macro_rules! attribute {
    ($name:literal, $field:ident) => {
        AttributeDef {
            name: $name,
            get: |_, value| match value {
                Value::Exception(exception) => {
                    Ok(given(exception).map_or(Value::None, |given| given.$field))
                }
                _ => Err(Fault::Internal(
                    "an exception's attribute of something else",
                )),
            },
        }
    };
}

fn given<'a>(exception: &Exception<'a>) -> Option<Given<'a>> {
    Given::of(exception.class(), exception.given())
}

/// What `OSError` and the classes under it have.
pub static OS_ERROR: TypeDef = TypeDef {
    methods: &[],
    attributes: &[
        ARGUMENTS,
        attribute!("errno", number),
        attribute!("strerror", text),
        attribute!("filename", file),
        attribute!("filename2", second_file),
    ],
    members: &[],
    construct: None,
};
