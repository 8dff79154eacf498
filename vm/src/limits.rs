//! Every limit of the language and its machine, once: its unit, its reason, and the test that trips it.
//!
//! A limit that an execution reaches is a [`Limit`]: scripts cannot catch it, and its code is part of the HTTP answer.
//! What Python has a limit for, too, raises what Python raises. Limits of a compilation are errors of the source text and
//! carry a line. Not here: beyond which size an optimisation is left out (beside it), and what an HTTP worker takes
//! (`appliance/src/http/limits.rs`, `appliance/src/scripts/limits.rs`).

use std::fmt;

/// Whether this build counts what executions use. Only measurements of what counting costs are built without it.
pub const METERED: bool = cfg!(not(feature = "unmetered"));

// ---- what an execution uses ------------------------------------------------------------------------------------------

/// Calls and jumps back that an execution may run, in units of about one of them, or 64 bytes of native work. 800 ms of the
/// slowest mix measured stays below it, so the wall clock is what ends honest scripts.
/// Tripped in `tests/http/test_hostile_scripts.py`: `test_fuel_ends_what_has_time_enough`.
pub const FUEL_MAX: u64 = 200_000_000;

/// Milliseconds from a request to its answer unless configured (`AVAP_VM_TIMEOUT_MS`): what the predecessor gave a script.
/// The machine knows no clock; whoever runs slices looks at it between them.
/// Tripped in `tests/http/test_limits.py`: `test_a_limit_costs_little_and_the_next_request_is_clean`.
pub const TIMEOUT_MS: u64 = 800;

/// Units of one slice: about 20 µs, so that a small script waits little behind an endless one.
/// Shown in `vm/tests/isolation.rs`: `executions_in_slices_of_random_length_never_see_each_other`.
pub const SLICE_UNITS: u32 = 4_000;

/// Bytes of one unit of native work (`budget`): 64 bytes are copied or scanned in about the time of one call.
/// Shown in `vm/tests/hostile_builtins.rs`: `work_that_grows_faster_than_its_text_is_paid_for`.
pub const UNIT_BYTES: usize = 64;

/// Arena bytes of one execution unless configured (`AVAP_VM_MEMORY_MB`).
/// Tripped in `vm/tests/limits.rs`: `memory_ends_growth_and_cannot_be_caught`.
pub const MEMORY_BYTES: usize = 16 << 20;

/// Nested calls of all kinds (statements in blocks, script functions, definition functions). CPython's own limit is
/// 1000, and the language promises an error near it.
/// Tripped in `vm/tests/limits.rs`: `recursion_is_an_error_that_scripts_can_see`.
pub const FRAMES_MAX: usize = 1_000;

/// Registers of all frames together, 16 bytes each: `FRAMES_MAX` frames of a generous 128.
/// Tripped in `vm/tests/limits.rs`: `large_frames_nest_less_deep`.
pub const REGISTERS_MAX: usize = 128_000;

/// Bytes of the JSON answer: beyond the arena's quota by what escapes add to a text.
/// Tripped in `vm/tests/limits.rs`: `an_answer_is_bounded`.
pub const OUTPUT_BYTES_MAX: usize = 32 << 20;

/// Entries in an answer's `logs`, some 100 bytes each; what comes after is not kept.
/// Tripped in `vm/tests/limits.rs`: `logs_are_bounded`.
pub const LOG_ENTRIES_MAX: usize = 10_000;

/// Different texts that one execution may give to `eval`, conditions of `if` among them: their code lives as long as it,
/// outside of the arena. More of them reach the memory limit.
/// Tripped in `vm/tests/limits.rs`: `texts_for_eval_are_bounded`.
pub const EVALUATIONS_MAX: usize = 256;

/// Bytes of those texts together. Reading one takes up to 100 times as many, what is kept up to 40 times.
/// Tripped by the same test.
pub const EVALUATION_BYTES_MAX: usize = 256 << 10;

// ---- the text of a script --------------------------------------------------------------------------------------------

/// Bytes of a script. The tree of the worst one (`a=b` on every line) takes 60 times as many.
/// Tripped in `vm/src/script/parser_tests.rs`: `a_script_over_the_size_limit_is_refused`.
pub const SCRIPT_BYTES_MAX: usize = 1 << 20;

/// Statements of a script. 250,000 `a=b` took 360 ms to be read, compiled and refused for their code; now they are refused
/// 24 to 34 ms after they were sent, and 20,000 `a=1` are answered in 33 to 42 ms.
/// Tripped in `vm/src/script/parser_tests.rs`: `a_script_of_too_many_statements_is_refused_at_the_first_of_them`.
pub const STATEMENTS_MAX: usize = 20_000;

/// Statements that are compiled between two looks at whether the program is still wanted: the worst script compiles
/// for 60 ms, and its deadline may pass meanwhile.
/// Shown in `vm/tests/limits.rs`: `a_program_that_is_not_wanted_any_more_is_not_compiled_to_its_end`.
pub const STATEMENTS_BETWEEN_LOOKS: usize = 256;

/// Tokens of all expressions of a script together. A list of 300,000 elements took 166 ms to read and compile; now it is
/// refused in 13 ms, and one of 50,000 is answered in 19 ms.
/// Tripped in `vm/src/script/parser_tests.rs`:
/// `a_script_of_too_many_tokens_is_refused_at_the_line_that_holds_the_first_of_them`.
pub const TOKENS_MAX: u64 = 100_000;

/// Arguments of all calls of a script together. 500,000 of one call took 77 ms; now they are refused in 17 to 19 ms.
/// Tripped in `vm/src/script/parser_tests.rs`: `a_script_of_too_many_arguments_is_refused_at_their_line`.
pub const ARGUMENTS_MAX: usize = 100_000;

/// Brackets open at the same time in one expression: the limit of Python's own tokenizer (`MAXLEVEL`), with its message.
/// Tripped in `vm/src/script/expression/tests.rs`: `python_limits`.
pub const BRACKETS_MAX: usize = 200;

/// Native calls of the expression parser upon itself. 200 brackets with an operator in front of each fit.
/// A call takes 4.4 KB of stack in a debug build: the test passes on 1.8 MB and not on 1.5. 0.3 MB are enough in a
/// release build. What needs more fails as an over-deep expression does in Python: its text is stored.
/// Tripped in `vm/src/script/expression/tests.rs`: `nesting_fits_a_small_stack`.
pub const EXPRESSION_NESTING_MAX: u32 = 400;

/// Height of an expression's tree. `a + a + …` and `a.b.c…` grow it without nesting; Python 3.11 gives up at 2,990 of them.
/// Only the left-most branch of a node can be that high: all others are bounded by [`EXPRESSION_NESTING_MAX`].
/// Tripped in `vm/src/script/expression/tests.rs`: `python_limits`.
pub const EXPRESSION_HEIGHT_MAX: u32 = 2_900;

/// Calls within calls in one argument (`f(g(h(…)))`): deeper ones are [`crate::script::tree::TextForm::TooDeep`].
/// A nested call runs as a statement of its own, and of those 1,000 may nest.
/// Tripped in `vm/src/script/parser_tests.rs`: `calls_in_calls_are_read_to_a_depth_and_within_a_budget`.
pub const NESTED_CALLS_MAX: u32 = 1_000;

/// Bytes of arguments that may be scanned again because they are arguments of nested calls: that many for each byte of the
/// script plus [`RESCAN_BYTES_BASE`]. Each level of `f(g(h(…)))` scans all deeper ones, so without it a line costs the square of
/// its length. Tripped by the same test.
pub const RESCANS_PER_BYTE: u64 = 8;

/// See [`RESCANS_PER_BYTE`]: enough for 1,000 levels of short names. Tripped by the same test.
pub const RESCAN_BYTES_BASE: u64 = 4 << 20;

/// Diagnostics of one script; the rest are counted.
/// Tripped in `vm/src/check/tests.rs`: `only_so_many_are_listed`.
pub const DIAGNOSTICS_MAX: usize = 500;

// ---- the text of a definition ----------------------------------------------------------------------------------------

/// Bytes of one definition: some 6,000 lines.
/// Tripped in `vm/tests/hostile_definitions.rs`: `size_is_bounded`.
pub const DEFINITION_BYTES_MAX: usize = 256 << 10;

/// Sum of open brackets, indents and pending operators at any point of a definition. The parser and the compiler
/// recurse on them: at 160 the deepest measured stack of a debug build stays below 1 MB.
/// Tripped in `vm/tests/hostile_definitions.rs`: `nesting_of_every_kind_is_refused_or_compiled`.
pub const DEFINITION_NESTING_MAX: usize = 160;

// ---- code ------------------------------------------------------------------------------------------------------------

/// Registers of one function: they are addressed by 16 bits, of which the top is kept free.
/// Tripped in `vm/tests/hostile_definitions.rs`: `registers_are_bounded`.
pub const FUNCTION_REGISTERS_MAX: usize = 32_000;

/// Instructions of one function: `finally` bodies are copied to each exit, so a short text can ask for many.
/// Tripped in `vm/tests/hostile_definitions.rs`: `copies_of_finally_are_not_made_beyond_what_may_be`.
pub const FUNCTION_CODE_MAX: usize = 200_000;

/// Instructions of all functions of one definition: a second of compiling at most. Tripped by the same test.
pub const DEFINITION_CODE_MAX: usize = 400_000;

/// Words of all sets of registers that the verifier keeps of one function; 16 MB.
/// Tripped in `vm/tests/verifier.rs`: `code_that_costs_too_much_to_check_is_refused`.
pub const VERIFIED_WORDS_MAX: usize = 1 << 21;

/// Instructions and words of sets that the verifier may look at: some 50 ms. Compiled code takes each instruction once or
/// twice.
/// Tripped in `vm/tests/verifier.rs`: `code_that_is_too_tangled_to_check_is_refused`.
pub const VERIFIED_WORK_MAX: usize = 1 << 24;

/// Handlers that cover one instruction, on average. They nest as deep as a definition's text, where `try` with `except`
/// and `finally`, and the name of what was caught, make up to three of a level.
/// Tripped in `vm/tests/verifier.rs`: `more_handlers_than_a_text_can_nest_are_refused`.
pub const HANDLERS_COVERING_MAX: usize = 3 * DEFINITION_NESTING_MAX;

// ---- values ----------------------------------------------------------------------------------------------------------

/// Digits of an int read from or written as decimal text: CPython's `sys.int_info.default_max_str_digits`. It bounds a
/// conversion of quadratic cost.
/// Tripped in `vm/src/script/expression/tests.rs`: `python_limits`.
pub const INT_DIGITS_MAX: usize = 4_300;

/// Bits of an int: a product of two such is still computed in a few milliseconds.
/// Tripped in `vm/tests/hostile_builtins.rs`: `texts_that_would_blow_up_reach_the_memory_limit`.
pub const INT_BITS_MAX: u64 = 1 << 20;

/// Levels of arrays and objects in JSON that is read or written: about where CPython's recursion ends.
/// Tripped in `vm/tests/hostile_builtins.rs`: `json_nests_just_as_deep_as_its_limit`.
pub const JSON_NESTING_MAX: usize = 990;

/// Levels of containers in a value that `str` and `repr` show.
/// Tripped in `vm/tests/hostile_builtins.rs`: `what_nests_or_holds_itself_is_an_error_and_never_native_recursion`.
pub const SHOWN_NESTING_MAX: usize = 900;

/// Levels that a comparison goes down: about where CPython raises. Tripped by the same test.
pub const COMPARED_NESTING_MAX: u32 = 900;

/// Pairs of containers that may wait at once in a comparison: the list of them, 40 bytes each, is outside of the arena.
/// Tripped in `vm/tests/limits.rs`: `pairs_that_wait_in_a_comparison_are_bounded`.
pub const COMPARED_PAIRS_MAX: usize = 1 << 16;

/// Levels of tuples in tuples that a key may have.
/// Tripped in `vm/tests/hostile_builtins.rs`: `what_nests_or_holds_itself_is_an_error_and_never_native_recursion`.
pub const KEY_NESTING_MAX: usize = 100;

/// Iterators inside each other (`enumerate(zip(enumerate(…)))`): stepping recurses on them. Tripped by the same test.
pub const ITERATOR_NESTING_MAX: u32 = 50;

// ---- built-ins -------------------------------------------------------------------------------------------------------

/// Fields inside the specification of a field of a format or an f-string, as in CPython.
/// Tripped in `vm/tests/limits.rs`: `fields_of_formats_nest_as_in_cpython`.
pub const FIELD_NESTING_MAX: u32 = 2;

/// Bytes of a text that `literal_eval` reads: the tree takes about 60 times as many, outside of the arena.
/// Tripped in `vm/tests/limits.rs`: `texts_for_literal_eval_are_bounded`.
pub const LITERAL_BYTES_MAX: usize = 1 << 20;

/// Bytes of a pattern: the tree takes about 100 times as many, outside of the arena.
/// Tripped in `vm/tests/hostile_builtins.rs`: `what_nests_or_holds_itself_is_an_error_and_never_native_recursion`.
pub const PATTERN_BYTES_MAX: usize = 64 << 10;

/// Groups of a pattern inside each other: parsing and compiling recurse on them. Tripped by the same test.
pub const GROUP_NESTING_MAX: u32 = 100;

/// Steps of one search: about 50 ms. A search cannot be interrupted, so that what takes longer ends as if the fuel had.
/// Tripped in `vm/tests/hostile_builtins.rs`: `patterns_that_backtrack_without_end_reach_a_limit`.
pub const SEARCH_STEPS_MAX: u64 = 5_000_000;

/// Alternatives of one search that wait, 24 bytes each and outside of the arena.
/// Tripped in `vm/tests/limits.rs`: `alternatives_of_a_search_are_bounded`.
pub const SEARCH_STACK_MAX: usize = 1 << 18;

// ---- specialising ----------------------------------------------------------------------------------------------------

/// Runs of a call site before its definition is specialised: who runs a script once does not pay for that.
/// Shown in `vm/tests/specialising.rs`: `who_specialises_pays_and_who_comes_later_does_not`.
pub const SPECIALISE_AFTER: u32 = 100;

/// Call sites for which one execution may specialise definitions, so that a slice stays short.
/// Tripped in `vm/tests/specialising.rs`: `an_execution_specialises_for_so_many_sites`.
pub const SPECIALISED_SITES_MAX: u32 = 64;

/// Specialised codes of one definition that are kept for new call sites; beyond that all are forgotten, and sites keep what
/// they have.
/// Tripped in `vm/tests/specialising.rs`: `so_many_shapes_of_a_definition_are_kept`.
pub const SHAPES_MAX: usize = 256;

/// Bytes of all specialised code in a process, kept for new call sites or in use by old ones: some 8,000 shapes. Beyond it
/// none is made until some is dropped.
/// Tripped in `vm/tests/specialised_weight.rs`: `specialised_code_is_bounded_by_its_weight`.
pub const SPECIALISED_BYTES_MAX: usize = 16 << 20;

/// Bytes of a literal that specialised code depends on; longer ones are arguments like any other.
/// Tripped in `vm/tests/specialising.rs`: `long_literals_share_their_shape`.
pub const SHAPE_LITERAL_BYTES_MAX: usize = 64;

/// Instructions of a definition and its functions that are looked at for specialising; larger ones run as they are.
/// Tripped in `vm/tests/specialising.rs`: `definitions_that_cost_too_much_to_specialise_run_as_they_are`.
pub const SPECIALISED_OPS_MAX: usize = 8_000;

/// Instructions that specialising for one shape walks, each as often as it comes by: 4 ms. `if` takes 900, `addVar` 34.
/// Tripped by the same test.
pub const SPECIALISING_STEPS_MAX: usize = 10_000;

/// Units for an instruction that is walked to specialise a definition: 210 to 450 ns were measured, a unit is about 5.
/// Shown in `vm/tests/specialising.rs`: `fuel_that_does_not_allow_for_it_ends_the_script`.
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
