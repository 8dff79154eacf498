//! Functions: what they swallow, what their returns and parameters do.

use super::{Checker, Code};
use crate::script::Span;
use crate::script::tree::{
    ArgumentValue, BlockId, CallId, Callee, Function, RemarkKind, StatementKind, TextForm,
};
use std::collections::HashSet;

impl<'a> Checker<'a> {
    /// Rules about functions.
    pub(super) fn functions(&mut self) {
        for remark in self.script.remarks() {
            match remark.kind {
                RemarkKind::LostWithBrace => self.report(
                    Code::LostWithBrace,
                    remark.span,
                    "the line whose `}` ends the function is thrown away with all that is on it",
                    "put the closing `}` on a line of its own; braces in texts count too",
                ),
                RemarkKind::ReplacedFunction => self.report(
                    Code::FunctionReplaced,
                    remark.span,
                    "a later function of the same name replaces this one everywhere",
                    "give it another name",
                ),
                _ => {}
            }
        }
        let functions: Vec<Function> = self
            .script
            .functions()
            .map(|(_, function)| function.clone())
            .collect();
        for function in &functions {
            self.function(function);
        }
        self.returns(self.script.root(), false);
    }

    fn function(&mut self, function: &Function) {
        let name = self.text(function.name);
        if function.closed_by.is_none() {
            let header = self.text(function.header);
            let meant = if header.ends_with('}') {
                "end the header's line with `{`, put each statement on a line, and `}` on one of its own"
            } else if header.ends_with('{') {
                "put a `}` on a line of its own behind the body; braces in texts count too"
            } else {
                "end the header's line with `{`"
            };
            self.report(
                Code::FunctionSwallowsRest,
                function.header,
                "no later line brings its braces to balance: all that follows is its body, and the last line is lost",
                meant,
            );
        }
        if matches!(name, "if" | "startLoop" | "return" | "assign") {
            let happens = if name == "assign" {
                "a function of this name is called for every assignment of an expression"
            } else {
                "a function of this name is never called"
            };
            self.report(
                Code::FunctionNeverCalled,
                function.name,
                happens,
                "give it another name",
            );
        }
        self.returns(function.body, true);
        let parameters: HashSet<&str> = function
            .parameters
            .iter()
            .map(|&one| self.text(one))
            .collect();
        if !parameters.is_empty() {
            self.parameters(function.body, parameters);
        }
    }

    /// `return` at the top level of a program (`in_function` false) or anywhere but at the top level of a function.
    fn returns(&mut self, body: BlockId, in_function: bool) {
        let mut open = vec![(body, in_function)];
        while let Some((block, works)) = open.pop() {
            let statements: Vec<_> = self
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
                    } => open.extend([(when_true, false), (when_false, false)]),
                    StatementKind::Loop { body, .. } => open.push((body, false)),
                    StatementKind::Return { .. } if works => {}
                    StatementKind::Return { .. } if in_function => self.report(
                        Code::ReturnInBlock,
                        statement.span,
                        "in an if or a loop `return` is ignored: the function goes on",
                        "assign the value in the block, and return it in the function's last line",
                    ),
                    StatementKind::Return { .. } => self.report(
                        Code::ReturnOutside,
                        statement.span,
                        "outside a function `return` is ignored: the script goes on",
                        "give values out with `addResult(name)`",
                    ),
                    _ => {}
                }
            }
        }
    }

    /// Commands that get a parameter's name, which they cannot look up.
    fn parameters(&mut self, body: BlockId, mut parameters: HashSet<&'a str>) {
        let mut open = vec![body];
        let mut calls: Vec<CallId> = Vec::new();
        while let Some(block) = open.pop() {
            let statements: Vec<_> = self
                .script
                .block(block)
                .map(|(_, &statement)| statement)
                .collect();
            for statement in statements {
                match statement.kind {
                    StatementKind::If {
                        call,
                        when_true,
                        when_false,
                    } => {
                        calls.push(call);
                        open.extend([when_true, when_false]);
                    }
                    StatementKind::Loop { body, .. } => open.push(body),
                    StatementKind::Call { call, .. }
                        if self.script.call(call).callee == Callee::Command =>
                    {
                        calls.push(call);
                    }
                    // An assignment to a parameter makes a shared variable of that name.
                    StatementKind::Assign { target, .. } => {
                        _ = parameters.remove(self.text(target));
                    }
                    _ => {}
                }
            }
        }
        for call in calls {
            self.parameters_of_call(call, &parameters);
        }
    }

    fn parameters_of_call(&mut self, id: CallId, parameters: &HashSet<&'a str>) {
        let name = self.text(self.script.call(id).name);
        let items = self.catalog.interface(name).unwrap_or_default();
        let mut found: Vec<(Span, &str)> = Vec::new();
        for (index, argument) in self.script.arguments(id).iter().enumerate() {
            let ArgumentValue::Text {
                text,
                form: TextForm::Plain,
                ..
            } = argument.value
            else {
                continue;
            };
            let is_target = items
                .get(index)
                .is_some_and(|item| item.to_lowercase().contains("target") || item == "o_result");
            if !is_target && parameters.contains(self.text(text)) {
                found.push((argument.span, self.text(text)));
            }
        }
        for (span, parameter) in found {
            self.report(
                Code::ParameterInCommand,
                span,
                format!("`{name}` does not see parameters: it gets the word `{parameter}`"),
                format!("copy it first: `value = {parameter}`, then pass `value`"),
            );
        }
    }
}
