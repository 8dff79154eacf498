//! Exceptions as values.

use std::cell::Cell;

use super::fault::Class;
use super::os_error::Given;
use super::value::Value;

/// A Python exception: its class and arguments. Its text is `str()` of it (`ops::print`).
#[derive(Debug)]
pub struct Exception<'a> {
    class: Class,
    /// All that it was made of.
    given: &'a [Value<'a>],
    /// `__context__` and `__cause__` in one: what was being handled when this was raised.
    cause: Cell<Option<&'a Exception<'a>>>,
}

impl<'a> Exception<'a> {
    /// An exception over arguments that are in the arena.
    #[must_use]
    pub const fn new(class: Class, given: &'a [Value<'a>]) -> Self {
        Self {
            class,
            given,
            cause: Cell::new(None),
        }
    }

    /// Its class.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// All that it was made of.
    #[must_use]
    pub const fn given(&self) -> &'a [Value<'a>] {
        self.given
    }

    /// `e.args`: all, but for the file of an `OSError`.
    #[must_use]
    pub fn arguments(&self) -> &'a [Value<'a>] {
        match Given::of(self.class, self.given) {
            Some(given) if given.names_a_file() => &self.given[..2],
            _ => self.given,
        }
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
