//! The code of one function: instructions, constants, handlers, source positions.

use num_bigint::BigInt;

use super::cover::{Cover, covers};
use super::op::Op;
use super::operand::{Const, Dst, Target};
use crate::run::hash::hash_text;

/// A constant, as it was compiled. An execution makes its value once, when first loaded.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// `None`
    None,
    /// `True`, `False`
    Bool(bool),
    /// An int of 64 bits.
    Int(i64),
    /// A larger int.
    Big(BigInt),
    /// A float.
    Float(f64),
    /// A text.
    Text(Box<str>),
    /// Bytes.
    Bytes(Box<[u8]>),
    /// Names of arguments, or a constant tuple of texts.
    Names(Box<[Box<str>]>),
    /// A global built-in; one that does not exist is a `NameError` when loaded.
    Builtin(Box<str>),
    /// `...`
    Ellipsis,
}

/// Where an exception between two instructions goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    /// First instruction that is covered.
    pub start: u32,
    /// First one that is not.
    pub end: u32,
    /// Where to go on.
    pub target: Target,
    /// Register that gets the exception.
    pub caught: Dst,
}

/// Where a function inside gets a variable from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capture {
    /// The shared variable in a register of this function.
    Register(u16),
    /// A shared variable that this function captured itself.
    Free(u16),
}

/// The parameters of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Names in the order of registers: positional, then keyword-only.
    pub names: Vec<Box<str>>,
    /// How many are positional.
    pub positional: u16,
    /// How many of those cannot be given by name.
    pub positional_only: u16,
    /// How many positional ones have a default; the last ones have.
    pub defaults: u16,
    /// Which keyword-only ones have a default.
    pub keyword_defaults: Vec<bool>,
    /// `*args` stands in the register after the names.
    pub rest: bool,
    /// `**kwargs` stands in the register after that.
    pub named_rest: bool,
    /// Names of those two.
    pub rest_names: Vec<Box<str>>,
}

impl Parameters {
    /// Registers that arguments fill.
    #[must_use]
    pub fn registers(&self) -> usize {
        self.names.len() + usize::from(self.rest) + usize::from(self.named_rest)
    }
}

/// What a `Command`, `CallScript` or `Fail` instruction is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// Command or function.
    pub name: Box<str>,
    /// What runs.
    pub callee: Callee,
    /// The assignment's target.
    pub context: Option<Box<str>>,
    /// Code numbers of the statements in an `if`'s branches.
    pub branches: Option<[Vec<u32>; 2]>,
    /// Code numbers of the statements in a loop's body.
    pub sequence: Vec<u32>,
    /// Constants that the arguments are; `NO_CONST` where one is computed.
    pub literals: Vec<Const>,
    /// Its number among all sites of the program.
    pub number: u32,
}

/// What a site runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callee {
    /// A definition of the program, by number.
    Definition(u32),
    /// A function of the script, by code number.
    Function(u32),
    /// Nothing: an error of this class name and text.
    Error(crate::run::fault::Class, Box<str>),
}

/// The code of one function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Code {
    /// Name of the function, definition or script part.
    pub name: Box<str>,
    /// Instructions.
    pub ops: Vec<Op>,
    /// Byte offset in the source of each instruction.
    pub offsets: Vec<u32>,
    /// Constants.
    pub constants: Vec<Constant>,
    /// Hashes of the texts among the constants; 0 for the rest.
    pub hashes: Vec<u64>,
    /// Handlers, inner ones first.
    pub handlers: Vec<Handler>,
    /// Which of them gets which instruction's exception ([`Code::handler_at`]).
    pub covers: Box<[Cover]>,
    /// Registers it needs.
    pub registers: u16,
    /// The registers from here to `unset_end` must be unbound at the start.
    pub unset_start: u16,
    /// See `unset_start`.
    pub unset_end: u16,
    /// Its parameters.
    pub parameters: Parameters,
    /// Functions inside.
    pub children: Vec<Code>,
    /// Variables it gets from the functions around.
    pub captures: Vec<Capture>,
    /// Module-level names by slot (module code only).
    pub globals: Vec<Box<str>>,
    /// Calling it makes a generator.
    pub is_generator: bool,
    /// It is part of a script: it shows in error positions.
    pub is_script: bool,
    /// Calls of commands and script functions.
    pub sites: Vec<CallSite>,
}

impl Code {
    /// Name of the function it came from.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Fill in what follows from the rest, here and in the functions inside. Called once, when all is compiled.
    pub fn seal(&mut self) {
        self.hashes = self
            .constants
            .iter()
            .map(|constant| match constant {
                Constant::Text(text) => hash_text(text),
                _ => 0,
            })
            .collect();
        self.covers = covers(&self.handlers);
        for child in &mut self.children {
            child.seal();
        }
    }
}
