//! `exrex.getone`: a random text that a pattern matches.

use super::tree::{Category, Id, Item, Node, Tree};
use super::{parse, tree::Flags};
use crate::limits::PATTERN_BYTES_MAX;
use crate::run::builtins::{Args, Member, ModuleDef, function, named, optional, required};
use crate::run::context::{Context, TextBuilder};
use crate::run::fault::{Class, Fault};
use crate::run::unicode;
use crate::run::value::Value;

/// Turns of a repeat without an end, unless the call says otherwise (`exrex`'s own default).
const TURNS_MAX: u32 = 20;

/// Characters for what may be any: printable ASCII.
const FIRST: u32 = 0x20;
const LAST: u32 = 0x7e;

/// `exrex`.
pub static EXREX: ModuleDef = ModuleDef {
    name: "exrex",
    members: &[Member::Native(function(
        "getone",
        named(&[required("regex_string"), optional("limit")]),
        getone,
    ))],
};

fn getone<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let Some(pattern) = args.or_none(0).as_str() else {
        return Err(context.raise(
            Class::TypeError,
            "first argument must be string or compiled pattern",
        ));
    };
    let turns = match args.get(1) {
        None => TURNS_MAX,
        Some(_) => u32::try_from(args.index(context, 1)?).unwrap_or(0),
    };
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(context.raise(Class::RegexError, "a pattern for a random text is too long"));
    }
    context.charge(16 + pattern.len() * 4)?;
    let (tree, root) = match parse::parse(pattern, Flags::default()) {
        Ok(parsed) => parsed,
        Err(error) => return Err(super::pattern::syntax_error(context, pattern, &error)),
    };
    let mut out = context.builder();
    let mut generator = Generator {
        tree: &tree,
        turns,
        groups: vec![None; tree.groups as usize + 1],
    };
    generator.write(context, &mut out, root)?;
    context.finish(out)
}

struct Generator<'t> {
    tree: &'t Tree,
    turns: u32,
    /// Where the text of each group begins and ends.
    groups: Vec<Option<(usize, usize)>>,
}

impl Generator<'_> {
    fn write<'a>(
        &mut self,
        context: &mut Context<'a>,
        out: &mut TextBuilder,
        id: Id,
    ) -> Result<(), Fault<'a>> {
        context.charge(1)?;
        let tree = self.tree;
        match tree.node(id) {
            Node::Empty | Node::At(_) => Ok(()),
            Node::Char(character, _) => Ok(out.push(*character)?),
            Node::Any(_) => {
                let code = FIRST + context.random().below(u64::from(LAST - FIRST + 1)) as u32;
                Ok(out.push(char::from_u32(code).unwrap_or(' '))?)
            }
            Node::Set { items, negated, .. } => {
                let character = pick(context, items, *negated)?;
                Ok(out.push(character)?)
            }
            Node::Sequence(parts) => {
                for part in parts {
                    self.write(context, out, *part)?;
                }
                Ok(())
            }
            Node::Either(parts) => {
                let chosen = context.random().below(parts.len() as u64) as usize;
                self.write(context, out, parts[chosen])
            }
            Node::Group(number, body) => {
                let start = out.as_str().len();
                self.write(context, out, *body)?;
                self.groups[*number as usize] = Some((start, out.as_str().len()));
                Ok(())
            }
            Node::Reference(group, _) => {
                let Some((start, end)) = self.groups[*group as usize] else {
                    return Ok(());
                };
                let text = out.as_str()[start..end].to_owned();
                context.charge_bytes(text.len())?;
                Ok(out.push_str(&text)?)
            }
            Node::Repeat { body, min, max, .. } => {
                let most = max.unwrap_or_else(|| min.saturating_add(self.turns));
                let spread = u64::from(most - min) + 1;
                let count = u64::from(*min) + context.random().below(spread);
                for _ in 0..count {
                    self.write(context, out, *body)?;
                }
                Ok(())
            }
            Node::Atomic(body) => self.write(context, out, *body),
            Node::If(group, yes, no) => {
                let part = if self.groups[*group as usize].is_some() {
                    *yes
                } else {
                    *no
                };
                self.write(context, out, part)
            }
            Node::Look { .. } => Err(context.raise(
                Class::ValueError,
                "no random text for a pattern that looks ahead or behind",
            )),
        }
    }
}

/// A character of a set: of its ranges evenly, else of printable ASCII.
fn pick<'a>(context: &mut Context<'a>, items: &[Item], negated: bool) -> Result<char, Fault<'a>> {
    let holds = |character: char| {
        let listed = items.iter().any(|item| match item {
            Item::Range(low, high) => (*low..=*high).contains(&character),
            Item::Category(category, inverted) => {
                let found = match category {
                    Category::Digit => unicode::is_decimal(character),
                    Category::Space => unicode::is_space(character),
                    Category::Word => super::program::is_word(character, false),
                };
                found != *inverted
            }
        });
        listed != negated
    };
    context.charge(items.len() + 4)?;
    if !negated {
        let sizes: u64 = items.iter().copied().map(size).sum();
        if sizes > 0 {
            let mut chosen = context.random().below(sizes);
            for item in items {
                let size = size(*item);
                if chosen < size {
                    return Ok(nth(context, *item, chosen));
                }
                chosen -= size;
            }
        }
    }
    // What cannot be counted out is looked for among ASCII.
    context.charge(items.len() * 16)?;
    let fitting: Vec<char> = (FIRST..=LAST)
        .chain([9, 10, 13])
        .filter_map(char::from_u32)
        .filter(|character| holds(*character))
        .collect();
    if fitting.is_empty() {
        return Err(context.raise(
            Class::ValueError,
            "no random text for a set without printable characters",
        ));
    }
    let chosen = context.random().below(fitting.len() as u64) as usize;
    Ok(fitting[chosen])
}

/// Characters of an item that are drawn evenly: all of a range, the ASCII ones of a class.
fn size(item: Item) -> u64 {
    match item {
        Item::Range(low, high) => u64::from(u32::from(high) - u32::from(low)) + 1,
        Item::Category(Category::Digit, false) => 10,
        Item::Category(Category::Space, false) => 1,
        Item::Category(Category::Word, false) => 63,
        Item::Category(_, true) => 0,
    }
}

fn nth(context: &mut Context<'_>, item: Item, index: u64) -> char {
    match item {
        Item::Range(low, _) => {
            // Surrogates are no characters: what falls on them is drawn once more below them.
            let code = u32::from(low) + index as u32;
            char::from_u32(code).unwrap_or_else(|| {
                let first = 0xD800 - u32::from(low);
                let again = context.random().below(u64::from(first.max(1))) as u32;
                char::from_u32(u32::from(low) + again).unwrap_or(low)
            })
        }
        Item::Category(Category::Digit, _) => char::from(b'0' + index as u8),
        Item::Category(Category::Space, _) => ' ',
        Item::Category(Category::Word, _) => {
            const WORD: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
            char::from(WORD[index as usize % WORD.len()])
        }
    }
}
