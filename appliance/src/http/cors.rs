//! Cross-origin requests (WHATWG Fetch §3.2): off unless origins are configured.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::reply::Reply;

/// The answer to a browser that asks whether it may; `None` when that was not asked, or nobody may.
pub fn preflight(origins: &[String], headers: &HeaderMap, allowed: &'static str) -> Option<Reply> {
    headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
    permitted(origins, headers)?;
    Some(Reply {
        extra: Some((
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(allowed),
        )),
        ..Reply::json(StatusCode::NO_CONTENT, "")
    })
}

/// Lets the page that asked read the answer, if its origin is configured.
pub fn permit(origins: &[String], headers: &HeaderMap, answer: &mut HeaderMap) {
    if origins.is_empty() {
        return;
    }
    answer.append(VARY, HeaderValue::from_static("origin"));
    let Some(origin) = permitted(origins, headers) else {
        return;
    };
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    answer.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("x-request-id, x-catalog-version, etag, retry-after"),
    );
    if answer.contains_key(ACCESS_CONTROL_ALLOW_METHODS) {
        answer.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(
                "content-type, x-avap-auth, authorization, x-request-id, if-none-match",
            ),
        );
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
}

/// What to put into `Access-Control-Allow-Origin`.
fn permitted(origins: &[String], headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    if origins.iter().any(|one| one == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    origins
        .iter()
        .any(|one| one.as_bytes() == origin.as_bytes())
        .then(|| origin.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(origin: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, origin.parse().unwrap());
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, "GET".parse().unwrap());
        headers
    }

    #[test]
    fn only_configured_origins_are_permitted() {
        let origins = ["https://a.example".to_owned()];
        let check = |origins: &[String], origin: &str, expected: Option<&str>| {
            let mut answer = HeaderMap::new();
            permit(origins, &asking(origin), &mut answer);
            let allowed = answer.get(ACCESS_CONTROL_ALLOW_ORIGIN);
            assert_eq!(allowed.and_then(|v| v.to_str().ok()), expected, "{origin}");
            assert_eq!(
                preflight(origins, &asking(origin), "GET").is_some(),
                expected.is_some()
            );
        };
        check(&[], "https://a.example", None);
        check(&origins, "https://a.example", Some("https://a.example"));
        check(&origins, "https://a.example.evil", None);
        check(&origins, "null", None);
        check(&["*".to_owned()], "https://b.example", Some("*"));
    }
}
