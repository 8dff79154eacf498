//! One announced version as the request path sees it.

use std::sync::Arc;

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
}

impl Version {
    /// Names the pair.
    #[must_use]
    pub fn new(generation: Generation, segment: Arc<Segment>) -> Self {
        let tag = format!("{generation}-{}", segment.digest());
        Self {
            generation,
            segment,
            tag,
        }
    }
}
