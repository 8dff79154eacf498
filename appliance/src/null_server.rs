//! The null server of the benchmarks as Python runs it.

use std::net::TcpListener;

use bench::{NullPlan, serve_null};
use pyo3::prelude::*;

/// Adds `run_null_server`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(run_null_server, module)?)
}

/// Serves `record` and `catalog` on a free port of loopback until the other end of the pipe `lifeline_fd` is closed.
/// `listening` is called once with `address:port`. The GIL is released; a signal's exception ends it and is raised.
/// `OSError`: the system refused.
#[pyfunction]
fn run_null_server(
    py: Python<'_>,
    lifeline_fd: i32,
    version: String,
    record: Vec<u8>,
    catalog: Vec<u8>,
    listening: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listening.call1((listener.local_addr()?.to_string(),))?;
    let plan = NullPlan {
        version,
        record,
        catalog,
    };
    let mut raised = None;
    let outcome = py.detach(|| {
        serve_null(listener, lifeline_fd, &plan, &mut || {
            // It may be asked again after it said yes, and a signal is told once.
            raised = raised
                .take()
                .or_else(|| Python::attach(|py| py.check_signals().err()));
            raised.is_some()
        })
    });
    match raised {
        Some(error) => Err(error),
        None => Ok(outcome?),
    }
}
