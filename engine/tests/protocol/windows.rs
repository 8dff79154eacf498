//! Flow control in both directions (RFC 9113, sections 5.2 and 6.9).

use crate::rig::store::GET;
use crate::rig::*;

const FLOW_CONTROL_ERROR: u32 = 3;

#[test]
fn a_reply_leaves_as_far_as_the_stream_s_window_reaches() {
    let windows: &[u32] = if cfg!(miri) {
        &[200, 700]
    } else {
        &[1, 4, 5, 6, 700]
    };
    for &window in windows {
        let mut rig = Rig::open();
        rig.exchange(&settings(&[(4, window)]));
        let mut frames = rig.exchange(&get(1, 1000));
        let total = 1005;
        for sent in (0..total).step_by(window as usize) {
            let come: usize = frames
                .iter()
                .filter(|frame| frame.kind == DATA)
                .map(|frame| frame.payload.len())
                .sum();
            assert_eq!(come, (sent + window as usize).min(total));
            frames.extend(rig.exchange(&window_update(1, window)));
        }
        let reply = rig.reply(&frames, 1);
        assert!(
            reply.body == rig.expected(1000) && reply.status() == "0",
            "{window}"
        );
    }
}

#[test]
fn the_connection_s_window_is_shared_and_re_armed() {
    let mut rig = Rig::open();
    rig.exchange(&settings(&[(4, 1 << 20)]));
    let mut frames = rig.exchange(&[get(1, 60_000), get(3, 60_000)].concat());
    let come = |frames: &[Frame]| -> usize {
        frames
            .iter()
            .filter(|frame| frame.kind == DATA)
            .map(|frame| frame.payload.len())
            .sum()
    };
    assert_eq!(come(&frames), 65_535);
    frames.extend(rig.exchange(&window_update(0, 1)));
    assert_eq!(come(&frames), 65_536);
    frames.extend(rig.exchange(&window_update(0, 1 << 20)));
    for stream in [1, 3] {
        let reply = rig.reply(&frames, stream);
        assert!(reply.body == rig.expected(60_000) && reply.status() == "0");
    }
}

#[test]
fn a_window_may_become_negative_and_recovers_6_9_2() {
    let mut rig = Rig::open();
    rig.exchange(&settings(&[(4, 100)]));
    let mut frames = rig.exchange(&get(1, 300));
    // 100 bytes are out; now the window is 100 - 100 - 60 = -60.
    frames.extend(rig.exchange(&settings(&[(4, 40)])));
    frames.extend(rig.exchange(&window_update(1, 60)));
    assert_eq!(frames.iter().filter(|frame| frame.kind == DATA).count(), 1);
    frames.extend(rig.exchange(&window_update(1, 1)));
    let last = frames.iter().rfind(|frame| frame.kind == DATA);
    assert_eq!(last.unwrap().payload.len(), 1);
    frames.extend(rig.exchange(&settings(&[(4, 1000)])));
    assert_eq!(rig.reply(&frames, 1).body, rig.expected(300));
}

#[test]
fn initial_windows_and_updates_that_overflow_together_are_an_error_6_9_2() {
    let mut rig = Rig::open();
    rig.exchange(&[headers(1, GET, 0), window_update(1, (1 << 31) - 1 - 65_535)].concat());
    assert_eq!(
        goaway(&rig.exchange(&settings(&[(4, 65_536)]))),
        FLOW_CONTROL_ERROR
    );
}

#[test]
fn refusals_need_no_window() {
    let mut rig = Rig::open();
    rig.exchange(&settings(&[(4, 0)]));
    let reply = rig.call(&headers(1, "/other/Method", END_STREAM), 1);
    assert_eq!((reply.status(), reply.ended), ("12", true));
}

const CALLS: usize = if cfg!(miri) { 270 } else { 3000 };

#[test]
fn our_windows_are_given_back_padding_included_and_bind_the_peer() {
    let mut rig = Rig::open();
    let padded = [&[250][..], &message("7"), &[0; 250]].concat();
    let mut given_back = 0;
    for index in 0..CALLS as u32 {
        let stream = 2 * index + 1;
        let input = [
            headers(stream, GET, 0),
            frame(DATA, END_STREAM | PADDED, stream, &padded),
        ];
        for frame in rig.exchange(&input.concat()) {
            if frame.kind == WINDOW_UPDATE {
                assert_eq!(frame.stream, 0);
                given_back += u32::from_be_bytes(frame.payload.try_into().unwrap());
            }
        }
    }
    let total = CALLS * padded.len();
    assert!(
        (total.saturating_sub(1 << 17)..=total).contains(&(given_back as usize)),
        "{given_back}"
    );

    // A stream that sends beyond its window is reset, a connection ended.
    let mut rig = Rig::open();
    let full = vec![0; 16_384];
    rig.exchange(&headers(1, "/other/Method", 0));
    for _ in 0..8 {
        assert!(
            rig.exchange(&frame(DATA, 0, 1, &full))
                .iter()
                .all(|frame| frame.kind == WINDOW_UPDATE)
        );
    }
    let frames = rig.exchange(&frame(DATA, 0, 1, b"x"));
    assert_eq!(rig.reply(&frames, 1).reset, Some(FLOW_CONTROL_ERROR));
    rig.assert_alive(3);
}

#[test]
fn unfinished_requests_keep_the_connection_s_window() {
    let mut rig = Rig::open();
    let piece = [&b"\0\0\0\xf0\0"[..], &[0; 16_000]].concat();
    for index in 0..16 {
        let stream = 2 * index + 1;
        let frames =
            rig.exchange(&[headers(stream, GET, 0), frame(DATA, 0, stream, &piece)].concat());
        assert!(frames.is_empty(), "{index}: {frames:?}");
    }
    let frames = rig.exchange(&[headers(999, GET, 0), frame(DATA, 0, 999, &piece)].concat());
    assert_eq!(goaway(&frames), FLOW_CONTROL_ERROR);
}

#[test]
fn output_that_does_not_leave_holds_input_back_and_takes_no_more_memory() {
    let mut rig = Rig::open();
    rig.exchange(&[window_update(0, 1 << 30), settings(&[(4, 1 << 30)])].concat());
    let mut stream = 1;
    while rig.connection.takes_input() {
        rig.receive(&get(stream, 4000));
        stream += 2;
        assert!(stream < 1000);
    }
    let held = rig.output.len();
    assert!(held <= rig.limits.queued_bytes + 5000, "{held}");
    assert_eq!(*rig.store.limits.borrow(), [engine::Limit::QueuedBytes]);
    let frames = parse(&rig.sent());
    for stream in (1..stream).step_by(2) {
        assert_eq!(
            rig.reply(&frames, stream).body,
            rig.expected(4000),
            "{stream}"
        );
    }
}
