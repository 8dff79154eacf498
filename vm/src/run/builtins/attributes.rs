//! Attribute access: `value.name`.

use super::{AttributeDef, NativeDef, type_def};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::function::Method;
use crate::run::kind::Type;
use crate::run::value::Value;

/// The method of a type's values.
#[must_use]
pub fn find_method(kind: Type, name: &str) -> Option<&'static NativeDef> {
    type_def(kind)
        .methods
        .iter()
        .find(|native| native.name == name)
}

/// The type whose table a method stands in, for messages.
#[cold]
#[must_use]
pub fn owner_of(native: &'static NativeDef) -> Type {
    super::functions::TYPES
        .iter()
        .copied()
        .find(|kind| {
            type_def(*kind)
                .methods
                .iter()
                .any(|known| std::ptr::eq(known, native))
        })
        .unwrap_or(Type::Object)
}

/// The attribute that `value.name` reads, when that follows from the value's type.
#[must_use]
pub fn own_attribute(value: Value<'_>, name: &str) -> Option<(Type, &'static AttributeDef)> {
    if let Value::Module(_) | Value::Type(_) | Value::Function(_) | Value::Native(_) = value {
        return None;
    }
    let kind = value.type_of();
    if find_method(kind, name).is_some() {
        return None;
    }
    let mut attributes = type_def(kind).attributes.iter();
    Some((kind, attributes.find(|attribute| attribute.name == name)?))
}

/// `value.name`; an attribute that is not there gives nothing.
pub fn attribute<'a>(
    context: &mut Context<'a>,
    value: Value<'a>,
    name: &str,
) -> Result<Option<Value<'a>>, Fault<'a>> {
    match value {
        Value::Module(module) => match module.members.iter().find(|member| member.name() == name) {
            Some(member) => return Ok(Some(member.value(context)?)),
            None if name == "__name__" => return Ok(Some(context.text_over(module.name)?)),
            None => return Ok(None),
        },
        Value::Type(kind) => {
            let definition = type_def(kind);
            if let Some(member) = definition
                .members
                .iter()
                .find(|member| member.name() == name)
            {
                return Ok(Some(member.value(context)?));
            }
            if let Some(native) = definition.methods.iter().find(|native| native.name == name) {
                return Ok(Some(Value::Native(native)));
            }
            if name == "__name__" || name == "__qualname__" {
                let full = kind.name();
                return Ok(Some(
                    context.text_over(full.rsplit('.').next().unwrap_or(full))?,
                ));
            }
            return Ok(None);
        }
        Value::Function(function) if name == "__name__" => {
            let qualified = function.code.name();
            let own = qualified.rsplit("<locals>.").next();
            return Ok(Some(context.text_over(own.unwrap_or(qualified))?));
        }
        Value::Native(native) if name == "__name__" => {
            return Ok(Some(context.text_over(native.name)?));
        }
        _ => {}
    }
    let kind = value.type_of();
    if let Some(native) = find_method(kind, name) {
        return Ok(Some(Value::Method(context.arena().alloc(Method {
            receiver: value,
            native,
        })?)));
    }
    if let Some(attribute) = type_def(kind)
        .attributes
        .iter()
        .find(|attribute| attribute.name == name)
    {
        return Ok(Some((attribute.get)(context, value)?));
    }
    if let Some(member) = type_def(kind)
        .members
        .iter()
        .find(|member| member.name() == name)
    {
        return Ok(Some(member.value(context)?));
    }
    if name == "__class__" {
        return Ok(Some(Value::Type(kind)));
    }
    Ok(None)
}

impl<'a> Context<'a> {
    /// The error for an attribute that is not there.
    #[cold]
    pub fn no_attribute(&mut self, value: Value<'a>, name: &str) -> Fault<'a> {
        match value {
            Value::Module(module) => self.raise(
                Class::AttributeError,
                format_args!("module '{}' has no attribute '{name}'", module.name),
            ),
            Value::Type(kind) => self.raise(
                Class::AttributeError,
                format_args!("type object '{}' has no attribute '{name}'", kind.name()),
            ),
            other => {
                let kind = other.type_of().name();
                self.raise(
                    Class::AttributeError,
                    format_args!("'{kind}' object has no attribute '{name}'"),
                )
            }
        }
    }
}
