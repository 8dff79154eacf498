//! Blocks, try and exception.

use super::{Checker, Code};
use crate::script::Span;
use crate::script::line::{Line, classify};
use crate::script::source::strip;
use crate::script::tree::{BlockId, RemarkKind, Statement, StatementKind};
use std::collections::BTreeSet;

impl<'a> Checker<'a> {
    /// Rules about blocks.
    pub(super) fn blocks(&mut self) {
        let after_exceptions = self.ends_after_exceptions();
        for remark in self.script.remarks() {
            let span = remark.span;
            match remark.kind {
                RemarkKind::NeverClosed => self.report(
                    Code::MissingEnd,
                    span,
                    "nothing closes this block: all that follows belongs to it",
                    "close it with `end()`, or a loop with `endLoop()`",
                ),
                RemarkKind::CloseWithoutBlock if !after_exceptions.contains(&span) => self.report(
                    Code::EndWithoutBlock,
                    span,
                    "no block is open here: it does nothing",
                    "remove it, or look for the block that an earlier `end()` closed",
                ),
                RemarkKind::ElseWithoutBlock => self.report(
                    Code::ElseWithoutBlock,
                    span,
                    "no `if` is open here: it does nothing, and what follows always runs",
                    "put it between `if(…)` and its `end()`",
                ),
                RemarkKind::SecondElse => self.report(
                    Code::SecondElse,
                    span,
                    "the false branch goes on: both parts run when the condition is false",
                    "for a further condition put an `if(…)` with its own `end()` into the else",
                ),
                RemarkKind::ElseInLoop => self.report(
                    Code::ElseInLoop,
                    span,
                    "the innermost open block is a loop: the whole script fails with `'branches'`",
                    "close the loop first, or open an `if`",
                ),
                RemarkKind::OtherClose => {
                    let other = if self.text(span).starts_with("endLoop") {
                        "end()"
                    } else {
                        "endLoop()"
                    };
                    self.report(
                        Code::OtherEnd,
                        span,
                        "it closes the innermost block, which is of the other kind",
                        format!("write `{other}`, or look for a block that is not closed"),
                    );
                }
                _ => {}
            }
        }
        self.tries();
    }

    /// `end()` behind `exception(…)` in the same block, in scripts where a later `end()` finds nothing to close. Gives the lines.
    fn ends_after_exceptions(&mut self) -> BTreeSet<Span> {
        let source = self.script.source();
        let remarks = self.script.remarks().iter();
        let extra: BTreeSet<Span> = remarks
            .filter(|one| one.kind == RemarkKind::CloseWithoutBlock)
            .map(|one| one.span)
            .collect();
        let mut reported = BTreeSet::new();
        let Some(last) = extra.last() else {
            return reported;
        };
        // For each open block: was there an `exception(…)` in it that no `end()` followed yet?
        let mut open = vec![false];
        for index in 0..=source.line_of(last.start) {
            let line = strip(source.text(), source.line(index));
            match classify(source.text(), line) {
                Line::If | Line::Loop => open.push(false),
                Line::Call if self.text(line).starts_with("exception") => {
                    open.pop();
                    open.push(true);
                }
                Line::Close => {
                    if open.pop() == Some(true) {
                        reported.insert(line);
                        let happens = if extra.contains(&line) {
                            "`try` opens no block: here this does nothing"
                        } else {
                            "`try` opens no block: this closes the block around it"
                        };
                        self.report(
                            Code::EndAfterException,
                            line,
                            happens,
                            "leave it out: `exception(…)` ends the try",
                        );
                    }
                    if open.is_empty() {
                        open.push(false);
                    }
                }
                _ => {}
            }
        }
        reported
    }

    /// try and exception at the top level, in blocks and in functions.
    fn tries(&mut self) {
        let mut open: Vec<Span> = Vec::new();
        let top: Vec<Statement> = self
            .script
            .block(self.script.root())
            .map(|(_, &statement)| statement)
            .collect();
        for statement in top {
            match self.command_name(&statement) {
                Some("try") => open.push(statement.span),
                Some("exception") if open.pop().is_none() => self.report(
                    Code::ExceptionWithoutTry,
                    statement.span,
                    "no try is open: the counter goes below 0, and the next `try()` protects nothing",
                    "put `try()` in front of what may fail",
                ),
                Some(_) | None => {}
            }
            if let StatementKind::If {
                when_true,
                when_false,
                ..
            } = statement.kind
            {
                self.tries_in_block(when_true);
                self.tries_in_block(when_false);
            } else if let StatementKind::Loop { body, .. } = statement.kind {
                self.tries_in_block(body);
            }
        }
        for span in open {
            self.report(
                Code::TryWithoutException,
                span,
                "nothing ends this try: no error of the rest of the script is reported",
                "put `exception(error)` behind what may fail",
            );
        }
        let bodies: Vec<BlockId> = self
            .script
            .functions()
            .map(|(_, function)| function.body)
            .collect();
        for body in bodies {
            self.tries_in_block(body);
        }
    }

    fn tries_in_block(&mut self, block: BlockId) {
        let mut open = vec![block];
        while let Some(block) = open.pop() {
            let statements: Vec<Statement> = self
                .script
                .block(block)
                .map(|(_, &statement)| statement)
                .collect();
            for statement in statements {
                match statement.kind {
                    StatementKind::If {
                        when_true,
                        when_false,
                        ..
                    } => open.extend([when_true, when_false]),
                    StatementKind::Loop { body, .. } => open.push(body),
                    _ => {}
                }
                let Some(name @ ("try" | "exception")) = self.command_name(&statement) else {
                    continue;
                };
                let happens = if name == "try" {
                    "an error in here ends the whole block, not just the statement that fails"
                } else {
                    "an error in this block skips this line too, and the try stays open"
                };
                self.report(
                    Code::TryInBlock,
                    statement.span,
                    happens,
                    "put `try()` in front of the outermost block and `exception(…)` behind it",
                );
            }
        }
    }

    /// The name of a statement's call, if it is one without a target.
    fn command_name(&self, statement: &Statement) -> Option<&'a str> {
        match statement.kind {
            StatementKind::Call { call, .. } => Some(self.text(self.script.call(call).name)),
            _ => None,
        }
    }
}
