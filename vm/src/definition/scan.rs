//! A look at a definition's brackets, indents and operators before anything recurses on them.
//!
//! The parser, the tree's drop and the lowering all recurse on nesting: of brackets, of blocks, and of chains such as
//! `a + b + …`, `not not …`, `a.b.c…`, `x if c else y if …`. For each open bracket the scan counts the operators since the
//! last comma, newline or bracket; the sum over all open brackets bounds the depth of the tree. It overcounts, never under.

use super::DefinitionError;
use crate::limits::{DEFINITION_BYTES_MAX, DEFINITION_NESTING_MAX};
use crate::script::span::Span;

/// Refuse a text that is too long or nests too deep.
#[allow(clippy::too_many_lines, reason = "one arm a byte")]
pub fn check(source: &str) -> Result<(), DefinitionError> {
    if source.len() > DEFINITION_BYTES_MAX {
        let message = format!(
            "the definition has {} bytes; at most {DEFINITION_BYTES_MAX} are compiled",
            source.len()
        );
        return Err(DefinitionError::at(source, Span::default(), message));
    }
    if let Some(place) = source.bytes().position(|byte| byte == 0) {
        return Err(DefinitionError::at(
            source,
            Span::new(place, place),
            "source code cannot contain null bytes",
        ));
    }
    let bytes = source.as_bytes();
    // Operators pending in each open bracket; the first entry is outside of all.
    let mut pending: Vec<usize> = vec![0];
    let mut total = 0;
    let mut indent = 0;
    let mut place = 0;
    let mut line_start = true;
    while place < bytes.len() {
        if line_start && pending.len() == 1 {
            let width = bytes[place..]
                .iter()
                .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\x0c'))
                .count();
            if !matches!(bytes.get(place + width), None | Some(b'\n' | b'\r' | b'#')) {
                indent = indent_levels(&bytes[place..place + width]);
            }
            place += width;
            line_start = false;
            continue;
        }
        line_start = false;
        let byte = bytes[place];
        let step = match byte {
            b'#' => bytes[place..]
                .iter()
                .position(|byte| *byte == b'\n')
                .unwrap_or(bytes.len() - place),
            b'"' | b'\'' => {
                let is_format = prefix_has_f(bytes, place);
                let length = literal_length(&bytes[place..]);
                if is_format {
                    // Braces nest expressions; all of them count, even those that are doubled.
                    let inside = bytes[place..place + length]
                        .iter()
                        .filter(|byte| {
                            matches!(byte, b'{' | b'(' | b'[' | b'.' | b'+' | b'-' | b'*' | b'!')
                        })
                        .count();
                    if total + inside > DEFINITION_NESTING_MAX {
                        return Err(too_deep(source, place));
                    }
                }
                length
            }
            b'(' | b'[' | b'{' => {
                pending.push(1);
                total += 1;
                1
            }
            b')' | b']' | b'}' => {
                if pending.len() > 1 {
                    total -= pending.pop().unwrap_or_default();
                }
                // What follows a bracket hangs on it: a[0][0]…
                total += 1;
                if let Some(last) = pending.last_mut() {
                    *last += 1;
                }
                1
            }
            b',' | b';' => {
                total -= restart(&mut pending);
                1
            }
            b'\n' => {
                if pending.len() == 1 {
                    total -= restart(&mut pending);
                    line_start = true;
                }
                1
            }
            b'\\' => 2,
            b'+' | b'-' | b'*' | b'/' | b'%' | b'@' | b'&' | b'|' | b'^' | b'~' | b'<' | b'>'
            | b'.' | b':' | b'=' | b'!' => {
                total += 1;
                if let Some(last) = pending.last_mut() {
                    *last += 1;
                }
                1
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => {
                let length = bytes[place..]
                    .iter()
                    .take_while(|byte| {
                        byte.is_ascii_alphanumeric() || **byte == b'_' || **byte >= 0x80
                    })
                    .count();
                let word = &bytes[place..place + length];
                if matches!(
                    word,
                    b"not"
                        | b"if"
                        | b"else"
                        | b"lambda"
                        | b"await"
                        | b"and"
                        | b"or"
                        | b"in"
                        | b"is"
                        | b"for"
                ) {
                    total += 1;
                    if let Some(last) = pending.last_mut() {
                        *last += 1;
                    }
                }
                length
            }
            _ => 1,
        };
        if total + indent > DEFINITION_NESTING_MAX {
            return Err(too_deep(source, place));
        }
        place += step;
    }
    Ok(())
}

fn too_deep(source: &str, place: usize) -> DefinitionError {
    let message = format!(
        "nested too deep: more than {DEFINITION_NESTING_MAX} open brackets, indents and operators; \
         use variables for the parts"
    );
    DefinitionError::at(source, Span::new(place, place), message)
}

/// Forget the operators pending in the innermost bracket, but for the bracket itself.
fn restart(pending: &mut [usize]) -> usize {
    let keep = usize::from(pending.len() > 1);
    match pending.last_mut() {
        Some(last) => std::mem::replace(last, keep) - keep,
        None => 0,
    }
}

/// Blocks around a line: at least one column each, so columns bound them.
fn indent_levels(white: &[u8]) -> usize {
    white
        .iter()
        .map(|byte| if *byte == b'\t' { 8 } else { 1 })
        .sum::<usize>()
}

/// Is the literal at `place` an f-string, or might it be one?
fn prefix_has_f(bytes: &[u8], place: usize) -> bool {
    bytes[..place]
        .iter()
        .rev()
        .take(2)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .any(|byte| matches!(byte, b'f' | b'F' | b't' | b'T'))
}

/// Bytes of the literal at the start, quotes included; an unclosed one ends with its line (or the text).
fn literal_length(bytes: &[u8]) -> usize {
    let quote = bytes[0];
    let triple = bytes.len() > 2 && bytes[1] == quote && bytes[2] == quote;
    let mut place = if triple { 3 } else { 1 };
    while place < bytes.len() {
        match bytes[place] {
            b'\\' => place += 2,
            b'\n' if !triple => return place,
            byte if byte == quote => {
                if !triple {
                    return place + 1;
                }
                if bytes[place..].starts_with(&[quote, quote, quote]) {
                    return place + 3;
                }
                place += 1;
            }
            _ => place += 1,
        }
    }
    bytes.len()
}
