//! The instructions that most turns of loops and calls of functions consist of, in a loop of their own.
//!
//! Nothing here calls anything: what is rare is left to [`Machine::run`]'s loop, which knows every instruction. So what a
//! step needs stays in the processor's registers. In one loop with the rest, half of the instructions of
//! 1000 × `t = t + i` moved them to the stack and back.

use super::Machine;
use super::dispatch::{compare_ints, take_jump};
use super::frame::{Frame, FrameKind};
use crate::bytecode::op::Op;
use crate::bytecode::operand;
use crate::limits::{FRAMES_MAX, REGISTERS_MAX};
use crate::run::function::Function;
use crate::run::iterator::Source;
use crate::run::value::Value;

/// Registers that a function may have to run here. A window of exactly so many, reached through one byte of an operand,
/// needs no look at its length.
const WINDOW: usize = 1 << u8::BITS;

/// May the hot loop know what to do with an instruction? To begin it for others does not pay.
#[inline]
pub(super) const fn is_hot(op: Op) -> bool {
    matches!(
        op,
        Op::Add { .. }
            | Op::Sub { .. }
            | Op::AddInt { .. }
            | Op::SubInt { .. }
            | Op::InPlace { .. }
            | Op::CompareInt { .. }
            | Op::Compare { .. }
            | Op::Binary {
                kind: operand::Binary::Mul | operand::Binary::FloorDiv | operand::Binary::Mod,
                ..
            }
    )
}

impl Machine<'_> {
    /// Run the last frame, and those that it calls, up to an instruction that is not for this loop: the last frame's `pc`
    /// is its. True when the slice is over.
    #[allow(clippy::too_many_lines, reason = "a dispatch loop")]
    #[inline(never)]
    pub(super) fn run_hot(&mut self) -> bool {
        let end = self.top().base as usize + WINDOW;
        if end > REGISTERS_MAX || self.reserve(end).is_err() {
            return false;
        }
        let Self {
            stack,
            frames,
            context,
            ..
        } = self;
        let Some(frame) = frames.last() else {
            return false;
        };
        let mut function = frame.function;
        let mut pc = frame.pc as usize;
        let mut ops: &[Op] = &function.code.code().ops;
        let Some(mut registers) = window(stack, function, frame.base as usize) else {
            return false;
        };

        macro_rules! r {
            ($operand:expr) => {
                registers[usize::from($operand.0 as u8)]
            };
        }
        macro_rules! branch {
            ($d:expr, $holds:expr) => {{
                let holds = $holds;
                take_jump!(ops, pc, $d, holds);
                r!($d) = Value::Bool(holds);
            }};
        }
        // The slice is over, before the instruction at `pc`. Without a way round by the loop's end: with one, metering took
        // an instruction of every step.
        macro_rules! over {
            () => {{
                if let Some(frame) = frames.last_mut() {
                    frame.pc = pc as u32;
                }
                return true;
            }};
        }
        // The arithmetic of two ints; anything else is not for this loop.
        macro_rules! ints {
            ($d:expr, $left:expr, $right:expr, $compute:ident) => {{
                let (Value::Int(left), Value::Int(right)) = ($left, $right) else {
                    break;
                };
                let Some(result) = left.$compute(right) else {
                    break;
                };
                r!($d) = Value::Int(result);
            }};
        }

        loop {
            let op = ops[pc];
            pc += 1;
            match op {
                Op::Add { d, a, b }
                | Op::InPlace {
                    kind: operand::Binary::Add,
                    d,
                    a,
                    b,
                } => ints!(d, r!(a), r!(b), checked_add),
                Op::Sub { d, a, b } => ints!(d, r!(a), r!(b), checked_sub),
                Op::AddInt { d, a, i } => {
                    ints!(d, r!(a), Value::Int(i64::from(i.0)), checked_add);
                }
                Op::SubInt { d, a, i } => {
                    ints!(d, r!(a), Value::Int(i64::from(i.0)), checked_sub);
                }
                Op::Binary { kind, d, a, b } => {
                    let (Value::Int(left), Value::Int(right)) = (r!(a), r!(b)) else {
                        break;
                    };
                    let result = match kind {
                        operand::Binary::Mul => left.checked_mul(right),
                        // Floor and remainder of Python are those of Euclid for what divides and is above 0.
                        operand::Binary::FloorDiv if right > 0 => Some(left.div_euclid(right)),
                        operand::Binary::Mod if right > 0 => Some(left.rem_euclid(right)),
                        _ => None,
                    };
                    let Some(result) = result else {
                        break;
                    };
                    r!(d) = Value::Int(result);
                }
                Op::CompareInt { kind, d, a, i } => {
                    let Value::Int(left) = r!(a) else {
                        break;
                    };
                    let Some(holds) = compare_ints(kind, left, i64::from(i.0)) else {
                        break;
                    };
                    branch!(d, holds);
                }
                Op::Compare { kind, d, a, b } => {
                    let (Value::Int(left), Value::Int(right)) = (r!(a), r!(b)) else {
                        break;
                    };
                    let Some(holds) = compare_ints(kind, left, right) else {
                        break;
                    };
                    branch!(d, holds);
                }
                Op::Load { d, k } => {
                    let made = function.code.made(k);
                    if made.is_unset() {
                        break;
                    }
                    r!(d) = made;
                }
                Op::LoadGlobal { d, g } => {
                    let value = function.globals[g.index()].get();
                    if value.is_unset() {
                        break;
                    }
                    r!(d) = value;
                }
                Op::Move { d, s } => match r!(s) {
                    // See the other loop.
                    Value::Int(number) => r!(d) = Value::Int(number),
                    value => r!(d) = value,
                },
                Op::Jump { to } => pc = to.index(),
                Op::Loop { to } => {
                    pc = to.index();
                    if context.budget().tick() {
                        over!();
                    }
                }
                Op::JumpIf { s, to } => {
                    if let Value::Bool(holds) = r!(s) {
                        if holds {
                            pc = to.index();
                        }
                    } else {
                        break;
                    }
                }
                Op::JumpIfNot { s, to } => {
                    if let Value::Bool(holds) = r!(s) {
                        if !holds {
                            pc = to.index();
                        }
                    } else {
                        break;
                    }
                }
                Op::ForNext { iter, to } => {
                    let Value::Iter(source) = r!(iter) else {
                        break;
                    };
                    let Source::Range(range) = source.source() else {
                        break;
                    };
                    let Some(number) = source.next_paid(range, context.budget().held_turns())
                    else {
                        break;
                    };
                    registers[usize::from((iter.0 + 1) as u8)] = Value::Int(number);
                    pc = to.index();
                    // The loop's variable is set next: one step with this.
                    if let Op::Move { d, s } = ops[pc]
                        && s.0 == iter.0 + 1
                    {
                        r!(d) = Value::Int(number);
                        pc += 1;
                    }
                }
                Op::Call {
                    few,
                    d,
                    base,
                    names,
                } => {
                    let Value::Function(callee) = r!(base) else {
                        break;
                    };
                    let depth = frames.len();
                    if names != operand::NO_CONST
                        || !callee.code.takes(usize::from(few.0))
                        || depth >= FRAMES_MAX
                        || depth == frames.capacity()
                    {
                        break;
                    }
                    let Some(frame) = frames.last_mut() else {
                        break;
                    };
                    let first = frame.base as usize + base.index() + 1;
                    let Some(own) = window(stack, callee, first) else {
                        break;
                    };
                    registers = own;
                    frame.pc = pc as u32;
                    let result = frame.base + u32::from(d.0);
                    frames.push(Frame {
                        function: callee,
                        pc: 0,
                        base: first as u32,
                        result,
                        kind: FrameKind::Plain,
                    });
                    let code = callee.code.code();
                    for register in code.unset_start..code.unset_end {
                        registers[usize::from(register as u8)] = Value::Unset;
                    }
                    function = callee;
                    ops = &code.ops;
                    pc = 0;
                    if context.budget().tick() {
                        over!();
                    }
                }
                Op::Return { s } => {
                    let [.., below, frame] = frames.as_slice() else {
                        break;
                    };
                    if !matches!(frame.kind, FrameKind::Plain)
                        || matches!(below.kind, FrameKind::Native(_))
                    {
                        break;
                    }
                    let result = frame.result as usize;
                    match r!(s) {
                        // What was just written in two stores is not read in one load.
                        Value::Int(number) => stack[result] = Value::Int(number),
                        Value::Bool(holds) => stack[result] = Value::Bool(holds),
                        Value::None => stack[result] = Value::None,
                        _ => break,
                    }
                    let Some(own) = window(stack, below.function, below.base as usize) else {
                        break;
                    };
                    registers = own;
                    pc = below.pc as usize;
                    function = below.function;
                    ops = &function.code.code().ops;
                    frames.truncate(frames.len() - 1);
                }
                // All of them, so that the jump needs no look at the number first.
                Op::InPlace { .. }
                | Op::Bound { .. }
                | Op::Unbind { .. }
                | Op::StoreGlobal { .. }
                | Op::UnbindGlobal { .. }
                | Op::MakeCell { .. }
                | Op::LoadCell { .. }
                | Op::StoreCell { .. }
                | Op::LoadFree { .. }
                | Op::StoreFree { .. }
                | Op::Unary { .. }
                | Op::GetItem { .. }
                | Op::GetItemConst { .. }
                | Op::SetItem { .. }
                | Op::SetItemConst { .. }
                | Op::DeleteItem { .. }
                | Op::BuildSlice { .. }
                | Op::GetAttribute { .. }
                | Op::SetAttribute { .. }
                | Op::CallMethod { .. }
                | Op::CallSpread { .. }
                | Op::Yield { .. }
                | Op::BuildList { .. }
                | Op::BuildTuple { .. }
                | Op::BuildSet { .. }
                | Op::BuildDict { .. }
                | Op::ListAppend { .. }
                | Op::ListExtend { .. }
                | Op::SetAdd { .. }
                | Op::SetUpdate { .. }
                | Op::DictInsert { .. }
                | Op::DictUpdate { .. }
                | Op::ListToTuple { .. }
                | Op::Unpack { .. }
                | Op::UnpackRest { .. }
                | Op::GetIter { .. }
                | Op::Format { .. }
                | Op::BuildText { .. }
                | Op::Raise { .. }
                | Op::Reraise { .. }
                | Op::Catches { .. }
                | Op::MakeFunction { .. }
                | Op::Import { .. }
                | Op::ImportFrom { .. }
                | Op::HasConst { .. }
                | Op::JumpUnlessInt { .. }
                | Op::TextOfInt { .. }
                | Op::JoinInt { .. }
                | Op::FloatOfInt { .. }
                | Op::Enter { .. }
                | Op::Step { .. }
                | Op::LoadDynamic { .. }
                | Op::LoadName { .. }
                | Op::TryName { .. }
                | Op::LoadNameOrText { .. }
                | Op::LookUp { .. }
                | Op::StoreShared { .. }
                | Op::Assign { .. }
                | Op::Bounds { .. }
                | Op::Count { .. }
                | Op::Command { .. }
                | Op::CallScript { .. }
                | Op::RunPart { .. }
                | Op::Fail { .. }
                | Op::Begin { .. }
                | Op::End { .. }
                | Op::Failed { .. } => break,
            }
        }
        if let Some(frame) = frames.last_mut() {
            frame.pc = pc as u32 - 1;
        }
        false
    }
}

/// The registers from a frame's first on, if that may be all of them and there are enough above.
#[inline]
fn window<'s, 'a>(
    stack: &'s mut [Value<'a>],
    function: &Function<'a>,
    base: usize,
) -> Option<&'s mut [Value<'a>; WINDOW]> {
    if usize::from(function.code.code().registers) > WINDOW {
        return None;
    }
    stack.get_mut(base..)?.first_chunk_mut()
}
