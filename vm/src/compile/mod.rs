//! The compiler: trees of definitions and scripts to bytecode.

mod call;
mod comprehension;
mod expression;
mod function;
mod names;
mod script;
mod statement;
mod unavailable;

pub use script::script;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::bytecode::{Code, verify};
use crate::definition::DefinitionError;
use crate::hir::{Expressions, Module, Span};
use function::{Function, Kind, Place};
use names::Names;

/// What does not compile, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub span: Span,
    /// What.
    pub message: String,
}

/// What names outside of all functions mean.
#[derive(Clone, Copy, Debug)]
pub(crate) enum World {
    /// Of a definition: module-level names, then built-ins.
    Definition,
    /// Of a script's expression: variables, then these functions.
    Script(&'static [&'static str]),
    /// Of `if`'s expression mode: the names of a dict, nothing else.
    Eval,
}

/// A compilation: the functions that are open, the innermost last.
pub(crate) struct Compiler<'t> {
    expressions: &'t Expressions,
    functions: Vec<Function<'t>>,
    globals: HashMap<String, u16>,
    global_names: Vec<Box<str>>,
    world: World,
    /// Module-level names of Python's own that a definition has not got, each where it is first read.
    unavailable: BTreeMap<&'static str, Span>,
    /// Module-level names to which functions inside may give a value.
    given_inside: HashSet<String>,
    /// Instructions of the functions that are finished.
    finished_ops: usize,
}

/// Names under which a definition finds what it is given, by register of its module code.
pub const GIVEN: [&str; 2] = ["task", "self"];

/// Compile a definition's text.
pub fn definition(name: &str, source: &str) -> Result<Code, DefinitionError> {
    let module = crate::definition::parse(source)?;
    let code = module_code(name, &module)
        .map_err(|problem| DefinitionError::at(source, problem.span, problem.message))?;
    verify::verify(&code, code.globals.len(), 0, 0)
        .map_err(|error| DefinitionError::at(source, Span::default(), error.of_compiled()))?;
    Ok(code)
}

/// Compile an expression for `eval`: registers 0 to 2 hold its names (`LoadDynamic`).
pub fn evaluation(text: &str) -> Result<Code, String> {
    let mut expressions = Expressions::default();
    let stripped = text.trim_start_matches([' ', '\t']);
    let start = text.len() - stripped.len();
    let parsed =
        crate::script::expression::parse(&mut expressions, text, Span::new(start, text.len()))
            .map_err(|error| error.to_string())?;
    let mut compiler = Compiler::new(&expressions, World::Eval);
    let mut function = Function::new("<string>", Kind::Inner);
    let given = ["locals", "globals", "builtins"];
    function.code.parameters.names = given.map(Into::into).to_vec();
    function.code.parameters.positional = given.len() as u16;
    let compiled = function.take_many(given.len()).and_then(|_| {
        compiler.functions.push(function);
        let register = compiler.value(parsed.root, None)?;
        compiler.function().emit(crate::bytecode::Op::Return {
            s: crate::bytecode::operand::Src(register),
        });
        Ok(compiler.functions.pop())
    });
    let mut code = match compiled {
        Ok(Some(function)) => function.finish().map_err(|problem| problem.message)?,
        Ok(None) => return Err("no code".into()),
        Err(problem) => return Err(problem.message),
    };
    code.seal();
    verify::verify(&code, 0, 0, 0).map_err(|error| error.of_compiled())?;
    Ok(code)
}

/// Modules that a definition has without importing them.
pub(crate) const PREBOUND: &[&str] = &["json", "re", "os", "uuid", "requests", "grpc", "tornado"];

fn module_code(name: &str, module: &Module) -> Result<Code, Problem> {
    let names = Names::of_block(&module.expressions, &module.body);
    let mut compiler = Compiler::new(&module.expressions, World::Definition);
    let mut function = Function::new(name, Kind::Module);
    // Not `eval`: it sees the dicts that it is given and nothing else.
    let dynamic = ["globals", "locals"];
    let all_global = dynamic
        .iter()
        .any(|name| names.mentioned.contains(*name) || names.nested.contains(*name));
    let mut given_global = Vec::new();
    for (register, name) in GIVEN.into_iter().enumerate() {
        function.take()?;
        function.code.parameters.names.push(name.into());
        if all_global || names.nested.contains(name) {
            given_global.push((register as u16, name));
        } else {
            function
                .places
                .insert(name.to_owned(), Place::Register(register as u16));
        }
    }
    function.code.parameters.positional = GIVEN.len() as u16;
    let start = function.mark();
    for name in &names.bound {
        if function.places.contains_key(name) || given_global.iter().any(|(_, given)| given == name)
        {
            continue;
        }
        if all_global || names.nested.contains(name) {
            continue;
        }
        let register = function.take()?;
        function
            .places
            .insert(name.clone(), Place::Register(register));
        if names.deleted.contains(name) {
            function.unsure.insert(register);
        }
    }
    function.bound = vec![false; usize::from(function.mark())];
    function.bound[..GIVEN.len()].fill(true);
    (function.code.unset_start, function.code.unset_end) = (start, function.mark());
    function.nested.clone_from(&names.nested);
    compiler.functions.push(function);
    for name in &names.bound {
        if !compiler.functions[0].places.contains_key(name) {
            compiler.global(name)?;
        }
    }
    // Names that only functions inside bind, by `global`.
    for (register, name) in given_global {
        let slot = compiler.global(name)?;
        compiler.function().emit(crate::bytecode::Op::StoreGlobal {
            g: crate::bytecode::operand::Slot(slot),
            s: crate::bytecode::operand::Src(register),
        });
    }
    compiler.block(&module.body)?;
    compiler.return_none()?;
    compiler.refuse_unavailable(&names)?;
    let function = compiler.functions.pop();
    let Some(function) = function else {
        return Err(Problem {
            span: Span::default(),
            message: "no code".into(),
        });
    };
    let mut code = function.finish()?;
    code.globals = compiler.global_names;
    code.seal();
    Ok(code)
}

impl<'t> Compiler<'t> {
    pub(crate) fn new(expressions: &'t Expressions, world: World) -> Self {
        Self {
            expressions,
            functions: Vec::new(),
            globals: HashMap::new(),
            global_names: Vec::new(),
            world,
            unavailable: BTreeMap::new(),
            given_inside: HashSet::new(),
            finished_ops: 0,
        }
    }

    /// The innermost function.
    fn function(&mut self) -> &mut Function<'t> {
        let last = self.functions.len() - 1;
        &mut self.functions[last]
    }

    /// A module-level name was read here.
    fn note_read(&mut self, name: &str) {
        if !matches!(self.world, World::Definition) {
            return;
        }
        if let Some(name) = unavailable::unavailable(name) {
            let span = self.function().span();
            let first = self.unavailable.entry(name).or_insert(span);
            if span.start < first.start {
                *first = span;
            }
        }
    }

    /// Fails if a name of Python's own was read that nothing here could give a value. `module`: names of the module code.
    fn refuse_unavailable(&self, module: &Names) -> Result<(), Problem> {
        let nowhere_given = |name: &str| {
            !module.is_bound.contains(name)
                && !module.globals.contains(name)
                && !self.given_inside.contains(name)
        };
        let missing = self
            .unavailable
            .iter()
            .filter(|(name, _)| nowhere_given(name));
        match missing.min_by_key(|(_, span)| span.start) {
            Some((name, span)) => Err(Problem {
                span: *span,
                message: format!("the built-in {name} is not available in definitions"),
            }),
            None => Ok(()),
        }
    }

    /// The slot of a module-level name.
    fn global(&mut self, name: &str) -> Result<u16, Problem> {
        if let Some(slot) = self.globals.get(name) {
            return Ok(*slot);
        }
        let slot = self.global_names.len();
        if slot >= usize::from(u16::MAX) {
            return Err(self.function().too_large());
        }
        self.global_names.push(name.into());
        self.globals.insert(name.to_owned(), slot as u16);
        Ok(slot as u16)
    }
}
