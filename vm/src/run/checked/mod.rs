//! The slow evaluator: what bytecode means, written for reading, with every access checked.
//!
//! It shares with the machine what values can do (`ops`, `builtins`) and nothing of how code runs: no overlapping frames,
//! no fast ways for ints, nothing remembered between two runs of an instruction, no slices, no arena left behind. A frame
//! owns its registers, and each of them knows whether it was written. A frame is a call of this code by itself, so an
//! evaluation runs on a thread of its own with a stack for [`FRAMES_MAX`](crate::limits::FRAMES_MAX) of them.
//!
//! Tests and fuzzers run it beside the machine: on code that the verifier accepts it finds no [`End::Breach`], and both
//! end the same way. It is no part of the product: the feature `checked` builds it.

mod arguments;
mod calls;
mod registers;
mod script;
mod steps;

use std::collections::HashMap;

use elsa::FrozenVec;

use super::arena::Arena;
use super::budget::Budget;
use super::context::{Context, TextBuilder};
use super::dict::Dict;
use super::fault::Fault;
use super::function::Function;
use super::host::Host;
use super::json::{self, Layout};
use super::text::Text;
use super::value::Value;
use crate::bytecode::Code;
use crate::execution::{Inputs, error_code, host, text_of};
use crate::limits::{Limit, OUTPUT_BYTES_MAX};
use crate::program::Program;
use registers::Frame;

/// Stack of the evaluator's thread: frames of every kind nest as deep as they may in a debug build (`tests/checked.rs`).
const STACK_BYTES: usize = 128 << 20;

/// Instructions for each unit of fuel: a unit is a back-edge or a call, and code between two of them is bounded by its
/// own length.
const STEPS_OF_A_UNIT: u64 = 64;

/// Native work for each unit of fuel: the machine ends first.
const WORK_OF_A_UNIT: u64 = 4;

/// How an evaluation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Well: the JSON of the answer.
    Done(String),
    /// With an error of the script: its stable code and its text.
    Failed(&'static str, String),
    /// A limit was reached. Where that happens says nothing: work is counted otherwise here.
    Limited,
    /// Code met what it cannot work with and found out by itself, as the machine does.
    Internal(&'static str),
    /// Code reached outside: what the verifier should have refused.
    Breach(String),
}

/// Why evaluation stops.
#[derive(Debug)]
enum Stop<'a> {
    Fault(Fault<'a>),
    Breach(String),
}

impl<'a> From<Fault<'a>> for Stop<'a> {
    fn from(fault: Fault<'a>) -> Self {
        Self::Fault(fault)
    }
}

impl From<Limit> for Stop<'_> {
    fn from(limit: Limit) -> Self {
        Self::Fault(Fault::Limit(limit))
    }
}

impl From<super::arena::QuotaReached> for Stop<'_> {
    fn from(quota: super::arena::QuotaReached) -> Self {
        Self::Fault(quota.into())
    }
}

impl From<super::context::TooLong> for Stop<'_> {
    fn from(_: super::context::TooLong) -> Self {
        Self::Fault(Fault::Limit(Limit::Memory))
    }
}

type Step<'a, T> = Result<T, Stop<'a>>;

/// What lies on the stack of frames: real ones, and native code that waits for calls.
#[derive(Clone, Copy, Debug)]
struct Level<'a> {
    function: &'a Function<'a>,
    /// Where the machine would have its registers: too many of all together are an error that scripts see.
    base: usize,
    is_native: bool,
}

/// One execution.
struct Evaluator<'a> {
    context: Context<'a>,
    program: &'a Program,
    evaluated: &'a FrozenVec<Box<Code>>,
    host: &'a Host<'a>,
    levels: Vec<Level<'a>>,
    scopes: Vec<&'a Dict<'a>>,
    /// Code that was loaded, by where it stands in the program: constants are made once.
    codes: HashMap<usize, &'a Function<'a>>,
    definitions: HashMap<usize, &'a super::loaded::Loaded<'a>>,
    evaluations: HashMap<&'a str, &'a Function<'a>>,
    /// Child statements as values, by number.
    nodes: HashMap<u32, Value<'a>>,
    /// Registers of generators that wait, by address.
    waiting: HashMap<usize, Vec<Option<Value<'a>>>>,
    /// Numbers of top-level statements that ended, with the error that a try kept.
    logs: Vec<(u32, Option<&'a str>)>,
    steps_left: u64,
}

/// Evaluate a program that the verifier accepted. `inputs.fuel` bounds the work.
///
/// # Panics
///
/// When no thread can be started, and with whatever native code panics.
#[must_use]
pub fn evaluate(program: &Program, inputs: &Inputs<'_>) -> End {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let running = thread.spawn_scoped(scope, || evaluate_here(program, inputs));
        match running.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(end)) => end,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => panic!("no thread: {error}"),
        }
    })
}

fn evaluate_here(program: &Program, inputs: &Inputs<'_>) -> End {
    let evaluated = FrozenVec::new();
    let arena = Arena::new(inputs.memory_bytes);
    let mut budget = Budget::new(inputs.fuel.saturating_mul(WORK_OF_A_UNIT));
    if budget.grant(u32::MAX).is_err() {
        return End::Limited;
    }
    let mut context = Context::new(&arena, budget, inputs.now_us, inputs.random());
    let host = match host(&mut context, inputs) {
        Ok(host) => host,
        Err(Fault::Raised(exception)) => {
            return End::Failed("bad_request", text_of(&mut context, exception));
        }
        Err(Fault::Limit(_)) => return End::Limited,
        Err(Fault::Internal(what)) => return End::Internal(what),
    };
    context.set_host(host);
    let Ok(outermost) = context.dict() else {
        return End::Limited;
    };
    let mut evaluator = Evaluator {
        context,
        program,
        evaluated: &evaluated,
        host,
        levels: Vec::new(),
        scopes: vec![outermost],
        codes: HashMap::new(),
        definitions: HashMap::new(),
        evaluations: HashMap::new(),
        nodes: HashMap::new(),
        waiting: HashMap::new(),
        logs: Vec::new(),
        steps_left: inputs.fuel.saturating_mul(STEPS_OF_A_UNIT),
    };
    let ended = evaluator.main().and_then(|()| {
        let mut out = TextBuilder::with_limit(OUTPUT_BYTES_MAX);
        match evaluator.write_answer(&mut out) {
            Ok(()) => Ok(End::Done(out.into_string())),
            Err(Stop::Fault(Fault::Raised(exception))) => Ok(End::Failed(
                "not_serializable",
                text_of(&mut evaluator.context, exception),
            )),
            Err(stop) => Err(stop),
        }
    });
    match ended {
        Ok(end) => end,
        Err(Stop::Breach(what)) => End::Breach(what),
        Err(Stop::Fault(Fault::Limit(_))) => End::Limited,
        Err(Stop::Fault(Fault::Internal(what))) => End::Internal(what),
        Err(Stop::Fault(Fault::Raised(exception))) => End::Failed(
            error_code(exception.class()),
            text_of(&mut evaluator.context, exception),
        ),
    }
}

impl<'a> Evaluator<'a> {
    fn main(&mut self) -> Step<'a, ()> {
        let function = self.script_code(0)?;
        self.enter(function, 1, Vec::new())?;
        Ok(())
    }

    fn write_answer(&mut self, out: &mut TextBuilder) -> Step<'a, ()> {
        let layout = &Layout::answer();
        let host = self.host;
        out.push_str("{\"success\": true, \"result\": ")?;
        json::write(&mut self.context, out, Value::Dict(host.results), layout)?;
        out.push_str(", \"variables\": ")?;
        json::write(&mut self.context, out, Value::Dict(host.variables), layout)?;
        out.push_str(", \"logs\": [")?;
        for (index, (statement, error)) in std::mem::take(&mut self.logs).into_iter().enumerate() {
            if index > 0 {
                out.push_str(", ")?;
            }
            let name = self.program.statements.get(statement as usize);
            out.push_str("{\"command\": ")?;
            json::write_text(&mut self.context, out, name.map_or("", |name| name), layout)?;
            let success = error.is_none();
            out.push_str(&format!(", \"duration_ms\": 0.0, \"success\": {success}"))?;
            if let Some(error) = error {
                out.push_str(", \"error\": ")?;
                json::write_text(&mut self.context, out, error, layout)?;
            }
            out.push_str("}")?;
        }
        Ok(out.push_str("]}")?)
    }

    fn script_code(&mut self, number: usize) -> Step<'a, &'a Function<'a>> {
        if let Some(known) = self.codes.get(&number) {
            return Ok(known);
        }
        let Some(code) = self.program.codes.get(number) else {
            return Err(Stop::Breach(format!("part {number} of a script")));
        };
        let function = self.function_of(code)?;
        self.codes.insert(number, function);
        Ok(function)
    }

    /// Code without module-level names and without a function around it.
    fn function_of(&mut self, code: &'a Code) -> Step<'a, &'a Function<'a>> {
        let code = super::loaded::Loaded::new(&mut self.context, code, &[])?;
        Ok(self.context.arena().alloc(Function {
            code,
            globals: &[],
            closure: &[],
            defaults: &[],
        })?)
    }

    /// A frame from its first instruction to its value; `given` fills its first registers.
    fn enter(
        &mut self,
        function: &'a Function<'a>,
        base: usize,
        given: Vec<Value<'a>>,
    ) -> Step<'a, Value<'a>> {
        self.push(function, base)?;
        let frame = Frame::new(function, given);
        let ended = frame.and_then(|frame| self.run(frame, 0));
        self.levels.pop();
        match ended? {
            steps::Exit::Returned(value) => Ok(value),
            steps::Exit::Yielded(..) => Err(Fault::Internal("a yield outside a generator").into()),
        }
    }

    /// `name 'x' is not defined`
    fn undefined(&mut self, name: &str) -> Stop<'a> {
        let text = format_args!("name '{name}' is not defined");
        self.context
            .raise(super::fault::Class::NameError, text)
            .into()
    }

    fn visible(&self, name: &'a Text<'a>) -> Option<Value<'a>> {
        let scope = self.scopes.last()?;
        scope
            .get_text(name)
            .or_else(|| self.host.variables.get_text(name))
    }
}
