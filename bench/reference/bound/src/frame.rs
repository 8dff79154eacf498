//! Frames (RFC 9113, section 4) and blocks of headers (RFC 7541), put together by hand.

pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const HEAD_BYTES: usize = 9;
pub const PAYLOAD_BYTES_MAX: usize = 16_384; // unless a client says otherwise; more is never needed

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const ACK: u8 = 0x1;
pub const END_STREAM: u8 = 0x1;
pub const END_HEADERS: u8 = 0x4;
pub const PADDED: u8 = 0x8;
pub const PRIORITY: u8 = 0x20;

/// Literal with incremental indexing and without, the name written out (RFC 7541, section 6.2).
const INDEXED: u8 = 0x40;
const PLAIN: u8 = 0x00;
/// An entry whole (section 6.1).
const INDEX: u8 = 0x80;
const STATUS_200: u8 = INDEX + 8;

/// What a connection's dynamic table for replies holds, oldest entry first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Empty,
    /// `content-type`, `avap-catalog-version`.
    Headers,
    /// `grpc-status: 0` too.
    HeadersAndStatus,
}

/// The blocks of every reply: written out once a connection, indexes from then on.
pub struct Blocks {
    headers: Vec<u8>,
    ok: Vec<u8>,
}

impl Blocks {
    pub fn new(version: &str) -> Self {
        let mut headers = vec![STATUS_200];
        put_header(&mut headers, INDEXED, "content-type", "application/grpc");
        put_header(&mut headers, INDEXED, "avap-catalog-version", version);
        let mut ok = Vec::new();
        put_header(&mut ok, INDEXED, "grpc-status", "0");
        Self { headers, ok }
    }

    /// Every reply begins with this. Index 62 is the newest entry (RFC 7541, section 2.3.3).
    pub fn headers(&self, table: &mut Table) -> &[u8] {
        match table {
            Table::Empty => {
                *table = Table::Headers;
                &self.headers
            }
            Table::Headers => &[STATUS_200, INDEX + 63, INDEX + 62],
            Table::HeadersAndStatus => &[STATUS_200, INDEX + 64, INDEX + 63],
        }
    }

    /// Trailers of a hit; its headers have been sent.
    pub fn ok(&self, table: &mut Table) -> &[u8] {
        if *table == Table::HeadersAndStatus {
            return &[INDEX + 62];
        }
        *table = Table::HeadersAndStatus;
        &self.ok
    }
}

/// Status and message of a call that failed.
pub fn put_status(block: &mut Vec<u8>, status: &str, message: &str) {
    put_header(block, PLAIN, "grpc-status", status);
    put_header(block, PLAIN, "grpc-message", message);
}

/// A frame whole.
pub fn put_frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

fn put_header(block: &mut Vec<u8>, pattern: u8, name: &str, value: &str) {
    block.push(pattern);
    put_string(block, name);
    put_string(block, value);
}

fn put_string(block: &mut Vec<u8>, text: &str) {
    let mut rest = text.len();
    if rest < 0x7F {
        block.push(rest as u8);
    } else {
        block.push(0x7F);
        rest -= 0x7F;
        while rest >= 0x80 {
            block.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        block.push(rest as u8);
    }
    block.extend_from_slice(text.as_bytes());
}
