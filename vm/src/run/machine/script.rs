//! What scripts need beside Python: variables by name, commands, functions with frames of their own, the try counter.

use super::call::Called;
use super::frame::FrameKind;
use super::{LogEntry, Machine};
use crate::bytecode::operand::{Const, Site};
use crate::bytecode::{CallSite, Callee};
use crate::limits::LOG_ENTRIES_MAX;
use crate::run::builtins::{Args, Run, type_def};
use crate::run::dict::Dict;
use crate::run::fault::{Class, Fault};
use crate::run::kind::Type;
use crate::run::loaded::{Loaded, Memory};
use crate::run::object::Object;
use crate::run::ops::print;
use crate::run::text::Text;
use crate::run::value::Value;

impl<'a> Machine<'a> {
    /// The value of a visible variable: of the current frame, then of the shared map.
    #[inline]
    pub(super) fn visible(&self, name: &'a Text<'a>) -> Option<Value<'a>> {
        let scope = self.scope;
        match scope.get_text(name) {
            Some(value) => Some(value),
            None => self.host.variables.get_text(name),
        }
    }

    /// The same, remembering the places in both.
    #[inline]
    pub(super) fn visible_at(
        &self,
        name: &'a Text<'a>,
        loaded: &Loaded<'a>,
        k: Const,
    ) -> Option<Value<'a>> {
        let scope = self.scope;
        let memory = loaded.memory(k);
        let (shared, frame) = memory.get().of_variable();
        if scope.holds_at(frame, name) {
            return Some(scope.value_at(frame));
        }
        if let Some(frame) = scope.find(Value::Str(name), name.hash()) {
            memory.set(Memory::variable(shared, frame));
            return Some(scope.value_at(frame));
        }
        if self.host.variables.holds_at(shared, name) {
            return Some(self.host.variables.value_at(shared));
        }
        let shared = self.host.variables.find(Value::Str(name), name.hash())?;
        memory.set(Memory::variable(shared, frame));
        Some(self.host.variables.value_at(shared))
    }

    /// `name 'x' is not defined`
    #[cold]
    pub(super) fn undefined(&mut self, name: &str) -> Fault<'a> {
        self.context.raise(
            Class::NameError,
            format_args!("name '{name}' is not defined"),
        )
    }

    /// A text that names a visible variable is its value, one of digits an int.
    pub(super) fn look_up(&mut self, value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
        let Value::Str(text) = value else {
            return Ok(value);
        };
        if let Some(found) = self.visible(text) {
            return Ok(found);
        }
        if !text.as_str().is_empty() && text.as_str().chars().all(crate::run::unicode::is_digit) {
            return self.int_of(value);
        }
        Ok(value)
    }

    /// `int(value)`
    pub(super) fn int_of(&mut self, value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
        match type_def(Type::Int).construct.map(|native| native.run) {
            Some(Run::Plain(run)) => run(
                &mut self.context,
                Args {
                    receiver: Value::Unset,
                    given: &[value],
                    named: &[],
                },
            ),
            _ => Err(Fault::Internal("int cannot be called")),
        }
    }

    /// A bound of a loop: an int within 64 bits.
    pub(super) fn bound(&mut self, value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
        match self.int_of(value)? {
            Value::Int(number) => Ok(Value::Int(number)),
            _ => Err(self.context.raise(
                Class::OverflowError,
                "Python int too large to convert to C ssize_t",
            )),
        }
    }

    /// `shared[k] = frame[k] = value`
    pub(super) fn assign(&mut self, key: Value<'a>, value: Value<'a>) -> Result<(), Fault<'a>> {
        self.context.insert(self.host.variables, key, value)?;
        let scope = self.scope;
        self.context.insert(scope, key, value)
    }

    pub(super) fn push_scope(&mut self, scope: &'a Dict<'a>) {
        self.outer_scopes
            .push(std::mem::replace(&mut self.scope, scope));
        self.host.local_vars.set(scope);
    }

    pub(super) fn pop_scope(&mut self) {
        if let Some(outer) = self.outer_scopes.pop() {
            self.scope = outer;
        }
        let scope = if self.outer_scopes.is_empty() {
            self.host.function_local_vars
        } else {
            self.scope
        };
        self.host.local_vars.set(scope);
    }

    /// `self.process_step(node)`
    pub(super) fn process_step(
        &mut self,
        node: Value<'a>,
        result: usize,
    ) -> Result<Called<'a>, Fault<'a>> {
        let Value::Object(Object::Node(number)) = node else {
            let kind = node.type_of().name();
            let text = format_args!("process_step() takes a child statement, not '{kind}'");
            return Err(self.context.raise(Class::TypeError, text));
        };
        let function = self.script_code(*number as usize)?;
        let base = self.frame_end();
        self.push(function, base, result, FrameKind::Plain)?;
        Ok(Called::Frame)
    }

    /// Call a function of the script with arguments from registers. Extra ones are ignored, missing ones unbound.
    pub(super) fn call_script(
        &mut self,
        site: Site,
        first: usize,
        count: usize,
        result: usize,
    ) -> Result<(), Fault<'a>> {
        let site: &'a CallSite = &self.top().function.code.code().sites[site.index()];
        let Callee::Function(number) = site.callee else {
            return Err(Fault::Internal("a site without a function"));
        };
        let function = self.script_code(number as usize)?;
        let scope = self.context.dict()?;
        let parameters: &'a [Box<str>] = &function.code.code().parameters.names;
        for (name, place) in parameters.iter().zip(first..first + count) {
            let name = self.context.text_over(name)?;
            self.context.insert(scope, name, self.stack[place])?;
        }
        let base = self.frame_end();
        self.push(function, base, result, FrameKind::Scope)?;
        self.push_scope(scope);
        Ok(())
    }

    /// Run a part of the script in the same frame of variables.
    pub(super) fn run_part(&mut self, site: Site, result: usize) -> Result<(), Fault<'a>> {
        let site: &'a CallSite = &self.top().function.code.code().sites[site.index()];
        let Callee::Function(number) = site.callee else {
            return Err(Fault::Internal("a site without a part"));
        };
        let function = self.script_code(number as usize)?;
        let base = self.frame_end();
        self.push(function, base, result, FrameKind::Plain)
    }

    /// The error of a site.
    pub(super) fn site_error(&mut self, site: Site) -> Fault<'a> {
        let site: &'a CallSite = &self.top().function.code.code().sites[site.index()];
        match &site.callee {
            Callee::Error(class, message) => self.context.raise(*class, message),
            _ => Fault::Internal("a site without an error"),
        }
    }

    pub(super) fn now_ns(&self) -> u64 {
        self.clock.map_or(0, |clock| clock())
    }

    /// A top-level statement begins.
    pub(super) fn begin(&mut self) {
        self.began_ns = self.now_ns();
    }

    /// A top-level statement ended.
    pub(super) fn end(&mut self, statement: u32, error: Option<&'a str>) {
        if self.logs.len() < LOG_ENTRIES_MAX {
            let duration_ns = self.now_ns().saturating_sub(self.began_ns);
            self.logs.push(LogEntry {
                statement,
                duration_ns,
                error,
            });
        }
    }

    /// A top-level statement raised: go on if a try protects.
    pub(super) fn failed(&mut self, value: Value<'a>, statement: u32) -> Result<(), Fault<'a>> {
        let Value::Exception(exception) = value else {
            return Err(Fault::Internal("no exception was caught"));
        };
        if self.host.try_level.get() <= 0 {
            return Err(Fault::Raised(exception));
        }
        let text = print::str_of(&mut self.context, value)?;
        self.host
            .variables
            .set_text(self.context.arena(), self.host.fixed.last_error, text)?;
        self.end(statement, text.as_str());
        Ok(())
    }
}
