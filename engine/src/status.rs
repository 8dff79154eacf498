//! gRPC statuses: a code, and a text that names what was asked for without being kept.

use std::borrow::Cow;

/// The gRPC codes that are answered with
/// (<https://grpc.github.io/grpc/core/md_doc_statuscodes.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Answered.
    Ok = 0,
    /// The message cannot be read, or does not make sense.
    InvalidArgument = 3,
    /// `grpc-timeout` passed.
    DeadlineExceeded = 4,
    /// There is no such thing.
    NotFound = 5,
    /// The message is over the limit.
    ResourceExhausted = 8,
    /// No such method, or an unknown compression.
    Unimplemented = 12,
    /// Our own fault.
    Internal = 13,
    /// Nothing to serve yet, going away, or the stream outlived its version.
    Unavailable = 14,
    /// Key missing or wrong.
    Unauthenticated = 16,
}

impl Code {
    /// The value of `grpc-status`.
    #[must_use]
    pub const fn header(self) -> &'static str {
        match self {
            Self::Ok => "0",
            Self::InvalidArgument => "3",
            Self::DeadlineExceeded => "4",
            Self::NotFound => "5",
            Self::ResourceExhausted => "8",
            Self::Unimplemented => "12",
            Self::Internal => "13",
            Self::Unavailable => "14",
            Self::Unauthenticated => "16",
        }
    }
}

/// Why a call has no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status<'text> {
    /// Its code; never `Ok`.
    pub code: Code,
    before: &'static str,
    quoted: Cow<'text, [u8]>,
    after: &'static str,
}

impl<'text> Status<'text> {
    /// A status with a fixed text.
    #[must_use]
    pub const fn new(code: Code, text: &'static str) -> Self {
        Self::naming(code, text, Cow::Borrowed(&[]), "")
    }

    /// A status whose text names something: UTF-8, any characters.
    #[must_use]
    pub const fn naming(
        code: Code,
        before: &'static str,
        quoted: Cow<'text, [u8]>,
        after: &'static str,
    ) -> Self {
        Self {
            code,
            before,
            quoted,
            after,
        }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        let quoted = String::from_utf8_lossy(&self.quoted);
        format!("{}{quoted}{}", self.before, self.after)
    }

    /// Bytes of `grpc-message`.
    pub(crate) fn message_bytes(&self) -> usize {
        self.parts().map(escaped_bytes).sum()
    }

    /// Appends `grpc-message`: printable ASCII except `%` as it is, the rest as `%XX`
    /// (gRPC over HTTP/2, "Status-Message").
    pub(crate) fn put_message(&self, out: &mut Vec<u8>) {
        for byte in self.parts().flatten() {
            if is_plain(*byte) {
                out.push(*byte);
            } else {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
                out.extend_from_slice(&[b'%', DIGITS[high], DIGITS[low]]);
            }
        }
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        [self.before.as_bytes(), &self.quoted, self.after.as_bytes()].into_iter()
    }
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'$' | b'&'..=b'~')
}

fn escaped_bytes(text: &[u8]) -> usize {
    text.iter()
        .map(|byte| if is_plain(*byte) { 1 } else { 3 })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(quoted: &str) -> String {
        let quoted = Cow::Borrowed(quoted.as_bytes());
        let status = Status::naming(Code::NotFound, "Command '", quoted, "' not found");
        let mut out = Vec::new();
        status.put_message(&mut out);
        assert_eq!(out.len(), status.message_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_message_keeps_printable_ascii_and_escapes_the_rest() {
        assert_eq!(encoded("añ%\n"), "Command 'a%C3%B1%25%0A' not found");
    }

    proptest! {
        #[test]
        fn an_encoded_message_is_a_legal_header(text in ".*") {
            prop_assert!(encoded(&text).bytes().all(|byte| (0x20..=0x7e).contains(&byte)));
        }
    }
}
