//! Flags inside a pattern: `(?i)`, `(?i-s:…)`.

use super::{Parsed, Parser, error};
use crate::run::builtins::re::tree::Flags;
use crate::run::latin1::Alphabet;

/// Why a flag cannot stand in a pattern.
fn refused(alphabet: Alphabet, mark: char) -> Option<&'static str> {
    match (alphabet, mark) {
        (Alphabet::Bytes, 'u') => {
            Some("bad inline flags: cannot use 'u' flag with a bytes pattern")
        }
        (Alphabet::Bytes, 'L') => Some("bad inline flags: flag 'L' is not available"),
        (Alphabet::Characters, 'L') => {
            Some("bad inline flags: cannot use 'L' flag with a str pattern")
        }
        _ => None,
    }
}

impl Parser {
    /// `(?i)` for all, or `(?i-s:` for a group, whose flags are given.
    pub(super) fn flags(
        &mut self,
        known: Flags,
        mark: char,
        start: usize,
        first: bool,
    ) -> Parsed<Option<Flags>> {
        let mut on = known;
        let mut global = self.tree.flags;
        let mut mark = mark;
        let mut minus = false;
        let (mut turned_on, mut ascii, mut unicode) = (Vec::new(), false, false);
        if mark != '-' {
            loop {
                if let Some(refusal) = refused(known.alphabet, mark) {
                    return error(refusal, self.at);
                }
                turned_on.push(mark);
                ascii |= mark == 'a';
                unicode |= mark == 'u';
                if ascii && unicode {
                    return error(
                        "bad inline flags: flags 'a', 'u' and 'L' are incompatible",
                        self.at,
                    );
                }
                match mark {
                    'i' => (on.ignore_case, global.ignore_case) = (true, true),
                    'm' => (on.multiline, global.multiline) = (true, true),
                    's' => (on.dot_all, global.dot_all) = (true, true),
                    'x' => (on.verbose, global.verbose) = (true, true),
                    'a' => (on.ascii, global.ascii) = (true, true),
                    _ => on.ascii = false,
                }
                match self.next() {
                    None => return error("missing -, : or )", self.at),
                    Some(')') => {
                        if !first {
                            return error("global flags not at the start of the expression", start);
                        }
                        self.tree.flags = global;
                        return Ok(None);
                    }
                    Some(':') => return Ok(Some(on)),
                    Some('-') => {
                        minus = true;
                        break;
                    }
                    Some(next @ ('a' | 'i' | 'L' | 'm' | 's' | 'u' | 'x')) => mark = next,
                    Some(other) => {
                        let text = if other.is_alphabetic() {
                            "unknown flag"
                        } else {
                            "missing -, : or )"
                        };
                        return error(text, self.at - 1);
                    }
                }
            }
        }
        debug_assert!(minus || mark == '-');
        let mut any = false;
        let mut both = false;
        loop {
            let next = self.next();
            both |= next.is_some_and(|flag| turned_on.contains(&flag));
            match next {
                None => {
                    let text = if any { "missing :" } else { "missing flag" };
                    return error(text, self.at);
                }
                Some(':') if any && both => {
                    return error("bad inline flags: flag turned on and off", self.at - 1);
                }
                Some(':') if any => return Ok(Some(on)),
                Some('i') => on.ignore_case = false,
                Some('m') => on.multiline = false,
                Some('s') => on.dot_all = false,
                Some('x') => on.verbose = false,
                Some('a' | 'u' | 'L') => {
                    return error(
                        "bad inline flags: cannot turn off flags 'a', 'u' and 'L'",
                        self.at,
                    );
                }
                Some(other) => {
                    let text = if other.is_alphabetic() {
                        "unknown flag"
                    } else if any {
                        "missing :"
                    } else {
                        "missing flag"
                    };
                    return error(text, self.at - 1);
                }
            }
            any = true;
        }
    }
}
