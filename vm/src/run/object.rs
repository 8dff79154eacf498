//! Values that are neither numbers, texts nor containers: views, dates, patterns, hashes, and the executor's side.
//!
//! A new kind gets a variant here, its Python type in `kind.rs`, and methods and attributes in a table of `builtins/`.
//! Nothing here may need dropping: what owns heap memory (a compiled pattern) is kept outside and named by a number.

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
            _ => true,
        }
    }

    /// Order of two objects of one kind, where they have one (dates, durations).
    #[must_use]
    pub const fn order(&self, _other: &Self) -> Option<std::cmp::Ordering> {
        None
    }

    /// Bytes that equal objects of one kind share, where equality is by content (dates, durations): used for hashing.
    /// Nothing: the object is equal to itself only.
    #[must_use]
    pub const fn key(&self) -> Option<[u8; 16]> {
        None
    }
}
