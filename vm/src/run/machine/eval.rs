//! `eval(text, globals, locals)`: an expression that is compiled while the execution runs.

use std::rc::Rc;

use super::Machine;
use super::call::Called;
use super::frame::FrameKind;
use crate::limits::{EVALUATION_BYTES_MAX, EVALUATIONS_MAX, Limit};
use crate::run::fault::{Class, Fault};
use crate::run::function::Function;
use crate::run::loaded::Loaded;
use crate::run::value::Value;

impl<'a> Machine<'a> {
    /// Names are looked up in `locals`, then in `globals`, then among the built-ins unless `globals` has
    /// `__builtins__`.
    pub(super) fn eval(
        &mut self,
        given: &[Value<'a>],
        result: usize,
    ) -> Result<Called<'a>, Fault<'a>> {
        let Some(Value::Str(text)) = given.first() else {
            return Err(self.context.raise(
                Class::TypeError,
                "eval() arg 1 must be a string, bytes or code object",
            ));
        };
        let globals = given.get(1).copied().unwrap_or(Value::None);
        let locals = given.get(2).copied().unwrap_or(globals);
        let Value::Dict(globals) = globals else {
            return Err(self
                .context
                .raise(Class::TypeError, "eval() must be given a dict of globals"));
        };
        let locals = match locals {
            Value::Dict(dict) => dict,
            Value::None => globals,
            _ => {
                return Err(self
                    .context
                    .raise(Class::TypeError, "locals must be a mapping"));
            }
        };
        let builtins = globals.get_str("__builtins__").is_none();
        let function = self.evaluation(text.as_str())?;
        let base = self.frame_end();
        self.push(function, base, result, FrameKind::Plain)?;
        self.stack[base] = Value::Dict(locals);
        self.stack[base + 1] = Value::Dict(globals);
        self.stack[base + 2] = Value::Bool(builtins);
        Ok(Called::Frame)
    }

    fn evaluation(&mut self, text: &'a str) -> Result<&'a Function<'a>, Fault<'a>> {
        if let Some((_, known)) = self.evaluations.iter().find(|(known, _)| *known == text) {
            return Ok(known);
        }
        // A byte of source costs about 20 ns.
        self.context.charge(text.len() * 2)?;
        let held: usize = self.evaluations.iter().map(|(text, _)| text.len()).sum();
        if self.evaluations.len() >= EVALUATIONS_MAX || held + text.len() > EVALUATION_BYTES_MAX {
            // Not an exception: `if` takes a condition that raises for a false one.
            return Err(Fault::Limit(Limit::Memory));
        }
        let code = match crate::compile::evaluation(text) {
            Ok(code) => code,
            Err(message) => return Err(self.context.raise(Class::SyntaxError, message)),
        };
        let code = self
            .evaluated
            .get_or_init(Rc::default)
            .push_get(Box::new(code));
        let code = Loaded::new(&mut self.context, code, &[])?;
        let function = Function {
            code,
            globals: &[],
            closure: &[],
            defaults: &[],
        };
        let function = self.context.arena().alloc(function)?;
        self.evaluations.push((text, function));
        Ok(function)
    }
}
