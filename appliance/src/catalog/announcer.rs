//! `Announcer`: the supervisor's end of the announcement page.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

use shm_catalog::announcement::{ANNOUNCE_BYTES, Announcement, Writer};
use shm_catalog::{Generation, SegmentId};

use super::errors::ArenaError;

/// Announces versions to every worker.
#[pyclass(frozen, module = "appliance._native")]
pub struct Announcer {
    writer: Mutex<Writer>,
}

#[pymethods]
impl Announcer {
    #[classattr]
    const ANNOUNCE_BYTES: u64 = ANNOUNCE_BYTES;

    #[new]
    fn new(name: &str) -> PyResult<Self> {
        let writer = Writer::open(name).map_err(|source| ArenaError::System {
            what: format!("announcement page {name}"),
            source,
        })?;
        Ok(Self {
            writer: Mutex::new(writer),
        })
    }

    #[pyo3(signature = (generation, segment_id, length, code_segment_id=0))]
    fn announce(
        &self,
        generation: u64,
        segment_id: u64,
        length: u64,
        code_segment_id: u64,
    ) -> PyResult<()> {
        let announcement = Announcement {
            generation: Generation(generation),
            segment_id: SegmentId(segment_id),
            length,
            code_segment_id: (code_segment_id != 0).then_some(SegmentId(code_segment_id)),
        };
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(writer.announce(announcement).map_err(ArenaError::from)?)
    }

    fn announce_code(&self, generation: u64, code_segment_id: u64) -> bool {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.announce_code(Generation(generation), SegmentId(code_segment_id))
    }

    fn current(&self) -> Option<(u64, u64, u64, u64)> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let current = writer.current()?;
        let code_segment_id = current.code_segment_id.map_or(0, |id| id.0);
        Some((
            current.generation.0,
            current.segment_id.0,
            current.length,
            code_segment_id,
        ))
    }
}
