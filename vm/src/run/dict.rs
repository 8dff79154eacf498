//! Dicts and sets: entries in the order of insertion, and an index of them once there are more than a few.
//!
//! ```text
//! entries  [key value hash] [key value hash] [unset] …      a deleted entry keeps its place until the next growth
//! index    0 = free, n = entry n-1, DELETED                 open addressing, load ≤ 1/2; absent up to SCAN_MAX entries
//! ```

use std::cell::Cell;

use super::arena::{Arena, QuotaReached};
use super::ops::compare::same_key;
use super::text::Text;
use super::value::Value;

/// Entries that are searched one by one: comparing 8 hashes costs no more than one probe of an index.
const SCAN_MAX: usize = 8;

const DELETED: u32 = u32::MAX;

#[derive(Debug)]
struct Entry<'a> {
    key: Cell<Value<'a>>,
    value: Cell<Value<'a>>,
    hash: Cell<u64>,
}

/// A Python `dict`.
#[derive(Debug)]
pub struct Dict<'a> {
    entries: Cell<&'a [Entry<'a>]>,
    /// Entries in use, deleted ones included.
    used: Cell<usize>,
    /// Entries that are not deleted.
    live: Cell<usize>,
    index: Cell<&'a [Cell<u32>]>,
}

impl<'a> Dict<'a> {
    /// An empty dict.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: Cell::new(&[]),
            used: Cell::new(0),
            live: Cell::new(0),
            index: Cell::new(&[]),
        }
    }

    /// An empty dict with room for `count` entries.
    pub fn with_capacity(arena: &'a Arena, count: usize) -> Result<Self, QuotaReached> {
        let dict = Self::new();
        if count > 0 {
            dict.rebuild(arena, count)?;
        }
        Ok(dict)
    }

    /// Number of keys.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.get()
    }

    /// True without keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.get() == 0
    }

    /// Value at `key`, whose hash is `hash`.
    #[inline]
    #[must_use]
    pub fn get(&self, key: Value<'a>, hash: u64) -> Option<Value<'a>> {
        self.find(key, hash)
            .map(|place| self.entries.get()[place].value.get())
    }

    /// Value at a text key.
    #[inline]
    #[must_use]
    pub fn get_text(&self, key: &'a Text<'a>) -> Option<Value<'a>> {
        self.get(Value::Str(key), key.hash())
    }

    /// Value at a text key that is not in the arena.
    #[must_use]
    pub fn get_str(&self, key: &str) -> Option<Value<'a>> {
        if self.index.get().is_empty() {
            return self
                .iter()
                .find(|(known, _)| known.as_str() == Some(key))
                .map(|(_, value)| value);
        }
        let hash = super::hash::hash_text(key);
        let place = self.probe(hash, |entry| entry.as_str() == Some(key))?;
        Some(self.entries.get()[place].value.get())
    }

    /// Place of the entry at `key`, for [`Dict::value_at`]: valid until the dict grows or the key is removed.
    #[inline]
    #[must_use]
    pub fn find(&self, key: Value<'a>, hash: u64) -> Option<usize> {
        if self.index.get().is_empty() {
            let entries = &self.entries.get()[..self.used.get()];
            return entries
                .iter()
                .position(|entry| entry.hash.get() == hash && same_key(entry.key.get(), key));
        }
        self.probe(hash, |known| same_key(known, key))
    }

    #[inline]
    fn probe(&self, hash: u64, same: impl Fn(Value<'a>) -> bool) -> Option<usize> {
        let index = self.index.get();
        let entries = self.entries.get();
        let mask = index.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            match index[slot].get() {
                0 => return None,
                DELETED => {}
                number => {
                    let entry = &entries[number as usize - 1];
                    if entry.hash.get() == hash && same(entry.key.get()) {
                        return Some(number as usize - 1);
                    }
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    /// True when the entry at `place` is the text `key` by identity: the check of an inline cache.
    #[inline]
    #[must_use]
    pub fn holds_at(&self, place: usize, key: &'a Text<'a>) -> bool {
        place < self.used.get()
            && matches!(self.entries.get()[place].key.get(), Value::Str(known)
                if std::ptr::eq(known, key) || (known.hash() == key.hash() && known.as_str() == key.as_str()))
    }

    /// Value of the entry at a place from [`Dict::find`].
    #[inline]
    #[must_use]
    pub fn value_at(&self, place: usize) -> Value<'a> {
        self.entries.get()[place].value.get()
    }

    /// Key of the entry at a place from [`Dict::find`].
    #[inline]
    #[must_use]
    pub fn key_at(&self, place: usize) -> Value<'a> {
        self.entries.get()[place].key.get()
    }

    /// Change the value of the entry at a place from [`Dict::find`].
    #[inline]
    pub fn set_at(&self, place: usize, value: Value<'a>) {
        self.entries.get()[place].value.set(value);
    }

    /// Set `key`, whose hash is `hash`; a known key keeps its place.
    #[inline]
    pub fn set(
        &self,
        arena: &'a Arena,
        key: Value<'a>,
        hash: u64,
        value: Value<'a>,
    ) -> Result<(), QuotaReached> {
        match self.find(key, hash) {
            Some(place) => self.set_at(place, value),
            None => self.append(arena, key, hash, value)?,
        }
        Ok(())
    }

    /// Set a text key.
    #[inline]
    pub fn set_text(
        &self,
        arena: &'a Arena,
        key: &'a Text<'a>,
        value: Value<'a>,
    ) -> Result<(), QuotaReached> {
        self.set(arena, Value::Str(key), key.hash(), value)
    }

    /// Add a key that is not there.
    #[inline]
    pub fn append(
        &self,
        arena: &'a Arena,
        key: Value<'a>,
        hash: u64,
        value: Value<'a>,
    ) -> Result<(), QuotaReached> {
        if self.used.get() == self.entries.get().len() {
            self.rebuild(arena, (self.live.get() * 2).max(4))?;
        }
        let place = self.used.get();
        let entry = &self.entries.get()[place];
        entry.key.set(key);
        entry.value.set(value);
        entry.hash.set(hash);
        self.used.set(place + 1);
        self.live.set(self.live.get() + 1);
        self.link(hash, place);
        Ok(())
    }

    fn link(&self, hash: u64, place: usize) {
        let index = self.index.get();
        if index.is_empty() {
            return;
        }
        let mask = index.len() - 1;
        let mut slot = hash as usize & mask;
        while index[slot].get() != 0 {
            slot = (slot + 1) & mask;
        }
        index[slot].set(place as u32 + 1);
    }

    /// Take `key` out and give its value.
    pub fn remove(&self, key: Value<'a>, hash: u64) -> Option<Value<'a>> {
        let place = self.find(key, hash)?;
        Some(self.remove_at(place).1)
    }

    /// Take the entry at a place out.
    pub fn remove_at(&self, place: usize) -> (Value<'a>, Value<'a>) {
        let entry = &self.entries.get()[place];
        let taken = (entry.key.get(), entry.value.get());
        let index = self.index.get();
        if !index.is_empty() {
            let mask = index.len() - 1;
            let mut slot = entry.hash.get() as usize & mask;
            while index[slot].get() != place as u32 + 1 {
                slot = (slot + 1) & mask;
            }
            index[slot].set(DELETED);
        }
        entry.key.set(Value::Unset);
        entry.value.set(Value::Unset);
        entry.hash.set(0);
        self.live.set(self.live.get() - 1);
        if place + 1 == self.used.get() && index.is_empty() {
            self.used.set(place);
        }
        taken
    }

    /// The last entry (`popitem`), and how many places of deleted ones were passed to find it.
    #[must_use]
    pub fn last_place(&self) -> Option<(usize, usize)> {
        let used = self.used.get();
        (0..used)
            .rev()
            .find(|place| !self.entries.get()[*place].key.get().is_unset())
            .map(|place| (place, used - place))
    }

    /// Remove everything.
    pub fn clear(&self) {
        self.entries.set(&[]);
        self.index.set(&[]);
        self.used.set(0);
        self.live.set(0);
    }

    /// The first entry at or after `place`, with the place to go on from. Iteration that allows changes between steps.
    #[inline]
    #[must_use]
    pub fn next_entry(&self, place: usize) -> Option<(usize, Value<'a>, Value<'a>)> {
        let entries = self.entries.get();
        (place..self.used.get()).find_map(|place| {
            let key = entries[place].key.get();
            (!key.is_unset()).then(|| (place + 1, key, entries[place].value.get()))
        })
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (Value<'a>, Value<'a>)> + 'a {
        self.entries.get()[..self.used.get()]
            .iter()
            .map(|entry| (entry.key.get(), entry.value.get()))
            .filter(|(key, _)| !key.is_unset())
    }

    /// Keys, values and hashes in order.
    pub fn iter_hashed(&self) -> impl Iterator<Item = (Value<'a>, Value<'a>, u64)> + 'a {
        self.entries.get()[..self.used.get()]
            .iter()
            .map(|entry| (entry.key.get(), entry.value.get(), entry.hash.get()))
            .filter(|(key, ..)| !key.is_unset())
    }

    /// A dict in another arena with the same places and hashes, to be filled with [`Dict::fill`]: whoever iterates goes
    /// on at its place.
    pub fn outline<'b>(&self, arena: &'b Arena) -> Result<Dict<'b>, QuotaReached> {
        let (entries, index) = (self.entries.get(), self.index.get());
        let outline = arena.alloc_slice_with(entries.len(), |place| Entry {
            key: Cell::new(Value::Unset),
            value: Cell::new(Value::Unset),
            hash: Cell::new(entries[place].hash.get()),
        })?;
        let numbers = arena.alloc_slice_with(index.len(), |slot| Cell::new(index[slot].get()))?;
        Ok(Dict {
            entries: Cell::new(outline),
            used: self.used.clone(),
            live: self.live.clone(),
            index: Cell::new(numbers),
        })
    }

    /// Number of places that may hold an entry.
    #[must_use]
    pub fn places(&self) -> usize {
        self.used.get()
    }

    /// Key and value at a place below [`Dict::places`]; a deleted entry's are unset.
    #[must_use]
    pub fn entry_at(&self, place: usize) -> (Value<'a>, Value<'a>) {
        let entry = &self.entries.get()[place];
        (entry.key.get(), entry.value.get())
    }

    /// Set a place of an outline.
    pub fn fill(&self, place: usize, key: Value<'a>, value: Value<'a>) {
        let entry = &self.entries.get()[place];
        entry.key.set(key);
        entry.value.set(value);
    }

    /// Bytes of its entries and index.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(self.entries.get()) + size_of_val(self.index.get())
    }

    #[cold]
    fn rebuild(&self, arena: &'a Arena, capacity: usize) -> Result<(), QuotaReached> {
        // Entry numbers are 32 bits, of which two values are taken.
        if capacity >= (DELETED - 1) as usize {
            return Err(QuotaReached);
        }
        let old = self.entries.get();
        let entries = arena.alloc_slice_with(capacity, |_| Entry {
            key: Cell::new(Value::Unset),
            value: Cell::new(Value::Unset),
            hash: Cell::new(0),
        })?;
        let mut places = entries.iter();
        for entry in old[..self.used.get()]
            .iter()
            .filter(|entry| !entry.key.get().is_unset())
        {
            let Some(place) = places.next() else { break };
            place.key.set(entry.key.get());
            place.value.set(entry.value.get());
            place.hash.set(entry.hash.get());
        }
        let index: &[Cell<u32>] = if capacity > SCAN_MAX {
            arena.alloc_cells((capacity * 2).next_power_of_two(), 0_u32)?
        } else {
            &[]
        };
        self.entries.set(entries);
        self.used.set(self.live.get());
        self.index.set(index);
        for (place, entry) in entries[..self.live.get()].iter().enumerate() {
            self.link(entry.hash.get(), place);
        }
        Ok(())
    }
}

impl Default for Dict<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// A Python `set` or `frozenset`: a dict without values. Its order is that of insertion.
#[derive(Debug)]
pub struct Set<'a> {
    /// A place of its own: iterators look at the dict, and are moved apart from the set.
    entries: &'a Dict<'a>,
    frozen: bool,
}

impl<'a> Set<'a> {
    /// A set over the keys of `entries`.
    #[must_use]
    pub const fn new(entries: &'a Dict<'a>, frozen: bool) -> Self {
        Self { entries, frozen }
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A `frozenset`.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Its items as keys.
    #[must_use]
    pub const fn entries(&self) -> &'a Dict<'a> {
        self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::hash::hash_int;

    #[test]
    fn entries_keep_their_order_through_growth_and_removal() {
        let arena = Arena::new(1 << 20);
        let dict = Dict::new();
        for number in 0..100 {
            dict.set(
                &arena,
                Value::Int(number),
                hash_int(number),
                Value::Int(-number),
            )
            .unwrap();
        }
        for number in (0..100).step_by(2) {
            assert!(dict.remove(Value::Int(number), hash_int(number)).is_some());
        }
        dict.set(&arena, Value::Int(4), hash_int(4), Value::None)
            .unwrap();
        dict.set(&arena, Value::Int(1), hash_int(1), Value::None)
            .unwrap();

        let keys: Vec<i64> = dict.iter().filter_map(|(key, _)| key.as_int()).collect();
        let mut expected: Vec<i64> = (1..100).step_by(2).collect();
        expected.push(4);
        assert_eq!(keys, expected);
        assert_eq!(dict.len(), 51);
        assert!(dict.get(Value::Int(2), hash_int(2)).is_none());
        assert!(dict.get(Value::Float(3.0), hash_int(3)).is_some());
    }
}
