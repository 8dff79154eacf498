//! Warm requests through the core, for an instruction counter: `warm_requests SHAPE REQUESTS`.
//! `make bench-count` runs it under callgrind twice and takes the difference.

#[path = "../tests/rig/mod.rs"]
mod rig;

use rig::store::GET;
use rig::{
    DATA, END_HEADERS, END_STREAM, HEADERS, Rig, block, call_fields, frame, message, settings,
    window_update,
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(shape), Some(requests)) = (arguments.next(), arguments.next()) else {
        panic!("SHAPE REQUESTS");
    };
    let requests: u32 = requests.parse().expect("a number of requests");
    // Requests in one readable event.
    let (together, length) = match shape.as_str() {
        "1-stream" => (1, 700),
        "100-streams" | "100-streams-small-windows" => (100, 700),
        "10-streams" | "10-streams-unknown-headers" | "10-streams-small-windows" => (10, 700),
        "10-streams-not-found" => (10, 999_999),
        other => panic!("no shape {other}"),
    };
    let mut rig = Rig::open();
    if shape.ends_with("small-windows") {
        rig.exchange(&settings(&[(4, 300)]));
    }
    let mut stream = 1;
    for turn in 0..requests / together {
        let mut input = Vec::new();
        let first = stream;
        for _ in 0..together {
            let mut fields = call_fields(GET);
            if shape.ends_with("unknown-headers") {
                fields.push(("x-trace", if turn % 2 == 0 { "a" } else { "b" }));
            }
            input.extend(frame(HEADERS, END_HEADERS, stream, &block(&fields)));
            let body = message(&length.to_string());
            input.extend(frame(DATA, END_STREAM, stream, &body));
            stream += 2;
        }
        input.extend(window_update(0, together * 705));
        counted(&mut rig, &input);
        if shape.ends_with("small-windows") {
            let updates = (first..stream)
                .step_by(2)
                .map(|stream| window_update(stream, 1000));
            counted(&mut rig, &updates.collect::<Vec<_>>().concat());
        }
        rig.store.ended.borrow_mut().clear();
    }
    assert_eq!(rig.connection.end(), None);
}

/// What is counted: the connection's part of one readable event.
#[inline(never)]
fn counted(rig: &mut Rig, input: &[u8]) {
    rig.receive(input);
    let sent = rig.output.len();
    assert!(sent > 0);
    rig.output.advance(sent);
}
