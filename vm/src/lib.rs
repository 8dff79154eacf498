//! AVAP scripts and command definitions.

pub mod check;
pub mod script;
