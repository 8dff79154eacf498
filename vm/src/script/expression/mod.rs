//! Expressions: Python 3.11's `eval` grammar, as a tree in vectors.
//!
//! [`parse`] accepts what Python 3.11 compiles, except what can have no use in a script: complex numbers, `yield`, `await`, and
//! names that begin and end with two underscores. Everything it refuses is a [`SyntaxError`], which to a running script means that
//! the text of the expression is its value.
//!
//! Many expressions share one [`Expressions`]. A node is pushed after its parts, so the parts of a node have lower ids.
//! Depth: the left-most part of a node (operand of an attribute, subscript, call or binary operator) can be
//! [`crate::limits::EXPRESSION_HEIGHT_MAX`] deep and is to be walked by a loop; all other parts nest at most [`crate::limits::EXPRESSION_NESTING_MAX`]
//! deep, prefix operators included.

pub mod build;
mod calls;
mod comprehension;
mod displays;
mod error;
mod fstring;
mod lexer;
mod numbers;
mod parser;
mod parts;
pub mod print;
mod strings;
mod targets;
#[cfg(test)]
mod tests;
mod token;

use super::number::Integer;
use super::span::Span;
pub use error::SyntaxError;
pub use parser::parse;

/// A node of [`Expressions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

/// A text of [`Expressions`]: a name, or what a string literal stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TextId(u32);

/// A big integer of [`Expressions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IntegerId(u32);

/// Nodes in a row, or comparison operators in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List<T> {
    start: u32,
    length: u32,
    of: std::marker::PhantomData<T>,
}

impl<T> List<T> {
    fn new(start: usize, length: usize) -> Self {
        Self {
            start: start as u32,
            length: length as u32,
            of: std::marker::PhantomData,
        }
    }

    fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + self.length as usize
    }

    /// How many.
    #[must_use]
    pub fn len(self) -> usize {
        self.length as usize
    }

    /// None at all.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.length == 0
    }
}

/// Nodes in a row.
pub type Nodes = List<NodeId>;

/// What a string or bytes literal stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// A text.
    Plain(Box<str>),
    /// A text with half a surrogate pair in it (`"\ud800"`), each character in UTF-8's scheme (WTF-8).
    Surrogates(Box<[u8]>),
    /// The value of a bytes literal.
    Bytes(Box<[u8]>),
}

/// One node. Names of the variants and their parts follow Python's `ast`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Node {
    /// `None`.
    None,
    /// `True`.
    True,
    /// `False`.
    False,
    /// `...`.
    Ellipsis,
    /// An integer that fits 64 bits.
    Integer(i64),
    /// One that does not.
    BigInteger(IntegerId),
    /// A float.
    Float(f64),
    /// A text or bytes literal, adjacent ones joined.
    Text(TextId),
    /// A variable or function.
    Name(TextId),
    /// An f-string: [`Node::Text`] and [`Node::FormattedValue`] in turn.
    JoinedStr(Nodes),
    /// `{value!r:spec}` of an f-string.
    FormattedValue {
        /// What is between the braces.
        value: NodeId,
        /// `!r` and its like.
        conversion: Conversion,
        /// A [`Node::JoinedStr`].
        spec: Option<NodeId>,
    },
    /// `-operand`.
    Unary(UnaryOp, NodeId),
    /// `left + right`.
    Binary(BinaryOp, NodeId, NodeId),
    /// `a or b or c`: two operands or more.
    Bool(BoolOp, Nodes),
    /// `left < a < b`: as many operators as operands.
    Compare {
        /// The first operand.
        left: NodeId,
        /// See [`Expressions::compare_ops`].
        ops: List<CompareOp>,
        /// The others.
        operands: Nodes,
    },
    /// `body if test else otherwise`.
    Conditional {
        /// Evaluated first.
        test: NodeId,
        /// When true.
        body: NodeId,
        /// When false.
        otherwise: NodeId,
    },
    /// `lambda parameters: body`.
    Lambda {
        /// See [`Expressions::parameters`].
        parameters: List<Parameter>,
        /// Its value.
        body: NodeId,
    },
    /// `(target := value)`.
    Walrus {
        /// The name.
        target: TextId,
        /// Its new value.
        value: NodeId,
    },
    /// `[a, b]`.
    List(Nodes),
    /// `a, b`.
    Tuple(Nodes),
    /// `{a, b}`.
    Set(Nodes),
    /// `{k: v, **m}`: keys and values in turn; the key of an unpacked mapping is [`Node::Unpacked`].
    Dict(Nodes),
    /// Stands where `{**m}` has no key.
    Unpacked,
    /// `*value` in a display or a call.
    Starred(NodeId),
    /// `value.name`.
    Attribute {
        /// The object.
        value: NodeId,
        /// What of it.
        name: TextId,
    },
    /// `value[index]`.
    Subscript {
        /// The container.
        value: NodeId,
        /// Anything, [`Node::Slice`] and a tuple of slices included.
        index: NodeId,
    },
    /// `lower:upper:step`.
    Slice {
        /// First.
        lower: Option<NodeId>,
        /// One past the last.
        upper: Option<NodeId>,
        /// Step.
        step: Option<NodeId>,
    },
    /// `function(arguments, keywords)`.
    Call {
        /// What is called.
        function: NodeId,
        /// Positional ones, [`Node::Starred`] among them; in the order of the text.
        arguments: Nodes,
        /// [`Node::Keyword`]s; in the order of the text.
        keywords: Nodes,
    },
    /// `name=value` or `**value` in a call.
    Keyword {
        /// `None` is `**`.
        name: Option<TextId>,
        /// The argument.
        value: NodeId,
    },
    /// `[element for …]`.
    ListComp {
        /// What is collected.
        element: NodeId,
        /// [`Node::Clause`]s.
        clauses: Nodes,
    },
    /// `{element for …}`.
    SetComp {
        /// What is collected.
        element: NodeId,
        /// [`Node::Clause`]s.
        clauses: Nodes,
    },
    /// `{key: value for …}`.
    DictComp {
        /// Key and value: two nodes.
        pair: Nodes,
        /// [`Node::Clause`]s.
        clauses: Nodes,
    },
    /// `(element for …)`.
    Generator {
        /// What is given.
        element: NodeId,
        /// [`Node::Clause`]s.
        clauses: Nodes,
    },
    /// `for target in iterable if c if d` of a comprehension.
    Clause {
        /// A name, attribute, subscript, starred, or tuple or list of those.
        target: NodeId,
        /// What is gone through.
        iterable: NodeId,
        /// All must hold.
        conditions: Nodes,
    },
}

/// `!r` and its like in an f-string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// None: `format(value, spec)`.
    None,
    /// `!s`.
    Str,
    /// `!r`.
    Repr,
    /// `!a`.
    Ascii,
}

/// Operators in front of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as Python's ast names them")]
pub enum UnaryOp {
    Not,
    Plus,
    Minus,
    Invert,
}

/// Operators between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as Python's ast names them")]
pub enum BinaryOp {
    Add,
    Sub,
    Mult,
    MatMult,
    Div,
    FloorDiv,
    Mod,
    Pow,
    LShift,
    RShift,
    BitOr,
    BitXor,
    BitAnd,
}

/// `and`, `or`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as Python's ast names them")]
pub enum BoolOp {
    And,
    Or,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as Python's ast names them")]
pub enum CompareOp {
    Eq,
    NotEq,
    Lt,
    LtE,
    Gt,
    GtE,
    Is,
    IsNot,
    In,
    NotIn,
}

/// One parameter of a lambda.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: TextId,
    /// How it is passed.
    pub kind: ParameterKind,
    /// Its value when nothing is passed.
    pub default: Option<NodeId>,
}

/// How a parameter of a lambda is passed. They come in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParameterKind {
    /// In front of `/`.
    PositionalOnly,
    /// The usual.
    Positional,
    /// `*rest`.
    Rest,
    /// Behind `*` or `*rest`.
    KeywordOnly,
    /// `**rest`.
    KeywordRest,
}

/// One expression of an [`Expressions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expression {
    /// Its outermost node, and its last.
    pub root: NodeId,
    /// Its first node. All from there to the root belong to it.
    pub first: NodeId,
}

/// Where expressions lie.
#[derive(Clone, Debug, Default)]
pub struct Expressions {
    nodes: Vec<Node>,
    spans: Vec<Span>,
    heights: Vec<u16>,
    lists: Vec<NodeId>,
    compare_ops: Vec<CompareOp>,
    parameters: Vec<Parameter>,
    texts: Vec<Text>,
    integers: Vec<Integer>,
    /// Bytes and tokens looked at so far, for tests that count work and for metering it.
    steps: u64,
    /// Tokens that may still be looked at, if they are limited.
    tokens_left: Option<u64>,
}

impl Expressions {
    /// A node.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Node {
        self.nodes[id.0 as usize]
    }

    /// The place of a node in the text that was parsed.
    #[must_use]
    pub fn span(&self, id: NodeId) -> Span {
        self.spans[id.0 as usize]
    }

    /// How high the tree below a node is: 1 for a name. At most [`crate::limits::EXPRESSION_HEIGHT_MAX`].
    #[must_use]
    pub fn height(&self, id: NodeId) -> u32 {
        u32::from(self.heights[id.0 as usize])
    }

    /// The nodes of a list.
    #[must_use]
    pub fn nodes(&self, list: Nodes) -> &[NodeId] {
        &self.lists[list.range()]
    }

    /// The operators of a comparison.
    #[must_use]
    pub fn compare_ops(&self, list: List<CompareOp>) -> &[CompareOp] {
        &self.compare_ops[list.range()]
    }

    /// The parameters of a lambda.
    #[must_use]
    pub fn parameters(&self, list: List<Parameter>) -> &[Parameter] {
        &self.parameters[list.range()]
    }

    /// The value of a literal.
    #[must_use]
    pub fn text(&self, id: TextId) -> &Text {
        &self.texts[id.0 as usize]
    }

    /// A name, in NFKC as Python compares names.
    #[must_use]
    pub fn name(&self, id: TextId) -> &str {
        match &self.texts[id.0 as usize] {
            Text::Plain(name) => name,
            Text::Surrogates(_) | Text::Bytes(_) => {
                unreachable!("the lexer makes names of valid text")
            }
        }
    }

    /// A big integer.
    #[must_use]
    pub fn integer(&self, id: IntegerId) -> &Integer {
        &self.integers[id.0 as usize]
    }

    /// How many nodes there are. Ids of an expression parsed later are not below it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// No node yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The nodes of an expression, parts before wholes.
    pub fn ids(&self, of: Expression) -> impl Iterator<Item = NodeId> + use<> {
        (of.first.0..=of.root.0).map(NodeId)
    }

    /// Bytes and tokens looked at so far: the work of parsing, linear in the text.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Lets [`parse`] look at so many tokens in all, whether they make expressions or not. It refuses every text afterwards.
    pub fn limit_tokens(&mut self, count: u64) {
        self.tokens_left = Some(count);
    }

    /// Were there more tokens than they may be?
    #[must_use]
    pub fn is_over_tokens(&self) -> bool {
        self.tokens_left == Some(0)
    }
}
