//! Header blocks of replies, made once for each version served. They use static entries and
//! literals only, so they mean the same on every connection (see `hpack`).

use crate::frame::{self, HEAD_BYTES, flag, kind};
use crate::hpack::{self, integer, static_table};
use crate::status::{Code, Status};

/// The value of `grpc-accept-encoding` when a compression is refused.
pub const ACCEPTED_COMPRESSIONS: &[u8] = b"identity,gzip";

/// An answer to what is not gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpRefusal {
    /// 404: no such path.
    NotFound,
    /// 405: gRPC calls are POST requests.
    MethodNotAllowed,
    /// 415: of another content type.
    UnsupportedMediaType,
    /// 431: more headers than are read.
    HeadersTooLarge,
}

impl HttpRefusal {
    const fn status(self) -> &'static str {
        match self {
            Self::NotFound => "404",
            Self::MethodNotAllowed => "405",
            Self::UnsupportedMediaType => "415",
            Self::HeadersTooLarge => "431",
        }
    }

    /// The short body.
    #[must_use]
    pub const fn text(self) -> &'static [u8] {
        match self {
            Self::NotFound => b"not found\n",
            Self::MethodNotAllowed => b"gRPC calls are POST requests\n",
            Self::UnsupportedMediaType => b"content-type must be application/grpc\n",
            Self::HeadersTooLarge => b"the request's headers are too large\n",
        }
    }
}

/// The blocks of one version.
#[derive(Clone, Debug)]
pub struct Blocks {
    /// A whole HEADERS frame of stream 0: `:status`, `content-type` and the extra fields.
    headers: Vec<u8>,
    /// The extra fields alone.
    extra: Vec<u8>,
    /// A whole HEADERS frame of stream 0: `grpc-status: 0`.
    trailers: Vec<u8>,
}

impl Blocks {
    /// With `extra` fields in every reply; names in lower case.
    #[must_use]
    pub fn new(extra: &[(&str, &str)]) -> Self {
        let mut extra_block = Vec::new();
        for (name, value) in extra {
            hpack::put_literal(&mut extra_block, name, value.as_bytes());
        }
        let mut block = Vec::new();
        put_grpc_start(&mut block);
        block.extend_from_slice(&extra_block);
        let headers = framed(&block, flag::END_HEADERS);
        block.clear();
        hpack::put_literal(&mut block, "grpc-status", Code::Ok.header().as_bytes());
        Self {
            headers,
            extra: extra_block,
            trailers: framed(&block, flag::END_HEADERS | flag::END_STREAM),
        }
    }

    /// Bytes of what goes round a message in one DATA frame.
    pub(crate) const fn around_bytes(&self) -> usize {
        self.headers.len() + HEAD_BYTES + self.trailers.len()
    }

    /// HEADERS before a message.
    pub(crate) fn put_headers(&self, out: &mut Vec<u8>, stream: u32) {
        put_frame_of(out, &self.headers, stream);
    }

    /// Trailers of an answered call.
    pub(crate) fn put_ok_trailers(&self, out: &mut Vec<u8>, stream: u32) {
        put_frame_of(out, &self.trailers, stream);
    }

    /// The only HEADERS of a call that has no message ("Trailers-Only").
    pub(crate) fn put_refusal(&self, out: &mut Vec<u8>, stream: u32, status: &Status<'_>) {
        put_framed(out, stream, flag::END_STREAM, |block| {
            put_grpc_start(block);
            block.extend_from_slice(&self.extra);
            put_status(block, status);
            if status.code == Code::Unimplemented {
                hpack::put_literal(block, "grpc-accept-encoding", ACCEPTED_COMPRESSIONS);
            }
        });
    }

    /// HEADERS of an answer to what is not gRPC; its text follows.
    pub(crate) fn put_http_refusal(&self, out: &mut Vec<u8>, stream: u32, refusal: HttpRefusal) {
        put_framed(out, stream, 0, |block| {
            match refusal {
                HttpRefusal::NotFound => hpack::put_indexed(block, static_table::STATUS_404),
                _ => hpack::put_named(block, static_table::STATUS, refusal.status().as_bytes()),
            }
            hpack::put_named(
                block,
                static_table::CONTENT_TYPE,
                b"text/plain; charset=utf-8",
            );
            if refusal == HttpRefusal::MethodNotAllowed {
                hpack::put_named(block, static_table::ALLOW, b"POST");
            }
            block.extend_from_slice(&self.extra);
        });
    }
}

/// Trailers of a call that fails after its HEADERS went out.
pub fn put_error_trailers(out: &mut Vec<u8>, stream: u32, status: &Status<'_>) {
    put_framed(out, stream, flag::END_STREAM, |block| {
        put_status(block, status);
    });
}

fn put_grpc_start(block: &mut Vec<u8>) {
    hpack::put_indexed(block, static_table::STATUS_200);
    hpack::put_named(block, static_table::CONTENT_TYPE, b"application/grpc");
}

fn put_status(block: &mut Vec<u8>, status: &Status<'_>) {
    hpack::put_literal(block, "grpc-status", status.code.header().as_bytes());
    block.push(0);
    integer::put(block, 0, 7, "grpc-message".len());
    block.extend_from_slice(b"grpc-message");
    integer::put(block, 0, 7, status.message_bytes());
    status.put_message(block);
}

/// A HEADERS frame written in place: its length is known when its block is.
fn put_framed(out: &mut Vec<u8>, stream: u32, flags: u8, put_block: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; HEAD_BYTES]);
    put_block(out);
    let length = out.len() - at - HEAD_BYTES;
    // Quoted text is cut: what is quoted and our own fields stay far below any peer's limit.
    debug_assert!(length <= 16_384);
    let head = frame::head(length, kind::HEADERS, flags | flag::END_HEADERS, stream);
    out[at..at + HEAD_BYTES].copy_from_slice(&head);
}

fn framed(block: &[u8], flags: u8) -> Vec<u8> {
    let mut framed = frame::head(block.len(), kind::HEADERS, flags, 0).to_vec();
    framed.extend_from_slice(block);
    framed
}

/// A frame made for stream 0, for another one.
fn put_frame_of(out: &mut Vec<u8>, framed: &[u8], stream: u32) {
    let at = out.len() + HEAD_BYTES - 4;
    out.extend_from_slice(framed);
    out[at..at + 4].copy_from_slice(&stream.to_be_bytes());
}
