//! Running bytecode: values, their arena, operations, built-ins, and the machine.

pub mod arena;
pub mod budget;
pub mod builtins;
pub mod context;
pub mod dict;
pub mod exception;
pub mod fault;
pub mod function;
pub mod generator;
pub mod hash;
pub mod host;
pub mod iterator;
pub mod json;
pub mod kind;
pub mod list;
pub mod loaded;
pub mod machine;
pub mod number;
pub mod object;
pub mod ops;
pub mod random;
pub mod text;
pub mod unicode;
pub mod unicode_tables;
pub mod value;
