//! The expression parser: operators by binding strength (Pratt), everything else by what it begins with.

use super::error::SyntaxError;
use super::lexer::Lexer;
use super::numbers::{self, Number};
use super::token::{Keyword, Kind, Token};
use super::{
    BinaryOp, BoolOp, CompareOp, Expression, Expressions, IntegerId, List, Node, NodeId, Nodes,
    Text, TextId, UnaryOp,
};
use crate::limits::{EXPRESSION_HEIGHT_MAX, EXPRESSION_NESTING_MAX};
use crate::script::number::Integer;
use crate::script::span::Span;
use unicode_normalization::UnicodeNormalization as _;

/// Parses the part `span` of `text` as Python's `eval` would. What it adds to `into` is taken back when it fails.
///
/// # Errors
/// The text is no expression, or over a limit.
pub fn parse(into: &mut Expressions, text: &str, span: Span) -> Result<Expression, SyntaxError> {
    let marks = Marks::of(into);
    let mut parser = Parser {
        lexer: Lexer::new(text, span, false),
        token: Token {
            kind: Kind::End,
            span: Span {
                start: span.start,
                end: span.start,
            },
        },
        into,
        scratch: Vec::new(),
        parts: Vec::new(),
        walruses: Vec::new(),
        nesting: 0,
        iterables: 0,
    };
    parser.step(u64::from(span.end - span.start));
    let root = parser.whole();
    match root {
        Ok(root) => Ok(Expression {
            root,
            first: NodeId(marks.0[0] as u32),
        }),
        Err(error) => {
            marks.restore(into);
            Err(error)
        }
    }
}

/// How far the vectors were filled before an expression.
struct Marks([usize; 6]);

impl Marks {
    fn of(into: &Expressions) -> Self {
        Self([
            into.nodes.len(),
            into.lists.len(),
            into.compare_ops.len(),
            into.parameters.len(),
            into.texts.len(),
            into.integers.len(),
        ])
    }

    fn restore(&self, into: &mut Expressions) {
        let [nodes, lists, compare_ops, parameters, texts, integers] = self.0;
        into.nodes.truncate(nodes);
        into.spans.truncate(nodes);
        into.heights.truncate(nodes);
        into.lists.truncate(lists);
        into.compare_ops.truncate(compare_ops);
        into.parameters.truncate(parameters);
        into.texts.truncate(texts);
        into.integers.truncate(integers);
    }
}

/// How strongly an operator binds; operators of a higher level are operands of those below.
pub(super) mod level {
    pub const OR: u8 = 1;
    pub const AND: u8 = 2;
    pub const NOT: u8 = 3;
    pub const COMPARE: u8 = 4;
    pub const BIT_OR: u8 = 5;
    pub const UNARY: u8 = 11;
    pub const POWER: u8 = 12;
}

/// A parser at one token.
pub(super) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    pub(super) token: Token,
    into: &'a mut Expressions,
    /// Members of the lists that are being read, inner ones last.
    pub(super) scratch: Vec<NodeId>,
    /// Parts of the node being pushed.
    parts: Vec<NodeId>,
    /// Names bound by `:=` in the comprehension or lambda being read.
    pub(super) walruses: Vec<TextId>,
    nesting: u32,
    /// How many iterables of comprehensions are being read: no `:=` may be in one.
    pub(super) iterables: u32,
}

pub(super) type Parsed = Result<NodeId, SyntaxError>;

impl<'a> Parser<'a> {
    /// All of the text: expressions with commas between them.
    fn whole(&mut self) -> Parsed {
        self.advance()?;
        let start = self.token.span;
        let first = self.expression()?;
        let root = if self.token.kind == Kind::Comma {
            let base = self.scratch.len();
            self.scratch.push(first);
            while self.take(Kind::Comma)? && self.token.kind != Kind::End {
                let next = self.expression()?;
                self.scratch.push(next);
            }
            let span = start.to(self.into.span(*self.scratch.last().unwrap_or(&first)));
            let members = self.list_since(base);
            self.push(Node::Tuple(members), span)?
        } else {
            first
        };
        if self.token.kind == Kind::End {
            Ok(root)
        } else {
            Err(self.unexpected())
        }
    }

    /// A conditional, a lambda, or anything that binds more strongly.
    pub(super) fn expression(&mut self) -> Parsed {
        if self.token.kind == Kind::Keyword(Keyword::Lambda) {
            return self.nested(Self::lambda);
        }
        let body = self.operand(level::OR)?;
        if self.token.kind != Kind::Keyword(Keyword::If) {
            return Ok(body);
        }
        self.advance()?;
        let test = self.operand(level::OR)?;
        if !self.take(Kind::Keyword(Keyword::Else))? {
            return Err(SyntaxError::new(
                "expected 'else' after 'if' expression",
                self.into.span(body).to(self.token.span),
            ));
        }
        let otherwise = self.nested(Self::expression)?;
        let span = self.into.span(body).to(self.into.span(otherwise));
        self.push(
            Node::Conditional {
                test,
                body,
                otherwise,
            },
            span,
        )
    }

    /// An expression or `name := expression`.
    pub(super) fn named_expression(&mut self) -> Parsed {
        let first = self.token;
        let target = self.expression()?;
        if self.token.kind != Kind::Walrus {
            return Ok(target);
        }
        let (Kind::Name, Node::Name(name)) = (first.kind, self.into.node(target)) else {
            return Err(SyntaxError::new(
                "cannot use assignment expressions with this target",
                self.into.span(target),
            ));
        };
        if self.iterables > 0 {
            let message =
                "assignment expression cannot be used in a comprehension iterable expression";
            return Err(SyntaxError::new(message, first.span));
        }
        self.advance()?;
        let value = self.expression()?;
        self.walruses.push(name);
        let span = first.span.to(self.into.span(value));
        self.push(
            Node::Walrus {
                target: name,
                value,
            },
            span,
        )
    }

    /// A member of a display: `*value` or an expression, which may be named.
    pub(super) fn member(&mut self) -> Parsed {
        let star = self.token;
        if star.kind == Kind::Operator(BinaryOp::Mult) {
            self.advance()?;
            let value = self.operand(level::BIT_OR)?;
            let span = star.span.to(self.into.span(value));
            return self.push(Node::Starred(value), span);
        }
        self.named_expression()
    }

    /// Operators of at least the level `least`, and their operands.
    pub(super) fn operand(&mut self, least: u8) -> Parsed {
        self.nested(|parser| {
            let mut left = parser.prefixed(least)?;
            while let Some(operator) = binary(parser.token.kind) {
                let (level, node) = operator;
                if level < least {
                    break;
                }
                left = match node {
                    Operator::Binary(BinaryOp::Pow) => {
                        parser.binary(BinaryOp::Pow, left, level::UNARY)?
                    }
                    Operator::Binary(op) => parser.binary(op, left, level + 1)?,
                    Operator::Bool(op) => parser.bool(op, left, level + 1)?,
                    Operator::Compare => parser.compare(left)?,
                };
            }
            Ok(left)
        })
    }

    fn binary(&mut self, op: BinaryOp, left: NodeId, least: u8) -> Parsed {
        self.advance()?;
        let right = self.operand(least)?;
        let span = self.into.span(left).to(self.into.span(right));
        self.push(Node::Binary(op, left, right), span)
    }

    /// `left or a or b …`.
    fn bool(&mut self, op: BoolOp, left: NodeId, least: u8) -> Parsed {
        let keyword = self.token.kind;
        let base = self.scratch.len();
        self.scratch.push(left);
        let mut end = left;
        while self.take(keyword)? {
            end = self.operand(least)?;
            self.scratch.push(end);
        }
        let span = self.into.span(left).to(self.into.span(end));
        let operands = self.list_since(base);
        self.push(Node::Bool(op, operands), span)
    }

    /// `left < a == b …`.
    fn compare(&mut self, left: NodeId) -> Parsed {
        let base = self.scratch.len();
        let mut ops = Vec::new();
        let mut last = left;
        while let Some(op) = self.compare_op()? {
            ops.push(op);
            last = self.operand(level::COMPARE + 1)?;
            self.scratch.push(last);
        }
        let span = self.into.span(left).to(self.into.span(last));
        let operands = self.list_since(base);
        let start = self.into.compare_ops.len();
        self.into.compare_ops.extend_from_slice(&ops);
        self.push(
            Node::Compare {
                left,
                ops: List::new(start, ops.len()),
                operands,
            },
            span,
        )
    }

    fn compare_op(&mut self) -> Result<Option<CompareOp>, SyntaxError> {
        let op = match self.token.kind {
            Kind::Compare(op) => op,
            Kind::Keyword(Keyword::In) => CompareOp::In,
            Kind::Keyword(Keyword::Not) => {
                self.advance()?;
                if self.token.kind != Kind::Keyword(Keyword::In) {
                    return Err(self.unexpected());
                }
                CompareOp::NotIn
            }
            Kind::Keyword(Keyword::Is) => {
                self.advance()?;
                let not = self.take(Kind::Keyword(Keyword::Not))?;
                return Ok(Some(if not { CompareOp::IsNot } else { CompareOp::Is }));
            }
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(op))
    }

    /// `not`, `-`, `+`, `~` and their operand, or an operand without any.
    fn prefixed(&mut self, least: u8) -> Parsed {
        let (op, own) = match self.token.kind {
            Kind::Keyword(Keyword::Not) => (UnaryOp::Not, level::NOT),
            Kind::Operator(BinaryOp::Add) => (UnaryOp::Plus, level::UNARY),
            Kind::Operator(BinaryOp::Sub) => (UnaryOp::Minus, level::UNARY),
            Kind::Tilde => (UnaryOp::Invert, level::UNARY),
            _ => return self.primary(),
        };
        if least > own {
            return Err(self.unexpected());
        }
        let start = self.token.span;
        self.advance()?;
        let operand = self.operand(own)?;
        let span = start.to(self.into.span(operand));
        self.push(Node::Unary(op, operand), span)
    }

    /// An atom with attributes, subscripts and calls behind it.
    fn primary(&mut self) -> Parsed {
        let start = self.token.span;
        let mut value = self.atom()?;
        loop {
            value = match self.token.kind {
                Kind::Dot => {
                    self.advance()?;
                    if self.token.kind != Kind::Name {
                        return Err(self.unexpected());
                    }
                    let span = start.to(self.token.span);
                    let name = self.name()?;
                    self.push(Node::Attribute { value, name }, span)?
                }
                Kind::Open(b'[') => self.subscript(start, value)?,
                Kind::Open(b'(') => self.call(start, value)?,
                _ => return Ok(value),
            };
        }
    }

    fn atom(&mut self) -> Parsed {
        let Token { kind, span } = self.token;
        let node = match kind {
            Kind::Name => {
                let name = self.name()?;
                return self.push(Node::Name(name), span);
            }
            Kind::Number => match numbers::value(span.of(self.text()), span)? {
                Number::Float(value) => Node::Float(value),
                Number::Integer(Integer::Small(value)) => Node::Integer(value),
                Number::Integer(big @ Integer::Big(_)) => {
                    self.into.integers.push(big);
                    Node::BigInteger(IntegerId(self.into.integers.len() as u32 - 1))
                }
            },
            Kind::String => return self.strings(),
            Kind::Keyword(Keyword::None) => Node::None,
            Kind::Keyword(Keyword::True) => Node::True,
            Kind::Keyword(Keyword::False) => Node::False,
            Kind::Ellipsis => Node::Ellipsis,
            Kind::Open(b'(') => return self.group(),
            Kind::Open(b'[') => return self.list(),
            Kind::Open(_) => return self.braces(),
            _ => return Err(self.unexpected()),
        };
        self.advance()?;
        self.push(node, span)
    }

    /// The name that the parser is at.
    pub(super) fn name(&mut self) -> Result<TextId, SyntaxError> {
        let span = self.token.span;
        let word = span.of(self.text());
        let name: Box<str> = if word.is_ascii() {
            word.into()
        } else {
            word.nfkc().collect::<String>().into()
        };
        if name.len() > 4 && name.starts_with("__") && name.ends_with("__") {
            return Err(SyntaxError::new(
                format!("name '{name}' is not defined"),
                span,
            ));
        }
        self.advance()?;
        Ok(self.add_text(Text::Plain(name)))
    }

    // --- Building ----------------------------------------------------------------------------------------------------

    /// Adds a node above its parts.
    pub(super) fn push(&mut self, node: Node, span: Span) -> Parsed {
        self.parts.clear();
        self.into.push_parts_of(node, &mut self.parts);
        let heights = self.parts.iter().map(|&part| self.into.height(part));
        let height = 1 + heights.max().unwrap_or(0);
        if height > EXPRESSION_HEIGHT_MAX {
            return Err(SyntaxError::new(
                "maximum recursion depth exceeded during compilation",
                span,
            ));
        }
        self.step(1);
        self.into.nodes.push(node);
        self.into.spans.push(span);
        self.into.heights.push(height as u16);
        Ok(NodeId(self.into.nodes.len() as u32 - 1))
    }

    pub(super) fn add_text(&mut self, text: Text) -> TextId {
        self.into.texts.push(text);
        TextId(self.into.texts.len() as u32 - 1)
    }

    /// Makes a list of what was put on the scratch list since it had `base` members.
    pub(super) fn list_since(&mut self, base: usize) -> Nodes {
        let start = self.into.lists.len();
        self.into.lists.extend(self.scratch.drain(base..));
        List::new(start, self.into.lists.len() - start)
    }

    /// What was built so far.
    pub(super) fn built(&mut self) -> &mut Expressions {
        self.into
    }

    // --- Going on ----------------------------------------------------------------------------------------------------

    /// The whole text, of which the expression is a part.
    pub(super) fn text(&self) -> &'a str {
        self.lexer.text()
    }

    /// Goes to the next token.
    pub(super) fn advance(&mut self) -> Result<(), SyntaxError> {
        self.step(1);
        if let Some(left) = &mut self.into.tokens_left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                return Err(SyntaxError::new("too many tokens", self.token.span));
            }
        }
        self.token = self.lexer.next()?;
        Ok(())
    }

    /// Goes on if the parser is at this token.
    pub(super) fn take(&mut self, kind: Kind) -> Result<bool, SyntaxError> {
        let taken = self.token.kind == kind;
        if taken {
            self.advance()?;
        }
        Ok(taken)
    }

    /// Goes on behind a closing bracket, which has to be here.
    pub(super) fn expect_close(&mut self, byte: u8, open: Span) -> Result<Span, SyntaxError> {
        let here = self.token.span;
        if self.token.kind == Kind::End {
            let open_text = open.of(self.text());
            return Err(SyntaxError::new(
                format!("'{open_text}' was never closed"),
                open,
            ));
        }
        if !self.take(Kind::Close(byte))? {
            return Err(self.unexpected());
        }
        Ok(here)
    }

    /// The token is not what can stand here.
    pub(super) fn unexpected(&self) -> SyntaxError {
        let message = match self.token.kind {
            Kind::End => "unexpected end of the expression",
            Kind::Keyword(Keyword::Yield) => "'yield' outside function",
            Kind::Keyword(Keyword::Await) => "'await' outside function",
            _ => "invalid syntax",
        };
        SyntaxError::new(message, self.token.span)
    }

    /// Runs a rule that may come back to itself.
    pub(super) fn nested<T>(
        &mut self,
        rule: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.nesting >= EXPRESSION_NESTING_MAX {
            return Err(SyntaxError::new(
                "too many nested expressions",
                self.token.span,
            ));
        }
        self.nesting += 1;
        let result = rule(self);
        self.nesting -= 1;
        result
    }

    /// Counts work.
    pub(super) fn step(&mut self, work: u64) {
        self.into.steps += work;
    }
}

enum Operator {
    Binary(BinaryOp),
    Bool(BoolOp),
    Compare,
}

/// The level of a binary operator and what it is.
fn binary(kind: Kind) -> Option<(u8, Operator)> {
    Some(match kind {
        Kind::Keyword(Keyword::Or) => (level::OR, Operator::Bool(BoolOp::Or)),
        Kind::Keyword(Keyword::And) => (level::AND, Operator::Bool(BoolOp::And)),
        Kind::Compare(_) | Kind::Keyword(Keyword::In | Keyword::Is | Keyword::Not) => {
            (level::COMPARE, Operator::Compare)
        }
        Kind::Operator(op) => {
            let level = match op {
                BinaryOp::BitOr => level::BIT_OR,
                BinaryOp::BitXor => 6,
                BinaryOp::BitAnd => 7,
                BinaryOp::LShift | BinaryOp::RShift => 8,
                BinaryOp::Add | BinaryOp::Sub => 9,
                BinaryOp::Mult
                | BinaryOp::MatMult
                | BinaryOp::Div
                | BinaryOp::FloorDiv
                | BinaryOp::Mod => 10,
                BinaryOp::Pow => level::POWER,
            };
            (level, Operator::Binary(op))
        }
        _ => return None,
    })
}
