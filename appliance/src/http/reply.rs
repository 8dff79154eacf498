//! Answers: a status, a body, and the headers that every one of them has.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName,
    LOCATION, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::Full;

use super::head::REQUEST_ID;
use super::problem::Problem;

/// The version of the catalogue that an answer was made from: `<generation>-<digest hex>`, or `none`.
pub const CATALOG_VERSION: HeaderName = HeaderName::from_static("x-catalog-version");

pub const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");

/// As it goes to the client.
pub type Answer = Response<Full<Bytes>>;

/// What a handler makes.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub content_type: HeaderValue,
    pub body: Bytes,
    /// Names this content; what has one may be kept by the client and asked for again.
    pub etag: Option<HeaderValue>,
    /// One header more.
    pub extra: Option<(HeaderName, HeaderValue)>,
    /// The connection ends with it.
    pub closes: bool,
}

impl Reply {
    pub fn new(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type,
            body: body.into(),
            etag: None,
            extra: None,
            closes: false,
        }
    }

    pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(status, JSON, body)
    }

    #[must_use]
    pub fn tagged(self, etag: HeaderValue) -> Self {
        Self {
            etag: Some(etag),
            ..self
        }
    }

    pub fn not_modified(etag: HeaderValue) -> Self {
        Self::json(StatusCode::NOT_MODIFIED, Bytes::new()).tagged(etag)
    }

    pub fn moved(to: &'static str) -> Self {
        Self {
            extra: Some((LOCATION, HeaderValue::from_static(to))),
            ..Self::json(
                StatusCode::MOVED_PERMANENTLY,
                format!("{{\"location\":\"{to}\"}}"),
            )
        }
    }

    pub fn method_not_allowed(allowed: &'static str) -> Self {
        let problem = Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            format!("allowed here: {allowed}"),
        );
        Self {
            extra: Some((ALLOW, HeaderValue::from_static(allowed))),
            ..problem.into()
        }
    }

    /// With the headers that every answer has.
    pub fn finish(self, request_id: HeaderValue, version: HeaderValue) -> Answer {
        let mut answer = Response::new(Full::new(self.body));
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        headers.reserve(12);
        if !is_bodiless(self.status) {
            headers.insert(CONTENT_TYPE, self.content_type);
        }
        headers.insert(REQUEST_ID, request_id);
        headers.insert(CATALOG_VERSION, version);
        secure(headers);
        let keep = match self.etag {
            Some(etag) => {
                headers.insert(ETAG, etag);
                "no-cache"
            }
            None => "no-store",
        };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
        if let Some((name, value)) = self.extra {
            headers.insert(name, value);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.closes {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let retry = (problem.status == StatusCode::SERVICE_UNAVAILABLE)
            .then_some((RETRY_AFTER, HeaderValue::from_static("1")));
        Self {
            extra: retry,
            closes: problem.closes,
            ..Self::json(problem.status, problem.json())
        }
    }
}

/// Statuses whose answers end with their headers (RFC 9110 §6.4.1).
pub fn is_bodiless(status: StatusCode) -> bool {
    status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Nothing here is a page: browsers are told to treat none of it as one.
fn secure(headers: &mut HeaderMap) {
    const POLICY: HeaderValue =
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
}

/// Makes ids for requests that have none: unique in a worker, and in all likelihood among workers.
#[derive(Debug)]
pub struct RequestIds {
    prefix: u64,
    count: std::cell::Cell<u64>,
}

impl RequestIds {
    pub fn new() -> Self {
        Self {
            prefix: RandomState::new().hash_one(std::process::id()),
            count: std::cell::Cell::new(0),
        }
    }

    pub fn make(&self) -> HeaderValue {
        self.count.set(self.count.get().wrapping_add(1));
        let mut id = String::with_capacity(32);
        let _ = write!(id, "{:016x}{:012x}", self.prefix, self.count.get());
        // Hex digits are a header's value.
        HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("none"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_says_what_it_is_and_how_to_treat_it() {
        let id = HeaderValue::from_static("id");
        let answer = Reply::json(StatusCode::OK, "{}").finish(id.clone(), id.clone());
        let header = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok());
        assert_eq!(
            header("content-type"),
            Some("application/json; charset=UTF-8")
        );
        assert_eq!(header("x-content-type-options"), Some("nosniff"));
        assert_eq!(header("cache-control"), Some("no-store"));
        let bare = Reply::not_modified(id.clone()).finish(id.clone(), id);
        assert!(!bare.headers().contains_key("content-type"));
        assert_eq!(bare.headers()["cache-control"], "no-cache");
    }

    #[test]
    fn made_request_ids_differ() {
        let ids = RequestIds::new();
        assert_ne!(ids.make(), ids.make());
        assert_ne!(ids.make(), RequestIds::new().make());
        assert_eq!(ids.make().len(), 28);
    }
}
