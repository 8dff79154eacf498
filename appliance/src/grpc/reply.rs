//! Headers and frames of replies. What is the same for all replies of a generation is made once.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use shm_catalog::Generation;

use super::limits::PREFIX_BYTES;
use super::message::ACCEPTED_COMPRESSIONS;
use super::status::{Code, Status};
use crate::plane::version::Version;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const CATALOG_VERSION: HeaderName = HeaderName::from_static("avap-catalog-version");
const GRPC_CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");

/// The headers of one generation's replies.
pub struct ReplyHeaders {
    generation: Option<Generation>,
    common: HeaderMap,
    ok_trailers: HeaderMap,
}

impl ReplyHeaders {
    /// For replies from `version`, or from before there was one.
    pub fn new(version: Option<&Version>) -> Self {
        let mut common = HeaderMap::with_capacity(2);
        common.insert(header::CONTENT_TYPE, GRPC_CONTENT_TYPE);
        // Digits, a dash and hex digits: always a legal value.
        if let Some(tag) = version.and_then(|version| HeaderValue::from_str(&version.tag).ok()) {
            common.insert(CATALOG_VERSION, tag);
        }
        let mut ok_trailers = HeaderMap::with_capacity(1);
        ok_trailers.insert(GRPC_STATUS, HeaderValue::from_static(Code::Ok.header()));
        Self {
            generation: version.map(|version| version.generation),
            common,
            ok_trailers,
        }
    }

    /// Whether they are those of `version`.
    pub fn are_of(&self, version: Option<&Version>) -> bool {
        self.generation == version.map(|version| version.generation)
    }

    /// HEADERS before a message.
    pub fn ok(&self) -> Response<()> {
        let mut response = Response::new(());
        *response.headers_mut() = self.common.clone();
        response
    }

    /// Trailers after it.
    pub fn ok_trailers(&self) -> HeaderMap {
        self.ok_trailers.clone()
    }

    /// The only HEADERS of a call that has no message ("Trailers-Only").
    pub fn refusal(&self, status: &Status) -> Response<()> {
        let mut response = self.ok();
        put_status(response.headers_mut(), status);
        response
    }

    /// The same, naming the compressions there are.
    pub fn compression_refusal(&self, status: &Status) -> Response<()> {
        let mut response = self.refusal(status);
        response.headers_mut().insert(
            GRPC_ACCEPT_ENCODING,
            HeaderValue::from_static(ACCEPTED_COMPRESSIONS),
        );
        response
    }

    /// An answer to what is not gRPC; a short text follows.
    pub fn http_refusal(&self, status: StatusCode) -> Response<()> {
        let mut response = self.ok();
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}

/// Trailers of a call that fails after its HEADERS went out.
pub fn error_trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    put_status(&mut trailers, status);
    trailers
}

fn put_status(headers: &mut HeaderMap, status: &Status) {
    headers.insert(GRPC_STATUS, HeaderValue::from_static(status.code.header()));
    // Percent-encoded text is printable ASCII: always a legal value.
    if let Ok(message) = HeaderValue::try_from(status.header_message()) {
        headers.insert(GRPC_MESSAGE, message);
    }
}

/// The bytes before a message, uncompressed. `None`: longer than the format can say.
pub fn prefix(message_bytes: usize) -> Option<[u8; PREFIX_BYTES]> {
    let [a, b, c, d] = u32::try_from(message_bytes).ok()?.to_be_bytes();
    Some([0, a, b, c, d])
}

/// A whole message, copied.
pub fn framed(message: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::with_capacity(PREFIX_BYTES + message.len());
    body.extend_from_slice(&prefix(message.len())?);
    body.extend_from_slice(message);
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_block_of_headers() {
        let status = Status::naming(Code::NotFound, "Command 'ñ' not found".to_owned());
        let response = ReplyHeaders::new(None).refusal(&status);
        let text = |name: HeaderName| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(text(header::CONTENT_TYPE), "application/grpc");
        assert_eq!(text(GRPC_STATUS), "5");
        assert_eq!(text(GRPC_MESSAGE), "Command '%C3%B1' not found");
        assert!(!response.headers().contains_key(CATALOG_VERSION));
    }

    #[test]
    fn every_kind_of_reply_names_the_version() {
        let segment = crate::plane::test_segment::segment(1, &[("if", "one")]);
        let version = Version::new(Generation(9), segment);
        let headers = ReplyHeaders::new(Some(&version));
        let status = Status::new(Code::Unimplemented, "unknown");
        for response in [
            headers.ok(),
            headers.refusal(&status),
            headers.compression_refusal(&status),
            headers.http_refusal(StatusCode::METHOD_NOT_ALLOWED),
        ] {
            assert_eq!(response.headers()[CATALOG_VERSION], version.tag);
        }
        let refusal = headers.http_refusal(StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refusal.headers()[header::ALLOW], "POST");
        let content_type = refusal.headers()[header::CONTENT_TYPE].to_str().unwrap();
        assert!(content_type.starts_with("text/plain"), "{content_type}");
    }

    #[test]
    fn a_message_is_framed_with_its_length() {
        assert_eq!(framed(b"abc").as_deref(), Some(&b"\0\0\0\0\x03abc"[..]));
        assert_eq!(prefix(0x0102_0304), Some([0, 1, 2, 3, 4]));
        assert_eq!(prefix(1 << 32), None);
    }
}
