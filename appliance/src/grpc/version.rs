//! One announced version as the request path sees it, and what its replies need.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use engine::Blocks;
use shm_catalog::{Generation, Segment};

use crate::plane::version;

/// A version with the headers of its replies.
#[derive(Debug)]
pub struct Version {
    named: version::Version,
    /// Headers of its replies.
    pub blocks: Blocks,
    /// Since when its segment is not the served one.
    pub superseded: Cell<Option<Instant>>,
}

impl Version {
    /// Names the pair.
    #[must_use]
    pub fn new(generation: Generation, segment: Arc<Segment>) -> Self {
        version::Version::new(generation, segment).into()
    }
}

impl From<version::Version> for Version {
    fn from(named: version::Version) -> Self {
        Self {
            blocks: Blocks::new(&[("avap-catalog-version", &named.tag)]),
            named,
            superseded: Cell::new(None),
        }
    }
}

impl Deref for Version {
    type Target = version::Version;

    fn deref(&self) -> &version::Version {
        &self.named
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
