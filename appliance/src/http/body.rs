//! The body of a request, bounded in bytes and in time.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::limits::{BODIES_BYTES_MAX, BODY_BYTES_MAX, BODY_TIMEOUT};
use super::problem::{Problem, overloaded};

/// Bytes of the bodies that a worker holds now.
#[derive(Clone, Debug, Default)]
pub struct Held(Rc<Cell<usize>>);

/// A whole body, counted as held while it lives.
#[derive(Debug)]
pub struct Body {
    pub bytes: Bytes,
    held: Held,
    counted: usize,
}

impl Drop for Body {
    fn drop(&mut self) {
        self.held.0.set(self.held.0.get() - self.counted);
    }
}

impl Body {
    fn count(&mut self, bytes: usize) -> Result<(), Problem> {
        let all = self.held.0.get() + bytes;
        if all > BODIES_BYTES_MAX {
            return Err(overloaded().closing());
        }
        self.held.0.set(all);
        self.counted += bytes;
        Ok(())
    }
}

/// Reads a body to its end.
///
/// # Errors
/// 408 when it is slow, 413 when it is too large, 415 when it is compressed, 400 when it breaks off, 503 when bodies
/// take too much memory. The connection closes with each.
pub async fn collect(
    held: &Held,
    headers: &HeaderMap,
    incoming: Incoming,
    arrived: Instant,
) -> Result<Body, Problem> {
    check_encoding(headers)?;
    if declared_bytes(headers) > BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    let mut body = Body {
        bytes: Bytes::new(),
        held: held.clone(),
        counted: 0,
    };
    let read = read(&mut body, incoming);
    match tokio::time::timeout_at((arrived + BODY_TIMEOUT).into(), read).await {
        Ok(read) => read.map(|()| body),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "slow_body",
            "the request's body did not arrive in time",
        )
        .closing()),
    }
}

async fn read(body: &mut Body, mut incoming: Incoming) -> Result<(), Problem> {
    // Most bodies are one piece, which is taken as it is.
    let mut more = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, "bad_body", error.to_string()).closing()
        })?;
        let Ok(piece) = frame.into_data() else {
            continue; // trailers
        };
        if body.counted + piece.len() > BODY_BYTES_MAX {
            return Err(too_large());
        }
        body.count(piece.len())?;
        if body.bytes.is_empty() && more.is_empty() {
            body.bytes = piece;
            continue;
        }
        if more.is_empty() {
            more.extend_from_slice(&body.bytes);
        }
        more.extend_from_slice(&piece);
    }
    if !more.is_empty() {
        body.bytes = more.freeze();
    }
    Ok(())
}

fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).iter().all(plain) {
        return Ok(());
    }
    let text = "the body must not be compressed";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "compressed", text).closing())
}

/// 0 when it is not said; hyper has refused what is no number.
fn declared_bytes(headers: &HeaderMap) -> u64 {
    headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok())
        .unwrap_or(0)
}

fn too_large() -> Problem {
    Problem {
        field: Some("body"),
        ..Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("the body has more than {BODY_BYTES_MAX} bytes"),
        )
    }
    .closing()
}
