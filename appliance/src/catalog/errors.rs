//! Errors of the arena as Python exceptions: one base with a stable `code`.

use std::io;

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use shm_catalog::announcement::GenerationError;
use shm_catalog::room::RoomError;
use shm_catalog::snapshot::SnapshotError as NativeSnapshotError;
use shm_catalog::verify::VerifyError;
use shm_catalog::{BuildError, OpenError};

create_exception!(
    appliance._native,
    SegmentError,
    PyException,
    "The arena refuses; `code` says why."
);
create_exception!(
    appliance._native,
    NoRoomError,
    SegmentError,
    "This host has no room for the segment."
);
create_exception!(
    appliance._native,
    LimitError,
    SegmentError,
    "The catalogue is over its size limit."
);
create_exception!(
    appliance._native,
    SnapshotError,
    SegmentError,
    "There is no snapshot to write or to start from."
);
create_exception!(
    appliance._native,
    GoneError,
    SegmentError,
    "The segment was retired."
);

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("SegmentError", py.get_type::<SegmentError>())?;
    module.add("NoRoomError", py.get_type::<NoRoomError>())?;
    module.add("LimitError", py.get_type::<LimitError>())?;
    module.add("SnapshotError", py.get_type::<SnapshotError>())?;
    module.add("GoneError", py.get_type::<GoneError>())?;
    Ok(())
}

/// An error of the arena on its way to Python.
pub enum ArenaError {
    Build(BuildError),
    Open(OpenError),
    Snapshot(NativeSnapshotError),
    Verify(VerifyError),
    Generation(GenerationError),
    System {
        what: String,
        source: io::Error,
    },
    /// The bytes are not what they should be.
    Damaged(String),
    /// The object was closed, finished or abandoned.
    Closed(&'static str),
}

impl From<BuildError> for ArenaError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl From<OpenError> for ArenaError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<NativeSnapshotError> for ArenaError {
    fn from(error: NativeSnapshotError) -> Self {
        Self::Snapshot(error)
    }
}

impl From<VerifyError> for ArenaError {
    fn from(error: VerifyError) -> Self {
        Self::Verify(error)
    }
}

impl From<GenerationError> for ArenaError {
    fn from(error: GenerationError) -> Self {
        Self::Generation(error)
    }
}

impl From<ArenaError> for PyErr {
    fn from(error: ArenaError) -> Self {
        match error {
            ArenaError::Build(error) => build_error(&error),
            ArenaError::Open(error) => open_error(&error),
            ArenaError::Snapshot(error) => snapshot_error(&error),
            ArenaError::Verify(error) => coded(SegmentError::new_err(error.to_string()), "damaged"),
            ArenaError::Generation(error) => {
                coded(SegmentError::new_err(error.to_string()), "generation")
            }
            ArenaError::System { what, source } => system_error(&what, &source),
            ArenaError::Damaged(text) => coded(SegmentError::new_err(text), "damaged"),
            ArenaError::Closed(what) => coded(
                SegmentError::new_err(format!("this {what} is closed")),
                "closed",
            ),
        }
    }
}

/// Sets `code`, the stable name of an error.
fn coded(error: PyErr, code: &str) -> PyErr {
    Python::attach(|py| match error.value(py).setattr("code", code) {
        Ok(()) => error,
        Err(failed) => failed,
    })
}

fn build_error(error: &BuildError) -> PyErr {
    match error {
        BuildError::Room(room) => room_error(room),
        BuildError::TooLarge { .. } => coded(LimitError::new_err(error.to_string()), "too_large"),
        BuildError::Stream { .. } => coded(SegmentError::new_err(error.to_string()), "copy_stream"),
        BuildError::SigningKey(_) => coded(SegmentError::new_err(error.to_string()), "signing_key"),
        BuildError::System { name, source } => system_error(&format!("segment {name}"), source),
    }
}

fn room_error(error: &RoomError) -> PyErr {
    match error {
        RoomError::NoRoom {
            needed,
            available,
            limit,
            ..
        } => Python::attach(|py| {
            let raised = coded(NoRoomError::new_err(error.to_string()), "no_room");
            let value = raised.value(py);
            let set = value
                .setattr("needed", *needed)
                .and_then(|()| value.setattr("available", *available))
                .and_then(|()| value.setattr("where", limit.name()));
            set.err().unwrap_or(raised)
        }),
        RoomError::System(source) => system_error("the room for a segment", source),
    }
}

fn open_error(error: &OpenError) -> PyErr {
    match error {
        OpenError::Gone(_) => coded(GoneError::new_err(error.to_string()), "gone"),
        OpenError::Damaged { .. } => coded(SegmentError::new_err(error.to_string()), "damaged"),
        OpenError::System { name, source } => system_error(&format!("segment {name}"), source),
    }
}

fn snapshot_error(error: &NativeSnapshotError) -> PyErr {
    let code = match error {
        NativeSnapshotError::Room(room) => return room_error(room),
        NativeSnapshotError::Segment(open) => return open_error(open),
        NativeSnapshotError::Missing(_) => "missing",
        NativeSnapshotError::Untrusted { .. } => "untrusted",
        NativeSnapshotError::Damaged { .. } => "damaged",
        NativeSnapshotError::DiskFull { .. } => "disk_full",
        NativeSnapshotError::System { .. } => "system",
    };
    coded(SnapshotError::new_err(error.to_string()), code)
}

fn system_error(what: &str, source: &io::Error) -> PyErr {
    coded(SegmentError::new_err(format!("{what}: {source}")), "system")
}
