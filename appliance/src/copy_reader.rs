//! The rows of a `COPY … TO STDOUT`, out of libpq without Python's part in each of them.
//!
//! libpq hands out one row at a time. For each, psycopg makes three objects and its caller runs a dozen bytecodes: 1.0 s of
//! CPU for a million rows of 1 KB where libpq itself takes 0.1 s (and the kernel 0.4 s). Here rows are gathered with the
//! interpreter lock given up.
//!
//! `PGconn.pgconn_ptr` is psycopg's own door for calls that it does not wrap. The libpq behind it is the one that psycopg
//! loaded; it is looked up by its path among the libraries of this process, never loaded anew.
#![allow(
    unsafe_code,
    reason = "calls into a C library; each block has its argument"
)]

use std::ffi::{c_char, c_int, c_void};
use std::os::fd::{BorrowedFd, RawFd};
use std::ptr;
use std::slice;
use std::time::Duration;

use libloading::os::unix::{Library, RTLD_NOW};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Rows that are there are not kept back for longer than this while others are waited for.
const GATHERING_MAX: Duration = Duration::from_millis(100);

/// A connection with more to say than this is read again later.
const CHUNK_BYTES_MAX: usize = 16 << 20;

type GetCopyData = unsafe extern "C" fn(*mut c_void, *mut *mut c_char, c_int) -> c_int;
type ConsumeInput = unsafe extern "C" fn(*mut c_void) -> c_int;
type Socket = unsafe extern "C" fn(*const c_void) -> c_int;
type FreeMemory = unsafe extern "C" fn(*mut c_void);

/// What is used of libpq (`PostgreSQL` documentation, libpq, "Functions Associated with the COPY Command").
struct Libpq {
    get_copy_data: GetCopyData,
    consume_input: ConsumeInput,
    socket: Socket,
    free_memory: FreeMemory,
    /// Keeps the functions where they are.
    _library: Library,
}

/// Where a COPY stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copying {
    /// There may be more.
    Open,
    /// That was all; the server's last word is still to be read.
    End,
    /// libpq knows why.
    Failed,
}

/// Reads the COPY that is under way on a psycopg connection. One thread at a time.
#[pyclass(frozen, module = "appliance._native")]
pub struct CopyReader {
    libpq: Libpq,
    connection: Py<PyAny>,
}

#[pymethods]
impl CopyReader {
    #[new]
    fn new(connection: Py<PyAny>, libpq: &str) -> PyResult<Self> {
        let libpq = Libpq::loaded(libpq).map_err(|error| {
            PyOSError::new_err(format!("{libpq} is no libpq that is loaded: {error}"))
        })?;
        Ok(Self { libpq, connection })
    }

    fn read<'py>(
        &self,
        py: Python<'py>,
        chunk_bytes: usize,
        stop: RawFd,
        timeout_s: f64,
    ) -> PyResult<(Bound<'py, PyBytes>, &'static str)> {
        let timeout = Duration::try_from_secs_f64(timeout_s)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let pointer = self.connection.getattr(py, "pgconn_ptr")?;
        let address: Option<usize> = pointer.extract(py)?;
        let address = address.ok_or_else(|| PyOSError::new_err("the connection is closed"))?;
        let (rows, copying) = py.detach(|| {
            let connection = Connection {
                libpq: &self.libpq,
                handle: ptr::with_exposed_provenance_mut(address),
            };
            connection.gather(chunk_bytes.min(CHUNK_BYTES_MAX), stop, timeout)
        });
        let state = match copying {
            Copying::Open => "open",
            Copying::End => "end",
            Copying::Failed => "failed",
        };
        Ok((PyBytes::new(py, &rows), state))
    }
}

impl Libpq {
    /// The one at `path` that this process has loaded already.
    fn loaded(path: &str) -> Result<Self, libloading::Error> {
        // SAFETY: nothing is loaded, so no initialiser runs (RTLD_NOLOAD). The types are those of libpq-fe.h, which have
        // not changed since PostgreSQL 8.0.
        unsafe {
            let library = Library::open(Some(path), RTLD_NOW | libc::RTLD_NOLOAD)?;
            Ok(Self {
                get_copy_data: *library.get(b"PQgetCopyData\0")?,
                consume_input: *library.get(b"PQconsumeInput\0")?,
                socket: *library.get(b"PQsocket\0")?,
                free_memory: *library.get(b"PQfreemem\0")?,
                _library: library,
            })
        }
    }
}

/// A `PGconn` that is open and used by this thread alone: `CopyReader::read` holds the Python object that owns it, and
/// `DatabaseLink` is for one thread.
struct Connection<'a> {
    libpq: &'a Libpq,
    handle: *mut c_void,
}

impl Connection<'_> {
    /// Rows until there are `chunk_bytes` of them, or none came for `timeout`, or `stop` is readable.
    fn gather(&self, chunk_bytes: usize, stop: RawFd, timeout: Duration) -> (Vec<u8>, Copying) {
        let mut rows = Vec::with_capacity(chunk_bytes + chunk_bytes / 8);
        let mut reads = 0;
        while rows.len() < chunk_bytes {
            match self.append_row(&mut rows) {
                1.. => reads = 0,
                0 => {
                    // Two reads before a poll: the first saves the poll while data flows, the second drains what a TLS
                    // record left inside OpenSSL, which no poll on the socket would report.
                    if reads == 2 {
                        let limit = if rows.is_empty() {
                            timeout
                        } else {
                            timeout.min(GATHERING_MAX)
                        };
                        if !self.readable(stop, limit) {
                            break;
                        }
                        reads = 0;
                    }
                    reads += 1;
                    // SAFETY: see `Connection`.
                    if unsafe { (self.libpq.consume_input)(self.handle) } == 0 {
                        return (rows, Copying::Failed);
                    }
                }
                -1 => return (rows, Copying::End),
                _ => return (rows, Copying::Failed),
            }
        }
        (rows, Copying::Open)
    }

    /// What `PQgetCopyData` returns: the bytes of the row, 0 when none is there yet, -1 at the end, -2 on errors.
    fn append_row(&self, rows: &mut Vec<u8>) -> c_int {
        let mut row = ptr::null_mut();
        // SAFETY: see `Connection`; the last argument keeps libpq from waiting.
        let bytes = unsafe { (self.libpq.get_copy_data)(self.handle, &raw mut row, 1) };
        if let Ok(length @ 1..) = usize::try_from(bytes) {
            // SAFETY: libpq made `row` of that many bytes, and it is ours to read and to free, once.
            unsafe {
                rows.extend_from_slice(slice::from_raw_parts(row.cast::<u8>(), length));
                (self.libpq.free_memory)(row.cast());
            }
        }
        bytes
    }

    /// Waits for the connection's socket; false after `timeout` and as soon as `stop` is readable.
    fn readable(&self, stop: RawFd, timeout: Duration) -> bool {
        // SAFETY: see `Connection`.
        let socket = unsafe { (self.libpq.socket)(self.handle) };
        if socket < 0 || stop < 0 {
            return false;
        }
        // SAFETY: both are open as long as this call runs: the connection is, and who closes `stop` waits for its users.
        let (socket, stop) =
            unsafe { (BorrowedFd::borrow_raw(socket), BorrowedFd::borrow_raw(stop)) };
        let mut watched = [
            PollFd::new(&socket, PollFlags::IN),
            PollFd::new(&stop, PollFlags::IN),
        ];
        let timeout = Timespec::try_from(timeout).ok();
        loop {
            match poll(&mut watched, timeout.as_ref()) {
                // A signal: whoever it was for has his own thread. The wait begins again.
                Err(Errno::INTR) => {}
                Err(_) => return false,
                Ok(_) => {
                    return watched[1].revents().is_empty() && !watched[0].revents().is_empty();
                }
            }
        }
    }
}

/// Adds the class to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<CopyReader>()
}
