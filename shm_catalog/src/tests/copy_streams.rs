//! `PostgreSQL`'s binary COPY stream: the same rows however it is cut, an error for anything else.

use proptest::prelude::*;

use super::{ShmFile, builder, row};
use crate::Segment;
use crate::assembly::assemble;
use crate::builder::{BadRow, BuildError, BuildReport, Builder, Row};
use crate::copy_stream::CopyStream;
use crate::ids::WireForm;

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const END: &[u8] = b"\xff\xff";

fn encode(columns: &[Option<&[u8]>]) -> Vec<u8> {
    let mut bytes = i16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
    for column in columns {
        match column {
            None => bytes.extend_from_slice(&(-1i32).to_be_bytes()),
            Some(value) => {
                bytes.extend_from_slice(&i32::try_from(value.len()).unwrap().to_be_bytes());
                bytes.extend_from_slice(value);
            }
        }
    }
    bytes
}

fn encode_row(row: &Row<'_>) -> Vec<u8> {
    encode(&[
        Some(&row.id.to_be_bytes()),
        row.name,
        row.code,
        row.kind,
        row.interface,
    ])
}

fn feed<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<BuildReport, BuildError> {
    let file = ShmFile::new(0);
    let mut builder = builder(&file, WireForm::Standard);
    feed_into(&mut builder, chunks)?;
    builder.finish()
}

fn feed_into<'a>(
    builder: &mut Builder,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(), BuildError> {
    let mut stream = CopyStream::default();
    for chunk in chunks {
        stream.feed(chunk, builder)?;
    }
    stream.check_end()
}

fn sample() -> Vec<u8> {
    let rows = [
        row(1, "a", "first"),
        Row {
            kind: Some(b"special"),
            interface: Some(b"[{}]"),
            ..row(2, "b", "")
        },
        Row {
            name: None,
            ..row(3, "", "no name")
        },
        row(i64::MAX, "a", "second"),
    ];
    let rows: Vec<u8> = rows.iter().flat_map(encode_row).collect();
    [
        HEADER,
        &rows,
        &encode(&[None, Some(b"n"), None, None, None]),
        END,
    ]
    .concat()
}

#[test]
fn rows_are_the_same_at_every_split() {
    let stream = sample();
    let whole = feed([stream.as_slice()]).unwrap();
    assert_eq!(
        (whole.rows, whole.commands, whole.duplicates, whole.bad_rows),
        (5, 2, 1, 2)
    );
    assert_eq!(
        whole
            .bad_rows_shown
            .iter()
            .map(|row| (row.id, row.reason.as_str()))
            .collect::<Vec<_>>(),
        [(3, "name is NULL"), (0, "id is NULL")]
    );
    for at in 0..=stream.len() {
        let (left, right) = stream.split_at(at);
        assert_eq!(
            feed([left, right]).unwrap().digest,
            whole.digest,
            "split at {at}"
        );
    }
    for size in 1..20 {
        assert_eq!(
            feed(stream.chunks(size)).unwrap(),
            whole,
            "chunks of {size}"
        );
    }
}

#[test]
fn a_stream_that_stops_anywhere_is_an_error() {
    let stream = sample();
    for at in 0..stream.len() {
        let error = feed([&stream[..at]]).unwrap_err();
        assert!(
            error.to_string().contains("without its end mark"),
            "{at}: {error}"
        );
    }
}

#[test]
fn a_header_extension_is_read_over() {
    let stream = sample();
    let extended = [&HEADER[..15], b"\0\0\0\x05hello", &stream[HEADER.len()..]].concat();
    assert_eq!(
        feed(extended.chunks(3)).unwrap(),
        feed([stream.as_slice()]).unwrap()
    );
}

#[test]
fn what_is_not_the_querys_stream_is_refused() {
    let four_columns = [HEADER, &encode(&[Some(&[0; 8]), None, None, None])].concat();
    let id_of_four_bytes = [HEADER, &encode(&[Some(&[0; 4]), None, None, None, None])].concat();
    let cases: [(&[u8], &str); 9] = [
        (b"id\tname\n", "not a binary COPY stream"),
        (b"PGCOPY\r\n", "not a binary COPY stream"),
        (b"PGCOPY\n\xff\r\n\0\0\x01\0\0\0\0\0\0", "OIDs"),
        (b"PGCOPY\n\xff\r\n\0\x80\0\0\0\0\0\0\0", "unknown flags"),
        (b"PGCOPY\n\xff\r\n\0\0\0\0\0\xff\xff\xff\xff", "extension"),
        (&four_columns, "a row of 4 columns"),
        (&id_of_four_bytes, "an id of 4 bytes"),
        (
            &[HEADER, b"\0\x05\0\0\0\x08\0\0\0\0\0\0\0\x01\x80\0\0\0"].concat(),
            "name of -2147483648 bytes",
        ),
        (&[HEADER, END, b"\0"].concat(), "bytes follow"),
    ];
    for (stream, reason) in cases {
        for size in [1, 1000] {
            let error = feed(stream.chunks(size)).unwrap_err();
            assert!(matches!(error, BuildError::Stream { .. }), "{error}");
            assert!(
                error.to_string().contains(reason),
                "{reason:?} not in {error}"
            );
        }
    }
}

#[test]
fn a_row_too_long_is_skipped_as_it_comes_and_not_gathered() {
    let huge = vec![b'x'; (1 << 24) + 5000];
    let long_code = encode_row(&Row {
        code: Some(&huge),
        ..row(7, "long", "")
    });
    let long_name = encode(&[
        Some(&8i64.to_be_bytes()),
        Some(&huge),
        Some(&huge),
        None,
        Some(b"[]"),
    ]);
    let good = encode_row(&row(9, "good", "x"));
    let stream = [HEADER, &long_code, &good, &long_name, END].concat();
    for size in [stream.len(), 1 << 16, 4099] {
        let report = feed(stream.chunks(size)).unwrap();
        assert_eq!(
            (report.rows, report.commands, report.bad_rows),
            (3, 1, 2),
            "chunks of {size}"
        );
        assert_eq!(
            report.bad_rows_shown[0],
            BadRow {
                id: 7,
                name: "long".to_owned(),
                reason: "code is too long: 16782216 bytes, at most 16777215".to_owned(),
            }
        );
        assert_eq!(report.bad_rows_shown[1].id, 8);
    }
}

#[test]
fn a_length_without_its_bytes_allocates_nothing() {
    let file = ShmFile::new(0);
    let mut builder = builder(&file, WireForm::Standard);
    let mut stream = CopyStream::default();
    for claimed in [1 << 30, 1 << 23] {
        stream = CopyStream::default();
        stream.feed(HEADER, &mut builder).unwrap();
        stream
            .feed(b"\0\x05\0\0\0\x08\0\0\0\0\0\0\0\x01", &mut builder)
            .unwrap();
        stream
            .feed(&i32::to_be_bytes(claimed), &mut builder)
            .unwrap();
        stream.feed(b"abc", &mut builder).unwrap();
        assert!(
            stream.gathered_capacity() < 1 << 16,
            "{claimed}: {}",
            stream.gathered_capacity()
        );
    }
    assert!(stream.check_end().is_err());
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1usize..50) {
        let _ = feed(bytes.chunks(size));
        let _ = feed(std::iter::once(HEADER).chain(bytes.chunks(size)));
    }

    #[test]
    fn a_damaged_stream_never_panics(at in 0usize..150, value: u8, size in 1usize..200) {
        let mut stream = sample();
        let at = at % stream.len();
        stream[at] = value;
        let _ = feed(stream.chunks(size));
    }
}

/// Builds from the stream on several threads, cut into chunks of this size.
fn assembled(
    file: &ShmFile,
    stream: &[u8],
    chunk_bytes: usize,
) -> (u64, Result<BuildReport, BuildError>) {
    let (full, buffers) = std::sync::mpsc::sync_channel(2);
    let (empty, _emptied) = std::sync::mpsc::channel();
    let seen = std::sync::atomic::AtomicU64::new(0);
    let (builder, result) = std::thread::scope(|scope| {
        let building = scope.spawn(|| {
            let seen = |rows| seen.store(rows, std::sync::atomic::Ordering::Relaxed);
            assemble(builder(file, WireForm::Standard), buffers, &empty, &seen)
        });
        for chunk in stream.chunks(chunk_bytes) {
            if full.send(chunk.to_vec()).is_err() {
                break; // it stopped at an error
            }
        }
        drop(full);
        building.join().unwrap()
    });
    (seen.into_inner(), result.and_then(|()| builder.finish()))
}

/// Rows of uneven length, some of one name, some that cannot be served.
fn uneven_stream() -> Vec<u8> {
    let mut stream = HEADER.to_vec();
    for id in 0..3000i64 {
        let name = format!("command_{}", id % 2900);
        let code = "x".repeat(usize::try_from(id * 37 % 900).unwrap());
        let mut row = row(id, &name, &code);
        if id % 500 == 7 {
            row.name = None;
        }
        stream.extend(encode_row(&row));
    }
    stream.extend_from_slice(END);
    stream
}

#[test]
fn several_threads_build_what_one_builds() {
    let stream = uneven_stream();
    let (alone, together) = (ShmFile::new(0), ShmFile::new(0));
    let mut single = builder(&alone, WireForm::Standard);
    feed_into(&mut single, [stream.as_slice()]).unwrap();
    let expected = single.finish().unwrap();
    assert!(expected.duplicates > 90 && expected.bad_rows == 6);
    for chunk_bytes in [100, 1000, 5000, 1 << 20] {
        let (seen, report) = assembled(&together, &stream, chunk_bytes);
        assert_eq!(report.unwrap(), expected, "chunks of {chunk_bytes} bytes");
        assert_eq!(seen, 3000);
        let [alone, together] = [&alone, &together].map(|file| Segment::open(&file.name).unwrap());
        together.verify().unwrap();
        assert!(
            alone.sync_body() == together.sync_body(),
            "chunks of {chunk_bytes} bytes"
        );
    }
}

#[test]
fn several_threads_report_a_stream_that_is_cut_or_damaged() {
    let stream = uneven_stream();
    let file = ShmFile::new(0);
    let cut = assembled(&file, &stream[..stream.len() - 2], 5000).1;
    assert!(
        matches!(cut, Err(BuildError::Stream { rows: 3000, .. })),
        "{cut:?}"
    );
    let mut damaged = stream.clone();
    damaged.truncate(stream.len() / 2);
    damaged.resize(stream.len() / 2 + 20_000, 0x7f);
    let damaged = assembled(&file, &damaged, 1000).1;
    assert!(
        matches!(damaged, Err(BuildError::Stream { .. })),
        "{damaged:?}"
    );
}
