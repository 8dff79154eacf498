//! The life of a worker process, from its first order to its exit.
//!
//! ```text
//!     control    ─┐                      ┌─▶ sockets: listeners, mailboxes, connections
//!     signals    ─┤                      │
//!     eventfd    ─┼─▶ event loop ─▶ life ─┼─▶ catalog, data plane
//!     mapper     ─┤   of the role        │
//!     sockets    ─┘                      └─▶ control (ready, acked, drained), log, worker slot
//! ```
//!
//! One thread serves; a second one maps and unmaps segments. Everything arrives as an event in one
//! loop, so that no two decisions are made at once: an epoll of our own for gRPC, tokio's for HTTP.
//! `life` decides for both.

use std::os::fd::RawFd;

use pyo3::prelude::*;

mod catalog;
mod config;
mod control;
mod error;
mod fds;
mod ground;
mod grpc;
mod http;
mod life;
mod log;
mod mapper;
mod pin;
mod report;
mod signals;
mod sockets;

pub(crate) use fds::adopt;

/// Adds what `appliance.worker` calls.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(run_worker, module)?)
}

/// Runs a worker under orders from `control_fd` until it has drained or its supervisor is gone.
/// `name_process(role, slot)` is called once, when the worker knows which one it is; apart from that call
/// the GIL is released. Gives the exit code: 0, 71 when the system refused something, 78 for orders
/// that cannot be followed.
#[pyfunction]
fn run_worker(py: Python<'_>, control_fd: RawFd, name_process: Py<PyAny>) -> i32 {
    let named = move |role: &'static str, slot: usize| {
        Python::attach(|py| {
            // A worker without its title serves as well.
            let _ = name_process.call1(py, (role, slot));
        });
    };
    py.detach(|| match life::run(control_fd, named) {
        Ok(()) => 0,
        Err(error) => {
            // Before the log pipe is known, stderr is all there is.
            eprintln!("worker: {error}");
            error.exit_code()
        }
    })
}
