//! The verifier's third part: every way round is counted.
//!
//! Only `loop` and `for_next` count on their way back, and only what counts yields. Code whose other ways lead round, by a
//! jump or by an exception whose handler stands before what raises, could run for ever within one slice. Compiled code
//! has no such way at all; specialised code goes back to where ways meet, but round only by the definition's own loops.

use super::code::Code;
use super::flow::{Problem, Refusal};
use super::op::Op;
use super::operand::Target;

/// May the code go back by something that does not count? Then [`check`] has to look.
pub(super) fn may_turn(code: &Code) -> bool {
    let back = |(place, op): (usize, &Op)| uncounted(*op).is_some_and(|target| target <= place);
    code.ops.iter().enumerate().any(back)
        || code
            .handlers
            .iter()
            .any(|handler| handler.target.0 < handler.end)
}

/// Follow all ways that do not count. `handlers` says for each instruction which handler gets its exception.
pub(super) fn check(code: &Code, handlers: &[u32]) -> Result<(), Problem> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        /// On the way that is followed.
        Open,
        Done,
    }
    let mut seen = vec![Seen::No; code.ops.len()];
    // Each instruction of the way, and how many of its ways on were followed.
    let mut way: Vec<(usize, u8)> = vec![(0, 0)];
    seen[0] = Seen::Open;
    while let Some((place, followed)) = way.last_mut() {
        let place = *place;
        let op = code.ops[place];
        let number = *followed;
        *followed += 1;
        let next = match number {
            0 => (!op.is_terminator()).then_some(place + 1),
            1 => uncounted(op),
            2 => matches!(op, Op::TryName { .. }).then_some(place + 2),
            3 => handlers
                .get(place)
                .and_then(|number| code.handlers.get(*number as usize))
                .map(|handler| handler.target.index()),
            _ => {
                seen[place] = Seen::Done;
                way.pop();
                continue;
            }
        };
        let Some(next) = next else { continue };
        match seen[next] {
            Seen::No => {
                seen[next] = Seen::Open;
                way.push((next, 0));
            }
            Seen::Open => {
                return Err((place, Refusal::Wrong("a way back that is not counted")));
            }
            Seen::Done => {}
        }
    }
    Ok(())
}

/// Where an instruction jumps without counting.
fn uncounted(op: Op) -> Option<usize> {
    match op {
        Op::Loop { .. } | Op::ForNext { .. } => None,
        op => op.target().map(Target::index),
    }
}
