//! Every limit of the engine, once: what it bounds and why it has this size.

use std::time::Duration;

/// What one connection may cost. A test shrinks what it wants to reach.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Streams that the peer may have open. grpc-go and grpc-js queue what is above it; 100 (the
    /// RFC's floor) makes them queue at loads that one worker carries.
    pub streams: u32,
    /// Decoded size of a request's headers (RFC 9113, section 6.5.2). gRPC's own default is 8 KiB;
    /// keys and tracing metadata need more.
    pub header_list_bytes: usize,
    /// A header block as it comes, all its frames together. Huffman makes fields up to four times
    /// longer; beyond this the list is too large in any case.
    pub header_block_bytes: usize,
    /// CONTINUATION frames of one block (CVE-2024-27316). A whole list fits in one HEADERS frame.
    pub continuations: u32,
    /// Request message, compressed or not. A request is a name of at most 256 bytes; the rest is
    /// room for fields that later clients add.
    pub message_bytes: usize,
    /// Receive window of a stream: a whole message and its prefix fit, so a client never waits for
    /// a `WINDOW_UPDATE` in the middle of a request.
    pub stream_window_bytes: u32,
    /// Receive window of a connection, given back as requests are answered: it bounds what a peer
    /// can make us hold in unfinished requests. Four of the largest fit, or 15,000 ordinary ones.
    pub connection_window_bytes: u32,
    /// Replies that wait for the socket. Requests are not read on beyond it, and bodies wait as
    /// slices of their segment, which takes no memory.
    pub queued_bytes: usize,
    /// `RST_STREAM` of the peer (CVE-2023-44487, "rapid reset").
    pub peer_resets: Rate,
    /// `RST_STREAM` that the peer's breaches made us send (CVE-2025-8671, "made you reset").
    pub own_resets: Rate,
    /// PING. Clients that estimate bandwidth send one for each DATA frame at most.
    pub pings: Rate,
    /// SETTINGS, which cost an answer and a walk over all streams.
    pub settings: Rate,
    /// Frames that carry nothing: DATA without data, PRIORITY, unknown types.
    pub empty_frames: Rate,
    /// From accept to the client's SETTINGS; a silent peer costs a descriptor no longer.
    pub preface_time: Duration,
    /// From a request's headers to its end. A request fits in one packet, so only a dead or hostile
    /// peer needs longer.
    pub request_time: Duration,
    /// Without a byte of a reply leaving, for want of window or of a reader.
    pub zero_window_time: Duration,
    /// Without a stream.
    pub idle_time: Duration,
    /// Before the peer is told to connect anew, so that long-lived connections spread over workers
    /// that came later. The caller adds jitter.
    pub age: Duration,
    /// Between the two GOAWAYs, should the peer not answer the PING between them.
    pub goaway_time: Duration,
}

/// A bucket of tokens: `burst` at once, then `per_second`; `per_reply_64ths` come back with each
/// reply, because busy clients also reset, ping and prioritise more.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Tokens in a full bucket.
    pub burst: u32,
    /// Tokens that time brings.
    pub per_second: u32,
    /// 64ths of a token that a reply (or a DATA frame of one) brings.
    pub per_reply_64ths: u32,
}

const fn rate(burst: u32, per_second: u32, per_reply_64ths: u32) -> Rate {
    Rate {
        burst,
        per_second,
        per_reply_64ths,
    }
}

impl Limits {
    /// What is served with.
    pub const DEFAULT: Self = Self {
        streams: 1024,
        header_list_bytes: 16 * 1024,
        header_block_bytes: 32 * 1024,
        continuations: 128,
        message_bytes: 64 * 1024,
        stream_window_bytes: 128 * 1024,
        connection_window_bytes: 256 * 1024,
        queued_bytes: 256 * 1024,
        peer_resets: rate(1024, 64, 8),
        own_resets: rate(256, 16, 0),
        pings: rate(1024, 16, 64),
        settings: rate(64, 1, 0),
        empty_frames: rate(1024, 16, 64),
        preface_time: Duration::from_secs(10),
        request_time: Duration::from_secs(30),
        zero_window_time: Duration::from_secs(30),
        idle_time: Duration::from_mins(15),
        age: Duration::from_hours(1),
        goaway_time: Duration::from_secs(1),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Frames that we receive: the protocol's default. Requests never need more.
pub const FRAME_BYTES_MAX: usize = 16 * 1024;

/// Frames that we send, should the peer allow more than the default: each takes the connection's
/// window in one piece.
pub const SENT_FRAME_BYTES_MAX: usize = 64 * 1024;

/// Bodies up to this size are copied out of the segment, and so are the rests of larger ones;
/// beyond it a slice costs less than the copy.
pub const COPY_BYTES_MAX: usize = 4 * 1024;

/// Text of the peer's that is quoted in a status: a reply must not grow with the request.
pub const QUOTED_BYTES_MAX: usize = 128;

/// Streams that we reset and still remember, to tell late frames from errors.
pub const RESETS_REMEMBERED: usize = 128;

/// Header blocks up to this size are remembered with their meaning.
pub const KNOWN_BLOCK_BYTES_MAX: usize = 512;

/// Message buffers that a worker keeps for requests that come in pieces.
pub const SPARE_MESSAGES_MAX: usize = 64;

/// And their size; larger ones are given back.
pub const SPARE_MESSAGE_BYTES_MAX: usize = 4 * 1024;

/// Room that an idle connection keeps for its streams.
pub const IDLE_STREAMS_MAX: usize = 128;

const _: () = assert!(
    Limits::DEFAULT.stream_window_bytes as usize >= Limits::DEFAULT.message_bytes + 5
        && Limits::DEFAULT.connection_window_bytes >= Limits::DEFAULT.stream_window_bytes
);

/// What was reached: the label of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Limit {
    /// [`Limits::streams`]
    Streams,
    /// [`Limits::header_list_bytes`]
    HeaderList,
    /// [`Limits::header_block_bytes`], [`Limits::continuations`]
    Continuations,
    /// [`Limits::message_bytes`]
    Message,
    /// [`Limits::peer_resets`]
    PeerResets,
    /// [`Limits::own_resets`]
    OwnResets,
    /// [`Limits::pings`]
    Pings,
    /// [`Limits::settings`]
    Settings,
    /// [`Limits::empty_frames`]
    EmptyFrames,
    /// [`Limits::queued_bytes`]
    QueuedBytes,
    /// [`Limits::zero_window_time`]
    ZeroWindow,
    /// [`Limits::preface_time`]
    Preface,
    /// [`Limits::request_time`]
    Request,
    /// [`Limits::idle_time`]
    Idle,
    /// [`Limits::age`]
    Age,
}

impl Limit {
    /// In the order of their numbers.
    pub const ALL: [Self; 15] = [
        Self::Streams,
        Self::HeaderList,
        Self::Continuations,
        Self::Message,
        Self::PeerResets,
        Self::OwnResets,
        Self::Pings,
        Self::Settings,
        Self::EmptyFrames,
        Self::QueuedBytes,
        Self::ZeroWindow,
        Self::Preface,
        Self::Request,
        Self::Idle,
        Self::Age,
    ];

    /// The label's value, and the debug data of a GOAWAY.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Streams => "streams",
            Self::HeaderList => "header_list",
            Self::Continuations => "continuations",
            Self::Message => "message",
            Self::PeerResets => "peer_resets",
            Self::OwnResets => "own_resets",
            Self::Pings => "pings",
            Self::Settings => "settings",
            Self::EmptyFrames => "empty_frames",
            Self::QueuedBytes => "queued_bytes",
            Self::ZeroWindow => "zero_window",
            Self::Preface => "preface",
            Self::Request => "request",
            Self::Idle => "idle",
            Self::Age => "age",
        }
    }
}
