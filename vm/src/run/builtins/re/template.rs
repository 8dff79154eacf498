//! Replacement texts: `\1`, `\g<name>`, escapes.

use super::{
    Pattern,
    parse::{Error, Kind},
    pattern::syntax_error,
    search::group_text,
};
use crate::run::context::{Context, TextBuilder};
use crate::run::fault::{Class, Fault};
use crate::run::text::Text;
use crate::run::unicode::is_identifier;

/// One part of a replacement.
#[derive(Debug)]
pub enum Part {
    /// A text.
    Text(String),
    /// The text of a group.
    Group(usize),
}

/// Read a replacement.
pub fn parse<'a>(
    context: &mut Context<'a>,
    pattern: &Pattern<'a>,
    template: &str,
) -> Result<Vec<Part>, Fault<'a>> {
    context.charge_bytes(template.len() * 4)?;
    if !template.contains('\\') {
        return Ok(vec![Part::Text(template.to_owned())]);
    }
    let groups = pattern.program.groups;
    let reader = Reader {
        characters: template.chars().collect(),
        at: 0,
        groups,
        names: pattern.program.names,
        parts: Vec::new(),
        text: String::new(),
    };
    match reader.read() {
        Ok(parts) => Ok(parts),
        Err(Failure::Syntax(error)) => Err(syntax_error(context, template, &error)),
        Err(Failure::NoName(name)) => Err(context.raise(
            Class::IndexError,
            format_args!("unknown group name '{name}'"),
        )),
    }
}

/// Write a replacement for one match.
pub fn write<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    parts: &[Part],
    text: &'a Text<'a>,
    slots: &[usize],
) -> Result<(), Fault<'a>> {
    for part in parts {
        let part = match part {
            Part::Text(text) => text.as_str(),
            Part::Group(group) => group_text(text, slots, *group).unwrap_or_default(),
        };
        context.charge_bytes(part.len())?;
        out.push_str(part)?;
    }
    Ok(())
}

enum Failure {
    Syntax(Error),
    NoName(String),
}

struct Reader<'a, 'p> {
    characters: Vec<char>,
    at: usize,
    groups: u32,
    names: &'p [(&'a str, u32)],
    parts: Vec<Part>,
    text: String,
}

fn fail<T>(message: String, position: usize) -> Result<T, Failure> {
    Err(Failure::Syntax(Error {
        message,
        position: Some(position),
        kind: Kind::Syntax,
    }))
}

impl Reader<'_, '_> {
    fn digit(&self, radix: u32) -> Option<u32> {
        self.characters
            .get(self.at)
            .and_then(|digit| digit.to_digit(radix))
    }

    fn read(mut self) -> Result<Vec<Part>, Failure> {
        while let Some(character) = self.characters.get(self.at).copied() {
            self.at += 1;
            if character == '\\' {
                self.escape(self.at - 1)?;
            } else {
                self.text.push(character);
            }
        }
        if !self.text.is_empty() {
            self.parts.push(Part::Text(self.text));
        }
        Ok(self.parts)
    }

    fn group(&mut self, group: u32, position: usize) -> Result<(), Failure> {
        if group > self.groups {
            return fail(format!("invalid group reference {group}"), position);
        }
        if !self.text.is_empty() {
            self.parts.push(Part::Text(std::mem::take(&mut self.text)));
        }
        self.parts.push(Part::Group(group as usize));
        Ok(())
    }

    fn escape(&mut self, start: usize) -> Result<(), Failure> {
        let Some(letter) = self.characters.get(self.at).copied() else {
            return fail("bad escape (end of pattern)".into(), start);
        };
        self.at += 1;
        match letter {
            'g' => self.named(start),
            '0' => {
                let mut value = 0;
                for _ in 0..2 {
                    let Some(digit) = self.digit(8) else { break };
                    value = value * 8 + digit;
                    self.at += 1;
                }
                self.text.push(char::from_u32(value).unwrap_or('\0'));
                Ok(())
            }
            '1'..='9' => self.number(letter, start),
            'a' => self.push('\u{7}'),
            'b' => self.push('\u{8}'),
            'f' => self.push('\u{c}'),
            'n' => self.push('\n'),
            'r' => self.push('\r'),
            't' => self.push('\t'),
            'v' => self.push('\u{b}'),
            '\\' => self.push('\\'),
            other if other.is_ascii_alphabetic() => fail(format!("bad escape \\{other}"), start),
            other => {
                self.text.push('\\');
                self.push(other)
            }
        }
    }

    fn push(&mut self, character: char) -> Result<(), Failure> {
        self.text.push(character);
        Ok(())
    }

    fn number(&mut self, first: char, start: usize) -> Result<(), Failure> {
        let mut group = first.to_digit(10).unwrap_or(0);
        if let Some(second) = self.digit(10) {
            let octal = (
                first.to_digit(8),
                self.digit(8),
                self.characters
                    .get(self.at + 1)
                    .and_then(|digit| digit.to_digit(8)),
            );
            self.at += 1;
            if let (Some(a), Some(b), Some(c)) = octal {
                self.at += 1;
                let value = a * 64 + b * 8 + c;
                if value > 0o377 {
                    return fail(
                        format!("octal escape value \\{a}{b}{c} outside of range 0-0o377"),
                        start,
                    );
                }
                return self.push(char::from_u32(value).unwrap_or('\0'));
            }
            group = group * 10 + second;
        }
        self.group(group, start + 1)
    }

    fn named(&mut self, _start: usize) -> Result<(), Failure> {
        if self.characters.get(self.at) != Some(&'<') {
            return fail("missing <".into(), self.at);
        }
        self.at += 1;
        let at = self.at;
        let Some(len) = self.characters[at..]
            .iter()
            .position(|character| *character == '>')
        else {
            let text = if at == self.characters.len() {
                "missing group name"
            } else {
                "missing >, unterminated name"
            };
            return fail(text.into(), at);
        };
        let name: String = self.characters[at..at + len].iter().collect();
        self.at = at + len + 1;
        if name.is_empty() {
            return fail("missing group name".into(), at);
        }
        if is_identifier(&name) {
            let known = self
                .names
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, number)| *number);
            return match known {
                Some(group) => self.group(group, at),
                None => Err(Failure::NoName(name)),
            };
        }
        match name.parse::<u32>() {
            Ok(group) if name.bytes().all(|byte| byte.is_ascii_digit()) => self.group(group, at),
            _ => fail(format!("bad character in group name '{name}'"), at),
        }
    }
}
