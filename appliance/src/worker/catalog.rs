//! Following the announcements: which version is served, which one is being mapped, which ones are
//! to be unmapped.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use shm_catalog::announcement::Reader;
use shm_catalog::{Announcement, CodeSegment, Generation, Segment, SegmentId, WorkerSlot};

use crate::plane::Plane;
use crate::plane::version::Version;

use super::control::{News, Outbox};
use super::log::{Level, Log};
use super::mapper::{MapError, Mapped, Mapper};

/// A segment can be retired between reading its announcement and opening it, but each time a newer
/// one was announced; after so many in a row the next tick looks again.
const GONE_IN_A_ROW_MAX: u32 = 8;

/// The catalogue's side of a worker.
pub struct Catalog {
    pub plane: Rc<dyn Plane>,
    pub worker: Rc<WorkerSlot>,
    pub log: Rc<Log>,
    pub outbox: Outbox,
    pub announcements: Reader,
    pub mapper: Mapper,
    pub segment_prefix: String,
    mapping: bool,
    gone_in_a_row: u32,
    refused: Option<Generation>,
    mapping_code: bool,
    code_refused: Option<SegmentId>,
    /// Superseded segments that replies may still be leaving from: kept here so that the last
    /// holder is never the loop.
    superseded: Vec<Arc<Segment>>,
}

impl Catalog {
    pub fn new(
        plane: Rc<dyn Plane>,
        worker: Rc<WorkerSlot>,
        log: Rc<Log>,
        outbox: Outbox,
        announcements: Reader,
        mapper: Mapper,
        segment_prefix: String,
    ) -> Self {
        Self {
            plane,
            worker,
            log,
            outbox,
            announcements,
            mapper,
            segment_prefix,
            mapping: false,
            gone_in_a_row: 0,
            refused: None,
            mapping_code: false,
            code_refused: None,
            superseded: Vec::new(),
        }
    }

    /// Looks at the announcement page and starts what follows from it. Whether a segment is being
    /// mapped now: `mapped` will be called.
    pub fn look(&mut self) -> bool {
        self.look_for_code();
        if self.mapping || self.announcements.generation() == self.served_generation() {
            return self.mapping;
        }
        let Some(announcement) = self.announcements.current() else {
            return false;
        };
        // Read again: the page may have been between two announcements a line ago.
        if announcement.generation <= self.served_generation() {
            return false;
        }
        if let Some(segment) = self.held(announcement.segment_id) {
            self.serve(announcement, segment, Duration::ZERO);
            return false;
        }
        self.mapping = true;
        self.mapper.map(
            format!("{}{}", self.segment_prefix, announcement.segment_id),
            announcement,
        );
        true
    }

    /// Takes over a segment that the mapper was asked for. Whether another one is being mapped.
    pub fn mapped(&mut self, mapped: Mapped) -> bool {
        let (announcement, result, elapsed) = match mapped {
            Mapped::Version {
                announcement,
                result,
                elapsed,
            } => (announcement, result, elapsed),
            Mapped::Code { id, result } => {
                self.code_mapped(id, result);
                return self.mapping;
            }
        };
        self.mapping = false;
        match result {
            Ok(segment) => {
                self.gone_in_a_row = 0;
                self.serve(announcement, segment, elapsed);
                self.look()
            }
            Err(MapError::Gone) => {
                self.gone_in_a_row += 1;
                if self.gone_in_a_row < GONE_IN_A_ROW_MAX {
                    return self.look();
                }
                self.gone_in_a_row = 0;
                self.refused(announcement, "the announced segment does not exist");
                false
            }
            Err(MapError::Failed(error)) => {
                self.refused(announcement, &error);
                false
            }
        }
    }

    /// Has the announced code mapped, if this worker runs any. While a version has none, what the one before had stays:
    /// most definitions are what they were, and each is found by its source.
    fn look_for_code(&mut self) {
        if self.mapping_code || !self.plane.runs_code() {
            return;
        }
        let announced = self.announcements.current();
        let Some(id) = announced.and_then(|announcement| announcement.code_segment_id) else {
            return;
        };
        if self.plane.code() != Some(id) && self.code_refused != Some(id) {
            self.mapping_code = true;
            let name = format!("{}{id}", self.segment_prefix);
            self.mapper.map_code(name, id);
        }
    }

    fn code_mapped(&mut self, id: SegmentId, result: Result<CodeSegment, MapError>) {
        self.mapping_code = false;
        match result {
            Ok(code) => {
                let fields = json!({"segment": id.0, "bytes": code.len(),
                    "definitions": code.header().entries});
                if let Some(before) = self.plane.take_code(Arc::new(code)) {
                    self.mapper.unmap_code(before);
                }
                self.log.write(Level::Info, "Code Taken", fields);
            }
            // Retired meanwhile: the next announcement names another.
            Err(MapError::Gone) => self.code_refused = Some(id),
            Err(MapError::Failed(error)) => {
                self.code_refused = Some(id);
                let fields = json!({"segment": id.0, "error": error});
                self.log.write(Level::Error, "Code Not Mapped", fields);
            }
        }
        self.look_for_code();
    }

    /// Has segments unmapped that nothing reads any more.
    pub fn unmap_unread(&mut self) {
        for segment in self
            .superseded
            .extract_if(.., |segment| Arc::strong_count(segment) == 1)
        {
            self.mapper.unmap(segment);
        }
    }

    /// Superseded segments that are still mapped.
    pub fn superseded_count(&self) -> usize {
        self.superseded.len()
    }

    /// 0: none yet.
    pub fn served_generation(&self) -> Generation {
        self.plane
            .served()
            .map_or(Generation(0), |(generation, _)| generation)
    }

    /// A segment that is mapped already: the served one (announced again) or one not yet unmapped
    /// (rollback).
    fn held(&self, id: SegmentId) -> Option<Arc<Segment>> {
        let served = self.plane.served().map(|(_, segment)| segment);
        served
            .into_iter()
            .chain(self.superseded.iter().cloned())
            .find(|segment| segment.id() == id)
    }

    fn serve(&mut self, announcement: Announcement, segment: Arc<Segment>, elapsed: Duration) {
        let generation = announcement.generation;
        self.superseded
            .retain(|superseded| superseded.id() != segment.id());
        let fields = json!({
            "generation": generation.0,
            "digest": segment.digest().to_string(),
            "commands": segment.count(),
            "bytes": segment.len(),
            "map_ms": elapsed.as_secs_f64() * 1000.0,
        });
        let segment_id = segment.id();
        let before = self
            .plane
            .serve(Version::new(generation, segment), Instant::now());
        self.worker.ack(generation);
        self.worker.count_swap(elapsed);
        self.outbox.tell(&News::Acked {
            generation: generation.0,
        });
        self.log.write(Level::Info, "Generation Acked", fields);
        if let Some(before) = before.filter(|before| before.id() != segment_id) {
            self.superseded.push(before);
        }
    }

    /// Said once for a generation: it is tried again at every tick.
    fn refused(&mut self, announcement: Announcement, error: &str) {
        if self.refused.replace(announcement.generation) == Some(announcement.generation) {
            return;
        }
        let fields = json!({
            "generation": announcement.generation.0,
            "segment": announcement.segment_id.0,
            "served_generation": self.served_generation().0,
            "error": error,
        });
        self.log
            .write(Level::Error, "Generation Not Mapped", fields);
    }
}
