//! The bytes of a segment.
//!
//! ```text
//!  offset 0          header, one page (see `Header`), the rest of the page zero
//!  records_offset    records: for each command, in the order of the source,
//!                        0x0A | varint length | record
//!                    which is field 1 (`commands`) of the reply to SyncCatalog, repeated
//!  + records_bytes   tail: the reply's other fields. Empty in `standard`; in `lite`
//!                        0x10 varint(commands)   0x1A 0x22 "v-<digest hex>"
//!                    so records + tail, one slice, is the whole reply
//!                    zero bytes up to the next page
//!  index_offset      index_capacity entries of 16 bytes, open addressing, at most half full
//!                        u64  xxh3-64 of the name, seeded with index_seed
//!                        u64  record offset << 24 | record bytes;  0 = vacant
//!  names_offset      u64 offset of a record, one for each command, names ascending by bytes
//!  total_bytes       end of the segment
//! ```
//!
//! Little-endian throughout. Every offset counts from the start of the segment; the offset of a
//! record is that of the record itself, behind the varint.
//!
//! An entry's home is `hash * index_capacity >> 64`, the next ones follow, wrapping; no chain is
//! longer than `index_probes`, which bounds a reader whatever the bytes say. The seed is random:
//! names chosen to collide in one segment do not in the next, so no row can stall a reader.
//!
//! Cost above the records: 32 bytes of index and 8 of names a command, and two pages.

use crate::ids::{Digest, SegmentId, WireForm};
use crate::mapping::PAGE;

/// First bytes of every segment.
pub const MAGIC: [u8; 8] = *b"AVAPSEGM";

/// Raised by any change of the layout; part of the digest.
pub const LAYOUT_VERSION: u32 = 1;

/// Tag of `repeated commands = 1`, length-delimited.
pub const RECORD_TAG: u8 = 0x0A;

/// A record's length has 24 bits in an index entry.
pub const RECORD_BYTES_MAX: usize = (1 << 24) - 1;

/// Bytes of one index entry.
pub const INDEX_ENTRY_BYTES: u64 = 16;

/// Bytes of one entry of the names list.
pub const NAME_ENTRY_BYTES: u64 = 8;

/// Offsets have 40 bits in an index entry.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 40;

/// ```text
///    0  magic            8 bytes   "AVAPSEGM"
///    8  layout version   u32
///   12  wire form        u32       1 standard, 2 lite
///   16  segment id       u64
///   24  digest           16 bytes  most significant first
///   40  created_at_ms    u64       milliseconds since 1970, UTC
///   48  commands         u64
///   56  total_bytes      u64
///   64  records_offset   u64       always 4096
///   72  records_bytes    u64
///   80  tail_bytes       u64
///   88  index_offset     u64
///   96  index_capacity   u64       entries
///  104  index_seed       u64
///  112  index_probes     u64       length of the longest chain
///  120  names_offset     u64
///  128  checksum         u64       xxh3-64 of bytes 0..128
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Header {
    magic: [u8; 8],
    layout_version: u32,
    /// Number of a [`WireForm`]; `parse` accepts no other.
    wire: u32,
    /// Names the file; not part of the digest.
    pub segment_id: u64,
    /// Identity of the content, see [`Digest`].
    pub digest: [u8; 16],
    /// Milliseconds since 1970, UTC.
    pub created_at_ms: u64,
    /// Records in the segment.
    pub commands: u64,
    /// Bytes of the segment.
    pub total_bytes: u64,
    /// Start of the records region.
    pub records_offset: u64,
    /// Bytes of the records region.
    pub records_bytes: u64,
    /// Bytes of the reply behind its records.
    pub tail_bytes: u64,
    /// Start of the index.
    pub index_offset: u64,
    /// Entries of the index.
    pub index_capacity: u64,
    /// Seed of the hash of names.
    pub index_seed: u64,
    /// Most entries a lookup looks at.
    pub index_probes: u64,
    /// Start of the names.
    pub names_offset: u64,
    checksum: u64,
}

/// Bytes of the header that carry meaning.
pub const HEADER_BYTES: usize = 136;
const CHECKED_BYTES: usize = 128;

const _: () = assert!(size_of::<Header>() == HEADER_BYTES);
const _: () = assert!(HEADER_BYTES as u64 <= PAGE);
const _: () = assert!(std::mem::offset_of!(Header, checksum) == CHECKED_BYTES);
const _: () = assert!(std::mem::offset_of!(Header, records_offset) == 64);
const _: () = assert!(INDEX_ENTRY_BYTES * 2 + NAME_ENTRY_BYTES <= 64);

/// Why bytes are not a segment. The text is for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HeaderError(pub String);

/// Where the regions of a segment lie, from the sizes of what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regions {
    /// Start of the index.
    pub index_offset: u64,
    /// Entries of the index.
    pub index_capacity: u64,
    /// Start of the names.
    pub names_offset: u64,
    /// Bytes of the segment.
    pub total_bytes: u64,
}

impl Regions {
    /// Regions for `commands` records of `body_bytes` bytes, records and tail together.
    /// `None` when they exceed what an index entry can address.
    #[must_use]
    pub fn for_body(body_bytes: u64, commands: u64) -> Option<Self> {
        let index_offset = PAGE
            .checked_add(body_bytes)?
            .checked_next_multiple_of(PAGE)?;
        let index_capacity = commands.checked_mul(2)?.max(8);
        let names_offset =
            index_offset.checked_add(index_capacity.checked_mul(INDEX_ENTRY_BYTES)?)?;
        let total_bytes = names_offset.checked_add(commands.checked_mul(NAME_ENTRY_BYTES)?)?;
        (total_bytes <= SEGMENT_BYTES_MAX).then_some(Self {
            index_offset,
            index_capacity,
            names_offset,
            total_bytes,
        })
    }
}

/// What a builder knows when it writes the header.
#[derive(Clone, Copy, Debug)]
pub struct HeaderFields {
    /// Encoding of the records.
    pub wire: WireForm,
    /// Names the file; not part of the digest.
    pub segment_id: SegmentId,
    /// Identity of the content, see [`Digest`].
    pub digest: Digest,
    /// Milliseconds since 1970, UTC.
    pub created_at_ms: u64,
    /// Records in the segment.
    pub commands: u64,
    /// Bytes of the records region.
    pub records_bytes: u64,
    /// Bytes of the reply behind its records.
    pub tail_bytes: u64,
    /// Seed of the hash of names.
    pub index_seed: u64,
    /// Most entries a lookup looks at.
    pub index_probes: u64,
}

impl Header {
    /// The header of a segment with these contents; `regions` belongs to the same sizes.
    #[must_use]
    pub fn new(fields: &HeaderFields, regions: &Regions) -> Self {
        Self {
            magic: MAGIC,
            layout_version: LAYOUT_VERSION,
            wire: fields.wire as u32,
            segment_id: fields.segment_id.0,
            digest: fields.digest.0,
            created_at_ms: fields.created_at_ms,
            commands: fields.commands,
            total_bytes: regions.total_bytes,
            records_offset: PAGE,
            records_bytes: fields.records_bytes,
            tail_bytes: fields.tail_bytes,
            index_offset: regions.index_offset,
            index_capacity: regions.index_capacity,
            index_seed: fields.index_seed,
            index_probes: fields.index_probes,
            names_offset: regions.names_offset,
            checksum: 0,
        }
    }

    /// Reads and checks the header at the start of `bytes`: magic, versions, checksum, and that
    /// every region lies where its size puts it, inside `available_bytes`.
    pub fn parse(bytes: &[u8], available_bytes: u64) -> Result<Self, HeaderError> {
        let Some(page) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(HeaderError(format!(
                "{} bytes are too few for a segment",
                bytes.len()
            )));
        };
        let header = Self::decode(page);
        header.check(page, available_bytes)?;
        Ok(header)
    }

    fn decode(page: &[u8; HEADER_BYTES]) -> Self {
        Self {
            magic: chunk(page, 0),
            layout_version: u32::from_le_bytes(chunk(page, 8)),
            wire: u32::from_le_bytes(chunk(page, 12)),
            segment_id: u64_at(page, 16),
            digest: chunk(page, 24),
            created_at_ms: u64_at(page, 40),
            commands: u64_at(page, 48),
            total_bytes: u64_at(page, 56),
            records_offset: u64_at(page, 64),
            records_bytes: u64_at(page, 72),
            tail_bytes: u64_at(page, 80),
            index_offset: u64_at(page, 88),
            index_capacity: u64_at(page, 96),
            index_seed: u64_at(page, 104),
            index_probes: u64_at(page, 112),
            names_offset: u64_at(page, 120),
            checksum: u64_at(page, 128),
        }
    }

    fn check(&self, page: &[u8; HEADER_BYTES], available_bytes: u64) -> Result<(), HeaderError> {
        let refuse = |text: String| Err(HeaderError(text));
        if self.magic != MAGIC {
            return refuse("not a segment of the catalogue: the magic is missing".into());
        }
        if self.layout_version != LAYOUT_VERSION {
            return refuse(format!(
                "layout version {LAYOUT_VERSION} expected, found {}",
                self.layout_version
            ));
        }
        if self.checksum != checksum(page) {
            return refuse("the header is damaged: its checksum does not match".into());
        }
        if WireForm::from_number(self.wire).is_none() {
            return refuse(format!("unknown wire form {}", self.wire));
        }
        let regions = self
            .records_bytes
            .checked_add(self.tail_bytes)
            .and_then(|body_bytes| Regions::for_body(body_bytes, self.commands));
        if self.records_offset != PAGE || regions != Some(self.regions()) {
            return refuse("the header is damaged: its regions do not fit together".into());
        }
        if self.total_bytes > available_bytes {
            return refuse(format!(
                "truncated: {} bytes expected, found {available_bytes}",
                self.total_bytes
            ));
        }
        Ok(())
    }

    fn regions(&self) -> Regions {
        Regions {
            index_offset: self.index_offset,
            index_capacity: self.index_capacity,
            names_offset: self.names_offset,
            total_bytes: self.total_bytes,
        }
    }

    /// The header as it lies in the segment, with its checksum.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut page = [0; HEADER_BYTES];
        page[..8].copy_from_slice(&self.magic);
        page[8..12].copy_from_slice(&self.layout_version.to_le_bytes());
        page[12..16].copy_from_slice(&self.wire.to_le_bytes());
        page[16..24].copy_from_slice(&self.segment_id.to_le_bytes());
        page[24..40].copy_from_slice(&self.digest);
        let words = [
            self.created_at_ms,
            self.commands,
            self.total_bytes,
            self.records_offset,
            self.records_bytes,
            self.tail_bytes,
            self.index_offset,
            self.index_capacity,
            self.index_seed,
            self.index_probes,
            self.names_offset,
        ];
        for (place, word) in page[40..CHECKED_BYTES].chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let checksum = checksum(&page);
        page[CHECKED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
        page
    }

    /// The wire form of the records.
    ///
    /// # Panics
    /// Never for a header made by `new` or accepted by `parse`.
    #[must_use]
    pub fn wire(&self) -> WireForm {
        WireForm::from_number(self.wire).expect("checked by parse")
    }

    /// Offset behind the last record.
    #[must_use]
    pub const fn records_end(&self) -> u64 {
        self.records_offset + self.records_bytes
    }
}

/// An entry of the index: where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordPlace {
    /// From the start of the segment, of the record itself.
    pub offset: u64,
    /// Of the record itself.
    pub bytes: u32,
}

impl RecordPlace {
    /// Both numbers in one word; never zero, because a record lies behind the header.
    #[must_use]
    pub const fn pack(self) -> u64 {
        self.offset << 24 | self.bytes as u64
    }

    /// The inverse of [`Self::pack`].
    #[must_use]
    pub const fn unpack(word: u64) -> Self {
        Self {
            offset: word >> 24,
            bytes: (word & 0xFF_FFFF) as u32,
        }
    }
}

/// Hash of a name in the index.
#[must_use]
pub fn name_hash(name: &[u8], seed: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(name, seed)
}

/// Home of a hash in an index of `capacity` entries.
#[must_use]
pub const fn index_home(hash: u64, capacity: u64) -> u64 {
    ((hash as u128 * capacity as u128) >> 64) as u64
}

/// Start of a digest: what is hashed before the records region.
#[must_use]
pub fn digest_start(wire: WireForm) -> xxhash_rust::xxh3::Xxh3 {
    let mut state = xxhash_rust::xxh3::Xxh3::new();
    state.update(&LAYOUT_VERSION.to_le_bytes());
    state.update(&(wire as u32).to_le_bytes());
    state
}

fn checksum(page: &[u8; HEADER_BYTES]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(&page[..CHECKED_BYTES])
}

fn u64_at(page: &[u8; HEADER_BYTES], at: usize) -> u64 {
    u64::from_le_bytes(chunk(page, at))
}

fn chunk<const N: usize>(page: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&page[at..at + N]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Header {
        let fields = HeaderFields {
            wire: WireForm::Lite,
            segment_id: SegmentId(7),
            digest: Digest::from(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
            created_at_ms: 1_700_000_000_000,
            commands: 3,
            records_bytes: 1000,
            tail_bytes: 38,
            index_seed: 99,
            index_probes: 2,
        };
        Header::new(&fields, &Regions::for_body(1038, 3).unwrap())
    }

    #[test]
    fn a_header_reads_back_as_written() {
        let header = sample();
        let read = Header::parse(&header.to_bytes(), header.total_bytes).unwrap();
        assert_eq!(read.to_bytes(), header.to_bytes());
        assert_eq!(read.wire(), WireForm::Lite);
        assert_eq!(
            Digest(read.digest).to_string(),
            "0123456789abcdef0123456789abcdef"
        );
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_noticed() {
        let header = sample();
        let good = header.to_bytes();
        for bit in 0..HEADER_BYTES * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(
                Header::parse(&bad, header.total_bytes).is_err(),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn a_truncated_segment_says_so() {
        let header = sample();
        let error = Header::parse(&header.to_bytes(), header.total_bytes - 1).unwrap_err();
        assert!(error.to_string().starts_with("truncated"), "{error}");
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        assert_eq!(Regions::for_body(u64::MAX, 1), None);
        assert_eq!(Regions::for_body(1, u64::MAX), None);
        assert_eq!(Regions::for_body(1 << 40, 0), None);
    }

    #[test]
    fn a_record_place_survives_packing_at_its_limits() {
        let place = RecordPlace {
            offset: (1 << 40) - 1,
            bytes: RECORD_BYTES_MAX as u32,
        };
        assert_eq!(RecordPlace::unpack(place.pack()), place);
    }
}
