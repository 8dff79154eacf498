//! Rows that have not changed take their records from the version before.

use std::os::unix::fs::FileExt;
use std::sync::Arc;

use proptest::prelude::*;

use super::{ShmFile, build, builder, options, row};
use crate::builder::{Builder, Row};
use crate::ids::{Digest, SegmentId, WireForm};
use crate::segment::Segment;

/// The digest of these rows, built beside `earlier`.
fn digest_beside(earlier: &ShmFile, wire: WireForm, rows: &[Row<'_>]) -> Digest {
    let file = ShmFile::new(0);
    let mut builder = builder(&file, wire);
    builder.take_over(Arc::new(Segment::open(&earlier.name).unwrap()));
    for row in rows {
        builder.push(row).unwrap();
    }
    let report = builder.finish().unwrap();
    Segment::open(&file.name).unwrap().verify().unwrap();
    report.digest
}

fn digest_alone(wire: WireForm, rows: &[Row<'_>]) -> Digest {
    build(&ShmFile::new(0), wire, rows).digest
}

/// Turns the first digit of every hash of `code` in the segment's file into `z`, which no hash has.
fn mark_hashes(file: &ShmFile, code: &[u8]) -> usize {
    let mut content = b"\x12".to_vec();
    content.push(code.len() as u8);
    content.extend_from_slice(code);
    content.extend_from_slice(b"\x1a\x40");
    let bytes = file.bytes();
    let marked: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(&content))
        .collect();
    let written = std::fs::File::options()
        .write(true)
        .open(file.path())
        .unwrap();
    for at in &marked {
        written
            .write_all_at(b"z", (at + content.len()) as u64)
            .unwrap();
    }
    marked.len()
}

fn hash_of(segment: &Segment, name: &str) -> String {
    let record = segment.lookup(name.as_bytes()).unwrap();
    let at = record
        .windows(2)
        .position(|pair| pair == b"\x1a\x40")
        .unwrap()
        + 2;
    String::from_utf8(record[at..at + 64].to_vec()).unwrap()
}

#[test]
fn an_unchanged_row_has_the_earlier_record_and_a_changed_one_its_own() {
    let earlier = ShmFile::new(0);
    let names: Vec<String> = (0..100).map(|n| format!("c{n}")).collect();
    let rows: Vec<Row<'_>> = names
        .iter()
        .zip(0..)
        .map(|(name, id)| row(id, name, "x = 1"))
        .collect();
    build(&earlier, WireForm::Standard, &rows);
    // The mark shows where a record came from.
    assert_eq!(mark_hashes(&earlier, b"x = 1"), 100);

    let file = ShmFile::new(0);
    let mut builder = builder(&file, WireForm::Standard);
    builder.take_over(Arc::new(Segment::open(&earlier.name).unwrap()));
    for (at, unchanged) in rows.iter().enumerate().rev() {
        let mut now = *unchanged;
        match at {
            10 => now.code = Some(b"x = 2"),
            20 => now.kind = Some(b"other"),
            30 => now.interface = Some(b"[1]"),
            40 => continue,
            50 => now.code = None,
            60 => now.kind = Some(b""),
            _ => {}
        }
        builder.push(&now).unwrap();
    }
    builder.push(&row(1000, "new", "x = 1")).unwrap();
    builder.finish().unwrap();

    let segment = Segment::open(&file.name).unwrap();
    segment.verify().unwrap();
    assert_eq!(segment.count(), 100);
    for name in ["c10", "c20", "c30", "c50", "c60", "new"] {
        assert!(!hash_of(&segment, name).starts_with('z'), "{name}");
    }
    for name in ["c0", "c9", "c11", "c99"] {
        assert!(hash_of(&segment, name).starts_with('z'), "{name}");
    }
}

#[test]
fn records_with_a_package_are_made_anew() {
    let signed = |key: &[u8]| {
        let mut options = options(WireForm::Standard);
        options.signing_key = Some(key.to_vec());
        options
    };
    let rows = [row(1, "a", "x = 1"), row(2, "b", "x = 1")];
    let files = [ShmFile::new(0), ShmFile::new(0), ShmFile::new(0)];
    let digests: Vec<Digest> = [(0, None), (1, Some(0)), (2, None)]
        .into_iter()
        .map(|(at, earlier): (usize, Option<usize>)| {
            let key: &[u8] = if at == 0 { b"old key" } else { b"new key" };
            let mut builder = Builder::open(&files[at].name, SegmentId(7), &signed(key)).unwrap();
            if let Some(earlier) = earlier {
                builder.take_over(Arc::new(Segment::open(&files[earlier].name).unwrap()));
            }
            for row in &rows {
                builder.push(row).unwrap();
            }
            builder.finish().unwrap().digest
        })
        .collect();
    assert_ne!(digests[0], digests[1]);
    assert_eq!(digests[1], digests[2]);

    let lite = ShmFile::new(0);
    build(&lite, WireForm::Lite, &rows);
    for wire in [WireForm::Standard, WireForm::Lite] {
        for earlier in [&lite, &files[0]] {
            assert_eq!(
                digest_beside(earlier, wire, &rows),
                digest_alone(wire, &rows)
            );
        }
    }
}

/// Name, code, kind and id.
type Drawn = (String, String, Option<String>, i64);

fn as_rows(drawn: &[Drawn]) -> Vec<Row<'_>> {
    drawn
        .iter()
        .map(|(name, code, kind, id)| Row {
            kind: kind.as_ref().map(String::as_bytes),
            ..row(*id, name, code)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_built_does_not_depend_on_the_version_before(
        before in prop::collection::vec(("[a-c]{1,2}", "[xy]{0,2}", prop::option::of("[tu]{0,1}"), 0i64..50), 0..60),
        after in prop::collection::vec(("[a-c]{1,2}", "[xy]{0,2}", prop::option::of("[tu]{0,1}"), 0i64..50), 0..60),
    ) {
        let earlier = ShmFile::new(0);
        build(&earlier, WireForm::Standard, &as_rows(&before));
        let after = as_rows(&after);
        prop_assert_eq!(
            digest_beside(&earlier, WireForm::Standard, &after),
            digest_alone(WireForm::Standard, &after)
        );
    }
}

#[test]
fn damaged_bytes_of_the_earlier_version_stop_nothing() {
    let rows = [row(1, "a", "x = 1"), row(2, "b", "x = 2")];
    let whole = ShmFile::new(0);
    build(&whole, WireForm::Standard, &rows);
    let expected = digest_alone(WireForm::Standard, &rows);
    let bytes = whole.bytes();
    let records = crate::mapping::PAGE..crate::mapping::PAGE + 200;
    for at in records {
        // A hash is what is taken over unseen.
        if bytes[at as usize].is_ascii_hexdigit() {
            continue;
        }
        let earlier = ShmFile::new(0);
        std::fs::write(earlier.path(), &bytes).unwrap();
        let written = std::fs::File::options()
            .write(true)
            .open(earlier.path())
            .unwrap();
        written.write_all_at(&[0xff], at).unwrap();
        assert_eq!(
            digest_beside(&earlier, WireForm::Standard, &rows),
            expected,
            "byte {at}"
        );
    }
}
