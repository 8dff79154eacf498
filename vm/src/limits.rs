//! Every limit of the language and its machine, once.
//!
//! A limit that an execution reaches is a [`Limit`]: scripts cannot catch it, and its code is part of the HTTP answer.
//! Limits of a compilation are errors of the source text and carry a line.

use std::fmt;

/// Whether this build counts what executions use. Only measurements of what counting costs are built without it.
pub const METERED: bool = cfg!(not(feature = "unmetered"));

/// Statements, calls and jumps an execution may run, in units of about one bytecode back-edge or call, or 64 bytes of
/// native work. 800 ms of the slowest mix measured stays below it, so the wall clock is what ends honest scripts.
pub const FUEL_MAX: u64 = 200_000_000;

/// Units of one slice: about 20 µs, so that a small script waits little behind an endless one.
pub const SLICE_UNITS: u32 = 4_000;

/// Bytes of one unit of native work (`budget`): 64 bytes are copied or scanned in about the time of one call.
pub const UNIT_BYTES: usize = 64;

/// Arena bytes of one execution unless configured (`AVAP_VM_MEMORY_MB`).
pub const MEMORY_BYTES: usize = 16 << 20;

/// Nested calls of all kinds (statements in blocks, script functions, definition functions). CPython's own limit is
/// 1000, and the language promises an error near it.
pub const FRAMES_MAX: usize = 1_000;

/// Registers of all frames together: `FRAMES_MAX` frames of a generous 128 each.
pub const REGISTERS_MAX: usize = 128_000;

/// Bytes of the JSON answer.
pub const OUTPUT_BYTES_MAX: usize = 32 << 20;

/// Entries in an answer's `logs`; what comes after is counted, not kept.
pub const LOG_ENTRIES_MAX: usize = 10_000;

/// Bytes of one script.
pub const SCRIPT_BYTES_MAX: usize = 1 << 20;

/// Bytes of one definition.
pub const DEFINITION_BYTES_MAX: usize = 256 << 10;

/// Sum of open brackets, indents and pending operators at any point of a definition. The parser and the compiler
/// recurse on them: at 160 the deepest measured stack of a debug build stays below 1 MB.
pub const DEFINITION_NESTING_MAX: usize = 160;

/// Different texts that one execution may give to `eval`: their code lives as long as it.
pub const EVALUATIONS_MAX: usize = 256;

/// Registers of one function: they are addressed by 16 bits, of which the top is kept free.
pub const FUNCTION_REGISTERS_MAX: usize = 32_000;

/// Instructions of one function: `finally` bodies are copied to each exit, so a short text can ask for many.
/// Tripped in `tests/hostile_definitions.rs`, `copies_of_finally_are_not_made_beyond_what_may_be`.
pub const FUNCTION_CODE_MAX: usize = 200_000;

/// Instructions of all functions of one definition: a second of compiling at most. Tripped by the same test.
pub const DEFINITION_CODE_MAX: usize = 400_000;

/// Digits of an int read from or written as decimal text: CPython's `sys.int_info.default_max_str_digits`.
pub const INT_DIGITS_MAX: usize = 4_300;

/// Bits of an int: a product of two such is still computed in a few milliseconds.
pub const INT_BITS_MAX: u64 = 1 << 20;

/// Levels of lists, dicts and tuples inside each other that JSON and literal texts may have.
pub const VALUE_NESTING_MAX: usize = 200;

/// Runs of a call site before its definition is specialised: who runs a script once does not pay for that.
pub const SPECIALISE_AFTER: u32 = 100;

/// Specialised codes of one definition that are kept for new call sites; beyond that all are forgotten, and sites keep what
/// they have.
pub const SHAPES_MAX: usize = 256;

/// Bytes of a literal that specialised code depends on; longer ones are arguments like any other.
pub const SHAPE_LITERAL_BYTES_MAX: usize = 64;

/// Call sites for which one execution may specialise definitions, so that a slice stays short.
pub const SPECIALISED_SITES_MAX: u32 = 64;

/// Instructions of a definition and its functions that are looked at for specialising; larger ones run as they are. Tripped
/// in `tests/specialising.rs`, `definitions_that_cost_too_much_to_specialise_run_as_they_are`.
pub const SPECIALISED_OPS_MAX: usize = 8_000;

/// Instructions that specialising for one shape walks, each as often as it comes by: 4 ms. `if` takes 900, `addVar` 34.
/// Tripped by the same test.
pub const SPECIALISING_STEPS_MAX: usize = 10_000;

/// Units for an instruction that is walked to specialise a definition: 210 to 450 ns were measured, a unit is about 5.
pub const UNITS_OF_A_STEP: usize = 80;

/// A limit that an execution reached. Scripts cannot catch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`FUEL_MAX`] or the execution's own.
    Fuel,
    /// The wall clock, as the caller between two slices tells it.
    Deadline,
    /// The arena's quota.
    Memory,
    /// [`OUTPUT_BYTES_MAX`].
    Output,
    /// The client went away or the worker drains.
    Cancelled,
}

impl Limit {
    /// The stable code of the HTTP answer and of the metrics' labels.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Fuel => "fuel_exhausted",
            Self::Deadline => "deadline_exceeded",
            Self::Memory => "memory_exceeded",
            Self::Output => "output_exceeded",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Fuel => "Script Instruction Limit Exceeded",
            Self::Deadline => "Script Execution Timeout (Isolation)",
            Self::Memory => "Script Memory Limit Exceeded",
            Self::Output => "Script Output Limit Exceeded",
            Self::Cancelled => "Script Execution Cancelled",
        })
    }
}
