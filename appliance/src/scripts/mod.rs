//! Running scripts in a worker: what is compiled is kept, what runs is cut into slices, nobody runs for longer than
//! agreed.
//!
//! ```text
//!     order ─▶ runner ─▶ programs, definitions (caches) ─▶ first slice, on the loop thread ─▶ answer
//!                 │                                             │ more to do
//!                 └───────── nothing compiled yet ──────────────┴─▶ admission ─▶ queue ─▶ VM threads ─▶ answer
//! ```
//!
//! What never happens here: input or output, Python, a wait of the loop thread for a VM thread. The locks are held for
//! some hundred nanoseconds, and no other process knows of them.

mod admission;
pub(crate) mod definitions;
mod job;
pub mod limits;
mod pool;
mod programs;
mod queue;
pub mod runner;
