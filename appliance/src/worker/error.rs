//! What ends a worker against its will.

use std::io;

/// Why a worker did not get to serve, or stopped.
#[derive(Debug)]
pub enum WorkerError {
    /// The orders cannot be followed.
    Orders(String),
    /// The system refused something.
    System(&'static str, io::Error),
}

impl WorkerError {
    /// As sysexits.h has them.
    pub const fn exit_code(&self) -> i32 {
        match self {
            Self::Orders(_) => 78,
            Self::System(..) => 71,
        }
    }
}

impl std::fmt::Display for WorkerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Orders(problem) => f.write_str(problem),
            Self::System(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

/// For `map_err`: what was being done.
pub fn system(what: &'static str) -> impl FnOnce(io::Error) -> WorkerError {
    move |error| WorkerError::System(what, error)
}
