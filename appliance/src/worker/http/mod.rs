//! The loop of an HTTP worker: tokio on one thread, a task for each connection.

pub mod event_loop;
mod listeners;
