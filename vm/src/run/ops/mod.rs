//! Python's operators, one file a family.

pub mod arithmetic;
pub mod compare;
pub mod float;
pub mod format;
pub mod integer;
pub mod percent;
pub mod print;
pub mod read;
pub mod repeat;
pub mod sets;
pub mod subscript;
