//! `for … in … if …` of lists, sets, dicts and generators.

use super::error::SyntaxError;
use super::parser::{Parser, level};
use super::token::{Keyword, Kind};
use super::{BinaryOp, Node, NodeId, Nodes};
use std::collections::HashSet;

/// What is to be remembered from in front of a comprehension's element.
#[derive(Clone, Copy)]
pub(super) struct Start {
    walruses: usize,
}

impl Parser<'_> {
    /// To be called in front of what may become the element of a comprehension.
    pub(super) fn comprehension_start(&self) -> Start {
        Start {
            walruses: self.walruses.len(),
        }
    }

    /// Does a `for` of a comprehension follow?
    pub(super) fn at_clause(&self) -> bool {
        matches!(
            self.token.kind,
            Kind::Keyword(Keyword::For | Keyword::Async)
        )
    }

    /// All the `for` clauses behind an element.
    pub(super) fn clauses(&mut self, element: NodeId, start: Start) -> Result<Nodes, SyntaxError> {
        if let Node::Starred(_) = self.built().node(element) {
            let span = self.built().span(element);
            return Err(SyntaxError::new(
                "iterable unpacking cannot be used in comprehension",
                span,
            ));
        }
        let base = self.scratch.len();
        while self.at_clause() {
            let clause = self.clause()?;
            self.scratch.push(clause);
        }
        self.check_rebinding(base, start)?;
        Ok(self.list_since(base))
    }

    fn clause(&mut self) -> Result<NodeId, SyntaxError> {
        let first = self.token.span;
        if self.take(Kind::Keyword(Keyword::Async))? {
            return Err(SyntaxError::new(
                "asynchronous comprehension outside of an asynchronous function",
                first,
            ));
        }
        self.advance()?;
        let target = self.clause_target()?;
        if !self.take(Kind::Keyword(Keyword::In))? {
            return Err(self.unexpected());
        }
        self.iterables += 1;
        let iterable = self.operand(level::OR)?;
        self.iterables -= 1;
        let mut end = self.built().span(iterable);
        let base = self.scratch.len();
        while self.take(Kind::Keyword(Keyword::If))? {
            let condition = self.operand(level::OR)?;
            end = self.built().span(condition);
            self.scratch.push(condition);
        }
        let conditions = self.list_since(base);
        self.push(
            Node::Clause {
                target,
                iterable,
                conditions,
            },
            first.to(end),
        )
    }

    /// Names between `for` and `in`, with commas or without.
    fn clause_target(&mut self) -> Result<NodeId, SyntaxError> {
        let start = self.token.span;
        let base = self.scratch.len();
        let mut is_tuple = false;
        loop {
            let star = self.token;
            let target = if self.take(Kind::Operator(BinaryOp::Mult))? {
                let value = self.operand(level::BIT_OR)?;
                let span = star.span.to(self.built().span(value));
                self.push(Node::Starred(value), span)?
            } else {
                self.operand(level::BIT_OR)?
            };
            self.scratch.push(target);
            if !self.take(Kind::Comma)? {
                break;
            }
            is_tuple = true;
            if self.token.kind == Kind::Keyword(Keyword::In) {
                break;
            }
        }
        let last = self.scratch.last().copied();
        let last = last.map_or(start, |last| self.built().span(last));
        let target = if is_tuple {
            let members = self.list_since(base);
            self.push(Node::Tuple(members), start.to(last))?
        } else {
            self.scratch
                .pop()
                .ok_or_else(|| SyntaxError::new("invalid syntax", start))?
        };
        if let Node::Starred(_) = self.built().node(target) {
            return Err(SyntaxError::new(
                "starred assignment target must be in a list or tuple",
                start,
            ));
        }
        self.check_target(target)?;
        Ok(target)
    }

    /// `:=` in a comprehension must not bind one of its own names. What it binds stays on record for those around.
    fn check_rebinding(&mut self, base: usize, start: Start) -> Result<(), SyntaxError> {
        if self.walruses.len() == start.walruses {
            return Ok(());
        }
        let clauses: Vec<NodeId> = self.scratch[base..].to_vec();
        let bound = self.walruses[start.walruses..].to_vec();
        let built = self.built();
        let mut targets: Vec<NodeId> = clauses
            .iter()
            .filter_map(|&clause| {
                if let Node::Clause { target, .. } = built.node(clause) {
                    Some(target)
                } else {
                    None
                }
            })
            .collect();
        let mut names = HashSet::new();
        while let Some(target) = targets.pop() {
            match built.node(target) {
                Node::Name(name) => _ = names.insert(built.name(name)),
                Node::Starred(inner) => targets.push(inner),
                Node::Tuple(list) | Node::List(list) => {
                    targets.extend_from_slice(built.nodes(list));
                }
                _ => {}
            }
        }
        match bound
            .iter()
            .map(|&name| built.name(name))
            .find(|name| names.contains(name))
        {
            None => Ok(()),
            Some(name) => {
                let message = format!(
                    "assignment expression cannot rebind comprehension iteration variable '{name}'"
                );
                Err(SyntaxError::new(message, built.span(clauses[0])))
            }
        }
    }
}
