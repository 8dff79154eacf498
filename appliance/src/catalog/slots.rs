//! `WorkerSlots`: the supervisor's end of the worker slots, and the table of metrics.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use shm_catalog::metrics::{METRICS, sample};
use shm_catalog::slots::{PAGES_MAX, Slots, segment_bytes};

use super::errors::ArenaError;

/// All worker slots, and the counts of workers that are gone.
#[pyclass(frozen, module = "appliance._native")]
pub struct WorkerSlots {
    /// One lock for folding and sampling: no sample sees a page both folded and live.
    slots: Mutex<Slots>,
}

impl WorkerSlots {
    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl WorkerSlots {
    /// Bytes of a segment for so many pages.
    #[staticmethod]
    fn segment_bytes(pages: u64) -> u64 {
        segment_bytes(pages.min(PAGES_MAX))
    }

    #[new]
    fn new(name: &str, pages: u64) -> PyResult<Self> {
        let slots = Slots::open(name, pages).map_err(|source| ArenaError::System {
            what: format!("worker slots {name}"),
            source,
        })?;
        Ok(Self {
            slots: Mutex::new(slots),
        })
    }

    fn clear(&self, page: usize) -> PyResult<()> {
        self.slots().clear(page).ok_or_else(|| no_page(page))
    }

    fn fold(&self, page: usize) -> PyResult<()> {
        self.slots().fold(page).ok_or_else(|| no_page(page))
    }

    fn state<'py>(&self, py: Python<'py>, page: usize) -> PyResult<Bound<'py, PyDict>> {
        let state = self.slots().state(page).ok_or_else(|| no_page(page))?;
        let fields = PyDict::new(py);
        fields.set_item("pid", state.pid)?;
        fields.set_item("role", state.role)?;
        fields.set_item("state", state.state)?;
        fields.set_item("acked_generation", state.acked_generation.0)?;
        fields.set_item("heartbeat_ns", state.heartbeat_ns)?;
        fields.set_item("connections", state.connections)?;
        fields.set_item("connections_total", state.connections_total)?;
        fields.set_item("requests_total", state.requests_total)?;
        fields.set_item("logs_dropped_total", state.logs_dropped_total)?;
        fields.set_item("swap_ns", state.swap_ns)?;
        Ok(fields)
    }

    fn samples(&self) -> Vec<(String, Vec<String>, f64)> {
        let samples = sample(&self.slots());
        samples
            .into_iter()
            .map(|sample| (sample.family, sample.labels, sample.value))
            .collect()
    }

    fn __len__(&self) -> usize {
        self.slots().len()
    }
}

fn no_page(page: usize) -> PyErr {
    PyIndexError::new_err(format!("there is no worker slot {page}"))
}

/// One metric family of the workers.
#[pyclass(frozen, module = "appliance._native")]
pub struct MetricFamily {
    #[pyo3(get)]
    name: &'static str,
    #[pyo3(get)]
    kind: &'static str,
    #[pyo3(get)]
    help: &'static str,
    #[pyo3(get)]
    labels: Vec<&'static str>,
}

/// Every family that `WorkerSlots.samples` has numbers of.
#[pyfunction]
pub fn metric_families() -> Vec<MetricFamily> {
    METRICS
        .iter()
        .map(|metric| MetricFamily {
            name: metric.family,
            kind: metric.kind.name(),
            help: metric.help,
            labels: metric.labels.to_vec(),
        })
        .collect()
}
