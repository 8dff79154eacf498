//! Exceptions as values.

use std::cell::Cell;

use super::fault::Class;
use super::value::Value;

/// A Python exception: its class and arguments. Its text is `str()` of it (`ops::print`).
#[derive(Debug)]
pub struct Exception<'a> {
    class: Class,
    arguments: &'a [Value<'a>],
    /// `__context__` and `__cause__` in one: what was being handled when this was raised.
    cause: Cell<Option<&'a Exception<'a>>>,
}

impl<'a> Exception<'a> {
    /// An exception over arguments that are in the arena.
    #[must_use]
    pub const fn new(class: Class, arguments: &'a [Value<'a>]) -> Self {
        Self {
            class,
            arguments,
            cause: Cell::new(None),
        }
    }

    /// Its class.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// `e.args`.
    #[must_use]
    pub const fn arguments(&self) -> &'a [Value<'a>] {
        self.arguments
    }

    /// What was being handled when this was raised.
    #[must_use]
    pub fn cause(&self) -> Option<&'a Exception<'a>> {
        self.cause.get()
    }

    /// Set [`Exception::cause`].
    pub fn set_cause(&self, cause: Option<&'a Exception<'a>>) {
        self.cause.set(cause);
    }
}
