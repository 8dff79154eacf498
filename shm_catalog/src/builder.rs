//! Filling a segment, row by row.
//!
//! Rows are encoded into batches that stay in the processor's cache, hashed there, and written
//! with `pwrite`. Writing through a mapping instead costs a page fault and the zeroing of each
//! page before its first store, and turns "no room" into SIGBUS.
//!
//! Memory of the process: the batches, and 40 bytes a row. The file grows in steps, each checked
//! against the room there is and allocated before it is written.

use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::batch::Batch;
use crate::growth::{Extent, GrowthError};
use crate::ids::{Digest, SegmentId, WireForm};
use crate::layout::{RecordPlace, Regions, digest_start};
use crate::mapping::{PAGE, open_write};
use crate::record::{Encoder, SigningKeyMissing};
use crate::room::RoomError;
use crate::segment::Segment;

/// Encoded bytes are written when this many are there: small enough to stay in a second-level
/// cache, large enough that a system call does not show.
const STAGE_BYTES: usize = 256 << 10;

/// How many duplicate names and bad rows a report spells out.
pub const REPORTED_MAX: usize = 100;

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
    /// The first [`NAME_WINDOWS`] windows of the name: names are sorted without going out to their records, where each
    /// would be a cache miss (0.15 s a million).
    pub(crate) name_start: [u64; NAME_WINDOWS],
}

/// Windows of a name that stay in memory; many catalogues have names that begin alike.
pub(crate) const NAME_WINDOWS: usize = 2;

/// Eight bytes of a name as a number that orders like them, zeros behind its end.
pub(crate) fn name_window(name: &[u8], skip: usize) -> u64 {
    let rest = name.get(skip..).unwrap_or_default();
    let mut bytes = [0; 8];
    let taken = rest.len().min(8);
    bytes[..taken].copy_from_slice(&rest[..taken]);
    u64::from_be_bytes(bytes)
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
    staged: Batch,
    extent: Extent,
    max_bytes: u64,
    rows: u64,
    bad_rows: u64,
    bad_rows_shown: Vec<BadRow>,
}

/// Where a batch belongs.
#[derive(Debug)]
pub struct Placed {
    at: u64,
}

impl Placed {
    /// Writes the batch that this is the place of.
    ///
    /// # Errors
    /// As the system reports them.
    pub fn write(&self, file: &File, batch: &Batch) -> io::Result<()> {
        file.write_all_at(&batch.encoded, self.at)
    }
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
        let index_seed = std::hash::RandomState::new().build_hasher().finish();
        Ok(Self {
            name: name.to_owned(),
            segment_id,
            file,
            wire: options.wire,
            index_seed,
            digest: DigestState(digest_start(options.wire)),
            written_bytes: 0,
            kept: Vec::new(),
            staged: Batch::new(encoder, None, index_seed),
            extent: Extent::new(options.reserve_bytes),
            max_bytes: options.max_bytes,
            rows: 0,
            bad_rows: 0,
            bad_rows_shown: Vec::new(),
        })
    }

    /// Lets rows that are in an earlier version, unchanged, take their records from it. To be called before the first row.
    pub fn take_over(&mut self, earlier: Arc<Segment>) {
        self.staged.take_over(earlier);
    }

    /// Rows seen so far, bad ones included.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows + self.staged.rows
    }

    /// An empty batch for [`Self::place`].
    #[must_use]
    pub fn batch(&self) -> Batch {
        self.staged.sibling()
    }

    /// The segment's file, for [`Placed::write`] from another thread.
    ///
    /// # Errors
    /// [`BuildError::System`] when there is no descriptor to be had.
    pub fn file(&self) -> Result<File, BuildError> {
        self.file.try_clone().map_err(|source| self.system(source))
    }

    /// Adds a row. A row that cannot be served is counted and left out; it fails nothing.
    ///
    /// # Errors
    /// [`BuildError::Room`], [`BuildError::TooLarge`], [`BuildError::System`].
    pub fn push(&mut self, row: &Row<'_>) -> Result<(), BuildError> {
        self.staged.push(row);
        self.check_limit(&self.staged)?;
        if self.staged.encoded.len() >= STAGE_BYTES {
            self.write_staged()?;
        }
        Ok(())
    }

    /// Counts a row that cannot be served. `name` is what the row has in its place.
    pub fn reject(&mut self, id: i64, name: Option<&[u8]>, reason: String) {
        self.staged.reject(id, name, reason);
    }

    /// Gives a batch its place behind the rows so far, with the memory for it; its bytes are to be written before
    /// [`Self::finish`].
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn place(&mut self, batch: &mut Batch) -> Result<Placed, BuildError> {
        self.check_limit(batch)?;
        let at = PAGE + self.written_bytes;
        self.grow(at + batch.encoded.len() as u64)?;
        self.digest.0.update(&batch.encoded);
        let behind = self.written_bytes;
        self.kept.extend(batch.kept.drain(..).map(|mut row| {
            let mut place = RecordPlace::unpack(row.place);
            place.offset += behind;
            row.place = place.pack();
            row
        }));
        self.written_bytes += batch.encoded.len() as u64;
        self.rows += batch.rows;
        self.bad_rows += batch.bad_rows;
        let spelt_out = REPORTED_MAX - self.bad_rows_shown.len().min(REPORTED_MAX);
        self.bad_rows_shown
            .extend(batch.bad_rows_shown.drain(..).take(spelt_out));
        Ok(Placed { at })
    }

    /// Completes the segment: drops duplicates, writes index, names and header, trims the file.
    /// Nothing of it stays mapped.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(mut self) -> Result<BuildReport, BuildError> {
        self.write_staged()?;
        self.staged = self.batch();
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

    /// Refuses a catalogue whose segment would be over the limit with this batch.
    fn check_limit(&self, batch: &Batch) -> Result<(), BuildError> {
        let commands = (self.kept.len() + batch.kept.len()) as u64;
        let records_bytes = self.written_bytes + batch.encoded.len() as u64;
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

    fn write_staged(&mut self) -> Result<(), BuildError> {
        let empty = self.batch();
        let mut staged = std::mem::replace(&mut self.staged, empty);
        let written = self
            .place(&mut staged)?
            .write(&self.file, &staged)
            .map_err(|source| self.system(source));
        staged.clear(STAGE_BYTES * 2);
        self.staged = staged;
        written
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
