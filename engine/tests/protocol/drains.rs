//! Going away in two steps (RFC 9113, section 6.8).

use std::time::Duration;

use engine::End;

use crate::rig::store::{GET, WATCH};
use crate::rig::*;

fn begin(rig: &mut Rig) -> Vec<Frame> {
    rig.turn(engine::Connection::begin_drain);
    parse(&rig.sent())
}

fn last_stream(frame: &Frame) -> u32 {
    u32::from_be_bytes(frame.payload[..4].try_into().unwrap())
}

#[test]
fn what_was_sent_before_the_first_goaway_arrived_is_answered() {
    let mut rig = Rig::open();
    rig.exchange(&headers(1, GET, 0));
    let frames = begin(&mut rig);
    assert_eq!(
        (frames[0].kind, last_stream(&frames[0])),
        (GOAWAY, (1 << 31) - 1)
    );
    assert_eq!((frames[1].kind, frames[1].flags), (PING, 0));
    assert!(begin(&mut rig).is_empty(), "once is enough");
    rig.assert_alive(3);
    let last = rig.exchange(&frame(PING, ACK, 0, &frames[1].payload));
    assert_eq!((last[0].kind, last_stream(&last[0])), (GOAWAY, 3));
    // Later streams are ignored, earlier ones answered.
    assert!(rig.exchange(&get(5, 7)).is_empty());
    assert_eq!(rig.connection.end(), None);
    let reply = rig.call(&frame(DATA, END_STREAM, 1, &message("7")), 1);
    assert_eq!(reply.body, rig.expected(7));
    assert_eq!(rig.connection.end(), Some(End::Complete));
}

#[test]
fn a_peer_that_answers_no_ping_is_given_a_second() {
    let mut rig = Rig::open();
    begin(&mut rig);
    assert!(rig.pass(Duration::from_millis(900)).is_empty());
    assert_eq!(rig.pass(Duration::from_millis(100))[0].kind, GOAWAY);
    assert_eq!(rig.connection.end(), Some(End::Complete));
}

#[test]
fn watches_end_with_unavailable() {
    let mut rig = Rig::open();
    let body = frame(DATA, END_STREAM, 1, &message(""));
    rig.exchange(&[headers(1, WATCH, 0), body].concat());
    let frames = begin(&mut rig);
    let reply = rig.reply(&frames, 1);
    assert_eq!((reply.status(), reply.ended), ("14", true));
    assert_eq!(rig.connection.stream_count(), 0);
}

#[test]
fn a_peer_that_has_not_spoken_is_let_go_after_a_second() {
    let mut rig = Rig::default();
    assert!(begin(&mut rig).is_empty());
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.connection.end(), Some(End::Silent));
    let mut rig = Rig::default();
    begin(&mut rig);
    let frames = rig.exchange(&hello());
    assert!(frames.iter().any(|frame| frame.kind == GOAWAY));
    rig.assert_alive(1);
}
