//! The HTTP data plane: HTTP/1.1 by hyper on the worker's loop thread.
//!
//! ```text
//!     socket ─▶ connection ─▶ exchange ─▶ route, head, body ─▶ commands, exposition, … ─▶ reply
//!        pace: who is slow      one request                     no HTTP in here
//! ```
//!
//! Absences that hold here: no Python, no file, no outbound socket, no lock shared with another process. Nothing is
//! answered with HTML.

mod body;
mod check;
mod commands;
mod compile;
mod connection;
pub mod connections;
mod cors;
mod exchange;
pub(crate) mod execute;
mod exposition;
mod head;
pub mod limits;
mod members;
pub mod observer;
mod pace;
mod problem;
mod query;
mod reply;
mod route;
pub mod server;
mod socket;
