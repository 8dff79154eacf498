//! Any way of cutting, padding and interleaving gives the same messages; no bytes cause a panic.

use proptest::prelude::*;

use crate::rig::store::GET;
use crate::rig::*;

/// How one request is sent.
#[derive(Clone, Debug)]
struct Call {
    length: usize,
    body_pieces: usize,
    block_pieces: usize,
    padding: u8,
    empty_end: bool,
    window: u32,
}

fn call() -> impl Strategy<Value = Call> {
    (
        0_usize..9000,
        1_usize..8,
        1_usize..5,
        0_u8..20,
        any::<bool>(),
        1_u32..5000,
    )
        .prop_map(
            |(length, body_pieces, block_pieces, padding, empty_end, window)| Call {
                length,
                body_pieces,
                block_pieces,
                padding,
                empty_end,
                window,
            },
        )
}

fn padded(kind: u8, flags: u8, stream: u32, payload: &[u8], padding: u8) -> Vec<u8> {
    if padding == 0 {
        return frame(kind, flags, stream, payload);
    }
    let mut inner = vec![padding];
    inner.extend_from_slice(payload);
    inner.resize(inner.len() + usize::from(padding), 0);
    frame(kind, flags | PADDED, stream, &inner)
}

/// Its frames; only those of one block belong together.
fn frames_of(call: &Call, stream: u32) -> Vec<Vec<u8>> {
    let fields = block(&call_fields(GET));
    let mut frames = Vec::new();
    let mut head = Vec::new();
    let pieces: Vec<_> = fields
        .chunks(fields.len().div_ceil(call.block_pieces))
        .collect();
    for (index, piece) in pieces.iter().enumerate() {
        let flags = if index + 1 == pieces.len() {
            END_HEADERS
        } else {
            0
        };
        head.extend(match index {
            0 => padded(HEADERS, flags, stream, piece, call.padding),
            _ => frame(CONTINUATION, flags, stream, piece),
        });
    }
    frames.push(head);
    let body = message(&call.length.to_string());
    let pieces: Vec<_> = body.chunks(body.len().div_ceil(call.body_pieces)).collect();
    for (index, piece) in pieces.iter().enumerate() {
        let ends = index + 1 == pieces.len() && !call.empty_end;
        let flags = if ends { END_STREAM } else { 0 };
        frames.push(padded(DATA, flags, stream, piece, call.padding));
    }
    if call.empty_end {
        frames.push(frame(DATA, END_STREAM, stream, b""));
    }
    frames
}

/// Deals the frames of all calls out in the order of `turns`.
fn interleaved(calls: &[Call], turns: &[usize]) -> Vec<u8> {
    let mut queues: Vec<_> = calls
        .iter()
        .enumerate()
        .map(|(index, call)| frames_of(call, 2 * index as u32 + 1).into_iter())
        .collect();
    // A stream is opened in the order of its number.
    let mut input: Vec<u8> = queues
        .iter_mut()
        .filter_map(Iterator::next)
        .flatten()
        .collect();
    for turn in turns {
        let index = turn % queues.len();
        input.extend(queues[index].next().into_iter().flatten());
    }
    input.extend(queues.into_iter().flatten().flatten());
    input
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 128 }))]

    #[test]
    fn any_cutting_padding_and_interleaving_gives_the_same_messages(
        calls in prop::collection::vec(call(), 1..6),
        turns in prop::collection::vec(0_usize..6, 0..30),
        cuts in prop::collection::vec(1_usize..60, 1..20),
    ) {
        let input = [hello(), interleaved(&calls, &turns)].concat();
        let mut rig = Rig::default();
        let mut rest = &input[..];
        let mut sent = Vec::new();
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            rig.receive(piece);
            sent.extend(rig.sent());
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let frames = parse(&sent);
        for (index, call) in calls.iter().enumerate() {
            let reply = rig.reply(&frames, 2 * index as u32 + 1);
            prop_assert_eq!(&reply.body, &rig.expected(call.length));
            prop_assert_eq!((reply.status(), reply.reset), ("0", None));
        }
        prop_assert_eq!(rig.connection.stream_count(), 0);
        prop_assert_eq!(rig.store.text.holders(), 0);
    }

    #[test]
    fn any_windows_give_the_same_messages(
        calls in prop::collection::vec(call(), 1..5),
        initial in 0_u32..300,
    ) {
        let mut rig = Rig::open();
        let mut frames = rig.exchange(&settings(&[(4, initial)]));
        frames.extend(rig.exchange(&interleaved(&calls, &[])));
        // Every window is opened step by step until all is there.
        for _ in 0..10_000 {
            let mut updates = window_update(0, 1000);
            for (index, call) in calls.iter().enumerate() {
                updates.extend(window_update(2 * index as u32 + 1, call.window));
            }
            frames.extend(rig.exchange(&updates));
            if rig.connection.stream_count() == 0 || rig.connection.end().is_some() {
                break;
            }
        }
        prop_assert_eq!(rig.connection.end(), None);
        for (index, call) in calls.iter().enumerate() {
            let reply = rig.reply(&frames, 2 * index as u32 + 1);
            prop_assert_eq!(&reply.body, &rig.expected(call.length));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..10)) {
        let mut rig = Rig::open();
        for piece in pieces {
            rig.exchange(&piece);
            rig.pass(std::time::Duration::from_secs(11));
        }
    }

    #[test]
    fn no_frames_make_it_panic(
        frames in prop::collection::vec(
            (0_u8..11, any::<u8>(), 0_u32..12, prop::collection::vec(any::<u8>(), 0..12), any::<bool>()),
            0..60,
        ),
    ) {
        let mut rig = Rig::open();
        rig.exchange(&settings(&[(4, 50)]));
        for (kind, flags, stream, payload, whole) in frames {
            let input = if whole { get(stream, 4000) } else { frame(kind, flags, stream, &payload) };
            rig.exchange(&input);
        }
        rig.pass(std::time::Duration::from_secs(31));
    }
}
