//! A pattern as instructions for [`super::matcher`], in the arena.
//!
//! ```text
//! a|b     Split 1 →3   Char a   Jump →4   Char b
//! a*      Run(Char a, 0, ∞, greedy)                    one character wide: a single instruction
//! (ab)*   Split body, end   …   Jump back              never empty
//! (a?)*   Reset n   Again n →end   …   Jump back       may be empty: counted, and stopped when a turn took nothing
//! (?=a)   Look →end   …   LookEnd
//! ```

use super::tree::{Category, Flags, Greed, Id, Item, Node, Place, Tree};
use crate::limits::Limit;
use crate::run::arena::{Arena, QuotaReached};
use crate::run::context::Context;
use crate::run::fault::Fault;
use crate::run::unicode;

/// Instructions of one program. `(?:(?:a{100}){100}){100}` is counted, not copied, so that texts of patterns bound it.
const CODE_MAX: usize = 1 << 20;

/// One character's condition.
#[derive(Clone, Copy, Debug)]
pub enum One<'a> {
    /// This character.
    Char(char),
    /// This one in any case; lower case is given.
    Folded(char, bool),
    /// Any but a line feed.
    NotNewline,
    /// Any.
    Any,
    /// See [`Set`].
    Set(&'a Set<'a>),
}

/// A set of characters.
#[derive(Clone, Copy, Debug)]
pub struct Set<'a> {
    /// The answer for each ASCII character, negation and case included.
    ascii: u128,
    items: &'a [Item],
    negated: bool,
    flags: Flags,
}

/// How a barrier on the stack of alternatives ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// `(?=…)`, `(?<=…)`: go on where it began.
    Look,
    /// `(?!…)`, `(?<!…)`: go on only if it failed.
    NotLook,
    /// `(?>…)`, `a*+`: go on where it ended.
    Atomic,
}

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub enum Inst<'a> {
    /// Take one character.
    One(One<'a>),
    /// Take characters of one kind: at least and at most so many.
    Run(One<'a>, u32, u32, Greed),
    /// Go on at both, the first one first.
    Split(u32, u32),
    /// Go on there.
    Jump(u32),
    /// Keep the position in a slot.
    Save(u32),
    /// See [`Place`].
    At(Place),
    /// The text of a group again.
    Reference(u32, bool, bool),
    /// Go on if the group took part, else there.
    IfGroup(u32, u32),
    /// Begin to count in slot and slot + 1 (count, last position).
    Reset(u32),
    /// One more turn or the end: slot, least, most, greedy, where the end is. The turn begins behind it.
    Again(u32, u32, u32, bool, u32),
    /// A barrier: kind, characters to go back, and where to go on.
    Begin(Barrier, u32, u32),
    /// The end of what a barrier holds.
    Finish,
    /// The whole matched.
    Match,
}

/// A compiled pattern.
#[derive(Debug)]
pub struct Program<'a> {
    /// Its instructions.
    pub code: &'a [Inst<'a>],
    /// Slots: two a group (the whole is group 0), then those of counts.
    pub slots: usize,
    /// Number of groups.
    pub groups: u32,
    /// Names of groups.
    pub names: &'a [(&'a str, u32)],
    /// Text that every match begins with.
    pub prefix: &'a str,
    /// It can match at the start of the text only.
    pub anchored: bool,
    /// `Pattern.flags`
    pub flags: Flags,
}

impl Program<'_> {
    /// The same program in another arena.
    pub fn moved<'b>(&self, arena: &'b Arena) -> Result<Program<'b>, QuotaReached> {
        let one = |one: One<'_>| -> Result<One<'b>, QuotaReached> {
            Ok(match one {
                One::Char(character) => One::Char(character),
                One::Folded(character, ascii) => One::Folded(character, ascii),
                One::NotNewline => One::NotNewline,
                One::Any => One::Any,
                One::Set(set) => One::Set(arena.alloc(Set {
                    ascii: set.ascii,
                    items: arena.alloc_slice(set.items)?,
                    negated: set.negated,
                    flags: set.flags,
                })?),
            })
        };
        let mut code = Vec::with_capacity(self.code.len());
        for inst in self.code {
            code.push(match *inst {
                Inst::One(condition) => Inst::One(one(condition)?),
                Inst::Run(condition, least, most, greed) => {
                    Inst::Run(one(condition)?, least, most, greed)
                }
                Inst::Split(first, second) => Inst::Split(first, second),
                Inst::Jump(to) => Inst::Jump(to),
                Inst::Save(slot) => Inst::Save(slot),
                Inst::At(place) => Inst::At(place),
                Inst::Reference(group, folded, ascii) => Inst::Reference(group, folded, ascii),
                Inst::IfGroup(group, to) => Inst::IfGroup(group, to),
                Inst::Reset(slot) => Inst::Reset(slot),
                Inst::Again(slot, least, most, greedy, end) => {
                    Inst::Again(slot, least, most, greedy, end)
                }
                Inst::Begin(barrier, back, to) => Inst::Begin(barrier, back, to),
                Inst::Finish => Inst::Finish,
                Inst::Match => Inst::Match,
            });
        }
        let mut names = Vec::with_capacity(self.names.len());
        for (name, group) in self.names {
            names.push((arena.alloc_str(name)?, *group));
        }
        Ok(Program {
            code: arena.alloc_slice(&code)?,
            slots: self.slots,
            groups: self.groups,
            names: arena.alloc_slice(&names)?,
            prefix: arena.alloc_str(self.prefix)?,
            anchored: self.anchored,
            flags: self.flags,
        })
    }
}

/// What follows a case: the characters that Python holds equal to one when case is ignored.
fn lower(character: char, ascii: bool) -> char {
    if character.is_ascii() || ascii {
        return character.to_ascii_lowercase();
    }
    // The one character whose lower case is two of them; alone it is this.
    if character == '\u{130}' {
        return 'i';
    }
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => character,
    }
}

fn upper(character: char, ascii: bool) -> char {
    if character.is_ascii() || ascii {
        return character.to_ascii_uppercase();
    }
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(only), None) => only,
        _ => character,
    }
}

/// Are two characters equal when case is ignored?
#[must_use]
pub fn same_folded(left: char, right: char, ascii: bool) -> bool {
    left == right
        || lower(left, ascii) == lower(right, ascii)
        || (!ascii && upper(left, false) == upper(right, false))
}

/// `\w`
#[must_use]
pub fn is_word(character: char, ascii: bool) -> bool {
    if character.is_ascii() || ascii {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    unicode::is_alphanumeric(character)
}

fn in_category(category: Category, character: char, ascii: bool) -> bool {
    match category {
        Category::Digit if ascii => character.is_ascii_digit(),
        Category::Digit => unicode::is_decimal(character),
        Category::Space if ascii => matches!(character, ' ' | '\t'..='\r'),
        Category::Space => unicode::is_space(character),
        Category::Word => is_word(character, ascii),
    }
}

impl Set<'_> {
    /// Is a character in it?
    #[inline]
    #[must_use]
    pub fn holds(&self, character: char) -> bool {
        if character.is_ascii() {
            return self.ascii >> u32::from(character) & 1 == 1;
        }
        self.search(character)
    }

    fn search(&self, character: char) -> bool {
        let ascii = self.flags.by_ascii();
        let found = if self.flags.ignore_case {
            let low = lower(character, ascii);
            [character, low, upper(character, ascii), upper(low, ascii)]
                .into_iter()
                .any(|character| self.listed(character))
        } else {
            self.listed(character)
        };
        found != self.negated
    }

    fn listed(&self, character: char) -> bool {
        self.items.iter().any(|item| match item {
            Item::Range(low, high) => (*low..=*high).contains(&character),
            Item::Category(category, negated) => {
                in_category(*category, character, self.flags.by_ascii()) != *negated
            }
        })
    }
}

impl One<'_> {
    /// Does a character fit?
    #[inline]
    #[must_use]
    pub fn holds(&self, character: char) -> bool {
        match self {
            Self::Char(wanted) => *wanted == character,
            Self::Folded(wanted, ascii) => same_folded(*wanted, character, *ascii),
            Self::NotNewline => character != '\n',
            Self::Any => true,
            Self::Set(set) => set.holds(character),
        }
    }
}

struct Compiler<'a, 't> {
    tree: &'t Tree,
    code: Vec<Inst<'a>>,
    slots: u32,
}

/// Compile a tree.
pub fn compile<'a>(
    context: &mut Context<'a>,
    tree: &Tree,
    root: Id,
) -> Result<&'a Program<'a>, Fault<'a>> {
    let mut compiler = Compiler {
        tree,
        code: Vec::new(),
        slots: (tree.groups + 1) * 2,
    };
    compiler.node(context, root)?;
    compiler.code.push(Inst::Match);
    context.charge(compiler.code.len())?;
    let mut prefix = String::new();
    for inst in &compiler.code {
        match inst {
            Inst::One(One::Char(character)) => prefix.push(*character),
            _ => break,
        }
    }
    let mut names = Vec::with_capacity(tree.names.len());
    for (name, number) in &tree.names {
        names.push((context.arena().alloc_str(name)?, *number));
    }
    let anchored = matches!(compiler.code.first(), Some(Inst::At(Place::Start)));
    let arena = context.arena();
    Ok(arena.alloc(Program {
        code: arena.alloc_slice(&compiler.code)?,
        slots: compiler.slots as usize,
        groups: tree.groups,
        names: arena.alloc_slice(&names)?,
        prefix: arena.alloc_str(&prefix)?,
        anchored,
        flags: tree.flags,
    })?)
}

impl<'a> Compiler<'a, '_> {
    fn here(&self) -> u32 {
        self.code.len() as u32
    }

    fn push(&mut self, inst: Inst<'a>) -> Result<usize, Fault<'a>> {
        if self.code.len() >= CODE_MAX {
            return Err(Fault::Limit(Limit::Memory));
        }
        self.code.push(inst);
        Ok(self.code.len() - 1)
    }

    /// The condition of a node that is one character wide and holds no group.
    fn one(&self, context: &mut Context<'a>, id: Id) -> Result<Option<One<'a>>, Fault<'a>> {
        Ok(Some(match self.tree.node(id) {
            Node::Char(character, flags) if flags.ignore_case => {
                One::Folded(lower(*character, flags.by_ascii()), flags.by_ascii())
            }
            Node::Char(character, _) => One::Char(*character),
            Node::Any(flags) if flags.dot_all => One::Any,
            Node::Any(_) => One::NotNewline,
            Node::Set {
                items,
                negated,
                flags,
            } => {
                let mut set = Set {
                    ascii: 0,
                    items: context.arena().alloc_slice(items)?,
                    negated: *negated,
                    flags: *flags,
                };
                context.charge(16 + items.len() * 16)?;
                for code in 0..128_u8 {
                    set.ascii |= u128::from(set.search(char::from(code))) << code;
                }
                One::Set(context.arena().alloc(set)?)
            }
            _ => return Ok(None),
        }))
    }

    fn node(&mut self, context: &mut Context<'a>, id: Id) -> Result<(), Fault<'a>> {
        // The tree is borrowed for the compiler's life, not from it.
        let tree = self.tree;
        match tree.node(id) {
            Node::Empty => {}
            Node::Char(..) | Node::Any(_) | Node::Set { .. } => {
                if let Some(one) = self.one(context, id)? {
                    self.push(Inst::One(one))?;
                }
            }
            Node::At(place) => {
                self.push(Inst::At(*place))?;
            }
            Node::Sequence(parts) => {
                for part in parts {
                    self.node(context, *part)?;
                }
            }
            Node::Either(parts) => self.either(context, parts)?,
            Node::Group(number, body) => {
                self.push(Inst::Save(number * 2))?;
                self.node(context, *body)?;
                self.push(Inst::Save(number * 2 + 1))?;
            }
            Node::Reference(group, flags) => {
                self.push(Inst::Reference(*group, flags.ignore_case, flags.by_ascii()))?;
            }
            Node::Repeat {
                body,
                min,
                max,
                greed,
            } => self.repeat(context, *body, *min, *max, *greed)?,
            Node::Look {
                body,
                behind,
                negated,
            } => {
                let back = if *behind { tree.width(*body).0 } else { 0 };
                let kind = if *negated {
                    Barrier::NotLook
                } else {
                    Barrier::Look
                };
                self.barrier(context, kind, back, *body)?;
            }
            Node::Atomic(body) => self.barrier(context, Barrier::Atomic, 0, *body)?,
            Node::If(group, yes, no) => {
                let test = self.push(Inst::IfGroup(*group, 0))?;
                self.node(context, *yes)?;
                let jump = self.push(Inst::Jump(0))?;
                self.code[test] = Inst::IfGroup(*group, self.here());
                self.node(context, *no)?;
                self.code[jump] = Inst::Jump(self.here());
            }
        }
        Ok(())
    }

    fn either(&mut self, context: &mut Context<'a>, parts: &[Id]) -> Result<(), Fault<'a>> {
        let mut jumps = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            if index + 1 == parts.len() {
                self.node(context, *part)?;
                break;
            }
            let split = self.push(Inst::Split(0, 0))?;
            let first = self.here();
            self.node(context, *part)?;
            jumps.push(self.push(Inst::Jump(0))?);
            self.code[split] = Inst::Split(first, self.here());
        }
        for jump in jumps {
            self.code[jump] = Inst::Jump(self.here());
        }
        Ok(())
    }

    fn barrier(
        &mut self,
        context: &mut Context<'a>,
        kind: Barrier,
        back: u32,
        body: Id,
    ) -> Result<(), Fault<'a>> {
        let begin = self.push(Inst::Begin(kind, back, 0))?;
        self.node(context, body)?;
        self.push(Inst::Finish)?;
        self.code[begin] = Inst::Begin(kind, back, self.here());
        Ok(())
    }

    fn repeat(
        &mut self,
        context: &mut Context<'a>,
        body: Id,
        min: u32,
        max: Option<u32>,
        greed: Greed,
    ) -> Result<(), Fault<'a>> {
        if max == Some(0) {
            return Ok(());
        }
        if let Some(one) = self.one(context, body)? {
            self.push(Inst::Run(one, min, max.unwrap_or(u32::MAX), greed))?;
            return Ok(());
        }
        if greed == Greed::Possessive {
            let begin = self.push(Inst::Begin(Barrier::Atomic, 0, 0))?;
            self.repeat(context, body, min, max, Greed::Greedy)?;
            self.push(Inst::Finish)?;
            self.code[begin] = Inst::Begin(Barrier::Atomic, 0, self.here());
            return Ok(());
        }
        let greedy = greed == Greed::Greedy;
        let split = |first: u32, second: u32| {
            if greedy {
                Inst::Split(first, second)
            } else {
                Inst::Split(second, first)
            }
        };
        let never_empty = self.tree.width(body).0 > 0;
        match (min, max) {
            (0, Some(1)) => {
                let at = self.push(Inst::Jump(0))?;
                self.node(context, body)?;
                self.code[at] = split(at as u32 + 1, self.here());
            }
            (0, None) if never_empty => {
                let at = self.push(Inst::Jump(0))?;
                self.node(context, body)?;
                self.push(Inst::Jump(at as u32))?;
                self.code[at] = split(at as u32 + 1, self.here());
            }
            (1, None) if never_empty => {
                let at = self.here();
                self.node(context, body)?;
                let end = self.here() + 1;
                self.push(split(at, end))?;
            }
            _ => {
                let slot = self.slots;
                self.slots += 2;
                self.push(Inst::Reset(slot))?;
                let again = self.push(Inst::Jump(0))?;
                self.node(context, body)?;
                self.push(Inst::Jump(again as u32))?;
                self.code[again] =
                    Inst::Again(slot, min, max.unwrap_or(u32::MAX), greedy, self.here());
            }
        }
        Ok(())
    }
}
