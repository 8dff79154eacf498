//! The native half of the appliance: `appliance._native`.
//!
//! Python owns processes, configuration and people; what is here owns the request path
//! (`worker`, `plane`, `grpc`, `http`), compiles definitions (`compiler`), gives the supervisor its hands on shared memory
//! (`catalog`) and makes load for benchmarks (`load`).

use pyo3::prelude::*;

mod background;
mod catalog;
mod compiler;
mod copy_reader;
pub mod grpc;
pub mod http;
mod idle_cores;
mod load;
mod memory;
mod null_server;
pub mod plane;
mod script_timer;
pub mod scripts;
pub mod worker;

const _: () = assert!(vm::limits::METERED, "the product counts what scripts use");

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `appliance._native`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    catalog::register(module)?;
    worker::register(module)?;
    compiler::register(module)?;
    copy_reader::register(module)?;
    idle_cores::register(module)?;
    load::register(module)?;
    null_server::register(module)?;
    script_timer::register(module)?;
    module.add("SCRIPT_TIMEOUT_MS", vm::limits::TIMEOUT_MS)?;
    module.add("SCRIPT_MEMORY_BYTES", vm::limits::MEMORY_BYTES)?;
    Ok(())
}
