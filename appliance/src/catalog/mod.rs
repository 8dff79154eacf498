//! The supervisor's hands on shared memory: what of `shm_catalog` Python sees.
//!
//! Typed in `appliance/_native.pyi`. Everything that takes longer than a moment releases the GIL.

mod announcer;
mod builder;
pub(crate) mod errors;
mod feeder;
mod segment;
mod slots;
mod snapshot;

use pyo3::prelude::*;

/// Adds the classes, functions and exceptions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    errors::register(module)?;
    module.add_class::<builder::SegmentBuilder>()?;
    module.add_class::<builder::PyBuildReport>()?;
    module.add_class::<segment::PySegment>()?;
    module.add_class::<announcer::Announcer>()?;
    module.add_class::<slots::WorkerSlots>()?;
    module.add_class::<slots::MetricFamily>()?;
    module.add_class::<snapshot::PySnapshotInfo>()?;
    module.add_function(wrap_pyfunction!(slots::metric_families, module)?)?;
    module.add_function(wrap_pyfunction!(snapshot::snapshot_write, module)?)?;
    module.add_function(wrap_pyfunction!(snapshot::snapshot_probe, module)?)?;
    module.add_function(wrap_pyfunction!(snapshot::snapshot_restore, module)?)?;
    module.add_function(wrap_pyfunction!(builder::room_available, module)?)?;
    Ok(())
}
