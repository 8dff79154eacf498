//! Records: one command, encoded as the protocol buffers message of a wire form.
//!
//! proto3, fields ascending, default values omitted:
//!
//! ```text
//!  standard  CommandDefinition   name=1 code=2 hash=3 type=4 interface_json=5 package=6
//!  lite      CommandResponse     name=1 type=2 interface_json=3 code=4 (a package) hash=5
//! ```
//!
//! Every field is length-delimited, and the first is always the name: that is how a reader
//! finds the name of a record without decoding the rest.

use sha2::{Digest as _, Sha256};

use crate::ids::{Digest, WireForm};
use crate::layout::{RECORD_BYTES_MAX, RECORD_TAG};
use crate::package::{PREFIX_BYTES, Signer};

/// Longest name that is accepted and asked for, in bytes.
pub const NAME_BYTES_MAX: usize = 256;

/// Hex digits of a SHA-256.
const HASH_BYTES: usize = 64;

/// Longest varint of a 64-bit number.
const VARINT_BYTES_MAX: usize = 10;

/// The fields of a record, checked by whoever calls: name 1 to 256 bytes, all UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// Unique in a catalogue.
    pub name: &'a [u8],
    /// Source text of the definition.
    pub code: &'a [u8],
    /// The column `type`.
    pub kind: &'a [u8],
    /// JSON list of the arguments.
    pub interface: &'a [u8],
}

/// Turns fields into records.
#[derive(Clone, Debug)]
pub struct Encoder {
    wire: WireForm,
    signer: Option<Signer>,
}

/// The lite form carries packages, which need a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "wire form \"lite\" carries signed packages and needs a signing key: set one, or use \"standard\""
)]
pub struct SigningKeyMissing;

impl Encoder {
    /// An encoder for `wire`; with a signing key, records hold a package.
    ///
    /// # Errors
    /// [`SigningKeyMissing`] for `lite` without a key.
    pub fn new(wire: WireForm, signing_key: Option<&[u8]>) -> Result<Self, SigningKeyMissing> {
        if wire == WireForm::Lite && signing_key.is_none() {
            return Err(SigningKeyMissing);
        }
        Ok(Self {
            wire,
            signer: signing_key.map(Signer::new),
        })
    }

    /// The form of its records.
    #[must_use]
    pub const fn wire(&self) -> WireForm {
        self.wire
    }

    /// Whether records hold a package.
    #[must_use]
    pub const fn signs(&self) -> bool {
        self.signer.is_some()
    }

    /// Bytes that `append` will write as the record itself, without tag and length before it.
    #[must_use]
    pub fn record_bytes(&self, fields: &Fields<'_>) -> usize {
        let package = match (&self.signer, self.wire) {
            (None, _) => 0,
            (Some(_), _) => field_bytes(PREFIX_BYTES + fields.code.len()),
        };
        let code = if self.wire == WireForm::Standard {
            field_bytes(fields.code.len())
        } else {
            0
        };
        field_bytes(fields.name.len())
            + code
            + field_bytes(HASH_BYTES)
            + field_bytes(fields.kind.len())
            + field_bytes(fields.interface.len())
            + package
    }

    /// Appends `0x0A | varint length | record` to `out`; `record_bytes` is what
    /// [`Self::record_bytes`] said and at most [`RECORD_BYTES_MAX`].
    pub fn append(&self, fields: &Fields<'_>, record_bytes: usize, out: &mut Vec<u8>) {
        debug_assert!(record_bytes <= RECORD_BYTES_MAX);
        out.push(RECORD_TAG);
        append_varint(record_bytes as u64, out);
        let start = out.len();
        let hash = hex_sha256(fields.code);
        append_field(1, &[fields.name], out);
        match (self.wire, &self.signer) {
            (WireForm::Standard, signer) => {
                append_field(2, &[fields.code], out);
                append_field(3, &[&hash], out);
                append_field(4, &[fields.kind], out);
                append_field(5, &[fields.interface], out);
                if let Some(signer) = signer {
                    append_field(6, &[&signer.prefix(fields.code), fields.code], out);
                }
            }
            (WireForm::Lite, signer) => {
                append_field(2, &[fields.kind], out);
                append_field(3, &[fields.interface], out);
                if let Some(signer) = signer {
                    append_field(4, &[&signer.prefix(fields.code), fields.code], out);
                }
                append_field(5, &[&hash], out);
            }
        }
        debug_assert_eq!(out.len() - start, record_bytes);
    }
}

/// The fields of a `SyncCatalog` reply behind its commands: none in `standard`; in `lite`
/// `total_count` and `version_hash`.
#[must_use]
pub fn reply_tail(wire: WireForm, commands: u64, digest: Digest) -> Vec<u8> {
    let mut tail = Vec::new();
    if wire == WireForm::Lite {
        if commands > 0 {
            tail.push(0x10);
            append_varint(commands, &mut tail);
        }
        append_field(3, &[format!("v-{digest}").as_bytes()], &mut tail);
    }
    tail
}

/// Bytes of `0x0A | varint | record` for a record of this many bytes.
#[must_use]
pub const fn framed_bytes(record_bytes: usize) -> usize {
    1 + varint_bytes(record_bytes as u64) + record_bytes
}

/// The name in a record, or at the start of bytes that begin with one.
#[must_use]
pub fn name_of(record: &[u8]) -> Option<&[u8]> {
    let (&tag, rest) = record.split_first()?;
    if tag != field_tag(1) {
        return None;
    }
    let (bytes, rest) = read_varint(rest)?;
    if bytes == 0 || bytes > NAME_BYTES_MAX as u64 {
        return None;
    }
    rest.get(..bytes as usize)
}

/// Checks the structure of a record: known fields, ascending, each once, ending with the last
/// byte; returns its name.
#[must_use]
pub fn check(record: &[u8], wire: WireForm) -> Option<&[u8]> {
    let (fields_max, hash_field) = match wire {
        WireForm::Standard => (6, 3),
        WireForm::Lite => (5, 5),
    };
    let name = name_of(record)?;
    std::str::from_utf8(name).ok()?;
    let mut rest = record;
    let mut last = 0;
    let mut hash_seen = false;
    while let Some((&tag, after_tag)) = rest.split_first() {
        let number = tag >> 3;
        if tag != field_tag(number) || number <= last || number > fields_max {
            return None;
        }
        let (bytes, after_length) = read_varint(after_tag)?;
        if bytes > after_length.len() as u64 || (number == hash_field && bytes != HASH_BYTES as u64)
        {
            return None;
        }
        hash_seen |= number == hash_field;
        last = number;
        rest = &after_length[bytes as usize..];
    }
    hash_seen.then_some(name)
}

/// Whether a standard record without a package is what `append` makes of `fields`; its hash is not looked at.
#[must_use]
pub fn is_of(record: &[u8], fields: &Fields<'_>) -> bool {
    behind_field(record, 1, fields.name)
        .and_then(|rest| behind_field(rest, 2, fields.code))
        .and_then(|rest| rest.strip_prefix(&[field_tag(3), HASH_BYTES as u8]))
        .and_then(|rest| rest.get(HASH_BYTES..))
        .and_then(|rest| behind_field(rest, 4, fields.kind))
        .and_then(|rest| behind_field(rest, 5, fields.interface))
        .is_some_and(<[u8]>::is_empty)
}

/// What follows a field as `append_field` writes it; `None` when something else is there.
fn behind_field<'r>(record: &'r [u8], number: u8, content: &[u8]) -> Option<&'r [u8]> {
    if content.is_empty() {
        return Some(record);
    }
    let (bytes, rest) = read_varint(record.strip_prefix(&[field_tag(number)])?)?;
    (bytes == content.len() as u64)
        .then(|| rest.strip_prefix(content))
        .flatten()
}

/// Splits a varint off the front of `bytes`.
#[must_use]
pub fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (at, &byte) in bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
        let shift = 7 * at as u32;
        let part = u64::from(byte & 0x7F);
        if shift == 63 && part > 1 {
            return None;
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

/// Appends a varint.
pub fn append_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes of a varint.
#[must_use]
pub const fn varint_bytes(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Tag of a length-delimited field; numbers here are below 16.
const fn field_tag(number: u8) -> u8 {
    number << 3 | 2
}

/// Bytes of a field with its tag and length; an empty one is left out.
const fn field_bytes(content_bytes: usize) -> usize {
    if content_bytes == 0 {
        0
    } else {
        1 + varint_bytes(content_bytes as u64) + content_bytes
    }
}

fn append_field(number: u8, content: &[&[u8]], out: &mut Vec<u8>) {
    let content_bytes: usize = content.iter().map(|part| part.len()).sum();
    if content_bytes == 0 {
        return;
    }
    out.push(field_tag(number));
    append_varint(content_bytes as u64, out);
    for part in content {
        out.extend_from_slice(part);
    }
}

fn hex_sha256(bytes: &[u8]) -> [u8; HASH_BYTES] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = [0; HASH_BYTES];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(Sha256::digest(bytes)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: Fields<'_> = Fields {
        name: b"addVar",
        code: b"x = 1",
        kind: b"function",
        interface: b"[]",
    };

    fn encode(wire: WireForm, key: Option<&[u8]>, fields: &Fields<'_>) -> Vec<u8> {
        let encoder = Encoder::new(wire, key).unwrap();
        let mut out = Vec::new();
        encoder.append(fields, encoder.record_bytes(fields), &mut out);
        let (bytes, record) = read_varint(&out[1..]).unwrap();
        assert_eq!(bytes as usize, record.len());
        assert_eq!(out.len(), framed_bytes(record.len()));
        record.to_vec()
    }

    #[test]
    fn a_standard_record_has_the_fields_of_a_command_definition() {
        let record = encode(WireForm::Standard, None, &FIELDS);
        let mut expected = b"\x0a\x06addVar\x12\x05x = 1\x1a\x40".to_vec();
        expected.extend_from_slice(&hex_sha256(b"x = 1"));
        expected.extend_from_slice(b"\x22\x08function\x2a\x02[]");
        assert_eq!(record, expected);
    }

    #[test]
    fn a_hash_is_the_lower_case_hex_sha256() {
        // FIPS 180-2, appendix B.1
        let expected = b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(&hex_sha256(b"abc"), expected);
    }

    #[test]
    fn a_lite_record_carries_its_code_as_a_package() {
        let record = encode(WireForm::Lite, Some(b"key"), &FIELDS);
        let mut expected = b"\x0a\x06addVar\x12\x08function\x1a\x02[]\x22\x2f".to_vec();
        expected.extend_from_slice(&Signer::new(b"key").prefix(b"x = 1"));
        expected.extend_from_slice(b"x = 1\x2a\x40");
        expected.extend_from_slice(&hex_sha256(b"x = 1"));
        assert_eq!(record, expected);
    }

    #[test]
    fn a_standard_record_ends_with_a_package_when_there_is_a_key() {
        let plain = encode(WireForm::Standard, None, &FIELDS);
        let signed = encode(WireForm::Standard, Some(b"key"), &FIELDS);
        assert_eq!(signed[..plain.len()], plain);
        assert_eq!(&signed[plain.len()..plain.len() + 6], b"\x32\x2fAVAP");
    }

    #[test]
    fn empty_fields_are_left_out() {
        let bare = Fields {
            name: b"n",
            code: b"",
            kind: b"",
            interface: b"",
        };
        let record = encode(WireForm::Standard, None, &bare);
        assert_eq!(&record[..5], b"\x0a\x01n\x1a\x40");
        assert_eq!(record.len(), 5 + HASH_BYTES);
    }

    #[test]
    fn lite_without_a_key_is_refused() {
        assert_eq!(
            Encoder::new(WireForm::Lite, None).err(),
            Some(SigningKeyMissing)
        );
    }

    #[test]
    fn check_accepts_what_append_writes_and_no_record_cut_inside_a_field() {
        for (wire, key) in [
            (WireForm::Standard, None),
            (WireForm::Lite, Some(b"k".as_slice())),
        ] {
            let record = encode(wire, key, &FIELDS);
            assert_eq!(check(&record, wire), Some(FIELDS.name));
            let whole_fields = match wire {
                // Behind the hash, behind the type: what follows may be absent.
                WireForm::Standard => vec![record.len() - 14, record.len() - 4],
                WireForm::Lite => vec![],
            };
            for cut in (0..record.len()).filter(|cut| !whole_fields.contains(cut)) {
                assert_eq!(check(&record[..cut], wire), None, "{wire}, cut at {cut}");
            }
        }
    }

    #[test]
    fn check_refuses_fields_that_are_repeated_or_out_of_order() {
        let hash = [b"\x1a\x40".as_slice(), &hex_sha256(b"")].concat();
        let refused: [&[&[u8]]; 4] = [
            &[b"\x0a\x01n", &hash, &hash],
            &[b"\x0a\x01n", &hash, b"\x12\x01x"],
            &[b"\x0a\x01n", b"\x12\x01x"],
            &[b"\x0a\x01n", &hash, b"\x3a\x01x"],
        ];
        for parts in refused {
            assert_eq!(
                check(&parts.concat(), WireForm::Standard),
                None,
                "{parts:?}"
            );
        }
    }

    #[test]
    fn varints_read_back_as_written() {
        for value in [
            0,
            1,
            127,
            128,
            16_383,
            16_384,
            (1 << 24) - 1,
            u64::from(u32::MAX),
            u64::MAX,
        ] {
            let mut bytes = Vec::new();
            append_varint(value, &mut bytes);
            assert_eq!(bytes.len(), varint_bytes(value));
            bytes.push(0xAA);
            assert_eq!(read_varint(&bytes), Some((value, [0xAA].as_slice())));
        }
        assert_eq!(read_varint(&[0x80; 11]), None);
        assert_eq!(
            read_varint(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02]),
            None
        );
    }
}
