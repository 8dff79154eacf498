//! Records of an earlier version, taken over by the rows that have not changed.
//!
//! Most of the work on a row is its code's SHA-256; checking that its text is UTF-8 and encoding it are most of the rest. A
//! row that is byte for byte what an earlier version was made of has the same record, and comparing the two costs a tenth.
//! Rows come in the order in which that version has its records, so the record behind the last one is looked at before the
//! index is asked.
//!
//! What is trusted of the earlier version is the hash in a record whose other bytes are all compared.

use std::sync::Arc;

use crate::ids::WireForm;
use crate::layout::RECORD_TAG;
use crate::mapping::PAGE;
use crate::record::{Encoder, Fields, framed_bytes, is_of, read_varint};
use crate::segment::Segment;

/// An earlier version, read from where the last row was found. Each thread has its own.
#[derive(Clone, Debug)]
pub(crate) struct Earlier {
    segment: Arc<Segment>,
    /// Where the next record is expected: its tag, from the start of the records region.
    next: usize,
    /// Pages up to here were made present, where they were walked into.
    present: usize,
}

/// So much is made present at a time: page by page it would be a fault for every few rows.
const AHEAD_BYTES: usize = 4 << 20;

impl Earlier {
    /// `None` when its records depend on more than their rows: a package has a signature, of a key that may have changed.
    pub(crate) fn new(segment: Arc<Segment>, encoder: &Encoder) -> Option<Self> {
        let same_form =
            segment.wire() == WireForm::Standard && encoder.wire() == WireForm::Standard;
        (same_form && !encoder.signs()).then_some(Self {
            segment,
            next: 0,
            present: 0,
        })
    }

    /// The record of `fields` with its tag and length, if there is one; `record_bytes` is what the encoder says of them.
    pub(crate) fn framed(&mut self, fields: &Fields<'_>, record_bytes: usize) -> Option<&[u8]> {
        let mut start = self.next;
        if !self.is_at(start, fields, record_bytes) {
            start = self.indexed(fields.name)?;
            if !self.is_at(start, fields, record_bytes) {
                return None;
            }
        }
        self.next = start + framed_bytes(record_bytes);
        if self.next >= self.present {
            self.make_present();
        }
        self.segment.view().records().get(start..self.next)
    }

    #[cold]
    fn make_present(&mut self) {
        let records_offset = self.segment.view().header.records_offset as usize;
        let from = (records_offset + self.next) / PAGE as usize * PAGE as usize;
        self.segment.prefault_range(from, from + AHEAD_BYTES);
        self.present = from + AHEAD_BYTES - records_offset;
    }

    fn is_at(&self, start: usize, fields: &Fields<'_>, record_bytes: usize) -> bool {
        self.segment
            .view()
            .records()
            .get(start..)
            .and_then(|rest| rest.strip_prefix(&[RECORD_TAG]))
            .and_then(read_varint)
            .filter(|(bytes, _)| *bytes == record_bytes as u64)
            .and_then(|(_, rest)| rest.get(..record_bytes))
            .is_some_and(|record| is_of(record, fields))
    }

    /// Where the index says the record of a name begins.
    fn indexed(&self, name: &[u8]) -> Option<usize> {
        let view = self.segment.view();
        let place = view.find(name)?;
        let end = place.offset + u64::from(place.bytes) - view.header.records_offset;
        (end as usize).checked_sub(framed_bytes(place.bytes as usize))
    }
}
