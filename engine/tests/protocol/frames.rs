//! Each frame's rules (RFC 9113, sections 3.4, 4 and 6), and the errors that breaches of them are.

use crate::rig::store::GET;
use crate::rig::*;

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const COMPRESSION_ERROR: u32 = 9;

/// Ends the connection.
#[track_caller]
fn check_goaway(input: &[u8], code: u32) {
    let mut rig = Rig::open();
    let frames = rig.exchange(input);
    assert_eq!(goaway(&frames), code);
    assert!(rig.connection.end().is_some());
    assert!(
        rig.exchange(&get(99, 1)).is_empty(),
        "input is ignored from then on"
    );
}

/// Resets stream 1, which is open, and nothing else.
#[track_caller]
fn check_reset(input: &[u8], code: u32) {
    let mut rig = Rig::open();
    rig.exchange(&headers(1, GET, 0));
    let frames = rig.exchange(input);
    assert_eq!(rig.reply(&frames, 1).reset, Some(code), "{frames:?}");
    rig.assert_alive(3);
}

#[test]
fn the_server_speaks_first_of_settings_3_4() {
    let mut rig = Rig::default();
    let frames = rig.exchange(PREFACE);
    let kinds: Vec<_> = frames.iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [SETTINGS, WINDOW_UPDATE]);
    assert!(frames[0].payload.len().is_multiple_of(6) && frames[0].flags == 0);
}

#[test]
fn a_preface_that_is_none_ends_it_without_a_word_3_4() {
    for bad in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX",
    ] {
        let mut rig = Rig::default();
        assert!(rig.exchange(bad).is_empty());
        assert_eq!(rig.connection.end(), Some(engine::End::Silent));
    }
}

#[test]
fn settings_come_first_3_4() {
    let mut rig = Rig::default();
    rig.exchange(PREFACE);
    assert_eq!(
        goaway(&rig.exchange(&frame(PING, 0, 0, &[0; 8]))),
        PROTOCOL_ERROR
    );
}

#[test]
fn a_frame_longer_than_allowed_is_an_error_before_it_has_come_4_2() {
    let head = &frame(DATA, 0, 1, &vec![0; 16_385])[..9];
    check_goaway(head, FRAME_SIZE_ERROR);
}

#[test]
fn a_block_that_cannot_be_decoded_ends_the_connection_4_3() {
    check_goaway(&frame(HEADERS, END_HEADERS, 1, &[0xBE]), COMPRESSION_ERROR);
}

#[test]
fn unknown_frames_are_ignored_4_1() {
    let mut rig = Rig::open();
    assert!(rig.exchange(&frame(0x16, 0xFF, 7, b"whatever")).is_empty());
    rig.assert_alive(1);
}

#[test]
fn a_block_is_not_interrupted_4_3() {
    let begun = frame(HEADERS, 0, 1, &block(&call_fields(GET)));
    for other in [
        frame(DATA, 0, 1, b""),
        frame(0x16, 0, 0, b""),
        frame(CONTINUATION, END_HEADERS, 3, b""),
        frame(HEADERS, END_HEADERS, 3, &block(&call_fields(GET))),
    ] {
        check_goaway(&[begun.clone(), other].concat(), PROTOCOL_ERROR);
    }
    check_goaway(&frame(CONTINUATION, END_HEADERS, 1, b""), PROTOCOL_ERROR);
}

#[test]
fn a_block_may_be_split_anywhere_6_10() {
    let mut rig = Rig::open();
    let fields = block(&call_fields(GET));
    for (index, at) in (0..fields.len()).step_by(7).enumerate() {
        let stream = 2 * index as u32 + 1;
        let (first, second) = fields.split_at(at);
        let input = [
            frame(HEADERS, 0, stream, first),
            frame(CONTINUATION, 0, stream, second),
            frame(CONTINUATION, END_HEADERS, stream, b""),
            frame(DATA, END_STREAM, stream, &message("7")),
        ];
        assert_eq!(rig.call(&input.concat(), stream).body, rig.expected(7));
    }
}

#[test]
fn padding_is_taken_off_and_checked_6_1_6_2() {
    let mut rig = Rig::open();
    let padded = |payload: &[u8]| [&[3][..], payload, &[0; 3]].concat();
    let input = [
        frame(
            HEADERS,
            END_HEADERS | PADDED,
            1,
            &padded(&block(&call_fields(GET))),
        ),
        frame(DATA, END_STREAM | PADDED, 1, &padded(&message("7"))),
    ];
    assert_eq!(rig.call(&input.concat(), 1).body, rig.expected(7));
    for too_long in [&[1][..], &[200, 1, 2], &[]] {
        check_goaway(
            &[headers(1, GET, 0), frame(DATA, PADDED, 1, too_long)].concat(),
            PROTOCOL_ERROR,
        );
        check_goaway(
            &frame(HEADERS, END_HEADERS | PADDED, 1, too_long),
            PROTOCOL_ERROR,
        );
    }
}

#[test]
fn priorities_are_ignored_but_not_their_form_5_3_6_3() {
    let mut rig = Rig::open();
    let prioritised = [&[0, 0, 0, 9, 15][..], &block(&call_fields(GET))].concat();
    let input = [
        frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 15]),
        frame(HEADERS, END_HEADERS | WITH_PRIORITY, 1, &prioritised),
        frame(DATA, END_STREAM, 1, &message("7")),
        frame(PRIORITY, 0, 1, &[0x80, 0, 0, 3, 15]),
    ];
    assert_eq!(rig.call(&input.concat(), 1).body, rig.expected(7));
    check_goaway(&frame(PRIORITY, 0, 0, &[0; 5]), PROTOCOL_ERROR);
    check_reset(&frame(PRIORITY, 0, 1, &[0; 4]), FRAME_SIZE_ERROR);
    check_reset(&frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 5]), PROTOCOL_ERROR);
    check_goaway(
        &frame(HEADERS, END_HEADERS | WITH_PRIORITY, 1, &[0; 4]),
        FRAME_SIZE_ERROR,
    );
    let itself = [&[0, 0, 0, 1, 15][..], &block(&call_fields(GET))].concat();
    let mut rig = Rig::open();
    let frames = rig.exchange(&frame(HEADERS, END_HEADERS | WITH_PRIORITY, 1, &itself));
    assert_eq!(rig.reply(&frames, 1).reset, Some(PROTOCOL_ERROR));
    rig.assert_alive(3);
}

#[test]
fn resets_6_4() {
    check_goaway(&frame(RST_STREAM, 0, 0, &[0; 4]), PROTOCOL_ERROR);
    check_goaway(&reset(1), PROTOCOL_ERROR);
    check_goaway(
        &[headers(1, GET, 0), frame(RST_STREAM, 0, 1, &[0; 5])].concat(),
        FRAME_SIZE_ERROR,
    );
    let mut rig = Rig::open();
    rig.exchange(&[headers(1, GET, 0), reset(1), reset(1)].concat());
    assert_eq!(
        (rig.connection.stream_count(), rig.store.resets.get()),
        (0, 1)
    );
    rig.assert_alive(3);
}

#[test]
fn settings_6_5() {
    let mut rig = Rig::open();
    let frames = rig.exchange(&settings(&[
        (1, 0),
        (3, 5),
        (4, 10),
        (5, 16_384),
        (0x99, 7),
    ]));
    assert_eq!(
        (frames.len(), frames[0].kind, frames[0].flags),
        (1, SETTINGS, ACK)
    );
    assert!(rig.exchange(&frame(SETTINGS, ACK, 0, b"")).is_empty());
    check_goaway(&frame(SETTINGS, ACK, 0, &[0; 6]), FRAME_SIZE_ERROR);
    check_goaway(&frame(SETTINGS, 0, 1, b""), PROTOCOL_ERROR);
    check_goaway(&frame(SETTINGS, 0, 0, &[0; 5]), FRAME_SIZE_ERROR);
    check_goaway(&settings(&[(2, 2)]), PROTOCOL_ERROR);
    check_goaway(&settings(&[(4, 1 << 31)]), FLOW_CONTROL_ERROR);
    check_goaway(&settings(&[(5, 16_383)]), PROTOCOL_ERROR);
    check_goaway(&settings(&[(5, 1 << 24)]), PROTOCOL_ERROR);
}

#[test]
fn a_smaller_header_table_is_acknowledged_in_the_next_block_rfc_7541_4_2() {
    let mut rig = Rig::open();
    rig.exchange(&settings(&[(1, 100)]));
    let first = rig.exchange(&get(1, 7));
    assert_eq!(first[0].payload[0], 0x20);
    assert_eq!(rig.reply(&first, 1).body, rig.expected(7));
    let second = rig.exchange(&get(3, 7));
    assert_eq!(second[0].payload[0], 0x88, "once is enough");
}

#[test]
fn pushes_of_a_client_are_breaches_8_4() {
    check_goaway(
        &frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2]),
        PROTOCOL_ERROR,
    );
}

#[test]
fn pings_are_answered_6_7() {
    let mut rig = Rig::open();
    let frames = rig.exchange(&frame(PING, 0, 0, b"whatever"));
    assert_eq!(frames[0].payload, b"whatever");
    assert_eq!((frames.len(), frames[0].flags), (1, ACK));
    assert!(rig.exchange(&frame(PING, ACK, 0, b"whatever")).is_empty());
    check_goaway(&frame(PING, 0, 1, b"whatever"), PROTOCOL_ERROR);
    check_goaway(&frame(PING, 0, 0, b"short"), FRAME_SIZE_ERROR);
}

#[test]
fn a_peer_that_goes_is_answered_first_6_8() {
    let mut rig = Rig::open();
    rig.exchange(&headers(1, GET, 0));
    assert!(rig.exchange(&frame(GOAWAY, 0, 0, &[0; 8])).is_empty());
    let reply = rig.call(&frame(DATA, END_STREAM, 1, &message("7")), 1);
    assert_eq!(reply.body, rig.expected(7));
    assert_eq!(rig.connection.end(), Some(engine::End::Complete));
    check_goaway(&frame(GOAWAY, 0, 1, &[0; 8]), PROTOCOL_ERROR);
    check_goaway(&frame(GOAWAY, 0, 0, &[0; 7]), FRAME_SIZE_ERROR);
}

#[test]
fn window_updates_6_9() {
    check_goaway(&window_update(0, 0), PROTOCOL_ERROR);
    check_goaway(&window_update(0, (1 << 31) - 1), FLOW_CONTROL_ERROR);
    check_goaway(&window_update(1, 1), PROTOCOL_ERROR);
    check_goaway(&frame(WINDOW_UPDATE, 0, 0, &[0; 3]), FRAME_SIZE_ERROR);
    check_reset(&window_update(1, 0), PROTOCOL_ERROR);
    check_reset(&window_update(1, (1 << 31) - 1), FLOW_CONTROL_ERROR);
}

#[test]
fn data_needs_a_stream_and_one_that_is_open_6_1() {
    check_goaway(&frame(DATA, 0, 0, b"x"), PROTOCOL_ERROR);
    check_goaway(&frame(DATA, 0, 1, b"x"), PROTOCOL_ERROR);
    let mut rig = Rig::open();
    rig.exchange(&get(1, 7));
    let frames = rig.exchange(&frame(DATA, 0, 1, b"x"));
    assert_eq!(rig.reply(&frames, 1).reset, Some(STREAM_CLOSED));
}

#[test]
fn the_length_that_was_announced_is_the_one_that_comes_8_1_1() {
    // Also of what is not gRPC, and answered before its body.
    for path in [GET, "/other/Method", "/"] {
        for (announced, body) in [("9", message("7")), ("5", message("7")), ("1", vec![])] {
            let mut rig = Rig::open();
            let mut fields = call_fields(path);
            if path == "/" {
                fields.retain(|(name, _)| *name != "content-type");
            }
            fields.push(("content-length", announced));
            let input = [
                frame(HEADERS, END_HEADERS, 1, &block(&fields)),
                frame(DATA, END_STREAM, 1, &body),
            ];
            assert_eq!(rig.call(&input.concat(), 1).reset, Some(PROTOCOL_ERROR));
            let ended = frame(HEADERS, END_HEADERS | END_STREAM, 3, &block(&fields));
            assert_eq!(rig.call(&ended, 3).reset, Some(PROTOCOL_ERROR));
            rig.assert_alive(5);
        }
    }
}
