//! Every input that the fuzzers keep, replayed.

#[path = "rig/mod.rs"]
mod rig;

use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        run(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "no corpus in {}", folder.display());
}

#[test]
fn inputs_for_the_connection() {
    replay("connection", rig::fuzzed::connection);
}

#[test]
fn inputs_for_the_header_decoder() {
    replay("hpack", rig::fuzzed::hpack);
}
