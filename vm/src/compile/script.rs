//! Scripts to bytecode. Statements of `if` blocks are parts of their own, which definitions run by `process_step`;
//! loops, functions, assignment and the resolution of arguments are the language's own and are compiled in place.
//!
//! Blocks are worked off from a list, so that nesting in a script is no native recursion.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bytecode::op::Op;
use crate::bytecode::operand::{
    Base, Const, Dst, Few, NO_CONST, Site, Src, Statement as StatementNumber, Target,
};
use crate::bytecode::{CallSite, Callee, Code, Constant, verify};
use crate::limits::STATEMENTS_BETWEEN_LOOKS;
use crate::program::{Catalog, Definition, Program};
use crate::run::fault::Class;
use crate::script::number::Integer;
use crate::script::span::Span;
use crate::script::tree::{
    Argument, ArgumentValue, BlockId, CallId, Callee as ScriptCallee, EvaluationId, FunctionId,
    ReturnValue, RightSide, Script, StatementId, StatementKind, TextForm,
};
use crate::specialise::Heat;

use super::expression::Compiled;
use super::function::{Function, Kind, Label};
use super::{Compiler, Problem, World};

/// Commands that an executor runs itself, whatever the catalogue has in their place. This one starts nothing in the
/// background yet.
const BACKGROUND: &[&str] = &["gather", "go"];

/// Functions of assignments and arguments.
const FOUR: &[&str] = &["str", "int", "float", "len"];

/// Functions of `return`.
const PURE: &[&str] = &[
    "str",
    "int",
    "float",
    "len",
    "max",
    "min",
    "sum",
    "abs",
    "round",
    "sorted",
    "range",
    "list",
    "dict",
    "tuple",
    "set",
    "bool",
    "any",
    "all",
    "zip",
    "enumerate",
];

/// Nested calls in arguments that are compiled in place; deeper ones are parts of their own.
const NESTED_IN_PLACE: usize = 16;

/// What a part of the program is.
#[derive(Clone, Copy)]
enum Part {
    Main,
    Function(FunctionId),
    Statement(StatementId),
    Call(CallId),
}

/// Compile a script over a catalogue.
pub fn script(script: &Script, catalog: &dyn Catalog) -> Result<Program, Problem> {
    let functions = script.functions().count();
    let mut parts = vec![Part::Main];
    parts.extend(script.functions().map(|(id, _)| Part::Function(id)));
    debug_assert_eq!(parts.len(), functions + 1);
    let mut compiler = ScriptCompiler {
        script,
        catalog,
        definitions: Vec::new(),
        known: HashMap::new(),
        parts,
        statements: Vec::new(),
        inner: Compiler::new(script.expressions(), World::Script(FOUR)),
        nesting: 0,
        unseen: 0,
    };
    compiler.look()?;
    let mut codes: Vec<Code> = Vec::new();
    while codes.len() < compiler.parts.len() {
        let code = compiler.part(compiler.parts[codes.len()])?;
        codes.push(code);
    }
    compiler.look()?;
    for code in &mut codes {
        code.seal();
    }
    compiler.look()?;
    for (number, site) in codes
        .iter_mut()
        .flat_map(|code| &mut code.sites)
        .enumerate()
    {
        site.number = number as u32;
    }
    let sites = codes.iter().map(|code| code.sites.len()).sum();
    for code in &codes {
        verify::verify(code, 0, compiler.definitions.len(), codes.len()).map_err(|error| {
            Problem {
                span: Span::default(),
                message: error.of_compiled(),
            }
        })?;
    }
    let source: Box<str> = script.source().text().into();
    let line_starts = std::iter::once(0)
        .chain(
            source
                .bytes()
                .enumerate()
                .filter(|(_, byte)| *byte == b'\n')
                .map(|(place, _)| place as u32 + 1),
        )
        .collect();
    Ok(Program {
        codes,
        definitions: compiler.definitions,
        heats: std::iter::repeat_with(Heat::default).take(sites).collect(),
        statements: compiler.statements,
        line_starts,
        source,
    })
}

struct ScriptCompiler<'t> {
    script: &'t Script,
    catalog: &'t dyn Catalog,
    definitions: Vec<Arc<Definition>>,
    known: HashMap<Box<str>, Option<u32>>,
    parts: Vec<Part>,
    statements: Vec<Box<str>>,
    inner: Compiler<'t>,
    nesting: usize,
    /// Statements since the last look at whether the program is still wanted.
    unseen: usize,
}

/// Where statements stand: what `return` does, and whether errors are handled between them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Top,
    FunctionTop,
    Inside,
}

/// A block that is being compiled.
struct OpenBlock {
    statements: Vec<StatementId>,
    next: usize,
    level: Level,
    /// How to close it, if it is a loop's body.
    close: Option<LoopEnd>,
    /// The top-level statement that it belongs to.
    protected: Option<u32>,
}

struct LoopEnd {
    iter: u16,
    turn: Label,
    next: Label,
    mark: u16,
}

impl<'t> ScriptCompiler<'t> {
    fn function(&mut self) -> &mut Function<'t> {
        self.inner.function()
    }

    /// Goes on only if somebody wants the program.
    fn look(&mut self) -> Compiled<()> {
        self.unseen = 0;
        if self.catalog.is_wanted() {
            return Ok(());
        }
        Err(Problem {
            span: Span::default(),
            message: "nobody wants it any more".into(),
        })
    }

    fn part(&mut self, part: Part) -> Compiled<Code> {
        let script = self.script;
        let name = match part {
            Part::Main => "script",
            Part::Function(id) => script.text(script.function(id).name),
            Part::Statement(_) | Part::Call(_) => "step",
        };
        let mut function = Function::new(name, Kind::Script);
        // The value of a statement; nothing else uses register 0.
        function.take()?;
        if let Part::Function(id) = part {
            let parameters = &script.function(id).parameters;
            function.code.parameters.names = parameters
                .iter()
                .map(|span| script.text(*span).into())
                .collect();
            function.code.parameters.positional = parameters.len() as u16;
            function.take_many(parameters.len())?;
        }
        self.inner.functions.push(function);
        match part {
            Part::Main => {
                self.block(script.root(), Level::Top)?;
                self.inner.return_none()?;
            }
            Part::Function(id) => {
                self.block(script.function(id).body, Level::FunctionTop)?;
                self.inner.return_none()?;
            }
            Part::Statement(id) => {
                self.statements_from(vec![id], Level::Inside)?;
                self.function().emit(Op::Return { s: Src(0) });
            }
            Part::Call(id) => {
                self.nesting = 0;
                let span = script.call(id).span;
                self.function().at(span);
                self.call(id, None, 0)?;
                self.function().emit(Op::Return { s: Src(0) });
            }
        }
        let Some(function) = self.inner.functions.pop() else {
            return Err(Problem {
                span: Span::default(),
                message: "no code".into(),
            });
        };
        function.finish()
    }

    fn block(&mut self, block: BlockId, level: Level) -> Compiled<()> {
        let statements = self.script.block(block).map(|(id, _)| id).collect();
        self.statements_from(statements, level)
    }

    fn statements_from(&mut self, statements: Vec<StatementId>, level: Level) -> Compiled<()> {
        let mut open = vec![OpenBlock {
            statements,
            next: 0,
            level,
            close: None,
            protected: None,
        }];
        while let Some(block) = open.last_mut() {
            let Some(id) = block.statements.get(block.next).copied() else {
                let Some(block) = open.pop() else { break };
                if let Some(LoopEnd {
                    iter,
                    turn,
                    next,
                    mark,
                }) = block.close
                {
                    self.function().place(next);
                    self.function().jump(
                        Op::ForNext {
                            iter: Src(iter),
                            to: Target(0),
                        },
                        turn,
                    );
                    self.function().release(mark);
                    self.inner.load(Constant::None, Some(0))?;
                }
                if let Some(number) = block.protected {
                    self.unprotect(number)?;
                }
                continue;
            };
            block.next += 1;
            let level = block.level;
            self.unseen += 1;
            if self.unseen >= STATEMENTS_BETWEEN_LOOKS {
                self.look()?;
            }
            let statement = *self.script.statement(id);
            self.function().at(statement.span);
            let protected = if level == Level::Top {
                let number = self.statements.len() as u32;
                let name = self.log_name(&statement.kind);
                self.statements.push(name);
                self.function().emit(Op::Begin {
                    t: StatementNumber(number),
                });
                self.function().open_region();
                Some(number)
            } else {
                None
            };
            match statement.kind {
                StatementKind::Loop { call, body } => {
                    let statements = self.script.block(body).map(|(id, _)| id).collect();
                    let close = self.open_loop(call)?;
                    if let Some(end) = close {
                        let level = Level::Inside;
                        open.push(OpenBlock {
                            statements,
                            next: 0,
                            level,
                            close: Some(end),
                            protected,
                        });
                        continue;
                    }
                }
                kind => self.statement(id, kind, level)?,
            }
            if let Some(number) = protected {
                self.unprotect(number)?;
            }
        }
        Ok(())
    }

    /// The end of a top-level statement: its log, and where its error goes.
    fn unprotect(&mut self, number: u32) -> Compiled<()> {
        let mark = self.function().mark();
        let caught = self.function().take()?;
        let region = self.function().end_region();
        let after = self.function().label();
        let t = StatementNumber(number);
        self.function().emit(Op::End { t });
        self.function().jump_to(after);
        self.function().close_region(region, caught);
        self.function().emit(Op::Failed { s: Src(caught), t });
        self.function().place(after);
        self.function().release(mark);
        Ok(())
    }

    fn log_name(&self, kind: &StatementKind) -> Box<str> {
        match kind {
            StatementKind::If { .. } => "if".into(),
            StatementKind::Loop { .. } => "startLoop".into(),
            StatementKind::Return { .. } => "return".into(),
            StatementKind::Assign { .. } => "assign".into(),
            StatementKind::Call { call, .. } => {
                self.script.text(self.script.call(*call).name).into()
            }
        }
    }

    /// A statement that opens no loop. Its value goes to register 0.
    fn statement(&mut self, id: StatementId, kind: StatementKind, level: Level) -> Compiled<()> {
        match kind {
            StatementKind::If {
                call,
                when_true,
                when_false,
            } => {
                let branches = [when_true, when_false].map(|block| {
                    let statements: Vec<StatementId> =
                        self.script.block(block).map(|(id, _)| id).collect();
                    statements
                        .into_iter()
                        .map(|id| self.new_part(Part::Statement(id)))
                        .collect::<Vec<u32>>()
                });
                let arguments = self.script.arguments(call).to_vec();
                let site = self.command_site("if", None, Some(branches))?;
                self.command(site, &arguments, false, 0)
            }
            StatementKind::Return { value } => {
                self.returned(value, 0)?;
                if level == Level::FunctionTop {
                    self.function().emit(Op::Return { s: Src(0) });
                }
                Ok(())
            }
            StatementKind::Assign { target, right } => self.assignment(target, right),
            StatementKind::Call { call, target } => self.call(call, target, 0),
            StatementKind::Loop { .. } => {
                let message = format!("statement {} is a loop", id.index());
                Err(Problem {
                    span: self.script.statement(id).span,
                    message,
                })
            }
        }
    }

    fn new_part(&mut self, part: Part) -> u32 {
        self.parts.push(part);
        self.parts.len() as u32 - 1
    }

    /// A call site; what it names is looked up in the catalogue once.
    fn command_site(
        &mut self,
        name: &str,
        context: Option<Span>,
        branches: Option<[Vec<u32>; 2]>,
    ) -> Compiled<Result<Site, Site>> {
        let number = match self.known.get(name) {
            Some(number) => *number,
            None => {
                let number = self.catalog.definition(name).map(|definition| {
                    self.definitions.push(definition);
                    self.definitions.len() as u32 - 1
                });
                self.known.insert(name.into(), number);
                number
            }
        };
        let callee = match number {
            None => Callee::Error(
                Class::CommandNotFound,
                format!("Command not found: {name}").into(),
            ),
            Some(_) if BACKGROUND.contains(&name) => {
                let text =
                    format!("Command not available: {name} (nothing runs in the background)");
                Callee::Error(Class::CommandUnavailable, text.into())
            }
            Some(number) => match &self.definitions[number as usize].code {
                Ok(_) => Callee::Definition(number),
                Err(error) => {
                    let text = format!("Command not available: {name} does not compile ({error})");
                    Callee::Error(Class::CommandUnavailable, text.into())
                }
            },
        };
        let is_error = matches!(callee, Callee::Error(..));
        let context = context.map(|span| self.script.text(span).into());
        let site = self.site(CallSite {
            name: name.into(),
            callee,
            context,
            branches,
            sequence: Vec::new(),
            literals: Vec::new(),
            number: 0,
        })?;
        Ok(if is_error { Err(site) } else { Ok(site) })
    }

    fn site(&mut self, site: CallSite) -> Compiled<Site> {
        let sites = &mut self.function().code.sites;
        if sites.len() >= usize::from(u16::MAX) {
            return Err(self.function().too_large());
        }
        sites.push(site);
        Ok(Site(sites.len() as u16 - 1))
    }

    /// Raise an error here.
    fn fail(&mut self, class: Class, message: &str) -> Compiled<()> {
        let callee = Callee::Error(class, message.into());
        let s = self.site(CallSite {
            name: "".into(),
            callee,
            context: None,
            branches: None,
            sequence: Vec::new(),
            literals: Vec::new(),
            number: 0,
        })?;
        self.function().emit(Op::Fail { s });
        Ok(())
    }

    fn command(
        &mut self,
        site: Result<Site, Site>,
        arguments: &[Argument],
        resolve: bool,
        result: u16,
    ) -> Compiled<()> {
        let span = self.function().span();
        let site = match site {
            Ok(site) => site,
            Err(s) => {
                self.function().emit(Op::Fail { s });
                return Ok(());
            }
        };
        if arguments.len() > usize::from(u8::MAX) {
            return self.fail(
                Class::ValueError,
                "too many arguments: a call takes at most 255",
            );
        }
        let mark = self.function().mark();
        let base = self.function().take_many(arguments.len())?;
        for (place, argument) in arguments.iter().enumerate() {
            let register = base + place as u16;
            if resolve {
                self.argument(argument, register)?;
            } else {
                self.raw(argument, register)?;
            }
        }
        let few = Few(arguments.len() as u8);
        self.function().at(span);
        let literals: Compiled<Vec<Const>> = arguments
            .iter()
            .map(|argument| match self.literal(argument, resolve) {
                Some(constant) => self.function().constant(constant),
                None => Ok(NO_CONST),
            })
            .collect();
        self.function().code.sites[site.index()].literals = literals?;
        self.function().emit(Op::Command {
            few,
            d: Dst(result),
            base: Base(base),
            s: site,
        });
        self.function().release(mark);
        Ok(())
    }

    /// The constant that an argument of a command is, if nothing is computed for it.
    fn literal(&self, argument: &Argument, resolve: bool) -> Option<Constant> {
        Some(match &argument.value {
            ArgumentValue::Integer(Integer::Small(number)) => Constant::Int(*number),
            ArgumentValue::Integer(Integer::Big(_)) => return None,
            ArgumentValue::Float(number) => Constant::Float(*number),
            ArgumentValue::Text { text, form, .. } => {
                let text = match form {
                    _ if !resolve => *text,
                    TextForm::Plain => *text,
                    TextForm::Quoted(_) => self.script.unquoted(*text),
                    _ => return None,
                };
                Constant::Text(self.script.text(text).into())
            }
        })
    }

    /// A call of anything. Its value goes to a register.
    fn call(&mut self, id: CallId, target: Option<Span>, result: u16) -> Compiled<()> {
        let call = *self.script.call(id);
        self.function().at(call.span);
        let arguments = self.script.arguments(id).to_vec();
        match call.callee {
            ScriptCallee::Command => {
                let name = self.script.text(call.name).to_owned();
                let site = self.command_site(&name, target, None)?;
                self.command(site, &arguments, true, result)
            }
            ScriptCallee::Function(function) => {
                let mark = self.function().mark();
                let count = arguments
                    .len()
                    .min(self.script.function(function).parameters.len().max(1));
                let base = self.function().take_many(arguments.len())?;
                for (place, argument) in arguments.iter().enumerate() {
                    let register = base + place as u16;
                    self.looked_up(argument, register)?;
                    self.function().emit(Op::LookUp {
                        d: Dst(register),
                        s: Src(register),
                    });
                }
                self.call_function(function, base, count.min(arguments.len()), result)?;
                self.function().release(mark);
                if let Some(target) = target {
                    let k = self.text(target)?;
                    self.function().emit(Op::StoreShared { k, s: Src(result) });
                }
                Ok(())
            }
            ScriptCallee::Loop => {
                let mark = self.function().mark();
                if let Some(LoopEnd {
                    iter, turn, next, ..
                }) = self.open_loop(id)?
                {
                    self.function().place(next);
                    self.function().jump(
                        Op::ForNext {
                            iter: Src(iter),
                            to: Target(0),
                        },
                        turn,
                    );
                }
                self.function().release(mark);
                self.inner.load(Constant::None, Some(result))?;
                Ok(())
            }
            ScriptCallee::Return => {
                let value = match arguments.first() {
                    None => return self.inner.load(Constant::None, Some(result)).map(|_| ()),
                    Some(argument) => argument.clone(),
                };
                match value.value {
                    ArgumentValue::Text {
                        text,
                        form: TextForm::Operation(id) | TextForm::Quoted(id),
                        ..
                    } => {
                        self.inner.world = World::Script(PURE);
                        self.evaluation(id, text, true, result)?;
                        self.inner.world = World::Script(FOUR);
                        Ok(())
                    }
                    ArgumentValue::Text { text, .. } => {
                        let k = self.text(text)?;
                        self.function()
                            .emit(Op::LoadNameOrText { d: Dst(result), k });
                        Ok(())
                    }
                    _ => self.raw(&value, result),
                }
            }
        }
    }

    fn call_function(
        &mut self,
        function: FunctionId,
        base: u16,
        count: usize,
        result: u16,
    ) -> Compiled<()> {
        let name: Box<str> = self.script.text(self.script.function(function).name).into();
        let callee = Callee::Function(function.index() as u32 + 1);
        let s = self.site(CallSite {
            name,
            callee,
            context: None,
            branches: None,
            sequence: Vec::new(),
            literals: Vec::new(),
            number: 0,
        })?;
        let few = Few(count.min(255) as u8);
        self.function().emit(Op::CallScript {
            few,
            d: Dst(result),
            base: Base(base),
            s,
        });
        Ok(())
    }

    fn text(&mut self, span: Span) -> Compiled<Const> {
        let script = self.script;
        self.function().text(script.text(span))
    }

    /// An argument as it was written.
    fn raw(&mut self, argument: &Argument, register: u16) -> Compiled<()> {
        let constant = match &argument.value {
            ArgumentValue::Integer(Integer::Small(number)) => Constant::Int(*number),
            ArgumentValue::Integer(Integer::Big(number)) => Constant::Big(number.as_ref().clone()),
            ArgumentValue::Float(number) => Constant::Float(*number),
            ArgumentValue::Text { text, .. } => Constant::Text(self.script.text(*text).into()),
        };
        self.inner.load(constant, Some(register))?;
        Ok(())
    }

    /// An argument of a command.
    fn argument(&mut self, argument: &Argument, register: u16) -> Compiled<()> {
        self.function().at(argument.span);
        match &argument.value {
            ArgumentValue::Text { text, form, .. } => match form {
                TextForm::Plain => self.raw(argument, register),
                TextForm::Quoted(_) => {
                    let unquoted = self.script.unquoted(*text);
                    let text = self.script.text(unquoted).to_owned();
                    self.inner
                        .load(Constant::Text(text.into()), Some(register))?;
                    Ok(())
                }
                TextForm::Nested(call) => self.nested(*call, register),
                TextForm::TooDeep => {
                    self.fail(Class::RecursionError, "maximum recursion depth exceeded")
                }
                TextForm::Operation(id) => self.variable_or(*id, *text, register),
            },
            _ => self.raw(argument, register),
        }
    }

    /// An argument of a function, or a loop's bound.
    fn looked_up(&mut self, argument: &Argument, register: u16) -> Compiled<()> {
        self.function().at(argument.span);
        match &argument.value {
            ArgumentValue::Text { text, form, .. } => match form {
                TextForm::Plain => {
                    let k = self.text(*text)?;
                    self.function().emit(Op::LoadNameOrText {
                        d: Dst(register),
                        k,
                    });
                    Ok(())
                }
                TextForm::Nested(call) => self.nested(*call, register),
                TextForm::TooDeep => {
                    self.fail(Class::RecursionError, "maximum recursion depth exceeded")
                }
                TextForm::Operation(id) | TextForm::Quoted(id) => {
                    self.variable_or(*id, *text, register)
                }
            },
            _ => self.raw(argument, register),
        }
    }

    /// A call in an argument.
    fn nested(&mut self, call: CallId, register: u16) -> Compiled<()> {
        if self.nesting >= NESTED_IN_PLACE {
            let number = self.new_part(Part::Call(call));
            let name: Box<str> = self.script.text(self.script.call(call).name).into();
            let callee = Callee::Function(number);
            let s = self.site(CallSite {
                name,
                callee,
                context: None,
                branches: None,
                sequence: Vec::new(),
                literals: Vec::new(),
                number: 0,
            })?;
            self.function().emit(Op::RunPart {
                d: Dst(register),
                s,
            });
            return Ok(());
        }
        self.nesting += 1;
        let done = self.call(call, None, register);
        self.nesting -= 1;
        done
    }

    /// The variable whose name is the whole text, else the expression, else the text.
    fn variable_or(&mut self, id: EvaluationId, text: Span, register: u16) -> Compiled<()> {
        let k = self.text(text)?;
        let (expression, end) = (self.function().label(), self.function().label());
        self.function().emit(Op::TryName {
            d: Dst(register),
            k,
        });
        self.function().jump_to(expression);
        self.function().jump_to(end);
        self.function().place(expression);
        self.evaluation(id, text, false, register)?;
        self.function().place(end);
        Ok(())
    }

    /// An expression; when it fails: the variable whose name is the whole text (if `named`), else the text.
    fn evaluation(
        &mut self,
        id: EvaluationId,
        text: Span,
        named: bool,
        register: u16,
    ) -> Compiled<()> {
        let k = self.text(text)?;
        let evaluation = self.script.evaluation(id);
        if let Ok(expression) = &evaluation.parsed {
            let root = expression.root;
            let mark = self.function().mark();
            let (end, places) = (self.function().label(), self.function().inner_places.len());
            self.function().open_region();
            self.inner.value_into(root, register)?;
            self.function().inner_places.truncate(places);
            self.function().release(mark);
            let caught = self.function().take()?;
            let region = self.function().end_region();
            self.function().jump_to(end);
            self.function().close_region(region, caught);
            self.otherwise(k, named, register);
            self.function().place(end);
            self.function().release(mark);
        } else {
            self.otherwise(k, named, register);
        }
        Ok(())
    }

    fn otherwise(&mut self, k: Const, named: bool, register: u16) {
        let d = Dst(register);
        self.function().emit(if named {
            Op::LoadNameOrText { d, k }
        } else {
            Op::Load { d, k }
        });
    }

    fn returned(&mut self, value: ReturnValue, register: u16) -> Compiled<()> {
        match value {
            ReturnValue::Nothing => {
                self.inner.load(Constant::None, Some(register))?;
                Ok(())
            }
            ReturnValue::Number(id) => {
                let argument = self.script.argument(id).clone();
                self.raw(&argument, register)
            }
            ReturnValue::Expression(id) => {
                let text = self.script.evaluation(id).text;
                self.inner.world = World::Script(PURE);
                self.evaluation(id, text, true, register)?;
                self.inner.world = World::Script(FOUR);
                Ok(())
            }
        }
    }

    fn assignment(&mut self, target: Span, right: RightSide) -> Compiled<()> {
        let mark = self.function().mark();
        let value = self.function().take()?;
        let k = self.text(target)?;
        // A function named `assign` gets the text of every expression assignment.
        if let Some(function) = self.script.function_named("assign") {
            let text = match right {
                RightSide::Expression(id) => Some((id, self.script.evaluation(id).text)),
                RightSide::FunctionCall { .. } => None,
            };
            if let Some((id, text)) = text {
                self.variable_or(id, text, value)?;
                self.function().emit(Op::LookUp {
                    d: Dst(value),
                    s: Src(value),
                });
                self.call_function(function, value, 1, value)?;
                self.function().emit(Op::StoreShared { k, s: Src(value) });
                self.function().release(mark);
                return Ok(());
            }
        }
        match right {
            RightSide::Expression(id) => {
                let text = self.script.evaluation(id).text;
                self.evaluation(id, text, true, value)?;
            }
            RightSide::FunctionCall {
                function, argument, ..
            } => {
                match &self.script.evaluation(argument).parsed {
                    Ok(expression) => {
                        let root = expression.root;
                        let places = self.function().inner_places.len();
                        self.inner.value_into(root, value)?;
                        self.function().inner_places.truncate(places);
                    }
                    Err(error) => {
                        let text = error.to_string();
                        self.fail(Class::SyntaxError, &text)?;
                    }
                }
                self.call_function(function, value, 1, value)?;
            }
        }
        self.function().emit(Op::Assign { k, s: Src(value) });
        self.inner.load(Constant::None, Some(0))?;
        self.function().release(mark);
        Ok(())
    }

    /// The start of a loop: its bounds, its range, its counter. Nothing when its arguments cannot be right.
    fn open_loop(&mut self, call: CallId) -> Compiled<Option<LoopEnd>> {
        let arguments = self.script.arguments(call).to_vec();
        let mark = self.function().mark();
        let iter = self.function().take_many(2)?;
        if arguments.is_empty() {
            self.fail(Class::IndexError, "list index out of range")?;
            return Ok(None);
        }
        for place in [1, 2] {
            let register = self.function().take()?;
            let Some(argument) = arguments.get(place) else {
                self.fail(Class::IndexError, "list index out of range")?;
                self.function().release(mark);
                return Ok(None);
            };
            self.looked_up(argument, register)?;
            self.function().emit(Op::Bounds {
                d: Dst(register),
                s: Src(register),
            });
        }
        self.function().emit(Op::Count {
            d: Dst(iter),
            a: Src(iter + 2),
            b: Src(iter + 3),
        });
        self.function().release(iter + 2);
        let (turn, next) = (self.function().label(), self.function().label());
        self.function().jump_to(next);
        self.function().place(turn);
        let constant = match &arguments[0].value {
            ArgumentValue::Integer(Integer::Small(number)) => Constant::Int(*number),
            ArgumentValue::Integer(Integer::Big(number)) => Constant::Big(number.as_ref().clone()),
            ArgumentValue::Float(number) => Constant::Float(*number),
            ArgumentValue::Text { text, .. } => Constant::Text(self.script.text(*text).into()),
        };
        let k = self.function().constant(constant)?;
        self.function().emit(Op::StoreShared {
            k,
            s: Src(iter + 1),
        });
        Ok(Some(LoopEnd {
            iter,
            turn,
            next,
            mark,
        }))
    }
}
