//! Snapshots: a segment on disk and back.

use std::path::PathBuf;

use pyo3::prelude::*;

use shm_catalog::SegmentId;
use shm_catalog::snapshot::{self, SnapshotInfo};

use super::errors::ArenaError;
use crate::background;

/// What a snapshot holds.
#[pyclass(frozen, name = "SnapshotInfo", module = "appliance._native")]
pub struct PySnapshotInfo(SnapshotInfo);

#[pymethods]
impl PySnapshotInfo {
    #[getter]
    fn bytes(&self) -> u64 {
        self.0.bytes
    }

    #[getter]
    fn digest(&self) -> String {
        self.0.digest.to_string()
    }

    #[getter]
    fn commands(&self) -> u64 {
        self.0.commands
    }

    #[getter]
    fn wire(&self) -> &'static str {
        self.0.wire.name()
    }

    #[getter]
    fn created_at_ms(&self) -> u64 {
        self.0.created_at_ms
    }

    fn __repr__(&self) -> String {
        format!(
            "<SnapshotInfo {} commands, {} bytes, digest {}>",
            self.0.commands, self.0.bytes, self.0.digest
        )
    }
}

/// Writes a segment to `path`.
#[pyfunction]
#[expect(
    clippy::needless_pass_by_value,
    reason = "PyO3 hands a path over as a value"
)]
pub fn snapshot_write(py: Python<'_>, segment_name: &str, path: PathBuf) -> PyResult<()> {
    Ok(py
        .detach(|| background::run(|| snapshot::write(segment_name, &path)))
        .map_err(ArenaError::from)?)
}

/// Looks at a snapshot without reading it all.
#[pyfunction]
#[expect(
    clippy::needless_pass_by_value,
    reason = "PyO3 hands a path over as a value"
)]
pub fn snapshot_probe(path: PathBuf) -> PyResult<PySnapshotInfo> {
    Ok(PySnapshotInfo(
        snapshot::probe(&path).map_err(ArenaError::from)?,
    ))
}

/// Copies a snapshot into an existing segment and checks all of it.
#[pyfunction]
#[pyo3(signature = (path, segment_name, segment_id, reserve_bytes=64 << 20))]
#[expect(
    clippy::needless_pass_by_value,
    reason = "PyO3 hands a path over as a value"
)]
pub fn snapshot_restore(
    py: Python<'_>,
    path: PathBuf,
    segment_name: &str,
    segment_id: u64,
    reserve_bytes: u64,
) -> PyResult<PySnapshotInfo> {
    let restored =
        py.detach(|| snapshot::restore(&path, segment_name, SegmentId(segment_id), reserve_bytes));
    Ok(PySnapshotInfo(restored.map_err(ArenaError::from)?))
}
