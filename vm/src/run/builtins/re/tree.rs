//! A regular expression as a tree, in vectors: children before parents.

use crate::run::latin1::Alphabet;

/// A node of a [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(pub u32);

/// Flags of one place of a pattern.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a letter of the syntax"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `i`
    pub ignore_case: bool,
    /// `m`
    pub multiline: bool,
    /// `s`
    pub dot_all: bool,
    /// `x`
    pub verbose: bool,
    /// `a`
    pub ascii: bool,
    /// A pattern of bytes goes by ASCII whatever its flags say.
    pub alphabet: Alphabet,
}

/// `re.A`, `re.I`, … as bits of an int.
pub mod bits {
    /// `re.I`
    pub const IGNORE_CASE: i64 = 2;
    /// `re.L`, which is refused.
    pub const LOCALE: i64 = 4;
    /// `re.M`
    pub const MULTILINE: i64 = 8;
    /// `re.S`
    pub const DOT_ALL: i64 = 16;
    /// `re.U`
    pub const UNICODE: i64 = 32;
    /// `re.X`
    pub const VERBOSE: i64 = 64;
    /// `re.A`
    pub const ASCII: i64 = 256;
}

impl Flags {
    /// From the bits of `re`'s flags.
    #[must_use]
    pub const fn from_bits(flags: i64, alphabet: Alphabet) -> Self {
        Self {
            alphabet,
            ignore_case: flags & bits::IGNORE_CASE != 0,
            multiline: flags & bits::MULTILINE != 0,
            dot_all: flags & bits::DOT_ALL != 0,
            verbose: flags & bits::VERBOSE != 0,
            ascii: flags & bits::ASCII != 0,
        }
    }

    /// To the bits of `re`'s flags, as `Pattern.flags` shows them.
    #[must_use]
    pub const fn to_bits(self) -> i64 {
        (if self.ignore_case {
            bits::IGNORE_CASE
        } else {
            0
        }) | (if self.multiline { bits::MULTILINE } else { 0 })
            | (if self.dot_all { bits::DOT_ALL } else { 0 })
            | (if self.verbose { bits::VERBOSE } else { 0 })
            | match (self.ascii, self.alphabet) {
                (true, _) => bits::ASCII,
                (false, Alphabet::Characters) => bits::UNICODE,
                (false, Alphabet::Bytes) => 0,
            }
    }

    /// Whether classes and cases are those of ASCII.
    #[must_use]
    pub const fn by_ascii(self) -> bool {
        self.ascii || matches!(self.alphabet, Alphabet::Bytes)
    }
}

/// A class of characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// `\d`
    Digit,
    /// `\s`
    Space,
    /// `\w`
    Word,
}

/// One part of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// From the first character to the last.
    Range(char, char),
    /// A class, or all but it.
    Category(Category, bool),
}

/// A place that is matched without taking a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `\A`, `^`
    Start,
    /// `^` with `m`
    LineStart,
    /// `\Z`
    End,
    /// `$`
    EndOrLast,
    /// `$` with `m`
    LineEnd,
    /// `\b`, by ASCII or not
    Word(bool),
    /// `\B`
    NotWord(bool),
}

/// How often, and which number is tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greed {
    /// `*`
    Greedy,
    /// `*?`
    Lazy,
    /// `*+`
    Possessive,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Nothing.
    Empty,
    /// A character, with its flags.
    Char(char, Flags),
    /// `.`
    Any(Flags),
    /// `[…]`, or a class by itself.
    Set {
        /// Its parts.
        items: Vec<Item>,
        /// `[^…]`
        negated: bool,
        /// Flags.
        flags: Flags,
    },
    /// See [`Place`].
    At(Place),
    /// One after the other.
    Sequence(Vec<Id>),
    /// `a|b`
    Either(Vec<Id>),
    /// `(…)` with its number.
    Group(u32, Id),
    /// `\1`
    Reference(u32, Flags),
    /// `a{min,max}`
    Repeat {
        /// What.
        body: Id,
        /// At least.
        min: u32,
        /// At most; nothing: any number.
        max: Option<u32>,
        /// See [`Greed`].
        greed: Greed,
    },
    /// `(?=…)` and its like.
    Look {
        /// What.
        body: Id,
        /// Before this place.
        behind: bool,
        /// Must not match.
        negated: bool,
    },
    /// `(?>…)`
    Atomic(Id),
    /// `(?(1)a|b)`
    If(u32, Id, Id),
}

/// A parsed pattern.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Children before parents.
    pub nodes: Vec<Node>,
    /// Characters at least and at most (saturating), by node.
    pub widths: Vec<(u32, u32)>,
    /// Names of groups.
    pub names: Vec<(String, u32)>,
    /// Number of groups.
    pub groups: u32,
    /// Flags of the whole.
    pub flags: Flags,
}

impl Tree {
    /// A node.
    #[must_use]
    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Characters that a node takes, at least and at most.
    #[must_use]
    pub fn width(&self, id: Id) -> (u32, u32) {
        self.widths[id.0 as usize]
    }

    /// Add a node.
    pub fn add(&mut self, node: Node) -> Id {
        let width = match &node {
            Node::Empty | Node::At(_) | Node::Look { .. } => (0, 0),
            Node::Char(..) | Node::Any(_) | Node::Set { .. } => (1, 1),
            Node::Sequence(parts) => parts.iter().fold((0_u32, 0_u32), |sum, part| {
                let width = self.width(*part);
                (sum.0.saturating_add(width.0), sum.1.saturating_add(width.1))
            }),
            Node::Either(parts) => parts.iter().fold((u32::MAX, 0_u32), |sum, part| {
                let width = self.width(*part);
                (sum.0.min(width.0), sum.1.max(width.1))
            }),
            Node::Group(_, body) | Node::Atomic(body) => self.width(*body),
            Node::Reference(..) => (0, u32::MAX),
            Node::Repeat { body, min, max, .. } => {
                let width = self.width(*body);
                (
                    width.0.saturating_mul(*min),
                    width.1.saturating_mul(max.unwrap_or(u32::MAX)),
                )
            }
            Node::If(_, yes, no) => {
                let (yes, no) = (self.width(*yes), self.width(*no));
                (yes.0.min(no.0), yes.1.max(no.1))
            }
        };
        self.nodes.push(node);
        self.widths.push(width);
        Id(self.nodes.len() as u32 - 1)
    }
}
