//! The compiler process: a version's definitions into a code segment, apart from everything that serves.
//!
//! ```text
//!     order ─▶ limits ─▶ compilation ─▶ code segment ─▶ report
//!                         │ each row under a limit of CPU time and memory, its name in the segment meanwhile
//!                         └ a row that goes over it ends the process; the supervisor reads the name and starts another
//! ```
//!
//! Two threads: one compiles, the other waits for the end of the channel to the supervisor, which is this process's end.

use std::io::{Read as _, Write as _};
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;

use pyo3::prelude::*;
use serde::{Deserialize, Serialize};

mod compilation;
mod limits;
mod reading;

use crate::background;
use crate::plane::panics;
use crate::scripts::limits::STACK_BYTES;
use crate::worker::adopt;

pub use compilation::{quarantined_definition, refused_definition};

/// An order names two segments and the quarantined sources.
const ORDER_BYTES_MAX: usize = 4 << 20;

/// Exit codes, as those of workers.
const EXIT_DONE: i32 = 0;
const EXIT_REFUSED: i32 = 71;
const EXIT_ORDERS: i32 = 78;

/// What is to be compiled, under which limits.
#[derive(Debug, Deserialize)]
pub struct Order {
    /// Name of the version's segment.
    pub segment: String,
    /// Name of the code segment that is to be filled; it may hold what a process before this one wrote.
    pub code: String,
    /// Its id.
    pub code_id: u64,
    /// Name of an older code segment whose entries are copied where the source is the same.
    pub previous: Option<String>,
    /// Hex source hashes that are not to be compiled, and why.
    pub quarantined: Vec<(String, String)>,
    /// What compiling may take beyond what this process has at its start.
    pub memory_bytes: u64,
    /// CPU time of one definition.
    pub cpu_ms: u64,
    /// Memory left to others in `/dev/shm`, on the host and in the control group.
    pub reserve_bytes: u64,
}

/// How it ended.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Report {
    /// The code segment is complete.
    Done(compilation::Counts),
    /// It is not; what is in it counts for the next process.
    Failed {
        /// `no_room`, `gone` or `system`.
        kind: &'static str,
        /// In words.
        error: String,
    },
}

/// Adds what `appliance.compiler` and the supervisor call.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(run_compiler, module)?)?;
    reading::register(module)
}

/// Follows the one order that comes through `control_fd` and reports. Gives the exit code, also at once when the other
/// end is closed: the caller has to end the process then, whatever its threads do.
#[pyfunction]
fn run_compiler(py: Python<'_>, control_fd: RawFd) -> i32 {
    py.detach(|| run(control_fd))
}

fn run(control_fd: RawFd) -> i32 {
    panics::keep_texts();
    let Ok(control) = adopt(control_fd) else {
        return EXIT_ORDERS;
    };
    let mut control = UnixStream::from(control);
    let Some(order) = read_order(&mut control) else {
        return EXIT_ORDERS;
    };
    let Ok(mut replies) = control.try_clone() else {
        return EXIT_REFUSED;
    };
    let compiling = std::thread::Builder::new()
        .name("avap-compile".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            background::yield_to_requests();
            let report = compilation::run(&order);
            // Nobody reads: the supervisor is gone, and the other thread ends this process.
            let _ = serde_json::to_vec(&report).map(|json| {
                let frame = [&(json.len() as u32).to_le_bytes()[..], &json].concat();
                replies.write_all(&frame)
            });
            // Sends the other thread home.
            let _ = replies.shutdown(std::net::Shutdown::Both);
        });
    if compiling.is_err() {
        return EXIT_REFUSED;
    }
    // Nothing more comes but the end.
    let mut byte = [0];
    loop {
        match control.read(&mut byte) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Ok(1..) => {}
            Ok(0) | Err(_) => return EXIT_DONE,
        }
    }
}

fn read_order(control: &mut UnixStream) -> Option<Order> {
    let mut length = [0; 4];
    control.read_exact(&mut length).ok()?;
    let length = u32::from_le_bytes(length) as usize;
    if length > ORDER_BYTES_MAX {
        return None;
    }
    let mut json = vec![0; length];
    control.read_exact(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}
