#![no_main]

#[path = "../../tests/rig/mod.rs"]
mod rig;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rig::fuzzed::hpack(data));
