//! Compiled scripts, by their text. A program holds for every version in which the commands that it names are what they
//! were when it was compiled.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shm_catalog::{Generation, Segment};
use vm::program::Program;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::definitions::{RecordDigest, record_digest};
use super::limits::{PROGRAM_BYTES_MAX, PROGRAMS_BYTES_MAX, PROGRAMS_MAX};

/// The cache of one worker.
pub struct Programs {
    /// Scripts come from clients: which texts share a place is not for them to know.
    seed: u64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    by_text: HashMap<u128, Entry, BuildHasherDefault<OfPlace>>,
    bytes: usize,
    uses: u64,
}

/// A place is a hash already, under a key of its own.
#[derive(Default)]
struct OfPlace(u64);

impl Hasher for OfPlace {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, place: u128) {
        self.0 = place as u64;
    }
}

struct Entry {
    program: Arc<Program>,
    /// The last one that it is known to hold for.
    generation: Generation,
    names: Vec<(Box<str>, RecordDigest)>,
    last_use: u64,
}

impl Programs {
    pub fn new() -> Self {
        Self {
            seed: RandomState::new().hash_one(0),
            kept: Mutex::default(),
        }
    }

    /// The program of a script, if it is compiled and holds for this version.
    pub fn find(
        &self,
        script: &str,
        segment: &Segment,
        generation: Generation,
    ) -> Option<Arc<Program>> {
        let mut kept = self.kept();
        kept.uses += 1;
        let uses = kept.uses;
        let entry = kept.by_text.get_mut(&self.place(script))?;
        if *entry.program.source != *script {
            return None;
        }
        if entry.generation != generation {
            let mut names = entry.names.iter();
            if !names.all(|(name, digest)| record_digest(segment, name) == *digest) {
                return None;
            }
            entry.generation = generation;
        }
        entry.last_use = uses;
        Some(Arc::clone(&entry.program))
    }

    /// Keeps a program that was compiled over a version, where it asked for `names`.
    pub fn keep(
        &self,
        program: &Arc<Program>,
        generation: Generation,
        names: Vec<(Box<str>, RecordDigest)>,
    ) {
        let bytes = program.source.len();
        if bytes > PROGRAM_BYTES_MAX {
            return;
        }
        let place = self.place(&program.source);
        let mut kept = self.kept();
        if let Some(before) = kept.by_text.remove(&place) {
            kept.bytes -= before.program.source.len();
        }
        while kept.by_text.len() >= PROGRAMS_MAX
            || (kept.bytes + bytes > PROGRAMS_BYTES_MAX && !kept.by_text.is_empty())
        {
            kept.forget_least_used();
        }
        kept.bytes += bytes;
        let entry = Entry {
            program: Arc::clone(program),
            generation,
            names,
            last_use: kept.uses,
        };
        kept.by_text.insert(place, entry);
    }

    /// Forgets the programs that asked for a command which was not there: they say why, and that may have changed.
    pub fn forget_those_with_missing_commands(&self) {
        let mut kept = self.kept();
        kept.by_text
            .retain(|_, entry| entry.names.iter().all(|(_, digest)| digest.is_some()));
        let bytes = kept
            .by_text
            .values()
            .map(|entry| entry.program.source.len());
        kept.bytes = bytes.sum();
    }

    fn place(&self, script: &str) -> u128 {
        xxh3_128_with_seed(script.as_bytes(), self.seed)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Looks at all of them: some 2 µs for a thousand, once for each script that is new while the cache is full.
    fn forget_least_used(&mut self) {
        let least = self.by_text.iter().min_by_key(|(_, entry)| entry.last_use);
        let Some(place) = least.map(|(place, _)| *place) else {
            return;
        };
        if let Some(entry) = self.by_text.remove(&place) {
            self.bytes -= entry.program.source.len();
        }
    }
}
