//! Scripts with their trees side by side: `golden/*.txt`.
//!
//! A file holds parts `==== title`, the script, `----`, and the tree as `print` writes it. After a wanted change:
//!
//! ```sh
//! AVAP_GOLDEN=write cargo test -p vm golden
//! ```
//!
//! rewrites the trees; read the difference before it is committed.

use super::{parse, print};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/script/golden");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn tree(script: &str) -> String {
    match parse(script) {
        Ok(script) => print::print(&script),
        Err(error) => format!("refused: {error}\n"),
    }
}

#[test]
fn golden_trees_are_as_written() {
    let write = std::env::var_os("AVAP_GOLDEN").is_some();
    let mut parts = 0;
    for file in files() {
        let content = std::fs::read_to_string(&file).unwrap();
        let mut rewritten = String::new();
        for part in content.split("==== ").skip(1) {
            let (title, rest) = part.split_once('\n').unwrap();
            let (script, _) = rest.split_once("----\n").unwrap_or((rest, ""));
            write!(rewritten, "==== {title}\n{script}----\n{}", tree(script)).unwrap();
            parts += 1;
        }
        if write {
            std::fs::write(&file, &rewritten).unwrap();
        } else {
            assert_eq!(rewritten, content, "{}", file.display());
        }
    }
    assert!(parts > 30, "{parts} golden trees");
}
