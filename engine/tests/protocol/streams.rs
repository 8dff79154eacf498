//! The states of streams (RFC 9113, section 5.1).

use crate::rig::store::GET;
use crate::rig::*;

const PROTOCOL_ERROR: u32 = 1;
const STREAM_CLOSED: u32 = 5;

#[test]
fn streams_of_a_client_are_odd_and_only_grow_5_1_1() {
    for input in [
        headers(2, GET, END_STREAM),
        headers(0, GET, END_STREAM),
        [headers(5, GET, END_STREAM), headers(3, GET, END_STREAM)].concat(),
    ] {
        assert_eq!(goaway(&Rig::open().exchange(&input)), PROTOCOL_ERROR);
    }
}

#[test]
fn frames_after_the_end_of_an_unanswered_request_are_a_stream_error_5_1() {
    for late in [
        frame(DATA, 0, 1, b"x"),
        headers(1, GET, END_STREAM),
        frame(HEADERS, END_HEADERS, 1, &block(&[("late", "1")])),
    ] {
        let mut rig = Rig::open();
        rig.exchange(&settings(&[(4, 0)]));
        rig.exchange(&get(1, 100));
        assert_eq!(
            rig.connection.stream_count(),
            1,
            "the reply waits for window"
        );
        let frames = rig.exchange(&late);
        assert_eq!(rig.reply(&frames, 1).reset, Some(STREAM_CLOSED));
        assert_eq!(rig.connection.stream_count(), 0);
        rig.exchange(&settings(&[(4, 65_535)]));
        rig.assert_alive(3);
    }
}

#[test]
fn window_updates_and_resets_after_the_end_are_ignored_5_1() {
    let mut rig = Rig::open();
    rig.exchange(&get(1, 7));
    assert!(
        rig.exchange(&[window_update(1, 5), reset(1), window_update(1, 0)].concat())
            .is_empty()
    );
    rig.assert_alive(3);
}

#[test]
fn headers_on_a_closed_stream_end_the_connection_5_1() {
    let mut rig = Rig::open();
    rig.exchange(&get(1, 7));
    assert_eq!(
        goaway(&rig.exchange(&headers(1, GET, END_STREAM))),
        STREAM_CLOSED
    );
}

#[test]
fn what_was_on_its_way_to_a_stream_that_we_reset_is_ignored_and_decoded_5_1() {
    let mut rig = Rig::open();
    rig.exchange(&headers(1, GET, 0));
    rig.exchange(&window_update(1, 0));
    // Inserts into the table, on a stream that is gone.
    let insert = frame(HEADERS, END_HEADERS, 1, &[0x40, 1, b'a', 1, b'b']);
    assert!(
        rig.exchange(&[insert, frame(DATA, END_STREAM, 1, b"x")].concat())
            .is_empty()
    );
    let fields = [block(&call_fields(GET)), vec![0x80 + 62]].concat();
    let input = [
        frame(HEADERS, END_HEADERS, 3, &fields),
        frame(DATA, END_STREAM, 3, &message("7")),
    ];
    assert_eq!(rig.call(&input.concat(), 3).body, rig.expected(7));
}

#[test]
fn a_second_block_ends_the_request_or_is_malformed_8_1() {
    for (flags, fields) in [
        (END_HEADERS, &[("a", "b")][..]),
        (END_HEADERS | END_STREAM, &[(":path", "/")]),
        (END_HEADERS | END_STREAM, &[("Upper", "1")]),
    ] {
        let mut rig = Rig::open();
        rig.exchange(&[headers(1, GET, 0), frame(DATA, 0, 1, &message("7"))].concat());
        let frames = rig.exchange(&frame(HEADERS, flags, 1, &block(fields)));
        assert_eq!(rig.reply(&frames, 1).reset, Some(PROTOCOL_ERROR));
        rig.assert_alive(3);
    }
}

#[test]
fn malformed_requests_are_stream_errors_8_1_1() {
    let mut rig = Rig::open();
    let mut fields = call_fields(GET);
    fields.push(("connection", "close"));
    let frames = rig.exchange(&frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        1,
        &block(&fields),
    ));
    assert_eq!(rig.reply(&frames, 1).reset, Some(PROTOCOL_ERROR));
    rig.assert_alive(3);
}

#[test]
fn replies_of_many_streams_take_turns() {
    let mut rig = Rig::open();
    rig.exchange(&settings(&[(4, 0), (5, 16_384)]));
    rig.exchange(&[get(1, 40_000), get(3, 40_000)].concat());
    let frames = rig.exchange(&[window_update(0, 1 << 20), settings(&[(4, 1 << 20)])].concat());
    let order: Vec<_> = frames
        .iter()
        .filter(|frame| frame.kind == DATA)
        .map(|frame| frame.stream)
        .collect();
    assert_eq!(order, [1, 3, 1, 3, 1, 3]);
    for stream in [1, 3] {
        assert_eq!(rig.reply(&frames, stream).body, rig.expected(40_000));
    }
}
