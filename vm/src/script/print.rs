//! The text form of a script's tree, for tests and for people: a statement a line with its line number, blocks indented.

use super::expression::print::{float, print as print_expression};
use super::span::Span;
use super::tree::{
    Argument, ArgumentValue, BlockId, CallId, Callee, EvaluationId, ReturnValue, RightSide, Script,
    StatementId, StatementKind, TextForm,
};
use std::fmt::Write as _;

/// Indentation is written for so many levels; deeper blocks stand below each other.
const INDENT_MAX: usize = 40;

/// The text form of a script: its program, then each function, then what was passed over.
#[must_use]
pub fn print(script: &Script) -> String {
    let mut printer = Printer {
        script,
        out: String::new(),
    };
    printer.block(script.root(), 0);
    for (_, function) in script.functions() {
        let parameters: Vec<_> = function
            .parameters
            .iter()
            .map(|&one| quoted(script.text(one)))
            .collect();
        let line = script.position(function.header).line;
        let name = quoted(script.text(function.name));
        let end = if function.closed_by.is_some() {
            ""
        } else {
            " never closed"
        };
        _ = writeln!(
            printer.out,
            "{line}: function {name} ({}){end}",
            parameters.join(" ")
        );
        printer.block(function.body, 1);
    }
    for remark in script.remarks() {
        let what = format!("{:?}", remark.kind);
        let what = what.split('(').next().unwrap_or(&what);
        let place = script.position(remark.span);
        _ = writeln!(
            printer.out,
            "{place} {what} {}",
            quoted(script.text(remark.span))
        );
    }
    printer.out
}

enum Piece {
    Statement(StatementId, usize),
    Else(usize),
}

struct Printer<'a> {
    script: &'a Script,
    out: String,
}

impl Printer<'_> {
    fn block(&mut self, block: BlockId, depth: usize) {
        let mut open = Vec::new();
        self.open(block, depth, &mut open);
        while let Some(piece) = open.pop() {
            match piece {
                Piece::Else(depth) => {
                    _ = writeln!(self.out, "{}else", "    ".repeat(depth.min(INDENT_MAX)));
                }
                Piece::Statement(id, depth) => {
                    self.statement(id, depth);
                    match self.script.statement(id).kind {
                        StatementKind::If {
                            when_true,
                            when_false,
                            ..
                        } => {
                            if self.script.block(when_false).next().is_some() {
                                self.open(when_false, depth + 1, &mut open);
                                open.push(Piece::Else(depth));
                            }
                            self.open(when_true, depth + 1, &mut open);
                        }
                        StatementKind::Loop { body, .. } => self.open(body, depth + 1, &mut open),
                        _ => {}
                    }
                }
            }
        }
    }

    fn open(&self, block: BlockId, depth: usize, open: &mut Vec<Piece>) {
        let from = open.len();
        open.extend(
            self.script
                .block(block)
                .map(|(id, _)| Piece::Statement(id, depth)),
        );
        open[from..].reverse();
    }

    fn statement(&mut self, id: StatementId, depth: usize) {
        let script = self.script;
        let statement = script.statement(id);
        let line = script.position(statement.span).line;
        let indent = "    ".repeat(depth.min(INDENT_MAX));
        let text = match statement.kind {
            StatementKind::If { call, .. } => format!("if {}", self.arguments(call)),
            StatementKind::Loop { call, .. } => format!("loop {}", self.arguments(call)),
            StatementKind::Return { value } => match value {
                ReturnValue::Nothing => "return".into(),
                ReturnValue::Number(argument) => {
                    format!("return {}", self.argument(script.argument(argument)))
                }
                ReturnValue::Expression(id) => format!("return {}", self.evaluation(id)),
            },
            StatementKind::Assign { target, right } => {
                let target = quoted(script.text(target));
                match right {
                    RightSide::Expression(id) => format!("{target} = {}", self.evaluation(id)),
                    RightSide::FunctionCall {
                        function,
                        argument,
                        dropped,
                    } => {
                        let name = quoted(script.text(script.function(function).name));
                        let dropped = self.dropped(dropped);
                        format!(
                            "{target} = function {name} with {}{dropped}",
                            self.evaluation(argument)
                        )
                    }
                }
            }
            StatementKind::Call { call, target } => {
                let target = target.map_or(String::new(), |target| {
                    format!("{} = ", quoted(script.text(target)))
                });
                format!("{target}{}", self.call(call))
            }
        };
        _ = writeln!(self.out, "{line}: {indent}{text}");
    }

    fn dropped(&self, span: Span) -> String {
        if span.is_empty() {
            String::new()
        } else {
            format!(" dropping {}", quoted(self.script.text(span)))
        }
    }

    fn call(&self, id: CallId) -> String {
        let call = self.script.call(id);
        let word = match call.callee {
            Callee::Command => "command",
            Callee::Function(_) => "function",
            Callee::Loop => "loop",
            Callee::Return => "return",
        };
        format!(
            "{word} {} {}",
            quoted(self.script.text(call.name)),
            self.arguments(id)
        )
    }

    /// `[a b c]`. Calls within calls are written one level deep: their arguments are those of other lines' tests.
    fn arguments(&self, id: CallId) -> String {
        let all: Vec<_> = self
            .script
            .arguments(id)
            .iter()
            .map(|argument| self.argument(argument))
            .collect();
        format!("[{}]", all.join(", "))
    }

    fn argument(&self, argument: &Argument) -> String {
        match &argument.value {
            ArgumentValue::Integer(value) => value.to_string(),
            ArgumentValue::Float(value) => float(*value),
            ArgumentValue::Text { text, form, .. } => {
                let content = quoted(self.script.text(*text));
                match form {
                    TextForm::Plain => content,
                    TextForm::TooDeep => "too deep".into(),
                    TextForm::Nested(call) => {
                        let call = self.script.call(*call);
                        format!(
                            "call of {} ({})",
                            quoted(self.script.text(call.name)),
                            quoted(self.script.text(call.list))
                        )
                    }
                    TextForm::Operation(id) => format!("operation {}", self.evaluation(*id)),
                    TextForm::Quoted(id) => format!("quoted {content} {}", self.evaluation(*id)),
                }
            }
        }
    }

    fn evaluation(&self, id: EvaluationId) -> String {
        let evaluation = self.script.evaluation(id);
        match &evaluation.parsed {
            Ok(parsed) => print_expression(self.script.expressions(), parsed.root),
            Err(error) => format!(
                "text {} ({error})",
                quoted(self.script.text(evaluation.text))
            ),
        }
    }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}
