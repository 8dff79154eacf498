//! Does a definition keep its `task` to itself? Then one `task` serves all runs of a call site, and only the arguments in
//! it are set anew: building it took a third of the time of `if` and most of the memory.
//!
//! The question is answered from the code alone, whatever the names: each register and each module-level name is followed
//! through the instructions as a set of what it may hold of the task. What is only read stays; anything else that may
//! touch a part of the task (storing it, passing it, changing it, returning it) is an escape.

use super::code::{Code, Constant};
use super::op::{Op, Visitor};
use super::operand::{Base, Compare, Const, Dst, NO_SRC, Src, Unary};

/// A dict or list of values that are not the task's: `properties`, the statements of a branch.
const FLAT: u8 = 1;
/// `branches`, a dict of lists.
const BRANCHES: u8 = 2;
/// The task itself.
const TASK: u8 = 4;
/// An iterator over one of those.
const TURNS: u8 = 8;
/// A function that reads or sets module-level names.
const FUNCTION: u8 = 16;
const CONTAINERS: u8 = FLAT | BRANCHES | TASK;

/// Sets that are kept for one function, instructions times registers; larger functions count as escaping.
const SETS_MAX: usize = 1 << 20;

/// An escape was found.
struct Escapes;

/// True when nothing of the task of `module` (register 0 at its start) outlives the run or is changed by it, and none of
/// its module-level names can be reached afterwards.
#[must_use]
pub fn task_stays(module: &Code) -> bool {
    let mut functions = vec![module];
    let mut next = 0;
    while let Some(code) = functions.get(next).copied() {
        functions.extend(&code.children);
        next += 1;
    }
    let shows_names = |name: &str| matches!(name, "globals" | "locals");
    if module.globals.iter().any(|name| shows_names(name)) {
        return false;
    }
    for code in &functions {
        let named =
            |constant: &Constant| matches!(constant, Constant::Builtin(name) if shows_names(name));
        if code.constants.iter().any(named)
            || (code.is_generator && uses_globals(code))
            || code.ops.len() * usize::from(code.registers) > SETS_MAX
        {
            return false;
        }
    }
    let mut globals = vec![0; module.globals.len()];
    // Each turn but the last adds a bit to a name.
    loop {
        let before = globals.clone();
        for (number, code) in functions.iter().enumerate() {
            let given = if number == 0 { TASK } else { 0 };
            if follow(code, given, &mut globals).is_err() {
                return false;
            }
        }
        if globals == before {
            return true;
        }
    }
}

/// Does a function, or one inside it, use module-level names?
fn uses_globals(code: &Code) -> bool {
    let mut waiting = vec![code];
    while let Some(code) = waiting.pop() {
        let uses = |op: &Op| {
            matches!(
                op,
                Op::LoadGlobal { .. } | Op::StoreGlobal { .. } | Op::UnbindGlobal { .. }
            )
        };
        if code.ops.iter().any(uses) {
            return true;
        }
        waiting.extend(&code.children);
    }
    false
}

/// Follow the registers of one function until nothing is added.
fn follow(code: &Code, given: u8, globals: &mut [u8]) -> Result<(), Escapes> {
    let mut start = vec![0; usize::from(code.registers)];
    if let Some(first) = start.first_mut() {
        *first = given;
    }
    let mut known: Vec<Option<Vec<u8>>> = vec![None; code.ops.len()];
    known[0] = Some(start);
    let mut waiting = vec![0];
    while let Some(place) = waiting.pop() {
        let Some(before) = known[place].clone() else {
            continue;
        };
        let op = &code.ops[place];
        let mut after = before.clone();
        step(code, *op, &mut after, globals)?;
        if let Some(handler) = code.handler_at(place as u32) {
            for held in [&before, &after] {
                let mut caught = held.clone();
                caught[handler.caught.index()] = 0;
                reach(&mut known, &mut waiting, handler.target.index(), &caught);
            }
        }
        if let Some(target) = op.target() {
            reach(&mut known, &mut waiting, target.index(), &after);
        }
        if !op.is_terminator() && place + 1 < code.ops.len() {
            reach(&mut known, &mut waiting, place + 1, &after);
        }
    }
    Ok(())
}

/// Add what the registers may hold at an instruction; it is looked at again if that is new.
fn reach(known: &mut [Option<Vec<u8>>], waiting: &mut Vec<usize>, place: usize, held: &[u8]) {
    match &mut known[place] {
        Some(known) => {
            let mut grew = false;
            for (known, held) in known.iter_mut().zip(held) {
                grew |= *held & !*known != 0;
                *known |= *held;
            }
            if grew {
                waiting.push(place);
            }
        }
        unknown => {
            *unknown = Some(held.to_vec());
            waiting.push(place);
        }
    }
}

/// What an item of `container` may be.
fn item_of(container: u8, key: Option<&str>) -> u8 {
    let mut item = 0;
    if container & TASK != 0 {
        item |= match key {
            Some("properties" | "sequence") => FLAT,
            Some("branches") => BRANCHES,
            Some("context") => 0,
            _ => FLAT | BRANCHES,
        };
    }
    if container & BRANCHES != 0 {
        item |= FLAT;
    }
    item
}

const fn need(holds: bool) -> Result<(), Escapes> {
    if holds { Ok(()) } else { Err(Escapes) }
}

/// What the registers hold after an instruction.
fn step(code: &Code, op: Op, held: &mut [u8], globals: &mut [u8]) -> Result<(), Escapes> {
    let text = |k: Const| code.constants.get(k.index()).and_then(Constant::as_text);
    let plain = |held: &[u8], first: usize, count: usize| {
        need(held[first..first + count].iter().all(|held| *held == 0))
    };
    match op {
        Op::Move { d, s } => held[d.index()] = held[s.index()],
        Op::LoadGlobal { d, g } => held[d.index()] = globals[g.index()],
        Op::StoreGlobal { g, s } => globals[g.index()] |= held[s.index()],
        Op::GetItemConst { d, o, k } => {
            need(held[o.index()] & !CONTAINERS == 0)?;
            held[d.index()] = item_of(held[o.index()], text(k));
        }
        Op::GetItem { d, o, key } => {
            need(held[o.index()] & !CONTAINERS == 0 && held[key.index()] == 0)?;
            held[d.index()] = item_of(held[o.index()], None);
        }
        Op::CallMethod { few, d, base, k } => {
            plain(held, base.index() + 1, usize::from(few.0))?;
            let receiver = held[base.index()];
            need(receiver == 0 || (receiver & !CONTAINERS == 0 && text(k) == Some("get")))?;
            held[d.index()] = item_of(receiver, None);
        }
        Op::Call { few, d, base, .. } => {
            plain(held, base.index() + 1, usize::from(few.0))?;
            need(held[base.index()] & !FUNCTION == 0)?;
            held[d.index()] = 0;
        }
        Op::Compare { kind, d, a, b } => {
            let within = matches!(kind, Compare::In | Compare::NotIn);
            let right = held[b.index()];
            need(held[a.index()] == 0 && (right == 0 || (within && right & !CONTAINERS == 0)))?;
            held[d.index()] = 0;
        }
        Op::Unary {
            kind: Unary::Not,
            d,
            ..
        } => held[d.index()] = 0,
        Op::Bound { .. }
        | Op::UnbindGlobal { .. }
        | Op::Jump { .. }
        | Op::Loop { .. }
        | Op::JumpIf { .. }
        | Op::JumpIfNot { .. } => {}
        Op::GetIter { d, s } => {
            let over = held[s.index()];
            need(over & !CONTAINERS == 0)?;
            held[d.index()] = if over == 0 { 0 } else { TURNS };
        }
        Op::ForNext { iter, .. } => {
            // Keys of a dict, or items of a flat list.
            need(held[iter.index()] & !TURNS == 0)?;
            held[iter.index() + 1] = 0;
        }
        Op::MakeFunction { few, d, c, base } => {
            plain(held, base.index(), usize::from(few.0))?;
            let uses = uses_globals(&code.children[c.index()]);
            held[d.index()] = if uses { FUNCTION } else { 0 };
        }
        _ => {
            let mut operands = Operands {
                held,
                escapes: false,
                written: None,
            };
            op.visit(&mut operands);
            let (escapes, written) = (operands.escapes, operands.written);
            need(!escapes)?;
            if let Some((base, count)) = op.window() {
                let window = &mut held[base.index()..base.index() + count];
                if matches!(op, Op::Unpack { .. } | Op::UnpackRest { .. }) {
                    window.fill(0);
                } else {
                    need(window.iter().all(|held| *held == 0))?;
                }
            }
            if let Some(d) = written {
                held[d.index()] = 0;
            }
        }
    }
    Ok(())
}

/// The operands of an instruction that may not read any part of the task.
struct Operands<'h> {
    held: &'h [u8],
    escapes: bool,
    written: Option<Dst>,
}

impl Visitor for Operands<'_> {
    fn Dst(&mut self, operand: Dst) {
        self.written = Some(operand);
    }
    fn Src(&mut self, operand: Src) {
        self.escapes |= operand != NO_SRC && self.held[operand.index()] != 0;
    }
    fn Base(&mut self, _: Base) {}
}
