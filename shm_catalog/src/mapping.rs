//! Files under `/dev/shm` and their mappings: the only place of this crate that is `unsafe`.
//!
//! Why a mapping here never raises SIGBUS: nothing is mapped beyond the length that `fstat`
//! reports at that moment, everything that is written through a mapping was allocated by
//! `fallocate` before, and no code of the appliance shrinks a file that somebody else may map
//! (a builder trims its own before it is announced).
#![allow(
    unsafe_code,
    reason = "mapping memory is unsafe by its nature; each block has its argument"
)]

use std::fs::{File, OpenOptions};
use std::io;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use memmap2::{Advice, Mmap, MmapMut, MmapOptions, MmapRaw, UncheckedAdvice};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

/// Where POSIX shared memory lives on Linux.
pub const SHM_DIRECTORY: &str = "/dev/shm";

/// Size of a page, and of every alignment in this crate. Larger pages only make mappings round up.
pub const PAGE: u64 = 4096;

/// One `fallocate` call asks for at most this much: tmpfs gives a whole call back when a signal
/// interrupts it, so small calls are what makes progress under a timer signal.
const FALLOCATE_STEP: u64 = 64 << 20;

/// `/dev/shm/<name>`.
///
/// # Errors
/// `InvalidInput` unless the name is one path component of 1 to 255 bytes that does not start
/// with a dot.
pub fn shm_path(name: &str) -> io::Result<PathBuf> {
    if name.is_empty() || name.len() > 255 || name.starts_with('.') || name.contains(['/', '\0']) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("the name of a shared-memory segment is one path component, not {name:?}"),
        ));
    }
    Ok(PathBuf::from(SHM_DIRECTORY).join(name))
}

/// Opens an existing segment for reading.
///
/// # Errors
/// Those of `open`, and of [`shm_path`].
pub fn open_read(name: &str) -> io::Result<File> {
    File::open(shm_path(name)?)
}

/// Opens an existing segment for reading and writing; never makes one.
///
/// # Errors
/// Those of `open`, and of [`shm_path`].
pub fn open_write(name: &str) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(shm_path(name)?)
}

/// Gives `[from, to)` of a file its memory, so that no later store can fail.
///
/// # Errors
/// `StorageFull` when the file system has no room, others as the system reports them.
pub fn allocate(file: &File, from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let step = (to - at).min(FALLOCATE_STEP);
        match fallocate(file, FallocateFlags::empty(), at, step) {
            Ok(()) => at += step,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A read-only mapping of the first bytes of a file.
#[derive(Debug)]
pub struct ReadMap(Mmap);

impl ReadMap {
    /// Maps `bytes` from the start of `file`.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file is shorter, else those of `mmap`.
    pub fn new(file: &File, bytes: u64) -> io::Result<Self> {
        check_length(file, bytes)?;
        // SAFETY: the range lies inside the file. Nobody writes to it while this lives: a segment
        // is never written after it is announced, and a builder maps its own file only between
        // its own writes. A foreign writer with our user id could still change the bytes; readers
        // bounds-check every reference, so that yields wrong bytes and not a wild access.
        let map = unsafe { MmapOptions::new().len(bytes as usize).map(file)? };
        Ok(Self(map))
    }

    /// Makes every page present, so that a reader takes no page fault.
    pub fn prefault(&self) {
        self.prefault_range(0, self.0.len());
    }

    /// Makes the pages present that lie in `[from, to)`; `from` is a multiple of [`PAGE`].
    pub(crate) fn prefault_range(&self, from: usize, to: usize) {
        let to = to.min(self.0.len());
        for (offset, bytes) in steps(to.saturating_sub(from)) {
            let from = from + offset;
            // Linux before 5.14 does not know MADV_POPULATE_READ; touching does the same, slower.
            if self
                .0
                .advise_range(Advice::PopulateRead, from, bytes)
                .is_err()
            {
                let sum = self.0[from..from + bytes]
                    .iter()
                    .step_by(PAGE as usize)
                    .fold(0u8, |sum, byte| sum ^ byte);
                std::hint::black_box(sum);
            }
        }
    }
}

impl Drop for ReadMap {
    /// Gives the pages up step by step; the last step, unmapping, then has little left to do.
    fn drop(&mut self) {
        for (from, bytes) in steps(self.0.len()) {
            // SAFETY: nobody borrows from what is being dropped, and the pages are the file's: one
            // that were touched all the same would come back with the same bytes.
            let _ = unsafe {
                self.0
                    .unchecked_advise_range(UncheckedAdvice::DontNeed, from, bytes)
            };
        }
    }
}

/// The kernel works through a range in one go, 2 ms for 100 MB, and may keep the core from everybody
/// else meanwhile (`PREEMPT_NONE`). In steps it is some 20 µs.
const RANGE_STEP_BYTES: usize = 1 << 20;

fn steps(length: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..length)
        .step_by(RANGE_STEP_BYTES)
        .map(move |from| (from, RANGE_STEP_BYTES.min(length - from)))
}

impl Deref for ReadMap {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// A writable shared mapping of a range that its owner has allocated.
pub(crate) struct WriteMap(MmapMut);

impl WriteMap {
    /// Maps `[from, from + bytes)`; `from` is a multiple of [`PAGE`].
    pub(crate) fn new(file: &File, from: u64, bytes: u64) -> io::Result<Self> {
        check_length(file, from + bytes)?;
        // SAFETY: the range lies inside the file and was allocated by the builder, which is the
        // only one to know the file until it is announced, and keeps one mapping at a time.
        let map = unsafe {
            MmapOptions::new()
                .offset(from)
                .len(bytes as usize)
                .map_mut(file)?
        };
        Ok(Self(map))
    }
}

impl Deref for WriteMap {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for WriteMap {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// What may lie in a page that several processes share.
///
/// # Safety
/// The type consists of atomics only (any bit pattern is a value, every access is atomic) and is
/// `repr(C)`.
pub unsafe trait SharedLayout {}

/// A `T` in shared memory.
#[derive(Debug)]
pub struct Shared<T> {
    map: MmapRaw,
    layout: PhantomData<T>,
}

impl<T: SharedLayout> Shared<T> {
    /// What one takes: whole pages.
    pub(crate) const BYTES: u64 = (size_of::<T>() as u64).next_multiple_of(PAGE);
    const FITS: () = assert!(align_of::<T>() as u64 <= PAGE);

    /// Allocates and maps the one with number `index` in the segment, read and write.
    ///
    /// # Errors
    /// `UnexpectedEof` when the segment has no such page, `StorageFull`, those of `open` and `mmap`.
    pub fn open_write(name: &str, index: u64) -> io::Result<Self> {
        let () = Self::FITS;
        let file = open_write(name)?;
        let from = index * Self::BYTES;
        check_length(&file, from + Self::BYTES)?;
        allocate(&file, from, from + Self::BYTES)?;
        let map = MmapOptions::new()
            .offset(from)
            .len(Self::BYTES as usize)
            .map_raw(&file)?;
        Ok(Self {
            map,
            layout: PhantomData,
        })
    }

    /// Maps the one with number `index` read-only. Its writer must have allocated it: in a full file system the mapping
    /// would fault otherwise.
    ///
    /// # Errors
    /// `UnexpectedEof` when the segment has no such page, those of `open` and `mmap`.
    pub fn open_read_at(name: &str, index: u64) -> io::Result<Self> {
        let () = Self::FITS;
        let file = open_read(name)?;
        let from = index * Self::BYTES;
        check_length(&file, from + Self::BYTES)?;
        let map = MmapOptions::new()
            .offset(from)
            .len(Self::BYTES as usize)
            .map_raw_read_only(&file)?;
        Ok(Self {
            map,
            layout: PhantomData,
        })
    }

    /// Maps the first one read-only. `magic` must be its first bytes: they are read with
    /// `pread`, which unlike a mapping cannot fault on a page that its writer never allocated.
    ///
    /// # Errors
    /// `InvalidData` when the page is not initialised, those of `open` and `mmap`.
    pub fn open_read(name: &str, magic: u64) -> io::Result<Self> {
        let () = Self::FITS;
        let file = open_read(name)?;
        check_length(&file, Self::BYTES)?;
        let mut first = [0; 8];
        file.read_exact_at(&mut first, 0)?;
        if u64::from_le_bytes(first) != magic {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{name}: not a page of this kind and version"),
            ));
        }
        let map = MmapOptions::new()
            .len(Self::BYTES as usize)
            .map_raw_read_only(&file)?;
        Ok(Self {
            map,
            layout: PhantomData,
        })
    }
}

impl<T: SharedLayout> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the mapping holds a T, lives as long as self, and any bytes
        // are a T (SharedLayout). Other processes change it by atomic stores only, which is what
        // the atomics in T allow. In a read-only mapping a store would fault, so readers are only
        // ever given methods that load.
        unsafe { &*self.map.as_ptr().cast::<T>() }
    }
}

/// `UnexpectedEof` unless the file holds `bytes`; asked before `fallocate`, which would extend it.
pub(crate) fn check_length(file: &File, bytes: u64) -> io::Result<()> {
    let actual = file.metadata()?.len();
    if actual < bytes {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("shared memory holds {actual} bytes where {bytes} are needed"),
        ));
    }
    Ok(())
}
