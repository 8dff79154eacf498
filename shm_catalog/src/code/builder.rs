//! Writing a code segment, entry by entry, so that whatever ends the writer, the next one goes on behind it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{SystemTime, UNIX_EPOCH};

use xxhash_rust::xxh3::Xxh3;

use crate::growth::{Extent, GrowthError};
use crate::ids::{Digest, SegmentId};
use crate::mapping::{PAGE, ReadMap, open_write};
use crate::room::RoomError;

use super::SourceHash;
use super::layout::{
    CODE_BYTES_MAX, CodeHeader, EntryKind, FRAME_BYTES, Frame, INDEX_BYTES, IndexEntry,
    PROGRESS_BYTES, PROGRESS_OFFSET, Progress,
};

/// Entries are written when this many bytes of them are there.
const STAGE_BYTES: usize = 64 << 10;

/// Entries of the index that are written at once.
const INDEX_BATCH: usize = 1024;

/// Why a code segment was not written.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The host or a limit of it has no room.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// An entry or the whole is too large.
    #[error("the compiled definitions are too large: {0} bytes")]
    TooLarge(u64),
    /// Two definitions with one source hash.
    #[error("the source {0} was compiled twice")]
    Twice(SourceHash),
    /// The system refused.
    #[error("code segment {name}: {source}")]
    System {
        /// The segment.
        name: String,
        /// Its answer.
        source: io::Error,
    },
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeReport {
    /// Definitions.
    pub entries: u64,
    /// Those that do not compile.
    pub refused: u64,
    /// Those that ended a compiler.
    pub quarantined: u64,
    /// Bytes of the segment.
    pub bytes: u64,
}

/// Fills one code segment; [`CodeBuilder::finish`] completes it.
pub struct CodeBuilder {
    name: String,
    file: File,
    extent: Extent,
    digest: Xxh3,
    index: Vec<IndexEntry>,
    /// Bytes of the entries' region that are in the file.
    written_bytes: u64,
    staged: Vec<u8>,
}

impl CodeBuilder {
    /// A builder for the existing segment `/dev/shm/<name>`. It goes on behind the entries that an earlier one wrote whole;
    /// `reserve_bytes` of memory are left to others.
    ///
    /// # Errors
    /// [`CodeError::System`] when it cannot be opened, read or cut.
    pub fn open(name: &str, reserve_bytes: u64) -> Result<Self, CodeError> {
        let system = |source| CodeError::System {
            name: name.to_owned(),
            source,
        };
        let file = open_write(name).map_err(system)?;
        let mut builder = Self {
            name: name.to_owned(),
            extent: Extent::new(reserve_bytes),
            digest: Xxh3::new(),
            index: Vec::new(),
            written_bytes: 0,
            staged: Vec::with_capacity(STAGE_BYTES * 2),
            file,
        };
        builder.take_over().map_err(system)?;
        Ok(builder)
    }

    /// Entries in it, those of an earlier writer included.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.index.len() as u64
    }

    /// Leaves word that a definition is under way now, for whoever finds out that this process is gone.
    ///
    /// # Errors
    /// [`CodeError::Room`], [`CodeError::System`].
    pub fn begin(&mut self, hash: SourceHash, name: &str) -> Result<(), CodeError> {
        self.grow(PAGE)?;
        let progress = Progress::encode(self.entries(), hash, name);
        self.write(&progress, PROGRESS_OFFSET)
    }

    /// Leaves word that none is under way any more.
    ///
    /// # Errors
    /// [`CodeError::System`].
    pub fn idle(&mut self) -> Result<(), CodeError> {
        self.grow(PAGE)?;
        let mut nothing = [0; PROGRESS_BYTES];
        nothing[..8].copy_from_slice(&self.entries().to_le_bytes());
        self.write(&nothing, PROGRESS_OFFSET)
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`CodeError::TooLarge`], [`CodeError::Room`], [`CodeError::System`].
    pub fn push(
        &mut self,
        hash: SourceHash,
        kind: EntryKind,
        payload: &[u8],
    ) -> Result<(), CodeError> {
        let too_large = CodeError::TooLarge(payload.len() as u64);
        let Ok(bytes) = u32::try_from(payload.len()) else {
            return Err(too_large);
        };
        let region_bytes = self.written_bytes + self.staged.len() as u64;
        let offset = PAGE + region_bytes + FRAME_BYTES as u64;
        if offset + u64::from(bytes) + (self.entries() + 2) * INDEX_BYTES > CODE_BYTES_MAX / 2 {
            return Err(too_large);
        }
        let frame = Frame { hash, bytes, kind }.encode(payload);
        self.staged.extend_from_slice(&frame);
        self.staged.extend_from_slice(payload);
        self.index.push(IndexEntry {
            hash,
            offset,
            bytes,
            kind: kind as u32,
        });
        if self.staged.len() >= STAGE_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what is staged. Called before something that may end this process, so that nothing before it is lost.
    ///
    /// # Errors
    /// [`CodeError::Room`], [`CodeError::System`].
    pub fn flush(&mut self) -> Result<(), CodeError> {
        let at = PAGE + self.written_bytes;
        self.grow(at + self.staged.len() as u64)?;
        self.write(&self.staged, at)?;
        self.digest.update(&self.staged);
        self.written_bytes += self.staged.len() as u64;
        self.staged.clear();
        self.staged.shrink_to(STAGE_BYTES * 2);
        Ok(())
    }

    /// Completes the segment: index, header, no more progress, no more bytes than it needs. `version` is the digest of the
    /// version that it was made for, `form` that of the payloads.
    ///
    /// # Errors
    /// [`CodeError::Twice`], and as [`Self::push`].
    pub fn finish(
        mut self,
        segment_id: SegmentId,
        version: Digest,
        form: u64,
    ) -> Result<CodeReport, CodeError> {
        self.flush()?;
        self.index.sort_unstable_by_key(|entry| entry.hash);
        let twice = self
            .index
            .windows(2)
            .find(|pair| pair[0].hash == pair[1].hash);
        if let Some(pair) = twice {
            return Err(CodeError::Twice(pair[0].hash));
        }
        let count = |kind| {
            let of_kind = |entry: &&IndexEntry| entry.kind == kind as u32;
            self.index.iter().filter(of_kind).count() as u64
        };
        let mut header = CodeHeader {
            segment_id,
            form,
            digest: Digest::from(0),
            version,
            created_at_ms: now_ms(),
            entries: self.entries(),
            refused: count(EntryKind::Refused),
            quarantined: count(EntryKind::Quarantined),
            entries_bytes: self.written_bytes,
        };
        let (Some(index_offset), Some(bytes)) = (header.index_offset(), header.total_bytes())
        else {
            return Err(CodeError::TooLarge(self.written_bytes));
        };
        self.grow(bytes)?;
        let mut at = index_offset;
        for batch in self.index.chunks(INDEX_BATCH) {
            let encoded: Vec<u8> = batch.iter().flat_map(IndexEntry::encode).collect();
            self.write(&encoded, at)?;
            self.digest.update(&encoded);
            at += encoded.len() as u64;
        }
        header.digest = Digest::from(self.digest.digest128());
        let Some(header_bytes) = header.to_bytes() else {
            return Err(CodeError::TooLarge(self.written_bytes));
        };
        self.write(&[0; PROGRESS_BYTES], PROGRESS_OFFSET)?;
        self.write(&header_bytes, 0)?;
        self.file
            .set_len(bytes)
            .map_err(|source| self.system(source))?;
        Ok(CodeReport {
            entries: header.entries,
            refused: header.refused,
            quarantined: header.quarantined,
            bytes,
        })
    }

    /// Reads the entries that are there and cuts off what is none.
    fn take_over(&mut self) -> io::Result<()> {
        let file_bytes = self.file.metadata()?.len();
        if file_bytes > PAGE {
            let map = ReadMap::new(&self.file, file_bytes)?;
            let mut rest = &map[PAGE as usize..];
            while let Some((frame, payload)) = Frame::decode(rest) {
                let (entry, behind) = rest.split_at(FRAME_BYTES + payload.len());
                self.digest.update(entry);
                self.index.push(IndexEntry {
                    hash: frame.hash,
                    offset: PAGE + self.written_bytes + FRAME_BYTES as u64,
                    bytes: frame.bytes,
                    kind: frame.kind as u32,
                });
                self.written_bytes += entry.len() as u64;
                rest = behind;
            }
        }
        // Whatever lies behind must not show between the regions.
        let end = if self.written_bytes > 0 {
            PAGE + self.written_bytes
        } else {
            0
        };
        self.file.set_len(end)?;
        self.extent.allocated_bytes = end;
        Ok(())
    }

    fn grow(&mut self, end: u64) -> Result<(), CodeError> {
        self.extent
            .reach(&self.file, end)
            .map_err(|error| match error {
                GrowthError::Room(room) => CodeError::Room(room),
                GrowthError::System(source) => self.system(source),
            })
    }

    fn write(&self, bytes: &[u8], at: u64) -> Result<(), CodeError> {
        self.file
            .write_all_at(bytes, at)
            .map_err(|source| self.system(source))
    }

    fn system(&self, source: io::Error) -> CodeError {
        CodeError::System {
            name: self.name.clone(),
            source,
        }
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
