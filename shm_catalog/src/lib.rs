//! The arena: versions of the catalogue in shared memory, and the pages that announce them.
//!
//! One *segment* holds one version: the encoded reply to `SyncCatalog`, an index into it by name,
//! and the names in order (`layout`). The supervisor fills it (`builder`, `batch`, `copy_stream`, `assembly`, `earlier`, `seal`), checks it
//! (`verify`), keeps a copy on disk (`snapshot`) and tells the workers about it
//! (`announcement`). A worker maps it read-only (`segment`) and answers from it. The definitions of a version, compiled, are
//! in a segment of their own (`code`). Counters of
//! workers live in pages of their own (`slots`), described once (`metrics`).
//!
//! What this crate never does: open a socket, wait for another process, take a lock that another
//! process can hold, or trust a byte of a segment.

#[cfg(not(target_pointer_width = "64"))]
compile_error!("segments are addressed with 64-bit offsets: build for a 64-bit target");

pub mod announcement;
pub mod assembly;
pub mod batch;
pub mod builder;
pub mod code;
pub mod command;
pub mod copy_stream;
pub mod counters;
mod earlier;
mod growth;
pub mod ids;
pub mod layout;
pub mod mapping;
pub mod metrics;
pub mod package;
pub mod record;
pub mod room;
mod seal;
pub mod segment;
pub mod slots;
pub mod snapshot;
#[cfg(all(test, not(loom)))]
mod tests;
pub mod verify;

pub use announcement::Announcement;
pub use builder::{BadRow, BuildError, BuildReport, Builder, BuilderOptions, Row};
pub use code::{CodeBuilder, CodeSegment, SourceHash};
pub use command::Command;
pub use counters::{HttpStatus, Method, Route, ScriptEnd, Status};
pub use ids::{Digest, Generation, SegmentId, WireForm};
pub use segment::{OpenError, Segment, SegmentView};
pub use slots::WorkerSlot;
