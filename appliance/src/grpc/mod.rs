//! The gRPC data plane: `avap.DefinitionEngine` and `grpc.health.v1.Health` over HTTP/2.
//!
//! ```text
//!     socket ─▶ link ─▶ engine::Connection ─▶ server (engine::Service) ─▶ service
//!       ▲     one turn       HTTP/2, gRPC          │ names, keys, counts      │ no HTTP/2 in here
//!       └──────────────── engine::Output ◀─────────┴── slice of the segment or a status
//! ```
//!
//! The protocol is the crate `engine`'s, which has no socket and no clock; here are both. One thread
//! owns every connection: what an event made readable is read, answered inline and written once,
//! then the next connection has its turn.
//!
//! `service` is the border: the name of a method and the bytes of a message go in, a slice of the
//! segment or a status comes out. It, and what it stands on (`proto`, and of the plane `auth`), know nothing of
//! HTTP/2.
//!
//! Absences that hold here: no lock shared with anybody, no file or outbound socket opened, no wait
//! for another process, no task, no copy of the catalogue.

#[cfg(test)]
mod connection_tests;
pub mod connections;
pub mod limits;
mod link;
pub mod observer;
pub mod proto;
pub mod server;
pub mod service;
pub mod version;
