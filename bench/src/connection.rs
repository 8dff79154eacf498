//! What the loop knows of a client connection, whatever its protocol: bytes of the server in, bytes
//! for the server and finished requests out. No I/O, no clock.
//!
//! The body of a reply is judged piece by piece where it lies in the read buffer and is never kept.

use std::rc::Rc;

use crate::headers::Fields;

/// Bytes for a server that does not read them. A connection's requests are 1 MB at the most; the
/// rest would be answers to a flood of PING or SETTINGS.
pub const OUT_BYTES_MAX: usize = 4 << 20;

/// A request under way: which name, and when it should have been sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub name: u32,
    pub intended_ns: u64,
}

/// The body of a reply as far as it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    pub bytes: usize,
    /// All of them are what [`Judge::agrees`] wants there.
    pub right: bool,
}

impl Body {
    pub const EMPTY: Self = Self {
        bytes: 0,
        right: true,
    };

    /// Takes the next piece.
    pub fn take(
        &mut self,
        request: Request,
        headers: &Rc<Fields>,
        piece: &[u8],
        judge: &mut impl Judge,
    ) {
        self.right = self.right && judge.agrees(request, headers, self.bytes, piece);
        self.bytes += piece.len();
    }
}

/// How a request ended.
pub enum Ending<'a> {
    /// The reply came to its regular end. `status`: the fields of the trailers, or of the only block.
    Answer {
        headers: &'a Rc<Fields>,
        status: &'a Fields,
        body: Body,
    },
    /// `RST_STREAM` with this code.
    Reset(u32),
    /// GOAWAY named an earlier stream as the last.
    Refused,
    /// The connection ended first.
    Lost,
    /// Given up.
    TimedOut,
}

/// A breach of the protocol by the server; the connection is unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(pub &'static str);

/// Who knows what replies must be.
pub trait Judge {
    /// Whether the body of the reply to `request`, headed by `headers`, holds `piece` from byte `at` on.
    fn agrees(&mut self, request: Request, headers: &Rc<Fields>, at: usize, piece: &[u8]) -> bool;

    /// Takes a finished request.
    fn finished(&mut self, request: Request, ending: Ending<'_>);
}

/// A connection's protocol.
pub trait Connection {
    /// What its connections share.
    type Setup;

    fn new(setup: &Rc<Self::Setup>) -> Self;

    /// Bytes for the server; the caller removes what it has sent.
    fn out(&mut self) -> &mut Vec<u8>;

    /// Whether requests may be sent yet.
    fn ready(&self) -> bool;

    /// Whether no more requests can be sent here.
    fn going_away(&self) -> bool;

    fn in_flight(&self) -> usize;

    /// Replies whose generation was below an earlier one's on this connection.
    fn went_back(&self) -> u64;

    /// Starts a request if there is room for it. `message`: as [`crate::request::Requests`] holds it.
    fn start(&mut self, request: Request, message: &[u8], now_ns: u64) -> bool;

    /// Takes bytes of the server. After a [`Fault`] only [`Connection::lose`] is left to call.
    fn receive(&mut self, bytes: &[u8], judge: &mut impl Judge) -> Result<(), Fault>;

    /// Gives up requests that started before `before_ns`.
    fn expire(&mut self, before_ns: u64, judge: &mut impl Judge);

    /// The server ended the connection regularly.
    fn ended(&mut self, judge: &mut impl Judge);

    /// Ends every request: the connection is gone.
    fn lose(&mut self, judge: &mut impl Judge);
}
