//! Parentheses, lists, dicts and sets.

use super::BinaryOp;
use super::error::SyntaxError;
use super::parser::{Parsed, Parser, level};
use super::token::{Keyword, Kind};
use super::{Node, NodeId};
use crate::script::span::Span;

impl Parser<'_> {
    /// `( … )`.
    pub(super) fn group(&mut self) -> Parsed {
        let open = self.token.span;
        self.advance()?;
        if self.token.kind == Kind::Close(b')') {
            let span = open.to(self.token.span);
            self.advance()?;
            let nothing = self.list_since(self.scratch.len());
            return self.push(Node::Tuple(nothing), span);
        }
        let inner = self.enclosed_until(Some(b')'))?;
        let close = self.expect_close(b')', open)?;
        let whole = open.to(close);
        // A tuple or generator has its parentheses; a value does not notice them.
        let built = self.built();
        if matches!(
            built.node(inner.node),
            Node::Tuple(_) | Node::Generator { .. }
        ) && inner.made_here
        {
            built.spans[inner.node.0 as usize] = whole;
        }
        Ok(inner.node)
    }

    /// What an f-string's field holds: the inside of parentheses, up to the end.
    pub(super) fn enclosed(&mut self) -> Parsed {
        let inner = self.enclosed_until(None)?;
        if self.token.kind == Kind::End {
            Ok(inner.node)
        } else {
            Err(self.unexpected())
        }
    }

    /// One expression, a tuple or a generator, without what closes it.
    fn enclosed_until(&mut self, close: Option<u8>) -> Result<Inner, SyntaxError> {
        let start = self.token.span;
        let comprehension = self.comprehension_start();
        let first = self.member()?;
        if self.at_clause() {
            let clauses = self.clauses(first, comprehension)?;
            let span = start.to(self.token.span);
            let node = self.push(
                Node::Generator {
                    element: first,
                    clauses,
                },
                span,
            )?;
            return Ok(Inner {
                node,
                made_here: true,
            });
        }
        if self.token.kind != Kind::Comma {
            let built = self.built();
            if let Node::Starred(_) = built.node(first) {
                return Err(SyntaxError::new(
                    "cannot use starred expression here",
                    built.span(first),
                ));
            }
            return Ok(Inner {
                node: first,
                made_here: false,
            });
        }
        let base = self.scratch.len();
        self.scratch.push(first);
        self.more_members(close.map_or(Kind::End, Kind::Close))?;
        let members = self.list_since(base);
        let node = self.push(Node::Tuple(members), start.to(self.token.span))?;
        Ok(Inner {
            node,
            made_here: true,
        })
    }

    /// `, a, b` up to a closing bracket, which is left.
    fn more_members(&mut self, close: Kind) -> Result<(), SyntaxError> {
        while self.take(Kind::Comma)? && self.token.kind != close {
            let member = self.member()?;
            self.scratch.push(member);
        }
        Ok(())
    }

    /// `[ … ]` where a value is expected.
    pub(super) fn list(&mut self) -> Parsed {
        let open = self.token.span;
        self.advance()?;
        let base = self.scratch.len();
        if self.token.kind != Kind::Close(b']') {
            let comprehension = self.comprehension_start();
            let first = self.member()?;
            if self.at_clause() {
                let clauses = self.clauses(first, comprehension)?;
                let close = self.expect_close(b']', open)?;
                return self.push(
                    Node::ListComp {
                        element: first,
                        clauses,
                    },
                    open.to(close),
                );
            }
            self.scratch.push(first);
            self.more_members(Kind::Close(b']'))?;
        }
        let close = self.expect_close(b']', open)?;
        let members = self.list_since(base);
        self.push(Node::List(members), open.to(close))
    }

    /// `{ … }`: a dict, a set, or a comprehension of either.
    pub(super) fn braces(&mut self) -> Parsed {
        let open = self.token.span;
        self.advance()?;
        let base = self.scratch.len();
        if self.token.kind == Kind::Close(b'}') {
            let close = self.expect_close(b'}', open)?;
            let nothing = self.list_since(base);
            return self.push(Node::Dict(nothing), open.to(close));
        }
        if self.token.kind == Kind::Operator(BinaryOp::Pow) {
            return self.dict(open, base);
        }
        let comprehension = self.comprehension_start();
        let at_name = self.token.kind == Kind::Name;
        let first = self.member()?;
        if self.token.kind == Kind::Colon && !matches!(self.built().node(first), Node::Starred(_)) {
            if at_name && matches!(self.built().node(first), Node::Walrus { .. }) {
                return Err(self.unexpected()); // only in parentheses
            }
            self.advance()?;
            let value = self.expression()?;
            if self.at_clause() {
                let pair_base = self.scratch.len();
                self.scratch.extend([first, value]);
                let pair = self.list_since(pair_base);
                let clauses = self.clauses(first, comprehension)?;
                let close = self.expect_close(b'}', open)?;
                return self.push(Node::DictComp { pair, clauses }, open.to(close));
            }
            self.scratch.extend([first, value]);
            if self.take(Kind::Comma)? {
                return self.dict(open, base);
            }
            let close = self.expect_close(b'}', open)?;
            let members = self.list_since(base);
            return self.push(Node::Dict(members), open.to(close));
        }
        if self.at_clause() {
            let clauses = self.clauses(first, comprehension)?;
            let close = self.expect_close(b'}', open)?;
            return self.push(
                Node::SetComp {
                    element: first,
                    clauses,
                },
                open.to(close),
            );
        }
        self.scratch.push(first);
        self.more_members(Kind::Close(b'}'))?;
        let close = self.expect_close(b'}', open)?;
        let members = self.list_since(base);
        self.push(Node::Set(members), open.to(close))
    }

    /// The rest of a dict, at a key or at its end.
    fn dict(&mut self, open: Span, base: usize) -> Parsed {
        while self.token.kind != Kind::Close(b'}') {
            let star = self.token.span;
            if self.take(Kind::Operator(BinaryOp::Pow))? {
                let none = self.push(Node::Unpacked, star)?;
                let mapping = self.operand(level::BIT_OR)?;
                self.scratch.extend([none, mapping]);
            } else {
                let key = self.expression()?;
                if !self.take(Kind::Colon)? {
                    return Err(self.unexpected());
                }
                let value = self.expression()?;
                self.scratch.extend([key, value]);
            }
            if self.token.kind == Kind::Keyword(Keyword::For) || !self.take(Kind::Comma)? {
                break;
            }
        }
        let close = self.expect_close(b'}', open)?;
        let members = self.list_since(base);
        self.push(Node::Dict(members), open.to(close))
    }
}

/// What stands between parentheses.
struct Inner {
    node: NodeId,
    /// It is the tuple or generator of these parentheses, and not a value that they are put around.
    made_here: bool,
}
