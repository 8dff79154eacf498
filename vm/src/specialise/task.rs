//! The `task` that never comes into being: what its parts hold is known from the shape, or is an argument or input.

use super::known::{Input, Kind, Known};
use super::walk::{GiveUp, Walk, Walked};
use crate::bytecode::Constant;
use crate::bytecode::op::Op;
use crate::bytecode::operand::{Const, Dst, Src};

impl Walk<'_> {
    /// Is it a part of the task that never comes into being?
    pub(super) fn is_virtual(&self, s: Src) -> bool {
        matches!(
            self.state[self.at(s.index())],
            Known::Task
                | Known::Properties
                | Known::PropertyValues
                | Known::PropertyList
                | Known::Branches
        )
    }

    /// The argument of a property.
    pub(super) fn property(&mut self, argument: u16) -> Known {
        match &self.shape.arguments[usize::from(argument)] {
            Some(literal) => Known::Literal(argument, self.constants.number(literal.clone())),
            None => Known::Argument(argument),
        }
    }

    /// What a part of the task holds under a key; nothing when it has no such key.
    pub(super) fn part(&mut self, of: Known, key: &Constant) -> Walked<Option<Known>> {
        Ok(match (of, key) {
            (Known::Task, Constant::Text(key)) => match &**key {
                "properties" => Some(Known::Properties),
                "branches" => Some(Known::Branches),
                "sequence" => Some(Known::Input(Input::Sequence)),
                "context" if self.shape.has_target => Some(Known::Input(Input::Target)),
                "context" => Some(Known::Constant(self.constants.number(Constant::None))),
                _ => None,
            },
            (Known::Properties, Constant::Text(key)) => {
                let found = self.properties.iter().find(|(known, _)| **known == **key);
                let argument = found.map(|(_, argument)| *argument);
                argument.map(|argument| self.property(argument))
            }
            (Known::Branches, Constant::Text(key)) => match (&**key, self.shape.has_branches) {
                ("true", true) => Some(Known::Input(Input::Yes)),
                ("false", true) => Some(Known::Input(Input::No)),
                _ => None,
            },
            (Known::PropertyList, Constant::Int(place)) => {
                let argument = usize::try_from(*place)
                    .ok()
                    .and_then(|place| self.properties.get(place))
                    .map(|(_, argument)| *argument);
                argument.map(|argument| self.property(argument))
            }
            _ => return Err(GiveUp),
        })
    }

    /// `d = o[constant]`
    pub(super) fn item(&mut self, d: Dst, o: Src, key: &Constant) -> Walked<()> {
        let to = self.at(d.index());
        if self.is_virtual(o) {
            let of = self.state[self.at(o.index())];
            // Without the key it raises, which is left to the definition itself.
            self.state[to] = self.part(of, key)?.ok_or(GiveUp)?;
            return Ok(());
        }
        let o = self.src(o)?;
        let k = self.residual(key)?;
        self.leave_value(d, Kind::Any, |d| Op::GetItemConst { d, o, k })
    }

    pub(super) fn attribute(&mut self, d: Dst, o: Src, k: Const) -> Walked<()> {
        let to = self.at(d.index());
        let of = self.state[self.at(o.index())];
        let found = match (of, self.text(k)) {
            (Known::Input(Input::Executor), "conector") => Some(Input::Connector),
            (Known::Input(Input::Connector), "variables") => Some(Input::Variables),
            (Known::Input(Input::Connector), "results") => Some(Input::Results),
            _ => None,
        };
        if let Some(input) = found {
            self.state[to] = Known::Input(input);
            return Ok(());
        }
        let o = self.src(o)?;
        let k = self.carry(k)?;
        self.leave_value(d, Kind::Any, |d| Op::GetAttribute { d, o, k })
    }
}
