//! Every input that the fuzzers keep, replayed.

#[path = "rig/mod.rs"]
mod rig;

use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut inputs: Vec<Vec<u8>> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert!(!inputs.is_empty(), "no corpus in {}", folder.display());
    if cfg!(miri) {
        // Miri takes a second for a thousand bytes.
        inputs.sort_by_key(Vec::len);
        inputs.truncate(20);
    }
    for input in &inputs {
        run(input);
    }
}

#[test]
fn inputs_for_the_connection() {
    replay("connection", rig::fuzzed::connection);
}

#[test]
fn inputs_for_the_header_decoder() {
    replay("hpack", rig::fuzzed::hpack);
}
