//! Keys: which ones are active, and whether a presented one is among them.
//!
//! Keys are compared as SHA-256 digests: of equal length whatever was presented, in constant time,
//! and over all active keys without an early out, so the time tells neither how much of a key was
//! right nor which one matched. The keys themselves are not kept.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The active keys.
#[derive(Clone)]
pub struct Keys(Vec<[u8; 32]>);

impl Keys {
    /// Takes the digests of `keys`. Empty keys are left out: a client that sends none must not
    /// match one.
    pub fn new<K: AsRef<[u8]>>(keys: impl IntoIterator<Item = K>) -> Self {
        let digests = keys
            .into_iter()
            .filter(|key| !key.as_ref().is_empty())
            .map(|key| Sha256::digest(key.as_ref()).into())
            .collect();
        Self(digests)
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether `presented` is an active key. Without active keys nothing is admitted.
    #[must_use]
    pub fn admit(&self, presented: &[u8]) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        let found = self
            .0
            .iter()
            .fold(Choice::from(0), |found, key| found | key.ct_eq(&presented));
        found.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_active_key_is_admitted_and_nothing_else() {
        let keys = Keys::new(["first-key", "second-key"]);
        assert_eq!(keys.count(), 2);
        for good in ["first-key", "second-key"] {
            assert!(keys.admit(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "first-ke",
            "first-keyy",
            "FIRST-KEY",
            "third-key",
            "\u{0}",
        ] {
            assert!(!keys.admit(bad.as_bytes()), "{bad:?}");
        }
        assert!(!keys.admit(&vec![0xff; 100_000]));
    }

    #[test]
    fn empty_keys_and_no_keys_admit_nobody() {
        assert!(!Keys::new([""]).admit(b""));
        assert!(!Keys::new(Vec::<String>::new()).admit(b""));
    }
}
