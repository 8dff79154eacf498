//! Rows go in; what a reader finds is what the source holds.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{ShmFile, build, build_many, builder, options, row};
use crate::builder::{BadRow, BuildError, Builder, Row};
use crate::ids::{Digest, SegmentId, WireForm};
use crate::layout::digest_start;
use crate::package::Signer;
use crate::record::{Encoder, Fields, read_varint};
use crate::room::RoomError;
use crate::segment::{OpenError, Segment};

fn encoded(wire: WireForm, name: &str, code: &str) -> Vec<u8> {
    let encoder = Encoder::new(wire, options(wire).signing_key.as_deref()).unwrap();
    let fields = Fields {
        name: name.as_bytes(),
        code: code.as_bytes(),
        kind: b"function",
        interface: b"[]",
    };
    let mut framed = Vec::new();
    encoder.append(&fields, encoder.record_bytes(&fields), &mut framed);
    framed
}

fn record(wire: WireForm, name: &str, code: &str) -> Vec<u8> {
    read_varint(&encoded(wire, name, code)[1..])
        .unwrap()
        .1
        .to_vec()
}

fn names(segment: &Segment) -> Vec<&str> {
    segment.names().collect()
}

#[test]
fn a_reader_finds_each_command_by_name_and_all_of_them_in_order() {
    for wire in [WireForm::Standard, WireForm::Lite] {
        let file = ShmFile::new(10);
        let report = build(
            &file,
            wire,
            &[row(1, "if", "a"), row(2, "addVar", "b"), row(3, "año", "")],
        );
        let segment = Segment::open(&file.name).unwrap();
        segment.verify().unwrap();

        assert_eq!(
            segment.lookup(b"if"),
            Some(record(wire, "if", "a").as_slice())
        );
        assert_eq!(
            segment.lookup("año".as_bytes()),
            Some(record(wire, "año", "").as_slice())
        );
        assert_eq!(segment.lookup(b"If"), None);
        assert_eq!(segment.lookup(b""), None);
        assert_eq!(segment.lookup(&[b'x'; 1000]), None);
        assert_eq!(names(&segment), ["addVar", "año", "if"]);
        assert_eq!(
            (
                report.commands,
                report.rows,
                report.duplicates,
                report.bad_rows
            ),
            (3, 3, 0, 0)
        );
        assert_eq!(
            (segment.count(), segment.id(), segment.wire()),
            (3, SegmentId(7), wire)
        );
        assert_eq!(
            (segment.len(), segment.digest()),
            (report.bytes, report.digest)
        );
        assert_eq!(file.bytes().len() as u64, report.bytes);
    }
}

#[test]
fn the_reply_to_sync_catalog_is_every_record_in_the_order_of_the_rows() {
    let rows = [row(1, "b", "1"), row(2, "a", "2")];
    let in_order = |wire| [encoded(wire, "b", "1"), encoded(wire, "a", "2")].concat();

    let file = ShmFile::new(0);
    build(&file, WireForm::Standard, &rows);
    assert_eq!(
        Segment::open(&file.name).unwrap().sync_body(),
        in_order(WireForm::Standard)
    );

    let file = ShmFile::new(0);
    let report = build(&file, WireForm::Lite, &rows);
    let tail = format!("\x10\x02\x1a\x22v-{}", report.digest);
    let expected = [in_order(WireForm::Lite), tail.into_bytes()].concat();
    assert_eq!(Segment::open(&file.name).unwrap().sync_body(), expected);
}

#[test]
fn a_lite_record_holds_the_package_that_a_language_server_checks() {
    let file = ShmFile::new(0);
    build(&file, WireForm::Lite, &[row(1, "if", "code of if")]);
    let segment = Segment::open(&file.name).unwrap();
    let package = [
        &Signer::new(b"signing key").prefix(b"code of if")[..],
        b"code of if",
    ]
    .concat();
    let found = segment.lookup(b"if").unwrap();
    assert!(found.windows(package.len()).any(|window| window == package));
}

#[test]
fn the_digest_covers_layout_wire_form_and_records_and_not_the_segment_id() {
    let (first, second, other) = (ShmFile::new(0), ShmFile::new(0), ShmFile::new(0));
    let rows = [row(1, "a", "1")];
    let report = build(&first, WireForm::Standard, &rows);
    let mut again =
        Builder::open(&second.name, SegmentId(8), &options(WireForm::Standard)).unwrap();
    again.push(&rows[0]).unwrap();
    assert_eq!(again.finish().unwrap().digest, report.digest);
    assert_ne!(build(&other, WireForm::Lite, &rows).digest, report.digest);

    let mut state = digest_start(WireForm::Standard);
    state.update(&encoded(WireForm::Standard, "a", "1"));
    assert_eq!(report.digest, Digest::from(state.digest128()));
}

#[test]
fn of_rows_with_one_name_the_highest_id_is_served() {
    let file = ShmFile::new(0);
    let rows = [
        row(1, "a", "old"),
        row(5, "b", "new"),
        row(2, "c", "c"),
        row(4, "b", "old"),
        row(9, "a", "new"),
        row(9, "a", "last"),
    ];
    let report = build(&file, WireForm::Lite, &rows);
    let segment = Segment::open(&file.name).unwrap();
    segment.verify().unwrap();
    assert_eq!(
        segment.lookup(b"a"),
        Some(record(WireForm::Lite, "a", "last").as_slice())
    );
    assert_eq!(
        segment.lookup(b"b"),
        Some(record(WireForm::Lite, "b", "new").as_slice())
    );
    assert_eq!((report.commands, report.rows, report.duplicates), (3, 6, 3));
    let mut names = report.duplicate_names.clone();
    names.sort();
    assert_eq!(names, ["a", "b"]);

    let alone = ShmFile::new(0);
    let winners = [row(5, "b", "new"), row(2, "c", "c"), row(9, "a", "last")];
    assert_eq!(
        build(&alone, WireForm::Lite, &winners).digest,
        report.digest,
        "losers leave no trace"
    );
    assert_eq!(alone.bytes().len(), file.bytes().len());
}

#[test]
fn a_report_names_at_most_a_hundred_duplicates_and_bad_rows() {
    let file = ShmFile::new(0);
    let mut builder = builder(&file, WireForm::Standard);
    for id in 0..600 {
        builder
            .push(&row(id, &format!("name {}", id % 200), ""))
            .unwrap();
        builder
            .push(&Row {
                id,
                ..Row::default()
            })
            .unwrap();
    }
    let report = builder.finish().unwrap();
    assert_eq!((report.commands, report.rows), (200, 1200));
    assert_eq!(
        (report.duplicates, report.duplicate_names.len()),
        (400, 100)
    );
    assert_eq!((report.bad_rows, report.bad_rows_shown.len()), (600, 100));
}

#[test]
fn a_bad_row_is_left_out_with_a_reason_and_takes_nothing_down() {
    let long = "n".repeat(257);
    let huge = vec![b'x'; 1 << 24];
    let good = row(1, "good", "x");
    let bad = [
        (Row { name: None, ..good }, "name is NULL"),
        (
            Row {
                name: Some(b""),
                ..good
            },
            "name is empty",
        ),
        (
            Row {
                name: Some(long.as_bytes()),
                ..good
            },
            "name is too long: 257 bytes, at most 256",
        ),
        (
            Row {
                name: Some(b"n\xff"),
                ..good
            },
            "name is not UTF-8 (at byte 1)",
        ),
        (
            Row {
                code: Some(b"\xc3("),
                ..good
            },
            "code is not UTF-8 (at byte 0)",
        ),
        (
            Row {
                kind: Some(b"a\x80"),
                ..good
            },
            "type is not UTF-8 (at byte 1)",
        ),
        (
            Row {
                interface: Some(b"\xed\xa0\x80"),
                ..good
            },
            "interface is not UTF-8 (at byte 0)",
        ),
        (
            Row {
                code: Some(&huge),
                ..good
            },
            "record is too long: 16777307 bytes, at most 16777215",
        ),
    ];
    let file = ShmFile::new(0);
    let mut builder = builder(&file, WireForm::Standard);
    builder.push(&good).unwrap();
    for ((row, _), id) in bad.iter().zip(100..) {
        builder.push(&Row { id, ..*row }).unwrap();
    }
    let longest_name = "m".repeat(256);
    builder.push(&row(2, &longest_name, "y")).unwrap();
    let report = builder.finish().unwrap();
    let named = ["", "", "", "", "good", "good", "good", "good"];
    let expected: Vec<BadRow> = (100..)
        .zip(named)
        .zip(bad.map(|(_, reason)| reason.to_owned()))
        .map(|((id, name), reason)| BadRow {
            id,
            name: name.to_owned(),
            reason,
        })
        .collect();
    assert_eq!(report.bad_rows_shown, expected);
    assert_eq!((report.commands, report.bad_rows), (2, bad.len() as u64));
    let segment = Segment::open(&file.name).unwrap();
    segment.verify().unwrap();
    assert_eq!(
        segment.lookup(longest_name.as_bytes()),
        Some(record(WireForm::Standard, &longest_name, "y").as_slice())
    );
}

#[test]
fn the_largest_record_is_served() {
    let file = ShmFile::new(0);
    let code = "x".repeat((1 << 24) - 200);
    build(
        &file,
        WireForm::Standard,
        &[row(1, "large", &code), row(2, "small", "")],
    );
    let segment = Segment::open(&file.name).unwrap();
    segment.verify().unwrap();
    assert_eq!(
        segment.lookup(b"large"),
        Some(record(WireForm::Standard, "large", &code).as_slice())
    );
    assert_eq!(
        segment.lookup(b"small"),
        Some(record(WireForm::Standard, "small", "").as_slice())
    );
}

#[test]
fn nulls_take_the_tables_defaults() {
    let file = ShmFile::new(0);
    build(
        &file,
        WireForm::Standard,
        &[Row {
            id: 1,
            name: Some(b"bare"),
            ..Row::default()
        }],
    );
    let segment = Segment::open(&file.name).unwrap();
    assert_eq!(
        segment.lookup(b"bare"),
        Some(record(WireForm::Standard, "bare", "").as_slice())
    );
}

#[test]
fn an_empty_catalogue_is_a_segment_too() {
    for wire in [WireForm::Standard, WireForm::Lite] {
        let file = ShmFile::new(0);
        let report = build(&file, wire, &[]);
        let segment = Segment::open(&file.name).unwrap();
        segment.verify().unwrap();
        assert_eq!(
            (report.commands, segment.count(), segment.names().count()),
            (0, 0, 0)
        );
        assert_eq!(segment.lookup(b"any"), None);
        let expected = match wire {
            WireForm::Standard => String::new(),
            WireForm::Lite => format!("\x1a\x22v-{}", report.digest),
        };
        assert_eq!(segment.sync_body(), expected.as_bytes());
    }
}

#[test]
fn a_segment_stays_within_its_share_above_the_records() {
    let file = ShmFile::new(0);
    let report = build_many(&file, WireForm::Standard, 5000);
    let allowed = report.records_bytes as f64 * 1.15 + 64.0 * report.commands as f64 + 8192.0;
    assert!(
        (report.bytes as f64) < allowed,
        "{} over {allowed}",
        report.bytes
    );
    Segment::open(&file.name).unwrap().verify().unwrap();
}

#[test]
fn the_file_grows_over_several_steps_and_is_trimmed() {
    let file = ShmFile::new(0);
    let code = "y".repeat(60_000);
    let mut builder = builder(&file, WireForm::Standard);
    for id in 0..800 {
        builder.push(&row(id, &format!("c{id}"), &code)).unwrap();
    }
    let report = builder.finish().unwrap();
    assert!(report.bytes > 40 << 20);
    assert_eq!(file.bytes().len() as u64, report.bytes);
    Segment::open(&file.name).unwrap().verify().unwrap();
}

#[test]
fn a_catalogue_over_the_limit_is_refused() {
    let file = ShmFile::new(0);
    let limited = crate::BuilderOptions {
        max_bytes: 20_000,
        ..options(WireForm::Standard)
    };
    let mut builder = Builder::open(&file.name, SegmentId(1), &limited).unwrap();
    let error = (0..1000)
        .find_map(|id| builder.push(&row(id, &format!("c{id}"), "code")).err())
        .unwrap();
    assert!(
        matches!(
            error,
            BuildError::TooLarge {
                max_bytes: 20_000,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn no_room_is_a_clear_error_and_an_abandoned_build_gives_its_memory_back() {
    let file = ShmFile::new(0);
    let greedy = crate::BuilderOptions {
        reserve_bytes: 1 << 60,
        ..options(WireForm::Standard)
    };
    let mut builder = Builder::open(&file.name, SegmentId(1), &greedy).unwrap();
    let code = "z".repeat(100_000);
    let error = (0..10)
        .find_map(|id| builder.push(&row(id, &format!("c{id}"), &code)).err())
        .unwrap();
    let BuildError::Room(RoomError::NoRoom {
        needed,
        available,
        reserve,
        ..
    }) = error
    else {
        panic!("{error}")
    };
    assert!(
        needed > 0 && needed < 1 << 20,
        "asks for no more than it needs: {needed}"
    );
    assert_eq!((available, reserve), (0, 1 << 60));
    builder.abandon().unwrap();
    assert_eq!(file.bytes().len(), 0);
}

#[test]
fn a_missing_segment_is_gone_and_a_strange_name_is_refused() {
    assert!(matches!(
        Segment::open("avap-unittest-none"),
        Err(OpenError::Gone(_))
    ));
    for name in ["", ".", "..", "a/b", "../etc/passwd", ".hidden"] {
        assert!(
            matches!(Segment::open(name), Err(OpenError::System { .. })),
            "{name:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_rows_read_back_as_the_last_of_each_name(
        rows in prop::collection::vec(("[a-c\u{0}é]{1,20}", "\\PC{0,40}", 0i64..50), 0..200),
        lite in any::<bool>(),
    ) {
        let wire = if lite { WireForm::Lite } else { WireForm::Standard };
        let file = ShmFile::new(0);
        let pushed: Vec<Row<'_>> = rows.iter().map(|(name, code, id)| row(*id, name, code)).collect();
        let report = build(&file, wire, &pushed);
        let segment = Segment::open(&file.name).unwrap();
        segment.verify().unwrap();

        let mut expected: BTreeMap<&str, (i64, &str)> = BTreeMap::new();
        for (name, code, id) in &rows {
            let held = expected.entry(name).or_insert((*id, code));
            if *id >= held.0 {
                *held = (*id, code);
            }
        }
        prop_assert_eq!(names(&segment), expected.keys().copied().collect::<Vec<_>>());
        prop_assert_eq!(report.duplicates as usize, rows.len() - expected.len());
        for (name, (_, code)) in expected {
            let expected_record = record(wire, name, code);
            prop_assert_eq!(segment.lookup(name.as_bytes()), Some(expected_record.as_slice()));
        }
    }

    #[test]
    fn names_with_long_common_starts_are_sorted(
        ends in prop::collection::btree_set("[ab\u{0}]{0,6}", 20..60),
        start in 0usize..250,
    ) {
        let file = ShmFile::new(0);
        let names: Vec<String> = ends.iter().rev().map(|end| "p".repeat(start.max(1)) + end).collect();
        let rows: Vec<Row<'_>> = names.iter().zip(0..).map(|(name, id)| row(id, name, "")).collect();
        build(&file, WireForm::Standard, &rows);
        let segment = Segment::open(&file.name).unwrap();
        segment.verify().unwrap();
        let mut expected: Vec<&str> = names.iter().map(String::as_str).collect();
        expected.sort_unstable();
        prop_assert_eq!(segment.names().collect::<Vec<_>>(), expected);
    }
}
