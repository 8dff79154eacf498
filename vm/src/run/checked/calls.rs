//! Calls of anything, generators, and the built-ins that only an evaluator can be.

use std::cell::Cell;

use super::registers::Frame;
use super::steps::Exit;
use super::{Evaluator, Level, Step, Stop};
use crate::bytecode::operand::{Base, Const};
use crate::limits::{EVALUATION_BYTES_MAX, EVALUATIONS_MAX, FRAMES_MAX, Limit, REGISTERS_MAX};
use crate::run::builtins::arguments::{Bound, bind};
use crate::run::builtins::{self, Args, Calls, NativeDef, Run, Special, type_def};
use crate::run::fault::{Class, Fault};
use crate::run::function::Function;
use crate::run::generator::{Generator, Progress};
use crate::run::iterator::Source;
use crate::run::kind::Type;
use crate::run::list::List;
use crate::run::object::Object;
use crate::run::text::Text;
use crate::run::value::Value;

/// What is called with what.
pub(super) struct Call<'a> {
    pub(super) callee: Value<'a>,
    pub(super) given: Vec<Value<'a>>,
    pub(super) named: Vec<(&'a Text<'a>, Value<'a>)>,
    /// The register of the machine where the arguments begin.
    pub(super) base: usize,
    /// A generator among the arguments of a built-in gives its items; else it is refused.
    pub(super) drains: bool,
}

fn generator_of(value: Value<'_>) -> Option<&Generator<'_>> {
    match value {
        Value::Iter(iter) => match iter.source() {
            Source::Generator(generator) => Some(generator),
            _ => None,
        },
        _ => None,
    }
}

impl<'a> Evaluator<'a> {
    fn top(&self) -> Step<'a, Level<'a>> {
        let none = || Stop::Breach("no frame".into());
        self.levels.last().copied().ok_or_else(none)
    }

    /// The first register behind those of the running frame.
    pub(super) fn frame_end(&self) -> Step<'a, usize> {
        let top = self.top()?;
        Ok(top.base + usize::from(top.function.code.code().registers))
    }

    fn too_deep(&mut self) -> Stop<'a> {
        let text = "maximum recursion depth exceeded";
        self.context.raise(Class::RecursionError, text).into()
    }

    /// So many frames more must fit.
    pub(super) fn leave_room(&mut self, frames: usize) -> Step<'a, ()> {
        if self.levels.len() + frames > FRAMES_MAX {
            return Err(self.too_deep());
        }
        Ok(())
    }

    fn reserve(&mut self, end: usize) -> Step<'a, ()> {
        if end > REGISTERS_MAX {
            return Err(self.too_deep());
        }
        Ok(())
    }

    pub(super) fn push(&mut self, function: &'a Function<'a>, base: usize) -> Step<'a, ()> {
        if self.levels.len() >= FRAMES_MAX {
            return Err(self.too_deep());
        }
        self.reserve(base + usize::from(function.code.code().registers))?;
        self.levels.push(Level {
            function,
            base,
            is_native: false,
        });
        Ok(())
    }

    /// Native code waits for what `run` does.
    fn waiting<T>(&mut self, run: impl FnOnce(&mut Self) -> Step<'a, T>) -> Step<'a, T> {
        if self.levels.len() >= FRAMES_MAX {
            return Err(self.too_deep());
        }
        let (function, base) = (self.top()?.function, self.frame_end()?);
        self.levels.push(Level {
            function,
            base,
            is_native: true,
        });
        let done = run(self);
        self.levels.pop();
        done
    }

    pub(super) fn call_window(
        &mut self,
        frame: &mut Frame<'a>,
        base: Base,
        count: usize,
        names: Const,
    ) -> Step<'a, Value<'a>> {
        let names = self.argument_names(frame, names)?;
        let window = frame.window(base, count + 1)?;
        let Some(positional) = count.checked_sub(names.len()) else {
            return Err(Stop::Breach("more names than arguments".into()));
        };
        let first = self.top()?.base + base.index() + 1;
        let (given, named) = window[1..].split_at(positional);
        let call = Call {
            callee: window[0],
            given: given.to_vec(),
            named: names.into_iter().zip(named.iter().copied()).collect(),
            base: first,
            drains: true,
        };
        frame.cover(base);
        self.call(call)
    }

    pub(super) fn call_method(
        &mut self,
        frame: &mut Frame<'a>,
        base: Base,
        count: usize,
        name: &'a str,
    ) -> Step<'a, Value<'a>> {
        let window = frame.window(base, count + 1)?;
        let first = self.top()?.base + base.index() + 1;
        let (receiver, given) = (window[0], window[1..].to_vec());
        let own = match receiver {
            Value::Module(_) | Value::Type(_) => None,
            _ => builtins::find_method(receiver.type_of(), name),
        };
        frame.cover(base);
        if let Some(native) = own {
            return self.call_native(native, receiver, given, &[], true);
        }
        let Some(callee) = builtins::attribute(&mut self.context, receiver, name)? else {
            return Err(self.context.no_attribute(receiver, name).into());
        };
        self.call(Call {
            callee,
            given,
            named: Vec::new(),
            base: first,
            drains: true,
        })
    }

    pub(super) fn call_spread(&mut self, frame: &Frame<'a>, base: Base) -> Step<'a, Value<'a>> {
        let window = frame.window(base, 3)?;
        let (Value::List(list), Value::Dict(dict)) = (window[1], window[2]) else {
            return Err(Fault::Internal("a spread call without its list and dict").into());
        };
        let mut named = Vec::new();
        for (key, value) in dict.iter() {
            let Some(name) = key.as_text() else {
                let text = "keywords must be strings";
                return Err(self.context.raise(Class::TypeError, text).into());
            };
            named.push((name, value));
        }
        let given: Vec<Value<'a>> = list.items().iter().map(Cell::get).collect();
        let callee = window[0];
        if !matches!(callee, Value::Function(_))
            && given.iter().any(|item| generator_of(*item).is_some())
        {
            return Err(self.no_generator());
        }
        let first = self.frame_end()?;
        self.reserve(first + given.len() + 1)?;
        self.call(Call {
            callee,
            given,
            named,
            base: first,
            drains: true,
        })
    }

    fn no_generator(&mut self) -> Stop<'a> {
        let text = "a generator cannot be an argument here";
        self.context.raise(Class::TypeError, text).into()
    }

    /// Call anything.
    pub(super) fn call(&mut self, call: Call<'a>) -> Step<'a, Value<'a>> {
        let Call {
            callee,
            mut given,
            named,
            base,
            drains,
        } = call;
        match callee {
            Value::Function(function) => self.call_function(function, given, &named, base),
            Value::Method(method) => {
                self.call_native(method.native, method.receiver, given, &named, drains)
            }
            Value::Native(native) if native.is_method => {
                if given.is_empty() {
                    let text = format_args!("unbound method {}() needs an argument", native.name);
                    return Err(self.context.raise(Class::TypeError, text).into());
                }
                let receiver = given.remove(0);
                let own = builtins::find_method(receiver.type_of(), native.name);
                if !own.is_some_and(|own| std::ptr::eq(own, native)) {
                    let kind = receiver.type_of().name();
                    let owner = builtins::owner_of(native).name();
                    let name = native.name;
                    let text = format_args!(
                        "descriptor '{name}' for '{owner}' objects doesn't apply to a '{kind}' object"
                    );
                    return Err(self.context.raise(Class::TypeError, text).into());
                }
                self.call_native(native, receiver, given, &named, drains)
            }
            Value::Native(native) => self.call_native(native, Value::Unset, given, &named, drains),
            Value::Type(Type::Exception(class)) => {
                if !named.is_empty() {
                    let text = format_args!("{}() takes no keyword arguments", class.name());
                    return Err(self.context.raise(Class::TypeError, text).into());
                }
                let exception = self.context.exception(class, &given)?;
                Ok(Value::Exception(exception))
            }
            Value::Type(Type::Type) if given.len() == 1 && named.is_empty() => {
                Ok(Value::Type(given[0].type_of()))
            }
            Value::Type(Type::Object) if given.is_empty() && named.is_empty() => {
                let plain = self.context.arena().alloc(Object::Plain)?;
                Ok(Value::Object(plain))
            }
            Value::Type(kind) => {
                let Some(native) = type_def(kind).construct else {
                    let text = format_args!("cannot create '{}' instances", kind.name());
                    return Err(self.context.raise(Class::TypeError, text).into());
                };
                self.call_native(native, Value::Unset, given, &named, drains)
            }
            other => {
                let kind = other.type_of().name();
                let text = format_args!("'{kind}' object is not callable");
                Err(self.context.raise(Class::TypeError, text).into())
            }
        }
    }

    fn call_function(
        &mut self,
        function: &'a Function<'a>,
        given: Vec<Value<'a>>,
        named: &[(&'a Text<'a>, Value<'a>)],
        base: usize,
    ) -> Step<'a, Value<'a>> {
        let code = function.code.code();
        self.reserve(base + usize::from(code.registers).max(given.len()) + 1)?;
        let placed = self.placed(function, &given, named)?;
        if !code.is_generator {
            return self.enter(function, base, placed);
        }
        let mut registers = Frame::new(function, placed)?.registers;
        for register in &mut registers {
            register.get_or_insert(Value::Unset);
        }
        let arena = self.context.arena();
        let generator = arena.alloc(Generator {
            function,
            registers: &[],
            progress: Cell::new(Progress::At(0)),
        })?;
        self.waiting.insert(
            std::ptr::from_ref::<Generator<'_>>(generator).addr(),
            registers,
        );
        let iter = self.context.iter_over(Source::Generator(generator))?;
        Ok(Value::Iter(iter))
    }

    /// The next item of a generator.
    pub(super) fn resume(&mut self, generator: &'a Generator<'a>) -> Step<'a, Option<Value<'a>>> {
        let Progress::At(place) = generator.progress.get() else {
            if generator.progress.get() == Progress::Done {
                return Ok(None);
            }
            let text = "generator already executing";
            return Err(self.context.raise(Class::ValueError, text).into());
        };
        let top = self.top()?;
        let base = if top.is_native {
            top.base
        } else {
            self.frame_end()?
        };
        self.push(generator.function, base)?;
        generator.progress.set(Progress::Running);
        let number = std::ptr::from_ref::<Generator<'_>>(generator).addr();
        let ended = match self.waiting.remove(&number) {
            Some(registers) => {
                let frame = Frame {
                    function: generator.function,
                    registers,
                };
                self.run(frame, place as usize)
            }
            None => Err(Stop::Breach("a generator without registers".into())),
        };
        self.levels.pop();
        match ended {
            Ok(Exit::Yielded(item, place, frame)) => {
                self.waiting.insert(number, frame.registers);
                generator.progress.set(Progress::At(place as u32));
                Ok(Some(item))
            }
            Ok(Exit::Returned(_)) => {
                generator.progress.set(Progress::Done);
                Ok(None)
            }
            Err(stop) => {
                generator.progress.set(Progress::Done);
                Err(stop)
            }
        }
    }

    /// All items of a generator as an iterator over a list.
    fn drain(&mut self, generator: &'a Generator<'a>) -> Step<'a, Value<'a>> {
        let items = self.context.empty_list()?;
        self.waiting(|evaluator| {
            while let Some(item) = evaluator.resume(generator)? {
                evaluator.context.push(items, item)?;
            }
            Ok(())
        })?;
        let iter = self.context.iter_over(Source::List(items))?;
        Ok(Value::Iter(iter))
    }

    /// A generator in a register gives place to its items.
    pub(super) fn drained(&mut self, frame: &mut Frame<'a>, register: usize) -> Step<'a, ()> {
        if let Some(generator) = generator_of(frame.at(register)?) {
            let items = self.drain(generator)?;
            frame.set_at(register, items)?;
        }
        Ok(())
    }

    fn call_native(
        &mut self,
        native: &'static NativeDef,
        receiver: Value<'a>,
        mut given: Vec<Value<'a>>,
        named: &[(&'a Text<'a>, Value<'a>)],
        drains: bool,
    ) -> Step<'a, Value<'a>> {
        if !matches!(native.run, Run::Special(_)) {
            for argument in &mut given {
                let Some(generator) = generator_of(*argument) else {
                    continue;
                };
                if !drains {
                    // It was begun before it was refused.
                    return Err(self.waiting(|evaluator| {
                        if generator.progress.get() != Progress::Running {
                            generator.progress.set(Progress::Done);
                            return Ok(evaluator.no_generator());
                        }
                        evaluator
                            .resume(generator)
                            .map(|_| evaluator.no_generator())
                    })?);
                }
                *argument = self.drain(generator)?;
            }
        }
        let bound = bind(&mut self.context, native, receiver, &given, named)?;
        let given = match bound {
            Bound::AsGiven => given,
            Bound::Placed(placed) => placed,
        };
        let args = Args {
            receiver,
            given: &given,
            named,
        };
        match native.run {
            Run::Plain(run) => Ok(run(&mut self.context, args)?),
            Run::Special(special) => self.special(special, &given),
            Run::Calls(run) => match run(&mut self.context, args)? {
                Calls::Done(value) => Ok(value),
                Calls::Each {
                    function,
                    items,
                    spread,
                    finish,
                    extra,
                } => {
                    let results = self.context.empty_list()?;
                    if !items.is_empty() {
                        self.waiting(|evaluator| {
                            evaluator.call_on_each(function, items, results, spread)
                        })?;
                    }
                    Ok(finish(&mut self.context, items, results, extra)?)
                }
            },
        }
    }

    fn call_on_each(
        &mut self,
        function: Value<'a>,
        items: &'a List<'a>,
        results: &'a List<'a>,
        spread: bool,
    ) -> Step<'a, ()> {
        // The list may change while it is gone through.
        while let Some(item) = items.get(results.len()) {
            let base = self.top()?.base + 1;
            let given = match item {
                Value::Tuple(tuple) if spread => tuple.items().to_vec(),
                _ => vec![item],
            };
            self.reserve(base + given.len() + 1)?;
            let value = self.call(Call {
                callee: function,
                given,
                named: Vec::new(),
                base,
                drains: false,
            })?;
            self.context.push(results, value)?;
        }
        Ok(())
    }

    fn special(&mut self, special: Special, given: &[Value<'a>]) -> Step<'a, Value<'a>> {
        let first = given.first().copied().unwrap_or(Value::None);
        let default = given.get(1).copied().unwrap_or_default();
        match special {
            Special::Globals => self.namespace(),
            Special::Eval => self.eval(given),
            Special::ProcessStep => self.process_step(first),
            Special::Next => {
                if !matches!(first, Value::Iter(_)) {
                    let kind = first.type_of().name();
                    let text = format_args!("'{kind}' object is not an iterator");
                    return Err(self.context.raise(Class::TypeError, text).into());
                }
                match self.search(first, |_| true)?.or(default.bound()) {
                    Some(item) => Ok(item),
                    None => Err(self.context.raise_with(Class::StopIteration, &[]).into()),
                }
            }
            Special::Any => Ok(Value::Bool(self.search(first, Value::is_true)?.is_some())),
            Special::All => {
                let wrong = self.search(first, |item| !item.is_true())?;
                Ok(Value::Bool(wrong.is_none()))
            }
        }
    }

    /// The first item of an iterable that is wanted; a generator gives no more than it must.
    fn search(
        &mut self,
        iterable: Value<'a>,
        wanted: impl Fn(Value<'a>) -> bool,
    ) -> Step<'a, Option<Value<'a>>> {
        let iter = self.context.iterate(iterable)?;
        if let Source::Generator(generator) = iter.source() {
            return self.waiting(|evaluator| {
                while let Some(item) = evaluator.resume(generator)? {
                    if wanted(item) {
                        return Ok(Some(item));
                    }
                }
                Ok(None)
            });
        }
        while let Some(item) = iter.next(&mut self.context)? {
            self.context.charge(1)?;
            if wanted(item) {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }

    fn namespace(&mut self) -> Step<'a, Value<'a>> {
        let function = self.top()?.function;
        let dict = self.context.dict()?;
        for (name, value) in function.code.global_names().iter().zip(function.globals) {
            if let Some(value) = value.get().bound() {
                let name = self.context.text_over(name)?;
                self.context.insert(dict, name, value)?;
            }
        }
        Ok(Value::Dict(dict))
    }

    /// `eval(text, globals, locals)`
    fn eval(&mut self, given: &[Value<'a>]) -> Step<'a, Value<'a>> {
        let mut wrong = |text: &str| Err(self.context.raise(Class::TypeError, text).into());
        let Some(Value::Str(text)) = given.first() else {
            return wrong("eval() arg 1 must be a string, bytes or code object");
        };
        let Some(Value::Dict(globals)) = given.get(1) else {
            return wrong("eval() must be given a dict of globals");
        };
        let locals = match given.get(2) {
            Some(Value::Dict(locals)) => locals,
            None | Some(Value::None) => globals,
            Some(_) => return wrong("locals must be a mapping"),
        };
        let with_builtins = globals.get_str("__builtins__").is_none();
        let function = self.evaluation(text.as_str())?;
        let base = self.frame_end()?;
        let given = vec![
            Value::Dict(locals),
            Value::Dict(globals),
            Value::Bool(with_builtins),
        ];
        self.enter(function, base, given)
    }

    fn evaluation(&mut self, text: &'a str) -> Step<'a, &'a Function<'a>> {
        if let Some(known) = self.evaluations.get(text) {
            return Ok(known);
        }
        self.context.charge(text.len() * 2)?;
        let held: usize = self.evaluations.keys().map(|text| text.len()).sum();
        if self.evaluations.len() >= EVALUATIONS_MAX || held + text.len() > EVALUATION_BYTES_MAX {
            return Err(Limit::Memory.into());
        }
        let code = match crate::compile::evaluation(text) {
            Ok(code) => code,
            Err(message) => return Err(self.context.raise(Class::SyntaxError, message).into()),
        };
        let code = self.evaluated.push_get(Box::new(code));
        let function = self.function_of(code)?;
        self.evaluations.insert(text, function);
        Ok(function)
    }

    pub(super) fn callee_name(callee: Value<'a>) -> &'a str {
        match callee {
            Value::Function(function) => function.code.name(),
            Value::Native(native) => native.name,
            Value::Method(method) => method.native.name,
            Value::Type(kind) => kind.name(),
            _ => "?",
        }
    }
}
