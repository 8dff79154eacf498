//! One gRPC message out of the DATA of a request: `flag u8 | length u32 big-endian | bytes`
//! (gRPC over HTTP/2, "Length-Prefixed-Message"), split over frames in any way.

use std::io::Read;

use bytes::{Bytes, BytesMut};

use super::limits::{MESSAGE_BYTES_MAX, PREFIX_BYTES};
use super::status::{Code, Status};

/// How a request's message may be compressed, from `grpc-encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
}

/// The value of `grpc-accept-encoding` when a compression is refused.
pub const ACCEPTED_COMPRESSIONS: &str = "identity,gzip";

impl Compression {
    /// From the header's value; `None`: not one of ours.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        match value {
            b"identity" | b"" => Some(Self::Identity),
            b"gzip" => Some(Self::Gzip),
            _ => None,
        }
    }
}

/// Collects a request's one message.
#[derive(Default)]
pub struct Assembler {
    received: Received,
}

#[derive(Default)]
enum Received {
    #[default]
    Nothing,
    /// The whole body so far came in one piece, as it nearly always does: kept as it came.
    Whole(Bytes),
    Pieces(BytesMut),
}

impl Assembler {
    /// Takes the next piece. Fails as soon as it is clear that the message cannot be accepted:
    /// over the limit (`RESOURCE_EXHAUSTED`), or more than one message.
    pub fn push(&mut self, piece: Bytes) -> Result<(), Status> {
        self.received = match std::mem::take(&mut self.received) {
            Received::Nothing => Received::Whole(piece),
            Received::Whole(first) if first.is_empty() => Received::Whole(piece),
            Received::Whole(first) => {
                let mut pieces = BytesMut::with_capacity(first.len() + piece.len());
                pieces.extend_from_slice(&first);
                pieces.extend_from_slice(&piece);
                Received::Pieces(pieces)
            }
            Received::Pieces(mut pieces) => {
                pieces.extend_from_slice(&piece);
                Received::Pieces(pieces)
            }
        };
        match prefix(self.bytes()) {
            Some((_, length)) if length > MESSAGE_BYTES_MAX => Err(over_limit()),
            Some((_, length)) if self.bytes().len() > PREFIX_BYTES + length => Err(Status::new(
                Code::InvalidArgument,
                "bytes after the request message",
            )),
            _ => Ok(()),
        }
    }

    /// The message, now that the request has ended.
    pub fn finish(self, compression: Compression) -> Result<Bytes, Status> {
        let body = match self.received {
            Received::Nothing => Bytes::new(),
            Received::Whole(body) => body,
            Received::Pieces(pieces) => pieces.freeze(),
        };
        if body.is_empty() {
            return Err(Status::new(Code::InvalidArgument, "no request message"));
        }
        let Some((flag, _)) =
            prefix(&body).filter(|(_, length)| body.len() == PREFIX_BYTES + length)
        else {
            return Err(Status::new(
                Code::InvalidArgument,
                "the request message is cut off",
            ));
        };
        let message = body.slice(PREFIX_BYTES..);
        match (flag, compression) {
            (0, _) => Ok(message),
            (1, Compression::Gzip) => gunzip(&message),
            (1, Compression::Identity) => Err(Status::new(
                Code::InvalidArgument,
                "compressed message without grpc-encoding",
            )),
            _ => Err(Status::new(
                Code::InvalidArgument,
                "the message's compressed flag is neither 0 nor 1",
            )),
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.received {
            Received::Nothing => &[],
            Received::Whole(body) => body,
            Received::Pieces(pieces) => pieces,
        }
    }
}

/// Flag and length, once they are there.
fn prefix(body: &[u8]) -> Option<(u8, usize)> {
    let (prefix, _) = body.split_first_chunk::<PREFIX_BYTES>()?;
    let [flag, length @ ..] = *prefix;
    Some((flag, u32::from_be_bytes(length) as usize))
}

fn over_limit() -> Status {
    Status::naming(
        Code::ResourceExhausted,
        format!("the request message is over the limit of {MESSAGE_BYTES_MAX} bytes"),
    )
}

fn gunzip(compressed: &[u8]) -> Result<Bytes, Status> {
    // One byte more than the limit is enough to know; a bomb is never unpacked.
    let mut message = Vec::new();
    flate2::read::MultiGzDecoder::new(compressed)
        .take(MESSAGE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut message)
        .map_err(|_| {
            Status::new(
                Code::InvalidArgument,
                "the request message is not valid gzip",
            )
        })?;
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(over_limit());
    }
    Ok(message.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
        let mut body = vec![flag];
        body.extend_from_slice(&(message.len() as u32).to_be_bytes());
        body.extend_from_slice(message);
        body
    }

    fn gzip(message: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(message).unwrap();
        encoder.finish().unwrap()
    }

    fn read(body: &[u8], piece_bytes: usize, compression: Compression) -> Result<Bytes, Code> {
        let mut assembler = Assembler::default();
        for piece in body.chunks(piece_bytes) {
            assembler
                .push(Bytes::copy_from_slice(piece))
                .map_err(|status| status.code)?;
        }
        assembler.finish(compression).map_err(|status| status.code)
    }

    #[test]
    fn a_message_is_read_however_it_is_cut() {
        for piece_bytes in 1..12 {
            let message = read(
                &framed(0, b"\x0a\x02if"),
                piece_bytes,
                Compression::Identity,
            );
            assert_eq!(
                message.as_deref(),
                Ok(&b"\x0a\x02if"[..]),
                "pieces of {piece_bytes}"
            );
        }
    }

    #[test]
    fn gzip_is_read_and_a_bomb_is_not() {
        let check = |body: &[u8], compression, expected: Result<&[u8], Code>| {
            assert_eq!(
                read(body, usize::MAX, compression)
                    .as_deref()
                    .map_err(|code| *code),
                expected
            );
        };
        check(
            &framed(1, &gzip(b"\x0a\x02if")),
            Compression::Gzip,
            Ok(b"\x0a\x02if"),
        );
        check(
            &framed(0, b"\x0a\x02if"),
            Compression::Gzip,
            Ok(b"\x0a\x02if"),
        );
        check(
            &framed(1, &gzip(&vec![0; 5_000_000])),
            Compression::Gzip,
            Err(Code::ResourceExhausted),
        );
        check(
            &framed(1, b"not gzip"),
            Compression::Gzip,
            Err(Code::InvalidArgument),
        );
        check(
            &framed(1, &gzip(b"\x0a\x02if")[..12]),
            Compression::Gzip,
            Err(Code::InvalidArgument),
        );
        check(
            &framed(1, &gzip(b"\x0a\x02if")),
            Compression::Identity,
            Err(Code::InvalidArgument),
        );
    }

    #[test]
    fn missing_truncated_trailing_and_huge_are_told_apart() {
        let check = |body: &[u8], expected: Code| {
            for piece_bytes in [1, 3, usize::MAX] {
                assert_eq!(
                    read(body, piece_bytes, Compression::Identity),
                    Err(expected),
                    "{:02x?}",
                    &body[..body.len().min(9)]
                );
            }
        };
        check(b"", Code::InvalidArgument);
        check(b"\0\0\0", Code::InvalidArgument);
        check(b"\0\0\0\0\x05if", Code::InvalidArgument);
        check(
            &[framed(0, b"\x0a\x02if"), framed(0, b"")].concat(),
            Code::InvalidArgument,
        );
        check(&framed(7, b"\x0a\x02if"), Code::InvalidArgument);
        check(b"\0\x00\x01\x00\x01", Code::ResourceExhausted);
        check(b"\0\xff\xff\xff\xff", Code::ResourceExhausted);
    }

    #[test]
    fn the_limit_itself_is_accepted() {
        let message = vec![0; MESSAGE_BYTES_MAX];
        assert_eq!(
            read(&framed(0, &message), 9000, Compression::Identity)
                .unwrap()
                .len(),
            MESSAGE_BYTES_MAX
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..300), piece_bytes in 1_usize..300) {
            let _ = read(&body, piece_bytes, Compression::Identity);
            let _ = read(&body, piece_bytes, Compression::Gzip);
        }
    }
}
