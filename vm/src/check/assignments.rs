//! Assignments that are not what they look like, and their right sides.

use super::{Checker, Code, is_identifier, shorten};
use crate::script::Span;
use crate::script::expression::Node;
use crate::script::tree::{EvaluationId, FunctionId, ReturnValue, RightSide, StatementKind};

/// Which functions an expression sees besides a lambda's or comprehension's own names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Builtins {
    /// `str`, `int`, `float`, `len`.
    Four,
    /// Those of `return`, which has more.
    Return,
}

impl Checker<'_> {
    /// Rules about assignments and returned values.
    pub(super) fn assignments(&mut self) {
        for id in self.statements() {
            let statement = *self.script.statement(id);
            match statement.kind {
                StatementKind::Assign { target, right } => {
                    let right_text = match right {
                        RightSide::Expression(id) => self.script.evaluation(id).text,
                        RightSide::FunctionCall { .. } => statement.span,
                    };
                    if self.target(target, right_text, statement.span) {
                        continue;
                    }
                    match right {
                        RightSide::Expression(id) => self.right_side(id),
                        RightSide::FunctionCall {
                            function,
                            argument,
                            dropped,
                        } => {
                            self.function_call(function, argument, dropped);
                        }
                    }
                }
                StatementKind::Call {
                    call,
                    target: Some(target),
                } => {
                    let right = self.script.call(call).span;
                    self.target(target, right, statement.span);
                }
                StatementKind::Return {
                    value: ReturnValue::Expression(id),
                } => self.expression(id, Builtins::Return),
                _ => {}
            }
        }
    }

    /// What stands in front of the `=`. True if the rest needs no look.
    fn target(&mut self, target: Span, right: Span, line: Span) -> bool {
        let name = self.text(target);
        if let Some((called, _)) = name.split_once('(') {
            let called = called.trim();
            if matches!(called, "elseif" | "elif" | "while" | "for" | "switch") {
                self.no_such_construct(called, line);
                return true;
            }
            self.report(
                Code::CallBecameAssignment,
                line,
                format!("the line has a `=`, so it stores a text in the variable `{}` and calls nothing", shorten(name)),
                format!("put the text with the `=` into a variable first: `text = \"…\"`, then `{called}(text)`"),
            );
            return true;
        }
        if name.is_empty() {
            self.report(
                Code::OddName,
                line,
                "the variable has an empty name",
                "write a name in front of the `=`",
            );
        } else if right.is_empty() && !self.text(line).ends_with(')') {
            self.report(
                Code::EmptyRightSide,
                line,
                format!("an empty text is stored in `{}`", shorten(name)),
                "write `\"\"`",
            );
            return true;
        } else if self.text(right).starts_with('=') {
            self.report(
                Code::ComparisonLine,
                line,
                format!(
                    "the text `{}` is stored in `{}`",
                    self.shown(right),
                    shorten(name)
                ),
                format!(
                    "compare with `if({}, …, ==)`, or keep the result: `same = {} =…`",
                    shorten(name),
                    shorten(name)
                ),
            );
            return true;
        } else if let Some(operator) = name
            .chars()
            .last()
            .filter(|last| "+-*/%|&^<>!".contains(*last))
        {
            let plain = name
                .trim_end_matches(|last: char| "+-*/%|&^<>!".contains(last))
                .trim_end();
            self.report(
                Code::CompoundAssignment,
                target,
                format!(
                    "a variable called `{}` is made; `{}` stays as it is",
                    shorten(name),
                    shorten(plain)
                ),
                format!("write `{0} = {0} {operator} …`", shorten(plain)),
            );
        } else if name.contains(['[', ']', '.']) {
            self.report(
                Code::PartAssignment,
                target,
                format!("a variable called `{}` is made; no list or dict is changed", shorten(name)),
                "use `AddvariableToJSON(key, value, target)` or `variableToList(value, target)`, or make a new value",
            );
        } else if !is_identifier(name) && !name.starts_with('#') {
            self.report(
                Code::OddName,
                target,
                format!(
                    "the variable is called `{}`: commands find it, expressions cannot say it",
                    shorten(name)
                ),
                "names of letters, digits and `_` work everywhere",
            );
        }
        false
    }

    fn right_side(&mut self, id: EvaluationId) {
        let evaluation = self.script.evaluation(id);
        let (text, failed) = (self.text(evaluation.text), evaluation.parsed.is_err());
        let span = evaluation.text;
        // A command's call that operators made an expression.
        if let Some((name, _)) = text.split_once('(').filter(|_| text.ends_with(')')) {
            let name = name.trim();
            if !name.is_empty() && self.catalog.interface(name).is_some() {
                self.report(
                    Code::CallWithOperator,
                    span,
                    format!("`+ - * /` in it make it an expression, which knows no `{name}`: its own text is stored"),
                    "put the argument with the operator into a variable first (a URL has `/`), then pass the variable",
                );
                return;
            }
        }
        if failed
            && let Some((target, _)) = text
                .split_once('=')
                .filter(|(target, _)| is_identifier(target.trim()))
        {
            self.report(
                Code::ChainedAssignment,
                span,
                format!("the text `{}` is stored", shorten(text)),
                format!("write two lines, `{}` first", target.trim()),
            );
            return;
        }
        // What follows a text alone is a comment even where it reads as a name: a text is not divided.
        if let Some(value) = before_comment(text)
            && (failed || is_text(value.trim()))
        {
            self.report(
                Code::CommentAfterAssignment,
                span,
                format!(
                    "`//` divides here: the text `{}` is stored, comment included",
                    shorten(text)
                ),
                format!(
                    "put the comment on a line of its own, above `… = {}`",
                    shorten(value.trim())
                ),
            );
            return;
        }
        self.expression(id, Builtins::Four);
    }

    fn function_call(&mut self, function: FunctionId, argument: EvaluationId, dropped: Span) {
        let name = self.shown(self.script.function(function).name);
        let evaluation = self.script.evaluation(argument);
        let span = evaluation.text;
        if let Err(error) = &evaluation.parsed
            && !span.is_empty()
        {
            let happens = format!(
                "`{}` is one argument, and no expression ({error}): the request fails",
                self.shown(span)
            );
            self.report(
                Code::FunctionInExpression,
                span,
                happens,
                format!("call `{name}` alone: `part = {name}(…)`"),
            );
            return;
        }
        if !dropped.is_empty() && !self.text(dropped).starts_with("//") {
            self.report(
                Code::DroppedAfterFunction,
                dropped,
                format!(
                    "the value is that of `{name}(…)`; `{}` is dropped",
                    self.shown(dropped)
                ),
                format!("two lines: `part = {name}(…)`, then the expression with `part`"),
            );
        }
        if let Ok(parsed) = evaluation.parsed
            && matches!(self.script.expressions().node(parsed.root), Node::Tuple(_))
            && self.script.function(function).parameters.len() > 1
        {
            self.report(
                Code::FunctionGetsOneArgument,
                span,
                format!(
                    "with an operator in the call all of `{}` is one argument, a list",
                    self.shown(span)
                ),
                "compute the arguments on lines of their own, then pass variables",
            );
        }
        self.expression(argument, Builtins::Four);
    }
}

/// What stands in front of the first `//` that is outside of quotes.
fn before_comment(text: &str) -> Option<&str> {
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match quote {
            Some(open) if letter == open => quote = None,
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            None if text[at..].starts_with("//") => return Some(&text[..at]),
            Some(_) | None => {}
        }
    }
    None
}

/// Whether it is one text in quotes and nothing else.
fn is_text(value: &str) -> bool {
    ['"', '\''].iter().any(|quote| {
        let inner = value
            .strip_prefix(*quote)
            .and_then(|rest| rest.strip_suffix(*quote));
        inner.is_some_and(|inner| !inner.contains(*quote))
    })
}
