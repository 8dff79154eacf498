//! Sets of a function's registers: one word for most functions, many for the rest.

const WORD: usize = u64::BITS as usize;

/// A set of registers.
pub(super) trait Registers: Clone + Default {
    /// Is it in the set?
    fn has(&self, register: usize) -> bool;
    /// Are all of a window in the set?
    fn has_all(&self, first: usize, count: usize) -> bool;
    /// Put all of a window into the set.
    fn put_all(&mut self, first: usize, count: usize);
    /// Take out what is not below a register.
    fn keep_below(&mut self, register: usize);
    /// Take out what is not in the other set; true when anything was.
    fn meet(&mut self, other: &Self) -> bool;
    /// Words that hold it.
    fn words(&self) -> usize;

    /// Put it into the set.
    fn put(&mut self, register: usize) {
        self.put_all(register, 1);
    }
}

/// Registers from `first` on: `count` bits of a word. Both within the word.
const fn bits(first: usize, count: usize) -> u64 {
    if count == 0 {
        return 0;
    }
    (u64::MAX >> (WORD - count)) << first
}

impl Registers for u64 {
    fn has(&self, register: usize) -> bool {
        self >> register & 1 == 1
    }
    fn has_all(&self, first: usize, count: usize) -> bool {
        !self & bits(first, count) == 0
    }
    fn put_all(&mut self, first: usize, count: usize) {
        *self |= bits(first, count);
    }
    fn keep_below(&mut self, register: usize) {
        *self &= bits(0, register.min(WORD));
    }
    fn meet(&mut self, other: &Self) -> bool {
        let lost = *self & !other != 0;
        *self &= other;
        lost
    }
    fn words(&self) -> usize {
        1
    }
}

/// A set of more registers than a word has bits: words up to the last that is not empty, or a few more.
#[derive(Clone, Default)]
pub(super) struct Wide(Vec<u64>);

impl Wide {
    /// The words that a window covers, each with its bits.
    fn covered(first: usize, count: usize) -> impl Iterator<Item = (usize, u64)> {
        let end = first + count;
        (first / WORD..end.div_ceil(WORD)).map(move |word| {
            let from = first.max(word * WORD);
            let to = end.min((word + 1) * WORD);
            (word, bits(from - word * WORD, to.saturating_sub(from)))
        })
    }
}

impl Registers for Wide {
    fn has(&self, register: usize) -> bool {
        let word = self.0.get(register / WORD).copied().unwrap_or_default();
        word >> (register % WORD) & 1 == 1
    }
    fn has_all(&self, first: usize, count: usize) -> bool {
        Self::covered(first, count)
            .all(|(word, bits)| !self.0.get(word).copied().unwrap_or_default() & bits == 0)
    }
    fn put_all(&mut self, first: usize, count: usize) {
        let words = (first + count).div_ceil(WORD);
        if self.0.len() < words {
            self.0.resize(words, 0);
        }
        for (word, bits) in Self::covered(first, count) {
            self.0[word] |= bits;
        }
    }
    fn keep_below(&mut self, register: usize) {
        self.0.truncate(register.div_ceil(WORD));
        if let Some(word) = self.0.get_mut(register / WORD) {
            *word &= bits(0, register % WORD);
        }
    }
    fn meet(&mut self, other: &Self) -> bool {
        let both = self.0.len().min(other.0.len());
        let mut lost = self.0.drain(both..).fold(0, |lost, word| lost | word);
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            lost |= *own & !other;
            *own &= other;
        }
        lost != 0
    }
    fn words(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both kinds of sets against a list of flags.
    #[test]
    fn sets_hold_what_was_put_and_not_taken() {
        fn check<S: Registers>(count: usize) {
            for first in 0..count {
                for width in [0, 1, 2, 7, count / 2, count] {
                    if first + width > count {
                        continue;
                    }
                    let mut set = S::default();
                    set.put_all(first, width);
                    let is_in = |register| (first..first + width).contains(&register);
                    assert!((0..count).all(|register| set.has(register) == is_in(register)));
                    assert!(set.has_all(first, width));
                    assert_eq!(set.has_all(0, first + width), first == 0);
                    let mut other = S::default();
                    other.put_all(0, count);
                    assert!(!set.clone().meet(&other));
                    assert_eq!(other.meet(&set), width < count);
                    assert!((0..count).all(|register| other.has(register) == is_in(register)));
                    let middle = first + width / 2;
                    set.keep_below(middle);
                    let kept = |register| is_in(register) && register < middle;
                    assert!((0..count).all(|register| set.has(register) == kept(register)));
                }
            }
        }
        check::<u64>(64);
        check::<u64>(5);
        check::<Wide>(64);
        check::<Wide>(65);
        check::<Wide>(193);
    }
}
