//! Code segments: what was pushed is found, a writer's death costs what it had not written, damage is noticed.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use proptest::prelude::*;

use super::ShmFile;
use crate::code::{CodeBuilder, CodeError, CodeSegment, CodeView, EntryKind, Progress, SourceHash};
use crate::command::Command;
use crate::ids::{Digest, SegmentId};

const FORM: u64 = 77;

fn hash(number: usize) -> SourceHash {
    let name = format!("command_{number}");
    SourceHash::of(&Command {
        name: &name,
        code: "x = 1\n",
        ..Command::default()
    })
}

fn payload(number: usize) -> Vec<u8> {
    vec![number as u8; number * 13 % 700]
}

fn kind(number: usize) -> EntryKind {
    match number % 10 {
        3 => EntryKind::Refused,
        7 => EntryKind::Quarantined,
        _ => EntryKind::Compiled,
    }
}

fn push(builder: &mut CodeBuilder, numbers: std::ops::Range<usize>) {
    for number in numbers {
        builder.begin(hash(number), "command").unwrap();
        builder
            .push(hash(number), kind(number), &payload(number))
            .unwrap();
    }
}

fn finish(builder: CodeBuilder) -> crate::code::CodeReport {
    builder.finish(SegmentId(9), Digest::from(5), FORM).unwrap()
}

fn build(file: &ShmFile, count: usize) {
    let mut builder = CodeBuilder::open(&file.name, 0).unwrap();
    push(&mut builder, 0..count);
    finish(builder);
}

#[test]
fn what_was_pushed_is_found_by_its_source() {
    let file = ShmFile::new(0);
    let mut builder = CodeBuilder::open(&file.name, 0).unwrap();
    push(&mut builder, 0..1000);
    let report = finish(builder);
    assert_eq!(
        (report.entries, report.refused, report.quarantined),
        (1000, 100, 100)
    );
    let segment = CodeSegment::open(&file.name).unwrap();
    segment.view().verify().unwrap();
    assert_eq!(
        (segment.len(), segment.form(), segment.id()),
        (report.bytes, FORM, SegmentId(9))
    );
    assert_eq!(file.bytes().len() as u64, report.bytes);
    for number in 0..1000 {
        let entry = segment.find(hash(number)).unwrap();
        assert_eq!(
            (entry.kind, entry.payload),
            (kind(number), &*payload(number))
        );
    }
    assert_eq!(segment.find(hash(1000)), None);
    assert_eq!(segment.view().entries().count(), 1000);
    assert_eq!(segment.view().failed().count(), 200);
    assert_eq!(
        CodeSegment::progress(&file.name).unwrap(),
        Progress::default()
    );
}

#[test]
fn nothing_is_a_segment_too() {
    let file = ShmFile::new(0);
    build(&file, 0);
    let segment = CodeSegment::open(&file.name).unwrap();
    segment.view().verify().unwrap();
    assert!(segment.is_empty());
    assert_eq!(segment.find(hash(0)), None);
}

#[test]
fn sources_differ_by_name_interface_and_code() {
    let sources = [
        ("a", "[]", "x"),
        ("b", "[]", "x"),
        ("a", "[1]", "x"),
        ("a", "[]", "y"),
        ("a", "", "[]x"),
        ("a[", "]", "x"),
    ];
    let hashes: std::collections::HashSet<_> = sources
        .iter()
        .map(|(name, interface, code)| {
            SourceHash::of(&Command {
                name,
                code,
                interface,
                ..Command::default()
            })
        })
        .collect();
    assert_eq!(hashes.len(), sources.len());
    let signed = Command {
        name: "a",
        interface: "[]",
        code: "x",
        hash: "signed anew",
        kind: "other",
    };
    assert!(hashes.contains(&SourceHash::of(&signed)));
    let shown = hash(1).to_string();
    assert_eq!(SourceHash::from_hex(&shown), Some(hash(1)));
    assert_eq!(SourceHash::from_hex(&shown[1..]), None);
    assert_eq!(
        SourceHash::from_hex(&shown.replace(|_: char| true, "g")),
        None
    );
}

#[test]
fn a_writer_that_died_is_followed_by_one_that_goes_on() {
    let whole = ShmFile::new(0);
    build(&whole, 300);
    let file = ShmFile::new(4096);
    let mut first = CodeBuilder::open(&file.name, 0).unwrap();
    push(&mut first, 0..100);
    first.flush().unwrap();
    first.begin(hash(100), "the hundredth").unwrap();
    first
        .push(hash(100), EntryKind::Compiled, b"never written")
        .unwrap();
    drop(first); // killed
    assert!(CodeSegment::open(&file.name).is_err(), "it is not complete");
    let progress = CodeSegment::progress(&file.name).unwrap();
    assert_eq!(progress.done, 100);
    assert_eq!(
        progress.under_way,
        Some((hash(100), "the hundredth".to_owned()))
    );
    let mut second = CodeBuilder::open(&file.name, 0).unwrap();
    assert_eq!(second.entries(), 100);
    second.idle().unwrap();
    let progress = CodeSegment::progress(&file.name).unwrap();
    assert_eq!((progress.done, progress.under_way), (100, None));
    push(&mut second, 100..300);
    finish(second);
    CodeSegment::open(&file.name)
        .unwrap()
        .view()
        .verify()
        .unwrap();
    let (mut one, mut other) = (file.bytes(), whole.bytes());
    // All but the time of creation and the checksum over it.
    for bytes in [&mut one, &mut other] {
        bytes[64..72].fill(0);
        bytes[112..120].fill(0);
    }
    assert_eq!(one, other);
}

#[test]
fn an_entry_that_was_cut_is_written_again() {
    let file = ShmFile::new(0);
    let mut first = CodeBuilder::open(&file.name, 0).unwrap();
    push(&mut first, 1..51);
    first.flush().unwrap();
    drop(first);
    let opened = OpenOptions::new().write(true).open(file.path()).unwrap();
    let last = 4096
        + (1..50)
            .map(|number| 48 + payload(number).len() as u64)
            .sum::<u64>();
    opened.write_all_at(&[0xFF], last + 50).unwrap();
    let builder = CodeBuilder::open(&file.name, 0).unwrap();
    assert_eq!(builder.entries(), 49);
}

#[test]
fn one_source_twice_is_a_fault() {
    let file = ShmFile::new(0);
    let mut builder = CodeBuilder::open(&file.name, 0).unwrap();
    push(&mut builder, 0..3);
    push(&mut builder, 1..2);
    let error = builder.finish(SegmentId(1), Digest::from(0), FORM);
    assert!(matches!(error, Err(CodeError::Twice(found)) if found == hash(1)));
}

#[test]
fn no_room_is_an_error_and_not_a_signal() {
    let file = ShmFile::new(0);
    let mut builder = CodeBuilder::open(&file.name, u64::MAX / 2).unwrap();
    let error = builder.begin(hash(0), "any");
    assert!(matches!(error, Err(CodeError::Room(_))), "{error:?}");
}

/// Everything that a reader does.
fn is_sound(bytes: &[u8]) -> bool {
    let Ok(header) = crate::code::CodeHeader::parse(bytes, bytes.len() as u64) else {
        return false;
    };
    let Ok(view) = CodeView::new(bytes, &header) else {
        return false;
    };
    for number in 0..=40 {
        let _ = view.find(hash(number));
    }
    let _ = (view.entries().count(), view.failed().count());
    view.verify().is_ok()
}

#[test]
fn every_changed_byte_that_means_something_is_noticed() {
    let file = ShmFile::new(0);
    build(&file, 30);
    let good = file.bytes();
    assert!(is_sound(&good));
    let header = crate::code::CodeHeader::parse(&good, good.len() as u64).unwrap();
    let entries_end = 4096 + header.entries_bytes as usize;
    let index = header.index_offset().unwrap() as usize;
    for at in (0..120).chain(4096..entries_end).chain(index..good.len()) {
        // Four bytes without a meaning lie in the header, under its checksum.
        let mut bad = good.clone();
        bad[at] ^= 0x41;
        assert!(!is_sound(&bad), "byte {at}");
    }
    for end in [0, 100, 4096, good.len() / 2, good.len() - 1] {
        assert!(!is_sound(&good[..end]), "{end}");
    }
}

proptest! {
    #[test]
    fn damaged_code_never_crashes_a_reader(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        sealed in any::<bool>(),
    ) {
        let file = ShmFile::new(0);
        build(&file, 30);
        let mut bytes = file.bytes();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if sealed {
            let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..112]);
            bytes[112..120].copy_from_slice(&checksum.to_le_bytes());
        }
        let _ = is_sound(&bytes);
        std::fs::write(file.path(), &bytes).unwrap();
        let _ = CodeBuilder::open(&file.name, 0).unwrap();
        let _ = CodeSegment::progress(&file.name);
    }
}
