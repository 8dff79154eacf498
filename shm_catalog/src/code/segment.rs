//! Reading a code segment. Nothing here trusts its bytes: every reference is bounds-checked at use.

use std::io;
use std::os::unix::fs::FileExt;

use xxhash_rust::xxh3::Xxh3;

use crate::ids::{Digest, SegmentId};
use crate::layout::HeaderError;
use crate::mapping::{PAGE, ReadMap, open_read};
use crate::segment::OpenError;
use crate::verify::VerifyError;

use super::SourceHash;
use super::layout::{
    CodeHeader, EntryKind, FRAME_BYTES, Frame, INDEX_BYTES, IndexEntry, PROGRESS_BYTES,
    PROGRESS_OFFSET, Progress,
};

/// The definitions of a version, compiled, mapped read-only. Send and Sync; share it in an `Arc`.
#[derive(Debug)]
pub struct CodeSegment {
    map: ReadMap,
    header: CodeHeader,
}

/// A definition in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeEntry<'a> {
    /// Of its source.
    pub hash: SourceHash,
    /// What it came to.
    pub kind: EntryKind,
    /// In the segment's form.
    pub payload: &'a [u8],
}

impl CodeSegment {
    /// Maps `/dev/shm/<name>` and checks its header, nothing else.
    ///
    /// # Errors
    /// [`OpenError::Gone`] when there is no such file, `Damaged` when it is not a complete code segment.
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
        if file_bytes < PAGE {
            let text = format!("{file_bytes} bytes are too few for code");
            return Err(damaged(HeaderError(text)));
        }
        let header = {
            let first_page = ReadMap::new(&file, PAGE).map_err(system)?;
            CodeHeader::parse(&first_page, file_bytes).map_err(damaged)?
        };
        // `parse` found that the sizes fit together.
        let total_bytes = header.total_bytes().unwrap_or(PAGE);
        let map = ReadMap::new(&file, total_bytes).map_err(system)?;
        Ok(Self { map, header })
    }

    /// How far the writer of the segment `/dev/shm/<name>` came.
    ///
    /// # Errors
    /// Those of `open` and `read`.
    pub fn progress(name: &str) -> io::Result<Progress> {
        let mut bytes = [0; PROGRESS_BYTES];
        match open_read(name)?.read_exact_at(&mut bytes, PROGRESS_OFFSET) {
            Ok(()) => Ok(Progress::decode(&bytes)),
            // It had not begun.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Progress::default()),
            Err(error) => Err(error),
        }
    }

    /// The segment as bytes and header.
    #[must_use]
    pub fn view(&self) -> CodeView<'_> {
        CodeView {
            bytes: &self.map,
            header: &self.header,
        }
    }

    /// The definition that was compiled from this source.
    #[must_use]
    pub fn find(&self, hash: SourceHash) -> Option<CodeEntry<'_>> {
        self.view().find(hash)
    }

    /// Makes every page present, so that no reader takes a page fault.
    pub fn prefault(&self) {
        self.map.prefault();
    }

    /// What the file is named after.
    #[must_use]
    pub fn id(&self) -> SegmentId {
        self.header.segment_id
    }

    /// Of the payloads.
    #[must_use]
    pub fn form(&self) -> u64 {
        self.header.form
    }

    /// Digest of the version that it was made for.
    #[must_use]
    pub fn version(&self) -> Digest {
        self.header.version
    }

    /// Bytes of the segment.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.map.len() as u64
    }

    /// Whether it holds no definition.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.header.entries == 0
    }

    /// Its counts.
    #[must_use]
    pub fn header(&self) -> &CodeHeader {
        &self.header
    }
}

/// A code segment's bytes with its checked header.
#[derive(Clone, Copy, Debug)]
pub struct CodeView<'a> {
    bytes: &'a [u8],
    header: &'a CodeHeader,
}

impl<'a> CodeView<'a> {
    /// A view of `bytes` under a header that was parsed from them.
    ///
    /// # Errors
    /// When `bytes` are fewer than the header promises.
    pub fn new(bytes: &'a [u8], header: &'a CodeHeader) -> Result<Self, HeaderError> {
        let total = header.total_bytes().unwrap_or(u64::MAX);
        if (bytes.len() as u64) < total {
            return Err(HeaderError(format!(
                "truncated: {total} bytes expected, found {}",
                bytes.len()
            )));
        }
        Ok(Self {
            bytes: &bytes[..total as usize],
            header,
        })
    }

    /// See [`CodeSegment::find`].
    #[must_use]
    pub fn find(&self, hash: SourceHash) -> Option<CodeEntry<'a>> {
        let (mut low, mut high) = (0, self.header.entries);
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.index_entry(middle)?;
            match entry.hash.cmp(&hash) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.entry(&entry),
            }
        }
        None
    }

    /// Every definition, by source hash.
    pub fn entries(self) -> impl Iterator<Item = CodeEntry<'a>> {
        (0..self.header.entries).filter_map(move |rank| self.entry(&self.index_entry(rank)?))
    }

    /// Definitions that are not [`EntryKind::Compiled`], by source hash: only the index is read for the others.
    pub fn failed(self) -> impl Iterator<Item = CodeEntry<'a>> {
        (0..self.header.entries).filter_map(move |rank| {
            let entry = self.index_entry(rank)?;
            (entry.kind != EntryKind::Compiled as u32)
                .then(|| self.entry(&entry))
                .flatten()
        })
    }

    /// Checks all that can be checked without knowing the form: the digest, the order and number of the index's entries, and
    /// that each leads to an entry of its own that is whole.
    ///
    /// # Errors
    /// With the first thing that is wrong.
    pub fn verify(&self) -> Result<(), VerifyError> {
        let fail = |text: String| Err(VerifyError(text));
        let end = PAGE + self.header.entries_bytes;
        let (Some(entries), Some(index)) = (
            self.bytes.get(PAGE as usize..end as usize),
            self.bytes
                .get(self.header.index_offset().unwrap_or(u64::MAX) as usize..),
        ) else {
            return fail("the regions do not lie in the segment".into());
        };
        let mut digest = Xxh3::new();
        digest.update(entries);
        digest.update(index);
        if Digest::from(digest.digest128()) != self.header.digest {
            return fail("the digest does not match".into());
        }
        let (mut rest, mut count, mut failed) = (entries, 0, [0; 2]);
        while !rest.is_empty() {
            let Some((frame, payload)) = Frame::decode(rest) else {
                return fail(format!("entry {count} is damaged"));
            };
            let found = self.find(frame.hash);
            if found.is_none_or(|found| found.kind != frame.kind || found.payload != payload) {
                return fail(format!("the index does not lead to entry {count}"));
            }
            match frame.kind {
                EntryKind::Compiled => {}
                EntryKind::Refused => failed[0] += 1,
                EntryKind::Quarantined => failed[1] += 1,
            }
            count += 1;
            rest = &rest[FRAME_BYTES + payload.len()..];
        }
        if count != self.header.entries || failed != [self.header.refused, self.header.quarantined]
        {
            return fail(format!(
                "the header counts other entries than these {count}"
            ));
        }
        let ascending = (1..self.header.entries).all(|rank| {
            let hash = |rank| self.index_entry(rank).map(|entry| entry.hash);
            hash(rank - 1) < hash(rank)
        });
        if !ascending {
            return fail("the index does not ascend".into());
        }
        Ok(())
    }

    fn index_entry(&self, rank: u64) -> Option<IndexEntry> {
        let at = self.header.index_offset()? + rank.checked_mul(INDEX_BYTES)?;
        self.bytes
            .get(at as usize..)?
            .first_chunk()
            .map(IndexEntry::decode)
    }

    fn entry(&self, entry: &IndexEntry) -> Option<CodeEntry<'a>> {
        let end = entry.offset.checked_add(u64::from(entry.bytes))?;
        if entry.offset < PAGE || end > PAGE + self.header.entries_bytes {
            return None;
        }
        Some(CodeEntry {
            hash: entry.hash,
            kind: EntryKind::from_number(entry.kind)?,
            payload: self.bytes.get(entry.offset as usize..end as usize)?,
        })
    }
}
