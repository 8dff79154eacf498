//! x
pub mod script;
