//! Python 3.11's syntax of regular expressions (`Lib/re/_parser.py`), with its messages.

mod escape;
mod flags;
mod group;
mod set;

use std::fmt::Write as _;

use super::tree::{Category, Flags, Greed, Id, Node, Place, Tree};
use crate::limits::GROUP_NESTING_MAX;
use crate::run::unicode::is_printable;

/// Repeats inside each other's count, as CPython bounds a count.
const COUNT_END: u64 = 4_294_967_295;

/// Why a pattern is none: message, and position in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// In CPython's words.
    pub message: String,
    /// In characters.
    pub position: Option<usize>,
    /// Which exception it is.
    pub kind: Kind,
}

/// Which exception a pattern's mistake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `re.error`
    Syntax,
    /// `RecursionError`
    Depth,
    /// `OverflowError`
    Overflow,
}

type Parsed<T> = Result<T, Error>;

/// A parsed pattern and its root.
pub fn parse(pattern: &str, flags: Flags) -> Parsed<(Tree, Id)> {
    let mut parser = Parser {
        characters: pattern.chars().collect(),
        at: 0,
        tree: Tree {
            flags,
            ..Tree::default()
        },
        open: Vec::new(),
        widths: vec![None],
        depth: 0,
        behind: None,
    };
    loop {
        let before = parser.tree.flags;
        match parser.whole() {
            Ok(root) => return Ok((parser.tree, root)),
            // A global flag was found that changes how the text before it reads.
            Err(None) => {
                let flags = parser.tree.flags;
                debug_assert!(flags != before);
                parser.tree = Tree {
                    flags,
                    ..Tree::default()
                };
                parser.at = 0;
                parser.open.clear();
                parser.widths = vec![None];
                parser.depth = 0;
                parser.behind = None;
            }
            Err(Some(error)) => return Err(error),
        }
    }
}

struct Parser {
    characters: Vec<char>,
    at: usize,
    tree: Tree,
    /// Numbers of groups that are open.
    open: Vec<u32>,
    /// Widths of groups once closed.
    widths: Vec<Option<(u32, u32)>>,
    depth: u32,
    /// Groups from this number on were defined in the look-behind that is open.
    behind: Option<u32>,
}

fn error<T>(message: impl Into<String>, position: usize) -> Parsed<T> {
    Err(Error {
        message: message.into(),
        position: Some(position),
        kind: Kind::Syntax,
    })
}

/// What stands inside a set or behind a backslash.
enum Escape {
    Char(char),
    Category(Category, bool),
    Place(Place),
    Reference(u32),
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn peek_at(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn next(&mut self) -> Option<char> {
        let found = self.peek();
        self.at += usize::from(found.is_some());
        found
    }

    /// The whole pattern; `Err(None)`: once more, with the flags that were found.
    fn whole(&mut self) -> Result<Id, Option<Error>> {
        let flags = self.tree.flags;
        let root = self.either(flags, true).map_err(Some)?;
        if self.tree.flags.verbose && !flags.verbose {
            return Err(None);
        }
        if self.tree.flags != flags {
            return Err(None);
        }
        if self.at < self.characters.len() {
            return Err(Some(Error {
                message: "unbalanced parenthesis".into(),
                position: Some(self.at),
                kind: Kind::Syntax,
            }));
        }
        Ok(root)
    }

    fn either(&mut self, flags: Flags, first_of_all: bool) -> Parsed<Id> {
        self.depth += 1;
        if self.depth > GROUP_NESTING_MAX {
            return Err(Error {
                message: "maximum recursion depth exceeded".into(),
                position: None,
                kind: Kind::Depth,
            });
        }
        let mut parts = Vec::new();
        loop {
            let first = first_of_all && parts.is_empty();
            parts.push(self.sequence(flags, first)?);
            if !self.take('|') {
                break;
            }
        }
        self.depth -= 1;
        Ok(match parts.as_slice() {
            [only] => *only,
            _ => self.tree.add(Node::Either(parts)),
        })
    }

    fn sequence(&mut self, flags: Flags, first_of_all: bool) -> Parsed<Id> {
        let mut flags = flags;
        let mut parts: Vec<Id> = Vec::new();
        while let Some(character) = self.peek() {
            if matches!(character, '|' | ')') {
                break;
            }
            if flags.verbose {
                if matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}') {
                    self.at += 1;
                    continue;
                }
                if character == '#' {
                    while self.next().is_some_and(|character| character != '\n') {}
                    continue;
                }
            }
            let start = self.at;
            self.at += 1;
            let node = match character {
                '\\' => self.escape(flags, start)?,
                '[' => self.set(flags, start)?,
                '.' => Node::Any(flags),
                '^' if flags.multiline => Node::At(Place::LineStart),
                '^' => Node::At(Place::Start),
                '$' if flags.multiline => Node::At(Place::LineEnd),
                '$' => Node::At(Place::EndOrLast),
                '*' | '+' | '?' | '{' => {
                    if let Some(repeated) = self.repeat(character, start, parts.last().copied())? {
                        parts.pop();
                        repeated
                    } else {
                        Node::Char(character, flags)
                    }
                }
                '(' => match self.group(&mut flags, start, first_of_all && parts.is_empty())? {
                    Some(id) => {
                        parts.push(id);
                        continue;
                    }
                    None => continue,
                },
                other => Node::Char(other, flags),
            };
            let id = self.tree.add(node);
            parts.push(id);
        }
        Ok(match parts.as_slice() {
            [] => self.tree.add(Node::Empty),
            [only] => *only,
            _ => self.tree.add(Node::Sequence(parts)),
        })
    }

    /// A repeat of the last part; nothing when a brace stands for itself.
    fn repeat(&mut self, mark: char, start: usize, last: Option<Id>) -> Parsed<Option<Node>> {
        let (min, max) = match mark {
            '*' => (0, None),
            '+' => (1, None),
            '?' => (0, Some(1)),
            _ => match self.count(start)? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        let Some(body) = last.filter(|id| !matches!(self.tree.node(*id), Node::At(_))) else {
            return error("nothing to repeat", start);
        };
        if matches!(self.tree.node(body), Node::Repeat { .. }) && self.is_bare_repeat(start) {
            return error("multiple repeat", start);
        }
        if matches!(self.tree.node(body), Node::Empty) && self.bare_before(start) {
            return error("nothing to repeat", start);
        }
        let greed = if self.take('?') {
            Greed::Lazy
        } else if self.take('+') {
            Greed::Possessive
        } else {
            Greed::Greedy
        };
        Ok(Some(Node::Repeat {
            body,
            min,
            max,
            greed,
        }))
    }

    /// A repeat behind a repeat, not behind the bracket that holds one.
    fn is_bare_repeat(&self, start: usize) -> bool {
        start == 0 || self.characters[start - 1] != ')'
    }

    fn bare_before(&self, start: usize) -> bool {
        start == 0 || self.characters[start - 1] != ')'
    }

    /// `{2}`, `{2,}`, `{,2}`, `{2,3}`; anything else is text.
    #[allow(clippy::type_complexity)] // two bounds, of which one may be open
    fn count(&mut self, start: usize) -> Parsed<Option<(u32, Option<u32>)>> {
        if self.peek() == Some('}') {
            return Ok(None);
        }
        let here = self.at;
        let digits = |parser: &mut Self| {
            let mut text = String::new();
            while let Some(digit) = parser.peek().filter(char::is_ascii_digit) {
                text.push(digit);
                parser.at += 1;
            }
            text
        };
        let low = digits(self);
        let high = if self.take(',') {
            digits(self)
        } else {
            low.clone()
        };
        if !self.take('}') {
            self.at = here;
            return Ok(None);
        }
        let number = |text: &str| -> Parsed<Option<u64>> {
            if text.is_empty() {
                return Ok(None);
            }
            match text.parse::<u64>() {
                Ok(number) if number < COUNT_END => Ok(Some(number)),
                _ => Err(Error {
                    message: "the repetition number is too large".into(),
                    position: None,
                    kind: Kind::Overflow,
                }),
            }
        };
        let (min, max) = (number(&low)?.unwrap_or(0), number(&high)?);
        if max.is_some_and(|max| max < min) {
            return error("min repeat greater than max repeat", start + 1);
        }
        Ok(Some((min as u32, max.map(|max| max as u32))))
    }

    fn text(&self, start: usize, end: usize) -> String {
        self.characters[start..end].iter().collect()
    }
}

/// A name as `repr` quotes it.
fn quoted(name: &str) -> String {
    let quote = if name.contains('\'') && !name.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut text = String::from(quote);
    for character in name.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            _ if character == quote => {
                text.push('\\');
                text.push(quote);
            }
            _ if is_printable(character) => text.push(character),
            _ => {
                let _ = write!(text, "\\x{:02x}", u32::from(character));
            }
        }
    }
    text.push(quote);
    text
}
