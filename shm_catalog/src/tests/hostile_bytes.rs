//! Damaged segments: a reader may answer wrongly, it may not crash, and `verify` finds the damage.

use std::fs::OpenOptions;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::{ShmFile, build_many};
use crate::ids::{Digest, SegmentId, WireForm};
use crate::layout::{HEADER_BYTES, Header, HeaderFields, RecordPlace, Regions};
use crate::segment::{Segment, SegmentView};

const COMMANDS: usize = 40;

fn command_name(number: usize) -> String {
    format!("command_{number}")
}

static GOOD: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    [WireForm::Standard, WireForm::Lite].map(|wire| {
        let file = ShmFile::new(0);
        build_many(&file, wire, COMMANDS);
        file.bytes()
    })
});

/// Does everything a reader does.
fn read_everything(bytes: &[u8]) {
    let Ok(header) = Header::parse(bytes, bytes.len() as u64) else {
        return;
    };
    let Ok(view) = SegmentView::new(bytes, &header) else {
        return;
    };
    for command in 0..=COMMANDS {
        let _ = view.lookup(command_name(command).as_bytes());
    }
    let _ = view.sync_body().len();
    let _ = view.names().count();
    let _ = view.verify();
}

/// Makes the header's checksum right again, so that what lies behind it is reached.
fn seal_header(bytes: &mut [u8]) {
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..128]);
    bytes[128..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
}

/// What `Header::parse` and `verify` say together.
fn is_sound(bytes: &[u8]) -> bool {
    let Ok(header) = Header::parse(bytes, bytes.len() as u64) else {
        return false;
    };
    SegmentView::new(bytes, &header).is_ok_and(|view| view.verify().is_ok())
}

#[test]
fn verify_notices_every_changed_byte_that_means_something() {
    for good in &*GOOD {
        assert!(is_sound(good));
        let header = Header::parse(good, good.len() as u64).unwrap();
        let body_end = (header.records_end() + header.tail_bytes) as usize;
        let index = header.index_offset as usize..header.names_offset as usize;
        for at in (0..HEADER_BYTES)
            .chain(4096..body_end)
            .chain(header.index_offset as usize..good.len())
        {
            let entry = index.contains(&at).then(|| at - (at - index.start) % 16);
            let vacant_hash =
                entry.is_some_and(|entry| at < entry + 8 && good[entry + 8..entry + 16] == [0; 8]);
            if vacant_hash {
                continue;
            }
            let mut bad = good.clone();
            bad[at] ^= 0x41;
            assert!(!is_sound(&bad), "byte {at} of {}", good.len());
        }
    }
}

#[test]
fn a_segment_cut_short_is_refused_wherever_it_is_cut() {
    let good = &GOOD[0];
    for bytes in (0..HEADER_BYTES).chain((HEADER_BYTES..good.len()).step_by(97)) {
        assert!(
            Header::parse(&good[..bytes], bytes as u64).is_err(),
            "{bytes}"
        );
    }
    let file = ShmFile::new(0);
    for bytes in [0, 1, 100, 4095, 4096, 8000, good.len() - 1] {
        std::fs::write(file.path(), &good[..bytes]).unwrap();
        assert!(Segment::open(&file.name).is_err(), "{bytes}");
    }
    std::fs::write(file.path(), good).unwrap();
    OpenOptions::new()
        .write(true)
        .open(file.path())
        .unwrap()
        .set_len(1 << 20)
        .unwrap();
    Segment::open(&file.name).unwrap().verify().unwrap();
}

#[test]
fn an_index_without_a_vacant_entry_ends_a_lookup_all_the_same() {
    let mut bytes = GOOD[0].clone();
    let header = Header::parse(&bytes, bytes.len() as u64).unwrap();
    let (from, to) = (header.index_offset as usize, header.names_offset as usize);
    bytes[from..to].fill(0xFF);
    bytes[112..120].fill(0xFF); // index_probes
    seal_header(&mut bytes);
    read_everything(&bytes);
    assert!(!is_sound(&bytes));
}

/// One aimed change: what an attacker who knows the layout would do, or a stray store.
#[derive(Clone, Debug)]
enum Damage {
    /// The entry that a name is found in points elsewhere.
    Entry {
        command: usize,
        word: u64,
    },
    /// Only the length in that entry is wrong.
    Length {
        command: usize,
        bytes: u64,
    },
    /// A copy of a record's start, name and all, in or near the padding; its entry and a rank lead
    /// there.
    Elsewhere {
        command: usize,
        to: u64,
    },
    /// A rank of the names points elsewhere.
    Rank {
        rank: usize,
        offset: u64,
    },
    /// A byte at the start of a record: its tag, its length, its name, or the frame before it.
    RecordStart {
        command: usize,
        at: usize,
        value: u8,
    },
    /// Any byte behind the header.
    Byte {
        at: prop::sample::Index,
        value: u8,
    },
    /// One of the header's numbers that no region depends on.
    Probes(u64),
    Seed(u64),
}

/// Offsets around every border of a segment, and anywhere.
fn offset() -> impl Strategy<Value = u64> {
    let header = Header::parse(&GOOD[0], u64::MAX).unwrap();
    let borders = [
        0,
        header.records_offset,
        header.records_end(),
        header.index_offset,
        header.names_offset,
        header.total_bytes,
        (1 << 40) - 1,
    ];
    prop_oneof![
        4 => (prop::sample::select(borders.to_vec()), -3i64..4)
            .prop_map(|(border, by)| border.saturating_add_signed(by)),
        2 => 0..header.total_bytes,
        1 => any::<u64>(),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    let header = Header::parse(&GOOD[0], u64::MAX).unwrap();
    let end = header.records_end();
    let bytes = || prop_oneof![Just(0u64), 1u64..600, 600..6000u64, Just(0xFF_FFFF)];
    let padding = prop_oneof![HEADER_BYTES as u64..4096, end - 30..end + 100];
    prop_oneof![
        3 => (0..COMMANDS, bytes()).prop_map(|(command, bytes)| Damage::Length { command, bytes }),
        3 => (0..COMMANDS, padding).prop_map(|(command, to)| Damage::Elsewhere { command, to }),
        3 => (0..COMMANDS, offset(), bytes()).prop_map(|(command, offset, bytes)| Damage::Entry {
            command,
            word: offset << 24 | bytes,
        }),
        3 => (0..COMMANDS, offset()).prop_map(|(rank, offset)| Damage::Rank { rank, offset }),
        3 => (0..COMMANDS, 0usize..16, any::<u8>())
            .prop_map(|(command, at, value)| Damage::RecordStart { command, at, value }),
        2 => (any::<prop::sample::Index>(), any::<u8>())
            .prop_map(|(at, value)| Damage::Byte { at, value }),
        1 => prop_oneof![Just(0), 1u64..100, any::<u64>()].prop_map(Damage::Probes),
        1 => any::<u64>().prop_map(Damage::Seed),
    ]
}

fn put(bytes: &mut [u8], at: u64, word: u64) {
    bytes[at as usize..][..8].copy_from_slice(&word.to_le_bytes());
}

/// Applies the damage and makes the header's checksum right again. Entries and records are found
/// through the header of the undamaged segment.
fn damaged(good: &[u8], all: &[Damage]) -> Vec<u8> {
    let header = Header::parse(good, good.len() as u64).unwrap();
    let view = SegmentView::new(good, &header).unwrap();
    let place = |command: usize| view.find(command_name(command).as_bytes()).unwrap();
    let entry = |command: usize| {
        let word = place(command).pack();
        let slot = (0..header.index_capacity)
            .find(|slot| view.index_entry(*slot).unwrap().1 == word)
            .unwrap();
        header.index_offset + slot * 16 + 8
    };
    let mut bytes = good.to_vec();
    for damage in all {
        match *damage {
            Damage::Entry { command, word } => put(&mut bytes, entry(command), word),
            Damage::Length {
                command,
                bytes: length,
            } => {
                let word = place(command).offset << 24 | length;
                put(&mut bytes, entry(command), word);
            }
            Damage::Elsewhere { command, to } => {
                let place = place(command);
                let from = place.offset as usize;
                bytes.copy_within(from..from + 24, to as usize);
                put(
                    &mut bytes,
                    entry(command),
                    RecordPlace {
                        offset: to,
                        ..place
                    }
                    .pack(),
                );
                put(&mut bytes, header.names_offset + command as u64 * 8, to);
            }
            Damage::Rank { rank, offset } => {
                put(&mut bytes, header.names_offset + rank as u64 * 8, offset);
            }
            Damage::RecordStart { command, at, value } => {
                bytes[place(command).offset as usize - 3 + at] = value;
            }
            Damage::Byte { at, value } => {
                let at = 4096 + at.index(good.len() - 4096);
                bytes[at] = value;
            }
            Damage::Probes(probes) => put(&mut bytes, 112, probes),
            Damage::Seed(seed) => put(&mut bytes, 104, seed),
        }
    }
    seal_header(&mut bytes);
    bytes
}

/// What holds of every answer, whatever the bytes: it is a slice of the records, a record that is
/// found bears the name that was asked for, and `verify` accepts only the records of the digest.
fn check_answers(good: &[u8], bytes: &[u8]) {
    let header = Header::parse(bytes, bytes.len() as u64).expect("its regions fit together");
    let view = SegmentView::new(bytes, &header).unwrap();
    let records = view.records().as_ptr_range();
    for command in 0..=COMMANDS {
        let name = command_name(command);
        if let Some(record) = view.lookup(name.as_bytes()) {
            let found = record.as_ptr_range();
            assert!(records.start <= found.start && found.end <= records.end);
            assert_eq!(crate::record::name_of(record), Some(name.as_bytes()));
        }
    }
    for name in view.names() {
        let name = name.as_bytes().as_ptr_range();
        assert!(records.start <= name.start && name.end <= records.end);
    }
    assert!(view.names().count() <= COMMANDS);
    assert_eq!(
        view.sync_body().len() as u64,
        header.records_bytes + header.tail_bytes
    );
    if view.verify().is_ok() {
        let header = Header::parse(good, good.len() as u64).unwrap();
        let sound = SegmentView::new(good, &header).unwrap();
        assert_eq!(view.sync_body(), sound.sync_body());
        assert!(view.names().eq(sound.names()));
        for command in 0..=COMMANDS {
            let name = command_name(command);
            let name = name.as_bytes();
            assert_eq!(view.lookup(name), sound.lookup(name));
        }
    }
}

#[test]
fn an_entry_that_points_across_a_border_finds_nothing() {
    for good in &*GOOD {
        let header = Header::parse(good, good.len() as u64).unwrap();
        let view = SegmentView::new(good, &header).unwrap();
        let name = command_name(3);
        let place = view.find(name.as_bytes()).unwrap();
        // The record's name is where the entry says: only its length is wrong.
        let to_the_end = header.records_end() - place.offset;
        for (bytes, is_found) in [
            (to_the_end, true),
            (to_the_end + 1, false),
            (0xFF_FFFF, false),
            (1, false),
            (0, false),
        ] {
            let word = place.offset << 24 | bytes;
            let bad = damaged(good, &[Damage::Entry { command: 3, word }]);
            let header = Header::parse(&bad, bad.len() as u64).unwrap();
            let view = SegmentView::new(&bad, &header).unwrap();
            let found = view.lookup(name.as_bytes());
            assert_eq!(found.is_some(), is_found, "{bytes} bytes");
            assert!(view.verify().is_err());
        }
    }
}

/// A generator that only ever made segments whose header is refused, or whose first lookup ends,
/// would show nothing: this one has to reach each kind of answer.
#[test]
fn aimed_damage_reaches_what_lies_behind_the_header() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut lost, mut kept, mut misnamed, mut verified) = (0, 0, 0, 0);
    for _ in 0..300 {
        let all = prop::collection::vec(damage(), 1..6)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let bad = damaged(&GOOD[0], &all);
        let header = Header::parse(&bad, bad.len() as u64).unwrap();
        let view = SegmentView::new(&bad, &header).unwrap();
        let found = (0..COMMANDS)
            .filter(|command| view.lookup(command_name(*command).as_bytes()).is_some())
            .count();
        lost += usize::from(found < COMMANDS);
        kept += usize::from(found > 0);
        misnamed += usize::from(view.names().count() < COMMANDS);
        verified += usize::from(view.verify().is_ok());
    }
    assert!(
        lost > 60 && kept > 60 && misnamed > 60 && verified > 0,
        "{lost} lost, {kept} kept, {misnamed} misnamed, {verified} verified"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_reader_of_damaged_bytes_stays_inside_the_records(
        lite in any::<bool>(),
        all in prop::collection::vec(damage(), 1..12),
    ) {
        let good = &GOOD[usize::from(lite)];
        check_answers(good, &damaged(good, &all));
    }

    /// Sizes that fit together and lie: other regions over the same bytes.
    #[test]
    fn a_header_that_lies_consistently_never_crashes_a_reader(
        records_bytes in 0u64..9000,
        tail_bytes in prop_oneof![Just(0u64), 0..200u64],
        commands in 0u64..200,
        wire in prop::sample::select(vec![WireForm::Standard, WireForm::Lite]),
        index_seed: u64,
        index_probes in prop_oneof![Just(0), 1u64..50, any::<u64>()],
        lite in any::<bool>(),
        grown in 0usize..20_000,
    ) {
        let mut bytes = GOOD[usize::from(lite)].clone();
        let old = Header::parse(&bytes, bytes.len() as u64).unwrap();
        bytes.resize(bytes.len() + grown, 0x0A);
        let fields = HeaderFields {
            wire,
            segment_id: SegmentId(old.segment_id),
            digest: Digest(old.digest),
            created_at_ms: 0,
            commands,
            records_bytes,
            tail_bytes,
            index_seed,
            index_probes,
        };
        let regions = Regions::for_body(records_bytes + tail_bytes, commands).unwrap();
        let lying = Header::new(&fields, &regions).to_bytes();
        bytes[..HEADER_BYTES].copy_from_slice(&lying);
        read_everything(&bytes);
    }

    #[test]
    fn mutated_segments_never_crash_a_reader(
        lite in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30),
        header_changes in prop::collection::vec((0usize..128, any::<u8>()), 0..3),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = GOOD[usize::from(lite)].clone();
        for (at, value) in changes {
            let at = 4096 + at.index(bytes.len() - 4096);
            bytes[at] = value;
        }
        for (at, value) in header_changes {
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(HEADER_BYTES + cut.index(bytes.len() - HEADER_BYTES));
        }
        seal_header(&mut bytes);
        read_everything(&bytes);
    }

    #[test]
    fn random_records_never_crash_the_decoder(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        for wire in [WireForm::Standard, WireForm::Lite] {
            let _ = crate::record::check(&bytes, wire);
        }
        let _ = crate::record::name_of(&bytes);
        let _ = crate::record::read_varint(&bytes);
    }
}
