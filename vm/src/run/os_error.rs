//! What `OSError` and the classes under it do with `(errno, strerror, filename, winerror, filename2)`.
//!
//! The Library Reference's "OS exceptions" and `Objects/exceptions.c` of CPython 3.11, whose numbers here are Linux's.

use super::fault::Class;
use super::value::Value;

/// The class of what `class(*arguments)` makes: `OSError` itself makes what stands for the number.
#[must_use]
pub fn class_of(class: Class, arguments: &[Value<'_>]) -> Class {
    if class != Class::OSError || !(2..=5).contains(&arguments.len()) {
        return class;
    }
    let number = match arguments[0] {
        Value::Bool(true) => 1,
        Value::Int(number) => number,
        _ => return class,
    };
    match number {
        1 | 13 => Class::PermissionError,
        2 => Class::FileNotFoundError,
        3 => Class::ProcessLookupError,
        4 => Class::InterruptedError,
        10 => Class::ChildProcessError,
        11 | 114 | 115 => Class::BlockingIOError,
        17 => Class::FileExistsError,
        20 => Class::NotADirectoryError,
        21 => Class::IsADirectoryError,
        32 | 108 => Class::BrokenPipeError,
        103 => Class::ConnectionAbortedError,
        104 => Class::ConnectionResetError,
        110 => Class::TimeoutError,
        111 => Class::ConnectionRefusedError,
        _ => class,
    }
}

/// What an `OSError` was given, by its meaning. Not given is [`Value::None`].
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// `errno`
    pub number: Value<'a>,
    /// `strerror`
    pub text: Value<'a>,
    /// `filename`
    pub file: Value<'a>,
    /// `filename2`
    pub second_file: Value<'a>,
}

impl<'a> Given<'a> {
    /// `None` for other classes and other counts of arguments.
    #[must_use]
    pub fn of(class: Class, arguments: &[Value<'a>]) -> Option<Self> {
        if !(2..=5).contains(&arguments.len()) || !class.is_a(Class::OSError) {
            return None;
        }
        let at = |index: usize| arguments.get(index).copied().unwrap_or(Value::None);
        let counts = class == Class::BlockingIOError
            && matches!(
                at(2),
                Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_)
            );
        let named = !counts && !matches!(at(2), Value::None);
        Some(Self {
            number: at(0),
            text: at(1),
            file: if named { at(2) } else { Value::None },
            second_file: if named { at(4) } else { Value::None },
        })
    }

    /// Does the text name a file? Then it is no longer among the `args`.
    #[must_use]
    pub const fn names_a_file(&self) -> bool {
        !matches!(self.file, Value::None)
    }
}
