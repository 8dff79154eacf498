//! Signed packages: a definition's source text under an HMAC.
//!
//! ```text
//!   0   4  "AVAP"
//!   4   2  version, big-endian, 1
//!   6   4  payload bytes, big-endian
//!  10  32  HMAC-SHA256 over bytes 0..10 and the payload
//!  42   n  payload
//! ```

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes before the payload.
pub const PREFIX_BYTES: usize = 42;

const MAGIC: [u8; 4] = *b"AVAP";
const VERSION: u16 = 1;

/// Signs packages with one key. The key itself is not kept, only the state of the HMAC under it.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// Any key length is valid for HMAC; an empty one is refused by whoever reads the settings.
    ///
    /// # Panics
    /// Never: HMAC takes keys of every length.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of every length"))
    }

    /// The 42 bytes that go before `payload`. A payload has fewer than 2^24 bytes here.
    #[must_use]
    pub fn prefix(&self, payload: &[u8]) -> [u8; PREFIX_BYTES] {
        let mut prefix = [0; PREFIX_BYTES];
        prefix[..4].copy_from_slice(&MAGIC);
        prefix[4..6].copy_from_slice(&VERSION.to_be_bytes());
        prefix[6..10].copy_from_slice(&(payload.len() as u32).to_be_bytes());
        let mut mac = self.0.clone();
        mac.update(&prefix[..10]);
        mac.update(payload);
        prefix[10..].copy_from_slice(&mac.finalize().into_bytes());
        prefix
    }
}

/// Shows nothing of the key.
impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_matches_one_made_with_python() {
        // hmac.new(b"key", b"AVAP\0\1\0\0\0\5hello", "sha256").hexdigest()
        let prefix = Signer::new(b"key").prefix(b"hello");
        assert_eq!(&prefix[..10], b"AVAP\0\x01\0\0\0\x05");
        let mac = u128::from_be_bytes(*prefix[10..].first_chunk().unwrap());
        assert_eq!(format!("{mac:032x}"), "0cd096afa0f0d902cde28c56411f4744");
    }

    #[test]
    fn a_signer_does_not_print_its_key() {
        assert_eq!(format!("{:?}", Signer::new(b"secret")), "Signer(..)");
    }
}
