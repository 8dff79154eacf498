//! What the data plane reports to whoever counts and logs.

use std::time::Duration;

use engine::{Code, Limit};

use super::service::Call;

/// Called on the loop thread, often: implementations only add to counters.
pub trait Observer {
    /// So many requests ended alike. `call` is `None` when there is no such method.
    fn requests_ended(&self, call: Option<Call>, code: Code, elapsed: Duration, count: u64);
    /// A stream ended by a reset: its client's, its connection's end, or ours.
    fn stream_reset(&self);
    /// A connection ran into a limit.
    fn limit_reached(&self, limit: Limit);
    /// Streams held a superseded segment for too long and were ended.
    fn streams_over_aged(&self, count: usize);
    /// A connection was accepted, or came from another worker.
    fn connection_opened(&self);
    /// It is gone.
    fn connection_closed(&self);
    /// A panic was caught; its connection is being closed.
    fn panic_caught(&self, text: &str);
}
