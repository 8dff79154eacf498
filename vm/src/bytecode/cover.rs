//! Which handler gets the exception of an instruction, found by bisection.
//!
//! The top-level statements of a script have a handler each, so that a script of 20,000 statements which all fail would
//! look at 200 million handlers one by one: 430 ms, where 20,000 that do not fail take 35.
//!
//! ```text
//! handlers  0: 4..6   1: 2..9   2: 11..14        inner ones first, and the first one counts
//! covers    2: 1   4: 0   6: 1   9: none   11: 2   14: none
//! ```
//!
//! Handlers that stand apart, in order, need no such table: a script's do.

use std::collections::BTreeSet;

use super::code::{Code, Handler};

/// What holds from an instruction to that of the next cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cover {
    start: u32,
    /// Number of the handler; [`NONE`]: exceptions leave the function.
    handler: u32,
}

pub(super) const NONE: u32 = u32::MAX;

/// Do a code's covers say what `found` says, the number of the handler of each instruction or [`NONE`]?
pub(super) fn agree(code: &Code, found: &[u32]) -> bool {
    if code.covers.is_empty() {
        return stand_apart(&code.handlers);
    }
    let (mut place, mut handler) = (0, NONE);
    for cover in &code.covers {
        let before = found.get(place..cover.start as usize);
        if !before.is_some_and(|before| before.iter().all(|found| *found == handler)) {
            return false;
        }
        (place, handler) = (cover.start as usize, cover.handler);
    }
    found[place..].iter().all(|found| *found == handler)
}

/// Can they be bisected?
fn stand_apart(handlers: &[Handler]) -> bool {
    handlers.is_sorted_by(|one, next| one.end <= next.start)
}

/// The covers of a list of handlers, in order; none when the handlers themselves can be bisected.
pub(super) fn covers(handlers: &[Handler]) -> Box<[Cover]> {
    if stand_apart(handlers) {
        return Box::default();
    }
    let mut edges = Vec::with_capacity(handlers.len() * 2);
    for (number, handler) in handlers.iter().enumerate() {
        if handler.start < handler.end {
            edges.push((handler.start, number as u32));
            edges.push((handler.end, number as u32));
        }
    }
    // Nearly in order: a stable sort makes use of that.
    edges.sort_by_key(|(place, _)| *place);
    let mut open = BTreeSet::new();
    let mut covers: Vec<Cover> = Vec::with_capacity(edges.len());
    for (start, number) in edges {
        if !open.remove(&number) {
            open.insert(number);
        }
        let handler = open.first().copied().unwrap_or(NONE);
        match covers.last_mut() {
            Some(last) if last.start == start => last.handler = handler,
            _ => covers.push(Cover { start, handler }),
        }
    }
    covers.into()
}

impl Code {
    /// The handler that gets the exception of an instruction.
    #[must_use]
    pub fn handler_at(&self, instruction: u32) -> Option<&Handler> {
        self.handler_seen(instruction, || ())
    }

    /// The same; `look` is called for each handler or cover that is looked at.
    fn handler_seen(&self, instruction: u32, mut look: impl FnMut()) -> Option<&Handler> {
        if self.covers.is_empty() {
            let after = self.handlers.partition_point(|handler| {
                look();
                handler.start <= instruction
            });
            let handler = self.handlers.get(after.checked_sub(1)?)?;
            return (instruction < handler.end).then_some(handler);
        }
        let after = self.covers.partition_point(|cover| {
            look();
            cover.start <= instruction
        });
        let cover = self.covers.get(after.checked_sub(1)?)?;
        self.handlers.get(cover.handler as usize)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bytecode::operand::{Dst, Target};

    fn code(ranges: &[(u32, u32)]) -> Code {
        let handlers = ranges.iter().enumerate().map(|(number, (start, end))| {
            let (target, caught) = (Target(number as u32), Dst(0));
            Handler {
                start: *start,
                end: *end,
                target,
                caught,
            }
        });
        let mut code = Code {
            handlers: handlers.collect(),
            ..Code::default()
        };
        code.seal();
        code
    }

    /// The first in the list that covers it.
    fn first(code: &Code, instruction: u32) -> Option<&Handler> {
        let covers = |handler: &&Handler| (handler.start..handler.end).contains(&instruction);
        code.handlers.iter().find(covers)
    }

    #[test]
    fn the_innermost_handler_wins() {
        let code = code(&[(4, 6), (2, 9), (11, 14)]);
        let found: Vec<Option<u32>> = (0..16)
            .map(|place| code.handler_at(place).map(|handler| handler.target.0))
            .collect();
        let (inner, outer, other) = (Some(0), Some(1), Some(2));
        assert_eq!(found[..4], [None, None, outer, outer]);
        assert_eq!(found[4..9], [inner, inner, outer, outer, outer]);
        assert_eq!(found[9..], [None, None, other, other, other, None, None]);
    }

    /// Looks of one search, at most, among `ranges` that are found at their starts.
    fn looks_max(ranges: &[(u32, u32)]) -> u32 {
        let code = code(ranges);
        let looks = |(start, _): &(u32, u32)| {
            let mut looks = 0;
            assert!(code.handler_seen(*start, || looks += 1).is_some());
            looks
        };
        ranges.iter().map(looks).max().unwrap_or(0)
    }

    #[test]
    fn as_many_handlers_as_a_script_may_have_take_a_few_looks() {
        // 20,000 statements one behind the other, and as many pairs of one handler in another.
        let apart: Vec<(u32, u32)> = (0..20_000).map(|n| (n * 8, n * 8 + 5)).collect();
        assert!(looks_max(&apart) <= 16, "{}", looks_max(&apart));
        let pair = |n: u32| [(n * 8 + 2, n * 8 + 4), (n * 8, n * 8 + 6)];
        let nested: Vec<(u32, u32)> = (0..20_000).flat_map(pair).collect();
        assert!(looks_max(&nested) <= 18, "{}", looks_max(&nested));
        let deep: Vec<(u32, u32)> = (0..20_000).map(|n| (20_000 - n, 20_001 + n)).collect();
        assert!(looks_max(&deep) <= 17, "{}", looks_max(&deep));
    }

    proptest! {
        #[test]
        fn what_is_found_is_the_first_in_the_list(
            ranges in prop::collection::vec((0_u32..30, 0_u32..8), 0..12),
        ) {
            let ranges: Vec<(u32, u32)> =
                ranges.into_iter().map(|(start, length)| (start, start + length)).collect();
            let code = code(&ranges);
            for instruction in 0..40 {
                prop_assert_eq!(code.handler_at(instruction), first(&code, instruction));
            }
        }
    }
}
