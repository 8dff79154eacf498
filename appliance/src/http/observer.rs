//! What the data plane reports to whoever counts and logs.

use std::time::Duration;

use shm_catalog::{HttpStatus, Route};

/// Called on the loop thread, often: implementations only add to counters.
pub trait Observer {
    /// A request was answered.
    fn request_ended(&self, route: Route, status: HttpStatus, elapsed: Duration);
    /// A connection was accepted.
    fn connection_opened(&self);
    /// It is gone.
    fn connection_closed(&self);
    /// It is being closed because its peer was too slow.
    fn connection_timed_out(&self);
    /// A panic was caught; its connection is being closed.
    fn panic_caught(&self, text: &str);
}
