//! Whole calls over loopback, against h2's own client.

use std::cell::{Cell, RefCell};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use shm_catalog::{Generation, Segment};
use tokio::net::{TcpListener, TcpStream};

use super::connection;
use super::limits::{COPIES_BYTES_MAX, PREFIX_BYTES};
use super::observer::Observer;
use super::server::Server;
use super::service::{Call, Service};
use super::status::Code;
use crate::plane::Plane as _;
use crate::plane::auth::Keys;
use crate::plane::test_segment::segment;
use crate::plane::version::Version;

#[derive(Default)]
struct Seen {
    ended: RefCell<Vec<(Option<Call>, Code)>>,
    panics: Cell<usize>,
    over_aged: Cell<usize>,
    resets: Cell<usize>,
    aborted: Cell<bool>,
}

impl Observer for Seen {
    fn request_ended(&self, call: Option<Call>, code: Code, _: Duration) {
        // Stands for a fault of ours on the request path.
        assert!(call.is_some(), "no such method");
        self.ended.borrow_mut().push((call, code));
    }
    fn stream_reset(&self) {
        self.resets.set(self.resets.get() + 1);
    }
    fn stream_over_aged(&self) {
        self.over_aged.set(self.over_aged.get() + 1);
    }
    fn connection_aborted(&self) {
        self.aborted.set(true);
    }
    fn connection_opened(&self) {}
    fn connection_closed(&self) {}
    fn panic_caught(&self, _: &str) {
        self.panics.set(self.panics.get() + 1);
    }
}

struct Rig {
    server: Rc<Server>,
    seen: Rc<Seen>,
    listener: TcpListener,
}

impl Rig {
    async fn serving(segment: Arc<Segment>) -> Self {
        let seen = Rc::new(Seen::default());
        let service = Service::new(Keys::new(["key"]));
        let server = Rc::new(Server::new(
            service,
            Rc::clone(&seen) as Rc<_>,
            Duration::ZERO,
        ));
        server.swap(Version::new(Generation(1), segment), Instant::now());
        Self {
            server,
            seen,
            listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap(),
        }
    }

    async fn client(&self) -> SendRequest<Bytes> {
        let stream = TcpStream::connect(self.listener.local_addr().unwrap())
            .await
            .unwrap();
        let (accepted, _) = self.listener.accept().await.unwrap();
        connection::serve(&self.server, accepted);
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::task::spawn_local(async move { connection.await.map_or_else(drop, |()| ()) });
        client.ready().await.unwrap()
    }
}

struct Answer {
    headers: HeaderMap,
    body: Vec<u8>,
    trailers: HeaderMap,
}

impl Answer {
    fn status(&self) -> &str {
        let status = self
            .trailers
            .get("grpc-status")
            .or(self.headers.get("grpc-status"));
        status.unwrap().to_str().unwrap()
    }
}

async fn call(
    client: &mut SendRequest<Bytes>,
    path: &str,
    body: &'static [u8],
) -> Result<Answer, h2::Error> {
    let request = Request::post(format!("http://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("x-avap-auth", "key")
        .body(())
        .unwrap();
    let (response, mut send) = client.send_request(request, false)?;
    send.send_data(Bytes::from_static(body), true)?;
    let (head, body) = response.await?.into_parts();
    let (body, trailers) = read_to_end(body).await?;
    Ok(Answer {
        headers: head.headers,
        body,
        trailers,
    })
}

/// The rest of a reply, and its trailers.
async fn read_to_end(mut body: RecvStream) -> Result<(Vec<u8>, HeaderMap), h2::Error> {
    let mut received = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        received.extend_from_slice(&piece);
    }
    Ok((received, body.trailers().await?.unwrap_or_default()))
}

fn run(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), test)
            .await
            .unwrap();
    });
}

const GET: &str = "/avap.DefinitionEngine/GetCommand";
const SYNC: &str = "/avap.DefinitionEngine/SyncCatalog";

#[test]
fn small_and_large_replies_are_the_bytes_of_the_segment() {
    run(async {
        let large = "x".repeat(3_000_000);
        let segment = segment(1, &[("if", "one"), ("large", &large)]);
        let rig = Rig::serving(Arc::clone(&segment)).await;
        let mut client = rig.client().await;
        for (path, request, expected) in [
            (
                GET,
                &b"\0\0\0\0\x04\x0a\x02if"[..],
                segment.lookup(b"if").unwrap(),
            ),
            (
                GET,
                b"\0\0\0\0\x07\x0a\x05large",
                segment.lookup(b"large").unwrap(),
            ),
            (SYNC, b"\0\0\0\0\0", segment.sync_body()),
        ] {
            let answer = call(&mut client, path, request).await.unwrap();
            assert_eq!(answer.status(), "0");
            assert_eq!(
                answer.headers["avap-catalog-version"],
                format!("1-{}", segment.digest())
            );
            assert_eq!(
                answer.body[..5],
                super::reply::prefix(expected.len()).unwrap()
            );
            assert!(
                answer.body[5..] == *expected,
                "{path}: {} bytes",
                answer.body.len()
            );
        }
        let missing = call(&mut client, GET, b"\0\0\0\0\x04\x0a\x02no")
            .await
            .unwrap();
        assert_eq!((missing.status(), missing.body.len()), ("5", 0));
        let ended: Vec<Code> = rig
            .seen
            .ended
            .borrow()
            .iter()
            .map(|(_, code)| *code)
            .collect();
        assert_eq!(ended, [Code::Ok, Code::Ok, Code::Ok, Code::NotFound]);
    });
}

#[test]
fn a_panic_closes_its_connection_and_no_other() {
    run(async {
        let rig = Rig::serving(segment(1, &[("if", "one")])).await;
        let (mut unlucky, mut lucky) = (rig.client().await, rig.client().await);
        assert!(call(&mut unlucky, "/no.such/Method", b"").await.is_err());
        assert_eq!(rig.seen.panics.get(), 1);
        assert_eq!(
            call(&mut lucky, GET, b"\0\0\0\0\x04\x0a\x02if")
                .await
                .unwrap()
                .status(),
            "0"
        );
    });
}

#[test]
fn a_stalled_stream_is_refused_when_its_version_is_superseded() {
    run(async {
        let first = segment(1, &[("large", &"x".repeat(1_000_000))]);
        let rig = Rig::serving(Arc::clone(&first)).await;
        let mut client = rig.client().await;
        let request = Request::post(format!("http://localhost{SYNC}"))
            .header("content-type", "application/grpc")
            .header("x-avap-auth", "key")
            .body(())
            .unwrap();
        let (response, mut send) = client.send_request(request, false).unwrap();
        send.send_data(Bytes::from_static(b"\0\0\0\0\0"), true)
            .unwrap();
        let mut stalled = response.await.unwrap().into_body();
        assert_eq!(rig.server.leases.count(), 1);

        let before = rig.server.swap(
            Version::new(Generation(2), segment(2, &[("if", "two")])),
            Instant::now(),
        );
        drop(before);
        rig.server.sweep(Instant::now());
        assert!(!rig.seen.aborted.get());
        let reset = loop {
            match stalled.data().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => break error,
                None => panic!("the stream ended as if it were complete"),
            }
        };
        assert_eq!(reset.reason(), Some(h2::Reason::REFUSED_STREAM));
        // Gives what it received back to the connection's window.
        drop((stalled, send));
        let seen = &rig.seen;
        assert_eq!((seen.over_aged.get(), seen.resets.get()), (1, 1));
        assert_eq!(
            *seen.ended.borrow(),
            [(Some(Call::SyncCatalog), Code::Unavailable)]
        );
        assert_eq!(Arc::strong_count(&first), 1);
        let answer = call(&mut client, GET, b"\0\0\0\0\x04\x0a\x02if").await;
        assert!(
            answer.is_ok_and(|answer| answer.status() == "0"),
            "the connection lives on"
        );
    });
}

#[test]
fn replies_that_are_not_read_are_copied_up_to_a_bound_and_lent_beyond_it() {
    run(async {
        let segment = segment(1, &[("record", &"x".repeat(16_000))]);
        let expected = segment.lookup(b"record").unwrap();
        let rig = Rig::serving(Arc::clone(&segment)).await;
        let mut client = rig.client().await;
        let mut waiting = Vec::new();
        for _ in 0..100 {
            client = client.ready().await.unwrap();
            let request = Request::post(format!("http://localhost{GET}"))
                .header("content-type", "application/grpc")
                .header("x-avap-auth", "key")
                .body(())
                .unwrap();
            let (response, mut send) = client.send_request(request, false).unwrap();
            send.send_data(Bytes::from_static(b"\0\0\0\0\x08\x0a\x06record"), true)
                .unwrap();
            waiting.push(response.await.unwrap().into_body());
        }
        // Nothing was read: the connection's window, 64 KiB, is all that has left.
        let copied = COPIES_BYTES_MAX / (expected.len() + PREFIX_BYTES);
        let gone = 65_535 / expected.len();
        let lent = rig.server.leases.count();
        assert!(
            (100 - copied - gone - 1..=100 - copied).contains(&lent),
            "{lent} of 100 lent"
        );
        // All at once: they share the connection's window.
        let readers = waiting
            .into_iter()
            .map(|body| tokio::task::spawn_local(read_to_end(body)));
        for reader in readers.collect::<Vec<_>>() {
            let (received, trailers) = reader.await.unwrap().unwrap();
            assert!(received[PREFIX_BYTES..] == *expected);
            assert_eq!(trailers["grpc-status"], "0");
        }
        assert_eq!(rig.server.leases.count(), 0);
    });
}

#[test]
fn a_draining_connection_finishes_what_it_has_and_closes() {
    run(async {
        let rig = Rig::serving(segment(1, &[("if", "one")])).await;
        let mut client = rig.client().await;
        rig.server.begin_drain();
        assert_eq!(
            call(&mut client, GET, b"\0\0\0\0\x04\x0a\x02if")
                .await
                .unwrap()
                .status(),
            "0"
        );
        rig.server.end_connections();
        rig.server.connections.emptied().await;
        assert!(
            call(&mut client, GET, b"\0\0\0\0\x04\x0a\x02if")
                .await
                .is_err()
        );
    });
}
