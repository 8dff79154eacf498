//! What the data plane reports to whoever counts and logs.

use std::time::Duration;

use super::service::Call;
use super::status::Code;

/// Called on the loop thread, often: implementations only add to counters.
pub trait Observer {
    /// A request ended. `call` is `None` when there is no such method.
    fn request_ended(&self, call: Option<Call>, code: Code, elapsed: Duration);
    /// A stream ended by a reset: its client's, its connection's end, or ours (which
    /// `request_ended` is told of too).
    fn stream_reset(&self);
    /// A stream held a superseded segment for too long and is being ended.
    fn stream_over_aged(&self);
    /// A connection is closed at once: its stream did not end when it was told to.
    fn connection_aborted(&self);
    /// A connection was accepted.
    fn connection_opened(&self);
    /// It is gone.
    fn connection_closed(&self);
    /// A panic was caught; its connection is being closed.
    fn panic_caught(&self, text: &str);
}
