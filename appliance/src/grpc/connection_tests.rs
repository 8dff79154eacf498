//! Whole connections over loopback, with a client of bare frames.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::hpack::{Decoder, Strings, put_literal};
use engine::{Code, Limit};
use mio::{Events, Poll};
use rustix::net::sockopt;
use shm_catalog::{Generation, Segment};

use super::connections::Connections;
use super::observer::Observer;
use super::server::Server;
use super::service::{Call, Service};
use super::version::Version;
use crate::plane::auth::Keys;
use crate::plane::test_segment::segment;

#[derive(Default)]
struct Seen {
    ended: RefCell<Vec<(Option<Call>, Code)>>,
    limits: RefCell<Vec<Limit>>,
    panics: Cell<usize>,
    over_aged: Cell<usize>,
}

impl Observer for Seen {
    fn requests_ended(&self, call: Option<Call>, code: Code, _: Duration, count: u64) {
        for _ in 0..count {
            self.ended.borrow_mut().push((call, code));
        }
    }
    fn stream_reset(&self) {}
    fn limit_reached(&self, limit: Limit) {
        // Stands for a fault of ours on the request path.
        assert!(limit != Limit::Message, "a message over the limit");
        self.limits.borrow_mut().push(limit);
    }
    fn streams_over_aged(&self, count: usize) {
        self.over_aged.set(self.over_aged.get() + count);
    }
    fn connection_opened(&self) {}
    fn connection_closed(&self) {}
    fn panic_caught(&self, _: &str) {
        self.panics.set(self.panics.get() + 1);
    }
}

struct Rig {
    poll: Poll,
    connections: Connections,
    server: Rc<Server>,
    seen: Rc<Seen>,
    listener: TcpListener,
}

impl Rig {
    fn serving(segment: Arc<Segment>) -> Self {
        let seen = Rc::new(Seen::default());
        let service = Service::new(Keys::new(["key"]));
        let server = Server::new(service, Rc::clone(&seen) as Rc<_>, Duration::ZERO);
        let server = Rc::new(server);
        server.swap(Version::new(Generation(1), segment), Instant::now());
        Self {
            poll: Poll::new().unwrap(),
            connections: Connections::new(Rc::clone(&server)),
            server,
            seen,
            listener: TcpListener::bind("127.0.0.1:0").unwrap(),
        }
    }

    fn client(&mut self) -> Client {
        let stream = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = self.listener.accept().unwrap();
        // Whatever this kernel's buffers grow to, these do not.
        sockopt::set_socket_recv_buffer_size(&stream, 1 << 18).unwrap();
        sockopt::set_socket_send_buffer_size(&accepted, 1 << 18).unwrap();
        let registry = self.poll.registry().try_clone().unwrap();
        self.connections.enter(accepted, &registry, 0).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        let mut client = Client {
            stream,
            received: Vec::new(),
            closed: false,
        };
        client.send(&[PREFACE, &frame(4, 0, 0, &[])].concat());
        client
    }

    fn turn(&mut self) {
        let mut events = Events::with_capacity(64);
        let wait = Some(Duration::from_millis(1));
        self.poll.poll(&mut events, wait).unwrap();
        self.connections.look_at_clock();
        for event in &events {
            self.connections.ready(event.token().0, event);
        }
        self.connections.go_on();
        self.connections.expire();
    }

    /// Turns, and lets the client read, until it has seen enough.
    #[track_caller]
    fn until(&mut self, client: &mut Client, enough: impl Fn(&Self, &Client) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !enough(self, client) {
            assert!(Instant::now() < deadline, "waited in vain");
            self.turn();
            client.receive();
        }
    }

    #[track_caller]
    fn call(&mut self, client: &mut Client, stream: u32, path: &str, body: &[u8]) -> Reply {
        client.send(&call(stream, path, body));
        self.until(client, |_, client| client.reply(stream).ended);
        client.reply(stream)
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const GET: &str = "/avap.DefinitionEngine/GetCommand";
const SYNC: &str = "/avap.DefinitionEngine/SyncCatalog";
const IF: &[u8] = b"\0\0\0\0\x04\x0a\x02if";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn call(stream: u32, path: &str, body: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        ("content-type", "application/grpc"),
        ("x-avap-auth", "key"),
    ] {
        put_literal(&mut block, name, value.as_bytes());
    }
    [frame(1, 4, stream, &block), frame(0, 1, stream, body)].concat()
}

/// Windows as large as they get.
fn wide_open() -> Vec<u8> {
    let settings = [&4_u16.to_be_bytes()[..], &0x7FFF_FFFF_u32.to_be_bytes()].concat();
    let update = 0x7FFF_0000_u32.to_be_bytes();
    [frame(4, 0, 0, &settings), frame(8, 0, 0, &update)].concat()
}

struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Reply {
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    ended: bool,
    reset: Option<u32>,
}

impl Reply {
    fn field(&self, wanted: &str) -> &str {
        let found = self.fields.iter().find(|(name, _)| name == wanted);
        found.map_or("", |(_, value)| value)
    }
}

impl Client {
    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    fn receive(&mut self) {
        let mut piece = vec![0; 1 << 20];
        match self.stream.read(&mut piece) {
            Ok(0) => self.closed = true,
            Ok(read) => self.received.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => self.closed = true,
        }
    }

    /// What has come of one stream.
    fn reply(&self, wanted: u32) -> Reply {
        let (mut reply, mut rest) = (Reply::default(), &self.received[..]);
        let mut decoder = Decoder::default();
        while let Some((head, after)) = rest.split_first_chunk::<9>() {
            let [a, b, c, kind, flags, stream @ ..] = *head;
            let length = u32::from_be_bytes([0, a, b, c]) as usize;
            let Some((payload, after)) = after.split_at_checked(length) else {
                break;
            };
            rest = after;
            if u32::from_be_bytes(stream) != wanted {
                continue;
            }
            match kind {
                0 => reply.body.extend_from_slice(payload),
                1 => decoder
                    .decode(payload, &mut Strings::default(), |name, value| {
                        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                        reply.fields.push((text(name), text(value)));
                    })
                    .unwrap(),
                3 => reply.reset = Some(u32::from_be_bytes(payload.try_into().unwrap())),
                _ => {}
            }
            reply.ended |= kind == 3 || (kind <= 1 && flags & 1 == 1);
        }
        reply
    }
}

#[test]
fn small_and_large_replies_are_the_bytes_of_the_segment() {
    let large = "x".repeat(3_000_000);
    let segment = segment(1, &[("if", "one"), ("large", &large)]);
    let mut rig = Rig::serving(Arc::clone(&segment));
    let mut client = rig.client();
    client.send(&wide_open());
    let large = b"\0\0\0\0\x07\x0a\x05large";
    for (stream, path, body, expected) in [
        (1, GET, IF, segment.lookup(b"if").unwrap()),
        (3, GET, large, segment.lookup(b"large").unwrap()),
        (5, SYNC, b"\0\0\0\0\0", segment.sync_body()),
    ] {
        let reply = rig.call(&mut client, stream, path, body);
        assert_eq!(reply.field("grpc-status"), "0");
        let tag = format!("1-{}", segment.digest());
        assert_eq!(reply.field("avap-catalog-version"), tag);
        assert!(
            reply.body[5..] == *expected,
            "{path}: {} bytes",
            reply.body.len()
        );
    }
    let missing = rig.call(&mut client, 7, GET, b"\0\0\0\0\x04\x0a\x02no");
    assert_eq!((missing.field("grpc-status"), missing.body.len()), ("5", 0));
    let ended: Vec<Code> = rig
        .seen
        .ended
        .borrow()
        .iter()
        .map(|(_, code)| *code)
        .collect();
    assert_eq!(ended, [Code::Ok, Code::Ok, Code::Ok, Code::NotFound]);
    // The served version, a turn's copy of it apart, is all that holds the segment.
    assert_eq!(Arc::strong_count(&segment), 2);
}

#[test]
fn a_panic_closes_its_connection_and_no_other() {
    let mut rig = Rig::serving(segment(1, &[("if", "one")]));
    let (mut unlucky, mut lucky) = (rig.client(), rig.client());
    unlucky.send(&call(1, GET, b"\0\x7f\0\0\0"));
    rig.until(&mut unlucky, |_, client| client.closed);
    assert_eq!((rig.seen.panics.get(), rig.connections.count()), (1, 1));
    assert_eq!(rig.call(&mut lucky, 1, GET, IF).field("grpc-status"), "0");
}

#[test]
fn a_stalled_stream_is_refused_when_its_version_is_superseded() {
    let first = segment(1, &[("large", &"x".repeat(1_000_000))]);
    let mut rig = Rig::serving(Arc::clone(&first));
    let mut client = rig.client();
    client.send(&call(1, SYNC, b"\0\0\0\0\0"));
    // The window is all that comes.
    rig.until(&mut client, |_, client| {
        client.reply(1).body.len() == 65_535
    });
    let second = Version::new(Generation(2), segment(2, &[("if", "two")]));
    drop(rig.server.swap(second, Instant::now()));
    assert_eq!(rig.connections.sweep(Instant::now()), 0);
    rig.until(&mut client, |_, client| client.reply(1).reset.is_some());
    assert_eq!(client.reply(1).reset, Some(7));
    assert_eq!(rig.seen.over_aged.get(), 1);
    assert_eq!(
        *rig.seen.ended.borrow(),
        [(Some(Call::SyncCatalog), Code::Unavailable)]
    );
    assert!(!rig.server.has_over_aged(Instant::now()));
    assert_eq!(Arc::strong_count(&first), 1);
    client.send(&frame(8, 0, 0, &1000_u32.to_be_bytes()));
    assert_eq!(rig.call(&mut client, 3, GET, IF).field("grpc-status"), "0");
}

#[test]
fn a_peer_that_takes_no_bytes_at_all_is_aborted_at_the_second_sweep() {
    let first = segment(1, &[("large", &"x".repeat(10_000_000))]);
    let mut rig = Rig::serving(Arc::clone(&first));
    let mut client = rig.client();
    client.send(&wide_open());
    client.send(&call(1, SYNC, b"\0\0\0\0\0"));
    // More than the kernel's buffers hold is under way, and nobody reads.
    for _ in 0..200 {
        rig.turn();
    }
    let second = Version::new(Generation(2), segment(2, &[("if", "two")]));
    drop(rig.server.swap(second, Instant::now()));
    assert_eq!(rig.connections.sweep(Instant::now()), 0);
    assert_eq!(rig.connections.count(), 1);
    assert_eq!(rig.connections.sweep(Instant::now()), 1);
    assert_eq!((rig.connections.count(), Arc::strong_count(&first)), (0, 2));
    assert!(!rig.server.has_over_aged(Instant::now()));
    assert_eq!(Arc::strong_count(&first), 1);
}

#[test]
fn a_draining_connection_finishes_what_it_has_and_closes() {
    let mut rig = Rig::serving(segment(1, &[("if", "one")]));
    let mut client = rig.client();
    assert_eq!(rig.call(&mut client, 1, GET, IF).field("grpc-status"), "0");
    rig.connections.begin_drain();
    // Between the two GOAWAYs calls are answered.
    assert_eq!(rig.call(&mut client, 3, GET, IF).field("grpc-status"), "0");
    rig.until(&mut client, |_, client| client.closed);
    assert_eq!(
        rig.connections.count(),
        1,
        "until the peer has said its last word"
    );
    drop(client);
    let mut late = rig.client();
    rig.until(&mut late, |rig, client| {
        client.closed && rig.connections.count() <= 1
    });
}

#[test]
fn a_peer_that_is_gone_is_noticed() {
    let mut rig = Rig::serving(segment(1, &[("if", "one")]));
    let mut stays = rig.client();
    let goes = rig.client();
    assert_eq!(rig.connections.count(), 2);
    drop(goes);
    rig.until(&mut stays, |rig, _| rig.connections.count() == 1);
    assert_eq!(rig.call(&mut stays, 1, GET, IF).field("grpc-status"), "0");
}
