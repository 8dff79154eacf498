//! Values that are neither numbers, texts nor containers: views, dates, patterns, hashes, and the executor's side.
//!
//! A new kind gets a variant here, its Python type in `kind.rs`, and methods and attributes in a table of `builtins/`.
//! Nothing here may need dropping: what owns heap memory (a compiled pattern) is kept outside and named by a number.

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use super::builtins::datetime::value::{Delta, Moment, TimeOfDay, Zone};
use super::builtins::hashlib::Hasher;
use super::builtins::re::{Match, Pattern};
use super::dict::Dict;
use super::kind::Type;

/// Which part of a dict a view or iterator shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewKind {
    /// `keys()`.
    Keys,
    /// `values()`.
    Values,
    /// `items()`.
    Items,
}

impl ViewKind {
    /// The type of an iterator over such a view.
    #[must_use]
    pub const fn iterator_type(self) -> Type {
        match self {
            Self::Keys => Type::DictKeyIterator,
            Self::Values => Type::DictValueIterator,
            Self::Items => Type::DictItemIterator,
        }
    }
}

/// `dict.keys()`, `dict.values()`, `dict.items()`.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What it looks at.
    pub dict: &'a Dict<'a>,
    /// Which part of it.
    pub kind: ViewKind,
}

/// A value with methods or attributes of its own kind.
#[derive(Debug)]
pub enum Object<'a> {
    /// A dict's view.
    View(View<'a>),
    /// `datetime.datetime`.
    DateTime(Moment<'a>),
    /// `datetime.date`: days since 0001-01-01.
    Date(i64),
    /// `datetime.time`.
    Time(TimeOfDay<'a>),
    /// `datetime.timedelta`.
    TimeDelta(Delta),
    /// `datetime.timezone` or a zone of `pytz`.
    Zone(Zone<'a>),
    /// `re.Pattern`.
    Pattern(&'a Pattern<'a>),
    /// `re.Match`.
    Match(Match<'a>),
    /// A digest that is being made.
    Hash(&'a RefCell<ManuallyDrop<Hasher>>),
    /// `uuid.UUID`.
    Uuid(u128),
    /// `object()`.
    Plain,
    /// `self` of a definition.
    Executor,
    /// `self.conector`.
    Connector,
    /// `self.conector.req`.
    Handler,
    /// `self.conector.req.request`.
    Request,
    /// `self.conector.logger`.
    Logger,
    /// A child statement, as `process_step` takes it: its number in the program.
    Node(u32),
}

impl Object<'_> {
    /// Its Python type.
    #[must_use]
    pub const fn type_of(&self) -> Type {
        match self {
            Self::View(View {
                kind: ViewKind::Keys,
                ..
            }) => Type::DictKeys,
            Self::View(View {
                kind: ViewKind::Values,
                ..
            }) => Type::DictValues,
            Self::View(View {
                kind: ViewKind::Items,
                ..
            }) => Type::DictItems,
            Self::DateTime(_) => Type::DateTime,
            Self::Date(_) => Type::Date,
            Self::Time(_) => Type::Time,
            Self::TimeDelta(_) => Type::TimeDelta,
            Self::Zone(Zone::Fixed(..)) => Type::TimeZone,
            Self::Zone(_) => Type::Zone,
            Self::Pattern(_) => Type::Pattern,
            Self::Match(_) => Type::Match,
            Self::Hash(_) => Type::Hash,
            Self::Uuid(_) => Type::Uuid,
            Self::Plain => Type::Object,
            Self::Executor => Type::Executor,
            Self::Connector => Type::Connector,
            Self::Handler => Type::Handler,
            Self::Request => Type::Request,
            Self::Logger => Type::Logger,
            Self::Node(_) => Type::Node,
        }
    }

    /// Python's truth of it.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Self::View(view) => !view.dict.is_empty(),
            Self::TimeDelta(delta) => delta.0 != 0,
            _ => true,
        }
    }

    /// Bytes that equal objects of one kind share, where equality is by content (dates, durations): used for hashing.
    /// Nothing: the object is equal to itself only.
    #[must_use]
    pub fn key(&self) -> Option<[u8; 16]> {
        Some(match self {
            Self::DateTime(moment) => moment.key(),
            Self::Date(days) => i128::from(*days).to_le_bytes(),
            Self::Time(time) => time.key(),
            Self::TimeDelta(delta) => delta.0.to_le_bytes(),
            Self::Zone(zone) => zone.key(),
            Self::Uuid(bits) => bits.to_le_bytes(),
            Self::Pattern(pattern) => pattern.key(),
            _ => return None,
        })
    }
}
