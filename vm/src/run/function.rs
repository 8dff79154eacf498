//! Functions of definitions, and methods bound to their receiver.

use std::cell::Cell;

use super::builtins::NativeDef;
use super::kind::Type;
use super::loaded::Loaded;
use super::value::{Shared, Value};

/// The module-level names of one run of a definition, by slot; unbound ones are [`Value::Unset`].
pub type Globals<'a> = &'a [Cell<Value<'a>>];

/// A `def` or `lambda` once executed.
#[derive(Debug)]
pub struct Function<'a> {
    /// What it runs.
    pub code: &'a Loaded<'a>,
    /// The module-level names that it sees.
    pub globals: Globals<'a>,
    /// Variables of the functions around it.
    pub closure: &'a [&'a Shared<'a>],
    /// Defaults of the last positional parameters, then those of keyword-only ones (`Unset`: required).
    pub defaults: &'a [Value<'a>],
}

/// A built-in method and the value it is called on.
#[derive(Debug)]
pub struct Method<'a> {
    /// `x` of `x.f`.
    pub receiver: Value<'a>,
    /// `f` of `x.f`.
    pub native: &'static NativeDef,
}

impl Method<'_> {
    /// Its Python type.
    #[must_use]
    pub const fn type_of(&self) -> Type {
        Type::Builtin
    }
}
