//! Texts: UTF-8 in the arena (or in the program), with the hash and the number of characters kept once known.

use std::cell::Cell;

use super::hash::hash_text;

/// A Python `str`. Lone surrogates cannot be held; where text enters they become U+FFFD.
#[derive(Debug)]
pub struct Text<'a> {
    content: &'a str,
    /// 0 until asked for.
    hash: Cell<u64>,
    /// `u32::MAX` until asked for.
    chars: Cell<u32>,
}

impl<'a> Text<'a> {
    /// A text over bytes that live as long as the execution.
    #[inline]
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self {
            content: text,
            hash: Cell::new(0),
            chars: Cell::new(u32::MAX),
        }
    }

    /// A text whose hash was computed when the program was compiled.
    #[inline]
    #[must_use]
    pub const fn with_hash(text: &'a str, hash: u64) -> Self {
        Self {
            content: text,
            hash: Cell::new(hash),
            chars: Cell::new(u32::MAX),
        }
    }

    /// The same text over characters in another arena.
    #[must_use]
    pub fn moved<'b>(&self, content: &'b str) -> Text<'b> {
        Text {
            content,
            hash: self.hash.clone(),
            chars: self.chars.clone(),
        }
    }

    /// The characters.
    #[inline]
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.content
    }

    /// Hash under the process's key; never 0.
    #[inline]
    #[must_use]
    pub fn hash(&self) -> u64 {
        let known = self.hash.get();
        if known != 0 {
            return known;
        }
        let hash = hash_text(self.content);
        self.hash.set(hash);
        hash
    }

    /// Number of characters (code points): what `len` says.
    #[inline]
    #[must_use]
    pub fn char_count(&self) -> usize {
        let known = self.chars.get();
        if known != u32::MAX {
            return known as usize;
        }
        let count = self.content.chars().count();
        self.chars.set(u32::try_from(count).unwrap_or(u32::MAX));
        count
    }

    /// One byte a character, so that an index is an offset.
    #[inline]
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.char_count() == self.content.len()
    }
}
