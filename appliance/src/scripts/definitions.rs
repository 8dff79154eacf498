//! Compiled definitions, by the record that they were compiled from: a version that leaves a command as it was leaves
//! its compiled form as it was.
//!
//! They come from the code segment, where they are found by their source, whichever version it was made for. One that is
//! not there (the version is new, the compiler has not come so far) is compiled here, on a VM thread, unless it is known
//! to end compilers.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use shm_catalog::{CodeSegment, Command, Segment, SourceHash};
use vm::limits::DEFINITION_BYTES_MAX;
use vm::program::{Catalog, Definition};
use xxhash_rust::xxh3::xxh3_128;

use crate::compiler::{quarantined_definition, refused_definition};

use super::limits::{DEFINITIONS_BYTES_MAX, DEFINITIONS_MAX, LOADED_INLINE_BYTES_MAX};

/// Identity of a record; `None` for a name that is not in the catalogue.
pub type RecordDigest = Option<u128>;

/// The definitions of one worker.
#[derive(Default)]
pub struct Definitions {
    kept: Mutex<Kept>,
    code: Mutex<Option<Arc<CodeSegment>>>,
    quarantine: Mutex<Arc<HashMap<SourceHash, String>>>,
    left_out: Mutex<HashMap<String, String>>,
    loaded: AtomicU64,
    compiled: AtomicU64,
}

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
    /// Takes definitions from `code` from now on. Gives back the one before.
    pub fn take_code(&self, code: Arc<CodeSegment>) -> Option<Arc<CodeSegment>> {
        locked(&self.code).replace(code)
    }

    /// Where definitions are taken from.
    pub fn code(&self) -> Option<Arc<CodeSegment>> {
        locked(&self.code).clone()
    }

    /// Never compiles these: hex source hashes, each with the reason.
    pub fn set_quarantine(&self, sources: &[(String, String)]) {
        let by_hash = sources.iter().filter_map(|(hash, reason)| {
            let hash = SourceHash::from_hex(hash)?;
            Some((hash, reason.clone()))
        });
        *locked(&self.quarantine) = Arc::new(by_hash.collect());
    }

    /// Says of these commands why the catalogue does without them: names, each with the reason.
    pub fn set_left_out(&self, rows: &[(String, String)]) {
        *locked(&self.left_out) = rows.iter().cloned().collect();
    }

    /// What stands for a command whose row or file could not be served.
    fn left_out(&self, name: &str) -> Option<Arc<Definition>> {
        let reason = locked(&self.left_out).get(name).cloned()?;
        Some(Arc::new(refused_definition(
            name,
            format!("it is left out of the catalogue: {reason}"),
        )))
    }

    /// How many were loaded since the last call, from the code segment and compiled here.
    pub fn take_counts(&self) -> [u64; 2] {
        [&self.loaded, &self.compiled].map(|count| count.swap(0, Ordering::Relaxed))
    }

    /// The definition of a command; `None` when this thread is not to make it.
    fn make(&self, command: &Command<'_>, cold: Cold) -> Option<Definition> {
        let is_small = |bytes: usize| bytes <= LOADED_INLINE_BYTES_MAX;
        if cold == Cold::Leave && !is_small(command.code.len() + command.interface.len()) {
            return None;
        }
        let compile = || Definition::new(command.name, command.code, command.interface);
        if command.code.len() > DEFINITION_BYTES_MAX {
            // Refused for its length, without a look at it.
            return Some(compile());
        }
        let hash = SourceHash::of(command);
        let code = self.code();
        if let Some(entry) = code.as_ref().and_then(|code| code.find(hash)) {
            if cold == Cold::Leave && !is_small(entry.payload.len()) {
                return None;
            }
            // It was checked before it was announced. Should it not be what it was, the source still is.
            if let Ok(definition) = Definition::from_binary(entry.payload) {
                self.loaded.fetch_add(1, Ordering::Relaxed);
                return Some(definition);
            }
        }
        let quarantine = Arc::clone(&locked(&self.quarantine));
        if let Some(reason) = quarantine.get(&hash) {
            return Some(quarantined_definition(command.name, reason));
        }
        (cold == Cold::Compile).then(|| {
            self.compiled.fetch_add(1, Ordering::Relaxed);
            compile()
        })
    }

    /// The definition of a record, if it is compiled already.
    fn kept(&self, name: &str, digest: u128) -> Option<Arc<Definition>> {
        let kept = self.kept_now();
        let entry = kept.by_name.get(name)?;
        (entry.digest == digest).then(|| Arc::clone(&entry.definition))
    }

    fn keep(&self, name: &str, digest: u128, definition: &Arc<Definition>) {
        let bytes = definition.weight_bytes() + name.len();
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
        locked(&self.kept)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Identity of the record that a version has under a name.
pub fn record_digest(segment: &Segment, name: &str) -> RecordDigest {
    segment.lookup(name.as_bytes()).map(xxh3_128)
}

/// Whether a definition that is not at hand is compiled now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cold {
    /// Compile it, or load it however large it is: this may take milliseconds.
    Compile,
    /// Load it if that is soon done, else leave it, and say so.
    Leave,
}

/// One version of the catalogue for the compiler of scripts, which notes what was asked of it.
pub struct Asked<'a> {
    definitions: &'a Definitions,
    segment: &'a Segment,
    cold: Cold,
    /// From then on nobody waits for what is compiled.
    deadline: Instant,
    left: Cell<bool>,
    names: RefCell<HashMap<Box<str>, RecordDigest>>,
}

impl<'a> Asked<'a> {
    /// Of this version, until `deadline`.
    pub fn new(
        definitions: &'a Definitions,
        segment: &'a Segment,
        cold: Cold,
        deadline: Instant,
    ) -> Self {
        Self {
            definitions,
            segment,
            cold,
            deadline,
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
        let (Some(record), Some(digest)) = (record, digest) else {
            return self.definitions.left_out(name);
        };
        if let Some(definition) = self.definitions.kept(name, digest) {
            return Some(definition);
        }
        let command = Command::read(record, self.segment.wire())?;
        let Some(definition) = self.definitions.make(&command, self.cold) else {
            self.left.set(true);
            return None;
        };
        let definition = Arc::new(definition);
        self.definitions.keep(name, digest, &definition);
        Some(definition)
    }

    fn is_wanted(&self) -> bool {
        Instant::now() < self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::test_segment::{code_segment, segment};
    use shm_catalog::code::EntryKind;
    use std::time::Duration;

    const GOOD: &str = "self.conector.variables['x'] = 1\n";

    /// A command as a segment of the tests has it.
    fn command<'a>(name: &'a str, code: &'a str) -> Command<'a> {
        Command {
            name,
            code,
            interface: "[]",
            ..Command::default()
        }
    }

    /// An entry whose code can be told from what the source says: it is that of `instead`.
    fn entry<'a>(name: &'a str, code: &'a str, instead: &str) -> (Command<'a>, EntryKind, Vec<u8>) {
        let payload = Definition::new("from the code segment", instead, "[]").to_binary();
        (command(name, code), EntryKind::Compiled, payload)
    }

    fn asked(
        definitions: &Definitions,
        segment: &Segment,
        name: &str,
        cold: Cold,
    ) -> (Option<Arc<Definition>>, bool) {
        let deadline = Instant::now() + Duration::from_mins(1);
        let asked = Asked::new(definitions, segment, cold, deadline);
        let definition = asked.definition(name);
        (definition, asked.has_left_any())
    }

    #[test]
    fn a_definition_of_the_code_segment_is_loaded_and_never_compiled() {
        let segment = segment(1, &[("a", GOOD), ("b", GOOD)]);
        let definitions = Definitions::default();
        assert!(
            definitions
                .take_code(code_segment(&[entry("a", GOOD, "x = 2")]))
                .is_none()
        );
        let (found, left) = asked(&definitions, &segment, "a", Cold::Leave);
        assert_eq!(
            (&*found.unwrap().name, left),
            ("from the code segment", false)
        );
        let (found, left) = asked(&definitions, &segment, "b", Cold::Leave);
        assert!(
            found.is_none() && left,
            "it is not there: a VM thread compiles it"
        );
        let (found, left) = asked(&definitions, &segment, "b", Cold::Compile);
        assert_eq!((&*found.unwrap().name, left), ("b", false));
        assert_eq!(definitions.take_counts(), [1, 1]);
        // Kept now, whatever becomes of the code.
        let before = definitions.take_code(code_segment(&[]));
        assert_eq!(before.map(|code| code.header().entries), Some(1));
        for name in ["a", "b"] {
            assert!(asked(&definitions, &segment, name, Cold::Leave).0.is_some());
        }
        assert_eq!(definitions.take_counts(), [0, 0]);
    }

    #[test]
    fn an_edited_definition_is_not_taken_from_the_code_of_the_old_one() {
        let definitions = Definitions::default();
        definitions.take_code(code_segment(&[entry("a", GOOD, "x = 2")]));
        let edited = segment(2, &[("a", "x = 3\n")]);
        assert!(asked(&definitions, &edited, "a", Cold::Leave).0.is_none());
        let (found, _) = asked(&definitions, &edited, "a", Cold::Compile);
        assert_eq!(&*found.unwrap().name, "a");
    }

    #[test]
    fn a_large_definition_is_left_to_a_vm_thread_whether_or_not_it_is_compiled() {
        let long = format!("# {}\n{GOOD}", "x".repeat(LOADED_INLINE_BYTES_MAX));
        let many = "x = [1, 2, 3]\n".repeat(LOADED_INLINE_BYTES_MAX / 10);
        let segment = segment(1, &[("long", &long), ("many", GOOD)]);
        let definitions = Definitions::default();
        definitions.take_code(code_segment(&[
            entry("long", &long, "x = 2"),
            entry("many", GOOD, &many),
        ]));
        for name in ["long", "many"] {
            assert!(asked(&definitions, &segment, name, Cold::Leave).1, "{name}");
            let (found, _) = asked(&definitions, &segment, name, Cold::Compile);
            assert_eq!(&*found.unwrap().name, "from the code segment");
        }
        assert_eq!(definitions.take_counts(), [2, 0]);
    }

    #[test]
    fn code_that_is_damaged_is_compiled_from_its_source() {
        let segment = segment(1, &[("a", GOOD)]);
        let definitions = Definitions::default();
        definitions.take_code(code_segment(&[(
            command("a", GOOD),
            EntryKind::Compiled,
            b"no code".to_vec(),
        )]));
        assert!(asked(&definitions, &segment, "a", Cold::Leave).1);
        let (found, _) = asked(&definitions, &segment, "a", Cold::Compile);
        assert!(found.unwrap().code.is_ok());
    }

    #[test]
    fn a_command_whose_row_is_left_out_says_so_until_it_is_there() {
        let definitions = Definitions::default();
        definitions.set_left_out(&[("a".to_owned(), "code is not UTF-8 (at byte 7)".to_owned())]);
        let without = segment(1, &[("b", GOOD)]);
        let (found, left) = asked(&definitions, &without, "a", Cold::Leave);
        let error = found.unwrap().code.clone().unwrap_err();
        assert!(!left && error.message.contains("at byte 7"), "{error}");
        assert!(asked(&definitions, &without, "c", Cold::Leave).0.is_none());
        let with = segment(2, &[("a", GOOD)]);
        assert!(
            asked(&definitions, &with, "a", Cold::Compile)
                .0
                .unwrap()
                .code
                .is_ok()
        );
        definitions.set_left_out(&[]);
        assert!(asked(&definitions, &without, "a", Cold::Leave).0.is_none());
    }

    #[test]
    fn what_is_in_quarantine_is_not_compiled_on_any_thread() {
        let segment = segment(1, &[("a", GOOD), ("b", GOOD)]);
        let definitions = Definitions::default();
        let hash = SourceHash::of(&command("a", GOOD)).to_string();
        definitions.set_quarantine(&[
            (hash, "it is too much".to_owned()),
            ("no hash".to_owned(), String::new()),
        ]);
        let (found, left) = asked(&definitions, &segment, "a", Cold::Leave);
        let error = found.unwrap().code.clone().unwrap_err();
        assert!(!left && error.message.contains("it is too much"), "{error}");
        assert!(
            asked(&definitions, &segment, "b", Cold::Compile)
                .0
                .unwrap()
                .code
                .is_ok()
        );
        assert_eq!(definitions.take_counts(), [0, 1]);
    }

    #[test]
    fn what_is_kept_is_bounded_by_what_it_holds_and_not_by_its_text() {
        // A short text with much code: `finally` is copied to each way out.
        let code = format!(
            "while 1:\n try:\n{} finally:\n{}",
            "  if a: continue\n".repeat(20),
            "  a=1\n".repeat(500)
        );
        let definition = Arc::new(Definition::new("large", &code, "[]"));
        let weight = definition.weight_bytes();
        assert!(weight > 30 * code.len(), "{weight} of {}", code.len());
        let definitions = Definitions::default();
        let mut most = 0;
        for number in 0..DEFINITIONS_BYTES_MAX / weight * 2 {
            definitions.keep(&format!("c{number}"), 1, &definition);
            let kept = definitions.kept_now();
            assert!(kept.bytes <= DEFINITIONS_BYTES_MAX);
            assert!(kept.bytes >= kept.by_name.len() * weight);
            most = most.max(kept.by_name.len());
        }
        assert!(most > 1 && most < DEFINITIONS_MAX, "{most}");
        // The same name again takes the place of what it had.
        let before = definitions.kept_now().bytes;
        let last = DEFINITIONS_BYTES_MAX / weight * 2 - 1;
        definitions.keep(&format!("c{last}"), 2, &definition);
        assert_eq!(definitions.kept_now().bytes, before);
    }
}
