//! Reads expressions from standard input, a JSON string on each line, and writes what the parser makes of each as a line of JSON:
//! `{"tree": "(+ a 1)"}` or `{"error": "…", "start": byte, "end": byte}`. Tests compare it with `CPython`'s `ast`.

use std::io::{BufRead as _, Write as _};
use vm::script::expression::{Expressions, parse, print::print};
use vm::script::span::Span;

fn main() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str::<String>(&line?) {
            Ok(text) => {
                let mut expressions = Expressions::default();
                match parse(&mut expressions, &text, Span::new(0, text.len())) {
                    Ok(parsed) => serde_json::json!({"tree": print(&expressions, parsed.root)}),
                    Err(error) => {
                        serde_json::json!({"error": error.message, "start": error.span.start, "end": error.span.end})
                    }
                }
            }
            Err(error) => serde_json::json!({"unreadable": error.to_string()}),
        };
        writeln!(output, "{answer}")?;
    }
    Ok(())
}
