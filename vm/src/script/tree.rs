//! The tree of a script: statements, blocks, calls and functions in vectors, by index.
//!
//! ```text
//! Script ── root ──▶ Block ──▶ Statement ──next──▶ Statement ──next──▶ …
//!                                 │ If       two Blocks and a Call
//!                                 │ Loop     a Block and a Call
//!                                 │ Call     a Call ──▶ Arguments in a row, some of them Calls again
//!                                 │ Assign   an Evaluation, or a Function and an Evaluation
//!                                 └ Return   an Evaluation
//! ```

use super::expression::{Expression, Expressions, SyntaxError};
use super::number::Integer;
use super::source::{Source, strip};
use super::span::{Position, Span};
use std::collections::HashMap;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(super) u32);

        impl $name {
            pub(super) fn new(index: usize) -> Self {
                Self(index as u32)
            }

            /// Its place in the vector of its kind.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// A [`Statement`] of a script.
    StatementId;
    /// A [`Block`] of a script.
    BlockId;
    /// A [`Call`] of a script.
    CallId;
    /// An [`Argument`] of a script.
    ArgumentId;
    /// A [`Function`] of a script.
    FunctionId;
    /// An [`Evaluation`] of a script.
    EvaluationId;
}

/// A script that was read.
#[derive(Clone, Debug)]
pub struct Script {
    pub(super) source: Source,
    pub(super) statements: Vec<Statement>,
    pub(super) blocks: Vec<Block>,
    pub(super) calls: Vec<Call>,
    pub(super) arguments: Vec<Argument>,
    pub(super) functions: Vec<Function>,
    pub(super) function_names: HashMap<Box<str>, FunctionId>,
    pub(super) evaluations: Vec<Evaluation>,
    pub(super) expressions: Expressions,
    pub(super) root: BlockId,
    pub(super) remarks: Vec<Remark>,
    pub(super) steps: u64,
}

/// One line that does something.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// What it does.
    pub kind: StatementKind,
    /// Its line, without white space at its ends.
    pub span: Span,
    pub(super) next: Option<StatementId>,
}

/// What a statement does.
#[derive(Clone, Copy, Debug)]
pub enum StatementKind {
    /// `if(…)`: the definition `if` of the catalogue decides which block runs. Its arguments are not resolved.
    If {
        /// The arguments.
        call: CallId,
        /// Up to `else()`.
        when_true: BlockId,
        /// From there on.
        when_false: BlockId,
    },
    /// `startLoop(…)`: native.
    Loop {
        /// The arguments: name, first, last.
        call: CallId,
        /// Runs for each value. Empty, without a block in the text, where `startLoop (` was written with a space.
        body: BlockId,
    },
    /// `return …` or `return(…)`.
    Return {
        /// What is returned.
        value: ReturnValue,
    },
    /// `target = expression`.
    Assign {
        /// The variable: whatever stands in front of the `=`.
        target: Span,
        /// Its value.
        right: RightSide,
    },
    /// A command or a user function.
    Call {
        /// What is called, with what.
        call: CallId,
        /// The variable in front of the `=`, if there is one.
        target: Option<Span>,
    },
}

/// What an assignment evaluates.
#[derive(Clone, Copy, Debug)]
pub enum RightSide {
    /// An expression. When it fails: the variable whose name is the whole text, else the text.
    Expression(EvaluationId),
    /// Text that begins with a call of a user function and is no call as a whole (`tax(base) + 1`): everything between the first
    /// `(` and the last `)` is one expression, whose value is the one argument, and whose failure is the statement's.
    FunctionCall {
        /// The function.
        function: FunctionId,
        /// The argument.
        argument: EvaluationId,
        /// Behind the last `)`: has no effect.
        dropped: Span,
    },
}

/// What a return statement returns.
#[derive(Clone, Copy, Debug)]
pub enum ReturnValue {
    /// `return()`: null.
    Nothing,
    /// An expression. When it fails: the variable whose name is the whole text, else the text.
    Expression(EvaluationId),
    /// `return(5)`: an argument that is a number.
    Number(ArgumentId),
}

/// An expression as it stands in the script.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// All of it: the value, when it fails.
    pub text: Span,
    /// Its tree, or why it has none.
    pub parsed: Result<Expression, SyntaxError>,
}

/// A name with arguments.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// In front of the first `(`; may be empty or have any characters.
    pub name: Span,
    /// Between the parentheses.
    pub list: Span,
    /// All of the call: from the name to the last `)`.
    pub span: Span,
    /// Who runs it.
    pub callee: Callee,
    pub(super) first_argument: u32,
    pub(super) arguments: u32,
}

/// Who runs a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callee {
    /// The catalogue's definition of that name.
    Command,
    /// A function of the script, which goes before a command of the same name.
    Function(FunctionId),
    /// The native loop, without a body: `startLoop` where it opens no block.
    Loop,
    /// `return`, where it is the argument of a call.
    Return,
}

/// One argument of a call.
#[derive(Clone, Debug)]
pub struct Argument {
    /// All of it, quotes included.
    pub span: Span,
    /// What it is.
    pub value: ArgumentValue,
}

/// What an argument is before anything is looked up.
#[derive(Clone, Debug)]
pub enum ArgumentValue {
    /// An integer.
    Integer(Integer),
    /// A float.
    Float(f64),
    /// Text.
    Text {
        /// Without quotes.
        text: Span,
        /// Had it quotes? For people only: nothing that runs may depend on it.
        quoted: bool,
        /// What is to be done with it.
        form: TextForm,
    },
}

/// How a text argument is resolved. `command` and `function` (and the bounds of loops) differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// No parentheses, operators or quotes. command: the text, for the command to look up. function: a visible variable of that
    /// name, else the text. Also every argument of `if`, which resolves nothing.
    Plain,
    /// Both parentheses and none of `+ - * / %`: a call to run now. A user function gives its value, a command null.
    Nested(CallId),
    /// The same below [`crate::limits::NESTED_CALLS_MAX`]: running it fails with `maximum recursion depth exceeded`.
    TooDeep,
    /// Has one of `+ - * / %`: a visible variable of that name, else the expression, else the text.
    Operation(EvaluationId),
    /// Has a quote, and neither operator nor both parentheses. command: the text, less one pair of quotes at its ends (see
    /// [`Script::unquoted`]). function: a visible variable of that name, else the expression, else the text.
    Quoted(EvaluationId),
}

/// Statements in a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Block {
    pub(super) first: Option<StatementId>,
    pub(super) last: Option<StatementId>,
}

/// A user function. All are known from the start.
#[derive(Clone, Debug)]
pub struct Function {
    /// Between `function` and `(`.
    pub name: Span,
    /// Their names; empty ones are left out.
    pub parameters: Vec<Span>,
    /// Its statements.
    pub body: BlockId,
    /// The line of its header.
    pub header: Span,
    /// Its lines (counted from 0) behind the header, without the one that is thrown away.
    pub lines: std::ops::Range<u32>,
    /// The line whose closing brace ended it, which is thrown away with all that is on it. Without one the function has swallowed
    /// the rest of the text, and its last line is thrown away.
    pub closed_by: Option<Span>,
}

/// Something that the parser passed over without a trace in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What.
    pub kind: RemarkKind,
    /// Where.
    pub span: Span,
}

/// What the parser passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// A line that fits no rule.
    IgnoredLine,
    /// `end()` or `endLoop()` where nothing is open.
    CloseWithoutBlock,
    /// `else()` where nothing is open.
    ElseWithoutBlock,
    /// A second `else()` of one `if`.
    SecondElse,
    /// An `if` or `startLoop` that nothing closes.
    NeverClosed,
    /// `end()` for a loop or `endLoop()` for an if, which works.
    OtherClose,
    /// `else()` in a loop: the script is refused.
    ElseInLoop,
    /// Text on the line that closes a function.
    LostWithBrace,
    /// The last line of a function that nothing closes.
    LostLastLine,
    /// A function that a later one of the same name replaces.
    ReplacedFunction,
    /// An argument with nothing in it, at the place where it should be.
    EmptyArgument(CallId),
}

impl Script {
    /// The text it was read from.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What a span names.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        self.source.get(span)
    }

    /// Line and column of a span's beginning.
    #[must_use]
    pub fn position(&self, span: Span) -> Position {
        self.source.position(span.start)
    }

    /// The program, functions aside.
    #[must_use]
    pub fn root(&self) -> BlockId {
        self.root
    }

    /// A statement.
    #[must_use]
    pub fn statement(&self, id: StatementId) -> &Statement {
        &self.statements[id.index()]
    }

    /// Every statement, those of blocks and functions included, in the order of the text but for nested functions.
    pub fn statements(&self) -> impl Iterator<Item = (StatementId, &Statement)> {
        self.statements
            .iter()
            .enumerate()
            .map(|(index, statement)| (StatementId::new(index), statement))
    }

    /// The ids of [`Self::statements`].
    pub fn statement_ids(&self) -> impl Iterator<Item = StatementId> + use<> {
        (0..self.statements.len()).map(StatementId::new)
    }

    /// The ids of [`Self::calls`].
    pub fn call_ids(&self) -> impl Iterator<Item = CallId> + use<> {
        (0..self.calls.len()).map(CallId::new)
    }

    /// The statements of a block, not those of blocks within.
    pub fn block(&self, id: BlockId) -> impl Iterator<Item = (StatementId, &Statement)> {
        let first = self.blocks[id.index()].first;
        std::iter::successors(first, |&id| self.statement(id).next)
            .map(|id| (id, self.statement(id)))
    }

    /// A call.
    #[must_use]
    pub fn call(&self, id: CallId) -> &Call {
        &self.calls[id.index()]
    }

    /// Every call, those in arguments included.
    pub fn calls(&self) -> impl Iterator<Item = (CallId, &Call)> {
        self.calls
            .iter()
            .enumerate()
            .map(|(index, call)| (CallId::new(index), call))
    }

    /// The arguments of a call, empty ones left out.
    #[must_use]
    pub fn arguments(&self, id: CallId) -> &[Argument] {
        let call = self.call(id);
        &self.arguments[call.first_argument as usize..][..call.arguments as usize]
    }

    /// One argument.
    #[must_use]
    pub fn argument(&self, id: ArgumentId) -> &Argument {
        &self.arguments[id.index()]
    }

    /// A function.
    #[must_use]
    pub fn function(&self, id: FunctionId) -> &Function {
        &self.functions[id.index()]
    }

    /// Every function, replaced ones included.
    pub fn functions(&self) -> impl Iterator<Item = (FunctionId, &Function)> {
        self.functions
            .iter()
            .enumerate()
            .map(|(index, function)| (FunctionId::new(index), function))
    }

    /// The function that a name calls.
    #[must_use]
    pub fn function_named(&self, name: &str) -> Option<FunctionId> {
        self.function_names.get(name).copied()
    }

    /// An expression.
    #[must_use]
    pub fn evaluation(&self, id: EvaluationId) -> &Evaluation {
        &self.evaluations[id.index()]
    }

    /// Where the nodes of expressions lie.
    #[must_use]
    pub fn expressions(&self) -> &Expressions {
        &self.expressions
    }

    /// What was passed over, for `crate::check`.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// The text of an argument without one pair of equal quotes at its ends, if it has them.
    #[must_use]
    pub fn unquoted(&self, text: Span) -> Span {
        let bytes = self.text(text).as_bytes();
        match bytes {
            [first @ (b'"' | b'\''), .., last] if first == last => Span {
                start: text.start + 1,
                end: text.end - 1,
            },
            _ => text,
        }
    }

    /// A part of the text without white space at its ends.
    #[must_use]
    pub fn strip(&self, span: Span) -> Span {
        strip(self.source.text(), span)
    }

    /// Bytes and tokens that were looked at to read it: the work of parsing.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps + self.expressions.steps()
    }
}
