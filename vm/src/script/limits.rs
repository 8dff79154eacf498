//! How much of each thing a script may have. Each limit is named by the test that reaches it.

/// Bytes of a script. The tree of the worst one (`a=b` on every line) takes 60 times as many.
/// Reached in `parser_tests::a_script_over_the_size_limit_is_refused`.
pub const SCRIPT_BYTES_MAX: usize = 1 << 20;

/// Statements of a script. 250,000 `a=b` took 360 ms to be read, compiled and refused for their code; now they are refused
/// 24 to 34 ms after they were sent (the first in a worker once 105), and 20,000 `a=1` are answered in 33 to 42 ms.
/// Reached in `parser_tests::a_script_of_too_many_statements_is_refused_at_the_first_of_them`.
pub const STATEMENTS_MAX: usize = 20_000;

/// Tokens of all expressions of a script together. A list of 300,000 elements took 166 ms to read and compile; now it is
/// refused in 13 ms, and one of 50,000 is answered in 19 ms.
/// Reached in `parser_tests::a_script_of_too_many_tokens_is_refused_at_the_line_that_holds_the_first_of_them`.
pub const TOKENS_MAX: u64 = 100_000;

/// Arguments of all calls of a script together. 500,000 of one call took 77 ms; now they are refused in 17 to 19 ms.
/// Reached in `parser_tests::a_script_of_too_many_arguments_is_refused_at_their_line`.
pub const ARGUMENTS_MAX: usize = 100_000;

/// Brackets open at the same time in one expression: the limit of Python's own tokenizer (`MAXLEVEL`), with its message.
/// Reached in `expression/tests::python_limits`.
pub const BRACKETS_MAX: usize = 200;

/// Native calls of the expression parser upon itself. 200 brackets with an operator in front of each fit.
/// A call takes 4.4 KB of stack in a debug build: `expression::tests::nesting_fits_a_small_stack` passes on 1.8 MB and not on 1.5.
/// 0.3 MB are enough in a release build.
/// What needs more fails as an over-deep expression does in Python: its text is stored.
pub const NESTING_MAX: u32 = 400;

/// Height of an expression's tree. `a + a + …` and `a.b.c…` grow it without nesting; Python 3.11 gives up at 2,990 of them.
/// Only the left-most branch of a node can be that high: all others are bounded by [`NESTING_MAX`].
pub const HEIGHT_MAX: u32 = 2_900;

/// Digits of a decimal integer: Python's `sys.int_info.default_max_str_digits`. It bounds a conversion of quadratic cost.
pub const DECIMAL_DIGITS_MAX: usize = 4_300;

/// Calls within calls in one argument (`f(g(h(…)))`): deeper ones are [`crate::script::tree::TextForm::TooDeep`].
/// A nested call runs as a statement of its own, and of those 1,000 may nest.
pub const NESTED_CALLS_MAX: u32 = 1_000;

/// Bytes of arguments that may be scanned again because they are arguments of nested calls: that many for each byte of the
/// script plus [`RESCAN_BYTES_BASE`]. Each level of `f(g(h(…)))` scans all deeper ones, so without it a line costs the square of
/// its length.
pub const RESCANS_PER_BYTE: u64 = 8;

/// See [`RESCANS_PER_BYTE`]: enough for 1,000 levels of short names.
pub const RESCAN_BYTES_BASE: u64 = 4 << 20;
