//! Load generator: gRPC `GetCommand` or `SyncCatalog` over HTTP/2, scripts over HTTP/1.1; bounded memory and time.
//!
//! Open loop: requests have intended times at a set rate, and latency counts from those, so a
//! server that stalls is seen to stall. A request that cannot start when it is due is counted and
//! dropped, never made up in a burst. Closed loop: every stream sends again as soon as it has its reply.
//!
//! Every reply's status and bytes are compared with what the version that the reply names holds.
//!
//! ```text
//! plan ── expected ── request, answers
//!                         │
//! run: one or more threads, each
//!   drive (epoll, timer, arrivals) ◀──▶ link (socket) ◀──▶ connection: http2 or http1, sans-I/O
//!                         │
//!                       tally ──▶ report
//!
//! null: the null server, a null_peer for each connection
//! ```

mod answers;
mod arrivals;
mod clock;
mod connection;
mod drive;
#[cfg(test)]
mod drive_tests;
mod expected;
mod frame;
mod headers;
#[cfg(test)]
mod hostile_tests;
mod http1;
#[cfg(test)]
mod http1_tests;
mod http2;
#[cfg(test)]
mod limited_server;
mod link;
mod null;
mod null_peer;
#[cfg(test)]
mod null_tests;
mod plan;
#[cfg(test)]
mod queue_tests;
mod report;
mod request;
mod run;
mod streams;
mod tally;
#[cfg(test)]
mod test_server;

pub use expected::Expected;
pub use null::{NullPlan, serve_null};
pub use plan::{Http, LoadError, Method, Plan, Spacing, VersionFile};
pub use report::{Report, ThreadReport};
pub use run::run;

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
