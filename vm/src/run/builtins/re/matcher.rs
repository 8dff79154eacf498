//! Runs a [`Program`]: backtracking with a stack of its own, each step counted.

use super::program::{Barrier, Inst, One, Program, is_word, same_folded};
use super::tree::{Greed, Place};
use crate::limits::{Limit, SEARCH_STACK_MAX, SEARCH_STEPS_MAX};
use crate::run::context::Context;
use crate::run::fault::Fault;

/// Steps between two charges.
const STEPS_PER_CHARGE: u64 = 1_024;

/// Steps that cost one unit of fuel: a step takes about 5 ns.
const STEPS_PER_UNIT: u64 = 2;

/// A slot that was not reached.
pub const UNSET: usize = usize::MAX;

/// An alternative, or what must be undone on the way back to one.
#[derive(Clone, Copy, Debug)]
enum Entry {
    /// Go on there.
    Branch(u32, usize),
    /// Characters taken by a greedy run: instruction behind it, least end, present end.
    Shrink(u32, usize, usize),
    /// A lazy run: its instruction, and how many it took so far.
    Grow(u32, usize, u32),
    /// Put a slot back.
    Restore(u32, usize),
    /// See [`Barrier`]: where to go on, and the position where it began.
    Barrier(Barrier, u32, usize),
}

/// Where a search may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Anywhere from the start on.
    Search,
    /// At the start.
    Match,
    /// From the start to the end.
    Full,
}

/// A search over one text.
#[derive(Debug)]
pub struct Search<'t, 'a> {
    program: &'a Program<'a>,
    text: &'t str,
    /// Positions that a match found, two a group.
    pub slots: Vec<usize>,
    stack: Vec<Entry>,
    steps: u64,
    charged: u64,
}

impl<'t, 'a> Search<'t, 'a> {
    /// A search; nothing is done yet.
    #[must_use]
    pub fn new(program: &'a Program<'a>, text: &'t str) -> Self {
        Self {
            program,
            text,
            slots: vec![UNSET; program.slots],
            stack: Vec::new(),
            steps: 0,
            charged: 0,
        }
    }

    /// Find a match from `start` on. `not_empty`: a match at `start` itself must take a character.
    pub fn find(
        &mut self,
        context: &mut Context<'a>,
        start: usize,
        mode: Mode,
        not_empty: bool,
    ) -> Result<bool, Fault<'a>> {
        let mut at = start;
        loop {
            if mode == Mode::Search && !self.program.prefix.is_empty() {
                let rest = self.text.get(at..).unwrap_or_default();
                let Some(found) = rest.find(self.program.prefix) else {
                    context.charge_bytes(rest.len())?;
                    return Ok(false);
                };
                context.charge_bytes(found)?;
                at += found;
            }
            if self.run(context, at, mode, not_empty && at == start)? {
                return Ok(true);
            }
            if mode != Mode::Search || self.program.anchored {
                return Ok(false);
            }
            let Some(next) = self.text.get(at..).and_then(|rest| rest.chars().next()) else {
                return Ok(false);
            };
            at += next.len_utf8();
            self.pay(context)?;
        }
    }

    #[inline]
    fn pay(&mut self, context: &mut Context<'a>) -> Result<(), Fault<'a>> {
        self.steps += 1;
        if self.steps - self.charged >= STEPS_PER_CHARGE {
            context.charge((STEPS_PER_CHARGE / STEPS_PER_UNIT) as usize)?;
            self.charged = self.steps;
            if self.steps > SEARCH_STEPS_MAX {
                return Err(Fault::Limit(Limit::Fuel));
            }
        }
        Ok(())
    }

    fn push(&mut self, entry: Entry) -> Result<(), Fault<'a>> {
        if self.stack.len() >= SEARCH_STACK_MAX {
            return Err(Fault::Limit(Limit::Memory));
        }
        self.stack.push(entry);
        Ok(())
    }

    fn set(&mut self, slot: u32, value: usize) -> Result<(), Fault<'a>> {
        let old = self.slots[slot as usize];
        if old != value {
            self.push(Entry::Restore(slot, old))?;
            self.slots[slot as usize] = value;
        }
        Ok(())
    }

    #[inline]
    fn char_at(&self, at: usize) -> Option<char> {
        let byte = *self.text.as_bytes().get(at)?;
        if byte < 0x80 {
            return Some(char::from(byte));
        }
        self.text[at..].chars().next()
    }

    fn char_before(&self, at: usize) -> Option<char> {
        self.text[..at].chars().next_back()
    }

    #[expect(
        clippy::too_many_lines,
        reason = "the loop that dispatches, an arm an instruction"
    )]
    fn run(
        &mut self,
        context: &mut Context<'a>,
        start: usize,
        mode: Mode,
        not_empty: bool,
    ) -> Result<bool, Fault<'a>> {
        self.slots.fill(UNSET);
        self.stack.clear();
        let program = self.program;
        let (mut pc, mut at) = (0_u32, start);
        loop {
            self.pay(context)?;
            let goes_on = match program.code[pc as usize] {
                Inst::One(one) => match self.char_at(at) {
                    Some(character) if one.holds(character) => {
                        at += character.len_utf8();
                        pc += 1;
                        true
                    }
                    _ => false,
                },
                Inst::Run(one, min, max, greed) => {
                    match self.take_run(context, one, at, min, max, greed, pc)? {
                        Some(end) => {
                            at = end;
                            pc += 1;
                            true
                        }
                        None => false,
                    }
                }
                Inst::Split(first, second) => {
                    self.push(Entry::Branch(second, at))?;
                    pc = first;
                    true
                }
                Inst::Jump(to) => {
                    pc = to;
                    true
                }
                Inst::Save(slot) => {
                    self.set(slot, at)?;
                    pc += 1;
                    true
                }
                Inst::At(place) => {
                    pc += 1;
                    self.is_at(place, at)
                }
                Inst::Reference(group, folded, ascii) => {
                    match self.reference(context, group, folded, ascii, at)? {
                        Some(end) => {
                            at = end;
                            pc += 1;
                            true
                        }
                        None => false,
                    }
                }
                Inst::IfGroup(group, otherwise) => {
                    let end = self.slots[group as usize * 2 + 1];
                    pc = if end == UNSET { otherwise } else { pc + 1 };
                    true
                }
                Inst::Reset(slot) => {
                    self.set(slot, 0)?;
                    self.set(slot + 1, UNSET)?;
                    pc += 1;
                    true
                }
                Inst::Again(slot, min, max, greedy, end) => {
                    let (count, last) = (self.slots[slot as usize], self.slots[slot as usize + 1]);
                    let may = count < max as usize && last != at;
                    if count < min as usize {
                        self.turn(slot, count, at)?;
                        pc += 1;
                    } else if greedy && may {
                        self.push(Entry::Branch(end, at))?;
                        self.turn(slot, count, at)?;
                        pc += 1;
                    } else if may {
                        // The turn is taken when going on fails: its count is made then.
                        self.push(Entry::Grow(pc, at, 0))?;
                        pc = end;
                    } else {
                        pc = end;
                    }
                    true
                }
                Inst::Begin(kind, back, end) => {
                    self.push(Entry::Barrier(kind, end, at))?;
                    pc += 1;
                    match self.back(at, back) {
                        Some(from) => {
                            at = from;
                            true
                        }
                        None => false,
                    }
                }
                Inst::Finish => match self.finish() {
                    Some((Barrier::Look, _, began)) => {
                        at = began;
                        pc += 1;
                        true
                    }
                    Some((Barrier::Atomic, ..)) => {
                        pc += 1;
                        true
                    }
                    // It matched, so that the place fails.
                    Some((Barrier::NotLook, ..)) => false,
                    None => return Err(Fault::Internal("a barrier that never began")),
                },
                Inst::Match => {
                    let empty = not_empty && at == start;
                    if !empty && (mode != Mode::Full || at == self.text.len()) {
                        self.slots[0] = start;
                        self.slots[1] = at;
                        return Ok(true);
                    }
                    false
                }
            };
            if goes_on {
                continue;
            }
            match self.backtrack(context)? {
                Some((next, position)) => (pc, at) = (next, position),
                None => return Ok(false),
            }
        }
    }

    fn turn(&mut self, slot: u32, count: usize, at: usize) -> Result<(), Fault<'a>> {
        self.set(slot, count + 1)?;
        self.set(slot + 1, at)
    }

    /// So many characters before a position.
    fn back(&self, at: usize, characters: u32) -> Option<usize> {
        if characters == 0 {
            return Some(at);
        }
        self.text[..at]
            .char_indices()
            .rev()
            .nth(characters as usize - 1)
            .map(|(position, _)| position)
    }

    /// Take the barrier off the stack. Alternatives above it go; what must be undone stays, unless all of it is undone
    /// now.
    fn finish(&mut self) -> Option<(Barrier, u32, usize)> {
        let place = self
            .stack
            .iter()
            .rposition(|entry| matches!(entry, Entry::Barrier(..)))?;
        let Entry::Barrier(kind, end, began) = self.stack[place] else {
            return None;
        };
        if kind == Barrier::NotLook {
            while self.stack.len() > place {
                if let Some(Entry::Restore(slot, old)) = self.stack.pop() {
                    self.slots[slot as usize] = old;
                }
            }
        } else {
            let mut kept = place;
            for index in place + 1..self.stack.len() {
                if let Entry::Restore(..) = self.stack[index] {
                    self.stack[kept] = self.stack[index];
                    kept += 1;
                }
            }
            self.stack.truncate(kept);
        }
        Some((kind, end, began))
    }

    fn backtrack(&mut self, context: &mut Context<'a>) -> Result<Option<(u32, usize)>, Fault<'a>> {
        while let Some(entry) = self.stack.pop() {
            self.pay(context)?;
            match entry {
                Entry::Branch(pc, at) => return Ok(Some((pc, at))),
                Entry::Restore(slot, old) => self.slots[slot as usize] = old,
                Entry::Barrier(Barrier::NotLook, end, began) => return Ok(Some((end, began))),
                Entry::Barrier(..) => {}
                Entry::Shrink(pc, least, end) => {
                    let end = end - self.char_before(end).map_or(1, char::len_utf8);
                    if end > least {
                        self.stack.push(Entry::Shrink(pc, least, end));
                    }
                    return Ok(Some((pc, end)));
                }
                Entry::Grow(pc, at, taken) => match self.program.code[pc as usize] {
                    Inst::Run(one, _, max, _) => {
                        if let Some(character) = self.char_at(at)
                            && taken < max
                            && one.holds(character)
                        {
                            let end = at + character.len_utf8();
                            self.stack.push(Entry::Grow(pc, end, taken + 1));
                            return Ok(Some((pc + 1, end)));
                        }
                    }
                    Inst::Again(slot, ..) => {
                        let count = self.slots[slot as usize];
                        self.turn(slot, count, at)?;
                        return Ok(Some((pc + 1, at)));
                    }
                    _ => return Err(Fault::Internal("an alternative of no repeat")),
                },
            }
        }
        Ok(None)
    }

    #[allow(clippy::too_many_arguments)] // the parts of one instruction
    fn take_run(
        &mut self,
        context: &mut Context<'a>,
        one: One<'a>,
        start: usize,
        min: u32,
        max: u32,
        greed: Greed,
        pc: u32,
    ) -> Result<Option<usize>, Fault<'a>> {
        let wanted = if greed == Greed::Lazy { min } else { max };
        let (mut at, mut taken, mut least) = (start, 0_u32, start);
        while taken < wanted
            && let Some(character) = self.char_at(at)
            && one.holds(character)
        {
            at += character.len_utf8();
            taken += 1;
            if taken == min {
                least = at;
            }
            self.pay(context)?;
        }
        if taken < min {
            return Ok(None);
        }
        match greed {
            Greed::Greedy if at > least => self.push(Entry::Shrink(pc + 1, least, at))?,
            Greed::Lazy if min < max => self.push(Entry::Grow(pc, at, taken))?,
            _ => {}
        }
        Ok(Some(at))
    }

    fn reference(
        &mut self,
        context: &mut Context<'a>,
        group: u32,
        folded: bool,
        ascii: bool,
        at: usize,
    ) -> Result<Option<usize>, Fault<'a>> {
        let (start, end) = (
            self.slots[group as usize * 2],
            self.slots[group as usize * 2 + 1],
        );
        if start == UNSET || end == UNSET || start > end {
            return Ok(None);
        }
        let known = &self.text[start..end];
        self.steps += known.len() as u64 / 8;
        context.charge_bytes(known.len())?;
        let rest = &self.text[at..];
        if !folded {
            return Ok(rest.starts_with(known).then(|| at + known.len()));
        }
        let mut found = rest.chars();
        for character in known.chars() {
            match found.next() {
                Some(other) if same_folded(character, other, ascii) => {}
                _ => return Ok(None),
            }
        }
        Ok(Some(self.text.len() - found.as_str().len()))
    }

    fn is_at(&self, place: Place, at: usize) -> bool {
        let len = self.text.len();
        match place {
            Place::Start => at == 0,
            Place::LineStart => at == 0 || self.text.as_bytes()[at - 1] == b'\n',
            Place::End => at == len,
            Place::EndOrLast => at == len || (at + 1 == len && self.text.as_bytes()[at] == b'\n'),
            Place::LineEnd => at == len || self.text.as_bytes()[at] == b'\n',
            Place::Word(ascii) => self.is_boundary(at, ascii),
            Place::NotWord(ascii) => !self.text.is_empty() && !self.is_boundary(at, ascii),
        }
    }

    fn is_boundary(&self, at: usize, ascii: bool) -> bool {
        let before = self
            .char_before(at)
            .is_some_and(|character| is_word(character, ascii));
        let after = self
            .char_at(at)
            .is_some_and(|character| is_word(character, ascii));
        before != after
    }
}
