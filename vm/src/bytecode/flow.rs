//! The verifier's second part: no instruction reads a register that was not written on every way to it.
//!
//! Frames overlap: the first argument of a call is the first register of the callee. What stood above the call's window
//! is gone afterwards, and a register that nothing wrote holds what an ended call left there. So one set of written
//! registers is followed through the code, forwards, and where ways meet only what both wrote counts.
//!
//! Sets are kept where jumps and handlers lead, not for each instruction; code runs on from one to the next. The first
//! place in the text whose set has news is looked at next, so that a loop's body is done before what follows the loop,
//! and loops in loops cost little more than loops beside each other.

use super::code::{Capture, Code};
use super::cover::{self, NONE};
use super::op::{Op, Visitor};
use super::operand::{Dst, NO_SRC, Src};
use super::registers::{Registers, Wide};
use super::turns;
use crate::limits::{HANDLERS_COVERING_MAX, VERIFIED_WORDS_MAX, VERIFIED_WORK_MAX};

/// Registers that fit into one word.
const FEW: usize = u64::BITS as usize;

/// What is wrong with code, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It would do what it must not: nothing that our compilers make.
    Wrong(&'static str),
    /// It is too large to look at.
    Large(&'static str),
}

/// An instruction and what is wrong with it.
pub(super) type Problem = (usize, Refusal);

const UNWRITTEN: Refusal = Refusal::Wrong("a register is read that may not be written");

/// Check one function whose operands are known to be in range, and whose caller fills the registers `given`. Functions
/// inside are checked on their own.
pub(super) fn check(code: &Code, given: &[u16]) -> Result<(), Problem> {
    let handlers = handlers(code)?;
    if !cover::agree(code, &handlers) {
        return Err((0, Refusal::Wrong("handlers that would not be found")));
    }
    if turns::may_turn(code) {
        turns::check(code, &handlers)?;
    }
    if usize::from(code.registers) <= FEW {
        Flow::<u64>::new(code, handlers)?.check(given)
    } else {
        Flow::<Wide>::new(code, handlers)?.check(given)
    }
}

/// For each instruction the number of the handler that gets its exception, or [`NONE`]; empty without handlers.
fn handlers(code: &Code) -> Result<Vec<u32>, Problem> {
    if code.handlers.is_empty() {
        return Ok(Vec::new());
    }
    let mut handlers = vec![NONE; code.ops.len()];
    let mut covered = 0;
    // Inner ones stand first, and the first one counts.
    for (number, handler) in code.handlers.iter().enumerate().rev() {
        let range = handler.start as usize..handler.end as usize;
        covered += range.len();
        if covered > code.ops.len() * HANDLERS_COVERING_MAX {
            return Err((range.start, Refusal::Large("too many handlers")));
        }
        handlers[range].fill(number as u32);
    }
    Ok(handlers)
}

/// A place where ways meet.
struct Point<S> {
    place: u32,
    /// What was written on every way that is known so far; nothing before the first.
    known: Option<S>,
    /// The code from here on was not looked at since the set last changed.
    has_news: bool,
}

struct Flow<'c, S> {
    code: &'c Code,
    /// In the order of their places.
    points: Vec<Point<S>>,
    /// For each instruction the number of its point, or [`NONE`]; empty without points.
    numbers: Vec<u32>,
    handlers: Vec<u32>,
    /// No point before this one has news.
    first_news: usize,
    /// The handler that was told of nothing more than what is written now.
    told: u32,
    work: usize,
    /// Words of all sets that are kept.
    words: usize,
}

impl<'c, S: Registers> Flow<'c, S> {
    fn new(code: &'c Code, handlers: Vec<u32>) -> Result<Self, Problem> {
        let mut numbers = Vec::new();
        let mut meet = |place: usize| {
            if numbers.is_empty() {
                numbers.resize(code.ops.len(), NONE);
            }
            // Numbered below, once all are known.
            if let Some(number) = numbers.get_mut(place) {
                *number = 0;
            }
        };
        for (place, op) in code.ops.iter().enumerate() {
            if let Some(target) = op.target() {
                meet(target.index());
            }
            match op {
                Op::TryName { .. } => meet(place + 2),
                // What follows a loop waits until the loop is done.
                Op::ForNext { .. } => meet(place + 1),
                _ => {}
            }
        }
        for handler in &code.handlers {
            meet(handler.target.index());
        }
        let mut points = Vec::new();
        for (place, number) in numbers.iter_mut().enumerate() {
            if *number != NONE {
                *number = points.len() as u32;
                points.push(Point {
                    place: place as u32,
                    known: None,
                    has_news: false,
                });
            }
        }
        Ok(Self {
            code,
            points,
            numbers,
            handlers,
            first_news: 0,
            told: NONE,
            work: 0,
            words: 0,
        })
    }

    fn check(&mut self, given: &[u16]) -> Result<(), Problem> {
        let mut written = S::default();
        start(self.code, &mut written);
        for register in given {
            written.put(usize::from(*register));
        }
        if self.point_at(0).is_some() {
            self.meet(0, &written);
        } else {
            self.run(0, &mut written)?;
        }
        while let Some(point) = self.points.get_mut(self.first_news) {
            if !std::mem::take(&mut point.has_news) {
                self.first_news += 1;
                self.work += 1;
                continue;
            }
            let place = point.place as usize;
            if let Some(known) = &point.known {
                written.clone_from(known);
            }
            self.run(place, &mut written)?;
        }
        Ok(())
    }

    /// Look at the code from a place on, up to where ways meet.
    fn run(&mut self, mut place: usize, written: &mut S) -> Result<(), Problem> {
        self.told = NONE;
        self.work += written.words();
        loop {
            let op = self.code.ops[place];
            self.work += 1;
            if self.work > VERIFIED_WORK_MAX {
                return Err((place, Refusal::Large("branches too tangled to check")));
            }
            if self.words > VERIFIED_WORDS_MAX {
                let problem = "too many variables and branches in one function";
                return Err((place, Refusal::Large(problem)));
            }
            self.step(place, op, written)?;
            if op.is_terminator() {
                return Ok(());
            }
            place += 1;
            if self.point_at(place).is_some() {
                self.meet(place, written);
                return Ok(());
            }
        }
    }

    fn point_at(&self, place: usize) -> Option<usize> {
        let number = *self.numbers.get(place)?;
        (number != NONE).then_some(number as usize)
    }

    fn step(&mut self, place: usize, op: Op, written: &mut S) -> Result<(), Problem> {
        let mut operands = Operands {
            written,
            unwritten: false,
            result: None,
        };
        op.visit(&mut operands);
        let (mut unwritten, result) = (operands.unwritten, operands.result);
        let mut fills = None;
        match op {
            Op::Unpack { .. } | Op::UnpackRest { .. } => fills = op.window(),
            Op::ForNext { .. } => {}
            Op::LoadDynamic { .. } => unwritten |= !written.has_all(0, 3),
            Op::DictUpdate { few, dict, .. } => {
                unwritten |= few.0 == 1 && !written.has(dict.index() - 2);
            }
            Op::MakeFunction { c, .. } => {
                for capture in &self.code.children[c.index()].captures {
                    if let Capture::Register(register) = capture {
                        unwritten |= !written.has(usize::from(*register));
                    }
                }
                if let Some((base, count)) = op.window() {
                    unwritten |= !written.has_all(base.index(), count);
                }
            }
            _ => {
                if let Some((base, count)) = op.window() {
                    unwritten |= !written.has_all(base.index(), count);
                }
            }
        }
        if unwritten {
            return Err((place, UNWRITTEN));
        }
        match op {
            // The callee's frame begins behind the first register of the call's window.
            Op::Call { base, .. } | Op::CallMethod { base, .. } => {
                written.keep_below(base.index() + 1);
                self.told = NONE;
            }
            _ => {}
        }
        self.tell_handler(place, written);
        if let Some((base, count)) = fills {
            written.put_all(base.index(), count);
        }
        match op {
            Op::TryName { d, .. } => {
                // The next instruction is skipped when the register was written.
                self.meet_with(place + 2, written, d.index());
            }
            Op::ForNext { iter, to } => self.meet_with(to.index(), written, iter.index() + 1),
            _ => {
                if let Some(d) = result {
                    written.put(d.index());
                }
                if let Some(to) = op.target() {
                    // Seeded for the fuzzers: what a conditional jump brings is not looked at.
                    if cfg!(feature = "seeded_bug") && matches!(op, Op::JumpIfNot { .. }) {
                        let mut all = written.clone();
                        all.put_all(0, usize::from(self.code.registers));
                        self.meet(to.index(), &all);
                    } else {
                        self.meet(to.index(), written);
                    }
                }
            }
        }
        Ok(())
    }

    /// An instruction may raise: its handler has what was written before. Told once, it knows of all that is written
    /// later, until a call forgets.
    fn tell_handler(&mut self, place: usize, written: &S) {
        let Some(number) = self.handlers.get(place).copied() else {
            return;
        };
        if number == self.told {
            return;
        }
        self.told = number;
        if let Some(handler) = self.code.handlers.get(number as usize) {
            self.meet_with(handler.target.index(), written, handler.caught.index());
        }
    }

    /// One more way leads to a place, on which one more register is written.
    fn meet_with(&mut self, place: usize, written: &S, register: usize) {
        let mut written = written.clone();
        written.put(register);
        self.meet(place, &written);
    }

    /// One more way leads to a place.
    fn meet(&mut self, place: usize, written: &S) {
        let Some(number) = self.point_at(place) else {
            return;
        };
        let point = &mut self.points[number];
        let is_news = match &mut point.known {
            Some(known) => {
                self.work += known.words();
                known.meet(written)
            }
            None => {
                let known = written.clone();
                self.words += known.words();
                point.known = Some(known);
                true
            }
        };
        if is_news {
            point.has_news = true;
            self.first_news = self.first_news.min(number);
        }
    }
}

/// What is written when the code begins.
fn start(code: &Code, written: &mut impl Registers) {
    if code.is_generator {
        // Its registers are its own, and unset at first.
        written.put_all(0, usize::from(code.registers));
        return;
    }
    // Parameters of a script's functions are names of their frame.
    let parameters = if code.is_script {
        0
    } else {
        code.parameters.registers()
    };
    written.put_all(0, parameters);
    let unset = usize::from(code.unset_end - code.unset_start);
    written.put_all(usize::from(code.unset_start), unset);
}

/// The named operands of an instruction.
struct Operands<'w, S> {
    written: &'w S,
    unwritten: bool,
    result: Option<Dst>,
}

impl<S: Registers> Visitor for Operands<'_, S> {
    fn Dst(&mut self, operand: Dst) {
        self.result = Some(operand);
    }
    fn Src(&mut self, operand: Src) {
        if operand != NO_SRC {
            self.unwritten |= !self.written.has(operand.index());
        }
    }
}
