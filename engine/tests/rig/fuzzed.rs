//! What the fuzzers run, and the corpus test after them. None of it may panic.

use std::time::Duration;

use engine::hpack::{Decoder, Strings};

use super::{Connection, Rig, frame, get, hello, parse, settings, window_update};

/// Bytes as instructions for a peer: raw bytes, whole frames, calls, time, a reader that stalls.
pub fn connection(data: &[u8]) {
    let mut rig = Rig::default();
    let mut rest = data;
    if take(&mut rest) & 1 == 0 {
        rig.exchange(&hello());
    }
    while !rest.is_empty() && rig.connection.end().is_none() {
        match take(&mut rest) % 8 {
            0 => {
                let length = usize::from(take(&mut rest));
                let piece = take_slice(&mut rest, length);
                rig.receive(piece);
            }
            1 | 2 => {
                let (kind, flags) = (take(&mut rest) % 12, take(&mut rest));
                let stream = u32::from(take(&mut rest)) % 16;
                let length = usize::from(take(&mut rest)) % 32;
                let payload = take_slice(&mut rest, length);
                rig.receive(&frame(kind, flags, stream, payload));
            }
            3 => {
                let stream = u32::from(take(&mut rest)) | 1;
                let length = usize::from(take(&mut rest)) * 300;
                rig.receive(&get(stream, length));
            }
            4 => {
                let window = u32::from(take(&mut rest)) * 20;
                rig.receive(&settings(&[(4, window)]));
            }
            5 => {
                let stream = u32::from(take(&mut rest)) % 16;
                rig.receive(&window_update(stream, 1 + u32::from(take(&mut rest)) * 100));
            }
            6 => {
                rig.now = rig
                    .now
                    .after(Duration::from_secs(u64::from(take(&mut rest))));
                rig.turn(Connection::expire);
            }
            _ => {
                // Whatever was queued is whole frames.
                let frames = parse(&rig.sent());
                assert!(frames.iter().all(|frame| frame.payload.len() <= 64 * 1024));
            }
        }
        if take(&mut rest) & 7 == 7 {
            rig.turn(Connection::begin_drain);
        }
    }
    parse(&rig.sent());
    rig.connection.abandon(&rig.store);
    rig.output.clear();
    assert_eq!(rig.store.text.holders(), 0);
}

/// Blocks for one decoder, each behind its length.
pub fn hpack(data: &[u8]) {
    let mut decoder = Decoder::default();
    let mut strings = Strings::default();
    let mut rest = data;
    while !rest.is_empty() {
        let length = usize::from(take(&mut rest));
        let block = take_slice(&mut rest, length);
        if decoder.decode(block, &mut strings, |_, _| {}).is_err() {
            return;
        }
    }
}

fn take(rest: &mut &[u8]) -> u8 {
    rest.split_off_first().copied().unwrap_or_default()
}

fn take_slice<'data>(rest: &mut &'data [u8], length: usize) -> &'data [u8] {
    let (taken, after) = rest.split_at(length.min(rest.len()));
    *rest = after;
    taken
}
