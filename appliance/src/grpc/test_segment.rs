//! Real segments for the tests of this module.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shm_catalog::{Builder, BuilderOptions, Row, Segment, SegmentId, WireForm};

/// A mapped segment with this id and these (name, code) rows; its file is gone already.
pub fn segment(id: u64, rows: &[(&str, &str)]) -> Arc<Segment> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let name = format!(
        "avap-test-{}-{}",
        std::process::id(),
        MADE.fetch_add(1, Ordering::Relaxed)
    );
    let path = format!("/dev/shm/{name}");
    std::fs::File::create_new(&path).unwrap();
    let options = BuilderOptions {
        wire: WireForm::Standard,
        signing_key: None,
        reserve_bytes: 0,
        max_bytes: 1 << 30,
    };
    let mut builder = Builder::open(&name, SegmentId(id), &options).unwrap();
    for (id, (name, code)) in (0..).zip(rows) {
        let row = Row {
            id,
            name: Some(name.as_bytes()),
            code: Some(code.as_bytes()),
            ..Row::default()
        };
        builder.push(&row).unwrap();
    }
    builder.finish().unwrap();
    let segment = Segment::open(&name).unwrap();
    std::fs::remove_file(&path).unwrap();
    Arc::new(segment)
}
