//! `SegmentBuilder`: rows or a COPY stream into a segment.

use std::path::Path;
use std::sync::{Mutex, TryLockError};

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use shm_catalog::{BuildReport, Builder, BuilderOptions, Row, SegmentId, WireForm};

use super::errors::{ArenaError, SegmentError};
use super::feeder::Feeder;
use super::segment::PySegment;
use crate::background;

/// Above this a row is worth letting other Python threads run: some 30 µs of hashing.
const DETACH_BYTES: usize = 32 << 10;

/// Bytes of memory left to others unless said otherwise.
const RESERVE_BYTES: u64 = 64 << 20;

/// Largest segment unless said otherwise: a reply of gRPC has less than 2 GiB.
const MAX_BYTES: u64 = (2 << 30) - (64 << 10);

enum State {
    /// Rows are pushed one by one.
    Pushing(Box<Builder>),
    /// A COPY stream is under way.
    Feeding(Feeder),
    Closed,
}

/// Fills an existing shared-memory segment. One thread at a time.
#[pyclass(frozen, module = "appliance._native")]
pub struct SegmentBuilder {
    state: Mutex<State>,
}

impl SegmentBuilder {
    /// Runs `work` on the state. Never waits with the GIL held: a second thread is refused.
    fn with_state<T>(&self, work: impl FnOnce(&mut State) -> PyResult<T>) -> PyResult<T> {
        match self.state.try_lock() {
            Ok(mut state) => work(&mut state),
            Err(TryLockError::Poisoned(poisoned)) => {
                *poisoned.into_inner() = State::Closed;
                Err(closed())
            }
            Err(TryLockError::WouldBlock) => Err(SegmentError::new_err(
                "this SegmentBuilder is in use by another thread",
            )),
        }
    }
}

#[pymethods]
impl SegmentBuilder {
    #[new]
    #[pyo3(signature = (name, segment_id, wire, signing_key=None, reserve_bytes=RESERVE_BYTES, max_bytes=MAX_BYTES))]
    fn new(
        name: &str,
        segment_id: u64,
        wire: &str,
        signing_key: Option<Vec<u8>>,
        reserve_bytes: u64,
        max_bytes: u64,
    ) -> PyResult<Self> {
        let wire: WireForm = wire
            .parse()
            .map_err(pyo3::exceptions::PyValueError::new_err)?;
        let options = BuilderOptions {
            wire,
            signing_key,
            reserve_bytes,
            max_bytes,
        };
        let builder =
            Builder::open(name, SegmentId(segment_id), &options).map_err(ArenaError::from)?;
        Ok(Self {
            state: Mutex::new(State::Pushing(Box::new(builder))),
        })
    }

    fn take_over(&self, earlier: &PySegment) -> PyResult<()> {
        let earlier = earlier.mapped()?;
        self.with_state(|state| {
            let State::Pushing(builder) = state else {
                return Err(closed());
            };
            builder.take_over(earlier);
            Ok(())
        })
    }

    #[pyo3(signature = (id, name, code, r#type=None, interface=None))]
    fn push(
        &self,
        py: Python<'_>,
        id: i64,
        name: Option<&[u8]>,
        code: Option<&[u8]>,
        r#type: Option<&[u8]>,
        interface: Option<&[u8]>,
    ) -> PyResult<()> {
        let row = Row {
            id,
            name,
            code,
            kind: r#type,
            interface,
        };
        self.with_state(|state| {
            let State::Pushing(builder) = state else {
                return Err(closed());
            };
            let bytes: usize = [name, code, r#type, interface]
                .into_iter()
                .flatten()
                .map(<[u8]>::len)
                .sum();
            let pushed = if bytes > DETACH_BYTES {
                py.detach(|| builder.push(&row))
            } else {
                builder.push(&row)
            };
            Ok(pushed.map_err(ArenaError::from)?)
        })
    }

    fn feed_copy(&self, py: Python<'_>, chunk: &Bound<'_, PyAny>) -> PyResult<u64> {
        self.with_state(|state| {
            let feeder = feeder(state)?;
            let fed = match chunk.cast::<PyBytes>() {
                Ok(bytes) => feed(py, feeder, bytes.as_bytes()),
                Err(_) => feed(py, feeder, &PyBuffer::<u8>::get(chunk)?.to_vec(py)?),
            };
            if fed {
                return Ok(feeder.rows());
            }
            Err(end(py, state).map_or_else(|error| error, |_| closed()))
        })
    }

    fn finish(&self, py: Python<'_>) -> PyResult<PyBuildReport> {
        self.with_state(|state| {
            let builder = end(py, state)?;
            let report = py
                .detach(|| background::run(|| builder.finish()))
                .map_err(ArenaError::from)?;
            Ok(PyBuildReport(report))
        })
    }

    fn abandon(&self, py: Python<'_>) -> PyResult<()> {
        self.with_state(|state| match std::mem::replace(state, State::Closed) {
            State::Pushing(builder) => {
                Ok(py.detach(|| builder.abandon()).map_err(ArenaError::from)?)
            }
            State::Feeding(feeder) => match py.detach(|| feeder.end()) {
                Some((builder, _)) => {
                    Ok(py.detach(|| builder.abandon()).map_err(ArenaError::from)?)
                }
                None => Ok(()),
            },
            State::Closed => Ok(()),
        })
    }
}

/// Hands a chunk over piece by piece; false when the thread has stopped. The GIL is held while a
/// piece is copied and given up while a buffer is sent.
fn feed(py: Python<'_>, feeder: &mut Feeder, mut chunk: &[u8]) -> bool {
    while !chunk.is_empty() {
        let (piece, rest) = chunk.split_at(chunk.len().min(feeder.space()));
        feeder.fill(piece);
        chunk = rest;
        if feeder.space() == 0 && py.detach(|| feeder.send()).is_err() {
            return false;
        }
    }
    true
}

/// The feeder, started with the first chunk.
fn feeder(state: &mut State) -> PyResult<&mut Feeder> {
    if let State::Pushing(_) = state
        && let State::Pushing(builder) = std::mem::replace(state, State::Closed)
    {
        let feeder = Feeder::start(*builder).map_err(|source| ArenaError::System {
            what: "a thread to build on".to_owned(),
            source,
        })?;
        *state = State::Feeding(feeder);
    }
    match state {
        State::Feeding(feeder) => Ok(feeder),
        _ => Err(closed()),
    }
}

/// Takes the builder out, all rows in it, and leaves the state closed.
fn end(py: Python<'_>, state: &mut State) -> PyResult<Builder> {
    match std::mem::replace(state, State::Closed) {
        State::Pushing(builder) => Ok(*builder),
        State::Feeding(feeder) => {
            let Some((builder, result)) = py.detach(|| feeder.end()) else {
                return Err(SegmentError::new_err(
                    "building the segment failed: a fault of the appliance",
                ));
            };
            result.map_err(ArenaError::from)?;
            Ok(builder)
        }
        State::Closed => Err(closed()),
    }
}

fn closed() -> PyErr {
    ArenaError::Closed("SegmentBuilder").into()
}

/// What was built.
#[pyclass(frozen, name = "BuildReport", module = "appliance._native")]
pub struct PyBuildReport(BuildReport);

#[pymethods]
impl PyBuildReport {
    #[getter]
    fn commands(&self) -> u64 {
        self.0.commands
    }

    #[getter]
    fn rows(&self) -> u64 {
        self.0.rows
    }

    #[getter]
    fn duplicates(&self) -> u64 {
        self.0.duplicates
    }

    #[getter]
    fn duplicate_names(&self) -> Vec<String> {
        self.0.duplicate_names.clone()
    }

    #[getter]
    fn bad_rows(&self) -> u64 {
        self.0.bad_rows
    }

    #[getter]
    fn bad_rows_shown(&self) -> Vec<(i64, String, String)> {
        let shown = self.0.bad_rows_shown.iter().cloned();
        shown.map(|row| (row.id, row.name, row.reason)).collect()
    }

    #[getter]
    fn bytes(&self) -> u64 {
        self.0.bytes
    }

    #[getter]
    fn records_bytes(&self) -> u64 {
        self.0.records_bytes
    }

    #[getter]
    fn digest(&self) -> String {
        self.0.digest.to_string()
    }

    fn __repr__(&self) -> String {
        format!(
            "<BuildReport {} commands, {} bytes, digest {}>",
            self.0.commands, self.0.bytes, self.0.digest
        )
    }
}

/// Bytes that each limit leaves: `shm`, `memory`, and `cgroup` or None.
#[pyfunction]
#[pyo3(signature = (path_of_shm="/dev/shm"))]
pub fn room_available<'py>(py: Python<'py>, path_of_shm: &str) -> PyResult<Bound<'py, PyDict>> {
    let room = shm_catalog::room::available(Path::new(path_of_shm)).map_err(|source| {
        ArenaError::System {
            what: format!("the room in {path_of_shm}"),
            source,
        }
    })?;
    let limits = PyDict::new(py);
    limits.set_item("shm", room.shm)?;
    limits.set_item("memory", room.memory)?;
    limits.set_item("cgroup", room.cgroup)?;
    Ok(limits)
}
