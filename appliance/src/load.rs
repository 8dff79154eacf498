//! The load generator as Python calls it.

use bench::LoadError;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

/// Adds `run_load`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(run_load, module)?)
}

/// Runs a load plan given as JSON and returns the report as JSON. The GIL is released; a signal's exception
/// (Ctrl-C) ends the run and is raised. `ValueError`: a plan that cannot be run; `OSError`: the system refused.
#[pyfunction]
fn run_load(py: Python<'_>, plan: &str) -> PyResult<String> {
    let mut raised = None;
    let outcome = py.detach(|| {
        bench::run_json(plan, &mut || {
            // It may be asked again after it said yes, and a signal is told once.
            raised = raised
                .take()
                .or_else(|| Python::attach(|py| py.check_signals().err()));
            raised.is_some()
        })
    });
    if let Some(error) = raised {
        return Err(error);
    }
    outcome.map_err(|error| match error {
        LoadError::Os { .. } | LoadError::Interrupted => PyOSError::new_err(error.to_string()),
        LoadError::Plan(_) | LoadError::Expected { .. } => PyValueError::new_err(error.to_string()),
    })
}
