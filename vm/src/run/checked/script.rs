//! What scripts need beside Python: commands with their `task`, functions with names of their own, the try counter.

use super::registers::Frame;
use super::{Evaluator, Step, Stop};
use crate::bytecode::operand::Site;
use crate::bytecode::{CallSite, Callee};
use crate::limits::LOG_ENTRIES_MAX;
use crate::run::builtins::{Args, Run, type_def};
use crate::run::fault::{Class, Fault};
use crate::run::function::Function;
use crate::run::kind::Type;
use crate::run::loaded::Loaded;
use crate::run::object::Object;
use crate::run::ops::print;
use crate::run::value::Value;

impl<'a> Evaluator<'a> {
    pub(super) fn site(frame: &Frame<'a>, site: Site) -> Step<'a, &'a CallSite> {
        let none = || Stop::Breach(format!("call site {site}"));
        frame.code().sites.get(site.index()).ok_or_else(none)
    }

    /// Run a command's definition with a new `task` and new module-level names.
    pub(super) fn command(&mut self, site: &'a CallSite, given: &[Value<'a>]) -> Step<'a, ()> {
        let Callee::Definition(number) = site.callee else {
            return Err(Fault::Internal("a site without a command").into());
        };
        let number = number as usize;
        let Some(definition) = self.program.definitions.get(number) else {
            return Err(Stop::Breach(format!("definition {number}")));
        };
        let Ok(code) = &definition.code else {
            return Err(Fault::Internal("a definition without code was called").into());
        };
        let loaded = match self.definitions.get(&number) {
            Some(known) => known,
            None => Loaded::new(&mut self.context, code, &code.globals)?,
        };
        self.definitions.insert(number, loaded);
        let task = self.task(site, &definition.items, given)?;
        let arena = self.context.arena();
        let function = arena.alloc(Function {
            code: loaded,
            globals: arena.alloc_cells(code.globals.len(), Value::Unset)?,
            closure: &[],
            defaults: &[],
        })?;
        let base = self.frame_end()?;
        let executor = self.host.fixed.executor;
        self.enter(function, base, vec![task, executor])?;
        Ok(())
    }

    fn task(
        &mut self,
        site: &'a CallSite,
        items: &'a [Box<str>],
        given: &[Value<'a>],
    ) -> Step<'a, Value<'a>> {
        let properties = self.context.dict()?;
        for (place, value) in given.iter().enumerate() {
            let key = self.context.text(&place.to_string())?;
            self.context.insert(properties, key, *value)?;
        }
        for (item, value) in items.iter().zip(given) {
            let key = self.context.text_over(item)?;
            self.context.insert(properties, key, *value)?;
        }
        let branches = self.context.dict()?;
        if let Some([yes, no]) = &site.branches {
            for (name, numbers) in [("true", yes), ("false", no)] {
                let (name, nodes) = (self.context.text(name)?, self.nodes(numbers)?);
                self.context.insert(branches, name, nodes)?;
            }
        }
        let sequence = self.nodes(&site.sequence)?;
        let context = match &site.context {
            Some(target) => self.context.text_over(target)?,
            None => Value::None,
        };
        let task = self.context.dict()?;
        for (name, value) in [
            ("properties", Value::Dict(properties)),
            ("context", context),
            ("branches", Value::Dict(branches)),
            ("sequence", sequence),
        ] {
            let name = self.context.text(name)?;
            self.context.insert(task, name, value)?;
        }
        Ok(Value::Dict(task))
    }

    /// A list of child statements; each statement is one value however often it is listed.
    fn nodes(&mut self, numbers: &[u32]) -> Step<'a, Value<'a>> {
        let mut nodes = Vec::new();
        for number in numbers {
            let node = match self.nodes.get(number) {
                Some(known) => *known,
                None => Value::Object(self.context.arena().alloc(Object::Node(*number))?),
            };
            self.nodes.insert(*number, node);
            nodes.push(node);
        }
        Ok(Value::List(self.context.list(&nodes)?))
    }

    /// `self.process_step(node)`
    pub(super) fn process_step(&mut self, node: Value<'a>) -> Step<'a, Value<'a>> {
        let Value::Object(Object::Node(number)) = node else {
            let kind = node.type_of().name();
            let text = format_args!("process_step() takes a child statement, not '{kind}'");
            return Err(self.context.raise(Class::TypeError, text).into());
        };
        let function = self.script_code(*number as usize)?;
        let base = self.frame_end()?;
        self.enter(function, base, Vec::new())
    }

    /// A function of the script: extra arguments are ignored, missing ones unbound.
    pub(super) fn call_script(
        &mut self,
        site: &'a CallSite,
        given: &[Value<'a>],
    ) -> Step<'a, Value<'a>> {
        let Callee::Function(number) = site.callee else {
            return Err(Fault::Internal("a site without a function").into());
        };
        let function = self.script_code(number as usize)?;
        let scope = self.context.dict()?;
        for (name, value) in function.code.code().parameters.names.iter().zip(given) {
            let name = self.context.text_over(name)?;
            self.context.insert(scope, name, *value)?;
        }
        let base = self.frame_end()?;
        self.scopes.push(scope);
        self.host.local_vars.set(scope);
        let value = self.enter(function, base, Vec::new());
        self.scopes.pop();
        let outer = match self.scopes.as_slice() {
            [_, .., scope] => scope,
            _ => self.host.function_local_vars,
        };
        self.host.local_vars.set(outer);
        value
    }

    /// A part of the script with the names of the frame that it stands in.
    pub(super) fn run_part(&mut self, site: &'a CallSite) -> Step<'a, Value<'a>> {
        let Callee::Function(number) = site.callee else {
            return Err(Fault::Internal("a site without a part").into());
        };
        let function = self.script_code(number as usize)?;
        let base = self.frame_end()?;
        self.enter(function, base, Vec::new())
    }

    pub(super) fn site_error(&mut self, site: &'a CallSite) -> Stop<'a> {
        match &site.callee {
            Callee::Error(class, message) => self.context.raise(*class, message).into(),
            _ => Fault::Internal("a site without an error").into(),
        }
    }

    /// A text that names a visible variable is its value, one of digits an int.
    pub(super) fn look_up(&mut self, value: Value<'a>) -> Step<'a, Value<'a>> {
        let Value::Str(text) = value else {
            return Ok(value);
        };
        if let Some(found) = self.visible(text) {
            return Ok(found);
        }
        let digits = text.as_str();
        if !digits.is_empty() && digits.chars().all(crate::run::unicode::is_digit) {
            return self.int_of(value);
        }
        Ok(value)
    }

    /// `int(value)`
    pub(super) fn int_of(&mut self, value: Value<'a>) -> Step<'a, Value<'a>> {
        let args = Args {
            receiver: Value::Unset,
            given: &[value],
            named: &[],
        };
        match type_def(Type::Int).construct.map(|native| native.run) {
            Some(Run::Plain(run)) => Ok(run(&mut self.context, args)?),
            _ => Err(Fault::Internal("int cannot be called").into()),
        }
    }

    pub(super) fn ended(&mut self, statement: u32, error: Option<&'a str>) {
        if self.logs.len() < LOG_ENTRIES_MAX {
            self.logs.push((statement, error));
        }
    }

    /// A top-level statement raised: go on if a try protects.
    pub(super) fn failed(&mut self, value: Value<'a>, statement: u32) -> Step<'a, ()> {
        let Value::Exception(exception) = value else {
            return Err(Fault::Internal("no exception was caught").into());
        };
        if self.host.try_level.get() <= 0 {
            return Err(Fault::Raised(exception).into());
        }
        let text = print::str_of(&mut self.context, value)?;
        let key = self.context.text("__last_error__")?;
        self.context.insert(self.host.variables, key, text)?;
        self.ended(statement, text.as_str());
        Ok(())
    }
}
