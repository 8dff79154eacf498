//! A function under construction: registers, constants, labels, regions that handlers cover.

use std::collections::{HashMap, HashSet};

use crate::bytecode::op::Op;
use crate::bytecode::operand::{Const, Dst, Src, Target};
use crate::bytecode::{Capture, Code, Constant, Handler};
use crate::hir::Span;
use crate::limits::{FUNCTION_CODE_MAX, FUNCTION_REGISTERS_MAX};

use super::Problem;

/// Where a name's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a register.
    Register(u16),
    /// In a shared variable that a register holds.
    Cell(u16),
    /// In a shared variable of the functions around.
    Free(u16),
    /// Among the module-level names.
    Global(u16),
}

/// What kind of function it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A definition's text itself.
    Module,
    /// `def`, `lambda`, or a generator expression.
    Inner,
    /// Part of a script.
    Script,
}

/// A place in the code that is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(usize);

/// A stretch of code that a handler covers, in pieces.
#[derive(Debug, Default)]
pub struct Region {
    pieces: Vec<(u32, u32)>,
    open: u32,
}

/// What a `return`, `break` or `continue` leaves.
#[derive(Clone, Debug)]
pub enum Exit<'t> {
    /// A loop: where `break` and `continue` go.
    Loop {
        /// After the loop.
        after: Label,
        /// The next turn.
        next: Label,
    },
    /// A `finally`, and how many regions were open around its `try`.
    Finally(&'t crate::hir::Block, usize),
}

/// A function under construction.
#[derive(Debug)]
pub struct Function<'t> {
    /// What is there already.
    pub code: Code,
    /// What kind of function it is.
    pub kind: Kind,
    /// Its own names.
    pub places: HashMap<String, Place>,
    /// Targets of the comprehensions that are open, inner ones last.
    pub inner_places: Vec<(String, Place)>,
    /// Comprehensions that are open.
    pub comprehensions: usize,
    /// Names that functions inside mention.
    pub nested: HashSet<String>,
    /// Registers that are certainly bound here.
    pub bound: Vec<bool>,
    /// Registers that are never certainly bound.
    pub unsure: HashSet<u16>,
    /// What surrounds the place that is compiled now.
    pub exits: Vec<Exit<'t>>,
    /// Regions that are open.
    pub regions: Vec<Region>,
    /// Registers of exceptions that are handled now.
    pub handled: Vec<u16>,
    constants: HashMap<Key, u16>,
    /// Where the last label is: a jump may lead there.
    reached: u32,
    labels: Vec<Option<u32>>,
    patches: Vec<(usize, Label)>,
    top: u16,
    offset: u32,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    None,
    Bool(bool),
    Int(i64),
    Float(u64),
    Text(Box<str>),
    Builtin(Box<str>),
}

impl Function<'_> {
    /// An empty function.
    #[must_use]
    pub fn new(name: &str, kind: Kind) -> Self {
        Self {
            code: Code {
                name: name.into(),
                is_script: kind == Kind::Script,
                ..Code::default()
            },
            kind,
            places: HashMap::new(),
            inner_places: Vec::new(),
            comprehensions: 0,
            nested: HashSet::new(),
            bound: Vec::new(),
            unsure: HashSet::new(),
            exits: Vec::new(),
            regions: Vec::new(),
            handled: Vec::new(),
            constants: HashMap::new(),
            reached: 0,
            labels: Vec::new(),
            patches: Vec::new(),
            top: 0,
            offset: 0,
        }
    }

    /// Instructions from now on belong to this place of the text.
    pub fn at(&mut self, span: Span) {
        self.offset = span.start;
    }

    /// The place of the text that instructions belong to now.
    #[must_use]
    pub fn span(&self) -> Span {
        Span {
            start: self.offset,
            end: self.offset,
        }
    }

    /// The next instruction's number.
    #[must_use]
    pub fn here(&self) -> u32 {
        self.code.ops.len() as u32
    }

    /// Add an instruction.
    pub fn emit(&mut self, op: Op) {
        self.code.ops.push(op);
        self.code.offsets.push(self.offset);
    }

    /// The next free register, to go back to.
    #[must_use]
    pub const fn mark(&self) -> u16 {
        self.top
    }

    /// Free the registers from a mark on.
    pub fn release(&mut self, mark: u16) {
        self.top = mark;
    }

    /// Take a register.
    pub fn take(&mut self) -> Result<u16, Problem> {
        self.take_many(1)
    }

    /// Take registers in a row and give the first.
    pub fn take_many(&mut self, count: usize) -> Result<u16, Problem> {
        let first = self.top;
        if first as usize + count > FUNCTION_REGISTERS_MAX {
            return Err(self.too_large());
        }
        self.top += count as u16;
        self.code.registers = self.code.registers.max(self.top);
        Ok(first)
    }

    /// The error of a function that is too large.
    #[must_use]
    pub fn too_large(&self) -> Problem {
        Problem {
            span: Span {
                start: self.offset,
                end: self.offset,
            },
            message: format!("{} is too large to compile", self.code.name),
        }
    }

    /// A constant's number.
    pub fn constant(&mut self, constant: Constant) -> Result<Const, Problem> {
        let key = match &constant {
            Constant::None => Some(Key::None),
            Constant::Bool(flag) => Some(Key::Bool(*flag)),
            Constant::Int(number) => Some(Key::Int(*number)),
            Constant::Float(number) => Some(Key::Float(number.to_bits())),
            Constant::Text(text) => Some(Key::Text(text.clone())),
            Constant::Builtin(name) => Some(Key::Builtin(name.clone())),
            _ => None,
        };
        if let Some(known) = key.as_ref().and_then(|key| self.constants.get(key)) {
            return Ok(Const(*known));
        }
        let number = self.code.constants.len();
        if number >= usize::from(u16::MAX) {
            return Err(self.too_large());
        }
        self.code.constants.push(constant);
        if let Some(key) = key {
            self.constants.insert(key, number as u16);
        }
        Ok(Const(number as u16))
    }

    /// A text constant's number.
    pub fn text(&mut self, text: &str) -> Result<Const, Problem> {
        self.constant(Constant::Text(text.into()))
    }

    /// A new label.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// The label is here.
    pub fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.here());
        self.reached = self.here();
    }

    /// Nothing leads to the next instruction.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.reached != self.here() && self.code.ops.last().is_some_and(Op::is_terminator)
    }

    /// Add a jump whose target is a label.
    pub fn jump(&mut self, op: Op, label: Label) {
        self.patches.push((self.code.ops.len(), label));
        self.emit(op);
    }

    /// `Jump` to a label.
    pub fn jump_to(&mut self, label: Label) {
        self.jump(Op::Jump { to: Target(0) }, label);
    }

    /// A handler covers what follows.
    pub fn open_region(&mut self) {
        let open = self.here();
        self.regions.push(Region {
            pieces: Vec::new(),
            open,
        });
    }

    /// Stop covering, for the regions from `depth` on.
    pub fn suspend(&mut self, depth: usize) {
        let here = self.here();
        for region in &mut self.regions[depth..] {
            if region.open < here {
                region.pieces.push((region.open, here));
            }
            region.open = here;
        }
    }

    /// Cover again what follows.
    pub fn resume(&mut self, depth: usize) {
        let here = self.here();
        for region in &mut self.regions[depth..] {
            region.open = here;
        }
    }

    /// End the innermost region: exceptions in it go on here, in the register `caught`.
    pub fn close_region(&mut self, region: Region, caught: u16) {
        let target = Target(self.here());
        self.reached = self.here();
        for (start, end) in region.pieces {
            self.code.handlers.push(Handler {
                start,
                end,
                target,
                caught: Dst(caught),
            });
        }
    }

    /// Stop covering by the innermost region and give it for [`Function::close_region`].
    pub fn end_region(&mut self) -> Region {
        self.suspend(self.regions.len() - 1);
        self.regions.pop().unwrap_or_default()
    }

    /// Is the value in a register certainly bound?
    #[must_use]
    pub fn is_bound(&self, register: u16) -> bool {
        !self.unsure.contains(&register)
            && self
                .bound
                .get(usize::from(register))
                .copied()
                .unwrap_or(true)
    }

    /// From here on it is.
    pub fn set_bound(&mut self, register: u16) {
        if let Some(bound) = self.bound.get_mut(usize::from(register)) {
            *bound = true;
        }
    }

    /// Where both ways were bound.
    pub fn meet(&mut self, other: &[bool]) {
        for (bound, other) in self.bound.iter_mut().zip(other) {
            *bound &= other;
        }
    }

    /// `dst = src`, unless they are the same.
    pub fn copy(&mut self, dst: u16, src: u16) {
        if dst != src {
            self.emit(Op::Move {
                d: Dst(dst),
                s: Src(src),
            });
        }
    }

    /// A variable of the functions around, captured from there.
    pub fn capture(&mut self, capture: Capture) -> Result<u16, Problem> {
        if let Some(place) = self
            .code
            .captures
            .iter()
            .position(|known| *known == capture)
        {
            return Ok(place as u16);
        }
        if self.code.captures.len() >= usize::from(u16::MAX) {
            return Err(self.too_large());
        }
        self.code.captures.push(capture);
        Ok(self.code.captures.len() as u16 - 1)
    }

    /// The finished code.
    pub fn finish(mut self) -> Result<Code, Problem> {
        if self.code.ops.len() > FUNCTION_CODE_MAX {
            return Err(self.too_large());
        }
        for (place, label) in std::mem::take(&mut self.patches) {
            let Some(target) = self.labels[label.0] else {
                return Err(self.too_large());
            };
            let op = &mut self.code.ops[place];
            // `continue` in a `while` goes back: that must be counted, or it never yields.
            if let Op::Jump { to } = *op
                && target as usize <= place
            {
                *op = Op::Loop { to };
            }
            op.set_target(Target(target));
        }
        Ok(self.code)
    }
}
