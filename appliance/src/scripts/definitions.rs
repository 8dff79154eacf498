//! Compiled definitions, by the record that they were compiled from: a version that leaves a command as it was leaves
//! its compiled form as it was.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shm_catalog::{Command, Segment};
use vm::program::{Catalog, Definition};
use xxhash_rust::xxh3::xxh3_128;

use super::limits::{DEFINITIONS_BYTES_MAX, DEFINITIONS_MAX};

/// Identity of a record; `None` for a name that is not in the catalogue.
pub type RecordDigest = Option<u128>;

/// The cache of one worker.
#[derive(Default)]
pub struct Definitions(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    by_name: HashMap<Box<str>, Entry>,
    bytes: usize,
}

struct Entry {
    digest: u128,
    bytes: usize,
    definition: Arc<Definition>,
}

impl Definitions {
    /// The definition of a record, if it is compiled already.
    fn kept(&self, name: &str, digest: u128) -> Option<Arc<Definition>> {
        let kept = self.kept_now();
        let entry = kept.by_name.get(name)?;
        (entry.digest == digest).then(|| Arc::clone(&entry.definition))
    }

    fn keep(&self, name: &str, digest: u128, bytes: usize, definition: &Arc<Definition>) {
        let mut kept = self.kept_now();
        if let Some(before) = kept.by_name.remove(name) {
            kept.bytes -= before.bytes;
        }
        // Seldom: a catalogue with more commands in use than are kept. All go, and those in use come back.
        if kept.by_name.len() >= DEFINITIONS_MAX || kept.bytes + bytes > DEFINITIONS_BYTES_MAX {
            kept.by_name.clear();
            kept.bytes = 0;
        }
        kept.bytes += bytes;
        let entry = Entry {
            digest,
            bytes,
            definition: Arc::clone(definition),
        };
        kept.by_name.insert(name.into(), entry);
    }

    fn kept_now(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Identity of the record that a version has under a name.
pub fn record_digest(segment: &Segment, name: &str) -> RecordDigest {
    segment.lookup(name.as_bytes()).map(xxh3_128)
}

/// Whether a definition that is not compiled yet is compiled now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cold {
    /// Compile it: this may take milliseconds.
    Compile,
    /// Leave it, and say so.
    Leave,
}

/// One version of the catalogue for the compiler of scripts, which notes what was asked of it.
pub struct Asked<'a> {
    definitions: &'a Definitions,
    segment: &'a Segment,
    cold: Cold,
    left: Cell<bool>,
    names: RefCell<HashMap<Box<str>, RecordDigest>>,
}

impl<'a> Asked<'a> {
    pub fn new(definitions: &'a Definitions, segment: &'a Segment, cold: Cold) -> Self {
        Self {
            definitions,
            segment,
            cold,
            left: Cell::new(false),
            names: RefCell::default(),
        }
    }

    /// Whether a definition was left uncompiled: what was made of the answers is of no use.
    pub fn has_left_any(&self) -> bool {
        self.left.get()
    }

    /// Every name that was asked for, and what was there.
    pub fn names(self) -> Vec<(Box<str>, RecordDigest)> {
        self.names.into_inner().into_iter().collect()
    }
}

impl Catalog for Asked<'_> {
    fn definition(&self, name: &str) -> Option<Arc<Definition>> {
        let record = self.segment.lookup(name.as_bytes());
        let digest = record.map(xxh3_128);
        self.names.borrow_mut().insert(name.into(), digest);
        let (record, digest) = (record?, digest?);
        if let Some(definition) = self.definitions.kept(name, digest) {
            return Some(definition);
        }
        if self.cold == Cold::Leave {
            self.left.set(true);
            return None;
        }
        let Command {
            code, interface, ..
        } = Command::read(record, self.segment.wire())?;
        let definition = Arc::new(Definition::new(name, code, interface));
        self.definitions
            .keep(name, digest, record.len(), &definition);
        Some(definition)
    }
}
