//! Values: 16 bytes, `Copy`, handles into the execution's arena.
//!
//! ```text
//!  byte 0..8   8..16
//!  tag         bool | i64 | f64 | reference into the arena | static table entry
//! ```

use super::dict::{Dict, Set};
use super::exception::Exception;
use super::function::{Function, Method};
use super::iterator::Iter;
use super::kind::Type;
use super::list::{List, Tuple};
use super::number::Big;
use super::object::Object;
use super::text::Text;
use crate::run::builtins::{ModuleDef, NativeDef};
use std::cell::Cell;

/// Bytes of a Python `bytes`.
#[derive(Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// The bytes.
    #[must_use]
    pub const fn as_slice(&self) -> &'a [u8] {
        self.0
    }
}

/// A Python `range` within 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First number.
    pub start: i64,
    /// Exclusive bound.
    pub stop: i64,
    /// Never 0.
    pub step: i64,
}

impl Range {
    /// Count of numbers in it.
    #[must_use]
    pub fn len(&self) -> u64 {
        let (start, stop, step) = (
            i128::from(self.start),
            i128::from(self.stop),
            i128::from(self.step),
        );
        let span = if step > 0 { stop - start } else { start - stop };
        if span <= 0 {
            0
        } else {
            ((span - 1) / step.abs() + 1) as u64
        }
    }

    /// True without numbers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number at a position, which must be below the length.
    #[must_use]
    pub fn at(&self, position: u64) -> i64 {
        (i128::from(self.start) + i128::from(self.step) * i128::from(position)) as i64
    }

    /// The position of a number in it.
    #[must_use]
    pub fn position(&self, number: i64) -> Option<u64> {
        let offset = i128::from(number) - i128::from(self.start);
        let step = i128::from(self.step);
        if offset % step != 0 {
            return None;
        }
        let position = u64::try_from(offset / step).ok()?;
        (position < self.len()).then_some(position)
    }
}

/// A Python `slice`: `a[start:stop:step]`.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    /// `None` where left out.
    pub start: Value<'a>,
    /// `None` where left out.
    pub stop: Value<'a>,
    /// `None` where left out.
    pub step: Value<'a>,
}

/// A variable shared by a function and the functions inside it.
pub type Shared<'a> = Cell<Value<'a>>;

/// Any value of a script or definition.
///
/// The tag fills its word, so that a copy is two words. With a tag of one byte it was three odd pieces, each of which the
/// next load waited for.
#[derive(Clone, Copy, Debug, Default)]
#[repr(u64)]
pub enum Value<'a> {
    /// Not a value: an unbound name, an argument left out, a deleted entry. Never visible to scripts.
    #[default]
    Unset,
    /// `None`.
    None,
    /// `True`, `False`.
    Bool(bool),
    /// An int of 64 bits. Every int that fits is this, never [`Value::Big`].
    Int(i64),
    /// A float.
    Float(f64),
    /// An int beyond 64 bits.
    Big(&'a Big<'a>),
    /// `str`.
    Str(&'a Text<'a>),
    /// `bytes`.
    Bytes(&'a Bytes<'a>),
    /// `list`.
    List(&'a List<'a>),
    /// `tuple`.
    Tuple(&'a Tuple<'a>),
    /// `dict`.
    Dict(&'a Dict<'a>),
    /// `set`, `frozenset`.
    Set(&'a Set<'a>),
    /// `range`.
    Range(&'a Range),
    /// `slice`.
    Slice(&'a Slice<'a>),
    /// An iterator of any kind, generators included.
    Iter(&'a Iter<'a>),
    /// A function of a definition.
    Function(&'a Function<'a>),
    /// A built-in function, or an unbound method such as `str.upper`.
    Native(&'static NativeDef),
    /// A method with its receiver.
    Method(&'a Method<'a>),
    /// A type or exception class.
    Type(Type),
    /// An imported module.
    Module(&'static ModuleDef),
    /// A raised or made exception.
    Exception(&'a Exception<'a>),
    /// Anything else with attributes: dates, patterns, matches, hashes, the connector.
    Object(&'a Object<'a>),
    /// A closure's variable. Never visible to scripts.
    Cell(&'a Shared<'a>),
    /// `...`.
    Ellipsis,
    /// `NotImplemented`.
    NotImplemented,
}

const _: () = assert!(size_of::<Value<'_>>() == 16);

impl<'a> Value<'a> {
    /// Its Python type.
    #[must_use]
    pub fn type_of(self) -> Type {
        match self {
            Self::Unset | Self::None | Self::Cell(_) => Type::NoneType,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) | Self::Big(_) => Type::Int,
            Self::Float(_) => Type::Float,
            Self::Str(_) => Type::Str,
            Self::Bytes(_) => Type::Bytes,
            Self::List(_) => Type::List,
            Self::Tuple(_) => Type::Tuple,
            Self::Dict(_) => Type::Dict,
            Self::Set(set) if set.is_frozen() => Type::FrozenSet,
            Self::Set(_) => Type::Set,
            Self::Range(_) => Type::Range,
            Self::Slice(_) => Type::Slice,
            Self::Iter(iter) => iter.type_of(),
            Self::Function(_) => Type::Function,
            Self::Native(_) => Type::Builtin,
            Self::Method(method) => method.type_of(),
            Self::Type(_) => Type::Type,
            Self::Module(_) => Type::Module,
            Self::Exception(exception) => Type::Exception(exception.class()),
            Self::Object(object) => object.type_of(),
            Self::Ellipsis => Type::Ellipsis,
            Self::NotImplemented => Type::NotImplementedType,
        }
    }

    /// Python's truth of it.
    #[inline]
    #[must_use]
    pub fn is_true(self) -> bool {
        match self {
            Self::Unset | Self::None => false,
            Self::Bool(flag) => flag,
            Self::Int(number) => number != 0,
            Self::Float(number) => number != 0.0,
            Self::Str(text) => !text.as_str().is_empty(),
            Self::Bytes(bytes) => !bytes.0.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Tuple(tuple) => !tuple.is_empty(),
            Self::Dict(dict) => !dict.is_empty(),
            Self::Set(set) => !set.is_empty(),
            Self::Range(range) => !range.is_empty(),
            Self::Object(object) => object.is_true(),
            _ => true,
        }
    }

    /// `a is b`. Texts and numbers are the same object when they are equal and of one type, so that no script can see
    /// which of them were interned.
    #[must_use]
    pub fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => left == right,
            (Self::Float(left), Self::Float(right)) => left.to_bits() == right.to_bits(),
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Str(left), Self::Str(right)) => {
                std::ptr::eq(left, right) || left.as_str() == right.as_str()
            }
            (Self::Big(left), Self::Big(right)) => left == right,
            (Self::Type(left), Self::Type(right)) => left == right,
            (Self::Tuple(left), Self::Tuple(right)) if left.is_empty() && right.is_empty() => true,
            (left, right) => {
                std::mem::discriminant(&left) == std::mem::discriminant(&right)
                    && left.identity() == right.identity()
            }
        }
    }

    /// A number that tells two live objects of one kind apart, until the next collection moves them: scripts see
    /// [`super::context::Context::identify`].
    #[must_use]
    pub fn identity(self) -> u64 {
        fn place<T: ?Sized>(reference: &T) -> u64 {
            std::ptr::from_ref(reference).cast::<u8>().addr() as u64
        }
        match self {
            Self::Unset => 0,
            Self::None => 1,
            Self::Ellipsis => 2,
            Self::NotImplemented => 3,
            Self::Bool(flag) => 4 + u64::from(flag),
            Self::Int(number) => number.cast_unsigned(),
            Self::Float(number) => number.to_bits(),
            Self::Big(value) => place(value),
            Self::Str(value) => place(value),
            Self::Bytes(value) => place(value),
            Self::List(value) => place(value),
            Self::Tuple(value) => place(value),
            Self::Dict(value) => place(value),
            Self::Set(value) => place(value),
            Self::Range(value) => place(value),
            Self::Slice(value) => place(value),
            Self::Iter(value) => place(value),
            Self::Function(value) => place(value),
            Self::Native(value) => place(value),
            Self::Method(value) => place(value),
            Self::Type(value) => value.number(),
            Self::Module(value) => place(value),
            Self::Exception(value) => place(value),
            Self::Object(value) => place(value),
            Self::Cell(value) => place(value),
        }
    }

    /// True for what lies in the arena and moves with it.
    #[must_use]
    pub const fn is_moved(self) -> bool {
        !matches!(
            self,
            Self::Unset
                | Self::None
                | Self::Bool(_)
                | Self::Int(_)
                | Self::Float(_)
                | Self::Native(_)
                | Self::Type(_)
                | Self::Module(_)
                | Self::Ellipsis
                | Self::NotImplemented
        )
    }

    /// The text, if it is one.
    #[inline]
    #[must_use]
    pub const fn as_text(self) -> Option<&'a Text<'a>> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The characters, if it is a text.
    #[inline]
    #[must_use]
    pub const fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Str(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// An int or bool of 64 bits.
    #[inline]
    #[must_use]
    pub const fn as_int(self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(number),
            Self::Bool(flag) => Some(flag as i64),
            _ => None,
        }
    }

    /// True for [`Value::Unset`].
    #[inline]
    #[must_use]
    pub const fn is_unset(self) -> bool {
        matches!(self, Self::Unset)
    }

    /// True for `None`.
    #[inline]
    #[must_use]
    pub const fn is_none(self) -> bool {
        matches!(self, Self::None)
    }

    /// The value, or nothing for [`Value::Unset`].
    #[inline]
    #[must_use]
    pub const fn bound(self) -> Option<Self> {
        match self {
            Self::Unset => None,
            value => Some(value),
        }
    }
}
