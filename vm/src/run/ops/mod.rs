//! Python's operators, one file a family.

pub mod compare;
pub mod print;
