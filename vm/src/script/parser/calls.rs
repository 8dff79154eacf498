//! Calls with their arguments, and expressions.

use super::Parser;
use crate::limits::{ARGUMENTS_MAX, NESTED_CALLS_MAX};
use crate::script::arguments::{self, Value};
use crate::script::expression;
use crate::script::line::{has_parentheses, split_call};
use crate::script::source::strip;
use crate::script::span::Span;
use crate::script::tree::{
    Argument, ArgumentValue, Call, CallId, Callee, Evaluation, EvaluationId, RemarkKind, RightSide,
    StatementKind, TextForm,
};

/// Are the arguments of a call resolved?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Resolution {
    /// Those of `if` are not.
    Nothing,
    Arguments,
}

impl Parser<'_> {
    /// A call and, unless nothing of it is resolved, the calls and expressions in its arguments.
    pub(super) fn call(&mut self, span: Span, resolution: Resolution) -> CallId {
        let first = self.read_call(span);
        if resolution == Resolution::Nothing {
            return first;
        }
        // Calls whose arguments are still to be looked at, with their depth.
        let mut pending = vec![(first, 1)];
        while let Some((call, depth)) = pending.pop() {
            let Call {
                first_argument,
                arguments,
                ..
            } = self.script.calls[call.index()];
            for argument in first_argument..first_argument + arguments {
                let ArgumentValue::Text { text, .. } =
                    self.script.arguments[argument as usize].value
                else {
                    continue;
                };
                let resolved = self.text_form(text, depth);
                if let TextForm::Nested(inner) = resolved {
                    pending.push((inner, depth + 1));
                }
                if let ArgumentValue::Text { form, .. } =
                    &mut self.script.arguments[argument as usize].value
                {
                    *form = resolved;
                }
            }
        }
        first
    }

    pub(super) fn text_form(&mut self, text: Span, depth: u32) -> TextForm {
        let content = text.of(self.text);
        if content.contains(['+', '-', '*', '/', '%']) {
            return TextForm::Operation(self.evaluation(text));
        }
        if has_parentheses(content) {
            let cost = u64::from(text.end - text.start);
            if depth >= NESTED_CALLS_MAX || cost > self.rescan_bytes_left {
                return TextForm::TooDeep;
            }
            self.rescan_bytes_left -= cost;
            return TextForm::Nested(self.read_call(text));
        }
        if content.contains(['"', '\'']) {
            return TextForm::Quoted(self.evaluation(text));
        }
        TextForm::Plain
    }

    /// Name and arguments of a call.
    pub(super) fn read_call(&mut self, span: Span) -> CallId {
        let (name, list) = split_call(self.text, span);
        self.script.steps += u64::from(span.end - span.start);
        let id = CallId::new(self.script.calls.len());
        let first_argument = self.script.arguments.len() as u32;
        let mut empty = 0u32;
        for piece in arguments::split(self.text, list) {
            if piece.is_empty() {
                empty += 1;
                self.remark(RemarkKind::EmptyArgument(id), piece);
                continue;
            }
            let value = match arguments::value(self.text, piece) {
                Value::Float(value) => ArgumentValue::Float(value),
                Value::Integer(value) => ArgumentValue::Integer(value),
                Value::Text { text, quoted } => ArgumentValue::Text {
                    text,
                    quoted,
                    form: TextForm::Plain,
                },
            };
            self.script.arguments.push(Argument { span: piece, value });
            if self.script.arguments.len() > ARGUMENTS_MAX {
                break; // The line is refused.
            }
        }
        let arguments = self.script.arguments.len() as u32 - first_argument;
        if arguments == 0 && empty == 1 {
            self.script.remarks.pop(); // `f()` has no argument, not an empty one
        }
        let end = behind(self.text, list);
        let callee = match name.of(self.text) {
            "startLoop" => Callee::Loop,
            "return" => Callee::Return,
            _ => Callee::Command,
        };
        let span = Span {
            start: span.start,
            end,
        };
        self.script.calls.push(Call {
            name,
            list,
            span,
            callee,
            first_argument,
            arguments,
        });
        id
    }

    pub(super) fn evaluation(&mut self, text: Span) -> EvaluationId {
        let parsed = expression::parse(&mut self.script.expressions, self.text, text);
        self.script.evaluations.push(Evaluation { text, parsed });
        EvaluationId::new(self.script.evaluations.len() - 1)
    }

    /// An evaluation that [`Self::settle`] parses.
    pub(super) fn unparsed(&mut self, text: Span) -> EvaluationId {
        let parsed = Err(expression::SyntaxError {
            message: String::new(),
            span: text,
        });
        self.script.evaluations.push(Evaluation { text, parsed });
        EvaluationId::new(self.script.evaluations.len() - 1)
    }

    /// What could not be said before every function was known: who runs a call, and what an assignment evaluates.
    pub(super) fn settle(&mut self) {
        if !self.script.function_names.is_empty() {
            for call in &mut self.script.calls {
                let name = call.name.of(self.text);
                if call.callee == Callee::Command && name != "if" {
                    call.callee = self
                        .script
                        .function_names
                        .get(name)
                        .map_or(Callee::Command, |&id| Callee::Function(id));
                }
            }
        }
        for index in 0..self.script.statements.len() {
            let StatementKind::Assign {
                target,
                right: RightSide::Expression(id),
            } = self.script.statements[index].kind
            else {
                continue;
            };
            let text = self.script.evaluations[id.index()].text;
            let mut argument = text;
            if has_parentheses(text.of(self.text)) && !self.script.function_names.is_empty() {
                let (name, list) = split_call(self.text, text);
                if let Some(&function) = self.script.function_names.get(name.of(self.text)) {
                    argument = list;
                    let dropped = strip(
                        self.text,
                        Span {
                            start: behind(self.text, list),
                            end: text.end,
                        },
                    );
                    let right = RightSide::FunctionCall {
                        function,
                        argument: id,
                        dropped,
                    };
                    self.script.statements[index].kind = StatementKind::Assign { target, right };
                }
            }
            let argument = strip(self.text, argument);
            let parsed = expression::parse(&mut self.script.expressions, self.text, argument);
            self.script.evaluations[id.index()] = Evaluation {
                text: argument,
                parsed,
            };
            self.look_at_size(argument);
            if self.refused.is_some() {
                return;
            }
        }
    }
}

/// Where the rest of a line begins behind an argument list and its `)`, if it has one.
fn behind(text: &str, list: Span) -> u32 {
    list.end + u32::from(text.as_bytes().get(list.end as usize) == Some(&b')'))
}
