//! The code segment: the definitions of a version, compiled, in shared memory.
//!
//! A compiler process writes it (`builder`), the supervisor checks and announces it, HTTP workers map it read-only
//! (`segment`) and find a definition by the hash of its source. What an entry holds is the compiler's business: here it
//! is bytes of a *form*, a number that changes whenever one release could not read what another wrote.

mod builder;
mod layout;
mod segment;

use std::fmt;

use sha2::{Digest as _, Sha256};

pub use builder::{CodeBuilder, CodeError, CodeReport};
pub use layout::{CodeHeader, EntryKind, Progress};
pub use segment::{CodeEntry, CodeSegment, CodeView};

use crate::command::Command;

/// Identity of what a definition is compiled from: SHA-256 over name, interface and code, so that a row cannot be made
/// that takes another one's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceHash(pub [u8; 32]);

impl SourceHash {
    /// Of a command.
    #[must_use]
    pub fn of(command: &Command<'_>) -> Self {
        let mut hash = Sha256::new();
        for text in [command.name, command.interface, command.code] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        Self(hash.finalize().into())
    }

    /// From 64 hex digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return None;
        };
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            let digit = |index: usize| (pair[index] as char).to_digit(16);
            *byte = (digit(0)? * 16 + digit(1)?) as u8;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for SourceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
