//! Load generator: gRPC `GetCommand` or `SyncCatalog` over HTTP/2, one thread, bounded memory and time.
//!
//! Open loop: requests have intended times at a set rate, and latency counts from those, so a
//! server that stalls is seen to stall. A request that cannot start when it is due is counted and
//! dropped, never made up in a burst. Closed loop: every stream sends again as soon as it has its reply.
//!
//! Every reply's status and bytes are compared with what the version that the reply names holds.
//!
//! ```text
//! plan ── expected ── request ──▶ connection (sans-I/O) ◀── frame, headers
//!                                      ▲
//!                                    drive (epoll, timer) ──▶ tally ──▶ report
//! ```

mod clock;
mod connection;
mod drive;
#[cfg(test)]
mod drive_tests;
mod expected;
mod frame;
mod headers;
mod plan;
mod report;
mod request;
mod tally;
#[cfg(test)]
mod test_server;

pub use drive::run;
pub use expected::Expected;
pub use plan::{LoadError, Method, Plan, VersionFile};
pub use report::Report;

/// Runs a plan given as JSON and returns the report as JSON; `interrupted` is asked about twenty times a second.
///
/// # Errors
/// [`LoadError`]: a plan that cannot be run, or a target that cannot be reached.
pub fn run_json(plan: &str, interrupted: &mut dyn FnMut() -> bool) -> Result<String, LoadError> {
    let plan: Plan =
        serde_json::from_str(plan).map_err(|error| LoadError::Plan(error.to_string()))?;
    let expected = Expected::load(&plan.versions)?;
    let report = run(&plan, &expected, interrupted)?;
    serde_json::to_string(&report).map_err(|error| LoadError::Plan(error.to_string()))
}
