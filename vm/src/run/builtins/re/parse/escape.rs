//! What follows a backslash.

use super::{Escape, Parsed, Parser, error, quoted};
use crate::run::builtins::re::tree::{Category, Flags, Item, Node, Place};
use crate::run::latin1::Alphabet;
use crate::run::unicode;

impl Parser {
    pub(super) fn escape(&mut self, flags: Flags, start: usize) -> Parsed<Node> {
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

    pub(super) fn hex(&mut self, start: usize, letter: char, count: usize) -> Parsed<char> {
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

    pub(super) fn escaped(&mut self, flags: Flags, start: usize, in_set: bool) -> Parsed<Escape> {
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
            'b' => Escape::Place(Place::Word(flags.by_ascii())),
            'B' if !in_set => Escape::Place(Place::NotWord(flags.by_ascii())),
            'A' if !in_set => Escape::Place(Place::Start),
            'Z' if !in_set => Escape::Place(Place::End),
            'x' => Escape::Char(self.hex(start, 'x', 2)?),
            // These are no escapes in a pattern of bytes.
            'u' | 'U' | 'N' if flags.alphabet == Alphabet::Bytes => {
                return error(format!("bad escape \\{letter}"), start);
            }
            'u' => Escape::Char(self.hex(start, 'u', 4)?),
            'U' => Escape::Char(self.hex(start, 'U', 8)?),
            'N' => {
                if !self.take('{') {
                    return error("missing {", self.at);
                }
                let name = self.until('}', "character name")?;
                match unicode::named(&name) {
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
    pub(super) fn octal(&mut self, mut value: u32, count: usize) -> char {
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
    pub(super) fn number(&mut self, first: char, start: usize, in_set: bool) -> Parsed<Escape> {
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
        self.check_reference(group, start, start + 1)?;
        Ok(Escape::Reference(group))
    }

    /// `start` is the place of the backslash or bracket, `position` that of the number or name.
    pub(super) fn check_reference(&self, group: u32, start: usize, position: usize) -> Parsed<()> {
        if group > self.tree.groups {
            return error(format!("invalid group reference {group}"), position);
        }
        let position = start;
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
}
