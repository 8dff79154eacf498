//! Filling a segment, row by row.
//!
//! Rows are encoded into a buffer that stays in the processor's cache, hashed there, and written
//! with `pwrite`. Writing through a mapping instead costs a page fault and the zeroing of each
//! page before its first store, and turns "no room" into SIGBUS.
//!
//! Memory of the process: the buffer, and 24 bytes a row. The file grows in steps, each checked
//! against the room there is and allocated before it is written.

use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::unix::fs::FileExt;

use xxhash_rust::xxh3::Xxh3;

use crate::growth::{Extent, GrowthError};
use crate::ids::{Digest, SegmentId, WireForm};
use crate::layout::{RECORD_BYTES_MAX, RecordPlace, Regions, digest_start, name_hash};
use crate::mapping::{PAGE, open_write};
use crate::record::{self, Encoder, Fields, NAME_BYTES_MAX, SigningKeyMissing};
use crate::room::RoomError;

/// Encoded bytes are written when this many are there: small enough to stay in a second-level
/// cache, large enough that a system call does not show.
const STAGE_BYTES: usize = 256 << 10;

/// How many duplicate names and bad rows a report spells out.
pub const REPORTED_MAX: usize = 100;

/// The type of a command whose row has none.
const DEFAULT_KIND: &[u8] = b"function";

/// The interface of a command whose row has none.
const DEFAULT_INTERFACE: &[u8] = b"[]";

/// Room for `total_count` and `version_hash`, which only the lite form has.
const TAIL_BYTES_MAX: u64 = 64;

/// A command as its source holds it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row<'a> {
    /// Decides between rows of one name: the highest wins, the later of equal ones.
    pub id: i64,
    /// UTF-8, 1 to 256 bytes; a row without is left out.
    pub name: Option<&'a [u8]>,
    /// UTF-8; absent is empty.
    pub code: Option<&'a [u8]>,
    /// UTF-8; absent is `function`.
    pub kind: Option<&'a [u8]>,
    /// UTF-8, a JSON list; absent is `[]`.
    pub interface: Option<&'a [u8]>,
}

/// How a segment is to be built.
#[derive(Clone, Debug)]
pub struct BuilderOptions {
    /// Encoding of the records.
    pub wire: WireForm,
    /// Signs the packages; `lite` cannot do without.
    pub signing_key: Option<Vec<u8>>,
    /// Memory left to others, see [`room`].
    pub reserve_bytes: u64,
    /// Largest segment, header to names.
    pub max_bytes: u64,
}

/// Why a segment was not built. The builder is of no more use then.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The host or a limit of it has no room.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// Over `max_bytes`.
    #[error(
        "the catalogue is too large: {commands} commands need more than max_bytes = {max_bytes}; raise the limit or \
         serve fewer commands"
    )]
    TooLarge {
        /// Commands so far.
        commands: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// The COPY stream is not what was asked for.
    #[error("the COPY stream is damaged after {rows} rows: {reason}")]
    Stream {
        /// Rows read before.
        rows: u64,
        /// What is wrong.
        reason: String,
    },
    /// A setting is missing.
    #[error(transparent)]
    SigningKey(#[from] SigningKeyMissing),
    /// The system refused.
    #[error("segment {name}: {source}")]
    System {
        /// The segment.
        name: String,
        /// Its answer.
        source: io::Error,
    },
}

/// A row that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Of the row.
    pub id: i64,
    /// Of the command; empty when the row has none that anybody could ask for.
    pub name: String,
    /// Which column, what is wrong with it, and where.
    pub reason: String,
}

/// What was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildReport {
    /// Commands in the segment.
    pub commands: u64,
    /// Rows pushed: commands, duplicates and bad rows.
    pub rows: u64,
    /// Rows left out for a row of the same name with a higher id.
    pub duplicates: u64,
    /// Their names, each once, at most [`REPORTED_MAX`].
    pub duplicate_names: Vec<String>,
    /// Rows that cannot be served.
    pub bad_rows: u64,
    /// The first [`REPORTED_MAX`] of them.
    pub bad_rows_shown: Vec<BadRow>,
    /// Bytes of the segment.
    pub bytes: u64,
    /// Bytes of the records region.
    pub records_bytes: u64,
    /// Identity of the content.
    pub digest: Digest,
}

/// A row that is in the segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) id: i64,
    pub(crate) name_hash: u64,
    /// [`RecordPlace::pack`]; 0 once the row has lost to a duplicate.
    pub(crate) place: u64,
}

/// Fills one segment; [`Builder::finish`] completes it.
#[derive(Debug)]
pub struct Builder {
    pub(crate) name: String,
    pub(crate) segment_id: SegmentId,
    pub(crate) file: File,
    pub(crate) wire: WireForm,
    pub(crate) index_seed: u64,
    /// Digest of what was written.
    pub(crate) digest: DigestState,
    /// Bytes of the records region that are in the file.
    pub(crate) written_bytes: u64,
    pub(crate) kept: Vec<Kept>,
    encoder: Encoder,
    staged: Vec<u8>,
    extent: Extent,
    max_bytes: u64,
    rows: u64,
    bad_rows: u64,
    bad_rows_shown: Vec<BadRow>,
}

/// Only so that a builder can be shown: the state of the hash says nothing to a person.
#[derive(Clone)]
pub(crate) struct DigestState(pub(crate) Xxh3);

impl std::fmt::Debug for DigestState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Xxh3")
    }
}

impl Builder {
    /// A builder that fills the existing segment `/dev/shm/<name>`, whatever its length is.
    ///
    /// # Errors
    /// [`BuildError::System`] when it cannot be opened, [`BuildError::SigningKey`].
    pub fn open(
        name: &str,
        segment_id: SegmentId,
        options: &BuilderOptions,
    ) -> Result<Self, BuildError> {
        let encoder = Encoder::new(options.wire, options.signing_key.as_deref())?;
        let system = |source| BuildError::System {
            name: name.to_owned(),
            source,
        };
        let file = open_write(name).map_err(system)?;
        // Whatever a caller put there must not show between our regions.
        file.set_len(0).map_err(system)?;
        Ok(Self {
            name: name.to_owned(),
            segment_id,
            file,
            wire: options.wire,
            index_seed: std::hash::RandomState::new().build_hasher().finish(),
            digest: DigestState(digest_start(options.wire)),
            written_bytes: 0,
            kept: Vec::new(),
            encoder,
            staged: Vec::with_capacity(STAGE_BYTES * 2),
            extent: Extent::new(options.reserve_bytes),
            max_bytes: options.max_bytes,
            rows: 0,
            bad_rows: 0,
            bad_rows_shown: Vec::new(),
        })
    }

    /// Rows seen so far, bad ones included.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds a row. A row that cannot be served is counted and left out; it fails nothing.
    ///
    /// # Errors
    /// [`BuildError::Room`], [`BuildError::TooLarge`], [`BuildError::System`].
    pub fn push(&mut self, row: &Row<'_>) -> Result<(), BuildError> {
        let fields = match checked_fields(row) {
            Ok(fields) => fields,
            Err(reason) => {
                self.reject(row.id, row.name, reason);
                return Ok(());
            }
        };
        let record_bytes = self.encoder.record_bytes(&fields);
        if record_bytes > RECORD_BYTES_MAX {
            self.reject(
                row.id,
                row.name,
                too_long("record", record_bytes as u64, RECORD_BYTES_MAX),
            );
            return Ok(());
        }
        let framed_bytes = record::framed_bytes(record_bytes);
        let region_bytes = self.written_bytes + self.staged.len() as u64 + framed_bytes as u64;
        self.check_limit(region_bytes)?;
        self.rows += 1;
        let place = RecordPlace {
            offset: PAGE + region_bytes - record_bytes as u64,
            bytes: record_bytes as u32,
        };
        let name_hash = name_hash(fields.name, self.index_seed);
        self.kept.push(Kept {
            id: row.id,
            name_hash,
            place: place.pack(),
        });
        self.encoder.append(&fields, record_bytes, &mut self.staged);
        if self.staged.len() >= STAGE_BYTES {
            let whole_pages = self.staged.len() & !(PAGE as usize - 1);
            self.flush(whole_pages)?;
        }
        Ok(())
    }

    /// Counts a row that cannot be served. `name` is what the row has in its place.
    pub fn reject(&mut self, id: i64, name: Option<&[u8]>, reason: String) {
        self.rows += 1;
        self.bad_rows += 1;
        if self.bad_rows_shown.len() < REPORTED_MAX {
            let name = name
                .filter(|name| name.len() <= NAME_BYTES_MAX)
                .and_then(|name| std::str::from_utf8(name).ok())
                .unwrap_or_default()
                .to_owned();
            self.bad_rows_shown.push(BadRow { id, name, reason });
        }
    }

    /// Completes the segment: drops duplicates, writes index, names and header, trims the file.
    /// Nothing of it stays mapped.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(mut self) -> Result<BuildReport, BuildError> {
        self.flush(self.staged.len())?;
        self.staged = Vec::new();
        let sealed = crate::seal::seal(&mut self)?;
        Ok(BuildReport {
            commands: sealed.commands,
            rows: self.rows,
            duplicates: sealed.duplicates,
            duplicate_names: sealed.duplicate_names,
            bad_rows: self.bad_rows,
            bad_rows_shown: self.bad_rows_shown,
            bytes: sealed.bytes,
            records_bytes: sealed.records_bytes,
            digest: sealed.digest,
        })
    }

    /// Gives the segment's memory back; its file stays, empty, for its owner to unlink.
    ///
    /// # Errors
    /// [`BuildError::System`].
    pub fn abandon(self) -> Result<(), BuildError> {
        self.file.set_len(0).map_err(|source| self.system(source))
    }

    /// Refuses a catalogue whose segment would be over the limit.
    fn check_limit(&self, records_bytes: u64) -> Result<(), BuildError> {
        let commands = self.kept.len() as u64 + 1;
        let fits = Regions::for_body(records_bytes + TAIL_BYTES_MAX, commands)
            .is_some_and(|regions| regions.total_bytes <= self.max_bytes);
        // Rows are numbered with 32 bits while the index is made.
        if fits && commands < u64::from(u32::MAX) {
            return Ok(());
        }
        Err(BuildError::TooLarge {
            commands,
            max_bytes: self.max_bytes,
        })
    }

    /// Writes the first `bytes` of the staged ones.
    fn flush(&mut self, bytes: usize) -> Result<(), BuildError> {
        let at = PAGE + self.written_bytes;
        self.grow(at + bytes as u64)?;
        let staged = &self.staged[..bytes];
        self.digest.0.update(staged);
        self.file
            .write_all_at(staged, at)
            .map_err(|source| self.system(source))?;
        self.written_bytes += bytes as u64;
        self.staged.drain(..bytes);
        if self.staged.capacity() > STAGE_BYTES * 8 {
            self.staged.shrink_to(STAGE_BYTES * 2);
        }
        Ok(())
    }

    /// Makes sure that the file's memory reaches to `end`.
    pub(crate) fn grow(&mut self, end: u64) -> Result<(), BuildError> {
        self.extent
            .reach(&self.file, end)
            .map_err(|error| match error {
                GrowthError::Room(room) => BuildError::Room(room),
                GrowthError::System(source) => self.system(source),
            })
    }

    /// Cuts the file to `bytes`; what is allocated again later reads as zero.
    pub(crate) fn truncate(&mut self, bytes: u64) -> Result<(), BuildError> {
        self.file
            .set_len(bytes)
            .map_err(|source| self.system(source))?;
        self.extent.allocated_bytes = bytes;
        Ok(())
    }

    pub(crate) fn system(&self, source: io::Error) -> BuildError {
        BuildError::System {
            name: self.name.clone(),
            source,
        }
    }
}

/// The fields of a row with their defaults, or why it cannot be served.
fn checked_fields<'a>(row: &Row<'a>) -> Result<Fields<'a>, String> {
    let name = match row.name {
        None => return Err("name is NULL".to_owned()),
        Some([]) => return Err("name is empty".to_owned()),
        Some(name) if name.len() > NAME_BYTES_MAX => {
            return Err(too_long("name", name.len() as u64, NAME_BYTES_MAX));
        }
        Some(name) => name,
    };
    let fields = Fields {
        name,
        code: row.code.unwrap_or_default(),
        kind: row.kind.unwrap_or(DEFAULT_KIND),
        interface: row.interface.unwrap_or(DEFAULT_INTERFACE),
    };
    let texts = [
        ("name", fields.name),
        ("code", fields.code),
        ("type", fields.kind),
        ("interface", fields.interface),
    ];
    for (column, text) in texts {
        if let Err(error) = std::str::from_utf8(text) {
            return Err(format!(
                "{column} is not UTF-8 (at byte {})",
                error.valid_up_to()
            ));
        }
    }
    Ok(fields)
}

/// Why something over a limit is left out.
pub(crate) fn too_long(what: &str, bytes: u64, max_bytes: usize) -> String {
    format!("{what} is too long: {bytes} bytes, at most {max_bytes}")
}
