//! Real segments for tests.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shm_catalog::code::EntryKind;
use shm_catalog::{
    Builder, BuilderOptions, CodeBuilder, CodeSegment, Command, Digest, Row, Segment, SegmentId,
    SourceHash, WireForm,
};

/// A mapped segment with this id and these (name, code) rows; its file is gone already.
pub fn segment(id: u64, rows: &[(&str, &str)]) -> Arc<Segment> {
    Arc::new(Segment::open(SegmentFile::new(id, rows).name()).unwrap())
}

/// A mapped code segment of these commands' compiled definitions; its file is gone already.
pub fn code_segment(commands: &[(Command<'_>, EntryKind, Vec<u8>)]) -> Arc<CodeSegment> {
    let file = SegmentFile::new(1, &[]);
    std::fs::write(file.path(), b"").unwrap();
    let mut builder = CodeBuilder::open(&file.name, 0).unwrap();
    for (command, kind, payload) in commands {
        let hash = SourceHash::of(command);
        builder.push(hash, *kind, payload).unwrap();
    }
    let form = vm::bytecode::binary::VERSION;
    builder.finish(SegmentId(9), Digest::from(0), form).unwrap();
    Arc::new(CodeSegment::open(&file.name).unwrap())
}

/// A segment under `/dev/shm`, removed with this.
pub struct SegmentFile {
    name: String,
    bytes: u64,
}

impl SegmentFile {
    /// With this id and these (name, code) rows.
    pub fn new(id: u64, rows: &[(&str, &str)]) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let mut file = Self {
            name: format!("avap-test-{}-{number}", std::process::id()),
            bytes: 0,
        };
        std::fs::File::create_new(file.path()).unwrap();
        let options = BuilderOptions {
            wire: WireForm::Standard,
            signing_key: None,
            reserve_bytes: 0,
            max_bytes: 1 << 30,
        };
        let mut builder = Builder::open(&file.name, SegmentId(id), &options).unwrap();
        for (id, (name, code)) in (0..).zip(rows) {
            let row = Row {
                id,
                name: Some(name.as_bytes()),
                code: Some(code.as_bytes()),
                ..Row::default()
            };
            builder.push(&row).unwrap();
        }
        file.bytes = builder.finish().unwrap().bytes;
        file
    }

    /// As it is opened by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Of the segment.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn path(&self) -> PathBuf {
        PathBuf::from("/dev/shm").join(&self.name)
    }
}

impl Drop for SegmentFile {
    fn drop(&mut self) {
        std::fs::remove_file(self.path()).unwrap();
    }
}
