//! Execute over HTTP/1.1: whole runs against a small server, and the parser on its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::thread;

use crate::connection::{Body, Connection, Ending, Fault, Judge, Request};
use crate::expected::Expected;
use crate::headers::Fields;
use crate::http1::Http1;
use crate::plan::Plan;
use crate::report::{Failures, Report};
use crate::run;

const PLAIN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nt: 1\r\n\r\n";
const CLOSING: &str = "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 5\r\n\r\nhello";
const UNTIL_CLOSED: &str = "HTTP/1.0 200 OK\r\n\r\nhello";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
const INTERIM: &str =
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// What the server does about the request with this number on a connection.
type Behaviour = fn(u64) -> &'static str;

/// Answers until the reply says that the connection ends; no reply at all is one that never comes.
fn serve(reply: Behaviour) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            thread::spawn(move || answer(socket.unwrap(), reply));
        }
    });
    address
}

fn answer(mut socket: TcpStream, reply: Behaviour) {
    socket.set_nodelay(true).unwrap();
    let mut requests = BufReader::new(socket.try_clone().unwrap());
    for number in 0.. {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if requests.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        assert!(
            head.starts_with("POST /api/v1/execute?qty=3 HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(
            head.contains("\r\nHost: 127.0.0.1:") && head.contains("\r\nx-a: b\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\nContent-Length: 14\r\n"), "{head}");
        let mut body = [0; 14];
        requests.read_exact(&mut body).unwrap();
        assert_eq!(&body, br#"{"script": ""}"#);
        let text = reply(number);
        if socket.write_all(text.as_bytes()).is_err() || [CLOSING, UNTIL_CLOSED].contains(&text) {
            return;
        }
    }
}

fn check(reply: Behaviour, settings: &str) -> Report {
    let target = serve(reply);
    let json = format!(
        r#"{{"target": "{target}", "method": "Execute", "streams": 1, {settings},
            "http": {{"path": "/api/v1/execute?qty=3", "body": "{{\"script\": \"\"}}",
                      "headers": {{"x-a": "b"}}, "expected": "hello"}}}}"#
    );
    let plan: Plan = serde_json::from_str(&json).unwrap();
    run(&plan, &Expected::of(&[]), &mut || false).unwrap()
}

const CLOSED: &str = r#""connections": 2, "duration_s": 0.3"#;

#[test]
fn every_way_to_frame_a_reply_is_verified() {
    for reply in [PLAIN, CHUNKED, INTERIM] {
        let report = match reply {
            PLAIN => check(|_| PLAIN, CLOSED),
            CHUNKED => check(|_| CHUNKED, CLOSED),
            _ => check(|_| INTERIM, CLOSED),
        };
        assert!(report.clean && report.verified > 50, "{reply}: {report:?}");
        assert_eq!(report.reconnects, 0, "{reply}: {report:?}");
    }
}

#[test]
fn a_server_that_closes_after_a_reply_is_connected_to_again_and_nothing_is_lost() {
    for report in [check(|_| CLOSING, CLOSED), check(|_| UNTIL_CLOSED, CLOSED)] {
        assert!(report.clean && report.verified > 20, "{report:?}");
        assert!(report.reconnects + 2 >= report.verified, "{report:?}");
    }
}

#[test]
fn threads_and_a_rate_work_as_they_do_in_grpc() {
    let settings = r#""connections": 10, "threads": 2, "rate": 200, "duration_s": 1"#;
    let report = check(|_| CHUNKED, settings);
    assert!(report.clean, "{report:?}");
    assert_eq!(report.due, 200);
    let dropped = report.not_started_busy + report.not_started_late;
    assert_eq!(report.measured + dropped, report.due, "{report:?}");
}

/// Found on each of two connections, and nothing else.
fn caught(report: &Report, expected: Failures) {
    assert_eq!(report.failures, expected, "{report:?}");
    assert!(!report.clean && !report.notes.is_empty(), "{report:?}");
    assert!(report.verified > 20, "{report:?}");
}

#[test]
fn wrong_bytes_are_caught() {
    const OTHER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhellO";
    const LONGER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!";
    const SHORTER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhell";
    let report = check(
        |number| match number {
            5 => OTHER,
            6 => LONGER,
            7 => SHORTER,
            _ => PLAIN,
        },
        CLOSED,
    );
    let expected = Failures {
        wrong_bytes: 6,
        ..Failures::default()
    };
    caught(&report, expected);
}

#[test]
fn a_wrong_status_is_caught() {
    let report = check(|number| if number == 5 { BUSY } else { PLAIN }, CLOSED);
    let expected = Failures {
        wrong_status: 2,
        ..Failures::default()
    };
    caught(&report, expected);
}

#[test]
fn a_reply_that_never_comes_is_caught_and_its_connection_replaced() {
    let settings = r#""connections": 2, "duration_s": 0.5, "timeout_s": 0.2"#;
    let report = check(|number| if number == 30 { "" } else { PLAIN }, settings);
    assert!(
        report.failures.timed_out >= 2 && report.reconnects >= 2,
        "{report:?}"
    );
    let others = Failures {
        timed_out: 0,
        ..report.failures
    };
    assert_eq!(others, Failures::default(), "{report:?}");
}

#[test]
fn a_connection_that_breaks_in_a_reply_loses_it() {
    const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel";
    fn serve_cut(listener: &TcpListener) {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut some = [0; 1024];
            let _ = socket.read(&mut some).unwrap();
            socket.write_all(CUT.as_bytes()).unwrap();
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    thread::spawn(move || serve_cut(&listener));
    let json = format!(
        r#"{{"target": "{target}", "method": "Execute", "streams": 1, "connections": 1, "duration_s": 0.2,
             "http": {{"body": ""}}}}"#
    );
    let plan: Plan = serde_json::from_str(&json).unwrap();
    let report = run(&plan, &Expected::of(&[]), &mut || false).unwrap();
    assert!(
        report.failures.lost > 0 && report.verified == 0,
        "{report:?}"
    );
    assert!(report.reconnects > 0, "{report:?}");
}

/// Keeps what a reply came to.
#[derive(Default)]
struct Seen {
    body: Vec<u8>,
    endings: Vec<(Option<u16>, Body)>,
    lost: u64,
}

impl Judge for Seen {
    fn agrees(&mut self, _: Request, _: &Rc<Fields>, at: usize, piece: &[u8]) -> bool {
        assert_eq!(at, self.body.len());
        self.body.extend_from_slice(piece);
        true
    }

    fn finished(&mut self, _: Request, ending: Ending<'_>) {
        match ending {
            Ending::Answer { headers, body, .. } => self.endings.push((headers.http_status, body)),
            _ => self.lost += 1,
        }
    }
}

/// One reply in pieces of a length.
fn received(reply: &[u8], piece_bytes: usize) -> (Result<(), Fault>, Http1, Seen) {
    let mut connection = Http1::new(&Rc::new(()));
    let mut seen = Seen::default();
    assert!(connection.start(Request::default(), b"request", 0));
    assert!(!connection.start(Request::default(), b"request", 0));
    let outcome = reply
        .chunks(piece_bytes)
        .try_for_each(|piece| connection.receive(piece, &mut seen));
    (outcome, connection, seen)
}

#[test]
fn a_reply_may_come_in_any_pieces() {
    for (reply, closes) in [
        (PLAIN, false),
        (CHUNKED, false),
        (CLOSING, true),
        (INTERIM, false),
    ] {
        for piece_bytes in 1..=reply.len() {
            let (outcome, connection, seen) = received(reply.as_bytes(), piece_bytes);
            assert_eq!(outcome, Ok(()), "{reply} {piece_bytes}");
            assert_eq!(seen.body, b"hello", "{reply} {piece_bytes}");
            assert_eq!(seen.endings.len(), 1, "{reply} {piece_bytes}");
            assert_eq!(seen.endings[0].0, Some(200));
            assert_eq!(
                (connection.going_away(), connection.in_flight()),
                (closes, 0)
            );
        }
    }
}

#[test]
fn replies_that_never_have_a_body_end_with_their_head() {
    for status in [204, 304] {
        let reply = format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n");
        let (outcome, _, seen) = received(reply.as_bytes(), 7);
        assert_eq!((outcome, seen.endings[0].0), (Ok(()), Some(status)));
    }
}

#[test]
fn what_does_not_add_up_is_a_fault() {
    let long_head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(100));
    let long_size = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;{}",
        "x".repeat(20_000)
    );
    for reply in [
        "HTTP/2.0 200 OK\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
        &long_head,
        &many,
        &long_size,
    ] {
        for piece_bytes in [1, 1_000_000] {
            let (outcome, ..) = received(reply.as_bytes(), piece_bytes);
            assert!(outcome.is_err(), "{piece_bytes} {reply}");
        }
    }
    let mut idle = Http1::new(&Rc::new(()));
    assert!(
        idle.receive(PLAIN.as_bytes(), &mut Seen::default())
            .is_err()
    );
}
