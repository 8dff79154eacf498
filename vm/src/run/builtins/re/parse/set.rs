//! Sets: `[a-z]`.

use super::{Escape, Parsed, Parser, error};
use crate::run::builtins::re::tree::{Flags, Item, Node};

impl Parser {
    pub(super) fn set(&mut self, flags: Flags, start: usize) -> Parsed<Node> {
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

    pub(super) fn set_part(&mut self, flags: Flags, character: char, start: usize) -> Parsed<Item> {
        if character != '\\' {
            return Ok(Item::Range(character, character));
        }
        match self.escaped(flags, start, true)? {
            Escape::Char(character) => Ok(Item::Range(character, character)),
            Escape::Category(category, negated) => Ok(Item::Category(category, negated)),
            Escape::Place(_) | Escape::Reference(_) => error("bad escape", start),
        }
    }
}
