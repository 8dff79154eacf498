//! Groups and what else begins with a bracket.

use super::{Error, Kind, Parsed, Parser, error, quoted};
use crate::run::builtins::re::tree::{Flags, Id, Node};
use crate::run::unicode::is_identifier;

impl Parser {
    pub(super) fn until(&mut self, end: char, what: &str) -> Parsed<String> {
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

    pub(super) fn check_name(name: &str, position: usize) -> Parsed<()> {
        if is_identifier(name) {
            return Ok(());
        }
        error(
            format!("bad character in group name {}", quoted(name)),
            position,
        )
    }

    pub(super) fn group_named(&self, name: &str) -> Option<u32> {
        self.tree
            .names
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, number)| *number)
    }

    /// What follows an opening bracket; nothing for comments and global flags.
    pub(super) fn group(
        &mut self,
        flags: &mut Flags,
        start: usize,
        first: bool,
    ) -> Parsed<Option<Id>> {
        let mut capture = true;
        let mut name = None;
        let mut inner = *flags;
        if self.take('?') {
            let Some(mark) = self.next() else {
                return error("unexpected end of pattern", self.at);
            };
            match mark {
                'P' => {
                    if !self.take('<') {
                        return self.named_reference(*flags).map(Some);
                    }
                    let at = self.at;
                    let found = self.until('>', "group name")?;
                    Self::check_name(&found, at)?;
                    name = Some((found, at));
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
                        Some(other) => error(format!("unknown extension ?<{other}"), self.at - 3),
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
                other => return error(format!("unknown extension ?{other}"), self.at - 2),
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

    /// `(?P=name)`, behind the `P`.
    fn named_reference(&mut self, flags: Flags) -> Parsed<Id> {
        if !self.take('=') {
            return match self.next() {
                None => error("unexpected end of pattern", self.at),
                Some(other) => error(format!("unknown extension ?P{other}"), self.at - 3),
            };
        }
        let at = self.at;
        let found = self.until(')', "group name")?;
        Self::check_name(&found, at)?;
        let Some(group) = self.group_named(&found) else {
            return error(format!("unknown group name {}", quoted(&found)), at);
        };
        self.check_reference(group, at, at)?;
        Ok(self.tree.add(Node::Reference(group, flags)))
    }

    pub(super) fn close(&mut self, start: usize) -> Parsed<()> {
        if self.take(')') {
            Ok(())
        } else {
            error("missing ), unterminated subpattern", start)
        }
    }

    pub(super) fn look(
        &mut self,
        flags: Flags,
        start: usize,
        mark: char,
        behind: bool,
    ) -> Parsed<Id> {
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
                    kind: Kind::Syntax,
                });
            }
        }
        Ok(self.tree.add(Node::Look {
            body,
            behind,
            negated: mark == '!',
        }))
    }

    pub(super) fn conditional(&mut self, flags: Flags, start: usize) -> Parsed<Id> {
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
    pub(super) fn total_groups(&self) -> u32 {
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
}
