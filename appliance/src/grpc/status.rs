//! Statuses: the codes this service answers with, and how a message travels in a header.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

/// The gRPC codes this service answers with
/// (<https://grpc.github.io/grpc/core/md_doc_statuscodes.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Answered.
    Ok = 0,
    /// The message cannot be read, or the name is empty or over-long.
    InvalidArgument = 3,
    /// `grpc-timeout` passed.
    DeadlineExceeded = 4,
    /// No such command, or no such service (health).
    NotFound = 5,
    /// The message is over the limit.
    ResourceExhausted = 8,
    /// No such method, or an unknown compression.
    Unimplemented = 12,
    /// Our own fault.
    Internal = 13,
    /// Nothing hydrated yet, going away, or the stream outlived its version.
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

/// Why a call has no message: a code and a text for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its code; never `Ok`.
    pub code: Code,
    /// UTF-8, any characters.
    pub message: Cow<'static, str>,
}

impl Status {
    /// A status with a fixed text.
    #[must_use]
    pub const fn new(code: Code, message: &'static str) -> Self {
        Self {
            code,
            message: Cow::Borrowed(message),
        }
    }

    /// A status whose text names something.
    #[must_use]
    pub const fn naming(code: Code, message: String) -> Self {
        Self {
            code,
            message: Cow::Owned(message),
        }
    }

    /// The value of `grpc-message`: printable ASCII except `%` as it is, the rest as `%XX`
    /// (gRPC over HTTP/2, "Status-Message").
    #[must_use]
    pub fn header_message(&self) -> String {
        const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');
        percent_encode(self.message.as_bytes(), ESCAPED).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_keeps_printable_ascii_and_escapes_the_rest() {
        let status = Status::naming(Code::NotFound, "Command 'añ%\n' not found".to_owned());
        assert_eq!(status.header_message(), "Command 'a%C3%B1%25%0A' not found");
    }

    proptest! {
        #[test]
        fn an_encoded_message_is_a_legal_header_and_decodes_to_itself(text in ".*") {
            let encoded = Status::naming(Code::Internal, text.clone()).header_message();
            prop_assert!(encoded.bytes().all(|byte| (0x20..=0x7e).contains(&byte)));
            let decoded = percent_encoding::percent_decode_str(&encoded).decode_utf8().unwrap();
            prop_assert_eq!(decoded, text);
        }
    }
}
