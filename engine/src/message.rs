//! One gRPC message: `flag u8 | length u32 big-endian | bytes` (gRPC over HTTP/2,
//! "Length-Prefixed-Message"), however it was cut into DATA frames.

use std::borrow::Cow;
use std::io::Read;

use crate::status::{Code, Status};

/// Bytes before a message.
pub const PREFIX_BYTES: usize = 5;

/// How a request's message may be compressed, from `grpc-encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
}

impl Compression {
    /// From the header's value; `None`: not one of ours.
    #[must_use]
    pub const fn parse(value: &[u8]) -> Option<Self> {
        match value {
            b"identity" | b"" => Some(Self::Identity),
            b"gzip" => Some(Self::Gzip),
            _ => None,
        }
    }
}

/// The bytes before an uncompressed message.
pub const fn prefix(message_bytes: usize) -> [u8; PREFIX_BYTES] {
    let [a, b, c, d] = (message_bytes as u32).to_be_bytes();
    [0, a, b, c, d]
}

/// Checks what has come of a body: fails as soon as it is clear that it cannot be accepted.
pub fn check_partial(body: &[u8], message_bytes_max: usize) -> Result<(), Status<'static>> {
    match parse_prefix(body) {
        Some((_, length)) if length > message_bytes_max => Err(over_limit(message_bytes_max)),
        Some((_, length)) if body.len() > PREFIX_BYTES + length => Err(Status::new(
            Code::InvalidArgument,
            "bytes after the request message",
        )),
        _ => Ok(()),
    }
}

/// The message of a whole body: a part of it, or unpacked into `room`.
pub fn read<'body>(
    body: &'body [u8],
    compression: Compression,
    message_bytes_max: usize,
    room: &'body mut Vec<u8>,
) -> Result<&'body [u8], Status<'static>> {
    let invalid = |text| Err(Status::new(Code::InvalidArgument, text));
    if body.is_empty() {
        return invalid("no request message");
    }
    check_partial(body, message_bytes_max)?;
    let Some((flag, length)) = parse_prefix(body) else {
        return invalid("the request message is cut off");
    };
    let message = &body[PREFIX_BYTES..];
    if message.len() != length {
        return invalid("the request message is cut off");
    }
    match (flag, compression) {
        (0, _) => Ok(message),
        (1, Compression::Gzip) => {
            gunzip(message, message_bytes_max, room)?;
            Ok(room)
        }
        (1, Compression::Identity) => invalid("compressed message without grpc-encoding"),
        _ => invalid("the message's compressed flag is neither 0 nor 1"),
    }
}

/// Flag and length, once they are there.
fn parse_prefix(body: &[u8]) -> Option<(u8, usize)> {
    let [flag, length @ ..] = *body.first_chunk::<PREFIX_BYTES>()?;
    Some((flag, u32::from_be_bytes(length) as usize))
}

fn over_limit(message_bytes_max: usize) -> Status<'static> {
    Status::naming(
        Code::ResourceExhausted,
        "the request message is over the limit of ",
        Cow::Owned(message_bytes_max.to_string().into_bytes()),
        " bytes",
    )
}

fn gunzip(packed: &[u8], bytes_max: usize, room: &mut Vec<u8>) -> Result<(), Status<'static>> {
    room.clear();
    // One byte more than the limit is enough to know; a bomb is never unpacked.
    flate2::read::MultiGzDecoder::new(packed)
        .take(bytes_max as u64 + 1)
        .read_to_end(room)
        .map_err(|_| {
            Status::new(
                Code::InvalidArgument,
                "the request message is not valid gzip",
            )
        })?;
    if room.len() > bytes_max {
        return Err(over_limit(bytes_max));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    const MAX: usize = 64 * 1024;

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

    fn check(body: &[u8], compression: Compression, expected: Result<&[u8], Code>) {
        let mut room = Vec::new();
        let found = read(body, compression, MAX, &mut room).map_err(|status| status.code);
        assert_eq!(found, expected, "{:02x?}", &body[..body.len().min(9)]);
    }

    #[test]
    fn gzip_is_read_and_a_bomb_is_not() {
        let packed = gzip(b"\x0a\x02if");
        check(&framed(1, &packed), Compression::Gzip, Ok(b"\x0a\x02if"));
        check(
            &framed(0, b"\x0a\x02if"),
            Compression::Gzip,
            Ok(b"\x0a\x02if"),
        );
        let bomb = framed(1, &gzip(&vec![0; 5_000_000]));
        check(&bomb, Compression::Gzip, Err(Code::ResourceExhausted));
        for bad in [framed(1, b"not gzip"), framed(1, &packed[..12])] {
            check(&bad, Compression::Gzip, Err(Code::InvalidArgument));
        }
        check(
            &framed(1, &packed),
            Compression::Identity,
            Err(Code::InvalidArgument),
        );
    }

    #[test]
    fn missing_truncated_trailing_and_huge_are_told_apart() {
        let two = [framed(0, b"\x0a\x02if"), framed(0, b"")].concat();
        for body in [
            &b""[..],
            b"\0\0\0",
            b"\0\0\0\0\x05if",
            &two,
            &framed(7, b"\x0a\x02if"),
        ] {
            check(body, Compression::Identity, Err(Code::InvalidArgument));
        }
        for body in [&b"\0\x00\x01\x00\x01"[..], b"\0\xff\xff\xff\xff"] {
            check(body, Compression::Identity, Err(Code::ResourceExhausted));
        }
        let limit = vec![0; MAX];
        check(&framed(0, &limit), Compression::Identity, Ok(&limit));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 256 }))]

        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            for compression in [Compression::Identity, Compression::Gzip] {
                let _ = read(&body, compression, MAX, &mut Vec::new());
            }
        }
    }
}
