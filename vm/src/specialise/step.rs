//! What is left of each instruction.

use super::known::{self, Kind, Known};
use super::walk::{GiveUp, Next, Walk, Walked};
use crate::bytecode::Constant;
use crate::bytecode::op::Op;
use crate::bytecode::operand::{Base, Compare, Dst, NO_SRC, Small, Src, Target, Unary};

impl Walk<'_> {
    /// Do what an instruction does with what is known, and leave what it does with the rest.
    #[allow(
        clippy::too_many_lines,
        reason = "one arm for each instruction, as in the dispatch loop"
    )]
    pub(super) fn step(&mut self, op: Op) -> Walked<Next> {
        match op {
            Op::Load { d, k } => {
                let constant = self.code().constants[k.index()].clone();
                self.load(self.at(d.index()), constant)?;
            }
            Op::Move { d, s } => self.copy(self.at(d.index()), self.at(s.index()))?,
            Op::Bound { few, s, k } => {
                let register = self.at(s.index());
                if matches!(self.state[register], Known::Unset | Known::Dead) {
                    let (d, s, k) = (Dst(register as u16), Src(register as u16), self.carry(k)?);
                    self.emit(Op::Unbind { d })?;
                    self.emit(Op::Bound { few, s, k })?;
                    self.emit(Op::Return { s: Src(0) })?;
                    return Ok(Next::End);
                }
            }
            Op::Unbind { d } => {
                let d = self.at(d.index());
                self.state[d] = Known::Unset;
            }
            Op::LoadGlobal { d, g } => {
                let (to, from) = (self.at(d.index()), self.global(g.index()));
                if self.state[from] == Known::Unset {
                    let name = self.codes[0].globals[g.index()].clone();
                    self.load(to, Constant::Builtin(name))?;
                } else {
                    self.copy(to, from)?;
                }
            }
            Op::StoreGlobal { g, s } => self.copy(self.global(g.index()), self.at(s.index()))?,
            Op::UnbindGlobal { g } => {
                let place = self.global(g.index());
                self.state[place] = Known::Unset;
            }
            Op::Binary { kind, d, a, b } => {
                if let (Some(left), Some(right)) = (self.held(a), self.held(b))
                    && let Some(value) = known::binary(kind, &left, &right)
                {
                    self.set_constant(self.at(d.index()), value);
                } else {
                    let (a, b) = (self.src(a)?, self.src(b)?);
                    self.leave_value(d, Kind::Any, |d| Op::Binary { kind, d, a, b })?;
                }
            }
            Op::Add { d, a, b } => {
                if let Known::TextOf(kept) = self.state[self.at(b.index())]
                    && self.is_text(self.at(a.index()))
                {
                    let (a, s) = (self.src(a)?, Src(kept));
                    self.leave_value(d, Kind::Text, |d| Op::JoinInt { d, a, s })?;
                } else {
                    let (a, b) = (self.src(a)?, self.src(b)?);
                    self.leave_value(d, Kind::Any, |d| Op::Add { d, a, b })?;
                }
            }
            Op::Sub { d, a, b } => {
                let (a, b) = (self.src(a)?, self.src(b)?);
                self.leave_value(d, Kind::Any, |d| Op::Sub { d, a, b })?;
            }
            Op::AddInt { d, a, i } => {
                let a = self.src(a)?;
                self.leave_value(d, Kind::Any, |d| Op::AddInt { d, a, i })?;
            }
            Op::SubInt { d, a, i } => {
                let a = self.src(a)?;
                self.leave_value(d, Kind::Any, |d| Op::SubInt { d, a, i })?;
            }
            Op::InPlace { kind, d, a, b } => {
                let (a, b) = (self.src(a)?, self.src(b)?);
                self.leave_value(d, Kind::Any, |d| Op::InPlace { kind, d, a, b })?;
            }
            Op::CompareInt { kind, d, a, i } => self.compare_int(kind, d, a, i)?,
            Op::Compare { kind, d, a, b } => self.compare(kind, d, a, b)?,
            Op::Unary { kind, d, s } => {
                let to = self.at(d.index());
                if kind == Unary::Not
                    && let Some(holds) = self.truth(self.at(s.index()))?
                {
                    self.set_constant(to, Constant::Bool(!holds));
                } else if let Some(value) = self.held(s)
                    && let Some(value) = known::unary(kind, &value)
                {
                    self.set_constant(to, value);
                } else {
                    let s = self.src(s)?;
                    let result = if kind == Unary::Not {
                        Kind::Bool
                    } else {
                        Kind::Any
                    };
                    self.leave_value(d, result, |d| Op::Unary { kind, d, s })?;
                }
            }
            Op::Jump { to } => self.pc = to.index(),
            Op::Loop { to } => {
                // A turn costs its fuel, wherever it goes on.
                let label = self.label();
                self.emit(Op::Loop { to: label.target() })?;
                self.place(label);
                self.pc = to.index();
            }
            Op::JumpIf { s, to } => return self.branch(s, to, true),
            Op::JumpIfNot { s, to } => return self.branch(s, to, false),
            Op::GetItemConst { d, o, k } => {
                let constant = self.code().constants[k.index()].clone();
                self.item(d, o, &constant)?;
            }
            Op::GetItem { d, o, key } => match self.held(key) {
                Some(constant @ Constant::Text(_)) => self.item(d, o, &constant)?,
                Some(constant) if self.is_virtual(o) => self.item(d, o, &constant)?,
                _ => {
                    let (o, key) = (self.src(o)?, self.src(key)?);
                    self.leave_value(d, Kind::Any, |d| Op::GetItem { d, o, key })?;
                }
            },
            Op::SetItem { o, key, s } => {
                if let Some(constant @ Constant::Text(_)) = self.held(key) {
                    let (o, s) = (self.src(o)?, self.src(s)?);
                    let k = self.residual(&constant)?;
                    self.emit(Op::SetItemConst { o, k, s })?;
                } else {
                    let (o, key, s) = (self.src(o)?, self.src(key)?, self.src(s)?);
                    self.emit(Op::SetItem { o, key, s })?;
                }
            }
            Op::SetItemConst { o, k, s } => {
                let (o, s) = (self.src(o)?, self.src(s)?);
                let k = self.carry(k)?;
                self.emit(Op::SetItemConst { o, k, s })?;
            }
            Op::DeleteItem { o, key } => {
                let (o, key) = (self.src(o)?, self.src(key)?);
                self.emit(Op::DeleteItem { o, key })?;
            }
            Op::BuildSlice { d, base } => {
                let base = self.window(base, 3)?;
                self.leave_value(d, Kind::Any, |d| Op::BuildSlice { d, base })?;
            }
            Op::GetAttribute { d, o, k } => self.attribute(d, o, k)?,
            Op::SetAttribute { o, k, s } => {
                let (o, s) = (self.src(o)?, self.src(s)?);
                let k = self.carry(k)?;
                self.emit(Op::SetAttribute { o, k, s })?;
            }
            Op::Call {
                few,
                d,
                base,
                names,
            } => return self.call(few, d, base, names),
            Op::CallMethod { few, d, base, k } => self.call_method(few, d, base, k)?,
            Op::CallSpread { d, base } => {
                let base = self.window(base, 3)?;
                self.leave_value(d, Kind::Any, |d| Op::CallSpread { d, base })?;
            }
            Op::Return { s } => return self.leave(self.at(s.index())),
            Op::BuildList { d, base, count } if count.0 == 0 => {
                let _ = base;
                let d = self.at(d.index());
                self.state[d] = Known::NewList;
            }
            Op::BuildList { d, base, count } => {
                let base = self.window(base, count.index())?;
                self.leave_value(d, Kind::Any, |d| Op::BuildList { d, base, count })?;
            }
            Op::BuildTuple { d, base, count } => {
                let base = self.window(base, count.index())?;
                self.leave_value(d, Kind::Any, |d| Op::BuildTuple { d, base, count })?;
            }
            Op::BuildSet { d, base, count } => {
                let base = self.window(base, count.index())?;
                self.leave_value(d, Kind::Any, |d| Op::BuildSet { d, base, count })?;
            }
            Op::BuildDict { d, base, count } => {
                let base = self.window(base, count.index() * 2)?;
                self.leave_value(d, Kind::Any, |d| Op::BuildDict { d, base, count })?;
            }
            Op::ListAppend { list, s } => {
                let (list, s) = (self.src(list)?, self.src(s)?);
                self.emit(Op::ListAppend { list, s })?;
            }
            Op::ListExtend { list, s } => {
                let (list, s) = (self.src(list)?, self.changed(s)?);
                self.emit(Op::ListExtend { list, s })?;
            }
            Op::SetAdd { set, s } => {
                let (set, s) = (self.src(set)?, self.src(s)?);
                self.emit(Op::SetAdd { set, s })?;
            }
            Op::SetUpdate { set, s } => {
                let (set, s) = (self.src(set)?, self.changed(s)?);
                self.emit(Op::SetUpdate { set, s })?;
            }
            Op::DictInsert { dict, key, s } => {
                let (dict, key, s) = (self.src(dict)?, self.src(key)?, self.src(s)?);
                self.emit(Op::DictInsert { dict, key, s })?;
            }
            Op::DictUpdate { few, dict, s } => {
                if few.0 == 1 {
                    // Its message names what stands two registers before.
                    self.window(Base(dict.0 - 2), 3)?;
                }
                let place = self.at(dict.index());
                self.own(place)?;
                let (dict, s) = (Src(place as u16), self.src(s)?);
                self.emit(Op::DictUpdate { few, dict, s })?;
            }
            Op::ListToTuple { d, s } => {
                let s = self.src(s)?;
                self.leave_value(d, Kind::Any, |d| Op::ListToTuple { d, s })?;
            }
            Op::Unpack { s, base, count } => {
                let s = self.changed(s)?;
                let first = self.at(base.index());
                let base = Base(first as u16);
                self.emit(Op::Unpack { s, base, count })?;
                self.state[first..first + count.index()].fill(Known::ANY);
            }
            Op::UnpackRest {
                few,
                s,
                base,
                count,
            } => {
                let s = self.changed(s)?;
                let first = self.at(base.index());
                let base = Base(first as u16);
                self.emit(Op::UnpackRest {
                    few,
                    s,
                    base,
                    count,
                })?;
                let all = usize::from(few.0) + 1 + count.index();
                self.state[first..first + all].fill(Known::ANY);
            }
            Op::GetIter { d, s } => {
                let s = self.src(s)?;
                self.leave_value(d, Kind::Any, |d| Op::GetIter { d, s })?;
            }
            Op::ForNext { iter, to } => {
                let place = self.at(iter.index());
                self.own(place)?;
                let mut state = self.state.clone();
                state[place + 1] = Known::ANY;
                let label = self.wait(self.context, to.index(), state)?;
                let (iter, to) = (Src(place as u16), label.target());
                self.emit(Op::ForNext { iter, to })?;
            }
            Op::Format { kind, d, s, spec } => {
                let s = self.src(s)?;
                let spec = if spec == NO_SRC {
                    spec
                } else {
                    self.src(spec)?
                };
                self.leave_value(d, Kind::Text, |d| Op::Format { kind, d, s, spec })?;
            }
            Op::BuildText { d, base, count } => {
                let base = self.window(base, count.index())?;
                self.leave_value(d, Kind::Text, |d| Op::BuildText { d, base, count })?;
            }
            Op::Raise { s, cause } => {
                let s = self.src(s)?;
                let cause = if cause == NO_SRC {
                    cause
                } else {
                    self.src(cause)?
                };
                self.emit(Op::Raise { s, cause })?;
                return Ok(Next::End);
            }
            Op::Reraise { s } => {
                let s = self.src(s)?;
                self.emit(Op::Reraise { s })?;
                return Ok(Next::End);
            }
            Op::Catches { d, s, class } => {
                let (s, class) = (self.src(s)?, self.src(class)?);
                self.leave_value(d, Kind::Bool, |d| Op::Catches { d, s, class })?;
            }
            Op::MakeFunction { few, d, c, .. } => {
                let child = &self.code().children[c.index()];
                let number = self
                    .codes
                    .iter()
                    .position(|code| std::ptr::eq(*code, child));
                let (Some(number), 0) = (number, few.0) else {
                    return Err(GiveUp);
                };
                let d = self.at(d.index());
                self.state[d] = Known::Function(number as u16);
            }
            Op::Import { d, k } => {
                let k = self.carry(k)?;
                self.leave_value(d, Kind::Any, |d| Op::Import { d, k })?;
            }
            Op::ImportFrom { d, s, k } => {
                let s = self.src(s)?;
                let k = self.carry(k)?;
                self.leave_value(d, Kind::Any, |d| Op::ImportFrom { d, s, k })?;
            }
            _ => return Err(GiveUp),
        }
        Ok(Next::On)
    }

    pub(super) fn src(&mut self, s: Src) -> Walked<Src> {
        self.source(self.at(s.index()))
    }

    /// A register that the instruction may write as well: it puts a list in place of a generator.
    pub(super) fn changed(&mut self, s: Src) -> Walked<Src> {
        let place = self.at(s.index());
        self.own(place)?;
        self.state[place] = Known::ANY;
        Ok(Src(place as u16))
    }

    pub(super) fn held(&self, s: Src) -> Option<Constant> {
        self.constant_in(self.at(s.index()))
    }

    /// Leave an instruction that writes a register.
    pub(super) fn leave_value(
        &mut self,
        d: Dst,
        kind: Kind,
        op: impl FnOnce(Dst) -> Op,
    ) -> Walked<()> {
        let to = self.at(d.index());
        self.emit(op(Dst(to as u16)))?;
        self.state[to] = Known::Own(kind);
        Ok(())
    }

    fn load(&mut self, to: usize, constant: Constant) -> Walked<()> {
        if let Constant::Builtin(name) = &constant {
            // What shows names or tells equal texts apart; and names that do not exist.
            if matches!(&**name, "globals" | "locals" | "id")
                || crate::run::builtins::global(name).is_none()
            {
                return Err(GiveUp);
            }
        }
        self.set_constant(to, constant);
        Ok(())
    }

    /// The truth of what a register holds, if it is known.
    fn truth(&mut self, register: usize) -> Walked<Option<bool>> {
        Ok(match self.state[register] {
            Known::Constant(number) | Known::Literal(_, number) => {
                known::truth(self.constants.get(number))
            }
            Known::TextOf(_) | Known::Task | Known::Function(_) => Some(true),
            Known::NewList => Some(false),
            Known::Properties | Known::PropertyList => Some(!self.properties.is_empty()),
            Known::Branches => Some(self.shape.has_branches),
            Known::Dead | Known::Unset | Known::PropertyValues => return Err(GiveUp),
            Known::Own(_) | Known::Argument(_) | Known::Input(_) | Known::IntIn(_) => None,
        })
    }

    fn branch(&mut self, s: Src, to: Target, when: bool) -> Walked<Next> {
        let register = self.at(s.index());
        if let Some(holds) = self.truth(register)? {
            if holds == when {
                self.pc = to.index();
            }
            return Ok(Next::On);
        }
        let s = self.src(s)?;
        let label = self.wait(self.context, to.index(), self.state.clone())?;
        let to = label.target();
        self.emit(if when {
            Op::JumpIf { s, to }
        } else {
            Op::JumpIfNot { s, to }
        })?;
        Ok(Next::On)
    }

    fn compare_int(&mut self, kind: Compare, d: Dst, a: Src, i: Small) -> Walked<()> {
        let right = Constant::Int(i64::from(i.0));
        if let Some(left) = self.held(a)
            && let Some(holds) = known::compare(kind, &left, &right)
        {
            self.set_constant(self.at(d.index()), Constant::Bool(holds));
            return Ok(());
        }
        let a = self.src(a)?;
        self.leave_value(d, Kind::Bool, |d| Op::CompareInt { kind, d, a, i })
    }

    fn compare(&mut self, kind: Compare, d: Dst, a: Src, b: Src) -> Walked<()> {
        let to = self.at(d.index());
        let (left, right) = (self.held(a), self.held(b));
        if let (Some(left), Some(right)) = (&left, &right)
            && let Some(holds) = known::compare(kind, left, right)
        {
            self.set_constant(to, Constant::Bool(holds));
            return Ok(());
        }
        let within = match kind {
            Compare::In => Some(true),
            Compare::NotIn => Some(false),
            _ => None,
        };
        let (of, in_what) = (
            self.state[self.at(a.index())],
            self.state[self.at(b.index())],
        );
        if let (Some(within), Some(left)) = (within, &left) {
            if self.is_virtual(b) {
                if in_what == Known::PropertyList {
                    return Err(GiveUp);
                }
                let has = self.part(in_what, left)?.is_some();
                self.set_constant(to, Constant::Bool(has == within));
                return Ok(());
            }
            if let (Known::TextOf(_), Constant::Text(part)) = (in_what, left)
                && part.chars().any(|character| !is_of_int(character))
            {
                self.set_constant(to, Constant::Bool(!within));
                return Ok(());
            }
            if within && matches!((in_what, left), (Known::Input(_), Constant::Text(_))) {
                let key = self.residual(left)?;
                let o = self.src(b)?;
                return self.leave_value(d, Kind::Bool, |d| Op::HasConst { d, o, k: key });
            }
        }
        if let (Compare::Eq | Compare::Ne, Known::TextOf(left), Known::TextOf(right)) =
            (kind, of, in_what)
        {
            // An int has one text.
            let (a, b) = (Src(left), Src(right));
            return self.leave_value(d, Kind::Bool, |d| Op::Compare { kind, d, a, b });
        }
        // A generator that is asked for an item is put into a list first.
        let (a, b) = match within {
            Some(_) if matches!(in_what, Known::Own(Kind::Any) | Known::Argument(_)) => {
                (self.src(a)?, self.changed(b)?)
            }
            _ => (self.src(a)?, self.src(b)?),
        };
        self.leave_value(d, Kind::Bool, |d| Op::Compare { kind, d, a, b })
    }
}

/// May it be in the text of an int?
pub(super) const fn is_of_int(character: char) -> bool {
    matches!(character, '0'..='9' | '-')
}
