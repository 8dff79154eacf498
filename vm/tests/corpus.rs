//! What the fuzzers found worth keeping, once more.

mod fuzzed;

use std::path::Path;

#[track_caller]
fn replay(name: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus") {
        let path = entry.expect("an entry").path();
        run(&std::fs::read(&path).expect("a file"));
        files += 1;
    }
    assert!(files >= 3, "{name}: {files}");
}

#[test]
fn scripts_of_the_corpus_run() {
    replay("scripts", fuzzed::scripts);
}

#[test]
fn definitions_of_the_corpus_run() {
    replay("definitions", fuzzed::definitions);
}

#[test]
fn bytecode_of_the_corpus_is_sound() {
    replay("bytecode", fuzzed::bytecode);
}

#[test]
fn binary_forms_of_the_corpus_are_refused_or_sound() {
    replay("binary", fuzzed::binary);
}
