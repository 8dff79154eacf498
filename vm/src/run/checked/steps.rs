//! One instruction after the other.

use std::cell::Cell;

use super::registers::Frame;
use super::{Evaluator, Step, Stop};
use crate::bytecode::operand::{Binary, Compare, Const, Conversion, NO_CONST};
use crate::bytecode::{Capture, Op};
use crate::limits::Limit;
use crate::run::builtins;
use crate::run::fault::{Class, Fault};
use crate::run::function::Function;
use crate::run::iterator::Source;
use crate::run::kind::Type;
use crate::run::ops::{arithmetic, format, print, subscript};
use crate::run::value::{Range, Slice, Value};

/// How a frame ends.
pub(super) enum Exit<'a> {
    Returned(Value<'a>),
    /// With an item, and where to go on.
    Yielded(Value<'a>, usize, Frame<'a>),
}

/// Where to go on after an instruction.
enum Next<'a> {
    Behind,
    Skip,
    At(usize),
    Return(Value<'a>),
    Yield(Value<'a>),
}

impl<'a> Evaluator<'a> {
    /// Run a frame from an instruction on.
    pub(super) fn run(&mut self, mut frame: Frame<'a>, start: usize) -> Step<'a, Exit<'a>> {
        let code = frame.code();
        let mut place = start;
        loop {
            let Some(op) = code.ops.get(place) else {
                return Err(Stop::Breach(format!(
                    "instruction {place} of {}",
                    code.name
                )));
            };
            if self.steps_left == 0 {
                return Err(Limit::Fuel.into());
            }
            self.steps_left -= 1;
            match self.step(&mut frame, *op) {
                Ok(Next::Behind) => place += 1,
                Ok(Next::Skip) => place += 2,
                Ok(Next::At(target)) => place = target,
                Ok(Next::Return(value)) => return Ok(Exit::Returned(value)),
                Ok(Next::Yield(item)) => return Ok(Exit::Yielded(item, place + 1, frame)),
                Err(Stop::Fault(Fault::Raised(exception))) => {
                    let covers = |handler: &&crate::bytecode::Handler| {
                        (handler.start as usize..handler.end as usize).contains(&place)
                    };
                    let Some(handler) = code.handlers.iter().find(covers) else {
                        return Err(Fault::Raised(exception).into());
                    };
                    frame.set(handler.caught, Value::Exception(exception))?;
                    place = handler.target.index();
                }
                Err(Stop::Breach(what)) => {
                    let at = format!("{}, instruction {place} ({op}): {what}", code.name);
                    return Err(Stop::Breach(at));
                }
                Err(stop) => return Err(stop),
            }
        }
    }

    #[allow(
        clippy::too_many_lines,
        reason = "one arm for each instruction, as in the dispatch loop"
    )]
    fn step(&mut self, frame: &mut Frame<'a>, op: Op) -> Step<'a, Next<'a>> {
        match op {
            Op::Load { d, k } => {
                let value = self.constant(frame, k)?;
                frame.set(d, value)?;
            }
            Op::Move { d, s } => frame.set(d, frame.get(s)?)?,
            Op::Bound { few, s, k } => {
                if frame.get(s)?.is_unset() {
                    let name = frame.name(k)?;
                    return Err(if few.0 == 1 {
                        self.undefined(name)
                    } else {
                        self.unbound(name)
                    });
                }
            }
            Op::Unbind { d } => frame.set(d, Value::Unset)?,
            Op::LoadGlobal { d, g } => {
                let value = frame.global(g.index())?.get();
                let name = frame.function.code.global_name(g.index());
                match value.bound().or_else(|| builtins::global(name)) {
                    Some(value) => frame.set(d, value)?,
                    None => return Err(self.undefined(name)),
                }
            }
            Op::StoreGlobal { g, s } => frame.global(g.index())?.set(frame.get(s)?),
            Op::UnbindGlobal { g } => frame.global(g.index())?.set(Value::Unset),
            Op::MakeCell { d, s } => {
                let shared = self.context.arena().alloc(Cell::new(frame.get(s)?))?;
                frame.set(d, Value::Cell(shared))?;
            }
            Op::LoadCell { d, s, k } => {
                let Value::Cell(shared) = frame.get(s)? else {
                    return Err(Fault::Internal("no shared variable").into());
                };
                match shared.get().bound() {
                    Some(value) => frame.set(d, value)?,
                    None => return Err(self.unbound(frame.name(k)?)),
                }
            }
            Op::StoreCell { cell, s } => match frame.get(cell)? {
                Value::Cell(shared) => shared.set(frame.get(s)?),
                _ => return Err(Fault::Internal("no shared variable").into()),
            },
            Op::LoadFree { d, f, k } => match frame.free(f.index())?.get().bound() {
                Some(value) => frame.set(d, value)?,
                None => {
                    let name = frame.name(k)?;
                    let text = format_args!(
                        "cannot access free variable '{name}' where it is not associated with a value in enclosing scope"
                    );
                    return Err(self.context.raise(Class::NameError, text).into());
                }
            },
            Op::StoreFree { f, s } => frame.free(f.index())?.set(frame.get(s)?),
            Op::Add { d, a, b } => {
                let (left, right) = (frame.get(a)?, frame.get(b)?);
                let sum = arithmetic::binary(&mut self.context, Binary::Add, left, right)?;
                frame.set(d, sum)?;
            }
            Op::Sub { d, a, b } => {
                let (left, right) = (frame.get(a)?, frame.get(b)?);
                let difference = arithmetic::binary(&mut self.context, Binary::Sub, left, right)?;
                frame.set(d, difference)?;
            }
            Op::AddInt { d, a, i } => {
                let (left, right) = (frame.get(a)?, Value::Int(i64::from(i.0)));
                let sum = arithmetic::binary(&mut self.context, Binary::Add, left, right)?;
                frame.set(d, sum)?;
            }
            Op::SubInt { d, a, i } => {
                let (left, right) = (frame.get(a)?, Value::Int(i64::from(i.0)));
                let difference = arithmetic::binary(&mut self.context, Binary::Sub, left, right)?;
                frame.set(d, difference)?;
            }
            Op::CompareInt { kind, d, a, i } => {
                let (left, right) = (frame.get(a)?, Value::Int(i64::from(i.0)));
                let holds = arithmetic::compare(&mut self.context, kind, left, right)?;
                frame.set(d, Value::Bool(holds))?;
            }
            Op::Binary { kind, d, a, b } => {
                let (left, right) = (frame.get(a)?, frame.get(b)?);
                let value = arithmetic::binary(&mut self.context, kind, left, right)?;
                frame.set(d, value)?;
            }
            Op::InPlace { kind, d, a, b } => {
                self.drained(frame, b.index())?;
                let (left, right) = (frame.get(a)?, frame.get(b)?);
                let value = arithmetic::in_place(&mut self.context, kind, left, right)?;
                frame.set(d, value)?;
            }
            Op::Unary { kind, d, s } => {
                let value = arithmetic::unary(&mut self.context, kind, frame.get(s)?)?;
                frame.set(d, value)?;
            }
            Op::Compare { kind, d, a, b } => {
                if matches!(kind, Compare::In | Compare::NotIn) {
                    self.drained(frame, b.index())?;
                }
                let (left, right) = (frame.get(a)?, frame.get(b)?);
                let holds = arithmetic::compare(&mut self.context, kind, left, right)?;
                frame.set(d, Value::Bool(holds))?;
            }
            Op::Jump { to } | Op::Loop { to } => return Ok(Next::At(to.index())),
            Op::JumpIf { s, to } => {
                if frame.get(s)?.is_true() {
                    return Ok(Next::At(to.index()));
                }
            }
            Op::JumpIfNot { s, to } => {
                if !frame.get(s)?.is_true() {
                    return Ok(Next::At(to.index()));
                }
            }
            Op::GetItem { d, o, key } => {
                let item = subscript::get(&mut self.context, frame.get(o)?, frame.get(key)?)?;
                frame.set(d, item)?;
            }
            Op::GetItemConst { d, o, k } => {
                let key = self.constant(frame, k)?;
                let item = subscript::get(&mut self.context, frame.get(o)?, key)?;
                frame.set(d, item)?;
            }
            Op::SetItem { o, key, s } => {
                let (object, key, value) = (frame.get(o)?, frame.get(key)?, frame.get(s)?);
                subscript::set(&mut self.context, object, key, value)?;
            }
            Op::SetItemConst { o, k, s } => {
                let (object, value) = (frame.get(o)?, frame.get(s)?);
                let key = self.constant(frame, k)?;
                subscript::set(&mut self.context, object, key, value)?;
            }
            Op::DeleteItem { o, key } => {
                subscript::delete(&mut self.context, frame.get(o)?, frame.get(key)?)?;
            }
            Op::BuildSlice { d, base } => {
                let bounds = frame.window(base, 3)?;
                let slice = self.context.arena().alloc(Slice {
                    start: bounds[0],
                    stop: bounds[1],
                    step: bounds[2],
                })?;
                frame.set(d, Value::Slice(slice))?;
            }
            Op::GetAttribute { d, o, k } => {
                let (object, name) = (frame.get(o)?, frame.name(k)?);
                match builtins::attribute(&mut self.context, object, name)? {
                    Some(found) => frame.set(d, found)?,
                    None => return Err(self.context.no_attribute(object, name).into()),
                }
            }
            Op::SetAttribute { o, k, s } => {
                let (object, value) = (frame.get(o)?, frame.get(s)?);
                builtins::set_attribute(&mut self.context, object, frame.name(k)?, value)?;
            }
            Op::Call {
                few,
                d,
                base,
                names,
            } => {
                let value = self.call_window(frame, base, usize::from(few.0), names)?;
                frame.set(d, value)?;
            }
            Op::CallMethod { few, d, base, k } => {
                let value = self.call_method(frame, base, usize::from(few.0), frame.name(k)?)?;
                frame.set(d, value)?;
            }
            Op::CallSpread { d, base } => {
                let value = self.call_spread(frame, base)?;
                frame.set(d, value)?;
            }
            Op::Return { s } => return Ok(Next::Return(frame.get(s)?)),
            Op::Yield { s } => return Ok(Next::Yield(frame.get(s)?)),
            Op::BuildList { d, base, count } => {
                let items = frame.window(base, count.index())?;
                let list = self.context.list(&items)?;
                frame.set(d, Value::List(list))?;
            }
            Op::BuildTuple { d, base, count } => {
                let items = frame.window(base, count.index())?;
                let tuple = self.context.tuple(&items)?;
                frame.set(d, tuple)?;
            }
            Op::BuildSet { d, base, count } => {
                let items = frame.window(base, count.index())?;
                let set = self.context.set(false)?;
                for item in items {
                    self.context.insert(set.entries(), item, Value::None)?;
                }
                frame.set(d, Value::Set(set))?;
            }
            Op::BuildDict { d, base, count } => {
                let items = frame.window(base, count.index() * 2)?;
                let dict = self.context.dict()?;
                for pair in items.chunks(2) {
                    self.context.insert(dict, pair[0], pair[1])?;
                }
                frame.set(d, Value::Dict(dict))?;
            }
            Op::ListAppend { list, s } => {
                let Value::List(list) = frame.get(list)? else {
                    return Err(Fault::Internal("no list").into());
                };
                self.context.push(list, frame.get(s)?)?;
            }
            Op::ListExtend { list, s } => {
                self.drained(frame, s.index())?;
                let Value::List(list) = frame.get(list)? else {
                    return Err(Fault::Internal("no list").into());
                };
                let more = match frame.get(s)? {
                    Value::List(more) => more,
                    other => self.context.starred(other)?,
                };
                for item in more.items() {
                    self.context.push(list, item.get())?;
                }
            }
            Op::SetAdd { set, s } => {
                let Value::Set(set) = frame.get(set)? else {
                    return Err(Fault::Internal("no set").into());
                };
                let item = frame.get(s)?;
                self.context.insert(set.entries(), item, Value::None)?;
            }
            Op::SetUpdate { set, s } => {
                self.drained(frame, s.index())?;
                let Value::Set(set) = frame.get(set)? else {
                    return Err(Fault::Internal("no set").into());
                };
                let more = self.context.collect(frame.get(s)?)?;
                for item in more.items() {
                    self.context
                        .insert(set.entries(), item.get(), Value::None)?;
                }
            }
            Op::DictInsert { dict, key, s } => {
                let Value::Dict(dict) = frame.get(dict)? else {
                    return Err(Fault::Internal("no dict").into());
                };
                self.context.insert(dict, frame.get(key)?, frame.get(s)?)?;
            }
            Op::DictUpdate { few, dict, s } => {
                let callee = match few.0 {
                    1 => Some(Self::callee_name(frame.at(dict.index().wrapping_sub(2))?)),
                    _ => None,
                };
                self.update(callee, frame.get(dict)?, frame.get(s)?)?;
            }
            Op::ListToTuple { d, s } => {
                let Value::List(list) = frame.get(s)? else {
                    return Err(Fault::Internal("no list").into());
                };
                let items: Vec<Value<'a>> = list.items().iter().map(Cell::get).collect();
                let tuple = self.context.tuple(&items)?;
                frame.set(d, tuple)?;
            }
            Op::Unpack { s, base, count } => {
                self.drained(frame, s.index())?;
                let items = self.unpacked(frame.get(s)?, count.index(), None)?;
                for (place, item) in items.into_iter().enumerate() {
                    frame.set_at(base.index() + place, item)?;
                }
            }
            Op::UnpackRest {
                few,
                s,
                base,
                count,
            } => {
                self.drained(frame, s.index())?;
                let before = usize::from(few.0);
                let items = self.unpacked(frame.get(s)?, before, Some(count.index()))?;
                for (place, item) in items.into_iter().enumerate() {
                    frame.set_at(base.index() + place, item)?;
                }
            }
            Op::GetIter { d, s } => {
                let iter = self.context.iterate(frame.get(s)?)?;
                frame.set(d, Value::Iter(iter))?;
            }
            Op::ForNext { iter, to } => {
                let Value::Iter(source) = frame.get(iter)? else {
                    return Err(Fault::Internal("no iterator").into());
                };
                let item = match source.source() {
                    Source::Generator(generator) => self.resume(generator)?,
                    _ => source.next(&mut self.context)?,
                };
                if let Some(item) = item {
                    frame.set_at(iter.index() + 1, item)?;
                    return Ok(Next::At(to.index()));
                }
            }
            Op::Format { kind, d, s, spec } => {
                let value = frame.get(s)?;
                let context = &mut self.context;
                let value = match kind {
                    Conversion::Plain => value,
                    Conversion::Str => print::str_of(context, value)?,
                    Conversion::Repr => print::repr_of(context, value)?,
                    Conversion::Ascii => print::ascii_of(context, value)?,
                };
                let text = match frame.optional(spec)? {
                    None => print::str_of(context, value)?,
                    Some(spec) => {
                        format::format_value(context, value, spec.as_str().unwrap_or_default())?
                    }
                };
                frame.set(d, text)?;
            }
            Op::BuildText { d, base, count } => {
                let mut out = self.context.builder();
                for part in frame.window(base, count.index())? {
                    if let Value::Str(text) = part {
                        out.push_str(text.as_str())?;
                    }
                }
                let text = self.context.finish(out)?;
                frame.set(d, text)?;
            }
            Op::Raise { s, cause } => {
                let cause = frame.optional(cause)?;
                return Err(self.raised(frame.get(s)?, cause));
            }
            Op::Reraise { s } => {
                let Value::Exception(exception) = frame.get(s)? else {
                    return Err(Fault::Internal("no exception").into());
                };
                return Err(Fault::Raised(exception).into());
            }
            Op::Catches { d, s, class } => {
                let caught = self.catches(frame.get(s)?, frame.get(class)?)?;
                frame.set(d, Value::Bool(caught))?;
            }
            Op::MakeFunction { few, d, c, base } => {
                let defaults = frame.window(base, usize::from(few.0))?;
                let function = self.make_function(frame, c.index(), &defaults)?;
                frame.set(d, function)?;
            }
            Op::Import { d, k } => {
                let name = frame.name(k)?;
                match builtins::module(name) {
                    Some(module) => frame.set(d, Value::Module(module))?,
                    None => {
                        let text = format_args!("No module named '{name}'");
                        return Err(self.context.raise(Class::ModuleNotFoundError, text).into());
                    }
                }
            }
            Op::ImportFrom { d, s, k } => {
                let (module, name) = (frame.get(s)?, frame.name(k)?);
                match builtins::attribute(&mut self.context, module, name)? {
                    Some(found) => frame.set(d, found)?,
                    None => {
                        let from = match module {
                            Value::Module(module) => module.name,
                            _ => "?",
                        };
                        let text = format_args!("cannot import name '{name}' from '{from}'");
                        return Err(self.context.raise(Class::ImportError, text).into());
                    }
                }
            }
            Op::HasConst { d, o, k } => {
                let (container, key) = (frame.get(o)?, self.constant(frame, k)?);
                let holds = arithmetic::compare(&mut self.context, Compare::In, key, container)?;
                frame.set(d, Value::Bool(holds))?;
            }
            Op::JumpUnlessInt { s, to } => {
                if !matches!(frame.get(s)?, Value::Int(_)) {
                    return Ok(Next::At(to.index()));
                }
            }
            Op::TextOfInt { d, s } => {
                let text = print::str_of(&mut self.context, frame.get(s)?)?;
                frame.set(d, text)?;
            }
            Op::JoinInt { d, a, s } => {
                let (Value::Str(text), Value::Int(number)) = (frame.get(a)?, frame.get(s)?) else {
                    return Err(Fault::Internal("no text or no int").into());
                };
                let joined = print::with_int(&mut self.context, text, number)?;
                frame.set(d, joined)?;
            }
            Op::FloatOfInt { d, s } => {
                let Value::Int(number) = frame.get(s)? else {
                    return Err(Fault::Internal("no int").into());
                };
                frame.set(d, Value::Float(number as f64))?;
            }
            Op::Enter { few } => self.leave_room(usize::from(few.0))?,
            Op::Step { d, s } => {
                let value = self.process_step(frame.get(s)?)?;
                frame.set(d, value)?;
            }
            Op::LoadDynamic { d, k } => {
                let name = self.text(frame, k)?;
                let found =
                    [frame.at(0)?, frame.at(1)?]
                        .into_iter()
                        .find_map(|place| match place {
                            Value::Dict(dict) => dict.get_text(name),
                            _ => None,
                        });
                let with_builtins = frame.at(2)?.is_true();
                let found = found.or_else(|| {
                    with_builtins
                        .then(|| builtins::global(name.as_str()))
                        .flatten()
                });
                match found {
                    Some(value) => frame.set(d, value)?,
                    None => return Err(self.undefined(name.as_str())),
                }
            }
            Op::LoadName { d, k } => {
                let name = self.text(frame, k)?;
                match self.visible(name) {
                    Some(value) => frame.set(d, value)?,
                    None => return Err(self.undefined(name.as_str())),
                }
            }
            Op::TryName { d, k } => {
                let name = self.text(frame, k)?;
                if let Some(value) = self.visible(name) {
                    frame.set(d, value)?;
                    return Ok(Next::Skip);
                }
            }
            Op::LoadNameOrText { d, k } => {
                let name = self.text(frame, k)?;
                frame.set(d, self.visible(name).unwrap_or(Value::Str(name)))?;
            }
            Op::LookUp { d, s } => {
                let value = self.look_up(frame.get(s)?)?;
                frame.set(d, value)?;
            }
            Op::StoreShared { k, s } => {
                let (key, value) = (self.constant(frame, k)?, frame.get(s)?);
                self.context.insert(self.host.variables, key, value)?;
            }
            Op::Assign { k, s } => {
                let (key, value) = (self.constant(frame, k)?, frame.get(s)?);
                self.context.insert(self.host.variables, key, value)?;
                if let Some(scope) = self.scopes.last().copied() {
                    self.context.insert(scope, key, value)?;
                }
            }
            Op::Bounds { d, s } => {
                let bound = match self.int_of(frame.get(s)?)? {
                    Value::Int(number) => Value::Int(number),
                    _ => {
                        let text = "Python int too large to convert to C ssize_t";
                        return Err(self.context.raise(Class::OverflowError, text).into());
                    }
                };
                frame.set(d, bound)?;
            }
            Op::Count { d, a, b } => {
                let (Value::Int(start), Value::Int(end)) = (frame.get(a)?, frame.get(b)?) else {
                    return Err(Fault::Internal("a loop without bounds").into());
                };
                let range = Range {
                    start,
                    stop: end.saturating_add(1),
                    step: 1,
                };
                let iter = self.context.iter_over(Source::Range(range))?;
                frame.set(d, Value::Iter(iter))?;
            }
            Op::Command { few, d, base, s } => {
                let arguments = frame.window(base, usize::from(few.0))?;
                self.command(Self::site(frame, s)?, &arguments)?;
                frame.set(d, Value::None)?;
            }
            Op::CallScript { few, d, base, s } => {
                let arguments = frame.window(base, usize::from(few.0))?;
                let value = self.call_script(Self::site(frame, s)?, &arguments)?;
                frame.set(d, value)?;
            }
            Op::RunPart { d, s } => {
                let value = self.run_part(Self::site(frame, s)?)?;
                frame.set(d, value)?;
            }
            Op::Fail { s } => return Err(self.site_error(Self::site(frame, s)?)),
            Op::Begin { .. } => {}
            Op::End { t } => self.ended(t.0, None),
            Op::Failed { s, t } => self.failed(frame.get(s)?, t.0)?,
        }
        Ok(Next::Behind)
    }

    pub(super) fn constant(&mut self, frame: &Frame<'a>, operand: Const) -> Step<'a, Value<'a>> {
        frame.constant(operand)?;
        Ok(frame.function.code.constant(&mut self.context, operand)?)
    }

    fn text(
        &mut self,
        frame: &Frame<'a>,
        operand: Const,
    ) -> Step<'a, &'a crate::run::text::Text<'a>> {
        match self.constant(frame, operand)? {
            Value::Str(text) => Ok(text),
            _ => Err(Fault::Internal("a name that is no text").into()),
        }
    }

    fn unbound(&mut self, name: &str) -> Stop<'a> {
        let text = format_args!(
            "cannot access local variable '{name}' where it is not associated with a value"
        );
        self.context.raise(Class::UnboundLocalError, text).into()
    }

    /// `dict.update(more)`; `callee`: named arguments of it, where a name may not repeat.
    fn update(
        &mut self,
        callee: Option<&'a str>,
        dict: Value<'a>,
        more: Value<'a>,
    ) -> Step<'a, ()> {
        let Value::Dict(dict) = dict else {
            return Err(Fault::Internal("no dict").into());
        };
        let Value::Dict(more) = more else {
            let kind = more.type_of().name();
            let text = match callee {
                Some(name) => format!("{name}() argument after ** must be a mapping, not {kind}"),
                None => format!("'{kind}' object is not a mapping"),
            };
            return Err(self.context.raise(Class::TypeError, text).into());
        };
        for (key, value) in more.iter() {
            if let Some(callee) = callee
                && self.context.lookup(dict, key)?.is_some()
            {
                let name = key.as_str().unwrap_or("?");
                let text =
                    format_args!("{callee}() got multiple values for keyword argument '{name}'");
                return Err(self.context.raise(Class::TypeError, text).into());
            }
            self.context.insert(dict, key, value)?;
        }
        Ok(())
    }

    /// The values that a target list gets; `after`: how many come after the starred one.
    fn unpacked(
        &mut self,
        value: Value<'a>,
        before: usize,
        after: Option<usize>,
    ) -> Step<'a, Vec<Value<'a>>> {
        let items: Vec<Value<'a>> = match value {
            Value::List(list) => list.items().iter().map(Cell::get).collect(),
            _ => match self.context.iterate(value) {
                Ok(_) => {
                    let items = self.context.collect(value)?.items();
                    items.iter().map(Cell::get).collect()
                }
                Err(Fault::Raised(_)) => {
                    let kind = value.type_of().name();
                    let text = format_args!("cannot unpack non-iterable {kind} object");
                    return Err(self.context.raise(Class::TypeError, text).into());
                }
                Err(fault) => return Err(fault.into()),
            },
        };
        let found = items.len();
        let problem = match after {
            None if found > before => format!("too many values to unpack (expected {before})"),
            None if found < before => {
                format!("not enough values to unpack (expected {before}, got {found})")
            }
            Some(after) if found < before + after => format!(
                "not enough values to unpack (expected at least {}, got {found})",
                before + after
            ),
            None => return Ok(items),
            Some(after) => {
                let mut values = items[..before].to_vec();
                let rest = self.context.list(&items[before..found - after])?;
                values.push(Value::List(rest));
                values.extend(&items[found - after..]);
                return Ok(values);
            }
        };
        Err(self.context.raise(Class::ValueError, problem).into())
    }

    fn raised(&mut self, value: Value<'a>, cause: Option<Value<'a>>) -> Stop<'a> {
        let made = match value {
            Value::Exception(exception) => Ok(exception),
            Value::Type(Type::Exception(class)) => self.context.exception(class, &[]),
            _ => {
                let text = "exceptions must derive from BaseException";
                Err(self.context.raise(Class::TypeError, text))
            }
        };
        match made {
            Ok(exception) => {
                if let Some(Value::Exception(cause)) = cause {
                    exception.set_cause(Some(cause));
                }
                Fault::Raised(exception).into()
            }
            Err(fault) => fault.into(),
        }
    }

    fn catches(&mut self, exception: Value<'a>, classes: Value<'a>) -> Step<'a, bool> {
        let Value::Exception(exception) = exception else {
            return Err(Fault::Internal("no exception was caught").into());
        };
        let classes = match classes {
            Value::Tuple(tuple) => tuple.items().to_vec(),
            one => vec![one],
        };
        for class in classes {
            let Value::Type(Type::Exception(class)) = class else {
                let text = "catching classes that do not inherit from BaseException is not allowed";
                return Err(self.context.raise(Class::TypeError, text).into());
            };
            if exception.class().is_a(class) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn make_function(
        &mut self,
        frame: &Frame<'a>,
        child: usize,
        defaults: &[Value<'a>],
    ) -> Step<'a, Value<'a>> {
        if child >= frame.code().children.len() {
            return Err(Stop::Breach(format!("function {child}")));
        }
        let code = frame.function.code.child(&mut self.context, child)?;
        let mut closure = Vec::new();
        for capture in &code.code().captures {
            closure.push(match capture {
                Capture::Register(register) => match frame.at(usize::from(*register))? {
                    Value::Cell(shared) => shared,
                    _ => return Err(Fault::Internal("a captured variable is not shared").into()),
                },
                Capture::Free(place) => frame.free(usize::from(*place))?,
            });
        }
        let arena = self.context.arena();
        Ok(Value::Function(arena.alloc(Function {
            code,
            globals: frame.function.globals,
            closure: arena.alloc_slice(&closure)?,
            defaults: arena.alloc_slice(defaults)?,
        })?))
    }

    /// Names of arguments, from the constant that holds them.
    pub(super) fn argument_names(
        &mut self,
        frame: &Frame<'a>,
        names: Const,
    ) -> Step<'a, Vec<&'a crate::run::text::Text<'a>>> {
        if names == NO_CONST {
            return Ok(Vec::new());
        }
        let Value::List(list) = self.constant(frame, names)? else {
            return Err(Fault::Internal("argument names that are no list").into());
        };
        let texts = list.items().iter().filter_map(|name| name.get().as_text());
        Ok(texts.collect())
    }
}
