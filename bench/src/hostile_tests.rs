//! Bytes of a hostile peer never cause a panic, and memory has its bounds.

use std::rc::Rc;
use std::slice::Chunks;

use crate::arrivals::Random;
use crate::connection::{Connection, Ending, Judge, OUT_BYTES_MAX, Request};
use crate::frame;
use crate::headers::Fields;
use crate::http1::Http1;
use crate::http2::{Http2, Setup};
use crate::null::NullPlan;
use crate::null_peer::{NullPeer, Replies};
use crate::request::RequestHeaders;

/// Counts what ends, whichever way.
struct Ends(usize);

impl Judge for Ends {
    fn agrees(&mut self, _: Request, _: &Rc<Fields>, _: usize, _: &[u8]) -> bool {
        true
    }

    fn finished(&mut self, _: Request, _: Ending<'_>) {
        self.0 += 1;
    }
}

const STREAMS: usize = 10;

fn message() -> Vec<u8> {
    let mut message = Vec::new();
    frame::put_last_data(&mut message, 0, b"\0\0\0\0\x03\x0a\x01a");
    message
}

/// A connection that has been greeted, with all its streams open.
fn client() -> Http2 {
    let setup = Setup {
        streams_max: STREAMS,
        headers: RequestHeaders::new("/path", "host", "key"),
        stream_window: 65_535,
        connection_window: 65_535,
    };
    let mut client = Http2::new(&Rc::new(setup));
    let mut greeting = Vec::new();
    frame::put_settings(&mut greeting, &[]);
    client.receive(&greeting, &mut Ends(0)).unwrap();
    (0..STREAMS).for_each(|_| assert!(client.start(Request::default(), &message(), 0)));
    assert!(!client.start(Request::default(), &message(), 0));
    client
}

/// What an honest server sends.
fn replies() -> Vec<u8> {
    let mut out = Vec::new();
    frame::put_settings(&mut out, &[(frame::INITIAL_WINDOW_SIZE, 100)]);
    for stream in (1..2 * STREAMS as u32).step_by(2) {
        let mut headers = b"\x88\x40\x14avap-catalog-version\x057-abc".to_vec();
        headers.extend_from_slice(b"\x5f\x10application/grpc");
        frame::put_headers(&mut out, stream, &headers);
        frame::put_head(&mut out, 8, 0, 0, stream);
        out.extend_from_slice(b"\0\0\0\0\x03abc");
        frame::put_window_update(&mut out, 0, 8);
        let trailers = b"\x00\x0bgrpc-status\x010";
        frame::put_head(&mut out, trailers.len(), 1, 5, stream);
        out.extend_from_slice(trailers);
    }
    out
}

/// What an honest client sends.
fn requests() -> Vec<u8> {
    client().out().clone()
}

/// Changes a few bytes, most of them in the heads of frames.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] = random.below(256) as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => drop(bytes.drain(at..(at + random.below(12)).min(bytes.len()))),
            _ => bytes.insert(at, random.below(10) as u8),
        }
    }
}

/// Hands over mutated bytes in pieces, over and over.
fn fuzz(honest: &[u8], mut receive: impl FnMut(Chunks<'_, u8>)) {
    let mut random = Random::new(1, 0);
    for _ in 0..20_000 {
        let mut bytes = honest.to_vec();
        mutate(&mut bytes, &mut random);
        let piece_bytes = 1 + random.below(bytes.len().max(1));
        receive(bytes.chunks(piece_bytes));
    }
}

#[test]
fn the_honest_bytes_that_are_mutated_are_understood() {
    let mut ends = Ends(0);
    client().receive(&replies(), &mut ends).unwrap();
    assert_eq!(ends.0, STREAMS);
    let mut peer = NullPeer::new();
    let greeting = peer.out.len();
    peer.receive(&requests(), &null_replies()).unwrap();
    assert!(peer.out.len() > greeting + STREAMS * RECORD.len());
}

#[test]
fn mutated_frames_end_each_request_at_most_once_and_never_panic() {
    fuzz(&replies(), |mut pieces| {
        let (mut client, mut ends) = (client(), Ends(0));
        let _ = pieces.try_for_each(|piece| client.receive(piece, &mut ends));
        assert!(client.out().len() < OUT_BYTES_MAX);
        client.expire(u64::MAX, &mut ends);
        client.lose(&mut ends);
        assert_eq!((ends.0, client.in_flight()), (STREAMS, 0));
    });
}

#[test]
fn mutated_http_never_panics() {
    let honest = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    fuzz(honest, |mut pieces| {
        let (mut client, mut ends) = (Http1::new(&Rc::new(())), Ends(0));
        client.start(Request::default(), b"", 0);
        let _ = pieces.try_for_each(|piece| client.receive(piece, &mut ends));
        client.ended(&mut ends);
        assert_eq!((ends.0, client.in_flight()), (1, 0));
    });
}

const RECORD: &[u8] = b"\x0a\x01a\x12\x01b";

fn null_replies() -> Replies {
    Replies::new(&NullPlan {
        version: "1-abc".to_owned(),
        record: RECORD.to_vec(),
        catalog: [b"\x0a\x06", RECORD].concat(),
    })
}

#[test]
fn mutated_requests_never_panic_the_null_server() {
    let replies = null_replies();
    fuzz(&requests(), |mut pieces| {
        let mut peer = NullPeer::new();
        let _ = pieces.try_for_each(|piece| peer.receive(piece, &replies));
        assert!(peer.out.len() < 10_000);
    });
}

#[test]
fn a_server_that_floods_and_does_not_read_is_at_fault() {
    type Flood = fn(&mut Vec<u8>);
    let floods: [Flood; 2] = [
        |out| frame::put_settings(out, &[]),
        |out| {
            frame::put_head(out, 8, 6, 0, 0);
            out.extend_from_slice(b"12345678");
        },
    ];
    for flood in floods {
        let mut bytes = Vec::new();
        (0..1_000).for_each(|_| flood(&mut bytes));
        let mut client = client();
        let faulty = (0..10_000).any(|_| client.receive(&bytes, &mut Ends(0)).is_err());
        assert!(faulty, "it answered for ever");
        assert!(client.out().len() < 2 * OUT_BYTES_MAX);
    }
}

#[test]
fn blocks_of_headers_without_end_are_refused() {
    let mut bytes = Vec::new();
    frame::put_head(&mut bytes, 1, 1, 0, 1);
    bytes.push(0x88);
    let mut client = client();
    client.receive(&bytes, &mut Ends(0)).unwrap();
    let mut more = Vec::new();
    frame::put_head(&mut more, 10_000, 9, 0, 1);
    more.resize(more.len() + 10_000, 0x88);
    assert!((0..10).any(|_| client.receive(&more, &mut Ends(0)).is_err()));
}

#[test]
fn a_body_without_end_is_read_within_the_windows_and_not_kept() {
    let mut client = client();
    let mut ends = Ends(0);
    let mut headers = Vec::new();
    frame::put_headers(&mut headers, 1, b"\x88");
    client.receive(&headers, &mut ends).unwrap();
    let mut data = Vec::new();
    frame::put_head(&mut data, 10_000, 0, 0, 1);
    data.resize(data.len() + 10_000, b'x');
    for _ in 0..100_000 {
        client.receive(&data, &mut ends).unwrap();
        client.out().clear();
    }
    client.expire(u64::MAX, &mut ends);
    assert_eq!(ends.0, STREAMS);
}

#[test]
fn the_null_server_stops_taking_from_a_client_that_does_not_read() {
    let replies = null_replies();
    let mut peer = NullPeer::new();
    peer.receive(&requests(), &replies).unwrap();
    let mut pings = Vec::new();
    for _ in 0..1_000 {
        frame::put_head(&mut pings, 8, 6, 0, 0);
        pings.extend_from_slice(b"12345678");
    }
    let taken =
        (0..100_000).take_while(|_| peer.takes_more() && peer.receive(&pings, &replies).is_ok());
    assert!(taken.count() < 1_000);
    let before = peer.out.len();
    peer.resume(&replies).unwrap();
    assert!(peer.out.len() <= before + 17);
}
