//! Frames: what runs, where it is, and what waits below it. They are data; a slice can end between any two instructions.

use std::cell::Cell;

use crate::run::builtins::FinishFn;
use crate::run::function::Function;
use crate::run::generator::Generator;
use crate::run::list::List;
use crate::run::value::Value;

/// One entry of the frame stack.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// What runs.
    pub function: &'a Function<'a>,
    /// The next instruction.
    pub pc: u32,
    /// Its first register.
    pub base: u32,
    /// The register, counted from the bottom of all, that gets its value.
    pub result: u32,
    /// What its end means.
    pub kind: FrameKind<'a>,
}

/// What a frame's end means.
#[derive(Clone, Copy, Debug)]
pub enum FrameKind<'a> {
    /// Its value goes to the result register.
    Plain,
    /// A command's definition: the value is `None`.
    Command,
    /// A script function: the frame of its variables goes too.
    Scope,
    /// A generator, and where the frame below goes on after an item.
    Generator(&'a Generator<'a>, u32),
    /// Native code that waits for calls or items. `function` is that of the frame below and is not run.
    Native(&'a Native<'a>),
}

/// Native code that waits.
#[derive(Debug)]
pub enum Native<'a> {
    /// Calls on each item, then an end: `sorted(key=…)` and its like.
    Each {
        /// What is called.
        function: Value<'a>,
        /// On what.
        items: &'a List<'a>,
        /// What it gave so far.
        results: &'a List<'a>,
        /// Items are tuples of arguments.
        spread: bool,
        /// Makes the value.
        finish: FinishFn,
        /// For `finish`.
        extra: Value<'a>,
    },
    /// A generator's items go to a list, which takes the generator's place; then the instruction runs again.
    Drain {
        /// What gives the items.
        generator: &'a Generator<'a>,
        /// Where they go.
        items: &'a List<'a>,
    },
    /// `next`, `any`, `all` of a generator.
    Search {
        /// What gives the items.
        generator: &'a Generator<'a>,
        /// When to stop.
        until: Until,
        /// `next`'s default; unset: `StopIteration`.
        default: Cell<Value<'a>>,
    },
}

/// When a search of a generator stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// At the first item.
    First,
    /// At the first true one.
    True,
    /// At the first false one.
    False,
}
