//! The table of diagnostics in `docs/language.md` is the one of the code.
//!
//! ```sh
//! AVAP_GOLDEN=write cargo test -p vm document
//! ```
//!
//! writes it.

use super::codes::CODES;
use std::fmt::Write as _;
use std::path::Path;

const BEGIN: &str = "<!-- generated: diagnostics -->\n";
const END: &str = "<!-- end -->";

#[test]
fn the_document_lists_every_diagnostic() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/language.md");
    let content = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = content.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let mut table = String::from("| code | severity | what |\n|---|---|---|\n");
    for info in CODES {
        let strict = if info.strict { ", strict" } else { "" };
        writeln!(
            table,
            "| `{}` | {}{strict} | {} |",
            info.name,
            info.severity.name(),
            info.about
        )
        .unwrap();
    }
    let expected = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("AVAP_GOLDEN").is_some() {
        std::fs::write(&path, &expected).unwrap();
    } else {
        assert_eq!(content, expected);
    }
}
