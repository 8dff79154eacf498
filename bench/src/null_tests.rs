//! The generator against the null server, which must be right in everything.

use std::io::{PipeWriter, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread::{self, JoinHandle};
use std::{fs, io};

use crate::expected::{Expected, encode_catalog};
use crate::frame;
use crate::null::{NullPlan, serve_null};
use crate::plan::Plan;
use crate::report::Report;
use crate::run;

const DIGEST: &str = "0123456789abcdef0123456789abcdef";

struct Server {
    address: SocketAddr,
    expected: Expected,
    lifeline: PipeWriter,
    thread: JoinHandle<io::Result<()>>,
}

fn serve(code_bytes: usize) -> Server {
    let code = "x".repeat(code_bytes);
    let catalog = encode_catalog(&[("a", &code)]);
    let expected = Expected::of(&[(DIGEST, catalog.clone())]);
    let plan = NullPlan {
        version: format!("1-{DIGEST}"),
        record: expected.record(0, "a").unwrap().to_vec(),
        catalog,
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (end, lifeline) = io::pipe().unwrap();
    let thread = thread::spawn(move || serve_null(listener, end.as_raw_fd(), &plan, &mut || false));
    Server {
        address,
        expected,
        lifeline,
        thread,
    }
}

impl Server {
    fn load(&self, settings: &str) -> Report {
        let json = format!(
            r#"{{"target": "{}", "versions": [{{"digest": "{DIGEST}", "catalog": ""}}], "duration_s": 0.2, {settings}}}"#,
            self.address
        );
        let plan: Plan = serde_json::from_str(&json).unwrap();
        run(&plan, &self.expected, &mut || false).unwrap()
    }

    fn end(self) {
        drop(self.lifeline);
        self.thread.join().unwrap().unwrap();
    }
}

#[test]
fn every_reply_is_right_at_every_shape() {
    let server = serve(500);
    for settings in [
        r#""connections": 1, "streams": 1"#,
        r#""connections": 8, "streams": 100"#,
        r#""connections": 3, "streams": 1000, "threads": 3"#,
        r#""connections": 2, "streams": 10, "method": "SyncCatalog""#,
        r#""connections": 2, "streams": 10, "rate": 1000, "arrivals": "poisson""#,
    ] {
        let report = server.load(settings);
        assert!(
            report.clean && report.verified > 50,
            "{settings}: {report:?}"
        );
        assert_eq!(report.versions.len(), 1);
    }
    server.end();
}

#[test]
fn replies_larger_than_frames_and_windows_keep_to_both() {
    let server = serve(16_000); // with its prefix it is still one frame
    let small = r#""connections": 2, "streams": 20, "stream_window": 1000"#;
    let report = server.load(small);
    assert!(report.clean && report.verified > 20, "{report:?}");
    server.end();
    let server = serve(16_376); // the record is too long for one
    for method in ["GetCommand", "SyncCatalog"] {
        for windows in [
            r#""stream_window": 3000"#,
            r#""stream_window": 1000000, "connection_window": 10000000"#,
        ] {
            let settings =
                format!(r#""connections": 2, "streams": 20, "method": "{method}", {windows}"#);
            let report = server.load(&settings);
            assert!(
                report.clean && report.verified > 20,
                "{settings}: {report:?}"
            );
        }
    }
    server.end();
}

#[test]
fn it_ends_with_its_lifeline_and_leaves_no_socket() {
    let server = serve(10);
    let address = server.address;
    let client = TcpStream::connect(address).unwrap();
    server.end();
    TcpStream::connect(address).unwrap_err();
    drop(client);
}

#[test]
fn a_client_that_is_no_client_loses_its_connection_and_nobody_elses() {
    let server = serve(10);
    let mut hostile = TcpStream::connect(server.address).unwrap();
    hostile
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut rest = Vec::new();
    let _ = io::Read::read_to_end(&mut hostile, &mut rest); // closed, or reset for what was not read
    let mut cut = TcpStream::connect(server.address).unwrap();
    cut.write_all(&frame::PREFACE[..10]).unwrap();
    let report = server.load(r#""connections": 2, "streams": 5"#);
    assert!(report.clean && report.verified > 50, "{report:?}");
    server.end();
}

#[test]
fn a_version_that_no_header_carries_is_refused() {
    for version in ["", "a b", "ñ", &"x".repeat(65)] {
        let plan = NullPlan {
            version: version.to_owned(),
            record: Vec::new(),
            catalog: Vec::new(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let null = fs::File::open("/dev/null").unwrap();
        let error = serve_null(listener, null.as_raw_fd(), &plan, &mut || true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{version}");
    }
}
