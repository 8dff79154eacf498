//! Variables that an assignment made and a command or loop writes later: expressions do not notice.

use super::{Checker, Code};
use crate::script::Span;
use crate::script::expression::Node;
use crate::script::tree::{
    ArgumentValue, BlockId, CallId, EvaluationId, RightSide, StatementKind, TextForm,
};
use std::collections::{HashMap, HashSet};

impl<'a> Checker<'a> {
    /// Rules about the copies that assignments leave in the frame outside functions.
    pub(super) fn shadowing(&mut self) {
        let mut assigned: HashSet<&'a str> = HashSet::new();
        // Names written by something else than an assignment after they were assigned, with the place.
        let mut written: HashMap<&'a str, Span> = HashMap::new();
        let mut open: Vec<BlockStep> = vec![BlockStep::Block(self.script.root())];
        while let Some(step) = open.pop() {
            let statement = match step {
                BlockStep::Block(block) => {
                    let from = open.len();
                    open.extend(
                        self.script
                            .block(block)
                            .map(|(id, _)| BlockStep::Statement(id)),
                    );
                    open[from..].reverse();
                    continue;
                }
                BlockStep::Statement(id) => *self.script.statement(id),
            };
            match statement.kind {
                StatementKind::Assign { target, right } => {
                    let (RightSide::Expression(id) | RightSide::FunctionCall { argument: id, .. }) =
                        right;
                    self.reads(id, &mut written);
                    let name = self.text(target);
                    assigned.insert(name);
                    written.remove(name);
                }
                StatementKind::If {
                    when_true,
                    when_false,
                    ..
                } => {
                    open.extend([BlockStep::Block(when_false), BlockStep::Block(when_true)]);
                }
                StatementKind::Loop { call, body } => {
                    if let Some(name) = self.argument_text(call, 0)
                        && assigned.contains(name)
                    {
                        written.insert(name, statement.span);
                    }
                    open.push(BlockStep::Block(body));
                }
                StatementKind::Call { call, target } => {
                    for name in self.written_by(call, target) {
                        if assigned.contains(name) {
                            written.insert(name, statement.span);
                        }
                    }
                    self.argument_reads(call, &mut written);
                }
                StatementKind::Return { .. } => {}
            }
        }
    }

    /// The variables that a call writes: its target, and arguments that its interface calls targets.
    fn written_by(&self, call: CallId, target: Option<Span>) -> Vec<&'a str> {
        let name = self.text(self.script.call(call).name);
        let items = self.catalog.interface(name).unwrap_or_default();
        let is_target =
            |item: &String| item.to_lowercase().contains("target") || item == "o_result";
        let targets = items.iter().enumerate().filter(|(_, item)| is_target(item));
        let named = targets.filter_map(|(index, _)| self.argument_text(call, index));
        named.chain(target.map(|span| self.text(span))).collect()
    }

    fn argument_text(&self, call: CallId, index: usize) -> Option<&'a str> {
        match self.script.arguments(call).get(index)?.value {
            ArgumentValue::Text { text, .. } => Some(self.text(text)),
            _ => None,
        }
    }

    fn argument_reads(&mut self, call: CallId, written: &mut HashMap<&'a str, Span>) {
        for index in 0..self.script.arguments(call).len() {
            if let ArgumentValue::Text {
                form: TextForm::Operation(id),
                ..
            } = self.script.arguments(call)[index].value
            {
                self.reads(id, written);
            }
        }
    }

    /// Reports each name of an expression that was written behind the assignment's back.
    fn reads(&mut self, id: EvaluationId, written: &mut HashMap<&'a str, Span>) {
        if written.is_empty() {
            return;
        }
        let expressions = self.script.expressions();
        let Ok(parsed) = self.script.evaluation(id).parsed else {
            return;
        };
        for node in expressions.ids(parsed) {
            let Node::Name(name) = expressions.node(node) else {
                continue;
            };
            if let Some(place) = written.remove(expressions.name(name)) {
                let name = expressions.name(name);
                let line = self.script.position(expressions.span(node)).line;
                self.report(
                    Code::ShadowedWrite,
                    place,
                    format!("an assignment made `{name}`: the expression of line {line} still sees that value, not this one"),
                    format!("write `{name} = …` here too, or use a name that no assignment has"),
                );
            }
        }
    }
}

enum BlockStep {
    Block(BlockId),
    Statement(crate::script::tree::StatementId),
}
