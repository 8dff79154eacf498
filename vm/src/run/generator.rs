//! Generator expressions: a frame that waits, with its registers.

use std::cell::Cell;

use super::function::Function;
use super::value::Value;

/// Where a generator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Waiting at this instruction.
    At(u32),
    /// On the frame stack now.
    Running,
    /// Finished or failed: it gives nothing more.
    Done,
}

/// A generator: what it runs, and its registers while it waits.
#[derive(Debug)]
pub struct Generator<'a> {
    /// Code, globals and closure.
    pub function: &'a Function<'a>,
    /// Its registers while it is not running.
    pub registers: &'a [Cell<Value<'a>>],
    /// Where it is.
    pub progress: Cell<Progress>,
}
