//! The walk over a definition: states of knowledge, where ways meet, and what is left of each instruction.
//!
//! A state says of each register what is known when an instruction is reached. Instructions where ways meet keep a few states
//! apart; more are made one that knows less. Functions of the definition are walked where they are called: their registers lie
//! above the caller's, as in a real call, so that most arguments are in place already.
//!
//! ```text
//! registers  [arguments][inputs][kept ints][module-level names][definition][functions called …
//! ```

use std::collections::HashMap;

use super::known::{Constants, Input, Kind, Known};
use super::liveness::{self, Liveness};
use super::residue::{Label, Residue, TooLarge, Way};
use super::{Shape, Specialised};
use crate::bytecode::op::Op;
use crate::bytecode::operand::{Base, Const, Count, Dst, Few, Src};
use crate::bytecode::{Code, Constant};
use crate::limits::{SPECIALISED_OPS_MAX, SPECIALISING_STEPS_MAX};

/// Registers of specialised code: no more than a generous frame may have.
const REGISTERS_MAX: usize = 128;

/// Registers that keep an int while its text is not made.
const KEPT_MAX: usize = 8;

/// States at one instruction that are kept apart; then a state that knows only what all of them do. Two operands, each an
/// int, a literal or anything else, make nine.
const STATES_MAX: usize = 10;

/// Calls of functions that are walked.
const CONTEXTS_MAX: usize = 48;

/// Calls inside calls.
const DEPTH_MAX: u8 = 8;

/// Blocks that wait or were walked.
const BLOCKS_MAX: usize = 1_000;

/// The definition does something that is not known here, or too much.
#[derive(Debug)]
pub(super) struct GiveUp;

impl From<TooLarge> for GiveUp {
    fn from(_: TooLarge) -> Self {
        Self
    }
}

pub(super) type Walked<T> = Result<T, GiveUp>;

/// What is known of all registers.
pub(super) type State = Vec<Known>;

/// A function where it is called, or the definition itself.
#[derive(Debug)]
pub(super) struct Context {
    /// Number of its code.
    pub(super) code: usize,
    /// Its first register.
    pub(super) base: usize,
    /// Where it returns to: the caller, the instruction after the call, the register of the value.
    pub(super) parent: Option<(usize, usize, usize)>,
    pub(super) depth: u8,
}

struct Waiting {
    context: usize,
    pc: usize,
    state: State,
    label: Label,
    is_other: bool,
}

/// What comes after an instruction.
pub(super) enum Next {
    /// The instruction at the present place.
    On,
    /// Nothing: all ways from it wait.
    End,
}

pub(super) struct Walk<'d> {
    pub(super) shape: &'d Shape,
    /// Keys of the properties, each with its argument.
    pub(super) properties: Vec<(String, u16)>,
    pub(super) codes: Vec<&'d Code>,
    live: Vec<Liveness>,
    pub(super) contexts: Vec<Context>,
    calls: HashMap<(usize, usize), usize>,
    pub(super) constants: Constants,
    residue: Residue,
    states: HashMap<(usize, usize), Vec<(State, Label)>>,
    waiting: Vec<Waiting>,
    blocks: usize,
    steps: usize,
    handlers: HashMap<(usize, usize, State), Label>,
    kept: HashMap<(usize, usize), u16>,
    globals_base: usize,
    registers: usize,
    arguments_read: Vec<bool>,
    inputs_read: [bool; Input::COUNT],
    /// The handler of the present instruction, and the state in which it is reached.
    covered: Option<(usize, usize, u16, State)>,
    way: Option<Way>,
    /// The present instruction is for what is no int: the way of ints was walked before.
    pub(super) is_other: bool,
    pub(super) context: usize,
    pub(super) pc: usize,
    pub(super) state: State,
}

/// Specialise a definition's code. What was looked at is added to `steps`.
pub(super) fn walk(
    code: &Code,
    items: &[Box<str>],
    shape: &Shape,
    steps: &mut usize,
) -> Option<Specialised> {
    let mut walk = Walk::new(code, items, shape, steps)?;
    let walked = walk.all();
    *steps += walk.steps;
    walked.ok()?;
    walk.finish()
}

impl<'d> Walk<'d> {
    fn new(
        code: &'d Code,
        items: &[Box<str>],
        shape: &'d Shape,
        steps: &mut usize,
    ) -> Option<Self> {
        let count = shape.arguments.len();
        // Under their index first, then under the interface's items; the last one counts.
        let mut properties: Vec<(String, u16)> = (0..count)
            .map(|place| (place.to_string(), place as u16))
            .collect();
        for (place, item) in items.iter().take(count).enumerate() {
            match properties.iter_mut().find(|(key, _)| **key == **item) {
                Some((_, argument)) => *argument = place as u16,
                None => properties.push((item.to_string(), place as u16)),
            }
        }
        let mut codes = vec![code];
        let mut next = 0;
        while let Some(code) = codes.get(next).copied() {
            codes.extend(&code.children);
            next += 1;
            if codes.len() > CONTEXTS_MAX {
                return None;
            }
        }
        if codes.iter().map(|code| code.ops.len()).sum::<usize>() > SPECIALISED_OPS_MAX {
            return None;
        }
        let live: Option<Vec<Liveness>> =
            codes.iter().map(|code| liveness::of(code, steps)).collect();
        let globals_base = count + Input::COUNT + KEPT_MAX;
        let base = globals_base + code.globals.len();
        if base + usize::from(code.registers) > REGISTERS_MAX || code.registers < 2 {
            return None;
        }
        let mut state = vec![Known::Dead; REGISTERS_MAX];
        state[globals_base..base].fill(Known::Unset);
        state[base + usize::from(code.unset_start)..base + usize::from(code.unset_end)]
            .fill(Known::Unset);
        state[base] = Known::Task;
        state[base + 1] = Known::Input(Input::Executor);
        Some(Self {
            shape,
            properties,
            codes,
            live: live?,
            contexts: vec![Context {
                code: 0,
                base,
                parent: None,
                depth: 0,
            }],
            calls: HashMap::new(),
            constants: Constants::default(),
            residue: Residue::default(),
            states: HashMap::new(),
            waiting: Vec::new(),
            blocks: 0,
            steps: 0,
            handlers: HashMap::new(),
            kept: HashMap::new(),
            globals_base,
            registers: base + usize::from(code.registers),
            arguments_read: vec![false; count],
            inputs_read: [false; Input::COUNT],
            covered: None,
            way: None,
            is_other: false,
            context: 0,
            pc: 0,
            state,
        })
    }

    fn all(&mut self) -> Walked<()> {
        let state = self.state.clone();
        self.wait(0, 0, state)?;
        while let Some(next) = self.waiting.pop() {
            self.residue.place(next.label);
            (self.context, self.pc, self.state) = (next.context, next.pc, next.state);
            self.is_other = next.is_other;
            self.block()?;
        }
        Ok(())
    }

    fn finish(self) -> Option<Specialised> {
        let count = self.arguments_read.len();
        let name = self.codes[0].name();
        let mut code = self.residue.finish(name, self.registers as u16)?;
        // A command has no value: all its ways return the first register, argument or not.
        code.unset_end = code.registers.min(1);
        let arguments = self.arguments_read.iter().enumerate();
        let inputs = self.inputs_read.iter().zip(Input::ALL).enumerate();
        Some(Specialised {
            code,
            arguments: arguments
                .filter_map(|(place, read)| read.then_some(place as u8))
                .collect(),
            inputs: inputs
                .filter_map(|(place, (read, input))| {
                    read.then_some(((count + place) as u16, input))
                })
                .collect(),
        })
    }

    /// Walk from the present place until nothing comes after.
    fn block(&mut self) -> Walked<()> {
        loop {
            self.steps += 1;
            if self.steps > SPECIALISING_STEPS_MAX {
                return Err(GiveUp);
            }
            self.covered = None;
            self.way = Some(None);
            let code = self.contexts[self.context].code;
            let returned = self.states.contains_key(&(self.context, self.pc));
            let meets = (self.live[code].joins[self.pc] || returned) && !self.is_other;
            if meets && self.meet()? {
                return Ok(());
            }
            self.covered = self.handler();
            self.way = None;
            let op = self.codes[code].ops[self.pc];
            self.pc += 1;
            let next = self.step(op)?;
            self.is_other = false;
            if let Next::End = next {
                return Ok(());
            }
        }
    }

    /// Ways meet here: go on in the state of another that came before (true), or as the first in this state.
    fn meet(&mut self) -> Walked<bool> {
        self.forget(self.context, self.pc, None);
        let code = self.contexts[self.context].code;
        let turns = self.live[code].turns[self.pc];
        for register in 0..self.registers {
            match self.state[register] {
                Known::NewList => {
                    self.source(register)?;
                }
                // The next turn puts other ints there.
                Known::IntIn(_) | Known::TextOf(_) if turns => self.own(register)?,
                _ => {}
            }
        }
        if let Some(label) = self.met() {
            return self.jump(label).map(|()| true);
        }
        let place = (self.context, self.pc);
        if self
            .states
            .get(&place)
            .is_some_and(|met| met.len() >= STATES_MAX)
        {
            for register in 0..self.registers {
                let known = self.state[register];
                let met = self.states.get(&place);
                let differs =
                    met.is_some_and(|met| met.iter().any(|(state, _)| state[register] != known));
                if differs && known != Known::Unset {
                    self.own(register)?;
                    self.state[register] = Known::ANY;
                }
            }
            if let Some(label) = self.met() {
                return self.jump(label).map(|()| true);
            }
        }
        self.count_block()?;
        let label = self.residue.label();
        self.residue.place(label);
        let state = self.state.clone();
        self.states.entry(place).or_default().push((state, label));
        Ok(false)
    }

    fn met(&self) -> Option<Label> {
        let met = self.states.get(&(self.context, self.pc))?;
        let same = met.iter().find(|(state, _)| *state == self.state)?;
        Some(same.1)
    }

    fn count_block(&mut self) -> Walked<()> {
        self.blocks += 1;
        if self.blocks > BLOCKS_MAX {
            return Err(GiveUp);
        }
        Ok(())
    }

    /// Forget what is not read any more when an instruction of a context is reached; `but` is written before.
    fn forget(&mut self, context: usize, pc: usize, but: Option<usize>) {
        let mut read = [false; REGISTERS_MAX];
        read[self.globals_base..self.contexts[0].base].fill(true);
        let mut end = REGISTERS_MAX;
        let mut at = Some((context, pc, but));
        while let Some((context, pc, but)) = at {
            let Context {
                code, base, parent, ..
            } = self.contexts[context];
            let live = self.live[code].live.get(pc).copied().unwrap_or_default();
            // A caller's registers from where the called function begins are that function's.
            let above = end.min(base + usize::from(self.codes[code].registers));
            for (place, read) in read[base..above].iter_mut().enumerate() {
                *read = live >> place & 1 == 1 && Some(base + place) != but;
            }
            end = base;
            at = parent.map(|(context, pc, value)| (context, pc, Some(value)));
        }
        for (known, read) in self.state.iter_mut().zip(read) {
            if !read {
                *known = Known::Dead;
            }
        }
    }

    /// The handler of the present instruction, with the state as it is now.
    fn handler(&self) -> Option<(usize, usize, u16, State)> {
        let mut context = self.context;
        let mut at = self.pc as u32;
        loop {
            let Context {
                code, base, parent, ..
            } = self.contexts[context];
            if let Some(handler) = self.codes[code].handler_at(at) {
                let caught = (base + handler.caught.index()) as u16;
                let pc = handler.target.index();
                return Some((context, pc, caught, self.state.clone()));
            }
            let (caller, after, _) = parent?;
            context = caller;
            at = after as u32 - 1;
        }
    }

    /// Where an exception of the present instruction goes.
    fn way(&mut self) -> Walked<Way> {
        if let Some(way) = self.way {
            return Ok(way);
        }
        let way = match self.covered.take() {
            None => None,
            Some((context, pc, caught, state)) => {
                let now = std::mem::replace(&mut self.state, state);
                self.forget(context, pc, Some(usize::from(caught)));
                let mut state = std::mem::replace(&mut self.state, now);
                state[usize::from(caught)] = Known::ANY;
                let key = (context, pc, state);
                let label = match self.handlers.get(&key) {
                    Some(label) => *label,
                    None => {
                        let label = self.wait(context, pc, key.2.clone())?;
                        self.handlers.insert(key, label);
                        label
                    }
                };
                Some((label, caught))
            }
        };
        self.way = Some(way);
        Ok(way)
    }

    /// Walk from a place later.
    pub(super) fn wait(&mut self, context: usize, pc: usize, state: State) -> Walked<Label> {
        self.count_block()?;
        let label = self.residue.label();
        self.waiting.push(Waiting {
            context,
            pc,
            state,
            label,
            is_other: false,
        });
        Ok(label)
    }

    /// Walk the present instruction for what is no int later: the way of ints comes first, here and where ways meet.
    pub(super) fn wait_with_others(&mut self, state: State) -> Walked<Label> {
        let label = self.wait(self.context, self.pc - 1, state)?;
        if let Some(last) = self.waiting.last_mut() {
            last.is_other = true;
        }
        Ok(label)
    }

    /// Leave an instruction.
    pub(super) fn emit(&mut self, op: Op) -> Walked<()> {
        let way = self.way()?;
        Ok(self.residue.emit(op, way)?)
    }

    fn jump(&mut self, label: Label) -> Walked<()> {
        Ok(self.residue.emit(Op::Jump { to: label.target() }, None)?)
    }

    pub(super) fn label(&mut self) -> Label {
        self.residue.label()
    }

    pub(super) fn place(&mut self, label: Label) {
        self.residue.place(label);
    }

    pub(super) fn code(&self) -> &'d Code {
        self.codes[self.contexts[self.context].code]
    }

    /// A register of the present function.
    pub(super) fn at(&self, register: usize) -> usize {
        self.contexts[self.context].base + register
    }

    /// A constant of the present function in the code that is left.
    pub(super) fn carry(&mut self, k: Const) -> Walked<Const> {
        if k == crate::bytecode::operand::NO_CONST {
            return Ok(k);
        }
        let code = self.code();
        Ok(self.residue.constant(&code.constants[k.index()])?)
    }

    pub(super) fn text(&self, k: Const) -> &'d str {
        self.code().constants[k.index()].as_text().unwrap_or("")
    }

    /// Does a register certainly hold a text?
    pub(super) fn is_text(&self, register: usize) -> bool {
        match self.state[register] {
            Known::Own(Kind::Text) | Known::TextOf(_) => true,
            _ => matches!(self.constant_in(register), Some(Constant::Text(_))),
        }
    }

    /// The constant that a register holds.
    pub(super) fn constant_in(&self, register: usize) -> Option<Constant> {
        match self.state[register] {
            Known::Constant(number) | Known::Literal(_, number) => {
                Some(self.constants.get(number).clone())
            }
            _ => None,
        }
    }

    pub(super) fn set_constant(&mut self, register: usize, constant: Constant) {
        let number = self.constants.number(constant);
        self.state[register] = Known::Constant(number);
    }

    pub(super) fn residual(&mut self, constant: &Constant) -> Walked<Const> {
        Ok(self.residue.constant(constant)?)
    }

    fn input(&mut self, input: Input) -> Src {
        let place = input as usize;
        self.inputs_read[place] = true;
        Src((self.arguments_read.len() + place) as u16)
    }

    /// A register of the code that is left which holds what a register of the definition holds.
    pub(super) fn source(&mut self, register: usize) -> Walked<Src> {
        Ok(match self.state[register] {
            Known::Own(_) => Src(register as u16),
            Known::Argument(place) | Known::Literal(place, _) => {
                self.arguments_read[usize::from(place)] = true;
                Src(place)
            }
            Known::Input(input) => self.input(input),
            Known::IntIn(kept) => Src(kept),
            Known::Constant(number) => {
                let constant = self.constants.get(number).clone();
                let k = self.residue.constant(&constant)?;
                let d = Dst(register as u16);
                self.emit(Op::Load { d, k })?;
                Src(register as u16)
            }
            Known::TextOf(kept) => {
                let (d, s) = (Dst(register as u16), Src(kept));
                self.emit(Op::TextOfInt { d, s })?;
                self.state[register] = Known::Own(Kind::Text);
                Src(register as u16)
            }
            Known::NewList => {
                let d = Dst(register as u16);
                let base = Base(register as u16);
                let count = Count(0);
                self.emit(Op::BuildList { d, base, count })?;
                self.state[register] = Known::ANY;
                Src(register as u16)
            }
            Known::Dead
            | Known::Unset
            | Known::Task
            | Known::Properties
            | Known::PropertyValues
            | Known::PropertyList
            | Known::Branches
            | Known::Function(_) => return Err(GiveUp),
        })
    }

    /// Put what a register of the definition holds into the register itself.
    pub(super) fn own(&mut self, register: usize) -> Walked<()> {
        let kind = match self.state[register] {
            Known::Own(_) => return Ok(()),
            Known::IntIn(_) => Kind::Int,
            Known::TextOf(_) => Kind::Text,
            _ => Kind::Any,
        };
        let s = self.source(register)?;
        if s.index() != register {
            let d = Dst(register as u16);
            self.emit(Op::Move { d, s })?;
        }
        self.state[register] = Known::Own(kind);
        Ok(())
    }

    /// Put what a window's registers hold into them; what is known of them stays known.
    pub(super) fn window(&mut self, base: Base, count: usize) -> Walked<Base> {
        let first = self.at(base.index());
        for register in first..first + count {
            let s = self.source(register)?;
            if s.index() != register {
                let d = Dst(register as u16);
                self.emit(Op::Move { d, s })?;
            }
        }
        Ok(Base(first as u16))
    }

    /// The register that keeps an int at the present instruction, if one is left.
    pub(super) fn keep(&mut self) -> Option<u16> {
        let place = (self.context, self.pc);
        if let Some(kept) = self.kept.get(&place) {
            return Some(*kept);
        }
        if self.kept.len() >= KEPT_MAX {
            return None;
        }
        let kept = (self.arguments_read.len() + Input::COUNT + self.kept.len()) as u16;
        self.kept.insert(place, kept);
        Some(kept)
    }

    /// Copy what is known from one register to another.
    pub(super) fn copy(&mut self, to: usize, from: usize) -> Walked<()> {
        match self.state[from] {
            Known::Own(_) if to != from => {
                let (d, s) = (Dst(to as u16), Src(from as u16));
                self.emit(Op::Move { d, s })?;
            }
            // Two names of one list.
            Known::NewList => {
                self.source(from)?;
                return self.copy(to, from);
            }
            Known::Dead => return Err(GiveUp),
            _ => {}
        }
        self.state[to] = self.state[from];
        Ok(())
    }

    /// The register of a module-level name.
    pub(super) fn global(&self, slot: usize) -> usize {
        self.globals_base + slot
    }

    /// Call a function of the definition: go on inside it.
    pub(super) fn enter(
        &mut self,
        number: u16,
        window: usize,
        given: usize,
        value: usize,
    ) -> Walked<Next> {
        let code = self.codes[usize::from(number)];
        let parameters = &code.parameters;
        let plain = parameters.names.len() == given
            && usize::from(parameters.positional) == given
            && parameters.rest_names.is_empty()
            && parameters.keyword_defaults.is_empty()
            && code.captures.is_empty()
            && !code.is_generator;
        let depth = self.contexts[self.context].depth + 1;
        let base = window + 1;
        let end = base + usize::from(code.registers);
        if !plain || depth > DEPTH_MAX || end > REGISTERS_MAX {
            return Err(GiveUp);
        }
        // As deep as the call would be, and as much fuel.
        self.emit(Op::Enter { few: Few(depth) })?;
        let call = (self.context, self.pc);
        let context = match self.calls.get(&call) {
            Some(context) => *context,
            None => {
                if self.contexts.len() >= CONTEXTS_MAX {
                    return Err(GiveUp);
                }
                self.contexts.push(Context {
                    code: usize::from(number),
                    base,
                    parent: Some((self.context, self.pc, value)),
                    depth,
                });
                // All returns meet after the call.
                self.states.entry(call).or_default();
                self.calls.insert(call, self.contexts.len() - 1);
                self.contexts.len() - 1
            }
        };
        if self.contexts[context].code != usize::from(number) {
            return Err(GiveUp);
        }
        self.registers = self.registers.max(end);
        self.state[base + given..].fill(Known::Dead);
        let unset = usize::from(code.unset_start)..usize::from(code.unset_end);
        self.state[base + unset.start..base + unset.end].fill(Known::Unset);
        self.context = context;
        self.pc = 0;
        Ok(Next::On)
    }

    /// Return a value: go on in the caller.
    pub(super) fn leave(&mut self, register: usize) -> Walked<Next> {
        let Context { base, parent, .. } = self.contexts[self.context];
        let Some((caller, pc, value)) = parent else {
            // A command has no value.
            self.emit(Op::Return { s: Src(0) })?;
            return Ok(Next::End);
        };
        if self.state[register] == Known::Unset {
            return Err(GiveUp);
        }
        self.copy(value, register)?;
        for place in base..REGISTERS_MAX {
            if place != value {
                self.state[place] = Known::Dead;
            }
        }
        (self.context, self.pc) = (caller, pc);
        Ok(Next::On)
    }
}
