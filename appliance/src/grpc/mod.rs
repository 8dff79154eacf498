//! The gRPC data plane: `avap.DefinitionEngine` and `grpc.health.v1.Health` over HTTP/2.
//!
//! ```text
//!     socket ─▶ connection ─▶ exchange ─▶ head, message ─▶ service ─▶ reply
//!                  h2 glue, one turn at a time │  no HTTP/2 in here  │ slice of the segment or a status
//! ```
//!
//! `service` is the border: the name of a method and the bytes of a message go in, a slice of the
//! segment or a status comes out. It, and what it stands on (`proto`, `status`, and of the plane `auth`), know
//! nothing of HTTP/2; `connection`, `exchange`, `head`, `reply` and `socket` know nothing of
//! commands.
//!
//! Absences that hold here: no lock shared with anybody, no file or outbound socket opened, no wait
//! for another process, no task made for a request whose bytes are already there, no copy of the
//! catalogue.

pub mod connection;
#[cfg(test)]
mod connection_tests;
mod copies;
mod exchange;
mod head;
pub mod lease;
pub mod limits;
pub mod message;
pub mod observer;
pub mod proto;
mod reply;
pub mod server;
pub mod service;
pub mod socket;
pub mod status;
mod stream_out;
pub mod timeout;
mod watch;
