//! Damaged segments: a reader may answer wrongly, it may not crash, and `verify` finds the damage.

use std::fs::OpenOptions;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::{ShmFile, build_many};
use crate::ids::WireForm;
use crate::layout::{HEADER_BYTES, Header};
use crate::segment::{Segment, SegmentView};

static GOOD: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    [WireForm::Standard, WireForm::Lite].map(|wire| {
        let file = ShmFile::new(0);
        build_many(&file, wire, 40);
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
    for n in 0..41 {
        let _ = view.lookup(format!("command_{n}").as_bytes());
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

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
