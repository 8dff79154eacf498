//! Lines to a tree.
//!
//! Blocks are a stack, nested function bodies a second one: nothing recurses. Where a function ends is known in advance for every
//! line from one pass over the braces, so that functions within functions cost no second look.

mod calls;

use self::calls::Resolution;
use super::expression::Expressions;
use super::line::{Line, brace_balance, classify, is_call};
use super::source::{Source, strip};
use super::span::Span;
use super::tree::{
    ArgumentId, ArgumentValue, Block, BlockId, Call, CallId, Function, FunctionId, Remark,
    RemarkKind, ReturnValue, RightSide, Script, Statement, StatementId, StatementKind,
};
use crate::limits::{
    ARGUMENTS_MAX, RESCAN_BYTES_BASE, RESCANS_PER_BYTE, SCRIPT_BYTES_MAX, STATEMENTS_MAX,
    TOKENS_MAX,
};
use std::collections::HashMap;

/// A script that cannot be run at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// What the requester is told.
    pub message: String,
    /// A stable name of the kind: `script_too_large` or `else_in_loop`.
    pub code: &'static str,
    /// Where.
    pub span: Span,
}

impl std::fmt::Display for ScriptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ScriptError {}

/// Reads a script.
///
/// # Errors
/// It is over a limit of its size ([`crate::limits`]), or has an `else()` directly in a loop. The first of those ends the
/// reading.
pub fn parse(text: impl Into<Box<str>>) -> Result<Script, ScriptError> {
    read(text.into(), false)
}

/// Reads a script for somebody who wants to know all that is wrong with it; it is not to be run.
///
/// # Errors
/// It is over a limit of its size ([`crate::limits`]).
pub fn parse_leniently(text: impl Into<Box<str>>) -> Result<Script, ScriptError> {
    read(text.into(), true)
}

fn read(text: Box<str>, leniently: bool) -> Result<Script, ScriptError> {
    if text.len() > SCRIPT_BYTES_MAX {
        let message = format!(
            "Script too large: {} bytes, at most {SCRIPT_BYTES_MAX} are read",
            text.len()
        );
        return Err(ScriptError {
            message,
            code: "script_too_large",
            span: Span::default(),
        });
    }
    let source = Source::new(text);
    let mut parser = Parser::new(&source);
    parser.leniently = leniently;
    parser.program();
    if parser.refused.is_none() {
        parser.settle();
    }
    if let Some(error) = parser.refused {
        return Err(error);
    }
    let Parser { mut script, .. } = parser;
    script.source = source;
    Ok(script)
}

struct Parser<'a> {
    text: &'a str,
    /// The lines without white space at their ends.
    lines: Vec<Span>,
    /// For each line the first one behind it at which more braces were closed than opened since; `lines.len()` if none is.
    balanced_by: Vec<u32>,
    script: Script,
    bodies: Vec<Body>,
    open: Vec<OpenBlock>,
    rescan_bytes_left: u64,
    leniently: bool,
    /// Why the script is not read any further.
    refused: Option<ScriptError>,
}

/// A run of lines being read as a program: all of them, or a function's.
struct Body {
    next: u32,
    end: u32,
    current: BlockId,
    /// Blocks of `open` that belong to bodies around this one.
    outer_blocks: usize,
    function: Option<Function>,
}

struct OpenBlock {
    statement: StatementId,
    around: BlockId,
    /// Of an `if`; `None` for a loop.
    when_false: Option<BlockId>,
    seen_else: bool,
}

impl<'a> Parser<'a> {
    fn new(source: &'a Source) -> Self {
        let text = source.text();
        let lines: Vec<Span> = (0..source.lines())
            .map(|index| strip(text, source.line(index)))
            .collect();
        let mut expressions = Expressions::default();
        expressions.limit_tokens(TOKENS_MAX + 1);
        let script = Script {
            source: Source::new(""),
            statements: Vec::with_capacity(lines.len().min(STATEMENTS_MAX + 1)),
            blocks: vec![Block::default()],
            calls: Vec::with_capacity(lines.len().min(STATEMENTS_MAX + 1)),
            arguments: Vec::new(),
            functions: Vec::new(),
            function_names: HashMap::new(),
            evaluations: Vec::new(),
            expressions,
            root: BlockId::new(0),
            remarks: Vec::new(),
            steps: text.len() as u64,
        };
        Self {
            text,
            balanced_by: if text.contains("function ") {
                balanced_by(text, &lines)
            } else {
                Vec::new()
            },
            lines,
            script,
            bodies: Vec::new(),
            open: Vec::new(),
            rescan_bytes_left: RESCAN_BYTES_BASE + text.len() as u64 * RESCANS_PER_BYTE,
            leniently: false,
            refused: None,
        }
    }

    /// All lines, function bodies where they stand.
    fn program(&mut self) {
        self.begin_body(0, self.lines.len() as u32, self.script.root, None);
        while let Some(body) = self.bodies.last_mut() {
            if body.next == body.end {
                self.end_body();
                continue;
            }
            let index = body.next;
            body.next += 1;
            self.line(index);
            self.look_at_size(self.lines[index as usize]);
            if self.refused.is_some() {
                return;
            }
        }
    }

    /// Refuses the script if it has too much of something since what is at `span`.
    fn look_at_size(&mut self, span: Span) {
        let script = &self.script;
        let much = if script.statements.len() > STATEMENTS_MAX {
            format!("{STATEMENTS_MAX} statements")
        } else if script.arguments.len() > ARGUMENTS_MAX {
            format!("{ARGUMENTS_MAX} arguments")
        } else if script.expressions.is_over_tokens() {
            format!("{TOKENS_MAX} tokens in expressions")
        } else {
            return;
        };
        self.refused = Some(ScriptError {
            message: format!("Script too large: more than {much}"),
            code: "script_too_large",
            span,
        });
    }

    /// Begins with a run of lines. Blank ones at its end do not count.
    fn begin_body(
        &mut self,
        next: u32,
        mut end: u32,
        current: BlockId,
        function: Option<Function>,
    ) {
        while end > next && self.lines[end as usize - 1].is_empty() {
            end -= 1;
        }
        self.bodies.push(Body {
            next,
            end,
            current,
            outer_blocks: self.open.len(),
            function,
        });
    }

    /// Whatever is still open at the end of a run of lines ends there.
    fn end_body(&mut self) {
        let Some(body) = self.bodies.pop() else {
            return;
        };
        for block in self.open.drain(body.outer_blocks..) {
            let span = self.script.statements[block.statement.index()].span;
            self.script.remarks.push(Remark {
                kind: RemarkKind::NeverClosed,
                span,
            });
        }
        if let Some(function) = body.function {
            let id = FunctionId::new(self.script.functions.len());
            let name = function.name.of(self.text).into();
            self.script.functions.push(function);
            // The body's own functions are registered by now: one of the same name is replaced too.
            if let Some(replaced) = self.script.function_names.insert(name, id) {
                let span = self.script.functions[replaced.index()].header;
                self.script.remarks.push(Remark {
                    kind: RemarkKind::ReplacedFunction,
                    span,
                });
            }
        }
    }

    fn line(&mut self, index: u32) {
        let span = self.lines[index as usize];
        match classify(self.text, span) {
            Line::Blank | Line::Comment => {}
            Line::Ignored => self.remark(RemarkKind::IgnoredLine, span),
            Line::If => {
                let call = self.call(span, Resolution::Nothing);
                let (when_true, when_false) = (self.new_block(), self.new_block());
                let around = self.current();
                let statement = self.push(
                    StatementKind::If {
                        call,
                        when_true,
                        when_false,
                    },
                    span,
                );
                self.open.push(OpenBlock {
                    statement,
                    around,
                    when_false: Some(when_false),
                    seen_else: false,
                });
                self.set_current(when_true);
            }
            Line::Loop => {
                let call = self.call(span, Resolution::Arguments);
                let body = self.new_block();
                let around = self.current();
                let statement = self.push(StatementKind::Loop { call, body }, span);
                self.open.push(OpenBlock {
                    statement,
                    around,
                    when_false: None,
                    seen_else: false,
                });
                self.set_current(body);
            }
            Line::Else => self.else_mark(span),
            Line::Close => self.close(span),
            Line::Function { header } => self.function(index, span, header),
            Line::Return { value } => {
                let value = ReturnValue::Expression(self.evaluation(value));
                self.push(StatementKind::Return { value }, span);
            }
            Line::Assignment { target, right } if is_call(right.of(self.text)) => {
                self.call_statement(right, Some(target), span);
            }
            Line::Assignment { target, right } => {
                // What is to be parsed depends on functions that may follow: `settle` does it.
                let right = RightSide::Expression(self.unparsed(right));
                self.push(StatementKind::Assign { target, right }, span);
            }
            Line::Call => self.call_statement(span, None, span),
        }
    }

    fn call_statement(&mut self, call: Span, target: Option<Span>, span: Span) {
        let id = self.call(call, Resolution::Arguments);
        let kind = match self.script.calls[id.index()].name.of(self.text) {
            "startLoop" => StatementKind::Loop {
                call: id,
                body: self.new_block(),
            },
            "return" => StatementKind::Return {
                value: self.return_value(id),
            },
            _ => StatementKind::Call { call: id, target },
        };
        self.push(kind, span);
    }

    /// `return(x)` is `return x`, by its first argument.
    fn return_value(&mut self, call: CallId) -> ReturnValue {
        let Call {
            first_argument,
            arguments,
            ..
        } = self.script.calls[call.index()];
        if arguments == 0 {
            return ReturnValue::Nothing;
        }
        match self.script.arguments[first_argument as usize].value {
            ArgumentValue::Text { text, .. } => ReturnValue::Expression(self.evaluation(text)),
            ArgumentValue::Integer(_) | ArgumentValue::Float(_) => {
                ReturnValue::Number(ArgumentId::new(first_argument as usize))
            }
        }
    }

    // --- Blocks and functions ----------------------------------------------------------------------------------------

    fn else_mark(&mut self, span: Span) {
        let outer_blocks = self.bodies.last().map_or(0, |body| body.outer_blocks);
        let Some(block) = self.open[outer_blocks..].last_mut() else {
            return self.remark(RemarkKind::ElseWithoutBlock, span);
        };
        let Some(when_false) = block.when_false else {
            if !self.leniently {
                self.refused = Some(ScriptError {
                    message: "'branches'".into(),
                    code: "else_in_loop",
                    span,
                });
            }
            return self.remark(RemarkKind::ElseInLoop, span);
        };
        let again = std::mem::replace(&mut block.seen_else, true);
        self.set_current(when_false);
        if again {
            self.remark(RemarkKind::SecondElse, span);
        }
    }

    fn close(&mut self, span: Span) {
        let outer_blocks = self.bodies.last().map_or(0, |body| body.outer_blocks);
        if self.open.len() == outer_blocks {
            return self.remark(RemarkKind::CloseWithoutBlock, span);
        }
        if let Some(block) = self.open.pop() {
            self.set_current(block.around);
            if block.when_false.is_some() == span.of(self.text).starts_with("endLoop") {
                self.remark(RemarkKind::OtherClose, span);
            }
        }
    }

    /// Takes the lines of a function out of the run of lines it stands in, and begins with them.
    fn function(&mut self, index: u32, line: Span, header: Span) {
        let Some(around) = self.bodies.last_mut() else {
            return;
        };
        let first = index + 1;
        let closing = self.balanced_by[index as usize];
        let closed = closing < around.end;
        // Without a closing brace all that is left is taken, and its last line lost.
        let last = if closed {
            closing
        } else {
            around.end.saturating_sub(1).max(first)
        };
        around.next = if closed { closing + 1 } else { around.end };
        let closed_by = closed.then(|| self.lines[closing as usize]);
        match closed_by {
            Some(brace) if brace.of(self.text) != "}" => {
                self.remark(RemarkKind::LostWithBrace, brace);
            }
            None if last < self.bodies.last().map_or(0, |body| body.end) => {
                self.remark(RemarkKind::LostLastLine, self.lines[last as usize]);
            }
            _ => {}
        }
        let (name, parameters) = self.header(header);
        let body = self.new_block();
        let function = Function {
            name,
            parameters,
            body,
            header: line,
            lines: first..last,
            closed_by,
        };
        self.begin_body(first, last, body, Some(function));
    }

    /// Name and parameters of a function: up to the first `(`, and from there to the first `)` or the end.
    fn header(&self, header: Span) -> (Span, Vec<Span>) {
        let content = header.of(self.text);
        let start = header.start as usize;
        let Some(open) = content.find('(') else {
            return (header, Vec::new());
        };
        let close = content[open..]
            .find(')')
            .map_or(content.len(), |close| open + close);
        let mut parameters = Vec::new();
        let mut from = open + 1;
        for parameter in content[open + 1..close].split(',') {
            let span = strip(
                self.text,
                Span::new(start + from, start + from + parameter.len()),
            );
            from += parameter.len() + 1;
            if !span.is_empty() {
                parameters.push(span);
            }
        }
        (strip(self.text, Span::new(start, start + open)), parameters)
    }

    // --- Building ----------------------------------------------------------------------------------------------------

    fn push(&mut self, kind: StatementKind, span: Span) -> StatementId {
        let id = StatementId::new(self.script.statements.len());
        let current = self.current();
        self.script.statements.push(Statement {
            kind,
            span,
            next: None,
        });
        let block = &mut self.script.blocks[current.index()];
        match block.last.replace(id) {
            None => block.first = Some(id),
            Some(last) => self.script.statements[last.index()].next = Some(id),
        }
        id
    }

    fn new_block(&mut self) -> BlockId {
        self.script.blocks.push(Block::default());
        BlockId::new(self.script.blocks.len() - 1)
    }

    fn current(&self) -> BlockId {
        self.bodies
            .last()
            .map_or(self.script.root, |body| body.current)
    }

    fn set_current(&mut self, block: BlockId) {
        if let Some(body) = self.bodies.last_mut() {
            body.current = block;
        }
    }

    fn remark(&mut self, kind: RemarkKind, span: Span) {
        self.script.remarks.push(Remark { kind, span });
    }
}

/// For each line the first one behind it at which more braces were closed than opened since: one pass with a stack.
fn balanced_by(text: &str, lines: &[Span]) -> Vec<u32> {
    let mut found = vec![lines.len() as u32; lines.len()];
    // Lines whose end is not found yet with the balance behind them; balances grow towards the top.
    let mut waiting: Vec<(usize, i64)> = Vec::new();
    let mut balance = 0;
    for (index, line) in lines.iter().enumerate() {
        balance += brace_balance(line.of(text));
        while let Some(&(header, behind)) = waiting.last()
            && balance < behind
        {
            found[header] = index as u32;
            waiting.pop();
        }
        waiting.push((index, balance));
    }
    found
}
