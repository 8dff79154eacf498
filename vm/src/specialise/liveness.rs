//! Which registers of a function are still read at each instruction: what is dead must not tell two states apart.

use crate::bytecode::Code;
use crate::bytecode::op::{Op, Visitor};
use crate::bytecode::operand::{Dst, NO_SRC, Src};

/// Registers as a set; functions with more are not specialised.
pub(super) type Registers = u128;

/// Registers that a function may have.
pub(super) const REGISTERS_MAX: usize = 120;

/// Turns over a function until nothing changes, at most: nesting of loops and handlers is what needs them.
const TURNS_MAX: usize = 64;

/// What is known of a function's instructions before it is walked.
#[derive(Debug)]
pub(super) struct Liveness {
    /// Registers that are read at or after an instruction before they are written.
    pub(super) live: Vec<Registers>,
    /// It is gone to from elsewhere than the instruction before.
    pub(super) joins: Vec<bool>,
    /// It is gone to from an instruction behind it.
    pub(super) turns: Vec<bool>,
}

struct Operands {
    reads: Registers,
    writes: Registers,
}

impl Visitor for Operands {
    fn Dst(&mut self, operand: Dst) {
        self.writes |= 1 << operand.index();
    }
    fn Src(&mut self, operand: Src) {
        if operand != NO_SRC {
            self.reads |= 1 << operand.index();
        }
    }
}

fn operands(op: Op) -> (Registers, Registers) {
    let mut found = Operands {
        reads: 0,
        writes: 0,
    };
    op.visit(&mut found);
    match op {
        // It writes the register behind the iterator's on one of its ways only.
        Op::ForNext { .. } => {}
        Op::Unpack { .. } | Op::UnpackRest { .. } => {
            if let Some((base, count)) = op.window() {
                for register in base.index()..base.index() + count {
                    found.writes |= 1 << register;
                }
            }
        }
        Op::DictUpdate { few, dict, .. } => {
            if few.0 == 1 {
                found.reads |= 1 << (dict.index() - 2) | 1 << (dict.index() - 1);
            }
        }
        _ => {
            if let Some((base, count)) = op.window() {
                for register in base.index()..base.index() + count {
                    found.reads |= 1 << register;
                }
            }
        }
    }
    (found.reads, found.writes)
}

/// Instructions that this looks at while the walk takes one step.
const LOOKS_PER_STEP: usize = 16;

/// Look at a function; nothing when it has too many registers. What that takes is added to `steps`.
pub(super) fn of(code: &Code, steps: &mut usize) -> Option<Liveness> {
    if usize::from(code.registers) > REGISTERS_MAX {
        return None;
    }
    let count = code.ops.len();
    let mut joins = vec![false; count];
    let mut turns = vec![false; count];
    for (place, op) in code.ops.iter().enumerate() {
        if let Some(target) = op.target() {
            joins[target.index()] = true;
            turns[target.index()] |= target.index() <= place;
        }
    }
    for handler in &code.handlers {
        joins[handler.target.index()] = true;
        turns[handler.target.index()] |= handler.target.0 < handler.end;
    }
    let operands: Vec<(Registers, Registers)> = code.ops.iter().copied().map(operands).collect();
    let mut live: Vec<Registers> = vec![0; count];
    for _ in 0..TURNS_MAX {
        *steps += count / LOOKS_PER_STEP + 1;
        let mut changed = false;
        for place in (0..count).rev() {
            let op = &code.ops[place];
            let mut after: Registers = 0;
            if !op.is_terminator() && place + 1 < count {
                after |= live[place + 1];
            }
            if let Some(target) = op.target() {
                after |= live[target.index()];
            }
            let (reads, writes) = operands[place];
            let mut before = reads | (after & !writes);
            if let Some(handler) = code.handler_at(place as u32) {
                before |= live[handler.target.index()] & !(1 << handler.caught.index());
            }
            changed |= before != live[place];
            live[place] = before;
        }
        if !changed {
            return Some(Liveness { live, joins, turns });
        }
    }
    None
}
