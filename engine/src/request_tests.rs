//! Fields in, request out.

use super::*;
use crate::store::{GET, KEY, Store};

fn read(fields: &[(&str, &str)]) -> Request {
    let store = Store::default();
    let mut reader = Reader::new(&store, 16 * 1024);
    for (name, value) in fields {
        reader.field(name.as_bytes(), value.as_bytes());
    }
    reader.finish()
}

const POST: (&str, &str) = (":method", "POST");
const SCHEME: (&str, &str) = (":scheme", "http");
const PATH: (&str, &str) = (":path", GET);
const GRPC: (&str, &str) = ("content-type", "application/grpc");
const AUTH: (&str, &str) = ("x-avap-auth", KEY);

fn with(extra: &[(&str, &str)]) -> Request {
    let mut fields = vec![
        POST,
        SCHEME,
        PATH,
        (":authority", "test"),
        GRPC,
        ("te", "trailers"),
        AUTH,
    ];
    fields.extend_from_slice(extra);
    read(&fields)
}

#[test]
fn content_types_of_the_family_are_taken() {
    let check = |content_type: &str, taken: bool| {
        assert_eq!(is_grpc(content_type.as_bytes()), taken, "{content_type:?}");
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
    let check = |method, path, extra: &[(&str, &str)], expected| {
        let mut fields = vec![(":method", method), SCHEME, (":path", path)];
        fields.extend_from_slice(extra);
        assert_eq!(read(&fields), Request::Http(expected), "{method} {path}");
    };
    check("GET", "/", &[], HttpRefusal::NotFound);
    check("GET", GET, &[], HttpRefusal::MethodNotAllowed);
    check("GET", GET, &[GRPC, AUTH], HttpRefusal::MethodNotAllowed);
    check("GET", "/nothing", &[GRPC], HttpRefusal::NotFound);
    check("POST", GET, &[AUTH], HttpRefusal::UnsupportedMediaType);
    check(
        "POST",
        GET,
        &[("content-type", "application/json")],
        HttpRefusal::UnsupportedMediaType,
    );
    check("POST", "/nothing", &[], HttpRefusal::NotFound);
    let connect = read(&[(":method", "CONNECT"), (":authority", "test")]);
    assert_eq!(connect, Request::Http(HttpRefusal::NotFound));
}

#[test]
fn a_call_is_checked_in_order() {
    let check = |fields: &[(&str, &str)], expected: Code| match read(fields) {
        Request::Refused(_, status) => assert_eq!(status.code, expected, "{fields:?}"),
        other => panic!("{fields:?}: {other:?}"),
    };
    check(
        &[
            POST,
            SCHEME,
            (":path", "/avap.DefinitionEngine/Nothing"),
            GRPC,
        ],
        Code::Unimplemented,
    );
    check(&[POST, SCHEME, PATH, GRPC], Code::Unauthenticated);
    let (encoding, timeout) = (("grpc-encoding", "br"), ("grpc-timeout", "soon"));
    check(
        &[POST, SCHEME, PATH, GRPC, ("x-avap-auth", "wrong"), encoding],
        Code::Unauthenticated,
    );
    check(
        &[POST, SCHEME, PATH, GRPC, AUTH, encoding, timeout],
        Code::Unimplemented,
    );
    check(
        &[POST, SCHEME, PATH, GRPC, AUTH, timeout],
        Code::InvalidArgument,
    );
}

#[test]
fn what_is_quoted_in_a_refusal_is_cut() {
    let long = "é".repeat(3000);
    for fields in [
        vec![POST, SCHEME, PATH, GRPC, AUTH, ("grpc-encoding", &*long)],
        vec![POST, SCHEME, (":path", &*long), GRPC],
    ] {
        match read(&fields) {
            Request::Refused(_, status) => assert!(status.message_bytes() < 600),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_admitted_call_carries_its_terms() {
    let request = with(&[
        ("grpc-encoding", "gzip"),
        ("grpc-timeout", "2S"),
        ("content-length", "7"),
    ]);
    let expected = Call {
        method: Store::GET_COMMAND,
        compression: Compression::Gzip,
        timeout: Some(Duration::from_secs(2)),
    };
    assert_eq!(request, Request::Call(expected));
}

#[test]
fn malformed_requests_are_told_apart_rfc_9113_8() {
    for extra in [
        ("TE", "trailers"),
        ("te", "gzip"),
        ("connection", "close"),
        ("keep-alive", "1"),
        ("proxy-connection", "1"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("with space", "1"),
        ("", "1"),
        ("with:colon", "1"),
        ("null", "a\0b"),
        ("line", "a\nb"),
        ("return", "a\rb"),
        ("leading", " a"),
        ("trailing", "a\t"),
        (":path", "/late"),
        (":unknown", "1"),
        (":status", "200"),
        ("content-length", "-1"),
    ] {
        assert_eq!(with(&[extra]), Request::Malformed, "{extra:?}");
    }
    let two = [("content-length", "5"), ("content-length", "6")];
    assert_eq!(with(&two), Request::Malformed);
    for fields in [
        &[SCHEME, PATH, GRPC][..],
        &[POST, PATH, GRPC],
        &[POST, SCHEME, GRPC],
        &[POST, SCHEME, (":path", ""), GRPC],
        &[POST, POST, SCHEME, PATH, GRPC],
        &[POST, SCHEME, SCHEME, PATH, GRPC],
        &[POST, SCHEME, PATH, PATH, GRPC],
        &[GRPC, POST, SCHEME, PATH],
        &[(":method", "CONNECT"), SCHEME, PATH],
    ] {
        assert_eq!(read(fields), Request::Malformed, "{fields:?}");
    }
    assert!(matches!(with(&[("empty-value", "")]), Request::Call(_)));
}

#[test]
fn a_list_over_the_limit_is_refused_whole() {
    let long = "x".repeat(16 * 1024);
    let refused = Request::Http(HttpRefusal::HeadersTooLarge);
    assert_eq!(with(&[("long", &long)]), refused);
    assert_eq!(with(&vec![("many", "1"); 600]), refused);
}
