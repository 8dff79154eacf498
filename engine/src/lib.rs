//! The lookup engine: HTTP/2 and gRPC for a server, sans-I/O.
//!
//! ```text
//!     bytes ─▶ connection ─▶ request ─▶ message ─▶ Service ─▶ reply ─▶ Output
//!              frames, streams, windows │ gRPC │    inline    │ bytes and slices
//! ```
//!
//! A [`Connection`] is told what was read and what time it is; it appends what is to be sent to an
//! [`Output`] and says until when it wants to hear of the time again. All that becomes of calls is
//! reported to the [`Service`], which answers inline.
//!
//! Absences that hold here: no socket, no clock, no thread, no allocation for a request like the one
//! before it, no dynamic table for replies, no byte of a peer's that can cause a panic, and no queue
//! or loop without a limit (`limits`).

#[cfg(test)]
extern crate self as engine;

mod blocks;
mod budget;
mod connection;
mod frame;
pub mod hpack;
pub mod limits;
mod message;
mod moment;
mod output;
mod request;
mod service;
mod status;
mod streams;
mod timeout;

pub use blocks::Blocks;
pub use connection::{Connection, End, Scratch, Turn};
pub use frame::ErrorCode;
pub use limits::{Limit, Limits};
pub use moment::Moment;
pub use output::{Output, Pin};
pub use service::{Answer, Method, Service};
pub use status::{Code, Status};

#[cfg(test)]
#[path = "../tests/rig/store.rs"]
mod store;
