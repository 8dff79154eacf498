//! Header compression (RFC 7541): a whole decoder, and as much of an encoder as constant blocks
//! need.
//!
//! The encoder makes no use of its dynamic table, so that a block means the same on every
//! connection and at any time, whatever table the peer has room for.

mod dynamic_table;
pub mod huffman;
pub mod integer;
pub mod static_table;

use dynamic_table::DynamicTable;

/// The table that we offer: the protocol's default, so that no SETTINGS are needed for it.
pub const TABLE_BYTES_MAX: usize = 4096;

/// What an entry counts beside its text (RFC 7541, section 4.1).
pub const ENTRY_OVERHEAD_BYTES: usize = 32;

/// `Dynamic Table Size Update` to 0, for the start of a block (RFC 7541, section 6.3).
pub const TABLE_SIZE_ZERO: u8 = 0x20;

const INDEXED: u8 = 0x80;
const WITH_INDEXING: u8 = 0x40;
const SIZE_UPDATE: u8 = 0x20;
const HUFFMAN: u8 = 0x80;

/// A block that cannot be decoded: a connection error `COMPRESSION_ERROR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HpackError {
    /// The block ends inside a field.
    Truncated,
    /// An integer is larger than anything in a block can be.
    IntegerTooLarge,
    /// An index is 0 or has no entry.
    Index,
    /// Huffman: EOS, or wrong padding.
    Huffman,
    /// A size update beyond what we offered, or not at the start of a block.
    SizeUpdate,
}

/// Room for decoded strings; kept from block to block, so that decoding allocates nothing.
#[derive(Debug, Default)]
pub struct Strings {
    name: Vec<u8>,
    value: Vec<u8>,
}

/// The decoder of one connection.
#[derive(Debug, Default)]
pub struct Decoder {
    table: DynamicTable,
}

impl Decoder {
    /// Grows with every change of the dynamic table. A block that was decoded without a change
    /// means the same again as long as this number is the same.
    #[must_use]
    pub const fn table_changes(&self) -> u64 {
        self.table.changes()
    }

    /// Decodes a whole block and gives its fields, name and value, to `sink`.
    ///
    /// # Errors
    /// [`HpackError`]. Fields before the error were given; the table is of no more use.
    pub fn decode(
        &mut self,
        block: &[u8],
        strings: &mut Strings,
        mut sink: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), HpackError> {
        let mut rest = block;
        let mut at_start = true;
        while let Some(&first) = rest.first() {
            if first & INDEXED != 0 {
                let (index, after) = integer::read(rest, 7)?;
                let (name, value) = self.entry(index)?;
                sink(name, value);
                rest = after;
            } else if first & (WITH_INDEXING | SIZE_UPDATE) == SIZE_UPDATE {
                let (size, after) = integer::read(rest, 5)?;
                if !at_start || size > TABLE_BYTES_MAX {
                    return Err(HpackError::SizeUpdate);
                }
                self.table.resize(size);
                rest = after;
                continue;
            } else {
                rest = self.literal(first, rest, strings, &mut sink)?;
            }
            at_start = false;
        }
        Ok(())
    }

    /// A literal with incremental indexing, without it, or never indexed (section 6.2).
    fn literal<'block>(
        &mut self,
        first: u8,
        rest: &'block [u8],
        strings: &mut Strings,
        sink: &mut impl FnMut(&[u8], &[u8]),
    ) -> Result<&'block [u8], HpackError> {
        if first & WITH_INDEXING == 0 {
            let (index, rest) = integer::read(rest, 4)?;
            let (name, rest) = match index {
                0 => string(rest, &mut strings.name)?,
                _ => (self.entry(index)?.0, rest),
            };
            let (value, rest) = string(rest, &mut strings.value)?;
            sink(name, value);
            return Ok(rest);
        }
        let (index, rest) = integer::read(rest, 6)?;
        let (name, rest) = if index == 0 {
            string(rest, &mut strings.name)?
        } else {
            // The insertion may evict the entry that the name is taken from (section 4.4).
            strings.name.clear();
            strings.name.extend_from_slice(self.entry(index)?.0);
            (&strings.name[..], rest)
        };
        let (value, rest) = string(rest, &mut strings.value)?;
        sink(name, value);
        self.table.insert(name, value);
        Ok(rest)
    }

    /// Both tables are one range of indexes (section 2.3.3).
    fn entry(&self, index: usize) -> Result<(&[u8], &[u8]), HpackError> {
        let index = index.checked_sub(1).ok_or(HpackError::Index)?;
        match static_table::ENTRIES.get(index) {
            Some((name, value)) => Ok((name.as_bytes(), value.as_bytes())),
            None => self
                .table
                .get(index - static_table::ENTRIES.len())
                .ok_or(HpackError::Index),
        }
    }
}

/// A string (section 5.2): a part of the block, or decoded into `room`. And what follows it.
fn string<'a, 'block: 'a>(
    block: &'block [u8],
    room: &'a mut Vec<u8>,
) -> Result<(&'a [u8], &'block [u8]), HpackError> {
    let huffman = block.first().is_some_and(|first| first & HUFFMAN != 0);
    let (length, rest) = integer::read(block, 7)?;
    let (text, rest) = rest.split_at_checked(length).ok_or(HpackError::Truncated)?;
    if !huffman {
        return Ok((text, rest));
    }
    room.clear();
    huffman::decode(text, room)?;
    Ok((room, rest))
}

/// Appends a whole entry of the static table.
pub fn put_indexed(block: &mut Vec<u8>, index: usize) {
    integer::put(block, INDEXED, 7, index);
}

/// Appends a literal without indexing whose name is that of a static entry.
pub fn put_named(block: &mut Vec<u8>, name_index: usize, value: &[u8]) {
    integer::put(block, 0, 4, name_index);
    put_string(block, value);
}

/// Appends a literal without indexing, its name written out.
pub fn put_literal(block: &mut Vec<u8>, name: &str, value: &[u8]) {
    block.push(0);
    put_string(block, name.as_bytes());
    put_string(block, value);
}

fn put_string(block: &mut Vec<u8>, text: &[u8]) {
    integer::put(block, 0, 7, text.len());
    block.extend_from_slice(text);
}

#[cfg(test)]
#[path = "hpack_tests.rs"]
mod tests;
