//! What the data planes of both roles stand on: keys, the served version, panics.
//!
//! A worker's life (`worker`) knows its data plane as a [`Plane`] and nothing of its protocol; a data plane knows
//! nothing of signals, orders or shared memory.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value};
use shm_catalog::{CodeSegment, Generation, Segment, SegmentId};

pub mod auth;
pub mod panics;
#[cfg(test)]
pub(crate) mod test_segment;
pub mod version;

use auth::Keys;
use version::Version;

/// The data plane of one worker. Everything happens on the loop thread.
pub trait Plane {
    /// What is served now.
    fn served(&self) -> Option<(Generation, Arc<Segment>)>;

    /// Serves `version` from the next request on. Gives back the segment of the one before.
    fn serve(&self, version: Version, now: Instant) -> Option<Arc<Segment>>;

    /// Other keys from the next request on.
    fn set_keys(&self, keys: Keys);

    /// Health says that this worker goes; everything is still answered.
    fn begin_drain(&self);

    /// Whether it runs definitions. If not, none of the four below is called.
    fn runs_code(&self) -> bool {
        false
    }

    /// The code segment that it takes definitions from.
    fn code(&self) -> Option<SegmentId> {
        None
    }

    /// Takes definitions from `code` from now on. Gives back the one before.
    fn take_code(&self, code: Arc<CodeSegment>) -> Option<Arc<CodeSegment>> {
        Some(code)
    }

    /// Never compiles these: hex source hashes, each with the reason.
    fn set_quarantine(&self, _sources: &[(String, String)]) {}

    /// Says of these commands why the catalogue does without them: names, each with the reason.
    fn set_left_out(&self, _rows: &[(String, String)]) {}

    /// What a dump of the state shows of it.
    fn describe(&self) -> Map<String, Value>;
}
