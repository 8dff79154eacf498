//! Rows encoded on their way into a segment.
//!
//! A batch knows nothing of the segment's state, so several threads can each fill one; `Builder` puts them behind each other.

use std::array;
use std::sync::Arc;

use crate::builder::{BadRow, Kept, REPORTED_MAX, Row, name_window};
use crate::earlier::Earlier;
use crate::layout::{RECORD_BYTES_MAX, RecordPlace, name_hash};
use crate::mapping::PAGE;
use crate::record::{Encoder, Fields, NAME_BYTES_MAX, framed_bytes};
use crate::segment::Segment;

/// The type of a command whose row has none.
const DEFAULT_KIND: &[u8] = b"function";

/// The interface of a command whose row has none.
const DEFAULT_INTERFACE: &[u8] = b"[]";

/// Rows encoded one behind the other.
#[derive(Debug)]
pub struct Batch {
    encoder: Encoder,
    earlier: Option<Earlier>,
    index_seed: u64,
    pub(crate) encoded: Vec<u8>,
    /// Their places as if the segment's records began with this batch.
    pub(crate) kept: Vec<Kept>,
    pub(crate) rows: u64,
    pub(crate) bad_rows: u64,
    pub(crate) bad_rows_shown: Vec<BadRow>,
}

impl Batch {
    pub(crate) fn new(encoder: Encoder, earlier: Option<Earlier>, index_seed: u64) -> Self {
        Self {
            encoder,
            earlier,
            index_seed,
            encoded: Vec::new(),
            kept: Vec::new(),
            rows: 0,
            bad_rows: 0,
            bad_rows_shown: Vec::new(),
        }
    }

    /// Another one for the same segment, empty.
    #[must_use]
    pub fn sibling(&self) -> Self {
        Self::new(self.encoder.clone(), self.earlier.clone(), self.index_seed)
    }

    /// See `Builder::take_over`.
    pub(crate) fn take_over(&mut self, earlier: Arc<Segment>) {
        self.earlier = Earlier::new(earlier, &self.encoder);
    }

    /// Adds a row. A row that cannot be served is counted and left out.
    pub fn push(&mut self, row: &Row<'_>) {
        if let Err(reason) = self.append(row) {
            self.reject(row.id, row.name, reason);
        }
    }

    fn append(&mut self, row: &Row<'_>) -> Result<(), String> {
        let fields = fields_of(row)?;
        let record_bytes = self.encoder.record_bytes(&fields);
        let known = self
            .earlier
            .as_mut()
            .and_then(|earlier| earlier.framed(&fields, record_bytes));
        if known.is_none() {
            check_text(&fields)?;
            if record_bytes > RECORD_BYTES_MAX {
                return Err(too_long("record", record_bytes as u64, RECORD_BYTES_MAX));
            }
        }
        self.rows += 1;
        let end = self.encoded.len() + framed_bytes(record_bytes);
        let place = RecordPlace {
            offset: PAGE + (end - record_bytes) as u64,
            bytes: record_bytes as u32,
        };
        self.kept.push(Kept {
            id: row.id,
            name_hash: name_hash(fields.name, self.index_seed),
            place: place.pack(),
            name_start: array::from_fn(|window| name_window(fields.name, window * 8)),
        });
        match known {
            Some(framed) => self.encoded.extend_from_slice(framed),
            None => self
                .encoder
                .append(&fields, record_bytes, &mut self.encoded),
        }
        Ok(())
    }

    /// Counts a row that cannot be served. `name` is what the row has in its place.
    pub fn reject(&mut self, id: i64, name: Option<&[u8]>, reason: String) {
        self.rows += 1;
        self.bad_rows += 1;
        if self.bad_rows_shown.len() < REPORTED_MAX {
            let name = name
                .filter(|name| name.len() <= NAME_BYTES_MAX)
                .and_then(|name| std::str::from_utf8(name).ok())
                .unwrap_or_default()
                .to_owned();
            self.bad_rows_shown.push(BadRow { id, name, reason });
        }
    }

    /// Empties it; what a long row took is given back.
    pub(crate) fn clear(&mut self, keep_bytes: usize) {
        self.encoded.clear();
        self.encoded.shrink_to(keep_bytes);
        self.kept.clear();
        self.rows = 0;
        self.bad_rows = 0;
        self.bad_rows_shown.clear();
    }
}

/// The fields of a row with their defaults, or why it cannot be served.
fn fields_of<'a>(row: &Row<'a>) -> Result<Fields<'a>, String> {
    let name = match row.name {
        None => return Err("name is NULL".to_owned()),
        Some([]) => return Err("name is empty".to_owned()),
        Some(name) if name.len() > NAME_BYTES_MAX => {
            return Err(too_long("name", name.len() as u64, NAME_BYTES_MAX));
        }
        Some(name) => name,
    };
    Ok(Fields {
        name,
        code: row.code.unwrap_or_default(),
        kind: row.kind.unwrap_or(DEFAULT_KIND),
        interface: row.interface.unwrap_or(DEFAULT_INTERFACE),
    })
}

/// Refuses what is not UTF-8.
fn check_text(fields: &Fields<'_>) -> Result<(), String> {
    let texts = [
        ("name", fields.name),
        ("code", fields.code),
        ("type", fields.kind),
        ("interface", fields.interface),
    ];
    for (column, text) in texts {
        if let Err(error) = std::str::from_utf8(text) {
            return Err(format!(
                "{column} is not UTF-8 (at byte {})",
                error.valid_up_to()
            ));
        }
    }
    Ok(())
}

/// Why something over a limit is left out.
pub(crate) fn too_long(what: &str, bytes: u64, max_bytes: usize) -> String {
    format!("{what} is too long: {bytes} bytes, at most {max_bytes}")
}
