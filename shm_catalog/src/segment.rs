//! Reading a segment: what a worker does on every request.
//!
//! Nothing here trusts the bytes. The header is checked once; behind it every reference is
//! bounds-checked at use, so that a damaged segment gives a wrong answer at worst, never a panic,
//! a wild access or an unbounded loop (`verify` is what finds the damage).

use std::io;

use crate::ids::{Digest, SegmentId, WireForm};
use crate::layout::{
    Header, HeaderError, INDEX_ENTRY_BYTES, NAME_ENTRY_BYTES, RecordPlace, index_home, name_hash,
};
use crate::mapping::{ReadMap, open_read};
use crate::record;

/// Why a segment could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It was retired meanwhile: read the announcement again.
    #[error("segment {0} is gone: it was retired")]
    Gone(String),
    /// The bytes are not a segment.
    #[error("segment {name}: {source}")]
    Damaged {
        /// The segment.
        name: String,
        /// What does not fit.
        source: HeaderError,
    },
    /// The system refused.
    #[error("segment {name}: {source}")]
    System {
        /// The segment.
        name: String,
        /// Its answer.
        source: io::Error,
    },
}

/// One version of the catalogue, mapped read-only. Send and Sync; share it in an `Arc`.
#[derive(Debug)]
pub struct Segment {
    map: ReadMap,
    header: Header,
}

impl Segment {
    /// Maps `/dev/shm/<name>` and checks its header, nothing else.
    ///
    /// # Errors
    /// [`OpenError::Gone`] when there is no such file, `Damaged` when it is not a segment.
    pub fn open(name: &str) -> Result<Self, OpenError> {
        let system = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => OpenError::Gone(name.to_owned()),
            _ => OpenError::System {
                name: name.to_owned(),
                source,
            },
        };
        let damaged = |source| OpenError::Damaged {
            name: name.to_owned(),
            source,
        };
        let file = open_read(name).map_err(system)?;
        let file_bytes = file.metadata().map_err(system)?.len();
        if file_bytes < crate::mapping::PAGE {
            return Err(damaged(HeaderError(format!(
                "{file_bytes} bytes are too few for a segment"
            ))));
        }
        let header = {
            let first_page = ReadMap::new(&file, crate::mapping::PAGE).map_err(system)?;
            Header::parse(&first_page, file_bytes).map_err(damaged)?
        };
        let map = ReadMap::new(&file, header.total_bytes).map_err(system)?;
        Ok(Self { map, header })
    }

    /// The segment as bytes and header.
    #[must_use]
    pub fn view(&self) -> SegmentView<'_> {
        SegmentView {
            bytes: &self.map,
            header: &self.header,
        }
    }

    /// The record of the command with this name: an encoded `CommandDefinition` (`standard`) or
    /// `CommandResponse` (`lite`).
    #[must_use]
    pub fn lookup(&self, name: &[u8]) -> Option<&[u8]> {
        self.view().lookup(name)
    }

    /// The whole reply to `SyncCatalog`.
    #[must_use]
    pub fn sync_body(&self) -> &[u8] {
        self.view().sync_body()
    }

    /// Names in ascending order of their bytes; entries that do not hold one are left out.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.view().names()
    }

    /// Commands in this version.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.header.commands
    }

    /// Identity of the content.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(self.header.digest)
    }

    /// Encoding of the records.
    #[must_use]
    pub fn wire(&self) -> WireForm {
        self.header.wire()
    }

    /// What the file is named after.
    #[must_use]
    pub fn id(&self) -> SegmentId {
        SegmentId(self.header.segment_id)
    }

    /// When it was built, milliseconds since 1970 UTC.
    #[must_use]
    pub fn created_at_ms(&self) -> u64 {
        self.header.created_at_ms
    }

    /// Bytes of the whole segment, header to names.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.header.total_bytes
    }

    /// Whether it holds no command.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.header.commands == 0
    }

    /// Makes every page present, so that no request takes a page fault. Takes about 50 ms a GB:
    /// not for the thread that serves.
    pub fn prefault(&self) {
        self.map.prefault();
    }

    /// The same for what says where the records are: all that a lookup needs but for the record itself.
    pub fn prefault_index(&self) {
        self.prefault_range(
            self.header.index_offset as usize,
            self.header.total_bytes as usize,
        );
    }

    /// The same for the records.
    pub fn prefault_records(&self) {
        self.prefault_range(0, self.header.index_offset as usize);
    }

    /// See [`ReadMap::prefault_range`]; the bytes are of the segment.
    pub(crate) fn prefault_range(&self, from: usize, to: usize) {
        self.map.prefault_range(from, to);
    }
}

/// A segment's bytes with its checked header: all reading is written against this, so that it
/// runs on any bytes (a mapping, a snapshot, a fuzzer's).
#[derive(Clone, Copy, Debug)]
pub struct SegmentView<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) header: &'a Header,
}

impl<'a> SegmentView<'a> {
    /// A view of `bytes` under a header that `Header::parse` accepted for them.
    ///
    /// # Errors
    /// When `bytes` are fewer than the header promises.
    pub fn new(bytes: &'a [u8], header: &'a Header) -> Result<Self, HeaderError> {
        if (bytes.len() as u64) < header.total_bytes {
            return Err(HeaderError(format!(
                "truncated: {} bytes expected, found {}",
                header.total_bytes,
                bytes.len()
            )));
        }
        Ok(Self {
            bytes: &bytes[..header.total_bytes as usize],
            header,
        })
    }

    /// See [`Segment::lookup`].
    #[must_use]
    pub fn lookup(&self, name: &[u8]) -> Option<&'a [u8]> {
        let place = self.find(name)?;
        self.record_at(place)
    }

    /// Where the index says the record of `name` lies; the record has that name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<RecordPlace> {
        let capacity = self.header.index_capacity;
        let hash = name_hash(name, self.header.index_seed);
        let mut slot = index_home(hash, capacity);
        for _ in 0..self.header.index_probes.min(capacity) {
            let (entry_hash, word) = self.index_entry(slot)?;
            if word == 0 {
                return None;
            }
            let place = RecordPlace::unpack(word);
            if entry_hash == hash && self.record_at(place).and_then(record::name_of) == Some(name) {
                return Some(place);
            }
            slot = if slot + 1 == capacity { 0 } else { slot + 1 };
        }
        None
    }

    pub(crate) fn index_entry(&self, slot: u64) -> Option<(u64, u64)> {
        let at = (self.header.index_offset + slot * INDEX_ENTRY_BYTES) as usize;
        let entry = self.bytes.get(at..)?.first_chunk::<16>()?;
        let word = u128::from_le_bytes(*entry);
        Some((word as u64, (word >> 64) as u64))
    }

    /// The bytes of a record, if the place lies inside the records region.
    pub(crate) fn record_at(&self, place: RecordPlace) -> Option<&'a [u8]> {
        let end = place.offset + u64::from(place.bytes);
        if place.offset < self.header.records_offset || end > self.header.records_end() {
            return None;
        }
        self.bytes.get(place.offset as usize..end as usize)
    }

    /// See [`Segment::sync_body`].
    #[must_use]
    pub fn sync_body(&self) -> &'a [u8] {
        let from = self.header.records_offset as usize;
        let to = (self.header.records_end() + self.header.tail_bytes) as usize;
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// The records region: each record with its tag and length.
    #[must_use]
    pub fn records(&self) -> &'a [u8] {
        self.bytes
            .get(self.header.records_offset as usize..self.header.records_end() as usize)
            .unwrap_or_default()
    }

    /// See [`Segment::names`].
    pub fn names(self) -> impl Iterator<Item = &'a str> {
        (0..self.header.commands).filter_map(move |rank| {
            let offset = self.name_entry(rank)?;
            std::str::from_utf8(self.name_at(offset)?).ok()
        })
    }

    /// Offset of the record whose name has this rank.
    pub(crate) fn name_entry(&self, rank: u64) -> Option<u64> {
        let at = (self.header.names_offset + rank * NAME_ENTRY_BYTES) as usize;
        self.bytes
            .get(at..)?
            .first_chunk::<8>()
            .map(|word| u64::from_le_bytes(*word))
    }

    /// Name of the record at an offset.
    pub(crate) fn name_at(&self, offset: u64) -> Option<&'a [u8]> {
        if offset < self.header.records_offset || offset >= self.header.records_end() {
            return None;
        }
        record::name_of(
            self.bytes
                .get(offset as usize..self.header.records_end() as usize)?,
        )
    }
}
