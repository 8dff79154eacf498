//! The bytes of a code segment.
//!
//! ```text
//!  offset 0        header (see `CodeHeader`); all zero until the segment is complete
//!  2048            progress (see `Progress`), while it is being written; zero once it is complete
//!  4096            entries, one for each definition, in the order of their compilation:
//!                      source hash  32 bytes
//!                      bytes        u32, of the payload
//!                      kind         u32, see `EntryKind`
//!                      checksum     u64, xxh3-64 of the 40 bytes before it and the payload
//!                      payload
//!                  zero bytes up to the next page
//!  index_offset    for each entry 48 bytes, source hashes ascending:
//!                      source hash  32 bytes
//!                      offset       u64, of the payload
//!                      bytes        u32
//!                      kind         u32
//!  total_bytes     end of the segment
//! ```
//!
//! Little-endian throughout, offsets count from the start of the segment.
//!
//! A lookup is a binary search: source hashes are SHA-256, so nobody chooses where theirs lie, and its steps are bounded
//! whatever the bytes say. Entries carry checksums so that what a compiler wrote before it died can be told from what it
//! did not: the next one goes on behind it.

use crate::ids::{Digest, SegmentId};
use crate::layout::HeaderError;
use crate::mapping::PAGE;

use super::SourceHash;

/// First bytes of every code segment.
pub const MAGIC: [u8; 8] = *b"AVAPCODE";

/// Raised by any change of this layout.
pub const LAYOUT_VERSION: u32 = 1;

/// Bytes in front of a payload.
pub const FRAME_BYTES: usize = 48;

/// Bytes of one entry of the index.
pub const INDEX_BYTES: u64 = 48;

/// Where the progress lies in the first page.
pub const PROGRESS_OFFSET: u64 = 2048;

/// Bytes of the progress: done, hash, length of the name, name.
pub const PROGRESS_BYTES: usize = 8 + 32 + 4 + 256;

/// Offsets stay below this.
pub const CODE_BYTES_MAX: u64 = 1 << 40;

/// What a definition came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum EntryKind {
    /// It runs.
    Compiled = 1,
    /// It does not compile; the payload says why.
    Refused = 2,
    /// Compiling it ended the compiler; the payload says how.
    Quarantined = 3,
}

impl EntryKind {
    /// The kind with this number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Compiled),
            2 => Some(Self::Refused),
            3 => Some(Self::Quarantined),
            _ => None,
        }
    }
}

/// ```text
///    0  magic            8 bytes   "AVAPCODE"
///    8  layout version   u32
///   12  zero             u32
///   16  segment id       u64
///   24  form             u64       of the payloads
///   32  digest           16 bytes  xxh3-128 of the entries and the index, most significant first
///   48  version          16 bytes  digest of the catalogue's version that it was made for
///   64  created_at_ms    u64       milliseconds since 1970, UTC
///   72  entries          u64
///   80  refused          u64       entries of that kind
///   88  quarantined      u64       entries of that kind
///   96  entries_bytes    u64       of the entries' region
///  104  total_bytes      u64
///  112  checksum         u64       xxh3-64 of bytes 0..112
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeHeader {
    /// Names the file.
    pub segment_id: SegmentId,
    /// Of the payloads.
    pub form: u64,
    /// Of entries and index.
    pub digest: Digest,
    /// The version that it was made for.
    pub version: Digest,
    /// Milliseconds since 1970, UTC.
    pub created_at_ms: u64,
    /// Definitions in it.
    pub entries: u64,
    /// Those that do not compile.
    pub refused: u64,
    /// Those that ended a compiler.
    pub quarantined: u64,
    /// Bytes of the entries' region.
    pub entries_bytes: u64,
}

/// Bytes of the header.
pub const HEADER_BYTES: usize = 120;
const CHECKED_BYTES: usize = 112;

impl CodeHeader {
    /// Start of the index; `None` for sizes that no segment has.
    #[must_use]
    pub fn index_offset(&self) -> Option<u64> {
        PAGE.checked_add(self.entries_bytes)?
            .checked_next_multiple_of(PAGE)
            .filter(|offset| *offset < CODE_BYTES_MAX)
    }

    /// End of the segment; `None` for sizes that no segment has.
    #[must_use]
    pub fn total_bytes(&self) -> Option<u64> {
        self.index_offset()?
            .checked_add(self.entries.checked_mul(INDEX_BYTES)?)
            .filter(|bytes| *bytes < CODE_BYTES_MAX)
    }

    /// Reads and checks the header at the start of `bytes`, of a segment of `available_bytes`.
    ///
    /// # Errors
    /// When it is damaged, of another layout, or promises more bytes than there are.
    pub fn parse(bytes: &[u8], available_bytes: u64) -> Result<Self, HeaderError> {
        let refuse = |text: String| Err(HeaderError(text));
        let Some(page) = bytes.first_chunk::<HEADER_BYTES>() else {
            return refuse(format!("{} bytes are too few for code", bytes.len()));
        };
        if page[..8] != MAGIC {
            return refuse("not a code segment: the magic is missing".into());
        }
        let layout_version = u32::from_le_bytes(chunk(page, 8));
        if layout_version != LAYOUT_VERSION {
            return refuse(format!(
                "code layout version {LAYOUT_VERSION} expected, found {layout_version}"
            ));
        }
        if word(page, CHECKED_BYTES) != xxhash_rust::xxh3::xxh3_64(&page[..CHECKED_BYTES]) {
            return refuse("the header is damaged: its checksum does not match".into());
        }
        let header = Self {
            segment_id: SegmentId(word(page, 16)),
            form: word(page, 24),
            digest: Digest(chunk(page, 32)),
            version: Digest(chunk(page, 48)),
            created_at_ms: word(page, 64),
            entries: word(page, 72),
            refused: word(page, 80),
            quarantined: word(page, 88),
            entries_bytes: word(page, 96),
        };
        match header.total_bytes() {
            Some(total) if total == word(page, 104) => {
                if total > available_bytes {
                    return refuse(format!(
                        "truncated: {total} bytes expected, found {available_bytes}"
                    ));
                }
            }
            _ => return refuse("the header is damaged: its regions do not fit together".into()),
        }
        Ok(header)
    }

    /// The header as it lies in the segment. `None` for sizes that no segment has.
    #[must_use]
    pub fn to_bytes(&self) -> Option<[u8; HEADER_BYTES]> {
        let mut page = [0; HEADER_BYTES];
        page[..8].copy_from_slice(&MAGIC);
        page[8..12].copy_from_slice(&LAYOUT_VERSION.to_le_bytes());
        page[32..48].copy_from_slice(&self.digest.0);
        page[48..64].copy_from_slice(&self.version.0);
        let words = [
            (16, self.segment_id.0),
            (24, self.form),
            (64, self.created_at_ms),
            (72, self.entries),
            (80, self.refused),
            (88, self.quarantined),
            (96, self.entries_bytes),
            (104, self.total_bytes()?),
        ];
        for (at, word) in words {
            page[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
        let checksum = xxhash_rust::xxh3::xxh3_64(&page[..CHECKED_BYTES]);
        page[CHECKED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
        Some(page)
    }
}

/// How far a compiler came. It lies in the segment that it writes, so that it outlives the compiler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Definitions that it looked at so far.
    pub done: u64,
    /// The one under way: its source's hash and its name.
    pub under_way: Option<(SourceHash, String)>,
}

impl Progress {
    /// The bytes of "this one is under way".
    #[must_use]
    pub fn encode(done: u64, hash: SourceHash, name: &str) -> [u8; PROGRESS_BYTES] {
        let mut bytes = [0; PROGRESS_BYTES];
        let end = name.floor_char_boundary(name.len().min(256));
        bytes[..8].copy_from_slice(&done.to_le_bytes());
        bytes[8..40].copy_from_slice(&hash.0);
        bytes[40..44].copy_from_slice(&(end as u32).to_le_bytes());
        bytes[44..44 + end].copy_from_slice(&name.as_bytes()[..end]);
        bytes
    }

    /// Reads whatever bytes there are.
    #[must_use]
    pub fn decode(bytes: &[u8; PROGRESS_BYTES]) -> Self {
        let name_bytes = u32::from_le_bytes(chunk(bytes, 40)) as usize;
        let name = bytes[44..].get(..name_bytes).unwrap_or_default();
        let under_way = (!name.is_empty()).then(|| {
            let name = String::from_utf8_lossy(name).into_owned();
            (SourceHash(chunk(bytes, 8)), name)
        });
        Self {
            done: word(bytes, 0),
            under_way,
        }
    }
}

/// What stands in front of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) hash: SourceHash,
    pub(super) bytes: u32,
    pub(super) kind: EntryKind,
}

impl Frame {
    pub(super) fn encode(&self, payload: &[u8]) -> [u8; FRAME_BYTES] {
        let mut frame = [0; FRAME_BYTES];
        frame[..32].copy_from_slice(&self.hash.0);
        frame[32..36].copy_from_slice(&self.bytes.to_le_bytes());
        frame[36..40].copy_from_slice(&(self.kind as u32).to_le_bytes());
        let checksum = checksum(&frame[..40], payload);
        frame[40..].copy_from_slice(&checksum.to_le_bytes());
        frame
    }

    /// The whole entry at the start of `bytes`: its frame and its payload.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (frame, rest) = bytes.split_first_chunk::<FRAME_BYTES>()?;
        let decoded = Self {
            hash: SourceHash(chunk(frame, 0)),
            bytes: u32::from_le_bytes(chunk(frame, 32)),
            kind: EntryKind::from_number(u32::from_le_bytes(chunk(frame, 36)))?,
        };
        let payload = rest.get(..decoded.bytes as usize)?;
        (word(frame, 40) == checksum(&frame[..40], payload)).then_some((decoded, payload))
    }
}

fn checksum(frame: &[u8], payload: &[u8]) -> u64 {
    let mut state = xxhash_rust::xxh3::Xxh3::new();
    state.update(frame);
    state.update(payload);
    state.digest()
}

/// An entry of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexEntry {
    pub(super) hash: SourceHash,
    pub(super) offset: u64,
    pub(super) bytes: u32,
    pub(super) kind: u32,
}

impl IndexEntry {
    pub(super) fn encode(&self) -> [u8; INDEX_BYTES as usize] {
        let mut entry = [0; INDEX_BYTES as usize];
        entry[..32].copy_from_slice(&self.hash.0);
        entry[32..40].copy_from_slice(&self.offset.to_le_bytes());
        entry[40..44].copy_from_slice(&self.bytes.to_le_bytes());
        entry[44..].copy_from_slice(&self.kind.to_le_bytes());
        entry
    }

    pub(super) fn decode(entry: &[u8; INDEX_BYTES as usize]) -> Self {
        Self {
            hash: SourceHash(chunk(entry, 0)),
            offset: word(entry, 32),
            bytes: u32::from_le_bytes(chunk(entry, 40)),
            kind: u32::from_le_bytes(chunk(entry, 44)),
        }
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(chunk(bytes, at))
}

/// `N` bytes at a place that the caller knows to be inside.
fn chunk<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut found = [0; N];
    found.copy_from_slice(&bytes[at..at + N]);
    found
}
