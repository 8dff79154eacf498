//! The code that is left: instructions with labels, and the handler of each.

use crate::bytecode::op::Op;
use crate::bytecode::operand::{Const, Dst, Target};
use crate::bytecode::{Code, Constant, Handler};

/// Instructions of one specialised definition.
pub(super) const OPS_MAX: usize = 4_000;

/// Constants of it.
const CONSTANTS_MAX: usize = 1_000;

/// A place in the code that is left, known or not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Label(u32);

impl Label {
    /// The operand that stands for it until all are placed.
    pub(super) const fn target(self) -> Target {
        Target(self.0)
    }
}

/// Where an exception goes: the label of the handler, and the register that gets it.
pub(super) type Way = Option<(Label, u16)>;

/// It became too large.
#[derive(Debug)]
pub(super) struct TooLarge;

/// The code that is left.
#[derive(Debug, Default)]
pub(super) struct Residue {
    ops: Vec<Op>,
    ways: Vec<Way>,
    labels: Vec<Option<u32>>,
    constants: Vec<Constant>,
}

impl Residue {
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() as u32 - 1)
    }

    pub(super) fn place(&mut self, label: Label) {
        self.labels[label.0 as usize] = Some(self.ops.len() as u32);
    }

    pub(super) fn emit(&mut self, op: Op, way: Way) -> Result<(), TooLarge> {
        if self.ops.len() >= OPS_MAX {
            return Err(TooLarge);
        }
        self.ops.push(op);
        self.ways.push(way);
        Ok(())
    }

    pub(super) fn constant(&mut self, constant: &Constant) -> Result<Const, TooLarge> {
        let same = |known: &Constant| match (known, constant) {
            (Constant::Float(known), Constant::Float(number)) => {
                known.to_bits() == number.to_bits()
            }
            (known, constant) => known == constant,
        };
        if let Some(place) = self.constants.iter().position(same) {
            return Ok(Const(place as u16));
        }
        if self.constants.len() >= CONSTANTS_MAX {
            return Err(TooLarge);
        }
        self.constants.push(constant.clone());
        Ok(Const(self.constants.len() as u16 - 1))
    }

    /// Where a label is, past jumps that only lead on.
    fn resolve(&self, label: u32) -> Option<u32> {
        let mut place = self.labels[label as usize]?;
        for _ in 0..8 {
            match self.ops.get(place as usize) {
                Some(Op::Jump { to }) => place = self.labels[to.index()]?,
                _ => break,
            }
        }
        Some(place)
    }

    /// Put a loop's `ForNext` in the place of each jump to it, before a jump to what comes after the loop: a turn of
    /// 1000 × `t = t + i` is two steps then instead of three.
    fn turn_loops(&mut self) -> Option<()> {
        let old = std::mem::take(&mut self.ops);
        let ways = std::mem::take(&mut self.ways);
        let count = old.len();
        let mut at = Vec::with_capacity(count + 1);
        let mut afters = Vec::new();
        for (place, op) in old.iter().enumerate() {
            at.push(self.ops.len() as u32);
            if let Op::Jump { to } = op
                && let Some(target) = self.labels[to.index()]
                && let Some(next @ Op::ForNext { .. }) = old.get(target as usize)
                && self.ops.len() < OPS_MAX
            {
                self.ops.push(*next);
                self.ways.push(ways[target as usize]);
                afters.push((self.ops.len(), target + 1));
                self.ops.push(*op);
                self.ways.push(None);
            } else {
                self.ops.push(*op);
                self.ways.push(ways[place]);
            }
        }
        at.push(self.ops.len() as u32);
        for label in self.labels.iter_mut().flatten() {
            *label = at[*label as usize];
        }
        for (place, after) in afters {
            let label = self.label();
            self.labels[label.0 as usize] = Some(*at.get(after as usize)?);
            self.ops[place].set_target(label.target());
        }
        Some(())
    }

    /// The finished code; nothing when a label was not placed.
    pub(super) fn finish(mut self, name: &str, registers: u16) -> Option<Code> {
        self.turn_loops()?;
        let mut ops = self.ops.clone();
        for op in &mut ops {
            if let Some(target) = op.target() {
                op.set_target(Target(self.resolve(target.0)?));
            }
        }
        let mut handlers: Vec<Handler> = Vec::new();
        let mut before: Way = None;
        for (place, way) in self.ways.iter().enumerate() {
            if let Some((label, caught)) = way {
                match handlers.last_mut() {
                    Some(last) if before == *way && last.end == place as u32 => last.end += 1,
                    _ => handlers.push(Handler {
                        start: place as u32,
                        end: place as u32 + 1,
                        target: Target(self.resolve(label.0)?),
                        caught: Dst(*caught),
                    }),
                }
            }
            before = *way;
        }
        let mut code = Code {
            name: name.into(),
            offsets: vec![0; ops.len()],
            ops,
            constants: self.constants,
            handlers,
            registers,
            ..Code::default()
        };
        code.seal();
        Some(code)
    }
}
