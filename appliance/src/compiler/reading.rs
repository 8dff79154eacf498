//! What the supervisor asks of a code segment: whether it is sound, how far its writer came, what does not compile.

use std::panic::{self, AssertUnwindSafe};

use pyo3::prelude::*;

use shm_catalog::CodeSegment;
use shm_catalog::code::EntryKind;
use vm::bytecode::binary;
use vm::program::Definition;

use crate::background;
use crate::catalog::errors::ArenaError;

/// Definitions, those that do not compile, those in quarantine, bytes.
type CodeCounts = (u64, u64, u64, u64);

/// Definitions done, and source hash and name of the one under way.
type CodeProgress = (u64, Option<(String, String)>);

/// Name, source hash, whether it is in quarantine, line, column, message.
type CodeFailure = (String, String, bool, u32, u32, String);

/// Adds the functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(code_verify, module)?)?;
    module.add_function(wrap_pyfunction!(code_progress, module)?)?;
    module.add_function(wrap_pyfunction!(code_failures, module)?)
}

/// Checks a code segment before it is announced.
#[pyfunction]
fn code_verify(py: Python<'_>, name: &str) -> PyResult<CodeCounts> {
    let counts = py.detach(|| {
        background::run(|| {
            let segment = CodeSegment::open(name).map_err(ArenaError::from)?;
            segment.view().verify().map_err(ArenaError::from)?;
            if segment.form() != binary::VERSION {
                return Err(ArenaError::Damaged(format!(
                    "code segment {name} is of another release of the machine"
                )));
            }
            let header = segment.header();
            Ok((
                header.entries,
                header.refused,
                header.quarantined,
                segment.len(),
            ))
        })
    });
    Ok(counts?)
}

/// How far the writer of a code segment came.
#[pyfunction]
fn code_progress(name: &str) -> PyResult<CodeProgress> {
    let progress = CodeSegment::progress(name).map_err(|source| ArenaError::System {
        what: format!("code segment {name}"),
        source,
    })?;
    let under_way = progress
        .under_way
        .map(|(hash, name)| (hash.to_string(), name));
    Ok((progress.done, under_way))
}

/// The first `limit` definitions of a code segment that cannot run, in the order of their names.
#[pyfunction]
fn code_failures(py: Python<'_>, name: &str, limit: usize) -> PyResult<Vec<CodeFailure>> {
    let failures = py.detach(|| {
        background::run(|| {
            let segment = CodeSegment::open(name).map_err(ArenaError::from)?;
            let mut failures: Vec<CodeFailure> = Vec::new();
            for entry in segment.view().failed().take(limit) {
                // The bytes were written by a process that text of the database may have hurt.
                let read = panic::catch_unwind(AssertUnwindSafe(|| {
                    Definition::from_binary(entry.payload)
                }));
                let Ok(Ok(Definition {
                    name,
                    code: Err(error),
                    ..
                })) = read
                else {
                    continue;
                };
                failures.push((
                    name.into(),
                    entry.hash.to_string(),
                    entry.kind == EntryKind::Quarantined,
                    error.position.line,
                    error.position.column,
                    error.message,
                ));
            }
            failures.sort_unstable();
            Ok::<_, ArenaError>(failures)
        })
    });
    Ok(failures?)
}
