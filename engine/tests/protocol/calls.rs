//! Calls: gRPC over HTTP/2.

use std::io::Write;

use engine::{Code, Limits};

use crate::rig::store::{GET, KEY, SYNC, Store, WATCH};
use crate::rig::*;

#[test]
fn a_call_is_answered_with_headers_message_and_trailers() {
    let mut rig = Rig::open();
    let frames = rig.exchange(&get(1, 700));
    let kinds: Vec<_> = frames
        .iter()
        .map(|frame| (frame.kind, frame.flags))
        .collect();
    assert_eq!(
        kinds,
        [
            (HEADERS, END_HEADERS),
            (DATA, 0),
            (HEADERS, END_HEADERS | END_STREAM)
        ]
    );
    let reply = rig.reply(&frames, 1);
    assert_eq!(reply.body, rig.expected(700));
    let fields = [
        (":status", "200"),
        ("content-type", "application/grpc"),
        ("avap-catalog-version", "1-abc"),
        ("grpc-status", "0"),
    ];
    assert_eq!(
        reply.fields,
        fields.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(
        *rig.store.ended.borrow(),
        [(Some(Store::GET_COMMAND), Code::Ok)]
    );
    assert_eq!(rig.connection.stream_count(), 0);
}

#[test]
fn everything_that_is_readable_is_answered_at_once() {
    let mut rig = Rig::open();
    let calls: Vec<u8> = (0..50)
        .flat_map(|index| get(2 * index + 1, index as usize))
        .collect();
    let frames = rig.exchange(&calls);
    for index in 0..50 {
        let reply = rig.reply(&frames, 2 * index + 1);
        assert_eq!(reply.body, rig.expected(index as usize));
    }
}

#[test]
fn a_message_may_be_split_over_frames_and_end_on_an_empty_one() {
    let mut rig = Rig::open();
    let body = message("700");
    for size in 1..=body.len() {
        let stream = 2 * size as u32 - 1;
        let mut input = headers(stream, GET, 0);
        for piece in body.chunks(size) {
            input.extend(frame(DATA, 0, stream, piece));
        }
        input.extend(frame(DATA, END_STREAM, stream, b""));
        let reply = rig.call(&input, stream);
        assert_eq!(reply.body, rig.expected(700), "pieces of {size}");
    }
}

#[test]
fn a_request_may_end_with_trailers() {
    let mut rig = Rig::open();
    let input = [
        headers(1, GET, 0),
        frame(DATA, 0, 1, &message("9")),
        frame(
            HEADERS,
            END_HEADERS | END_STREAM,
            1,
            &block(&[("checksum", "1")]),
        ),
    ];
    assert_eq!(rig.call(&input.concat(), 1).body, rig.expected(9));
}

#[test]
fn refusals_are_trailers_only_and_wait_for_no_body() {
    let mut rig = Rig::open();
    let mut fields = call_fields(GET);
    fields.retain(|(name, _)| *name != "x-avap-auth");
    let frames = rig.exchange(&frame(HEADERS, END_HEADERS, 1, &block(&fields)));
    assert_eq!(frames.len(), 1);
    let reply = rig.reply(&frames, 1);
    assert_eq!(reply.field("grpc-message"), Some("Invalid Credentials"));
    assert!(reply.ended && reply.status() == "16");
    assert_eq!(
        rig.connection.stream_count(),
        1,
        "the client's half is open"
    );
    // What still comes of the request is dropped.
    assert!(
        rig.exchange(&frame(DATA, END_STREAM, 1, &message("7")))
            .is_empty()
    );
    assert_eq!(rig.connection.stream_count(), 0);
    assert_eq!(
        *rig.store.ended.borrow(),
        [(Some(Store::GET_COMMAND), Code::Unauthenticated)]
    );
}

#[test]
fn a_status_text_is_percent_encoded() {
    let mut rig = Rig::open();
    let body = frame(DATA, END_STREAM, 1, &message("añ%"));
    let reply = rig.call(&[headers(1, GET, 0), body].concat(), 1);
    assert_eq!(reply.status(), "5");
    assert_eq!(
        reply.field("grpc-message"),
        Some("Command 'a%C3%B1%25' not found")
    );
}

#[test]
fn unknown_methods_and_compressions_are_unimplemented_with_the_list_of_known_ones() {
    let mut rig = Rig::open();
    let reply = rig.call(&headers(1, "/other.Service/Get", END_STREAM), 1);
    assert_eq!(reply.status(), "12");
    let mut fields = call_fields(GET);
    fields.push(("grpc-encoding", "br"));
    let reply = rig.call(
        &frame(HEADERS, END_HEADERS | END_STREAM, 3, &block(&fields)),
        3,
    );
    assert_eq!(
        (reply.status(), reply.field("grpc-accept-encoding")),
        ("12", Some("identity,gzip"))
    );
}

#[test]
fn what_is_not_grpc_gets_an_http_status_and_a_short_text() {
    let mut rig = Rig::open();
    let mut stream = 1;
    for (method, path, content_type, status) in [
        ("GET", "/", "text/html", "404"),
        ("GET", GET, "application/grpc", "405"),
        ("POST", GET, "application/json", "415"),
    ] {
        let fields = [
            (":method", method),
            (":scheme", "http"),
            (":path", path),
            ("content-type", content_type),
        ];
        let reply = rig.call(
            &frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&fields)),
            stream,
        );
        assert_eq!(reply.field(":status"), Some(status));
        assert_eq!(
            reply.field("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert!(reply.ended && reply.body.ends_with(b"\n"), "{reply:?}");
        stream += 2;
    }
    assert_eq!(rig.connection.stream_count(), 0);
}

#[test]
fn gzip_is_read() {
    let mut rig = Rig::open();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"700").unwrap();
    let packed = encoder.finish().unwrap();
    let mut body = vec![1];
    body.extend_from_slice(&(packed.len() as u32).to_be_bytes());
    body.extend_from_slice(&packed);
    let mut fields = call_fields(GET);
    fields.push(("grpc-encoding", "gzip"));
    let input = [
        frame(HEADERS, END_HEADERS, 1, &block(&fields)),
        frame(DATA, END_STREAM, 1, &body),
    ];
    assert_eq!(rig.call(&input.concat(), 1).body, rig.expected(700));
}

#[test]
fn a_message_over_the_limit_is_refused_at_its_prefix_and_the_rest_is_not_wanted() {
    let mut rig = Rig::open();
    let frames =
        rig.exchange(&[headers(1, GET, 0), frame(DATA, 0, 1, b"\0\0\x01\0\x01xyz")].concat());
    let reply = rig.reply(&frames, 1);
    assert_eq!(
        (reply.status(), reply.ended, reply.reset),
        ("8", true, Some(0))
    );
    assert!(
        rig.exchange(&frame(DATA, 0, 1, b"still on its way"))
            .is_empty()
    );
    rig.assert_alive(3);
}

#[test]
fn a_timeout_that_passes_before_the_message_is_told() {
    let mut rig = Rig::open();
    let mut fields = call_fields(GET);
    fields.push(("grpc-timeout", "50m"));
    assert!(
        rig.exchange(&frame(HEADERS, END_HEADERS, 1, &block(&fields)))
            .is_empty()
    );
    let due = rig.connection.deadline(&rig.limits);
    assert_eq!(due, rig.now.after(std::time::Duration::from_millis(50)));
    let frames = rig.pass(std::time::Duration::from_millis(50));
    let reply = rig.reply(&frames, 1);
    assert_eq!((reply.status(), reply.reset), ("4", Some(0)));
    let input = [
        frame(
            HEADERS,
            END_HEADERS,
            3,
            &block(&[&fields[..7], &[("grpc-timeout", "0n")]].concat()),
        ),
        frame(DATA, END_STREAM, 3, &message("7")),
    ];
    assert_eq!(rig.call(&input.concat(), 3).status(), "4");
}

#[test]
fn a_watch_tells_every_change_until_it_is_reset() {
    let mut rig = Rig::open();
    let body = frame(DATA, END_STREAM, 1, &message(""));
    let reply = rig.call(&[headers(1, WATCH, 0), body].concat(), 1);
    assert_eq!(
        (&reply.body[..], reply.ended),
        (&b"\0\0\0\0\x02\x08\x01"[..], false)
    );
    let news = |rig: &mut Rig, text| {
        rig.store.watched.set(text);
        rig.turn(engine::Connection::tell_watchers);
        let frames = parse(&rig.sent());
        rig.reply(&frames, 1).body
    };
    assert_eq!(news(&mut rig, b"\x08\x02"), b"\0\0\0\0\x02\x08\x02");
    assert_eq!(news(&mut rig, b"\x08\x02"), b"");
    // Between two changes there is nothing to wait for.
    let idle = rig.limits.idle_time;
    assert!(rig.pass(idle).is_empty());
    rig.exchange(&reset(1));
    assert_eq!(news(&mut rig, b"\x08\x01"), b"");
    assert_eq!(rig.connection.stream_count(), 0);
}

#[test]
fn a_watcher_that_stalls_is_told_the_latest_when_it_reads_on() {
    let mut rig = Rig::open();
    rig.exchange(&settings(&[(4, 3)]));
    let body = frame(DATA, END_STREAM, 1, &message(""));
    let reply = rig.call(&[headers(1, WATCH, 0), body].concat(), 1);
    assert_eq!(reply.body.len(), 3);
    for text in [&b"\x08\x02"[..], b"\x08\x03"] {
        rig.store.watched.set(text);
        rig.turn(engine::Connection::tell_watchers);
    }
    let reply = rig.call(&window_update(1, 100), 1);
    assert_eq!(reply.body, b"\0\x02\x08\x01\0\0\0\0\x02\x08\x03");
}

#[test]
fn keys_that_change_change_what_known_headers_mean() {
    let mut rig = Rig::open();
    assert_eq!(rig.call(&get(1, 1), 1).status(), "0");
    rig.store.key.set("other");
    rig.store.epoch.set(1);
    assert_eq!(rig.call(&get(3, 1), 3).status(), "16");
    rig.store.key.set(KEY);
    rig.store.epoch.set(2);
    assert_eq!(rig.call(&get(5, 1), 5).status(), "0");
}

#[test]
fn known_headers_are_read_anew_when_the_table_that_they_refer_to_changes() {
    let mut rig = Rig::open();
    // The path and the key go into the table; then the same bytes are index 62 and others.
    let put = |name: &str, value: &str| {
        let mut field = vec![0x40];
        for text in [name, value] {
            field.push(text.len() as u8);
            field.extend_from_slice(text.as_bytes());
        }
        field
    };
    let fixed = block(&call_fields(GET)[4..]);
    let indexed = [&[0x83, 0x86, 0x80 + 62][..], &fixed].concat();
    let call = |stream, block: &[u8]| {
        let body = frame(DATA, END_STREAM, stream, &message("5"));
        [frame(HEADERS, END_HEADERS, stream, block), body].concat()
    };
    let first = [&[0x83, 0x86][..], &put(":path", GET), &fixed].concat();
    assert_eq!(rig.call(&call(1, &first), 1).body, rig.expected(5));
    for stream in [3, 5] {
        assert_eq!(
            rig.call(&call(stream, &indexed), stream).body,
            rig.expected(5)
        );
    }
    let other = [&[0x83, 0x86][..], &put(":path", "/other/Method"), &fixed].concat();
    assert_eq!(rig.call(&call(7, &other), 7).status(), "12");
    assert_eq!(
        rig.call(&call(9, &indexed), 9).status(),
        "12",
        "62 is the other path now"
    );
}

#[test]
fn large_replies_leave_as_slices_and_hold_their_text_until_they_have_left() {
    let mut rig = Rig::open_with(Limits::DEFAULT);
    let open = [window_update(0, 1 << 20), settings(&[(4, 1 << 20)])].concat();
    rig.exchange(&open);
    let body = frame(DATA, END_STREAM, 1, &message(""));
    rig.receive(&[headers(1, SYNC, 0), body].concat());
    assert!(rig.store.text.holders() > 0);
    assert!(
        rig.output.capacity() < 16 * 1024,
        "{} bytes were copied",
        rig.output.capacity()
    );
    let frames = parse(&rig.sent());
    let reply = rig.reply(&frames, 1);
    assert!(reply.body == rig.expected(200_000) && reply.status() == "0");
    assert!(frames.iter().all(|frame| frame.payload.len() <= 16_384));
    assert_eq!(rig.store.text.holders(), 0);
}

#[test]
fn a_reply_whose_version_is_too_old_is_refused_and_lets_go_of_it() {
    let mut rig = Rig::open();
    let body = frame(DATA, END_STREAM, 1, &message(""));
    rig.exchange(&[headers(1, SYNC, 0), body].concat());
    assert_eq!(rig.store.text.holders(), 1);
    let released = rig.turn(|connection, turn| connection.release(|_| true, turn));
    assert_eq!((released, rig.store.text.holders()), (1, 0));
    let frames = parse(&rig.sent());
    assert_eq!(rig.reply(&frames, 1).reset, Some(7));
    assert_eq!(
        *rig.store.ended.borrow(),
        [(Some(Store::SYNC_CATALOG), Code::Unavailable)]
    );
    rig.exchange(&window_update(0, 1000));
    rig.assert_alive(3);
}
