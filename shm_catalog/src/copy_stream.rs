//! `PostgreSQL`'s binary COPY stream, in any chunking, into a builder.
//!
//! ```text
//!  "PGCOPY\n" FF 0D 0A 00   u32 flags   u32 n, n bytes to skip
//!  rows:  i16 columns = 5,  each:  i32 bytes (-1 = NULL), content
//!  end:   i16 -1
//! ```
//!
//! Big-endian. Source: `PostgreSQL` documentation, SQL COPY, "Binary Format".
//!
//! A row that lies whole in a chunk is read where it lies. Only a row across chunks is gathered,
//! and never more of it than a record may have: a longer one is skipped as it comes, counted as a
//! bad row, and no length of the stream makes this allocate.

use crate::batch::too_long;
use crate::builder::{BuildError, Builder, Row};
use crate::layout::RECORD_BYTES_MAX;

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// Columns of the query, in this order.
pub const COLUMNS: [&str; 5] = ["id", "name", "code", "type", "interface"];

/// `PostgreSQL` has no value above 1 GiB: a longer one is damage, not data.
const VALUE_BYTES_MAX: i32 = 1 << 30;

/// A row longer than this has no valid record.
const ROW_BYTES_MAX: usize = RECORD_BYTES_MAX + 1024;

/// The header's extension is read over; the protocol has none so far.
const EXTENSION_BYTES_MAX: u32 = 1 << 20;

/// Bit of the header's flags that says each row starts with an OID.
const FLAG_OIDS: u32 = 1 << 16;

/// Critical flags: who does not know one must not go on.
const FLAGS_CRITICAL: u32 = 0xFFFF_0000;

/// A row of the stream that cannot be served.
#[derive(Debug)]
pub struct RefusedRow<'a> {
    /// 0 when it has none.
    pub id: i64,
    /// What it has for a name.
    pub name: Option<&'a [u8]>,
    /// Why.
    pub reason: Reason,
}

/// A row of the stream, or what is known of one that cannot be served.
pub type StreamRow<'a> = Result<Row<'a>, RefusedRow<'a>>;

/// Takes the rows of a stream, in their order.
pub trait RowSink<'c> {
    /// A row that lies whole in the chunk `'c`.
    ///
    /// # Errors
    /// What [`CopyStream::feed`] is to end with.
    fn take(&mut self, row: StreamRow<'c>) -> Result<(), BuildError>;

    /// A row that was gathered from several chunks.
    ///
    /// # Errors
    /// What [`CopyStream::feed`] is to end with.
    fn take_gathered(&mut self, row: StreamRow<'_>) -> Result<(), BuildError>;
}

impl RowSink<'_> for Builder {
    fn take(&mut self, row: StreamRow<'_>) -> Result<(), BuildError> {
        match row {
            Ok(row) => self.push(&row),
            Err(refused) => {
                self.reject(refused.id, refused.name, refused.reason);
                Ok(())
            }
        }
    }

    fn take_gathered(&mut self, row: StreamRow<'_>) -> Result<(), BuildError> {
        self.take(row)
    }
}

/// Reads a COPY stream.
#[derive(Debug, Default)]
pub struct CopyStream {
    state: State,
    /// Rows read so far.
    rows: u64,
    /// The start of a row (or header) whose end has not come yet.
    pending: Vec<u8>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Header,
    Rows,
    /// Inside a row that is too long: `left` bytes of a column, then `columns_left` more.
    Skipping {
        left: usize,
        columns_left: usize,
    },
    End,
}

/// What the start of some bytes is.
enum Step<'a> {
    /// Not all there: at least `bytes` are needed.
    Needs {
        bytes: usize,
    },
    Header {
        bytes: usize,
    },
    Row {
        row: StreamRow<'a>,
        bytes: usize,
    },
    /// A row that will not be gathered; `bytes` of it are read, `left` of its column follow.
    LongRow {
        refused: RefusedRow<'a>,
        bytes: usize,
        left: usize,
        columns_left: usize,
    },
    ColumnLength {
        left: usize,
    },
    End,
}

/// Why a row cannot be served, or a stream not be read.
pub type Reason = String;

impl CopyStream {
    /// Reads the next piece of the stream; whole rows go to `sink`.
    ///
    /// # Errors
    /// [`BuildError::Stream`], and what the sink raises. The stream is of no use then.
    pub fn feed<'c>(
        &mut self,
        mut chunk: &'c [u8],
        sink: &mut impl RowSink<'c>,
    ) -> Result<(), BuildError> {
        while !chunk.is_empty() {
            if let State::Skipping { left, .. } = &mut self.state
                && *left > 0
            {
                let skipped = chunk.len().min(*left);
                *left -= skipped;
                chunk = &chunk[skipped..];
                self.end_skipped_row();
                continue;
            }
            if self.pending.is_empty() {
                let (used, needs) = self.read(chunk, &mut |row| sink.take(row))?;
                chunk = &chunk[used..];
                if needs.is_some() {
                    self.pending.extend_from_slice(chunk);
                    return Ok(());
                }
            } else {
                chunk = self.complete_pending(chunk, sink)?;
            }
        }
        Ok(())
    }

    /// Whether the stream's end has been read.
    ///
    /// # Errors
    /// [`BuildError::Stream`] when rows may be missing.
    pub fn check_end(&self) -> Result<(), BuildError> {
        match self.state {
            State::End => Ok(()),
            _ => Err(damaged(
                self.rows,
                "it ends without its end mark".to_owned(),
            )),
        }
    }

    /// Memory held for the row whose end has not come yet, bytes.
    #[must_use]
    pub fn gathered_capacity(&self) -> usize {
        self.pending.capacity()
    }

    /// Adds to the gathered bytes what they lack and no more, then reads on behind them.
    fn complete_pending<'c>(
        &mut self,
        mut chunk: &'c [u8],
        sink: &mut impl RowSink<'c>,
    ) -> Result<&'c [u8], BuildError> {
        let mut pending = std::mem::take(&mut self.pending);
        loop {
            match self.read(&pending, &mut |row| sink.take_gathered(row))? {
                (used, None) => {
                    debug_assert_eq!(used, pending.len());
                    pending.clear();
                    if pending.capacity() <= 1 << 20 {
                        self.pending = pending;
                    }
                    return Ok(chunk);
                }
                (used, Some(bytes)) => {
                    pending.drain(..used);
                    let taken = chunk.len().min(bytes - pending.len());
                    if taken == 0 {
                        self.pending = pending;
                        return Ok(chunk);
                    }
                    pending.extend_from_slice(&chunk[..taken]);
                    chunk = &chunk[taken..];
                }
            }
        }
    }

    /// Reads as many elements as lie whole in `bytes`. Returns the bytes used, and, unless that
    /// is all or a long row began, how many the next element needs at least.
    fn read<'b>(
        &mut self,
        bytes: &'b [u8],
        take: &mut dyn FnMut(StreamRow<'b>) -> Result<(), BuildError>,
    ) -> Result<(usize, Option<usize>), BuildError> {
        let mut used = 0;
        while used < bytes.len() {
            let rest = &bytes[used..];
            let step = match self.state {
                State::Header => header_step(rest),
                State::Rows => row_step(rest),
                State::Skipping { .. } => column_step(rest),
                State::End => Err("bytes follow its end mark".to_owned()),
            };
            match step.map_err(|reason| damaged(self.rows, reason))? {
                Step::Needs { bytes } => return Ok((used, Some(bytes))),
                Step::Header { bytes } => {
                    self.state = State::Rows;
                    used += bytes;
                }
                Step::Row { row, bytes } => {
                    self.rows += 1;
                    take(row)?;
                    used += bytes;
                }
                Step::LongRow {
                    refused,
                    bytes,
                    left,
                    columns_left,
                } => {
                    self.rows += 1;
                    take(Err(refused))?;
                    self.state = State::Skipping { left, columns_left };
                    self.end_skipped_row();
                    return Ok((used + bytes, None));
                }
                Step::ColumnLength { left } => {
                    if let State::Skipping { columns_left, .. } = self.state {
                        self.state = State::Skipping {
                            left,
                            columns_left: columns_left - 1,
                        };
                    }
                    self.end_skipped_row();
                    return Ok((used + 4, None));
                }
                Step::End => {
                    self.state = State::End;
                    used += 2;
                }
            }
        }
        Ok((used, None))
    }

    fn end_skipped_row(&mut self) {
        if let State::Skipping {
            left: 0,
            columns_left: 0,
        } = self.state
        {
            self.state = State::Rows;
        }
    }
}

fn damaged(rows: u64, reason: Reason) -> BuildError {
    BuildError::Stream { rows, reason }
}

fn header_step(bytes: &[u8]) -> Result<Step<'_>, Reason> {
    let start = bytes.len().min(SIGNATURE.len());
    if bytes[..start] != SIGNATURE[..start] {
        return Err(
            "it is not a binary COPY stream (use COPY … TO STDOUT (FORMAT binary))".to_owned(),
        );
    }
    let Some(fixed) = bytes.get(SIGNATURE.len()..SIGNATURE.len() + 8) else {
        return Ok(Step::Needs {
            bytes: SIGNATURE.len() + 8,
        });
    };
    let flags = u32_at(fixed, 0);
    if flags & FLAG_OIDS != 0 {
        return Err("its rows have OIDs".to_owned());
    }
    if flags & FLAGS_CRITICAL != 0 {
        return Err(format!("unknown flags {flags:#x}"));
    }
    let extension_bytes = u32_at(fixed, 4);
    if extension_bytes > EXTENSION_BYTES_MAX {
        return Err(format!("a header extension of {extension_bytes} bytes"));
    }
    let total = SIGNATURE.len() + 8 + extension_bytes as usize;
    Ok(if bytes.len() < total {
        Step::Needs { bytes: total }
    } else {
        Step::Header { bytes: total }
    })
}

fn row_step(bytes: &[u8]) -> Result<Step<'_>, Reason> {
    let Some(&columns) = bytes.first_chunk::<2>() else {
        return Ok(Step::Needs { bytes: 2 });
    };
    match i16::from_be_bytes(columns) {
        -1 => return Ok(Step::End),
        5 => {}
        columns => {
            return Err(format!(
                "a row of {columns} columns; the query selects {}",
                COLUMNS.join(", ")
            ));
        }
    }
    let mut values: [Option<&[u8]>; 5] = [None; 5];
    let mut at = 2;
    for column in 0..COLUMNS.len() {
        let Some(&length) = bytes[at..].first_chunk::<4>() else {
            return Ok(Step::Needs { bytes: at + 4 });
        };
        at += 4;
        let Some(length) = value_bytes(length, COLUMNS[column])? else {
            continue;
        };
        if column == 0 && length != 8 {
            return Err(format!(
                "an id of {length} bytes; the query selects id::int8"
            ));
        }
        if at + length > ROW_BYTES_MAX {
            return Ok(Step::LongRow {
                refused: RefusedRow {
                    id: id_of(values[0]),
                    name: values[1],
                    reason: too_long(COLUMNS[column], length as u64, RECORD_BYTES_MAX),
                },
                bytes: at,
                left: length,
                columns_left: COLUMNS.len() - 1 - column,
            });
        }
        let Some(value) = bytes.get(at..at + length) else {
            return Ok(Step::Needs { bytes: at + length });
        };
        values[column] = Some(value);
        at += length;
    }
    let [id, name, code, kind, interface] = values;
    let row = match id {
        None => Err(RefusedRow {
            id: 0,
            name,
            reason: "id is NULL".to_owned(),
        }),
        Some(_) => Ok(Row {
            id: id_of(id),
            name,
            code,
            kind,
            interface,
        }),
    };
    Ok(Step::Row { row, bytes: at })
}

/// The length of the next column of a row that is skipped.
fn column_step(bytes: &[u8]) -> Result<Step<'_>, Reason> {
    let Some(&length) = bytes.first_chunk::<4>() else {
        return Ok(Step::Needs { bytes: 4 });
    };
    Ok(Step::ColumnLength {
        left: value_bytes(length, "column")?.unwrap_or(0),
    })
}

/// A value's length, `None` for NULL.
fn value_bytes(length: [u8; 4], column: &str) -> Result<Option<usize>, Reason> {
    match i32::from_be_bytes(length) {
        -1 => Ok(None),
        bytes @ 0..=VALUE_BYTES_MAX => Ok(Some(bytes.cast_unsigned() as usize)),
        bytes => Err(format!("{column} of {bytes} bytes")),
    }
}

fn id_of(value: Option<&[u8]>) -> i64 {
    value
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, i64::from_be_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk::<4>())
        .map_or(0, |word| u32::from_be_bytes(*word))
}
