//! AVAP scripts and the definitions of commands: parse, compile, verify, run.
//!
//! Nothing here does I/O, blocks, or reads a clock; time, random seed and limits are inputs of an execution. Nothing
//! recurses natively on what a script or definition says.

#![allow(
    clippy::cast_possible_wrap,
    reason = "lengths and positions are below 2^47: the arena holds them"
)]
#![allow(
    clippy::cast_sign_loss,
    reason = "each such cast stands behind a check of the sign"
)]
#![allow(
    clippy::doc_markdown,
    reason = "CPython is a name here, not an identifier"
)]
#![allow(
    clippy::similar_names,
    reason = "start, stop and step are Python's names"
)]
#![allow(
    clippy::unnecessary_wraps,
    reason = "native functions share one signature"
)]
#![allow(
    clippy::needless_pass_by_value,
    reason = "values and argument lists are handles, passed like ints"
)]
#![allow(clippy::float_cmp, reason = "Python compares floats exactly")]
#![allow(
    clippy::single_match_else,
    reason = "a match shows both outcomes side by side"
)]

pub mod bytecode;
pub mod check;
pub mod compile;
pub mod definition;
pub mod execution;
pub mod hir;
pub mod interface;
pub mod limits;
pub mod program;
pub mod run;
pub mod script;
pub mod specialise;
