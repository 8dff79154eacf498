//! The machine: one execution's frames and registers, and the loop that runs them in slices.

mod call;
mod collect;
mod dispatch;
mod eval;
mod frame;
mod hot;
mod room;
mod script;
mod shape;
mod task;
mod unwind;

pub use frame::{Frame, FrameKind};
pub use room::Room;

use std::cell::{Cell, OnceCell};
use std::mem::take;
use std::rc::Rc;

use elsa::FrozenVec;

use super::context::Context;
use super::dict::Dict;
use super::exception::Exception;
use super::fault::Fault;
use super::function::Function;
use super::host::Host;
use super::loaded::Loaded;
use super::text::Text;
use super::value::Value;
use crate::bytecode::Code;
use crate::limits::{Limit, SPECIALISED_SITES_MAX};
use crate::program::Program;
use shape::{Fast, Specialising};
use task::KeptTask;

/// Registers and frames at the start: what most scripts need. Growing into them was a tenth of an empty program.
const REGISTERS_FIRST: usize = 32;
const FRAMES_FIRST: usize = 8;

/// Entries of `logs` for which there is room from the start.
const LOGS_FIRST: usize = 64;

/// Code that `eval` compiled, which outlives an arena; made when it is first needed, because most scripts have none.
pub type Evaluated = OnceCell<Rc<FrozenVec<Box<Code>>>>;

/// How a slice ended.
#[derive(Clone, Copy, Debug)]
pub enum Slice<'a> {
    /// The script is done.
    Done,
    /// The units of the slice are used up; there is more to do.
    Yielded,
    /// The script raised.
    Raised(&'a Exception<'a>),
    /// A limit was reached.
    Limit(Limit),
    /// The machine is wrong.
    Internal(&'static str),
}

/// One entry of the answer's `logs`.
#[derive(Clone, Copy, Debug)]
pub struct LogEntry<'a> {
    /// Number of the top-level statement.
    pub statement: u32,
    /// Nanoseconds it took by the caller's clock.
    pub duration_ns: u64,
    /// Its error, when it failed and a try protected it.
    pub error: Option<&'a str>,
}

/// Where an error happened: byte of the script, and the command that ran.
#[derive(Clone, Copy, Debug)]
pub struct ErrorSite<'a> {
    /// Byte of the script.
    pub offset: u32,
    /// The command, if one was called there.
    pub command: Option<&'a str>,
}

/// A definition as one execution uses it.
#[derive(Clone, Copy, Debug)]
struct Prepared<'a> {
    loaded: &'a Loaded<'a>,
    items: &'a [&'a Text<'a>],
    /// Runs of it leave nothing of their `task` behind.
    task_stays: bool,
}

/// One execution.
#[allow(missing_debug_implementations)] // frames and registers are printed by the trace
pub struct Machine<'a> {
    context: Context<'a>,
    program: &'a Program,
    /// Code that `eval` compiled.
    evaluated: &'a Evaluated,
    evaluations: Vec<(&'a str, &'a Function<'a>)>,
    stack: Vec<Value<'a>>,
    frames: Vec<Frame<'a>>,
    host: &'a Host<'a>,
    /// The frame of the script function that runs, or that outside of all.
    scope: &'a Dict<'a>,
    /// Those around it, the outermost first.
    outer_scopes: Vec<&'a Dict<'a>>,
    codes: &'a [Cell<Option<&'a Function<'a>>>],
    definitions: &'a [Cell<Option<Prepared<'a>>>],
    /// Keys of arguments by index.
    indexes: Vec<&'a Text<'a>>,
    /// Child statements as values, by number.
    nodes: Vec<Value<'a>>,
    /// What call sites use again, by number. It may be emptied between any two slices.
    kept: Vec<Option<&'a KeptTask<'a>>>,
    /// Specialised code of call sites, by number.
    fast: Vec<Option<Fast<'a>>>,
    specialising: Specialising,
    logs: Vec<LogEntry<'a>>,
    site: Option<ErrorSite<'a>>,
    clock: Option<fn() -> u64>,
    began_ns: u64,
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        let (stack, frames) = (take(&mut self.stack), take(&mut self.frames));
        self.context.arena().keep_room(Room::of(stack, frames));
    }
}

impl<'a> Machine<'a> {
    /// A machine at the start of a program. `clock` gives nanoseconds for the durations in `logs`; without one they are
    /// 0.
    #[allow(
        clippy::inline_always,
        reason = "500 bytes, made where they stay, of a context that is not moved before"
    )]
    #[inline(always)]
    pub fn new(
        mut context: Context<'a>,
        program: &'a Program,
        evaluated: &'a Evaluated,
        host: &'a Host<'a>,
        clock: Option<fn() -> u64>,
        specialise_after: u32,
    ) -> Result<Self, Fault<'a>> {
        context.set_host(host);
        let scope: &'a Dict<'a> = context.dict()?;
        let arena = context.arena();
        let codes = arena.alloc_cells(program.codes.len(), None)?;
        let definitions = arena.alloc_cells(program.definitions.len(), None)?;
        let function = script_function(&mut context, program, 0)?;
        codes[0].set(Some(function));
        let registers = 1 + usize::from(function.code.code().registers);
        let room = arena.take_room();
        let (stack, mut frames) = room.furnished(registers, FRAMES_FIRST);
        frames.push(Frame {
            function,
            pc: 0,
            base: 1,
            result: 0,
            kind: FrameKind::Plain,
        });
        // Nothing fails from here on: a machine that could still be dropped would be moved once more.
        Ok(Self {
            context,
            program,
            evaluated,
            evaluations: Vec::new(),
            stack,
            frames,
            host,
            scope,
            outer_scopes: Vec::new(),
            codes,
            definitions,
            indexes: Vec::new(),
            nodes: Vec::new(),
            kept: Vec::new(),
            fast: Vec::new(),
            specialising: Specialising {
                after: specialise_after,
                sites_left: SPECIALISED_SITES_MAX,
                units: 0,
            },
            logs: Vec::with_capacity(program.statements.len().min(LOGS_FIRST)),
            site: None,
            clock,
            began_ns: 0,
        })
    }

    /// Logs of the top-level statements so far; taken.
    #[must_use]
    pub fn take_logs(&mut self) -> Vec<LogEntry<'a>> {
        take(&mut self.logs)
    }

    /// Where the last error happened.
    #[must_use]
    pub const fn error_site(&self) -> Option<ErrorSite<'a>> {
        self.site
    }

    /// Units of its fuel that specialising took.
    #[must_use]
    pub const fn specialising_units(&self) -> u32 {
        self.specialising.units
    }

    /// The execution's values and inputs.
    pub fn context(&mut self) -> &mut Context<'a> {
        &mut self.context
    }

    /// The executor's side.
    #[must_use]
    pub const fn host(&self) -> &'a Host<'a> {
        self.host
    }

    /// The running frame. There is one whenever this is asked.
    #[inline]
    fn top(&self) -> &Frame<'a> {
        &self.frames[self.frames.len() - 1]
    }

    /// A part of the script, ready to run.
    fn script_code(&mut self, number: usize) -> Result<&'a Function<'a>, Fault<'a>> {
        if let Some(known) = self.codes[number].get() {
            return Ok(known);
        }
        let function = script_function(&mut self.context, self.program, number)?;
        self.codes[number].set(Some(function));
        Ok(function)
    }

    /// A definition, ready to run.
    fn definition(&mut self, number: usize) -> Result<Prepared<'a>, Fault<'a>> {
        if let Some(known) = self.definitions[number].get() {
            return Ok(known);
        }
        let definition: &'a crate::program::Definition = &self.program.definitions[number];
        let Ok(code) = &definition.code else {
            return Err(Fault::Internal("a definition without code was called"));
        };
        let loaded = Loaded::new(&mut self.context, code, &code.globals)?;
        let arena = self.context.arena();
        let mut items: Vec<&'a Text<'a>> = Vec::with_capacity(definition.items.len());
        for item in &definition.items {
            items.push(arena.alloc(Text::new(item))?);
        }
        let prepared = Prepared {
            loaded,
            items: arena.alloc_slice(&items)?,
            task_stays: definition.task_stays,
        };
        self.definitions[number].set(Some(prepared));
        Ok(prepared)
    }
}

/// A part of a script, ready to run.
fn script_function<'a>(
    context: &mut Context<'a>,
    program: &'a Program,
    number: usize,
) -> Result<&'a Function<'a>, Fault<'a>> {
    let code = Loaded::new(context, &program.codes[number], &[])?;
    let function = Function {
        code,
        globals: &[],
        closure: &[],
        defaults: &[],
    };
    Ok(context.arena().alloc(function)?)
}
