//! Tests of what crosses the files of this crate: rows in, segment out, and back.

mod building;
mod code_segments;
mod commands;
mod copy_streams;
mod earlier;
mod hostile_bytes;
mod slot_pages;
mod snapshots;

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::builder::{BuildReport, Builder, BuilderOptions, Row};
use crate::ids::{SegmentId, WireForm};

/// A file under `/dev/shm` for one test, removed with it.
pub(super) struct ShmFile {
    pub(super) name: String,
}

impl ShmFile {
    pub(super) fn new(bytes: u64) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file = Self {
            name: format!("avap-unittest-{}-{number}", std::process::id()),
        };
        File::create_new(file.path())
            .unwrap()
            .set_len(bytes)
            .unwrap();
        file
    }

    pub(super) fn path(&self) -> PathBuf {
        crate::mapping::shm_path(&self.name).unwrap()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.path()).unwrap()
    }
}

impl Drop for ShmFile {
    fn drop(&mut self) {
        std::fs::remove_file(self.path()).unwrap();
    }
}

pub(super) fn options(wire: WireForm) -> BuilderOptions {
    BuilderOptions {
        wire,
        signing_key: (wire == WireForm::Lite).then(|| b"signing key".to_vec()),
        reserve_bytes: 0,
        max_bytes: 1 << 30,
    }
}

pub(super) fn builder(file: &ShmFile, wire: WireForm) -> Builder {
    Builder::open(&file.name, SegmentId(7), &options(wire)).unwrap()
}

pub(super) fn row<'a>(id: i64, name: &'a str, code: &'a str) -> Row<'a> {
    Row {
        id,
        name: Some(name.as_bytes()),
        code: Some(code.as_bytes()),
        kind: None,
        interface: None,
    }
}

/// Builds a segment of these rows.
pub(super) fn build(file: &ShmFile, wire: WireForm, rows: &[Row<'_>]) -> BuildReport {
    let mut builder = builder(file, wire);
    for row in rows {
        builder.push(row).unwrap();
    }
    builder.finish().unwrap()
}

/// A segment of `commands` small commands named `command_<n>`, in an order that is not sorted.
pub(super) fn build_many(file: &ShmFile, wire: WireForm, commands: usize) -> BuildReport {
    let names: Vec<String> = (0..commands)
        .map(|n| format!("command_{}", n * 7919 % commands))
        .collect();
    let rows: Vec<Row<'_>> = names
        .iter()
        .zip(0..)
        .map(|(name, id)| row(id, name, "x = 1\n"))
        .collect();
    build(file, wire, &rows)
}
