//! One announced version as the request path sees it.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use engine::Blocks;
use shm_catalog::{Generation, Segment};

/// A generation and the segment it announced. Two generations may share a segment (rollback).
#[derive(Debug)]
pub struct Version {
    /// Of the announcement.
    pub generation: Generation,
    /// The mapped catalogue.
    pub segment: Arc<Segment>,
    /// `<generation>-<digest hex>`: the value of `avap-catalog-version`.
    pub tag: String,
    /// Headers of its replies.
    pub blocks: Blocks,
    /// Since when its segment is not the served one.
    pub superseded: Cell<Option<Instant>>,
}

impl Version {
    /// Names the pair.
    #[must_use]
    pub fn new(generation: Generation, segment: Arc<Segment>) -> Self {
        let tag = format!("{generation}-{}", segment.digest());
        Self {
            blocks: Blocks::new(&[("avap-catalog-version", &tag)]),
            generation,
            segment,
            tag,
            superseded: Cell::new(None),
        }
    }
}

/// A version that a reply is leaving from, or the one that is served.
#[derive(Clone, Debug)]
pub struct Pinned(Rc<Version>);

impl Pinned {
    /// Pins it for the first time.
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self(Rc::new(version))
    }

    /// How many hold it.
    #[must_use]
    pub fn holders(&self) -> usize {
        Rc::strong_count(&self.0)
    }
}

impl Deref for Pinned {
    type Target = Version;

    fn deref(&self) -> &Version {
        &self.0
    }
}

/// Slices of replies are ranges of the body of `SyncCatalog`; every record lies in it.
impl engine::Pin for Pinned {
    fn bytes(&self) -> &[u8] {
        self.segment.sync_body()
    }
}
