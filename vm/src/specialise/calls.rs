//! Calls: functions of the definition are walked, what is known is computed, texts of ints are not made before they are
//! needed; the rest is left.

use super::known::{self, Input, Kind, Known};
use super::step::is_of_int;
use super::walk::{GiveUp, Next, Walk, Walked};
use crate::bytecode::Constant;
use crate::bytecode::op::Op;
use crate::bytecode::operand::{Base, Const, Dst, Few, NO_CONST, Src};
use crate::run::kind::Type;

impl Walk<'_> {
    /// The constants in registers, if all of them hold one.
    fn all_held(&self, first: usize, count: usize) -> Option<Vec<Constant>> {
        (first..first + count)
            .map(|register| self.constant_in(register))
            .collect()
    }

    pub(super) fn call(&mut self, few: Few, d: Dst, base: Base, names: Const) -> Walked<Next> {
        let (window, to, count) = (
            self.at(base.index()),
            self.at(d.index()),
            usize::from(few.0),
        );
        let callee = match self.state[window] {
            Known::Function(number) if names == NO_CONST => {
                return self.enter(number, window, count, to);
            }
            Known::Constant(number) => match self.constants.get(number) {
                Constant::Builtin(name) => Some(name.clone()),
                _ => None,
            },
            _ => None,
        };
        let mut kind = Kind::Any;
        if let (Some(name), true) = (&callee, names == NO_CONST) {
            if self.call_known(name, window + 1, count, to)? {
                return Ok(Next::On);
            }
            kind = match (&**name, count) {
                ("str" | "repr", 1) => Kind::Text,
                ("float", 1) => Kind::Float,
                ("bool", 1) | ("isinstance", 2) => Kind::Bool,
                _ => Kind::Any,
            };
        }
        let base = self.window(base, count + 1)?;
        let names = self.carry(names)?;
        self.leave_value(d, kind, |d| Op::Call {
            few,
            d,
            base,
            names,
        })?;
        Ok(Next::On)
    }

    /// A call of a built-in of which enough is known.
    fn call_known(&mut self, name: &str, first: usize, count: usize, to: usize) -> Walked<bool> {
        if let Some(given) = self.all_held(first, count) {
            // `str` of a text is that text.
            if name == "str"
                && let [Constant::Text(_)] = given.as_slice()
            {
                self.copy(to, first)?;
                return Ok(true);
            }
            let given: Vec<&Constant> = given.iter().collect();
            if let Some(value) = known::call(name, &given) {
                self.set_constant(to, value);
                return Ok(true);
            }
            return Ok(false);
        }
        let of = if count > 0 {
            self.state[first]
        } else {
            Known::Dead
        };
        match (name, count, of) {
            ("list", 1, Known::PropertyValues) => self.state[to] = Known::PropertyList,
            ("len", 1, Known::Properties | Known::PropertyList) => {
                let count = self.properties.len() as i64;
                self.set_constant(to, Constant::Int(count));
            }
            ("len", 1, Known::NewList) => self.set_constant(to, Constant::Int(0)),
            ("str", 1, Known::Own(Kind::Text)) => self.copy(to, first)?,
            ("str", 1, Known::IntIn(kept)) => self.state[to] = Known::TextOf(kept),
            ("str", 1, Known::TextOf(_)) => self.state[to] = of,
            ("int", 1, Known::TextOf(kept) | Known::IntIn(kept)) => {
                self.state[to] = Known::IntIn(kept);
            }
            ("float", 1, Known::TextOf(kept) | Known::IntIn(kept)) => {
                let (d, s) = (Dst(to as u16), Src(kept));
                self.emit(Op::FloatOfInt { d, s })?;
                self.state[to] = Known::Own(Kind::Float);
            }
            ("str", 1, Known::Own(Kind::Any) | Known::Argument(_)) => {
                if self.is_other {
                    return Ok(false);
                }
                let Some(kept) = self.keep() else {
                    return Ok(false);
                };
                let s = self.source(first)?;
                self.emit(Op::Move { d: Dst(kept), s })?;
                let label = self.wait_with_others(self.state.clone())?;
                let to_others = label.target();
                self.emit(Op::JumpUnlessInt { s, to: to_others })?;
                self.state[to] = Known::TextOf(kept);
            }
            ("isinstance", 2, _) => {
                let kind = match of {
                    Known::IntIn(_) | Known::Own(Kind::Int) => Type::Int,
                    Known::TextOf(_) | Known::Own(Kind::Text) => Type::Str,
                    Known::Own(Kind::Float) => Type::Float,
                    Known::Own(Kind::Bool) => Type::Bool,
                    _ => return Ok(false),
                };
                let holds = match self.constant_in(first + 1) {
                    Some(class) => known::is_instance(kind, &class),
                    None => None,
                };
                let Some(holds) = holds else {
                    return Ok(false);
                };
                self.set_constant(to, Constant::Bool(holds));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn call_method(&mut self, few: Few, d: Dst, base: Base, k: Const) -> Walked<()> {
        let (window, to, count) = (
            self.at(base.index()),
            self.at(d.index()),
            usize::from(few.0),
        );
        let name = self.text(k);
        let receiver = self.state[window];
        let given = self.all_held(window + 1, count);
        match receiver {
            Known::Task | Known::Properties | Known::Branches if name == "get" => {
                let Some(key @ Constant::Text(_)) = self.constant_in(window + 1) else {
                    return Err(GiveUp);
                };
                match (self.part(receiver, &key)?, count) {
                    (Some(found), 1 | 2) => self.state[to] = found,
                    (None, 1) => self.set_constant(to, Constant::None),
                    (None, 2) => {
                        self.copy(to, window + 2)?;
                    }
                    _ => return Err(GiveUp),
                }
                return Ok(());
            }
            Known::Properties if name == "values" && count == 0 => {
                self.state[to] = Known::PropertyValues;
                return Ok(());
            }
            Known::Input(Input::Executor) if name == "process_step" && count == 1 => {
                let s = self.source(window + 1)?;
                return self.leave_value(d, Kind::Any, |d| Op::Step { d, s });
            }
            // No sign or digit is taken off.
            Known::TextOf(_) if matches!(name, "strip" | "lstrip" | "rstrip") => {
                let stays = match given.as_deref() {
                    Some([]) => true,
                    Some([Constant::Text(set)]) => !set.chars().any(is_of_int),
                    _ => false,
                };
                if stays {
                    self.state[to] = receiver;
                    return Ok(());
                }
            }
            _ => {}
        }
        if let (Some(of), Some(given)) = (self.constant_in(window), &given) {
            let given: Vec<&Constant> = given.iter().collect();
            if let Some(value) = known::method(&of, name, &given) {
                // The same text is the same object.
                if value == of {
                    self.copy(to, window)?;
                } else {
                    self.set_constant(to, value);
                }
                return Ok(());
            }
        }
        let base = self.window(base, count + 1)?;
        let k = self.carry(k)?;
        self.leave_value(d, Kind::Any, |d| Op::CallMethod { few, d, base, k })
    }
}
