//! What the headers of a request say, and whether the call may go on before its message is read.

use std::time::Duration;

use http::{HeaderMap, Method, Request, StatusCode, header};

use super::message::Compression;
use super::service::{Call, Service};
use super::status::{Code, Status};
use super::timeout;

/// An admitted call.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    pub call: Call,
    pub compression: Compression,
    pub timeout: Option<Duration>,
}

/// A request that ends at its headers.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not gRPC at all: an HTTP status and a short text.
    Http(StatusCode, &'static str),
    /// gRPC, of this method if there is one.
    Call(Option<Call>, Status),
    /// An unknown compression: the reply says which ones are known.
    Compression(Call, Status),
}

/// Reads and checks the headers: form, method, key, compression, timeout, in this order.
pub fn read<B>(request: &Request<B>, service: &Service) -> Result<Head, Refusal> {
    let headers = request.headers();
    let call = Call::from_path(request.uri().path());
    check_form(request.method(), headers, call)?;
    let call = call.ok_or_else(|| {
        Refusal::Call(
            None,
            unimplemented("method", request.uri().path().as_bytes()),
        )
    })?;
    let key = headers
        .get("x-avap-auth")
        .map(header::HeaderValue::as_bytes);
    service
        .authorize(call, key)
        .map_err(|status| Refusal::Call(Some(call), status))?;
    let compression = match headers.get("grpc-encoding") {
        None => Compression::Identity,
        Some(value) => Compression::parse(value.as_bytes()).ok_or_else(|| {
            Refusal::Compression(call, unimplemented("grpc-encoding", value.as_bytes()))
        })?,
    };
    let timeout = match headers.get("grpc-timeout") {
        None => None,
        Some(value) => Some(timeout::parse(value.as_bytes()).ok_or(Refusal::Call(
            Some(call),
            Status::new(Code::InvalidArgument, "malformed grpc-timeout"),
        ))?),
    };
    Ok(Head {
        call,
        compression,
        timeout,
    })
}

/// Quotes what is unknown, cut: a reply's headers must not grow with the request's.
fn unimplemented(what: &str, value: &[u8]) -> Status {
    const QUOTED_BYTES_MAX: usize = 128;
    let quoted = String::from_utf8_lossy(&value[..value.len().min(QUOTED_BYTES_MAX)]);
    Status::naming(Code::Unimplemented, format!("unknown {what} '{quoted}'"))
}

/// gRPC is a POST with a content type of the `application/grpc` family.
fn check_form(method: &Method, headers: &HeaderMap, call: Option<Call>) -> Result<(), Refusal> {
    let is_grpc = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| is_grpc_protobuf(value.as_bytes()));
    match (method == Method::POST, is_grpc, call) {
        (true, true, _) => Ok(()),
        (_, false, None) | (false, true, None) => {
            Err(Refusal::Http(StatusCode::NOT_FOUND, "not found\n"))
        }
        (false, _, Some(_)) => Err(Refusal::Http(
            StatusCode::METHOD_NOT_ALLOWED,
            "gRPC calls are POST requests\n",
        )),
        (true, false, Some(_)) => Err(Refusal::Http(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content-type must be application/grpc\n",
        )),
    }
}

/// `application/grpc`, `application/grpc+proto`, either with parameters.
fn is_grpc_protobuf(content_type: &[u8]) -> bool {
    const FAMILY: &[u8] = b"application/grpc";
    let Some((family, rest)) = content_type.split_at_checked(FAMILY.len()) else {
        return false;
    };
    let rest = match rest.split_at_checked(6) {
        Some((suffix, after)) if suffix.eq_ignore_ascii_case(b"+proto") => after,
        _ => rest,
    };
    family.eq_ignore_ascii_case(FAMILY)
        && matches!(rest.trim_ascii_start().first(), None | Some(b';'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::auth::Keys;

    fn read_with(method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Head, Refusal> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(
            &request.body(()).unwrap(),
            &Service::new(Keys::new(["key"])),
        )
    }

    const GET: &str = "/avap.DefinitionEngine/GetCommand";
    const GRPC: (&str, &str) = ("content-type", "application/grpc");
    const KEY: (&str, &str) = ("x-avap-auth", "key");

    #[test]
    fn content_types_of_the_family_are_taken() {
        let check = |content_type: &str, taken: bool| {
            assert_eq!(
                is_grpc_protobuf(content_type.as_bytes()),
                taken,
                "{content_type:?}"
            );
        };
        check("application/grpc", true);
        check("application/grpc+proto", true);
        check("Application/gRPC", true);
        check("application/grpc;charset=utf-8", true);
        check("application/grpc+proto ; x=y", true);
        check("application/grpc-web", false);
        check("application/grpc+json", false);
        check("application/grpcx", false);
        check("application/json", false);
        check("", false);
    }

    #[test]
    fn what_is_not_grpc_gets_an_http_status() {
        let check =
            |method, path, headers: &[_], expected: u16| match read_with(method, path, headers) {
                Err(Refusal::Http(status, _)) => {
                    assert_eq!(status.as_u16(), expected, "{method} {path}");
                }
                other => panic!("{method} {path}: {other:?}"),
            };
        check("GET", "/", &[], 404);
        check("GET", GET, &[], 405);
        check("GET", GET, &[GRPC, KEY], 405);
        check("GET", "/nothing", &[GRPC], 404);
        check("POST", GET, &[KEY], 415);
        check("POST", GET, &[("content-type", "application/json")], 415);
        check("POST", "/nothing", &[], 404);
    }

    #[test]
    fn a_call_is_checked_in_order() {
        let check = |path, headers: &[_], expected: Code| match read_with("POST", path, headers) {
            Err(Refusal::Call(_, status) | Refusal::Compression(_, status)) => {
                assert_eq!(status.code, expected);
            }
            other => panic!("{path}: {other:?}"),
        };
        check(
            "/avap.DefinitionEngine/Nothing",
            &[GRPC],
            Code::Unimplemented,
        );
        check(GET, &[GRPC], Code::Unauthenticated);
        check(
            GET,
            &[GRPC, ("x-avap-auth", "wrong"), ("grpc-encoding", "br")],
            Code::Unauthenticated,
        );
        check(
            GET,
            &[GRPC, KEY, ("grpc-encoding", "br"), ("grpc-timeout", "soon")],
            Code::Unimplemented,
        );
        check(
            GET,
            &[GRPC, KEY, ("grpc-timeout", "soon")],
            Code::InvalidArgument,
        );
    }

    #[test]
    fn what_is_quoted_in_a_refusal_is_cut() {
        let long = "é".repeat(4000);
        for request in [
            (GET.to_owned(), vec![GRPC, KEY, ("grpc-encoding", &*long)]),
            (format!("/{}", "a".repeat(8000)), vec![GRPC, KEY]),
        ] {
            let (path, headers) = request;
            match read_with("POST", &path, &headers) {
                Err(Refusal::Call(_, status) | Refusal::Compression(_, status)) => {
                    let bytes = status.header_message().len();
                    assert!(bytes < 600, "{bytes} bytes");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn an_admitted_call_carries_its_terms() {
        let head = read_with(
            "POST",
            GET,
            &[GRPC, KEY, ("grpc-encoding", "gzip"), ("grpc-timeout", "2S")],
        );
        let expected = Head {
            call: Call::GetCommand,
            compression: Compression::Gzip,
            timeout: Some(Duration::from_secs(2)),
        };
        assert_eq!(head, Ok(expected));
        let head = read_with("POST", "/grpc.health.v1.Health/Check", &[GRPC]);
        assert_eq!(head.map(|head| head.call), Ok(Call::HealthCheck));
    }
}
