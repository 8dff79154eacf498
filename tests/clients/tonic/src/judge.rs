//! Whether one reply is what some announced version says, byte for byte.

use std::collections::HashSet;
use std::fmt::Write;

use prost::Message;
use sha2::{Digest, Sha256};

use crate::contract::{lite, standard};
use crate::input::{Version, Wire};

/// "AVAP", version, length, MAC.
const PACKAGE_HEADER_BYTES: usize = 42;
const DIGEST_DIGITS: usize = 32;

/// The value of `avap-catalog-version` as (generation, digest).
pub fn parse_version(text: &str) -> Option<(u64, &str)> {
    let (generation, digest) = text.split_once('-')?;
    let digits = |text: &str, allowed: fn(&u8) -> bool| text.bytes().all(|byte| allowed(&byte));
    let numeral = !generation.starts_with('0') && digits(generation, u8::is_ascii_digit);
    let hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    if !numeral || digest.len() != DIGEST_DIGITS || !digits(digest, hex) {
        return None;
    }
    Some((generation.parse().ok()?, digest))
}

/// What is wrong with the reply to `GetCommand`.
pub fn judge_hit(version: &Version, name: &str, reply: &[u8], wire: Wire) -> Result<(), String> {
    let expected = version
        .commands
        .get(name)
        .ok_or("answered, but this version does not hold the name")?;
    if reply != expected {
        return Err(differ(reply, expected, "the record's"));
    }
    let (decoded, hash, source) = match wire {
        Wire::Standard => {
            let record =
                standard::CommandDefinition::decode(reply).map_err(|error| undecodable(&error))?;
            (record.name, record.hash, record.code.into_bytes())
        }
        Wire::Lite => {
            let record =
                lite::CommandResponse::decode(reply).map_err(|error| undecodable(&error))?;
            let source = match record.code.split_at_checked(PACKAGE_HEADER_BYTES) {
                Some((header, source)) if header.starts_with(b"AVAP") => source.to_vec(),
                _ => return Err("code is not a signed package".to_owned()),
            };
            (record.name, record.hash, source)
        }
    };
    if decoded != name {
        return Err(format!("decoded name is {decoded:?}"));
    }
    let sum = hex(&Sha256::digest(&source));
    if hash != sum {
        return Err(format!("hash is {hash}, of the decoded code {sum}"));
    }
    Ok(())
}

/// What is wrong with the reply to `SyncCatalog`.
pub fn judge_sync(version: &Version, reply: &[u8], wire: Wire) -> Result<(), String> {
    if let Some(body) = &version.sync_body
        && reply != body
    {
        return Err(differ(reply, body, "the version's"));
    }
    let records: Vec<(String, Vec<u8>)> = match wire {
        Wire::Standard => standard::Catalog::decode(reply)
            .map_err(|error| undecodable(&error))?
            .commands
            .into_iter()
            .map(|record| (record.name.clone(), record.encode_to_vec()))
            .collect(),
        Wire::Lite => {
            let catalog =
                lite::CatalogResponse::decode(reply).map_err(|error| undecodable(&error))?;
            judge_tail(version, &catalog)?;
            let records = catalog.commands.into_iter();
            records
                .map(|record| (record.name.clone(), record.encode_to_vec()))
                .collect()
        }
    };
    let count = version.commands.len();
    if records.len() != count {
        return Err(format!("{} records instead of {count}", records.len()));
    }
    let mut seen = HashSet::new();
    for (position, (name, record)) in records.iter().enumerate() {
        if version.commands.get(name) != Some(record) || !seen.insert(name) {
            return Err(format!("record {position} ({name}) differs"));
        }
    }
    Ok(())
}

fn judge_tail(version: &Version, catalog: &lite::CatalogResponse) -> Result<(), String> {
    if usize::try_from(catalog.total_count) != Ok(version.commands.len()) {
        return Err(format!("total_count is {}", catalog.total_count));
    }
    if catalog.version_hash != format!("v-{}", version.digest) {
        return Err(format!("version_hash is {}", catalog.version_hash));
    }
    Ok(())
}

fn differ(reply: &[u8], expected: &[u8], whose: &str) -> String {
    format!(
        "{} bytes differ from {whose} {}",
        reply.len(),
        expected.len()
    )
}

fn undecodable(error: &prost::DecodeError) -> String {
    format!("not decodable: {error}")
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
    }
    text
}
