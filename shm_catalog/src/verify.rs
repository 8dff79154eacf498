//! Checking a whole segment: what the supervisor does before it announces one.
//!
//! Two threads, because either half is bound by memory latency or by one core's share of it:
//! one walks the records and looks each up, the other takes the digest and walks index and names.
//! A million commands of 1 KB: 0.4 s with the digest in the first half, which then was nine tenths of the work.
//!
//! Together they show that index, names and records name the same set. The walk finds n records
//! and each one's name leads through the index to that record, so names are distinct and n entries
//! of the index are the records; the index has exactly n entries, so it has no other. The n names
//! ascend strictly, so their records are distinct, and a hash summed over their offsets equals
//! that of the walk, so they are the n records.
//!
//! Both walks read memory at random (the index; the records in the order of names). They do so in
//! batches whose reads do not depend on each other, which the processor overlaps.

use crate::ids::Digest;
use crate::layout::{RECORD_TAG, RecordPlace, digest_start, index_home, name_hash};
use crate::mapping::PAGE;
use crate::record;
use crate::segment::{Segment, SegmentView};

/// The first thing that is wrong with a segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the segment is damaged: {0}")]
pub struct VerifyError(pub String);

impl Segment {
    /// Checks every record, the digest, the index and the names.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self) -> Result<(), VerifyError> {
        let bytes = self.view().bytes.len();
        let middle = bytes / 2 / PAGE as usize * PAGE as usize;
        std::thread::scope(|scope| {
            let second_half = || self.prefault_range(middle, bytes);
            // Whoever walks through pages that are not there only takes longer.
            let _ = std::thread::Builder::new().spawn_scoped(scope, second_half);
            self.prefault_range(0, middle);
        });
        self.view().verify()
    }
}

/// Random reads that are under way together.
const BATCH: usize = 16;

impl SegmentView<'_> {
    /// See [`Segment::verify`].
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self) -> Result<(), VerifyError> {
        let check_names = || {
            self.check_digest()?;
            self.check_index_and_names()
        };
        let (records, names) = std::thread::scope(|scope| {
            // No thread to be had is no reason to call a segment damaged.
            let Ok(names) = std::thread::Builder::new().spawn_scoped(scope, check_names) else {
                return (self.check_records(), check_names());
            };
            let records = self.check_records();
            (
                records,
                names
                    .join()
                    .unwrap_or_else(|_| fail("checking the names failed".to_owned())),
            )
        });
        if records? != names? {
            return fail("the names are not those of the records".to_owned());
        }
        Ok(())
    }

    /// Walks the records region from end to end. Returns the sum over their offsets.
    fn check_records(&self) -> Result<u64, VerifyError> {
        let records = self.records();
        let mut walked = 0;
        let mut commands = 0u64;
        let mut offsets_sum = 0u64;
        let mut batch: Vec<(&[u8], RecordPlace)> = Vec::with_capacity(BATCH);
        while walked < records.len() {
            batch.clear();
            while batch.len() < BATCH && walked < records.len() {
                let (name, place, end) = self.record_after(records, walked)?;
                batch.push((name, place));
                offsets_sum = offsets_sum.wrapping_add(self.offset_hash(place.offset));
                walked = end;
            }
            self.check_entries(&batch)?;
            commands += batch.len() as u64;
        }
        if commands != self.header.commands {
            return fail(format!(
                "{} commands expected, found {commands}",
                self.header.commands
            ));
        }
        Ok(offsets_sum)
    }

    /// Takes the digest of the records, and compares what the reply has behind them.
    fn check_digest(&self) -> Result<(), VerifyError> {
        let records = self.records();
        let wire = self.header.wire();
        let mut digest = digest_start(wire);
        digest.update(records);
        let digest = Digest::from(digest.digest128());
        if digest != Digest(self.header.digest) {
            return fail("the digest does not match the records".to_owned());
        }
        if self.sync_body().get(records.len()..)
            != Some(&record::reply_tail(wire, self.header.commands, digest))
        {
            return fail("the fields behind the records are not those of the reply".to_owned());
        }
        Ok(())
    }

    /// The record that begins at `at` in the records region: name, place, and where it ends.
    fn record_after<'r>(
        &self,
        records: &'r [u8],
        at: usize,
    ) -> Result<(&'r [u8], RecordPlace, usize), VerifyError> {
        let rest = &records[at..];
        let framed = (rest[0] == RECORD_TAG)
            .then(|| record::read_varint(&rest[1..]))
            .flatten();
        let Some((bytes, after_length)) =
            framed.filter(|(bytes, after)| *bytes <= after.len() as u64)
        else {
            return fail(format!("no record at byte {at} of the records"));
        };
        let record = &after_length[..bytes as usize];
        let Some(name) = record::check(record, self.header.wire()) else {
            return fail(format!(
                "the record at byte {at} of the records does not decode"
            ));
        };
        let start = records.len() - after_length.len();
        let place = RecordPlace {
            offset: self.header.records_offset + start as u64,
            bytes: record.len() as u32,
        };
        Ok((name, place, start + record.len()))
    }

    /// Each name leads through the index to its own record.
    fn check_entries(&self, batch: &[(&[u8], RecordPlace)]) -> Result<(), VerifyError> {
        let mut home_words = 0;
        for (name, _) in batch {
            let home = index_home(
                name_hash(name, self.header.index_seed),
                self.header.index_capacity,
            );
            home_words ^= self.index_entry(home).map_or(0, |(_, word)| word);
        }
        // Only the cache lines were wanted: from here on the entries are near.
        std::hint::black_box(home_words);
        for (name, place) in batch {
            if self.find(name) != Some(*place) {
                return fail(format!(
                    "the index does not lead to the record at byte {}",
                    place.offset
                ));
            }
        }
        Ok(())
    }

    /// Counts the entries of the index and walks the names. Returns the sum over their offsets.
    fn check_index_and_names(&self) -> Result<u64, VerifyError> {
        let commands = self.header.commands;
        let entries = (0..self.header.index_capacity)
            .filter(|slot| self.index_entry(*slot).is_some_and(|(_, word)| word != 0))
            .count() as u64;
        if entries != commands {
            return fail(format!(
                "{commands} entries expected in the index, found {entries}"
            ));
        }
        let mut offsets_sum = 0u64;
        let mut last: &[u8] = b"";
        for first in (0..commands).step_by(BATCH) {
            let mut names = [b"".as_slice(); BATCH];
            for (name, rank) in names.iter_mut().zip(first..commands) {
                let offset = self.name_entry(rank).unwrap_or(0);
                *name = self.name_at(offset).unwrap_or_default();
                offsets_sum = offsets_sum.wrapping_add(self.offset_hash(offset));
            }
            for (name, rank) in names.into_iter().zip(first..commands) {
                if name <= last {
                    return fail(format!("the names do not ascend at entry {rank}"));
                }
                last = name;
            }
        }
        Ok(offsets_sum)
    }

    fn offset_hash(&self, offset: u64) -> u64 {
        name_hash(&offset.to_le_bytes(), self.header.index_seed)
    }
}

fn fail<T>(text: String) -> Result<T, VerifyError> {
    Err(VerifyError(text))
}
