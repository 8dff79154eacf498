//! What each request must be answered with, laid out so that a reply costs two indexes and a comparison.

use crate::expected::Expected;
use crate::plan::{Http, Method};
use crate::request::Requests;

/// Uncompressed flag and length before a message.
pub const PREFIX_BYTES: usize = 5;

/// The right replies, shared by all threads.
pub enum Answers<'a> {
    Grpc {
        expected: &'a Expected,
        /// By version, then by request. `None`: it is not held.
        messages: Vec<Vec<Option<&'a [u8]>>>,
    },
    Http(&'a Http),
}

impl<'a> Answers<'a> {
    /// To the requests of a gRPC method.
    pub fn grpc(method: Method, expected: &'a Expected, requests: &Requests) -> Self {
        let of_version = |version: usize| {
            let message = |name: &String| match method {
                Method::SyncCatalog => expected.catalog(version),
                _ => expected.record(version, name),
            };
            requests.names.iter().map(message).collect()
        };
        Self::Grpc {
            expected,
            messages: (0..expected.versions()).map(of_version).collect(),
        }
    }
}

/// Whether a message behind its prefix, or nothing where there is none, holds `piece` from byte `at` on.
pub fn holds(message: Option<&[u8]>, at: usize, piece: &[u8]) -> bool {
    let Some(message) = message else {
        return piece.is_empty();
    };
    let prefix = prefix(message);
    let (in_prefix, rest) = piece.split_at(piece.len().min(PREFIX_BYTES.saturating_sub(at)));
    prefix.get(at..at + in_prefix.len()).unwrap_or_default() == in_prefix
        && part(
            message,
            (at + in_prefix.len()).wrapping_sub(PREFIX_BYTES),
            rest,
        )
}

/// Whether `whole` holds `piece` from byte `at` on.
pub fn part(whole: &[u8], at: usize, piece: &[u8]) -> bool {
    piece.is_empty()
        || at
            .checked_add(piece.len())
            .and_then(|end| whole.get(at..end))
            == Some(piece)
}

/// The length of a message behind its prefix, or of nothing.
pub fn framed_bytes(message: Option<&[u8]>) -> usize {
    message.map_or(0, |message| PREFIX_BYTES + message.len())
}

fn prefix(message: &[u8]) -> [u8; PREFIX_BYTES] {
    let [a, b, c, d] = (message.len() as u32).to_be_bytes();
    [0, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_recognised_in_any_pieces_and_nothing_else_is() {
        let message = b"record".as_slice();
        let framed = b"\0\0\0\0\x06record".as_slice();
        assert_eq!(framed_bytes(Some(message)), framed.len());
        for from in 0..=framed.len() {
            for to in from..=framed.len() {
                assert!(
                    holds(Some(message), from, &framed[from..to]),
                    "{from}..{to}"
                );
                for wrong in from..to {
                    let mut other = framed.to_vec();
                    other[wrong] ^= 1;
                    assert!(
                        !holds(Some(message), from, &other[from..to]),
                        "{from}..{to} {wrong}"
                    );
                }
            }
            assert!(!holds(
                Some(message),
                from,
                &[&framed[from..], b"x"].concat()
            ));
            assert!(!holds(None, from, b"x") && holds(None, from, b""));
        }
        assert!(!holds(Some(message), usize::MAX - 2, b"x"));
    }
}
