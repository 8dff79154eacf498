//! HTTP/2 frames (RFC 9113, section 4 and 6): heads read, the few frames that a client sends written.

pub const HEAD_BYTES: usize = 9;
/// Where in a head the stream stands, to its end.
pub const STREAM_AT: usize = 5;
/// What we allow the server, the protocol's default.
pub const PAYLOAD_BYTES_MAX: usize = 16_384;
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const END_STREAM: u8 = 0x1;
pub const ACK: u8 = 0x1;
pub const END_HEADERS: u8 = 0x4;
pub const PADDED: u8 = 0x8;
pub const PRIORITY: u8 = 0x20;

pub const HEADER_TABLE_SIZE: u16 = 1;
pub const ENABLE_PUSH: u16 = 2;
pub const MAX_CONCURRENT_STREAMS: u16 = 3;
pub const INITIAL_WINDOW_SIZE: u16 = 4;

pub const REFUSED_STREAM: u32 = 7;
pub const CANCEL: u32 = 8;

/// Frame types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Data,
    Headers,
    Reset,
    Settings,
    Push,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// PRIORITY, and whatever is to be ignored.
    Other,
}

/// The nine bytes before a payload.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub payload_bytes: usize,
    pub kind: Kind,
    pub flags: u8,
    pub stream: u32,
}

impl Head {
    /// `None`: fewer than nine bytes yet.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[a, b, c, kind, flags, s1, s2, s3, s4, ..] = bytes else {
            return None;
        };
        Some(Self {
            payload_bytes: u32::from_be_bytes([0, a, b, c]) as usize,
            kind: match kind {
                0 => Kind::Data,
                1 => Kind::Headers,
                3 => Kind::Reset,
                4 => Kind::Settings,
                5 => Kind::Push,
                6 => Kind::Ping,
                7 => Kind::GoAway,
                8 => Kind::WindowUpdate,
                9 => Kind::Continuation,
                _ => Kind::Other,
            },
            flags,
            stream: u32::from_be_bytes([s1, s2, s3, s4]) & 0x7FFF_FFFF,
        })
    }

    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// A DATA or HEADERS payload without padding and, in HEADERS, priority. `None`: it does not add up.
pub fn unpadded(head: Head, payload: &[u8]) -> Option<&[u8]> {
    let mut inner = payload;
    if head.has(PADDED) {
        let (&padding, rest) = inner.split_first()?;
        inner = rest.get(..rest.len().checked_sub(usize::from(padding))?)?;
    }
    if head.kind == Kind::Headers && head.has(PRIORITY) {
        inner = inner.get(5..)?;
    }
    Some(inner)
}

/// The first four bytes as a number.
pub fn number(payload: &[u8]) -> Option<u32> {
    payload
        .first_chunk()
        .map(|bytes| u32::from_be_bytes(*bytes))
}

/// The pairs of a SETTINGS payload. `None`: not a whole number of them.
pub fn settings(payload: &[u8]) -> Option<impl Iterator<Item = (u16, u32)>> {
    let (pairs, rest) = payload.as_chunks::<6>();
    rest.is_empty().then(|| {
        pairs.iter().map(|&[i1, i2, a, b, c, d]| {
            (
                u16::from_be_bytes([i1, i2]),
                u32::from_be_bytes([a, b, c, d]),
            )
        })
    })
}

/// Appends a frame's head; the payload is the caller's.
pub fn put_head(out: &mut Vec<u8>, payload_bytes: usize, kind: u8, flags: u8, stream: u32) {
    debug_assert!(payload_bytes <= PAYLOAD_BYTES_MAX);
    out.extend_from_slice(&(payload_bytes as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
}

/// Appends a whole frame that was made for no stream yet.
pub fn put_for_stream(out: &mut Vec<u8>, whole: &[u8], stream: u32) {
    let at = out.len();
    out.extend_from_slice(whole);
    out[at + STREAM_AT..at + HEAD_BYTES].copy_from_slice(&stream.to_be_bytes());
}

/// Appends HEADERS that fit one frame.
pub fn put_headers(out: &mut Vec<u8>, stream: u32, block: &[u8]) {
    put_head(out, block.len(), 1, END_HEADERS, stream);
    out.extend_from_slice(block);
}

/// Appends the DATA that ends a stream.
pub fn put_last_data(out: &mut Vec<u8>, stream: u32, payload: &[u8]) {
    put_head(out, payload.len(), 0, END_STREAM, stream);
    out.extend_from_slice(payload);
}

/// Appends SETTINGS.
pub fn put_settings(out: &mut Vec<u8>, pairs: &[(u16, u32)]) {
    put_head(out, 6 * pairs.len(), 4, 0, 0);
    for (identifier, value) in pairs {
        out.extend_from_slice(&identifier.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Appends the acknowledgement of SETTINGS.
pub fn put_settings_ack(out: &mut Vec<u8>) {
    put_head(out, 0, 4, ACK, 0);
}

/// Appends the answer to a PING.
pub fn put_ping_ack(out: &mut Vec<u8>, payload: [u8; 8]) {
    put_head(out, payload.len(), 6, ACK, 0);
    out.extend_from_slice(&payload);
}

/// Appends `WINDOW_UPDATE`; stream 0 is the connection.
pub fn put_window_update(out: &mut Vec<u8>, stream: u32, increment: u32) {
    put_head(out, 4, 8, 0, stream);
    out.extend_from_slice(&increment.to_be_bytes());
}

/// Appends `RST_STREAM`.
pub fn put_reset(out: &mut Vec<u8>, stream: u32, code: u32) {
    put_head(out, 4, 3, 0, stream);
    out.extend_from_slice(&code.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_the_bytes_of_the_rfc() {
        let mut out = Vec::new();
        put_headers(&mut out, 3, b"\x83\x86");
        put_last_data(&mut out, 3, b"abc");
        put_settings(&mut out, &[(INITIAL_WINDOW_SIZE, 65_536)]);
        put_settings_ack(&mut out);
        put_ping_ack(&mut out, *b"12345678");
        put_window_update(&mut out, 0, 0x0102_0304);
        put_reset(&mut out, 5, CANCEL);
        let expected: &[&[u8]] = &[
            b"\0\0\x02\x01\x04\0\0\0\x03\x83\x86",
            b"\0\0\x03\x00\x01\0\0\0\x03abc",
            b"\0\0\x06\x04\x00\0\0\0\0\0\x04\0\x01\0\0",
            b"\0\0\0\x04\x01\0\0\0\0",
            b"\0\0\x08\x06\x01\0\0\0\x0012345678",
            b"\0\0\x04\x08\x00\0\0\0\0\x01\x02\x03\x04",
            b"\0\0\x04\x03\x00\0\0\0\x05\0\0\0\x08",
        ];
        assert_eq!(out, expected.concat());
    }

    #[test]
    fn padding_and_priority_are_taken_off() {
        let head = |kind, flags| Head {
            payload_bytes: 0,
            kind,
            flags,
            stream: 1,
        };
        assert_eq!(
            unpadded(head(Kind::Data, PADDED), b"\x02abc\0\0"),
            Some(&b"abc"[..])
        );
        assert_eq!(
            unpadded(head(Kind::Headers, PADDED | PRIORITY), b"\x01wxyz!h\0"),
            Some(&b"h"[..])
        );
        assert_eq!(unpadded(head(Kind::Data, PADDED), b"\x05abc"), None);
        assert_eq!(unpadded(head(Kind::Data, PADDED), b""), None);
    }
}
