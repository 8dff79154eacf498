//! AVAP scripts: from text to a tree.
//!
//! A script is lines (`source`, `line`), each a statement by the first rule that fits. Blocks are a stack (`parser`), calls have
//! argument lists (`arguments`) and assignments have expressions in Python's grammar (`expression`). The tree (`tree`) is flat:
//! nodes lie in vectors and name each other by index, so that neither building nor dropping it recurses, however deep a script
//! nests. Every node knows its place in the text.
//!
//! Reading a script never fails on what it says, with one exception (`else()` in a loop, see [`ScriptError`]): lines that fit no
//! rule are left out, and an expression that Python would not accept is an ordinary value of the tree, because running it stores
//! its own text. What a person should know of that is said by `crate::check`.
//!
//! No word of this module runs anything, and nothing in it knows a command by name except `if`, `startLoop` and `return`.

pub mod arguments;
pub mod expression;
#[cfg(test)]
mod golden_tests;
pub mod line;
#[cfg(test)]
mod line_tests;
pub mod number;
mod parser;
#[cfg(test)]
mod parser_tests;
pub mod print;
#[cfg(test)]
pub(crate) mod property_tests;
pub mod source;
pub mod span;
pub mod template;
pub mod tree;

pub use expression::{Expression, Expressions, SyntaxError};
pub use parser::{ScriptError, parse, parse_leniently};
pub use source::Source;
pub use span::{Position, Span};
pub use tree::Script;
