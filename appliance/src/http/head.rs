//! What every request is asked before its handler sees it: one host, a body whose end is not in doubt, a key.

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, TRANSFER_ENCODING};
use http::{HeaderValue, StatusCode, Version};

use crate::plane::auth::Keys;

use super::limits::REQUEST_ID_BYTES_MAX;
use super::problem::{Problem, unauthorized};

/// The header that names a request, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header that carries a key, as in gRPC metadata.
const KEY: HeaderName = HeaderName::from_static("x-avap-auth");

/// Refuses what two readers could understand differently (RFC 9112 §3.2, §6.1, §6.3).
///
/// Where a request has both lengths hyper drops Content-Length before we see it, reads by Transfer-Encoding and closes the
/// connection after the answer, as §6.3 allows: nothing that is hidden behind the shorter length is read as a request.
///
/// # Errors
/// 400 or 501, and the connection closes.
pub fn check_framing(version: Version, headers: &HeaderMap) -> Result<(), Problem> {
    let bad =
        |text: &str| Err(Problem::new(StatusCode::BAD_REQUEST, "bad_request", text).closing());
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && version == Version::HTTP_11) {
        return bad("a request has one Host header");
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        if headers.contains_key(CONTENT_LENGTH) {
            return bad("Transfer-Encoding and Content-Length exclude each other");
        }
        if headers.get_all(TRANSFER_ENCODING).iter().count() > 1 {
            return bad("a request has one Transfer-Encoding header");
        }
        let coding = headers
            .get(TRANSFER_ENCODING)
            .map_or(&b""[..], HeaderValue::as_bytes);
        if !coding.trim_ascii().eq_ignore_ascii_case(b"chunked") {
            let text = "the only transfer coding here is chunked";
            let status = StatusCode::NOT_IMPLEMENTED;
            return Err(Problem::new(status, "unknown_coding", text).closing());
        }
    }
    if headers.get_all(CONTENT_LENGTH).iter().count() > 1 {
        return bad("a request has one Content-Length header");
    }
    Ok(())
}

/// Admits a request that carries an active key, as `x-avap-auth` or as a bearer token (RFC 6750 §2.1).
///
/// # Errors
/// 401.
pub fn authorize(headers: &HeaderMap, keys: &Keys) -> Result<(), Problem> {
    let presented = headers
        .get(KEY)
        .map(HeaderValue::as_bytes)
        .or_else(|| bearer(headers));
    if keys.admit(presented.unwrap_or_default()) {
        Ok(())
    } else {
        Err(unauthorized())
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

/// The id that the client gave its request, if it is one that can go into logs and headers as it is.
pub fn request_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    let value = headers.get(REQUEST_ID)?;
    let bytes = value.as_bytes();
    let fits = !bytes.is_empty() && bytes.len() <= REQUEST_ID_BYTES_MAX;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@~".contains(byte);
    (fits && bytes.iter().all(plain)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        headers
    }

    #[test]
    fn requests_that_two_readers_could_split_differently_are_refused() {
        let check = |fields: &[(&str, &str)], fine: bool| {
            let checked = check_framing(Version::HTTP_11, &headers(fields));
            assert_eq!(checked.is_ok(), fine, "{fields:?}");
            assert!(checked.err().is_none_or(|problem| problem.closes));
        };
        check(&[("host", "a")], true);
        check(&[("host", "a"), ("content-length", "3")], true);
        check(&[("host", "a"), ("transfer-encoding", "chunked")], true);
        check(&[("host", "a"), ("transfer-encoding", "Chunked ")], true);
        check(
            &[("host", "a"), ("transfer-encoding", "gzip, chunked")],
            false,
        );
        check(&[], false);
        check(&[("host", "a"), ("host", "a")], false);
        check(
            &[
                ("host", "a"),
                ("content-length", "3"),
                ("content-length", "3"),
            ],
            false,
        );
        check(
            &[
                ("host", "a"),
                ("content-length", "3"),
                ("transfer-encoding", "chunked"),
            ],
            false,
        );
        check(
            &[
                ("host", "a"),
                ("transfer-encoding", "identity"),
                ("transfer-encoding", "chunked"),
            ],
            false,
        );
        assert!(check_framing(Version::HTTP_10, &headers(&[])).is_ok());
    }

    #[test]
    fn a_key_comes_in_either_header() {
        let keys = Keys::new(["first-key", "second-key"]);
        let check = |fields: &[(&str, &str)], admitted: bool| {
            assert_eq!(
                authorize(&headers(fields), &keys).is_ok(),
                admitted,
                "{fields:?}"
            );
        };
        check(&[("x-avap-auth", "first-key")], true);
        check(&[("authorization", "Bearer second-key")], true);
        check(&[("authorization", "bearer  second-key ")], true);
        check(&[], false);
        check(&[("x-avap-auth", "")], false);
        check(&[("authorization", "Basic second-key")], false);
        check(&[("authorization", "Bearer")], false);
        check(&[("authorization", "first-key")], false);
        check(
            &[
                ("x-avap-auth", "wrong"),
                ("authorization", "Bearer first-key"),
            ],
            false,
        );
    }

    #[test]
    fn only_a_plain_and_short_request_id_is_taken_over() {
        let check = |id: &str, taken: bool| {
            let headers = headers(&[("x-request-id", id)]);
            assert_eq!(request_id(&headers).is_some(), taken, "{id:?}");
        };
        check("a-B_3.4:5/6+7=8@9~", true);
        check(&"x".repeat(REQUEST_ID_BYTES_MAX), true);
        for id in ["", "a b", "a\"b", "añ", "{}", "<x>"] {
            check(id, false);
        }
        check(&"x".repeat(REQUEST_ID_BYTES_MAX + 1), false);
    }
}
