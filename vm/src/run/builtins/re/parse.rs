//! Python 3.11's syntax of regular expressions (`Lib/re/_parser.py`), with its messages.

use super::tree::{Category, Flags, Greed, Id, Item, Node, Place, Tree};
use crate::run::unicode::{is_identifier, is_printable};

/// Groups inside each other: parsing and compiling recurse on them.
pub const NESTING_MAX: u32 = 100;

/// Repeats inside each other's count, as CPython bounds a count.
const COUNT_END: u64 = 4_294_967_295;

/// Why a pattern is none: message, and position in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// In CPython's words.
    pub message: String,
    /// In characters.
    pub position: Option<usize>,
    /// Nested too deep: not a mistake of syntax.
    pub too_deep: bool,
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
        too_deep: false,
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
                too_deep: false,
            }));
        }
        Ok(root)
    }

    fn either(&mut self, flags: Flags, first_of_all: bool) -> Parsed<Id> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(Error {
                message: "maximum recursion depth exceeded".into(),
                position: None,
                too_deep: true,
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
                _ => error("the repetition number is too large", start),
            }
        };
        let (min, max) = (number(&low)?.unwrap_or(0), number(&high)?);
        if max.is_some_and(|max| max < min) {
            return error("min repeat greater than max repeat", start);
        }
        Ok(Some((min as u32, max.map(|max| max as u32))))
    }

    fn escape(&mut self, flags: Flags, start: usize) -> Parsed<Node> {
        Ok(match self.escaped(flags, start, false)? {
            Escape::Char(character) => Node::Char(character, flags),
            Escape::Category(category, negated) => Node::Set {
                items: vec![Item::Category(category, negated)],
                negated: false,
                flags,
            },
            Escape::Place(place) => Node::At(place),
            Escape::Reference(group) => Node::Reference(group, flags),
        })
    }

    fn hex(&mut self, start: usize, letter: char, count: usize) -> Parsed<char> {
        let mut digits = String::new();
        while digits.len() < count
            && let Some(digit) = self.peek().filter(char::is_ascii_hexdigit)
        {
            digits.push(digit);
            self.at += 1;
        }
        if digits.len() != count {
            return error(format!("incomplete escape \\{letter}{digits}"), start);
        }
        let code = u32::from_str_radix(&digits, 16).unwrap_or(u32::MAX);
        if code > 0x10_FFFF {
            return error(format!("bad escape \\{letter}{digits}"), start);
        }
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn escaped(&mut self, flags: Flags, start: usize, in_set: bool) -> Parsed<Escape> {
        let Some(letter) = self.next() else {
            return error("bad escape (end of pattern)", start);
        };
        Ok(match letter {
            'a' => Escape::Char('\u{7}'),
            'f' => Escape::Char('\u{c}'),
            'n' => Escape::Char('\n'),
            'r' => Escape::Char('\r'),
            't' => Escape::Char('\t'),
            'v' => Escape::Char('\u{b}'),
            'd' => Escape::Category(Category::Digit, false),
            'D' => Escape::Category(Category::Digit, true),
            's' => Escape::Category(Category::Space, false),
            'S' => Escape::Category(Category::Space, true),
            'w' => Escape::Category(Category::Word, false),
            'W' => Escape::Category(Category::Word, true),
            'b' if in_set => Escape::Char('\u{8}'),
            'b' => Escape::Place(Place::Word(flags.ascii)),
            'B' if !in_set => Escape::Place(Place::NotWord(flags.ascii)),
            'A' if !in_set => Escape::Place(Place::Start),
            'Z' if !in_set => Escape::Place(Place::End),
            'x' => Escape::Char(self.hex(start, 'x', 2)?),
            'u' => Escape::Char(self.hex(start, 'u', 4)?),
            'U' => Escape::Char(self.hex(start, 'U', 8)?),
            'N' => {
                if !self.take('{') {
                    return error("missing {", self.at);
                }
                let name = self.until('}', "character name")?;
                match unicode_names2::character(&name) {
                    Some(character) => Escape::Char(character),
                    None => {
                        return error(format!("undefined character name {}", quoted(&name)), start);
                    }
                }
            }
            '0' => Escape::Char(self.octal(0, 2)),
            '1'..='9' => return self.number(letter, start, in_set),
            other if other.is_ascii_alphabetic() => {
                return error(format!("bad escape \\{other}"), start);
            }
            other => Escape::Char(other),
        })
    }

    /// Up to `count` more octal digits behind a value.
    fn octal(&mut self, mut value: u32, count: usize) -> char {
        for _ in 0..count {
            let Some(digit) = self.peek().and_then(|digit| digit.to_digit(8)) else {
                break;
            };
            value = value * 8 + digit;
            self.at += 1;
        }
        char::from_u32(value).unwrap_or('\0')
    }

    /// A number behind a backslash: a group, or three octal digits.
    fn number(&mut self, first: char, start: usize, in_set: bool) -> Parsed<Escape> {
        let digit = |character: Option<char>| character.and_then(|digit| digit.to_digit(8));
        let octal = (
            digit(Some(first)),
            digit(self.peek()),
            digit(self.peek_at(1)),
        );
        if in_set {
            let Some(first_digit) = octal.0 else {
                return error(format!("bad escape \\{first}"), start);
            };
            let character = self.octal(first_digit, 2);
            if u32::from(character) > 0o377 {
                return error(
                    format!(
                        "octal escape value \\{} outside of range 0-0o377",
                        self.text(start + 1, self.at)
                    ),
                    start,
                );
            }
            return Ok(Escape::Char(character));
        }
        let mut group = first.to_digit(10).unwrap_or(0);
        if let Some(second) = self.peek().and_then(|digit| digit.to_digit(10)) {
            if let (Some(a), Some(b), Some(c)) = octal {
                self.at += 2;
                let value = a * 64 + b * 8 + c;
                if value > 0o377 {
                    return error(
                        format!(
                            "octal escape value \\{} outside of range 0-0o377",
                            self.text(start + 1, self.at)
                        ),
                        start,
                    );
                }
                return Ok(Escape::Char(char::from_u32(value).unwrap_or('\0')));
            }
            self.at += 1;
            group = group * 10 + second;
        }
        self.check_reference(group, start + 1)?;
        Ok(Escape::Reference(group))
    }

    fn check_reference(&self, group: u32, position: usize) -> Parsed<()> {
        if group > self.tree.groups {
            return error(format!("invalid group reference {group}"), position);
        }
        if self.open.contains(&group) {
            return error("cannot refer to an open group", position);
        }
        if self.behind.is_some_and(|first| group >= first) {
            return error(
                "cannot refer to group defined in the same lookbehind subpattern",
                position,
            );
        }
        Ok(())
    }

    fn text(&self, start: usize, end: usize) -> String {
        self.characters[start..end].iter().collect()
    }

    fn set(&mut self, flags: Flags, start: usize) -> Parsed<Node> {
        let negated = self.take('^');
        let first = self.at;
        let mut items = Vec::new();
        loop {
            let here = self.at;
            let Some(character) = self.next() else {
                return error("unterminated character set", start);
            };
            if character == ']' && here != first {
                break;
            }
            let low = self.set_part(flags, character, here)?;
            if !self.take('-') {
                items.push(low);
                continue;
            }
            let Some(next) = self.next() else {
                return error("unterminated character set", start);
            };
            if next == ']' {
                items.push(low);
                items.push(Item::Range('-', '-'));
                break;
            }
            let high_at = self.at - 1;
            let high = self.set_part(flags, next, high_at)?;
            match (low, high) {
                (Item::Range(low, _), Item::Range(high, _)) if low <= high => {
                    items.push(Item::Range(low, high));
                }
                _ => {
                    let shown = self.text(here, self.at);
                    return error(format!("bad character range {shown}"), here);
                }
            }
        }
        Ok(Node::Set {
            items,
            negated,
            flags,
        })
    }

    fn set_part(&mut self, flags: Flags, character: char, start: usize) -> Parsed<Item> {
        if character != '\\' {
            return Ok(Item::Range(character, character));
        }
        match self.escaped(flags, start, true)? {
            Escape::Char(character) => Ok(Item::Range(character, character)),
            Escape::Category(category, negated) => Ok(Item::Category(category, negated)),
            Escape::Place(_) | Escape::Reference(_) => error("bad escape", start),
        }
    }

    fn until(&mut self, end: char, what: &str) -> Parsed<String> {
        let start = self.at;
        let mut text = String::new();
        while let Some(character) = self.next() {
            if character == end {
                if text.is_empty() {
                    return error(format!("missing {what}"), start);
                }
                return Ok(text);
            }
            text.push(character);
        }
        if text.is_empty() {
            return error(format!("missing {what}"), start);
        }
        error(format!("missing {end}, unterminated name"), start)
    }

    fn check_name(name: &str, position: usize) -> Parsed<()> {
        if is_identifier(name) {
            return Ok(());
        }
        error(
            format!("bad character in group name {}", quoted(name)),
            position,
        )
    }

    fn group_named(&self, name: &str) -> Option<u32> {
        self.tree
            .names
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, number)| *number)
    }

    /// What follows an opening bracket; nothing for comments and global flags.
    fn group(&mut self, flags: &mut Flags, start: usize, first: bool) -> Parsed<Option<Id>> {
        let mut capture = true;
        let mut name = None;
        let mut inner = *flags;
        if self.take('?') {
            let Some(mark) = self.next() else {
                return error("unexpected end of pattern", self.at);
            };
            match mark {
                'P' => {
                    if self.take('<') {
                        let at = self.at;
                        let found = self.until('>', "group name")?;
                        Self::check_name(&found, at)?;
                        name = Some((found, at));
                    } else if self.take('=') {
                        let at = self.at;
                        let found = self.until(')', "group name")?;
                        Self::check_name(&found, at)?;
                        let Some(group) = self.group_named(&found) else {
                            return error(format!("unknown group name {}", quoted(&found)), at);
                        };
                        self.check_reference(group, at)?;
                        return Ok(Some(self.tree.add(Node::Reference(group, *flags))));
                    } else {
                        return match self.next() {
                            None => error("unexpected end of pattern", self.at),
                            Some(other) => {
                                error(format!("unknown extension ?P{other}"), self.at - 2)
                            }
                        };
                    }
                }
                ':' => capture = false,
                '#' => loop {
                    match self.next() {
                        None => return error("missing ), unterminated comment", start),
                        Some(')') => return Ok(None),
                        Some(_) => {}
                    }
                },
                '=' | '!' => return self.look(*flags, start, mark, false).map(Some),
                '<' => {
                    return match self.next() {
                        None => error("unexpected end of pattern", self.at),
                        Some(mark @ ('=' | '!')) => self.look(*flags, start, mark, true).map(Some),
                        Some(other) => error(format!("unknown extension ?<{other}"), self.at - 2),
                    };
                }
                '(' => return self.conditional(*flags, start).map(Some),
                '>' => {
                    let body = self.either(*flags, false)?;
                    self.close(start)?;
                    return Ok(Some(self.tree.add(Node::Atomic(body))));
                }
                '-' | 'a' | 'i' | 'L' | 'm' | 's' | 'u' | 'x' => {
                    match self.flags(*flags, mark, start, first)? {
                        Some(found) => {
                            inner = found;
                            capture = false;
                        }
                        None => {
                            *flags = Flags {
                                verbose: flags.verbose || self.tree.flags.verbose,
                                ..*flags
                            };
                            return Ok(None);
                        }
                    }
                }
                other => return error(format!("unknown extension ?{other}"), self.at - 1),
            }
        }
        if !capture {
            let body = self.either(inner, false)?;
            self.close(start)?;
            // A group of its own, so that what stands in it is repeated as a whole.
            return Ok(Some(match self.tree.node(body) {
                Node::Repeat { .. } | Node::At(_) | Node::Empty => {
                    self.tree.add(Node::Sequence(vec![body]))
                }
                _ => body,
            }));
        }
        self.tree.groups += 1;
        let number = self.tree.groups;
        if let Some((name, at)) = name {
            if let Some(known) = self.group_named(&name) {
                return error(
                    format!(
                        "redefinition of group name {} as group {number}; was group {known}",
                        quoted(&name)
                    ),
                    at,
                );
            }
            self.tree.names.push((name, number));
        }
        self.open.push(number);
        let body = self.either(inner, false)?;
        self.close(start)?;
        self.open.pop();
        let width = self.tree.width(body);
        self.widths.resize(self.tree.groups as usize + 1, None);
        self.widths[number as usize] = Some(width);
        Ok(Some(self.tree.add(Node::Group(number, body))))
    }

    fn close(&mut self, start: usize) -> Parsed<()> {
        if self.take(')') {
            Ok(())
        } else {
            error("missing ), unterminated subpattern", start)
        }
    }

    fn look(&mut self, flags: Flags, start: usize, mark: char, behind: bool) -> Parsed<Id> {
        let before = self.behind;
        if behind && before.is_none() {
            self.behind = Some(self.tree.groups + 1);
        }
        let body = self.either(flags, false)?;
        self.behind = before;
        self.close(start)?;
        if behind {
            let (least, most) = self.tree.width(body);
            if least != most {
                return Err(Error {
                    message: "look-behind requires fixed-width pattern".into(),
                    position: None,
                    too_deep: false,
                });
            }
        }
        Ok(self.tree.add(Node::Look {
            body,
            behind,
            negated: mark == '!',
        }))
    }

    fn conditional(&mut self, flags: Flags, start: usize) -> Parsed<Id> {
        let at = self.at;
        let name = self.until(')', "group name")?;
        let group = if is_identifier(&name) {
            match self.group_named(&name) {
                Some(group) => group,
                None => return error(format!("unknown group name {}", quoted(&name)), at),
            }
        } else {
            match name.parse::<u32>() {
                Ok(0) => return error("bad group number", at),
                Ok(group) if name.bytes().all(|byte| byte.is_ascii_digit()) => {
                    if group > 100_000_000 {
                        return error(format!("invalid group reference {group}"), at);
                    }
                    group
                }
                _ => {
                    return error(format!("bad character in group name {}", quoted(&name)), at);
                }
            }
        };
        if self.behind.is_some_and(|first| group >= first) {
            return error(
                "cannot refer to group defined in the same lookbehind subpattern",
                at,
            );
        }
        self.depth += 1;
        let yes = self.sequence(flags, false)?;
        let no = if self.take('|') {
            let no = self.sequence(flags, false)?;
            if self.peek() == Some('|') {
                return error("conditional backref with more than two branches", self.at);
            }
            no
        } else {
            self.tree.add(Node::Empty)
        };
        self.depth -= 1;
        self.close(start)?;
        let total = self.total_groups();
        if group > total {
            return error(format!("invalid group reference {group}"), at);
        }
        Ok(self.tree.add(Node::If(group, yes, no)))
    }

    /// Groups of the whole pattern, also those that come later.
    fn total_groups(&self) -> u32 {
        let mut total = 0;
        let (mut at, mut in_set) = (0, false);
        while let Some(character) = self.characters.get(at) {
            match character {
                '\\' => at += 1,
                '[' => in_set = true,
                ']' => in_set = false,
                '(' if !in_set => {
                    let next = self.characters.get(at + 1);
                    let named = next == Some(&'?')
                        && self.characters.get(at + 2) == Some(&'P')
                        && self.characters.get(at + 3) == Some(&'<');
                    total += u32::from(next != Some(&'?') || named);
                }
                _ => {}
            }
            at += 1;
        }
        total
    }

    /// `(?i)` for all, or `(?i-s:` for a group, whose flags are given.
    fn flags(
        &mut self,
        known: Flags,
        mark: char,
        start: usize,
        first: bool,
    ) -> Parsed<Option<Flags>> {
        let mut on = known;
        let mut global = self.tree.flags;
        let mut mark = mark;
        let mut minus = false;
        if mark != '-' {
            loop {
                match mark {
                    'i' => (on.ignore_case, global.ignore_case) = (true, true),
                    'm' => (on.multiline, global.multiline) = (true, true),
                    's' => (on.dot_all, global.dot_all) = (true, true),
                    'x' => (on.verbose, global.verbose) = (true, true),
                    'a' => (on.ascii, global.ascii) = (true, true),
                    'u' => on.ascii = false,
                    _ => {
                        return error(
                            "bad inline flags: cannot use 'L' flag with a str pattern",
                            self.at,
                        );
                    }
                }
                match self.next() {
                    None => return error("missing -, : or )", self.at),
                    Some(')') => {
                        if !first {
                            return error("global flags not at the start of the expression", start);
                        }
                        self.tree.flags = global;
                        return Ok(None);
                    }
                    Some(':') => return Ok(Some(on)),
                    Some('-') => {
                        minus = true;
                        break;
                    }
                    Some(next @ ('a' | 'i' | 'L' | 'm' | 's' | 'u' | 'x')) => mark = next,
                    Some(other) => {
                        let text = if other.is_alphabetic() {
                            "unknown flag"
                        } else {
                            "missing -, : or )"
                        };
                        return error(text, self.at - 1);
                    }
                }
            }
        }
        debug_assert!(minus || mark == '-');
        let mut any = false;
        loop {
            match self.next() {
                None => {
                    let text = if any { "missing :" } else { "missing flag" };
                    return error(text, self.at);
                }
                Some(':') if any => return Ok(Some(on)),
                Some('i') => on.ignore_case = false,
                Some('m') => on.multiline = false,
                Some('s') => on.dot_all = false,
                Some('x') => on.verbose = false,
                Some('a' | 'u' | 'L') => {
                    return error(
                        "bad inline flags: cannot turn off flags 'a', 'u' and 'L'",
                        self.at,
                    );
                }
                Some(other) => {
                    let text = if other.is_alphabetic() {
                        "unknown flag"
                    } else if any {
                        "missing :"
                    } else {
                        "missing flag"
                    };
                    return error(text, self.at - 1);
                }
            }
            any = true;
        }
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
            _ => text.push_str(&format!("\\x{:02x}", u32::from(character))),
        }
    }
    text.push(quote);
    text
}
