//! Diagnostics for a terminal: the line, a caret, what happens, what was meant.

use super::{Diagnostic, Report};
use crate::script::source::Source;
use std::fmt::Write as _;

/// Characters of a line that are shown.
const WIDTH_MAX: usize = 110;

/// Writes a report as compilers do. `file` names the script; `text` is what was checked.
///
/// ```text
/// warning[empty-argument]: this argument of `addVar` is empty and dropped: later ones move left
///  --> script.avap:1:8
///   |
/// 1 | addVar(, k, 4)
///   |        ^
///   = write `""` for an empty text
/// ```
#[must_use]
pub fn render(report: &Report, text: &str, file: &str) -> String {
    let mut out = String::new();
    if report.diagnostics.is_empty() {
        return out;
    }
    let source = Source::new(if text.len() <= crate::limits::SCRIPT_BYTES_MAX {
        text
    } else {
        ""
    });
    for one in &report.diagnostics {
        diagnostic(&mut out, one, &source, file);
    }
    if report.left_out > 0 {
        _ = writeln!(out, "and {} more", report.left_out);
    }
    out
}

fn diagnostic(out: &mut String, one: &Diagnostic, source: &Source, file: &str) {
    let info = one.code.info();
    let line_number = one.position.line.to_string();
    let margin = " ".repeat(line_number.len());
    _ = writeln!(
        out,
        "{}[{}]: {}",
        info.severity.name(),
        info.name,
        one.happens
    );
    _ = writeln!(out, "{margin}--> {file}:{}", one.position);
    if one.position.line <= source.lines() {
        let line = source.line(one.position.line - 1);
        let content = source.get(line);
        let column = one.position.column as usize - 1;
        // A long line is shown around the place.
        let skipped = if column > WIDTH_MAX * 3 / 4 {
            column - WIDTH_MAX / 2
        } else {
            0
        };
        let shown: String = content
            .chars()
            .skip(skipped)
            .take(WIDTH_MAX)
            .map(printable)
            .collect();
        let end = (one.span.end.min(line.end).max(one.span.start) - line.start) as usize;
        let start = (one.span.start.max(line.start) - line.start) as usize;
        let wide = content
            .get(start..end)
            .map_or(1, |marked| marked.chars().count())
            .max(1);
        let room = (skipped + WIDTH_MAX).saturating_sub(column).max(1);
        _ = writeln!(out, "{margin} |");
        _ = writeln!(out, "{line_number} | {}", shown.trim_end());
        _ = writeln!(
            out,
            "{margin} | {}{}",
            " ".repeat(column - skipped),
            "^".repeat(wide.min(room))
        );
    }
    _ = writeln!(out, "{margin} = {}\n", one.meant);
}

/// Tabs and control characters take one column each.
fn printable(char: char) -> char {
    if char.is_control() { ' ' } else { char }
}
