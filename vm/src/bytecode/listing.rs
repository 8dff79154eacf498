//! The text form of code: printed for golden listings and traces, and read back.
//!
//! ```text
//! function name registers=3 unset=1..3 generator
//!   constant k0 "text"
//!   handler 2..7 @9 =r1
//!      0  load =r0 k0
//! end
//! ```

use std::fmt::Write;

use super::code::{Code, Constant, Handler};
use super::op::Op;
use super::operand::Operand;

/// Print a function and those inside it.
#[must_use]
pub fn print(code: &Code) -> String {
    let mut out = String::new();
    let mut waiting = vec![code];
    while let Some(code) = waiting.pop() {
        print_one(&mut out, code);
        waiting.extend(code.children.iter().rev());
    }
    out
}

fn print_one(out: &mut String, code: &Code) {
    // Writing to a String cannot fail.
    let _ = write!(out, "function {} registers={}", code.name, code.registers);
    if code.unset_start < code.unset_end {
        let _ = write!(out, " unset={}..{}", code.unset_start, code.unset_end);
    }
    if code.is_generator {
        out.push_str(" generator");
    }
    out.push('\n');
    for (index, constant) in code.constants.iter().enumerate() {
        let _ = writeln!(out, "  constant k{index} {constant:?}");
    }
    for (index, site) in code.sites.iter().enumerate() {
        let _ = writeln!(out, "  site s{index} {site:?}");
    }
    for handler in &code.handlers {
        let Handler {
            start,
            end,
            target,
            caught,
        } = handler;
        let _ = writeln!(out, "  handler {start}..{end} {target} {caught}");
    }
    for (index, op) in code.ops.iter().enumerate() {
        let _ = writeln!(out, "{index:6}  {op}");
    }
    out.push_str("end\n");
}

/// Read the instructions of a printed function back; constants and handlers are read as far as they bear on them.
#[must_use]
pub fn parse_ops(listing: &str) -> Option<(Vec<Op>, Vec<Handler>)> {
    let (mut ops, mut handlers) = (Vec::new(), Vec::new());
    for line in listing.lines() {
        let line = line.trim_start();
        if let Some(rest) = line.strip_prefix("handler ") {
            let mut words = rest.split_whitespace();
            let (start, end) = words.next()?.split_once("..")?;
            handlers.push(Handler {
                start: start.parse().ok()?,
                end: end.parse().ok()?,
                target: Operand::parse(words.next()?)?,
                caught: Operand::parse(words.next()?)?,
            });
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            ops.push(Op::parse(line.split_once("  ")?.1)?);
        } else if line == "end" {
            return Some((ops, handlers));
        }
    }
    None
}

impl Constant {
    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}
