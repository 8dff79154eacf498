//! What the fuzzers found worth keeping, once more, and a short run from there: the same changes of it each time, without
//! the feedback of coverage that `make fuzz` has.

mod fuzzed;

use std::ops::Range;
use std::panic;
use std::path::Path;

/// Changed inputs of a target.
const CHANGED: usize = 2000;
/// Changes of one of them, at most.
const CHANGES_MAX: usize = 6;
/// Of a part that is dropped or copied.
const PART_BYTES_MAX: usize = 64;

#[track_caller]
fn replay(name: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let inputs: Vec<Vec<u8>> = paths
        .iter()
        .map(|path| std::fs::read(path).expect("a file"))
        .collect();
    assert!(inputs.len() >= 3, "{name}: {}", inputs.len());
    for input in &inputs {
        run(input);
    }
    let mut random = Random(0);
    for _ in 0..CHANGED {
        let mut input = inputs[random.below(inputs.len())].clone();
        for _ in 0..=random.below(CHANGES_MAX) {
            change(&mut input, &inputs, &mut random);
        }
        if let Err(what) = panic::catch_unwind(|| run(&input)) {
            eprintln!("{name}: {:?}", input.escape_ascii().to_string());
            panic::resume_unwind(what);
        }
    }
}

/// `SplitMix64` (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) % end as u64) as usize
    }

    /// A part of something of this length.
    fn part(&mut self, length: usize) -> Range<usize> {
        let from = self.below(length + 1);
        from..from + self.below((length - from).min(PART_BYTES_MAX) + 1)
    }
}

/// A change such as libFuzzer makes: of a byte, bytes gone, bytes twice, bytes of another input.
fn change(input: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() + 1);
    match random.below(5) {
        0 if at < input.len() => input[at] = random.below(256) as u8,
        1 if at < input.len() => input[at] ^= 1 << random.below(8),
        2 => drop(input.drain(random.part(input.len()))),
        3 => {
            let twice = input[random.part(input.len())].to_vec();
            input.splice(at..at, twice);
        }
        _ => {
            let other = &others[random.below(others.len())];
            let taken = other[random.part(other.len())].to_vec();
            input.splice(at..at, taken);
        }
    }
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
