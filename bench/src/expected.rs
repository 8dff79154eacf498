//! What replies must hold: the records of each version, by name.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;

use crate::plan::{LoadError, VersionFile};

/// `repeated … commands = 1` in a catalogue, and `name = 1` in a record: field 1, length-delimited.
const FIELD_1: u8 = 0x0A;

/// The versions that replies may come from.
pub struct Expected {
    versions: Vec<Version>,
}

struct Version {
    digest: String,
    catalog: Vec<u8>,
    /// Name to where its record lies in `catalog`.
    records: HashMap<Vec<u8>, Range<usize>>,
    names: Vec<String>,
}

impl Expected {
    /// Reads the versions' catalogues.
    ///
    /// # Errors
    /// [`LoadError::Expected`]: a file that cannot be read or is no catalogue.
    pub fn load(files: &[VersionFile]) -> Result<Self, LoadError> {
        let versions = files
            .iter()
            .map(|file| {
                let refuse = |reason: String| LoadError::Expected {
                    path: file.catalog.clone(),
                    reason,
                };
                let catalog = fs::read(&file.catalog).map_err(|error| refuse(error.to_string()))?;
                Version::parse(file.digest.clone(), catalog)
                    .map_err(|reason| refuse(reason.to_owned()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { versions })
    }

    /// Versions from the bytes of their catalogues.
    #[cfg(test)]
    pub(crate) fn of(versions: &[(&str, Vec<u8>)]) -> Self {
        let versions = versions
            .iter()
            .map(|(digest, catalog)| Version::parse((*digest).to_owned(), catalog.clone()).unwrap())
            .collect();
        Self { versions }
    }

    /// The names of the first version, in its order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        self.versions.first().map_or(&[], |version| &version.names)
    }

    /// The number of the version with this digest.
    #[must_use]
    pub fn version(&self, digest: &str) -> Option<usize> {
        self.versions
            .iter()
            .position(|version| version.digest == digest)
    }

    /// The record of `name` in a version; `None`: it must be answered with `NOT_FOUND`.
    #[must_use]
    pub fn record(&self, version: usize, name: &str) -> Option<&[u8]> {
        let version = self.versions.get(version)?;
        version
            .records
            .get(name.as_bytes())
            .map(|range| &version.catalog[range.clone()])
    }

    /// How many versions there are.
    pub(crate) fn versions(&self) -> usize {
        self.versions.len()
    }

    /// A version's whole catalogue.
    #[must_use]
    pub fn catalog(&self, version: usize) -> Option<&[u8]> {
        Some(&self.versions.get(version)?.catalog)
    }
}

impl Version {
    fn parse(digest: String, catalog: Vec<u8>) -> Result<Self, &'static str> {
        let mut records = HashMap::new();
        let mut names = Vec::new();
        let mut at = 0;
        while at < catalog.len() {
            if catalog[at] != FIELD_1 {
                break; // lite: the count and the version's name follow the records
            }
            let record = length_delimited(&catalog, at).ok_or("a record is cut off")?;
            at = record.end;
            let inner = &catalog[record.clone()];
            let name = match inner.first() {
                Some(&FIELD_1) => length_delimited(inner, 0).ok_or("a name is cut off")?,
                _ => return Err("a record does not begin with its name"),
            };
            let name = std::str::from_utf8(&inner[name]).map_err(|_| "a name is not UTF-8")?;
            names.push(name.to_owned());
            records.insert(name.as_bytes().to_vec(), record);
        }
        if records.is_empty() {
            return Err("it holds no record");
        }
        Ok(Self {
            digest,
            catalog,
            records,
            names,
        })
    }
}

/// The contents of the length-delimited field that starts at `at`.
fn length_delimited(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let mut length = 0_usize;
    for (position, byte) in bytes.get(at + 1..)?.iter().take(5).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * position);
        if byte & 0x80 == 0 {
            let start = at + 2 + position;
            let end = start.checked_add(length)?;
            return (end <= bytes.len()).then_some(start..end);
        }
    }
    None
}

/// A catalogue of `(name, code)` as protobuf encodes it.
#[cfg(test)]
pub fn encode_catalog(commands: &[(&str, &str)]) -> Vec<u8> {
    let field = |tag: u8, bytes: &[u8]| {
        let length = u16::try_from(bytes.len()).unwrap();
        assert!(length < 1 << 14);
        let varint: &[u8] = &if length < 0x80 {
            vec![length as u8]
        } else {
            vec![length as u8 | 0x80, (length >> 7) as u8]
        };
        [&[tag], varint, bytes].concat()
    };
    let record = |(name, code): &(&str, &str)| {
        [field(0x0A, name.as_bytes()), field(0x12, code.as_bytes())].concat()
    };
    commands
        .iter()
        .flat_map(|command| field(0x0A, &record(command)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_by_name_and_version() {
        let long = "x".repeat(300);
        let first = encode_catalog(&[("a", "1"), ("ñ", &long)]);
        let second = encode_catalog(&[("a", "2")]);
        let expected = Expected::of(&[("d1", first), ("d2", second)]);
        assert_eq!(expected.names(), ["a", "ñ"]);
        assert_eq!(expected.version("d2"), Some(1));
        assert_eq!(expected.version("d3"), None);
        assert_eq!(expected.record(0, "a"), Some(&b"\x0a\x01a\x12\x011"[..]));
        assert_eq!(expected.record(1, "a"), Some(&b"\x0a\x01a\x12\x012"[..]));
        assert_eq!(expected.record(1, "ñ"), None);
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let whole = encode_catalog(&[("abc", "1")]);
        for length in 1..whole.len() {
            assert!(
                Version::parse(String::new(), whole[..length].to_vec()).is_err(),
                "{length}"
            );
        }
    }
}
