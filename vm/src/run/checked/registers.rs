//! A frame whose registers know whether they were written, and operands that are looked up with care.

use super::{Step, Stop};
use crate::bytecode::operand::{Base, Const, Dst, NO_CONST, NO_SRC, Src};
use crate::bytecode::{Code, Constant};
use crate::run::function::Function;
use crate::run::value::Value;

pub(super) struct Frame<'a> {
    pub(super) function: &'a Function<'a>,
    /// None: nothing wrote it, or a call covered it.
    pub(super) registers: Vec<Option<Value<'a>>>,
}

fn breach<'a, T>(what: String) -> Step<'a, T> {
    Err(Stop::Breach(what))
}

impl<'a> Frame<'a> {
    /// A frame at its start.
    pub(super) fn new(function: &'a Function<'a>, given: Vec<Value<'a>>) -> Step<'a, Self> {
        let code = function.code.code();
        let count = usize::from(code.registers);
        if given.len() > count {
            return breach(format!("{} arguments for {count} registers", given.len()));
        }
        let mut registers: Vec<Option<Value<'a>>> = given.into_iter().map(Some).collect();
        registers.resize(count, None);
        for register in code.unset_start..code.unset_end {
            match registers.get_mut(usize::from(register)) {
                Some(place) => *place = Some(Value::Unset),
                None => return breach(format!("unset register {register}")),
            }
        }
        Ok(Self {
            function,
            registers,
        })
    }

    pub(super) fn code(&self) -> &'a Code {
        self.function.code.code()
    }

    pub(super) fn at(&self, register: usize) -> Step<'a, Value<'a>> {
        match self.registers.get(register) {
            Some(Some(value)) => Ok(*value),
            Some(None) => breach(format!("register {register} is read before it is written")),
            None => breach(format!("register {register} is read")),
        }
    }

    pub(super) fn set_at(&mut self, register: usize, value: Value<'a>) -> Step<'a, ()> {
        match self.registers.get_mut(register) {
            Some(place) => {
                *place = Some(value);
                Ok(())
            }
            None => breach(format!("register {register} is written")),
        }
    }

    pub(super) fn get(&self, operand: Src) -> Step<'a, Value<'a>> {
        self.at(operand.index())
    }

    /// An operand that may be left out.
    pub(super) fn optional(&self, operand: Src) -> Step<'a, Option<Value<'a>>> {
        if operand == NO_SRC {
            Ok(None)
        } else {
            self.get(operand).map(Some)
        }
    }

    pub(super) fn set(&mut self, operand: Dst, value: Value<'a>) -> Step<'a, ()> {
        self.set_at(operand.index(), value)
    }

    pub(super) fn window(&self, base: Base, count: usize) -> Step<'a, Vec<Value<'a>>> {
        (base.index()..base.index() + count)
            .map(|register| self.at(register))
            .collect()
    }

    /// The callee's registers begin behind the window's first.
    pub(super) fn cover(&mut self, base: Base) {
        for register in self.registers.iter_mut().skip(base.index() + 1) {
            *register = None;
        }
    }

    pub(super) fn constant(&self, operand: Const) -> Step<'a, &'a Constant> {
        match self.code().constants.get(operand.index()) {
            Some(constant) if operand != NO_CONST => Ok(constant),
            _ => breach(format!("constant {operand}")),
        }
    }

    /// A constant's text, as names of attributes and modules are.
    pub(super) fn name(&self, operand: Const) -> Step<'a, &'a str> {
        Ok(self.constant(operand)?.as_text().unwrap_or("?"))
    }

    pub(super) fn global(&self, slot: usize) -> Step<'a, &'a std::cell::Cell<Value<'a>>> {
        match self.function.globals.get(slot) {
            Some(global) => Ok(global),
            None => breach(format!("module-level name {slot}")),
        }
    }

    pub(super) fn free(&self, place: usize) -> Step<'a, &'a std::cell::Cell<Value<'a>>> {
        match self.function.closure.get(place) {
            Some(shared) => Ok(shared),
            None => breach(format!("captured variable {place}")),
        }
    }
}
