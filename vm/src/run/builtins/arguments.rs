//! Arguments of native code, and CPython's words for wrong ones.

use super::{NativeDef, Params};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::text::Text;
use crate::run::value::Value;

/// Named arguments as the caller gave them.
pub type Named<'a, 'r> = &'r [(&'a Text<'a>, Value<'a>)];

/// What a native is called with.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a, 'r> {
    /// The value before the dot; [`Value::Unset`] for functions.
    pub receiver: Value<'a>,
    /// By position, named ones included.
    pub given: &'r [Value<'a>],
    /// By name, for [`Params::Any`] only.
    pub named: Named<'a, 'r>,
}

impl<'a> Args<'a, '_> {
    /// The argument at a position, unless it was left out.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        self.given.get(index).copied().and_then(Value::bound)
    }

    /// The argument at a position; `None` when it was left out.
    #[inline]
    #[must_use]
    pub fn or_none(&self, index: usize) -> Value<'a> {
        self.get(index).unwrap_or(Value::None)
    }

    /// The receiver as a text.
    #[inline]
    pub fn receiver_text(&self, _context: &mut Context<'a>) -> Result<&'a Text<'a>, Fault<'a>> {
        self.receiver
            .as_text()
            .ok_or(Fault::Internal("a text method without its receiver"))
    }

    /// A text argument, or `TypeError: f() argument 1 must be str, not int`.
    pub fn text(
        &self,
        context: &mut Context<'a>,
        index: usize,
        name: &str,
    ) -> Result<&'a Text<'a>, Fault<'a>> {
        match self.or_none(index) {
            Value::Str(text) => Ok(text),
            other => {
                let kind = match other {
                    Value::None => "None",
                    other => other.type_of().name(),
                };
                let text = format_args!("{name}() argument {} must be str, not {kind}", index + 1);
                Err(context.raise(Class::TypeError, text))
            }
        }
    }

    /// An int argument within 64 bits (bools count), or the errors of `operator.index`. Larger ints are cut to the
    /// nearest 64-bit one, as slices and counts do.
    pub fn index(&self, context: &mut Context<'a>, index: usize) -> Result<i64, Fault<'a>> {
        match self.or_none(index) {
            Value::Int(number) => Ok(number),
            Value::Bool(flag) => Ok(i64::from(flag)),
            Value::Big(big) => Ok(if big.is_negative() {
                i64::MIN
            } else {
                i64::MAX
            }),
            other => {
                let kind = other.type_of().name();
                let text = format_args!("'{kind}' object cannot be interpreted as an integer");
                Err(context.raise(Class::TypeError, text))
            }
        }
    }
}

/// The name of constructors that CPython's messages call "function".
pub const NAMELESS: &str = "function";

/// Methods of texts and bytes whose arguments CPython counts in words of its own.
const COUNTED_APART: &[&str] = &[
    "count",
    "endswith",
    "find",
    "index",
    "rfind",
    "rindex",
    "startswith",
];

/// Named arguments put in their places.
#[derive(Debug)]
pub enum Bound<'a> {
    /// As given: nothing was named.
    AsGiven,
    /// By position, holes unset.
    Placed(Vec<Value<'a>>),
}

/// Check a call against the native's parameters.
pub fn bind<'a>(
    context: &mut Context<'a>,
    native: &NativeDef,
    receiver: Value<'a>,
    given: &[Value<'a>],
    named: Named<'a, '_>,
) -> Result<Bound<'a>, Fault<'a>> {
    match native.params {
        Params::Any => Ok(Bound::AsGiven),
        Params::Positional(min, max) => {
            if !named.is_empty() {
                let name = full_name(native, receiver);
                return Err(context.raise(
                    Class::TypeError,
                    format_args!("{name}() takes no keyword arguments"),
                ));
            }
            let count = given.len();
            if count < usize::from(min) || (max != u8::MAX && count > usize::from(max)) {
                return Err(wrong_count(context, native, receiver, count, min, max));
            }
            Ok(Bound::AsGiven)
        }
        Params::Named(params) => {
            let positional = params.iter().filter(|param| !param.keyword_only).count();
            if given.len() > positional {
                if positional == 0 {
                    let name = native.name;
                    return Err(context.raise(
                        Class::TypeError,
                        format_args!("{name}() takes no positional arguments"),
                    ));
                }
                let plural = if positional == 1 { "" } else { "s" };
                let least = if params.iter().any(|param| !param.required) {
                    "at most"
                } else {
                    "exactly"
                };
                let kind = if positional < params.len() {
                    "positional argument"
                } else {
                    "argument"
                };
                let text = format_args!(
                    "{}() takes {least} {positional} {kind}{plural} ({} given)",
                    native.name,
                    given.len()
                );
                return Err(context.raise(Class::TypeError, text));
            }
            if named.is_empty() && params[given.len()..].iter().all(|param| !param.required) {
                return Ok(Bound::AsGiven);
            }
            let mut placed = given.to_vec();
            placed.resize(params.len(), Value::Unset);
            for (name, value) in named {
                let Some(place) = params
                    .iter()
                    .position(|param| param.name == name.as_str() && !name.as_str().is_empty())
                else {
                    let callee = match native.name {
                        NAMELESS => "this function".to_owned(),
                        name => format!("{name}()"),
                    };
                    let name = name.as_str();
                    let text = format_args!("'{name}' is an invalid keyword argument for {callee}");
                    return Err(context.raise(Class::TypeError, text));
                };
                if !placed[place].is_unset() {
                    let text = format_args!(
                        "argument for {}() given by name ('{}') and position ({})",
                        native.name,
                        name.as_str(),
                        place + 1
                    );
                    return Err(context.raise(Class::TypeError, text));
                }
                placed[place] = *value;
            }
            if let Some(place) = params
                .iter()
                .zip(&placed)
                .position(|(param, value)| param.required && value.is_unset())
            {
                let callee = match native.name {
                    NAMELESS => NAMELESS.to_owned(),
                    name => format!("{name}()"),
                };
                let text = format_args!(
                    "{callee} missing required argument '{}' (pos {})",
                    params[place].name,
                    place + 1
                );
                return Err(context.raise(Class::TypeError, text));
            }
            Ok(if named.is_empty() {
                Bound::AsGiven
            } else {
                Bound::Placed(placed)
            })
        }
    }
}

fn full_name(native: &NativeDef, receiver: Value<'_>) -> String {
    if native.is_method {
        format!("{}.{}", receiver.type_of().name(), native.name)
    } else {
        native.name.to_owned()
    }
}

#[cold]
fn wrong_count<'a>(
    context: &mut Context<'a>,
    native: &NativeDef,
    receiver: Value<'a>,
    count: usize,
    min: u8,
    max: u8,
) -> Fault<'a> {
    let plural = |number: u8| if number == 1 { "" } else { "s" };
    let name = native.name;
    let full = full_name(native, receiver);
    if matches!(receiver, Value::Str(_) | Value::Bytes(_)) && COUNTED_APART.contains(&name) {
        let (least, bound) = if count < usize::from(min) {
            ("least", min)
        } else {
            ("most", max)
        };
        let text = format_args!(
            "{name}() takes at {least} {bound} argument{} ({count} given)",
            plural(bound)
        );
        return context.raise(Class::TypeError, text);
    }
    match (min, max) {
        (0, 0) => context.raise(
            Class::TypeError,
            format_args!("{full}() takes no arguments ({count} given)"),
        ),
        (1, 1) => context.raise(
            Class::TypeError,
            format_args!("{full}() takes exactly one argument ({count} given)"),
        ),
        (min, max) if min == max => context.raise(
            Class::TypeError,
            format_args!("{name} expected {min} arguments, got {count}"),
        ),
        (min, _) if count < usize::from(min) => context.raise(
            Class::TypeError,
            format_args!(
                "{name} expected at least {min} argument{}, got {count}",
                plural(min)
            ),
        ),
        (_, max) => context.raise(
            Class::TypeError,
            format_args!(
                "{name} expected at most {max} argument{}, got {count}",
                plural(max)
            ),
        ),
    }
}
