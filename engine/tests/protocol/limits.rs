//! Budgets: each is reached, named and counted, and ends what it should.

use std::time::Duration;

use engine::limits::{Limit, Rate};
use engine::{End, ErrorCode, Limits};

use crate::rig::store::{GET, SYNC};
use crate::rig::*;

const ENHANCE_YOUR_CALM: u32 = 11;
const REFUSED_STREAM: u32 = 7;

const ONLY_3: Rate = Rate {
    burst: 3,
    per_second: 0,
    per_reply_64ths: 0,
};

/// The fourth of them ends the connection, and says why.
#[track_caller]
fn check_fourth_is_too_many(
    limits: Limits,
    limit: Limit,
    before: &[u8],
    each: impl Fn(u32) -> Vec<u8>,
) {
    let mut rig = Rig::open_with(limits);
    rig.exchange(before);
    for index in 0..3 {
        rig.exchange(&each(index));
        assert_eq!(rig.connection.end(), None, "{index}");
    }
    let frames = rig.exchange(&each(3));
    assert_eq!(goaway(&frames), ENHANCE_YOUR_CALM);
    assert_eq!(
        frames.last().unwrap().payload[8..],
        *limit.label().as_bytes()
    );
    assert_eq!(*rig.store.limits.borrow(), [limit]);
}

#[test]
fn resets_of_the_peer() {
    let limits = Limits {
        peer_resets: ONLY_3,
        ..Limits::DEFAULT
    };
    check_fourth_is_too_many(limits, Limit::PeerResets, b"", |index| {
        let stream = 2 * index + 1;
        [headers(stream, GET, 0), reset(stream)].concat()
    });
    check_fourth_is_too_many(limits, Limit::PeerResets, b"", |index| {
        let stream = 2 * index + 1;
        [get(stream, 7), reset(stream)].concat()
    });
}

#[test]
fn resets_that_we_are_made_to_send() {
    let limits = Limits {
        own_resets: ONLY_3,
        ..Limits::DEFAULT
    };
    for breach in [
        |stream| window_update(stream, 0),
        |stream| {
            [
                window_update(stream, 1),
                window_update(stream, (1 << 31) - 1),
            ]
            .concat()
        },
        |stream| frame(PRIORITY, 0, stream, &[0; 4]),
        |stream: u32| {
            frame(
                PRIORITY,
                0,
                stream,
                &[&stream.to_be_bytes()[..], &[1]].concat(),
            )
        },
        |stream| frame(DATA, 0, stream, b"late"),
        |stream| headers(stream, GET, END_STREAM),
    ] {
        check_fourth_is_too_many(limits, Limit::OwnResets, &settings(&[(4, 0)]), |index| {
            let stream = 2 * index + 1;
            [get(stream, 700), breach(stream)].concat()
        });
    }
}

#[test]
fn pings() {
    let limits = Limits {
        pings: ONLY_3,
        ..Limits::DEFAULT
    };
    check_fourth_is_too_many(limits, Limit::Pings, b"", |_| frame(PING, 0, 0, &[0; 8]));
    check_fourth_is_too_many(limits, Limit::Pings, b"", |_| frame(PING, ACK, 0, &[0; 8]));
}

#[test]
fn settings_frames() {
    let rate = Rate { burst: 4, ..ONLY_3 };
    let limits = Limits {
        settings: rate,
        ..Limits::DEFAULT
    };
    check_fourth_is_too_many(limits, Limit::Settings, b"", |_| settings(&[]));
}

#[test]
fn frames_that_carry_nothing() {
    let limits = Limits {
        empty_frames: ONLY_3,
        ..Limits::DEFAULT
    };
    let check = |each: fn() -> Vec<u8>| {
        check_fourth_is_too_many(limits, Limit::EmptyFrames, &headers(1, GET, 0), |_| each());
    };
    check(|| frame(DATA, 0, 1, b""));
    check(|| frame(DATA, PADDED, 1, &[2, 0, 0]));
    check(|| frame(PRIORITY, 0, 1, &[0; 5]));
    check(|| frame(0x42, 0, 1, b"unknown"));
}

#[test]
fn busy_clients_may_ping_as_often_as_they_are_answered() {
    let rate = Rate {
        per_reply_64ths: 64,
        ..ONLY_3
    };
    let mut rig = Rig::open_with(Limits {
        pings: rate,
        ..Limits::DEFAULT
    });
    for index in 0..100 {
        rig.exchange(&[get(2 * index + 1, 7), frame(PING, 0, 0, &[0; 8])].concat());
    }
    assert_eq!(rig.connection.end(), None);
}

#[test]
fn continuations() {
    let mut rig = Rig::open();
    let mut frames = rig.exchange(&frame(HEADERS, 0, 1, b""));
    for index in 0..=rig.limits.continuations {
        assert!(frames.is_empty(), "{index}");
        frames = rig.exchange(&frame(CONTINUATION, 0, 1, b""));
    }
    assert_eq!(goaway(&frames), ENHANCE_YOUR_CALM);
    let mut rig = Rig::open();
    rig.exchange(&frame(HEADERS, 0, 1, &[0; 16_384]));
    rig.exchange(&frame(CONTINUATION, 0, 1, &[0; 16_384]));
    assert_eq!(
        goaway(&rig.exchange(&frame(CONTINUATION, 0, 1, b"x"))),
        ENHANCE_YOUR_CALM
    );
    assert_eq!(*rig.store.limits.borrow(), [Limit::Continuations]);
}

#[test]
fn header_lists_over_the_limit_are_told_so_and_the_table_stays_in_step() {
    let mut rig = Rig::open();
    // A bomb: an entry of 4000 bytes, named a hundred times.
    let mut bomb = block(&call_fields(GET));
    bomb.extend_from_slice(&[0x40, 1, b'a', 0x7F, 0xA1, 0x1E]);
    bomb.extend_from_slice(&[b'x'; 4000]);
    bomb.extend_from_slice(&[0x80 + 62; 100]);
    let reply = rig.call(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb), 1);
    assert_eq!(reply.field(":status"), Some("431"));
    assert_eq!(*rig.store.limits.borrow(), [Limit::HeaderList]);
    rig.assert_alive(3);
}

#[test]
fn streams() {
    let mut rig = Rig::open_with(Limits {
        streams: 3,
        ..Limits::DEFAULT
    });
    for index in 0..3 {
        rig.exchange(&headers(2 * index + 1, GET, 0));
    }
    let frames = rig.exchange(&headers(7, GET, 0));
    assert_eq!(rig.reply(&frames, 7).reset, Some(REFUSED_STREAM));
    assert_eq!(*rig.store.limits.borrow(), [Limit::Streams]);
    assert!(
        rig.exchange(&frame(DATA, END_STREAM, 7, &message("7")))
            .is_empty()
    );
    rig.exchange(&reset(1));
    rig.assert_alive(9);
}

#[test]
fn a_slow_preface() {
    for (sent, end) in [
        (&b""[..], End::Silent),
        (&PREFACE[..5], End::Silent),
        (PREFACE, End::Failed(ErrorCode::EnhanceYourCalm)),
    ] {
        let mut rig = Rig::default();
        rig.exchange(sent);
        assert_eq!(
            rig.connection.deadline(&rig.limits),
            rig.now.after(rig.limits.preface_time)
        );
        let time = rig.limits.preface_time;
        rig.pass(time / 2);
        assert_eq!(rig.connection.end(), None);
        rig.pass(time / 2);
        assert_eq!(rig.connection.end(), Some(end));
        assert_eq!(*rig.store.limits.borrow(), [Limit::Preface]);
    }
}

#[test]
fn a_request_that_does_not_end() {
    let mut rig = Rig::open();
    rig.exchange(&[headers(1, GET, 0), headers(3, "/other/Method", 0)].concat());
    let frames = rig.pass(rig.limits.request_time);
    let reply = rig.reply(&frames, 1);
    assert_eq!((reply.status(), reply.reset), ("3", Some(0)));
    assert_eq!(rig.reply(&frames, 3).reset, Some(0));
    assert_eq!(rig.connection.stream_count(), 0);
    assert_eq!(*rig.store.limits.borrow(), [Limit::Request; 2]);
}

#[test]
fn a_stream_without_window() {
    let mut rig = Rig::open();
    let time = rig.limits.zero_window_time;
    rig.exchange(&settings(&[(4, 100)]));
    rig.exchange(&get(1, 700));
    rig.pass(time / 2);
    rig.exchange(&window_update(1, 1));
    assert!(
        rig.pass(time / 2).is_empty(),
        "a byte of progress is progress"
    );
    let frames = rig.pass(time / 2);
    assert_eq!(rig.reply(&frames, 1).reset, Some(ENHANCE_YOUR_CALM));
    assert_eq!((rig.connection.end(), rig.store.text.holders()), (None, 0));
    assert_eq!(*rig.store.limits.borrow(), [Limit::ZeroWindow]);
}

#[test]
fn a_connection_without_window() {
    let mut rig = Rig::open();
    rig.exchange(&settings(&[(4, 1 << 20)]));
    let body = frame(DATA, END_STREAM, 1, &message(""));
    rig.exchange(&[headers(1, SYNC, 0), body].concat());
    let frames = rig.pass(rig.limits.zero_window_time);
    assert_eq!(goaway(&frames), ENHANCE_YOUR_CALM);
    assert_eq!((rig.store.text.holders(), rig.store.resets.get()), (0, 1));
}

#[test]
fn idle_and_old_connections_are_told_to_go_in_good_order() {
    for (limits, limit) in [
        (
            Limits {
                idle_time: Duration::from_secs(5),
                ..Limits::DEFAULT
            },
            Limit::Idle,
        ),
        (
            Limits {
                age: Duration::from_secs(5),
                ..Limits::DEFAULT
            },
            Limit::Age,
        ),
    ] {
        let mut rig = Rig::open_with(limits);
        rig.exchange(&get(1, 7));
        assert_eq!(
            rig.connection.deadline(&rig.limits),
            rig.now.after(Duration::from_secs(5))
        );
        let frames = rig.pass(Duration::from_secs(5));
        assert_eq!(
            (frames[0].kind, frames[0].code(), frames[1].kind),
            (GOAWAY, 0, PING)
        );
        rig.assert_alive(3);
        rig.exchange(&frame(PING, ACK, 0, &frames[1].payload));
        assert_eq!(rig.connection.end(), Some(End::Complete));
        assert_eq!(*rig.store.limits.borrow(), [limit]);
    }
}

#[test]
fn an_open_stream_is_not_idle() {
    let mut rig = Rig::open_with(Limits {
        idle_time: Duration::from_secs(5),
        ..Limits::DEFAULT
    });
    rig.exchange(&headers(1, GET, 0));
    assert!(rig.pass(Duration::from_secs(6)).is_empty());
}

#[test]
fn what_is_begun_and_not_finished() {
    let block = headers(1, GET, 0);
    let length = (block.len() - 9) as u8;
    let head_only = [0, 0, length, 1, 0, 0, 0, 0, 1];
    let unfinished_block = frame(1, 0, 1, &block[9..20]);
    for begun in [&block[..4], &head_only, &unfinished_block] {
        let mut rig = Rig::open();
        rig.exchange(begun);
        let time = rig.limits.request_time;
        assert!(rig.connection.deadline(&rig.limits) <= rig.now.after(time));
        rig.pass(time / 2);
        // A byte now and then is no progress.
        rig.exchange(if begun.len() == 9 { &block[9..10] } else { &[] });
        rig.pass(time / 3);
        assert_eq!(rig.connection.end(), None);
        let frames = rig.pass(time / 4);
        assert_eq!(goaway(&frames), ENHANCE_YOUR_CALM);
        assert_eq!(*rig.store.limits.borrow(), [Limit::Request]);
    }
}

#[test]
fn frames_that_come_in_pieces_have_a_time_each() {
    let mut rig = Rig::open();
    let time = rig.limits.request_time;
    for index in 0..4 {
        let call = get(2 * index + 1, 7);
        let (first, rest) = call.split_at(call.len() - 1);
        rig.exchange(first);
        rig.pass(time / 2);
        // The next one begins where this one ends.
        rig.exchange(rest);
        rig.pass(time / 4);
    }
    assert_eq!(rig.connection.end(), None);
    rig.assert_alive(99);
}
