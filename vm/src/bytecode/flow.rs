//! The verifier's second half: no instruction reads a register that was not written on every way to it.
//!
//! Frames overlap: the first argument of a call is the first register of the callee. What stood above the call's window
//! is gone afterwards, and a register that nothing wrote holds what an ended call left there. So one set of written
//! registers is followed through the code, forwards, and where ways meet only what both wrote counts.
//!
//! Sets are kept where jumps and handlers lead, not for each instruction; code runs on from one to the next.

use super::code::{Capture, Code};
use super::op::{Op, Visitor};
use super::operand::{Base, Dst, NO_SRC, Src};
use crate::limits::DEFINITION_NESTING_MAX;

/// Words of all sets of one function together; 16 MB. Compiled code stays far below: reached in
/// `tests/verifier.rs`, `code_that_costs_too_much_to_check_is_refused`.
const WORDS_MAX: usize = 1 << 21;

/// Passes over a function that it may always have. A pass without news ends it; compiled code needs two, and one more for
/// each loop that is entered with less than its end has, so loops in loops may need one each.
const PASSES: usize = 64;

/// Instructions and words of sets that more passes may look at: some 20 ms.
const WORK_MAX: usize = 1 << 24;

/// Handlers that cover one instruction, on average: they nest as deep as a definition's text.
const COVERS_MAX: usize = DEFINITION_NESTING_MAX;

const WORD: usize = u64::BITS as usize;

/// An instruction and what is wrong with it.
pub(super) type Problem = (usize, &'static str);

/// Check one function whose operands are known to be in range, and whose caller fills the registers `given`. Functions
/// inside are checked on their own.
pub(super) fn check(code: &Code, given: &[u16]) -> Result<(), Problem> {
    let mut flow = Flow::new(code, given)?;
    let work = code.ops.len() + flow.known.len();
    for _ in 0..PASSES.max(WORK_MAX / work) {
        if !flow.pass()? {
            return Ok(());
        }
    }
    Err((0, "loops are nested too deep to check"))
}

struct Flow<'c> {
    code: &'c Code,
    given: &'c [u16],
    /// Words of a set.
    width: usize,
    /// For each instruction the number of its set, if ways meet there.
    sets: Vec<u32>,
    /// What was written on every way that is known so far; all ones before the first.
    known: Vec<u64>,
    /// Was the place of a set reached?
    reached: Vec<bool>,
    /// For each instruction the number of the handler that gets its exception.
    handlers: Vec<u32>,
    changed: bool,
}

const NONE: u32 = u32::MAX;

impl<'c> Flow<'c> {
    fn new(code: &'c Code, given: &'c [u16]) -> Result<Self, Problem> {
        let width = usize::from(code.registers).div_ceil(WORD).max(1);
        let mut sets = vec![NONE; code.ops.len()];
        let mut count = 0;
        let mut meet = |place: usize| {
            if sets[place] == NONE {
                sets[place] = count;
                count += 1;
            }
        };
        for (place, op) in code.ops.iter().enumerate() {
            if let Some(target) = op.target() {
                meet(target.index());
            }
            if matches!(op, Op::TryName { .. }) {
                meet(place + 2);
            }
        }
        for handler in &code.handlers {
            meet(handler.target.index());
        }
        let count = count as usize;
        if count * width > WORDS_MAX {
            return Err((0, "too large to check"));
        }
        let mut handlers = Vec::new();
        if !code.handlers.is_empty() {
            handlers.resize(code.ops.len(), NONE);
            let mut covered = 0;
            // Inner ones stand first, and the first one counts.
            for (number, handler) in code.handlers.iter().enumerate().rev() {
                let range = handler.start as usize..handler.end as usize;
                covered += range.len();
                if covered > code.ops.len() * COVERS_MAX {
                    return Err((range.start, "too many handlers"));
                }
                handlers[range].fill(number as u32);
            }
        }
        Ok(Self {
            code,
            given,
            width,
            sets,
            known: vec![u64::MAX; count * width],
            reached: vec![false; count],
            handlers,
            changed: false,
        })
    }

    /// Go once through the code; true when a set lost something.
    fn pass(&mut self) -> Result<bool, Problem> {
        self.changed = false;
        let code = self.code;
        let mut written = vec![0; self.width];
        start(code, &mut written);
        for register in self.given {
            put(&mut written, usize::from(*register));
        }
        let mut runs = true;
        for (place, op) in code.ops.iter().enumerate() {
            if self.sets[place] != NONE {
                let set = self.sets[place] as usize;
                if runs {
                    self.meet(set, &written);
                }
                runs = self.reached[set];
                written.copy_from_slice(&self.known[set * self.width..][..self.width]);
            }
            if !runs {
                continue;
            }
            self.step(place, *op, &mut written)?;
            runs = !op.is_terminator();
        }
        Ok(self.changed)
    }

    fn step(&mut self, place: usize, op: Op, written: &mut [u64]) -> Result<(), Problem> {
        let mut operands = Operands {
            written,
            unwritten: false,
            result: None,
        };
        op.visit(&mut operands);
        let (mut unwritten, result) = (operands.unwritten, operands.result);
        let holds = |register: usize, written: &[u64]| {
            written[register / WORD] >> (register % WORD) & 1 == 1
        };
        let mut fills = None;
        match op {
            Op::Unpack { .. } | Op::UnpackRest { .. } => fills = op.window(),
            Op::ForNext { .. } => {}
            Op::LoadDynamic { .. } => {
                unwritten |= (0..3).any(|register| !holds(register, written));
            }
            _ => {
                if let Some((base, count)) = op.window() {
                    let window = base.index()..base.index() + count;
                    unwritten |= window.into_iter().any(|register| !holds(register, written));
                }
            }
        }
        if let Op::DictUpdate { few, dict, .. } = op
            && few.0 == 1
        {
            unwritten |= !holds(dict.index() - 2, written);
        }
        if let Op::MakeFunction { c, .. } = op {
            for capture in &self.code.children[c.index()].captures {
                if let Capture::Register(register) = capture {
                    unwritten |= !holds(usize::from(*register), written);
                }
            }
        }
        if unwritten {
            return Err((place, "a register is read that may not be written"));
        }
        if let Op::Call { base, .. } | Op::CallMethod { base, .. } = op {
            forget_above(base, written);
        }
        if let Some(number) = self.handlers.get(place)
            && let Some(handler) = self.code.handlers.get(*number as usize)
        {
            let mut caught = written.to_vec();
            put(&mut caught, handler.caught.index());
            self.meet(self.sets[handler.target.index()] as usize, &caught);
        }
        if let Some((base, count)) = fills {
            for register in base.index()..base.index() + count {
                put(written, register);
            }
        }
        match op {
            Op::TryName { d, .. } => {
                // The next instruction is skipped when the register was written.
                let mut found = written.to_vec();
                put(&mut found, d.index());
                self.meet(self.sets[place + 2] as usize, &found);
            }
            Op::ForNext { iter, to } => {
                let mut item = written.to_vec();
                put(&mut item, iter.index() + 1);
                self.meet(self.sets[to.index()] as usize, &item);
            }
            _ => {
                if let Some(d) = result {
                    put(written, d.index());
                }
                if let Some(to) = op.target() {
                    let set = self.sets[to.index()] as usize;
                    // Seeded for the fuzzers: what a conditional jump brings is not looked at.
                    if cfg!(feature = "seeded_bug") && matches!(op, Op::JumpIfNot { .. }) {
                        self.reached[set] = true;
                    } else {
                        self.meet(set, written);
                    }
                }
            }
        }
        Ok(())
    }

    /// One more way leads to a place.
    fn meet(&mut self, set: usize, written: &[u64]) {
        self.changed |= !self.reached[set];
        self.reached[set] = true;
        let known = &mut self.known[set * self.width..][..self.width];
        for (known, written) in known.iter_mut().zip(written) {
            self.changed |= *known & !written != 0;
            *known &= written;
        }
    }
}

/// What is written when the code begins.
fn start(code: &Code, written: &mut [u64]) {
    if code.is_generator {
        // Its registers are its own, and unset at first.
        written.fill(u64::MAX);
        return;
    }
    // Parameters of a script's functions are names of their frame.
    let parameters = if code.is_script {
        0
    } else {
        code.parameters.registers()
    };
    let unset = usize::from(code.unset_start)..usize::from(code.unset_end);
    for register in (0..parameters).chain(unset) {
        put(written, register);
    }
}

fn put(written: &mut [u64], register: usize) {
    written[register / WORD] |= 1 << (register % WORD);
}

/// The callee's frame begins behind the first register of the call's window.
fn forget_above(base: Base, written: &mut [u64]) {
    let first = base.index() + 1;
    for (place, word) in written.iter_mut().enumerate().skip(first / WORD) {
        if place == first / WORD {
            *word &= (1 << (first % WORD)) - 1;
        } else {
            *word = 0;
        }
    }
}

/// The named operands of an instruction.
struct Operands<'w> {
    written: &'w [u64],
    unwritten: bool,
    result: Option<Dst>,
}

impl Visitor for Operands<'_> {
    fn Dst(&mut self, operand: Dst) {
        self.result = Some(operand);
    }
    fn Src(&mut self, operand: Src) {
        if operand != NO_SRC {
            let register = operand.index();
            self.unwritten |= self.written[register / WORD] >> (register % WORD) & 1 == 0;
        }
    }
}
