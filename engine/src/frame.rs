//! Frames (RFC 9113, sections 4 and 6): heads read and written.

/// What a client begins with (section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes before a payload.
pub const HEAD_BYTES: usize = 9;

/// A window is at most this large (section 6.9.1).
pub const WINDOW_MAX: i64 = (1 << 31) - 1;

/// The windows that connections and streams begin with.
pub const WINDOW_DEFAULT: u32 = 65_535;

/// Frame types.
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Their flags.
pub mod flag {
    pub const END_STREAM: u8 = 0x1;
    pub const ACK: u8 = 0x1;
    pub const END_HEADERS: u8 = 0x4;
    pub const PADDED: u8 = 0x8;
    pub const PRIORITY: u8 = 0x20;
}

/// Parameters of SETTINGS (section 6.5.2).
pub mod setting {
    pub const HEADER_TABLE_SIZE: u16 = 1;
    pub const ENABLE_PUSH: u16 = 2;
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    pub const MAX_FRAME_SIZE: u16 = 5;
    pub const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// Why a stream or a connection ends (section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ErrorCode {
    /// In good order.
    NoError = 0,
    /// A breach that has no code of its own.
    Protocol = 1,
    /// More was sent than a window allows, or a window grew beyond its limit.
    FlowControl = 3,
    /// A frame after the end of its stream.
    StreamClosed = 5,
    /// A frame of the wrong length.
    FrameSize = 6,
    /// Nothing was done; the request may be sent anew.
    RefusedStream = 7,
    /// No longer wanted.
    Cancel = 8,
    /// The header compression state is lost.
    Compression = 9,
    /// A limit was reached.
    EnhanceYourCalm = 11,
}

/// The nine bytes before a payload.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub length: usize,
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
}

impl Head {
    /// `None`: fewer than nine bytes yet.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = *bytes.first_chunk::<HEAD_BYTES>()?;
        Some(Self {
            length: u32::from_be_bytes([0, a, b, c]) as usize,
            kind,
            flags,
            stream: u32::from_be_bytes(stream) & 0x7FFF_FFFF,
        })
    }

    pub const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// A head as it is sent.
pub const fn head(length: usize, kind: u8, flags: u8, stream: u32) -> [u8; HEAD_BYTES] {
    let [_, a, b, c] = (length as u32).to_be_bytes();
    let [s1, s2, s3, s4] = stream.to_be_bytes();
    [a, b, c, kind, flags, s1, s2, s3, s4]
}

/// What is inside the padding of a DATA or HEADERS payload. `None`: the padding is as long as the
/// payload, or longer (sections 6.1 and 6.2: `PROTOCOL_ERROR`).
pub fn unpadded(head: Head, payload: &[u8]) -> Option<&[u8]> {
    if !head.has(flag::PADDED) {
        return Some(payload);
    }
    let (&padding, rest) = payload.split_first()?;
    rest.get(..rest.len().checked_sub(usize::from(padding))?)
}

/// Bytes as windows count them.
pub const fn window_bytes(bytes: usize) -> i64 {
    bytes.cast_signed() as i64
}

/// The first four bytes as a number, less the reserved bit.
pub fn number_31(payload: &[u8]) -> Option<u32> {
    let bytes = payload.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*bytes) & 0x7FFF_FFFF)
}
