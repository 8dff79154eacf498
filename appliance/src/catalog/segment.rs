//! `Segment`: a version of the catalogue, for the supervisor's checks, the CLI and tests.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use shm_catalog::Segment;

use super::errors::ArenaError;
use crate::background;

/// A segment mapped read-only.
#[pyclass(frozen, name = "Segment", module = "appliance._native")]
pub struct PySegment {
    /// None once closed.
    mapped: Mutex<Option<Arc<Segment>>>,
}

impl PySegment {
    pub(super) fn mapped(&self) -> PyResult<Arc<Segment>> {
        let mapped = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        mapped
            .clone()
            .ok_or_else(|| ArenaError::Closed("Segment").into())
    }
}

#[pymethods]
impl PySegment {
    #[staticmethod]
    fn open(name: &str) -> PyResult<Self> {
        let segment = Segment::open(name).map_err(ArenaError::from)?;
        Ok(Self {
            mapped: Mutex::new(Some(Arc::new(segment))),
        })
    }

    fn verify(&self, py: Python<'_>) -> PyResult<()> {
        let segment = self.mapped()?;
        Ok(py
            .detach(|| background::run(|| segment.verify()))
            .map_err(ArenaError::from)?)
    }

    fn get<'py>(&self, py: Python<'py>, name: &[u8]) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(self
            .mapped()?
            .lookup(name)
            .map(|record| PyBytes::new(py, record)))
    }

    fn sync_body<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, self.mapped()?.sync_body()))
    }

    fn names(&self) -> PyResult<Vec<String>> {
        Ok(self.mapped()?.names().map(str::to_owned).collect())
    }

    #[getter]
    fn commands(&self) -> PyResult<u64> {
        Ok(self.mapped()?.count())
    }

    #[getter]
    fn digest(&self) -> PyResult<String> {
        Ok(self.mapped()?.digest().to_string())
    }

    #[getter]
    fn wire(&self) -> PyResult<&'static str> {
        Ok(self.mapped()?.wire().name())
    }

    #[getter]
    fn segment_id(&self) -> PyResult<u64> {
        Ok(self.mapped()?.id().0)
    }

    #[getter]
    fn created_at_ms(&self) -> PyResult<u64> {
        Ok(self.mapped()?.created_at_ms())
    }

    #[getter]
    fn bytes(&self) -> PyResult<u64> {
        Ok(self.mapped()?.len())
    }

    /// Unmaps it, once nothing reads it any more.
    fn close(&self) {
        self.mapped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, pyo3::types::PyTuple>) {
        self.close();
    }
}
