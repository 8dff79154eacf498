//! Register bytecode: instructions, code, text form, verification.

pub mod binary;
pub mod code;
pub mod cover;
pub mod escape;
mod flow;
pub mod listing;
pub mod op;
pub mod operand;
mod registers;
mod turns;
pub mod verify;
mod weight;

pub use code::{CallSite, Callee, Capture, Code, Constant, Handler, Parameters};
pub use op::Op;
