//! The tree of a definition: what remains of its Python once the front end has let it pass.
//!
//! Expressions are those of scripts ([`crate::script::expression`]); both front ends meet there and in the compiler.
//! Statements nest only as deep as the text is indented, which the front end bounds.

pub use crate::script::expression::{self, BinaryOp, Expressions, Node, NodeId, TextId};
use crate::script::expression::{List, Parameter};
pub use crate::script::span::Span;

/// A definition.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// Where the nodes of its expressions lie.
    pub expressions: Expressions,
    /// What it does.
    pub body: Block,
}

/// Statements in a row.
pub type Block = Vec<Statement>;

/// One statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What it does.
    pub kind: StatementKind,
    /// Where it stands.
    pub span: Span,
}

/// What a statement does. Names and parts follow Python's `ast`.
#[derive(Clone, Debug)]
pub enum StatementKind {
    /// An expression for its effect.
    Expression(NodeId),
    /// `a = b = value`
    Assign(Vec<NodeId>, NodeId),
    /// `target += value`
    Augment(NodeId, BinaryOp, NodeId),
    /// `if … elif …`: tests with their blocks, then `else`.
    If(Vec<(NodeId, Block)>, Block),
    /// `while test: … else: …`
    While(NodeId, Block, Block),
    /// `for target in iterable: … else: …`
    For(NodeId, NodeId, Block, Block),
    /// `try`
    Try(Box<Try>),
    /// `raise exception from cause`
    Raise(Option<NodeId>, Option<NodeId>),
    /// `return value`
    Return(Option<NodeId>),
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `pass`
    Pass,
    /// `del a, b`
    Delete(Vec<NodeId>),
    /// `assert test, message`
    Assert(NodeId, Option<NodeId>),
    /// `global a, b`
    Global(Vec<TextId>),
    /// `nonlocal a, b`
    Nonlocal(Vec<TextId>),
    /// `import module as name`: the dotted module, the name that is bound, and whether an `as` stood there.
    Import(TextId, TextId, bool),
    /// `from module import name as name`
    ImportFrom(TextId, Vec<(TextId, TextId)>),
    /// `def`
    Def(Box<Def>),
}

/// `try` with all its parts.
#[derive(Clone, Debug)]
pub struct Try {
    /// What is tried.
    pub body: Block,
    /// `except` clauses.
    pub handlers: Vec<Except>,
    /// `else`
    pub otherwise: Block,
    /// `finally`
    pub finally: Block,
}

/// `except class as name: …`
#[derive(Clone, Debug)]
pub struct Except {
    /// What is caught; nothing: everything.
    pub class: Option<NodeId>,
    /// What the exception is called.
    pub name: Option<TextId>,
    /// What is done.
    pub body: Block,
    /// Where it stands.
    pub span: Span,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Def {
    /// Its name.
    pub name: TextId,
    /// Its parameters, with defaults.
    pub parameters: List<Parameter>,
    /// What it does.
    pub body: Block,
}
