//! The dynamic table (RFC 7541, sections 2.3.2 and 4).
//!
//! Names and values lie one behind the other in one buffer, oldest first; an eviction moves the
//! start, an insertion that finds no room at the end moves everything to the front. The buffer is
//! as large as what a peer really puts there, twice the limit at most.

use std::collections::VecDeque;

use super::{ENTRY_OVERHEAD_BYTES, TABLE_BYTES_MAX};

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: usize,
    name_bytes: usize,
    value_bytes: usize,
}

impl Entry {
    const fn bytes(self) -> usize {
        self.name_bytes + self.value_bytes
    }

    const fn size(self) -> usize {
        self.bytes() + ENTRY_OVERHEAD_BYTES
    }
}

/// What the peer had us remember.
#[derive(Debug)]
pub struct DynamicTable {
    text: Vec<u8>,
    /// Oldest first.
    entries: VecDeque<Entry>,
    size: usize,
    size_max: usize,
    changes: u64,
}

impl Default for DynamicTable {
    fn default() -> Self {
        Self {
            text: Vec::new(),
            entries: VecDeque::new(),
            size: 0,
            size_max: TABLE_BYTES_MAX,
            changes: 0,
        }
    }
}

impl DynamicTable {
    /// Grows with every change: as long as it is the same, an index means the same.
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// Name and value; 0 is the newest entry.
    pub fn get(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let rank = self.entries.len().checked_sub(index + 1)?;
        let entry = self.entries.get(rank)?;
        let text = self.text.get(entry.at..)?.get(..entry.bytes())?;
        text.split_at_checked(entry.name_bytes)
    }

    /// Evicts what does not fit into `size_max`, which is at most `TABLE_BYTES_MAX`.
    pub fn resize(&mut self, size_max: usize) {
        self.size_max = size_max.min(TABLE_BYTES_MAX);
        self.changes += 1;
        self.evict_to(self.size_max);
    }

    /// Adds an entry as the newest, evicting for it. An entry larger than the table empties it.
    pub fn insert(&mut self, name: &[u8], value: &[u8]) {
        self.changes += 1;
        let size = name.len() + value.len() + ENTRY_OVERHEAD_BYTES;
        let Some(room) = self.size_max.checked_sub(size) else {
            return self.evict_to(0);
        };
        self.evict_to(room);
        if self.text.len() + name.len() + value.len() > 2 * TABLE_BYTES_MAX {
            self.close_up();
        }
        self.entries.push_back(Entry {
            at: self.text.len(),
            name_bytes: name.len(),
            value_bytes: value.len(),
        });
        self.text.extend_from_slice(name);
        self.text.extend_from_slice(value);
        self.size += size;
    }

    fn evict_to(&mut self, size: usize) {
        while self.size > size {
            let Some(entry) = self.entries.pop_front() else {
                return;
            };
            self.size -= entry.size();
        }
        if self.entries.is_empty() {
            self.text.clear();
        }
    }

    fn close_up(&mut self) {
        let start = self
            .entries
            .front()
            .map_or(self.text.len(), |entry| entry.at);
        self.text.drain(..start);
        for entry in &mut self.entries {
            entry.at -= start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entry_comes_first_and_the_oldest_goes_first() {
        let mut table = DynamicTable::default();
        table.resize(2 * (ENTRY_OVERHEAD_BYTES + 2));
        for name in [b"a", b"b", b"c"] {
            table.insert(name, b"1");
        }
        assert_eq!(table.get(0), Some((&b"c"[..], &b"1"[..])));
        assert_eq!(table.get(1), Some((&b"b"[..], &b"1"[..])));
        assert_eq!(table.get(2), None);
        table.insert(&[b'x'; 100], b"");
        assert_eq!(table.get(0), None, "too large an entry empties it");
        assert_eq!(table.size, 0);
    }

    #[test]
    fn resizing_evicts_and_every_change_is_counted() {
        let mut table = DynamicTable::default();
        table.insert(b"a", b"1");
        table.insert(b"b", b"2");
        let before = table.changes();
        table.resize(ENTRY_OVERHEAD_BYTES + 2);
        assert_eq!(
            (table.get(0), table.get(1)),
            (Some((&b"b"[..], &b"2"[..])), None)
        );
        table.resize(0);
        table.insert(b"c", b"3");
        assert_eq!(table.get(0), None);
        assert_eq!(table.changes(), before + 3);
    }

    #[test]
    fn entries_stay_whole_however_many_come_and_the_buffer_is_bounded() {
        let mut table = DynamicTable::default();
        for number in 0..if cfg!(miri) { 300 } else { 10_000_u32 } {
            table.insert(&number.to_be_bytes(), &[number as u8; 60]);
            assert_eq!(table.get(0).unwrap().0, number.to_be_bytes());
            if number >= 20 {
                assert_eq!(table.get(20).unwrap().0, (number - 20).to_be_bytes());
            }
            assert!(table.size <= TABLE_BYTES_MAX);
            assert!(table.text.len() <= 2 * TABLE_BYTES_MAX);
        }
    }
}
