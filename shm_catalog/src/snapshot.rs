//! A segment on disk, so that a start does not wait for the source.
//!
//! ```text
//!  the segment, byte for byte
//!  trailer, 64 bytes:   0  "AVAPSNAP"
//!                       8  u32 version, 1
//!                      12  u32 zero
//!                      16  u64 bytes of the segment
//!                      24  SHA-256 of everything before it, segment and trailer
//!                      56  8 zero bytes
//! ```
//!
//! Written to a new file beside it, synced, renamed over the old one, the directory synced: at
//! every instant the path holds a whole snapshot or none. Nothing of a snapshot is believed
//! before its owner, its mode, its SHA-256 and its whole structure are checked.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use sha2::{Digest as _, Sha256};

use crate::ids::{Digest, SegmentId, WireForm};
use crate::layout::{HEADER_BYTES, Header, HeaderError};
use crate::mapping::{PAGE, ReadMap, allocate, open_write};
use crate::room::{self, Limit, RoomError};
use crate::segment::{OpenError, Segment, SegmentView};
use crate::verify::VerifyError;

/// Bytes behind the segment.
pub const TRAILER_BYTES: usize = 64;

const TRAILER_MAGIC: &[u8; 8] = b"AVAPSNAP";
const TRAILER_VERSION: u32 = 1;
/// Where the SHA-256 lies in the trailer; what is before it is hashed.
const TRAILER_HASH_OFFSET: usize = 24;

/// Written at a time past the page cache.
const DIRECT_STEP_BYTES: usize = 1 << 20;

/// Copied and hashed at a time.
const STEP_BYTES: usize = 1 << 20;

/// Buffers under way between the thread that copies and the one that hashes.
const STEPS_UNDER_WAY: usize = 4;

/// What a snapshot holds, from its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Bytes of the segment.
    pub bytes: u64,
    /// Identity of its content.
    pub digest: Digest,
    /// Commands in it.
    pub commands: u64,
    /// Encoding of its records.
    pub wire: WireForm,
    /// When the segment was built, milliseconds since 1970 UTC.
    pub created_at_ms: u64,
}

impl SnapshotInfo {
    fn of(header: &Header) -> Self {
        Self {
            bytes: header.total_bytes,
            digest: Digest(header.digest),
            commands: header.commands,
            wire: header.wire(),
            created_at_ms: header.created_at_ms,
        }
    }
}

/// Why there is no snapshot to write or to start from.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// There is none.
    #[error("no snapshot at {0}")]
    Missing(PathBuf),
    /// Somebody else could have written it.
    #[error("snapshot {path} is not trusted: {reason}; remove it")]
    Untrusted {
        /// The snapshot.
        path: PathBuf,
        /// Owner, mode or kind of file.
        reason: String,
    },
    /// Its bytes are not those that were written.
    #[error("snapshot {path} is damaged: {reason}; remove it")]
    Damaged {
        /// The snapshot.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The disk is full.
    #[error("no room for the snapshot {path} ({bytes} bytes): free space on that file system")]
    DiskFull {
        /// The snapshot.
        path: PathBuf,
        /// Bytes it needs.
        bytes: u64,
    },
    /// The host has no room for the segment.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// The segment cannot be opened.
    #[error(transparent)]
    Segment(#[from] OpenError),
    /// The system refused.
    #[error("snapshot {path}: {source}")]
    System {
        /// The snapshot, or the segment.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
}

impl From<HeaderError> for VerifyError {
    fn from(error: HeaderError) -> Self {
        Self(error.0)
    }
}

/// Writes a segment to `path`, replacing what is there. Mode 0600.
///
/// # Errors
/// [`SnapshotError::DiskFull`] and `System` leave `path` as it was and no other file behind.
pub fn write(segment_name: &str, path: &Path) -> Result<(), SnapshotError> {
    let segment = Segment::open(segment_name)?;
    // Two threads read it all; page faults inside write() are the slow kind.
    segment.prefault();
    let view = segment.view();
    let new = temporary_path(path);
    let refuse = |source| write_error(path, segment.len(), source);
    let written = write_new(&new, view.bytes).and_then(|()| fs::rename(&new, path));
    if let Err(source) = written {
        // What is left of it is of no use; if it cannot be removed either, the next one removes it.
        let _ = fs::remove_file(&new);
        return Err(refuse(source));
    }
    sync_directory(path).map_err(refuse)
}

pub(crate) fn write_error(path: &Path, segment_bytes: u64, source: io::Error) -> SnapshotError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SnapshotError::DiskFull {
            path: path.to_owned(),
            bytes: segment_bytes + TRAILER_BYTES as u64,
        },
        _ => SnapshotError::System {
            path: path.to_owned(),
            source,
        },
    }
}

/// `<path>.new`, in the same directory.
fn temporary_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

fn write_new(new: &Path, segment: &[u8]) -> io::Result<()> {
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(new)?;
    write_to(&file, segment)?;
    file.sync_all()
}

/// Segment and trailer, hashed on a second thread while they are written.
pub(crate) fn write_to(file: &File, segment: &[u8]) -> io::Result<()> {
    let start = trailer_start(segment.len() as u64);
    let hash = std::thread::scope(|scope| {
        let hash = std::thread::Builder::new().spawn_scoped(scope, || {
            let mut hash = Sha256::new();
            hash.update(segment);
            hash.update(start);
            hash.finalize()
        })?;
        let written = write_direct(file, segment)?;
        file.write_all_at(&segment[written..], written as u64)?;
        hash.join().map_err(|_| io::Error::other("hashing failed"))
    })?;
    let mut trailer = [0; TRAILER_BYTES];
    trailer[..TRAILER_HASH_OFFSET].copy_from_slice(&start);
    trailer[TRAILER_HASH_OFFSET..TRAILER_HASH_OFFSET + 32].copy_from_slice(&hash);
    file.write_all_at(&trailer, segment.len() as u64)
}

/// Writes whole pages from where they are to the disk, past the page cache, as far as file system
/// and alignment allow (`O_DIRECT` in open(2)). Returns the bytes written; the rest has to take the
/// usual way.
///
/// The usual way copies every byte and has the kernel write all of it during the sync, in stretches
/// of milliseconds in which it gives the core to nobody: requests saw that.
fn write_direct(file: &File, segment: &[u8]) -> io::Result<usize> {
    let flags = fcntl_getfl(file)?;
    if fcntl_setfl(file, flags | OFlags::DIRECT).is_err() {
        return Ok(0);
    }
    let whole_pages = segment.len() & !(PAGE as usize - 1);
    let mut written = 0;
    while written < whole_pages {
        let end = whole_pages.min(written + DIRECT_STEP_BYTES);
        match file.write_at(&segment[written..end], written as u64) {
            Ok(bytes) => written += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => break,
            Err(error) => return Err(error),
        }
        if written % PAGE as usize != 0 {
            break; // a full disk, which the usual way reports
        }
    }
    fcntl_setfl(file, flags)?;
    Ok(written)
}

fn trailer_start(segment_bytes: u64) -> [u8; TRAILER_HASH_OFFSET] {
    let mut start = [0; TRAILER_HASH_OFFSET];
    start[..8].copy_from_slice(TRAILER_MAGIC);
    start[8..12].copy_from_slice(&TRAILER_VERSION.to_le_bytes());
    start[16..].copy_from_slice(&segment_bytes.to_le_bytes());
    start
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

/// Looks at a snapshot without reading it all: owner, mode, header, trailer.
///
/// # Errors
/// [`SnapshotError::Missing`], `Untrusted`, `Damaged`, `System`.
pub fn probe(path: &Path) -> Result<SnapshotInfo, SnapshotError> {
    Ok(SnapshotInfo::of(&Opened::open(path)?.header))
}

/// Copies a snapshot into the existing segment `/dev/shm/<segment_name>`, which gets its own id.
///
/// # Errors
/// Those of [`probe`], [`SnapshotError::Room`], and `Damaged` when any byte differs from what
/// was written. The segment is empty then.
pub fn restore(
    path: &Path,
    segment_name: &str,
    segment_id: SegmentId,
    reserve_bytes: u64,
) -> Result<SnapshotInfo, SnapshotError> {
    let snapshot = Opened::open(path)?;
    let target = open_write(segment_name).map_err(|source| SnapshotError::System {
        path: PathBuf::from(segment_name),
        source,
    })?;
    let restored = snapshot.copy_to(&target, segment_id, reserve_bytes);
    if restored.is_err() {
        // Gives the memory back at once; if that fails, unlinking does.
        let _ = target.set_len(0);
    }
    restored
}

/// A snapshot whose owner, mode, header and trailer are as they should be.
struct Opened {
    file: File,
    path: PathBuf,
    header: Header,
    trailer: [u8; TRAILER_BYTES],
}

impl Opened {
    fn open(path: &Path) -> Result<Self, SnapshotError> {
        let system = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => SnapshotError::Missing(path.to_owned()),
            _ => SnapshotError::System {
                path: path.to_owned(),
                source,
            },
        };
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path)
            .map_err(|source| match source.raw_os_error() {
                Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => {
                    untrusted(path, "it is a symbolic link")
                }
                _ => system(source),
            })?;
        let metadata = file.metadata().map_err(system)?;
        check_trust(path, &metadata)?;
        let damaged = |reason: String| SnapshotError::Damaged {
            path: path.to_owned(),
            reason,
        };
        let Some(segment_bytes) = metadata.len().checked_sub(TRAILER_BYTES as u64) else {
            return Err(damaged(format!("{} bytes are too few", metadata.len())));
        };
        let mut first = [0; HEADER_BYTES];
        if segment_bytes < HEADER_BYTES as u64 {
            return Err(damaged(format!("{} bytes are too few", metadata.len())));
        }
        file.read_exact_at(&mut first, 0).map_err(system)?;
        let header = Header::parse(&first, segment_bytes).map_err(|error| damaged(error.0))?;
        let mut trailer = [0; TRAILER_BYTES];
        file.read_exact_at(&mut trailer, segment_bytes)
            .map_err(system)?;
        if header.total_bytes != segment_bytes
            || trailer[..TRAILER_HASH_OFFSET] != trailer_start(segment_bytes)
            || trailer[TRAILER_HASH_OFFSET + 32..] != [0; 8]
        {
            return Err(damaged(
                "its trailer is missing or belongs to other bytes".to_owned(),
            ));
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            header,
            trailer,
        })
    }

    fn copy_to(
        &self,
        target: &File,
        segment_id: SegmentId,
        reserve_bytes: u64,
    ) -> Result<SnapshotInfo, SnapshotError> {
        let bytes = self.header.total_bytes;
        let system = |source: io::Error| SnapshotError::System {
            path: self.path.clone(),
            source,
        };
        room::check(bytes, reserve_bytes)?;
        target.set_len(0).map_err(system)?;
        allocate(target, 0, bytes).map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull => RoomError::NoRoom {
                needed: bytes,
                available: 0,
                reserve: reserve_bytes,
                limit: Limit::Shm,
            }
            .into(),
            _ => system(source),
        })?;
        let hash = self.copy_and_hash(target).map_err(system)?;
        if hash[..] != self.trailer[TRAILER_HASH_OFFSET..TRAILER_HASH_OFFSET + 32] {
            return Err(self.damaged("its SHA-256 does not match".to_owned()));
        }
        let mut header = self.header.clone();
        header.segment_id = segment_id.0;
        target.write_all_at(&header.to_bytes(), 0).map_err(system)?;
        let map = ReadMap::new(target, bytes).map_err(system)?;
        map.prefault();
        let verified = Header::parse(&map, bytes).and_then(|header| {
            SegmentView::new(&map, &header)?
                .verify()
                .map_err(|error| HeaderError(error.0))
        });
        verified.map_err(|error| self.damaged(error.0))?;
        Ok(SnapshotInfo::of(&header))
    }

    /// Reads the segment's bytes once: into `target` on this thread, through SHA-256 on another.
    fn copy_and_hash(&self, target: &File) -> io::Result<[u8; 32]> {
        let (full_sender, full_receiver) = mpsc::sync_channel::<Vec<u8>>(STEPS_UNDER_WAY);
        let (empty_sender, empty_receiver) = mpsc::channel::<Vec<u8>>();
        std::thread::scope(|scope| {
            let hash = std::thread::Builder::new().spawn_scoped(scope, move || {
                let mut hash = Sha256::new();
                for step in full_receiver {
                    hash.update(&step);
                    // The reader may have all it needs.
                    let _ = empty_sender.send(step);
                }
                hash.update(&self.trailer[..TRAILER_HASH_OFFSET]);
                hash.finalize().into()
            })?;
            let mut at = 0;
            while at < self.header.total_bytes {
                let bytes = (self.header.total_bytes - at).min(STEP_BYTES as u64);
                let mut step = empty_receiver.try_recv().unwrap_or_default();
                step.clear();
                step.resize(bytes as usize, 0);
                self.file.read_exact_at(&mut step, at)?;
                target.write_all_at(&step, at)?;
                at += bytes;
                full_sender
                    .send(step)
                    .map_err(|_| io::Error::other("hashing failed"))?;
            }
            drop(full_sender);
            hash.join().map_err(|_| io::Error::other("hashing failed"))
        })
    }

    fn damaged(&self, reason: String) -> SnapshotError {
        SnapshotError::Damaged {
            path: self.path.clone(),
            reason,
        }
    }
}

fn check_trust(path: &Path, metadata: &fs::Metadata) -> Result<(), SnapshotError> {
    if !metadata.is_file() {
        return Err(untrusted(path, "it is not a regular file"));
    }
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(untrusted(
            path,
            &format!("it belongs to user {}, not to {user}", metadata.uid()),
        ));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(untrusted(
            path,
            &format!(
                "others may write it (mode {:04o})",
                metadata.mode() & 0o7777
            ),
        ));
    }
    Ok(())
}

fn untrusted(path: &Path, reason: &str) -> SnapshotError {
    SnapshotError::Untrusted {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}
