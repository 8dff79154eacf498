//! The border to whoever answers: method, key and message in; a slice or a status out.
//!
//! Everything here is called inline, in the turn of the connection, and must not wait.

use crate::blocks::Blocks;
use crate::limits::Limit;
use crate::moment::Moment;
use crate::output::Pin;
use crate::status::{Code, Status};

/// A method of the service, by the service's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method(pub u8);

/// What a call is answered with.
#[derive(Debug)]
pub enum Answer<'message, P> {
    /// One message: this range of the pin's bytes.
    Slice {
        /// Keeps them.
        pin: P,
        /// Its first byte.
        from: usize,
        /// The byte after its last.
        to: usize,
    },
    /// One message, of at most 4 KiB.
    Constant(&'static [u8]),
    /// A stream of messages: `Service::watched`, now and at every change.
    Watch(u8),
    /// None.
    Refused(Status<'message>),
}

/// What the engine serves, and who is told what became of it.
pub trait Service {
    /// What keeps a reply's bytes.
    type Pin: Pin;

    /// The method of this `:path`.
    fn method(&self, path: &[u8]) -> Option<Method>;

    /// Whether a call with this key may be answered.
    ///
    /// # Errors
    /// The status that refuses it.
    fn authorize(&self, method: Method, key: Option<&[u8]>) -> Result<(), Status<'static>>;

    /// Changes whenever `authorize` may answer otherwise than before.
    fn key_epoch(&self) -> u64;

    /// Answers one message.
    fn answer<'message>(
        &self,
        method: Method,
        message: &'message [u8],
    ) -> Answer<'message, Self::Pin>;

    /// The present message of a watched topic.
    fn watched(&self, topic: u8) -> &'static [u8];

    /// Headers of replies, from the version that `answer` answers from.
    fn blocks(&self) -> &Blocks;

    /// A call ended; it began in the turn of `since`. `None`: of no method of ours.
    fn call_ended(&self, method: Option<Method>, code: Code, since: Moment);

    /// A stream ended by a reset: the peer's, ours, or its connection's end.
    fn stream_reset(&self);

    /// A limit was reached.
    fn limit_reached(&self, limit: Limit);
}
