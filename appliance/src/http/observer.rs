//! What the data plane reports to whoever counts and logs.

use std::time::Duration;

use shm_catalog::{HttpStatus, Route, ScriptEnd};

/// Called on the loop thread, often: implementations only add to counters.
pub trait Observer {
    /// A request was answered.
    fn request_ended(&self, route: Route, status: HttpStatus, elapsed: Duration);
    /// A script was run, or was not.
    fn script_ended(&self, end: ScriptEnd);
    /// Told at each tick: scripts under way that did not end in their first slice, and how many of them wait.
    fn scripts_under_way(&self, under_way: usize, waiting: usize);
    /// Told at each tick: definitions that were loaded since, from the code segment and compiled here.
    fn definitions_loaded(&self, counts: [u64; 2]);
    /// A connection was accepted.
    fn connection_opened(&self);
    /// It is gone.
    fn connection_closed(&self);
    /// It is being closed because its peer was too slow.
    fn connection_timed_out(&self);
    /// A panic was caught; its connection is being closed.
    fn panic_caught(&self, text: &str);
}
