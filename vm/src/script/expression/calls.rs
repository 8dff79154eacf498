//! Calls, subscripts and lambdas.

use super::error::SyntaxError;
use super::parser::{Parsed, Parser};
use super::token::Kind;
use super::{BinaryOp, List, Node, NodeId, Parameter, ParameterKind, TextId};
use crate::script::span::Span;
use std::collections::HashSet;

impl Parser<'_> {
    /// `( arguments )` behind a value that begins at `start`.
    pub(super) fn call(&mut self, start: Span, function: NodeId) -> Parsed {
        let open = self.token.span;
        self.advance()?;
        let base = self.scratch.len();
        let mut keywords: Vec<NodeId> = Vec::new();
        let mut unpacked_keywords = false;
        while self.token.kind != Kind::Close(b')') {
            let first = self.token;
            if self.take(Kind::Operator(BinaryOp::Pow))? {
                let value = self.expression()?;
                let span = first.span.to(self.built().span(value));
                keywords.push(self.push(Node::Keyword { name: None, value }, span)?);
                unpacked_keywords = true;
            } else if self.take(Kind::Operator(BinaryOp::Mult))? {
                if unpacked_keywords {
                    let message = "iterable argument unpacking follows keyword argument unpacking";
                    return Err(SyntaxError::new(message, first.span));
                }
                let value = self.expression()?;
                let span = first.span.to(self.built().span(value));
                let starred = self.push(Node::Starred(value), span)?;
                self.scratch.push(starred);
            } else {
                let comprehension = self.comprehension_start();
                let argument = self.named_expression()?;
                if self.token.kind == Kind::Equals {
                    let keyword = self.keyword(first.kind, argument)?;
                    keywords.push(keyword);
                } else if self.at_clause() {
                    let alone = self.scratch.len() == base && keywords.is_empty();
                    let clauses = self.clauses(argument, comprehension)?;
                    if !alone || self.token.kind != Kind::Close(b')') {
                        let span = first.span.to(self.token.span);
                        return Err(SyntaxError::new(
                            "Generator expression must be parenthesized",
                            span,
                        ));
                    }
                    let span = open.to(self.token.span);
                    let generator = self.push(
                        Node::Generator {
                            element: argument,
                            clauses,
                        },
                        span,
                    )?;
                    self.scratch.push(generator);
                } else if unpacked_keywords || !keywords.is_empty() {
                    return Err(SyntaxError::new(
                        "positional argument follows keyword argument",
                        first.span,
                    ));
                } else {
                    self.scratch.push(argument);
                }
            }
            if !self.take(Kind::Comma)? {
                break;
            }
        }
        let close = self.expect_close(b')', open)?;
        self.check_keywords(&keywords)?;
        let arguments = self.list_since(base);
        self.scratch.extend(keywords);
        let keywords = self.list_since(base);
        self.push(
            Node::Call {
                function,
                arguments,
                keywords,
            },
            start.to(close),
        )
    }

    /// `name=value`; the parser is at the `=`, `argument` is what it read in front of it.
    fn keyword(&mut self, first: Kind, argument: NodeId) -> Parsed {
        let built = self.built();
        let span = built.span(argument);
        let (Kind::Name, Node::Name(name)) = (first, built.node(argument)) else {
            let message = "expression cannot contain assignment, perhaps you meant \"==\"?";
            return Err(SyntaxError::new(message, span));
        };
        self.advance()?;
        let value = self.expression()?;
        let span = span.to(self.built().span(value));
        self.push(
            Node::Keyword {
                name: Some(name),
                value,
            },
            span,
        )
    }

    fn check_keywords(&mut self, keywords: &[NodeId]) -> Result<(), SyntaxError> {
        let mut names = HashSet::new();
        let built = self.built();
        for &keyword in keywords {
            if let Node::Keyword {
                name: Some(name), ..
            } = built.node(keyword)
                && !names.insert(built.name(name))
            {
                let message = format!("keyword argument repeated: {}", built.name(name));
                return Err(SyntaxError::new(message, built.span(keyword)));
            }
        }
        Ok(())
    }

    /// `[ index ]` behind a value that begins at `start`.
    pub(super) fn subscript(&mut self, start: Span, value: NodeId) -> Parsed {
        let open = self.token.span;
        self.advance()?;
        let base = self.scratch.len();
        let inner = self.token.span;
        let mut is_tuple = false;
        loop {
            let member = self.index()?;
            self.scratch.push(member);
            is_tuple |= matches!(self.built().node(member), Node::Starred(_));
            if !self.take(Kind::Comma)? {
                break;
            }
            is_tuple = true;
            if self.token.kind == Kind::Close(b']') {
                break;
            }
        }
        let end = self.token.span;
        let close = self.expect_close(b']', open)?;
        let index = if is_tuple {
            let members = self.list_since(base);
            self.push(
                Node::Tuple(members),
                Span {
                    start: inner.start,
                    end: end.start,
                },
            )?
        } else {
            self.scratch
                .pop()
                .ok_or_else(|| SyntaxError::new("invalid syntax", inner))?
        };
        self.push(Node::Subscript { value, index }, start.to(close))
    }

    /// One member of a subscript: a value, `*value`, or a slice.
    fn index(&mut self) -> Parsed {
        let first = self.token.span;
        if self.take(Kind::Operator(BinaryOp::Mult))? {
            let value = self.expression()?;
            let span = first.to(self.built().span(value));
            return self.push(Node::Starred(value), span);
        }
        let mut lower = None;
        if self.token.kind != Kind::Colon {
            let at_name = self.token.kind == Kind::Name;
            let value = self.named_expression()?;
            if self.token.kind != Kind::Colon {
                return Ok(value);
            }
            if at_name && matches!(self.built().node(value), Node::Walrus { .. }) {
                return Err(self.unexpected()); // only in parentheses
            }
            lower = Some(value);
        }
        let mut end = self.token.span;
        self.advance()?;
        let upper = self.slice_part(&mut end)?;
        let mut step = None;
        let colon = self.token.span;
        if self.take(Kind::Colon)? {
            end = colon;
            step = self.slice_part(&mut end)?;
        }
        self.push(Node::Slice { lower, upper, step }, first.to(end))
    }

    fn slice_part(&mut self, end: &mut Span) -> Result<Option<NodeId>, SyntaxError> {
        if matches!(self.token.kind, Kind::Colon | Kind::Comma | Kind::Close(_)) {
            return Ok(None);
        }
        let part = self.expression()?;
        *end = self.built().span(part);
        Ok(Some(part))
    }

    /// `lambda parameters: body`.
    pub(super) fn lambda(&mut self) -> Parsed {
        let start = self.token.span;
        self.advance()?;
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut kind = ParameterKind::Positional;
        let mut names_needed = false;
        while self.token.kind != Kind::Colon {
            let here = self.token.span;
            let slash = Kind::Operator(BinaryOp::Div);
            if self.token.kind == slash
                && kind == ParameterKind::Positional
                && !parameters.is_empty()
            {
                if parameters
                    .iter()
                    .any(|one| one.kind == ParameterKind::PositionalOnly)
                {
                    return Err(self.unexpected());
                }
                self.advance()?;
                for parameter in &mut parameters {
                    parameter.kind = ParameterKind::PositionalOnly;
                }
            } else if self.token.kind == Kind::Operator(BinaryOp::Mult)
                && kind == ParameterKind::Positional
            {
                self.advance()?;
                kind = ParameterKind::KeywordOnly;
                names_needed = self.token.kind != Kind::Name;
                if !names_needed {
                    let name = self.name()?;
                    parameters.push(Parameter {
                        name,
                        kind: ParameterKind::Rest,
                        default: None,
                    });
                }
            } else if self.take(Kind::Operator(BinaryOp::Pow))? {
                let name = self.parameter_name()?;
                parameters.push(Parameter {
                    name,
                    kind: ParameterKind::KeywordRest,
                    default: None,
                });
                self.take(Kind::Comma)?;
                break;
            } else {
                let name = self.parameter_name()?;
                let default = if self.take(Kind::Equals)? {
                    Some(self.expression()?)
                } else {
                    None
                };
                let after_default = parameters.last().is_some_and(|last| last.default.is_some());
                if default.is_none() && after_default && kind == ParameterKind::Positional {
                    return Err(SyntaxError::new(
                        "non-default argument follows default argument",
                        here,
                    ));
                }
                names_needed = false;
                parameters.push(Parameter {
                    name,
                    kind,
                    default,
                });
            }
            if !self.take(Kind::Comma)? {
                break;
            }
        }
        if names_needed {
            return Err(SyntaxError::new(
                "named arguments must follow bare *",
                self.token.span,
            ));
        }
        self.check_parameters(&parameters, start)?;
        if !self.take(Kind::Colon)? {
            return Err(self.unexpected());
        }
        self.lambda_body(start, &parameters)
    }

    fn lambda_body(&mut self, start: Span, parameters: &[Parameter]) -> Parsed {
        // What `:=` binds in a lambda is the lambda's own.
        let walruses = self.walruses.len();
        let body = self.expression()?;
        self.walruses.truncate(walruses);
        let span = start.to(self.built().span(body));
        let built = self.built();
        let first = built.parameters.len();
        built.parameters.extend_from_slice(parameters);
        self.push(
            Node::Lambda {
                parameters: List::new(first, parameters.len()),
                body,
            },
            span,
        )
    }

    fn parameter_name(&mut self) -> Result<TextId, SyntaxError> {
        if self.token.kind == Kind::Name {
            self.name()
        } else {
            Err(self.unexpected())
        }
    }

    fn check_parameters(
        &mut self,
        parameters: &[Parameter],
        span: Span,
    ) -> Result<(), SyntaxError> {
        let built = self.built();
        let mut names = HashSet::new();
        match parameters
            .iter()
            .map(|one| built.name(one.name))
            .find(|name| !names.insert(*name))
        {
            None => Ok(()),
            Some(name) => Err(SyntaxError::new(
                format!("duplicate argument '{name}' in function definition"),
                span,
            )),
        }
    }
}
