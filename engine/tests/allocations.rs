//! A warm request allocates nothing: counted, not believed.

#[path = "rig/mod.rs"]
mod rig;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use rig::store::GET;
use rig::*;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // The thread may be ending.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait")]
// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count();
        // SAFETY: `pointer` came from `System` with this layout.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const REQUESTS: u32 = if cfg!(miri) { 100 } else { 100_000 };
const TOGETHER: u32 = 10;

/// How a request is sent.
type Shape = fn(u32, &mut Vec<u8>);

fn allocations_of(shape: Shape) -> u64 {
    let mut rig = Rig::open();
    // The test's own record of what ended.
    rig.store.ended.borrow_mut().reserve(2 * REQUESTS as usize);
    let mut input = Vec::with_capacity(1 << 16);
    let mut stream = 1;
    let mut turns = |rig: &mut Rig, requests: u32| {
        for _ in 0..requests / TOGETHER {
            input.clear();
            for _ in 0..TOGETHER {
                shape(stream, &mut input);
                stream += 2;
            }
            input.extend_from_slice(&[0, 0, 4, WINDOW_UPDATE, 0, 0, 0, 0, 0]);
            input.extend_from_slice(&(TOGETHER * 705).to_be_bytes());
            let (input, rest) = input.split_at(input.len() / 3);
            rig.receive(input);
            rig.receive(rest);
            let sent = rig.output.len();
            assert!(sent > TOGETHER as usize * 705);
            rig.output.advance(sent);
        }
    };
    turns(&mut rig, 1000.min(REQUESTS));
    let before = ALLOCATIONS.get();
    turns(&mut rig, REQUESTS);
    ALLOCATIONS.get() - before
}

thread_local! {
    static CALL: Vec<u8> = get(1, 700);
    static PIECES: Vec<u8> = [
        headers(1, GET, 0),
        frame(DATA, 0, 1, &message("700")[..4]),
        frame(DATA, 0, 1, &message("700")[4..]),
        frame(DATA, END_STREAM, 1, b""),
    ]
    .concat();
}

/// The frames of `template`, renumbered.
fn put(template: &[u8], stream: u32, input: &mut Vec<u8>) {
    let mut at = input.len();
    input.extend_from_slice(template);
    while let Some([a, b, c, ..]) = input.get(at..) {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        input[at + 5..at + 9].copy_from_slice(&stream.to_be_bytes());
        at += 9 + length;
    }
}

#[test]
fn a_hundred_thousand_warm_requests_allocate_nothing() {
    let whole: Shape = |stream, input| CALL.with(|call| put(call, stream, input));
    assert_eq!(allocations_of(whole), 0);
    let pieces: Shape = |stream, input| PIECES.with(|call| put(call, stream, input));
    assert_eq!(allocations_of(pieces), 0);
}
