//! Calls: functions of definitions, native code, types, and their arguments.

use super::Machine;
use super::frame::{Frame, FrameKind, Native, Until};
use crate::bytecode::operand::Const;
use crate::bytecode::operand::NO_CONST;
use crate::limits::{FRAMES_MAX, REGISTERS_MAX};
use crate::run::builtins::arguments::{Bound, bind};
use crate::run::builtins::{Args, Calls, NativeDef, Params, Run, Special, type_def};
use crate::run::context::Context;
use crate::run::dict::Dict;
use crate::run::fault::{Class, Fault};
use crate::run::function::Function;
use crate::run::generator::{Generator, Progress};
use crate::run::iterator::{Iter, Source};
use crate::run::kind::Type;
use crate::run::object::Object;
use crate::run::text::Text;
use crate::run::value::Value;

/// Registers that are added at once beyond those that are needed, at most.
const GROWTH_MAX: usize = 256;

/// What a call did.
#[derive(Clone, Copy, Debug)]
pub enum Called<'a> {
    /// It has a value.
    Value(Value<'a>),
    /// A frame was pushed; its value goes to the result register later.
    Frame,
    /// A generator among the arguments is drained first; the instruction runs again.
    Again,
}

type Named<'a> = Vec<(&'a Text<'a>, Value<'a>)>;

impl<'a> Machine<'a> {
    /// Call the value in a register with the arguments behind it.
    pub(super) fn call(
        &mut self,
        window: usize,
        count: usize,
        names: Const,
        result: usize,
    ) -> Result<Called<'a>, Fault<'a>> {
        let callee = self.stack[window];
        match callee {
            Value::Function(function) if names == NO_CONST => {
                self.call_function(function, window + 1, count, result)
            }
            Value::Native(native) if !native.is_method && names == NO_CONST => {
                self.call_native(native, Value::Unset, window + 1, count, &[], result)
            }
            Value::Type(kind)
                if names == NO_CONST
                    && !matches!(kind, Type::Exception(_) | Type::Type | Type::Object) =>
            {
                match type_def(kind).construct {
                    Some(native) => {
                        self.call_native(native, Value::Unset, window + 1, count, &[], result)
                    }
                    None => self.call_any(callee, window + 1, count, Vec::new(), result),
                }
            }
            Value::Method(method) if names == NO_CONST => self.call_native(
                method.native,
                method.receiver,
                window + 1,
                count,
                &[],
                result,
            ),
            _ => {
                let named = self.named(names)?;
                let positional = count - named.len();
                let named: Named<'a> = named
                    .iter()
                    .enumerate()
                    .map(|(place, name)| (*name, self.stack[window + 1 + positional + place]))
                    .collect();
                self.call_any(callee, window + 1, positional, named, result)
            }
        }
    }

    fn named(&mut self, names: Const) -> Result<Vec<&'a Text<'a>>, Fault<'a>> {
        if names == NO_CONST {
            return Ok(Vec::new());
        }
        let code = self.top().function.code;
        let Value::List(list) = code.constant(&mut self.context, names)? else {
            return Err(Fault::Internal("argument names that are no list"));
        };
        Ok(list
            .items()
            .iter()
            .filter_map(|name| name.get().as_text())
            .collect())
    }

    /// Call anything with any arguments; the positional ones are in registers.
    fn call_any(
        &mut self,
        callee: Value<'a>,
        first: usize,
        count: usize,
        named: Named<'a>,
        result: usize,
    ) -> Result<Called<'a>, Fault<'a>> {
        match callee {
            Value::Function(function) => self.call_bound(function, first, count, &named, result),
            Value::Method(method) => {
                self.call_native(method.native, method.receiver, first, count, &named, result)
            }
            Value::Native(native) if native.is_method => {
                // str.upper("x"): the first argument is the receiver.
                if count == 0 {
                    let text = format_args!("unbound method {}() needs an argument", native.name);
                    return Err(self.context.raise(Class::TypeError, text));
                }
                let receiver = self.stack[first];
                let own = crate::run::builtins::find_method(receiver.type_of(), native.name);
                if !own.is_some_and(|own| std::ptr::eq(own, native)) {
                    let kind = receiver.type_of().name();
                    let owner = crate::run::builtins::owner_of(native).name();
                    let text = format_args!(
                        "descriptor '{}' for '{owner}' objects doesn't apply to a '{kind}' object",
                        native.name
                    );
                    return Err(self.context.raise(Class::TypeError, text));
                }
                self.call_native(native, receiver, first + 1, count - 1, &named, result)
            }
            Value::Native(native) => {
                self.call_native(native, Value::Unset, first, count, &named, result)
            }
            Value::Type(Type::Exception(class)) => {
                if let Some((name, _)) = named.first() {
                    let text = format_args!("{}() takes no keyword arguments", class.name());
                    let _ = name;
                    return Err(self.context.raise(Class::TypeError, text));
                }
                let arguments = self.stack[first..first + count].to_vec();
                Ok(Called::Value(Value::Exception(
                    self.context.exception(class, &arguments)?,
                )))
            }
            Value::Type(Type::Type) if count == 1 && named.is_empty() => {
                Ok(Called::Value(Value::Type(self.stack[first].type_of())))
            }
            Value::Type(Type::Object) if count == 0 && named.is_empty() => Ok(Called::Value(
                Value::Object(self.context.arena().alloc(Object::Plain)?),
            )),
            Value::Type(kind) => match type_def(kind).construct {
                Some(native) => {
                    self.call_native(native, Value::Unset, first, count, &named, result)
                }
                None => {
                    let text = format_args!("cannot create '{}' instances", kind.name());
                    Err(self.context.raise(Class::TypeError, text))
                }
            },
            other => {
                let kind = other.type_of().name();
                Err(self.context.raise(
                    Class::TypeError,
                    format_args!("'{kind}' object is not callable"),
                ))
            }
        }
    }

    /// `callee(*list, **dict)`
    pub(super) fn call_spread(
        &mut self,
        window: usize,
        result: usize,
    ) -> Result<Called<'a>, Fault<'a>> {
        let callee = self.stack[window];
        let (Value::List(list), Value::Dict(dict)) =
            (self.stack[window + 1], self.stack[window + 2])
        else {
            return Err(Fault::Internal("a spread call without its list and dict"));
        };
        let mut named = Vec::new();
        for (key, value) in dict.iter() {
            match key.as_text() {
                Some(name) => named.push((name, value)),
                None => {
                    return Err(self
                        .context
                        .raise(Class::TypeError, "keywords must be strings"));
                }
            }
        }
        // Draining one needs a register of its own, and these arguments have none.
        let is_generator =
            |item: &std::cell::Cell<Value<'a>>| Self::generator_of(item.get()).is_some();
        if !matches!(callee, Value::Function(_)) && list.items().iter().any(is_generator) {
            return Err(self.no_generator());
        }
        let first = self.frame_end();
        self.reserve(first + list.len() + 1)?;
        for (place, item) in list.items().iter().enumerate() {
            self.stack[first + place] = item.get();
        }
        self.call_any(callee, first, list.len(), named, result)
    }

    #[cold]
    fn no_generator(&mut self) -> Fault<'a> {
        self.context
            .raise(Class::TypeError, "a generator cannot be an argument here")
    }

    /// The first register behind those of the running frame.
    pub(super) fn frame_end(&self) -> usize {
        let frame = self.top();
        frame.base as usize + usize::from(frame.function.code.code().registers)
    }

    /// Make sure that registers below `end` exist.
    #[inline]
    pub(super) fn reserve(&mut self, end: usize) -> Result<(), Fault<'a>> {
        if end > self.stack.len() {
            self.grow(end)
        } else {
            Ok(())
        }
    }

    #[cold]
    fn grow(&mut self, end: usize) -> Result<(), Fault<'a>> {
        if end > REGISTERS_MAX {
            return Err(self.too_deep());
        }
        // Few registers first: filling 256 of them, in a block that the allocator keeps no others of at hand, was a sixth
        // of an empty program.
        let more = end.max(self.stack.len() / 2).min(GROWTH_MAX);
        self.stack
            .resize((end + more).next_multiple_of(32), Value::Unset);
        Ok(())
    }

    #[cold]
    pub(super) fn too_deep(&mut self) -> Fault<'a> {
        self.context
            .raise(Class::RecursionError, "maximum recursion depth exceeded")
    }

    /// Push a frame whose arguments are in place.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "7 % of fib is its prologue")]
    pub(super) fn push(
        &mut self,
        function: &'a Function<'a>,
        base: usize,
        result: usize,
        kind: FrameKind<'a>,
    ) -> Result<(), Fault<'a>> {
        if self.frames.len() >= FRAMES_MAX {
            return Err(self.too_deep());
        }
        let code = function.code.code();
        self.reserve(base + usize::from(code.registers))?;
        for register in code.unset_start..code.unset_end {
            self.stack[base + usize::from(register)] = Value::Unset;
        }
        self.frames.push(Frame {
            function,
            pc: 0,
            base: base as u32,
            result: result as u32,
            kind,
        });
        Ok(())
    }

    /// Call a function whose arguments are all by position.
    #[inline]
    fn call_function(
        &mut self,
        function: &'a Function<'a>,
        first: usize,
        count: usize,
        result: usize,
    ) -> Result<Called<'a>, Fault<'a>> {
        let code = function.code.code();
        let parameters = &code.parameters;
        let simple = count == usize::from(parameters.positional)
            && parameters.names.len() == count
            && parameters.rest_names.is_empty()
            && !code.is_generator;
        if simple {
            self.push(function, first, result, FrameKind::Plain)?;
            return Ok(Called::Frame);
        }
        self.call_bound(function, first, count, &Vec::new(), result)
    }

    /// Call a function with arguments of any kind.
    fn call_bound(
        &mut self,
        function: &'a Function<'a>,
        first: usize,
        count: usize,
        named: &Named<'a>,
        result: usize,
    ) -> Result<Called<'a>, Fault<'a>> {
        let code = function.code.code();
        self.reserve(first + usize::from(code.registers).max(count) + 1)?;
        self.bind(function, first, count, named)?;
        if code.is_generator {
            let count = usize::from(code.registers);
            let registers = self.context.arena().alloc_cells(count, Value::Unset)?;
            for (place, register) in registers
                .iter()
                .take(code.parameters.registers())
                .enumerate()
            {
                register.set(self.stack[first + place]);
            }
            let progress = std::cell::Cell::new(Progress::At(0));
            let generator = self.context.arena().alloc(Generator {
                function,
                registers,
                progress,
            })?;
            let iter = self.context.iter_over(Source::Generator(generator))?;
            return Ok(Called::Value(Value::Iter(iter)));
        }
        self.push(function, first, result, FrameKind::Plain)?;
        Ok(Called::Frame)
    }

    /// Put arguments into the registers of parameters, or say what is wrong with them as CPython does.
    fn bind(
        &mut self,
        function: &'a Function<'a>,
        first: usize,
        count: usize,
        named: &Named<'a>,
    ) -> Result<(), Fault<'a>> {
        let parameters = &function.code.code().parameters;
        let name = function.code.name();
        let positional = usize::from(parameters.positional);
        let given: Vec<Value<'a>> = self.stack[first..first + count].to_vec();
        let mut placed = vec![Value::Unset; parameters.names.len()];
        for (place, value) in given.iter().take(positional).enumerate() {
            placed[place] = *value;
        }
        let mut others = Vec::new();
        for (key, value) in named {
            let found = parameters
                .names
                .iter()
                .enumerate()
                .skip(usize::from(parameters.positional_only))
                .find(|(_, known)| known.as_ref() == key.as_str());
            match found {
                Some((place, _)) if placed[place].is_unset() => placed[place] = *value,
                Some(_) => {
                    let text = format_args!(
                        "{name}() got multiple values for argument '{}'",
                        key.as_str()
                    );
                    return Err(self.context.raise(Class::TypeError, text));
                }
                None if !parameters.named_rest
                    && parameters.names[..usize::from(parameters.positional_only)]
                        .iter()
                        .any(|known| known.as_ref() == key.as_str()) =>
                {
                    let text = format_args!(
                        "{name}() got some positional-only arguments passed as keyword arguments: '{}'",
                        key.as_str()
                    );
                    return Err(self.context.raise(Class::TypeError, text));
                }
                None if parameters.named_rest => others.push((*key, *value)),
                None => {
                    let text = format_args!(
                        "{name}() got an unexpected keyword argument '{}'",
                        key.as_str()
                    );
                    return Err(self.context.raise(Class::TypeError, text));
                }
            }
        }
        if count > positional && !parameters.rest {
            let named = placed[positional..]
                .iter()
                .filter(|value| !value.is_unset());
            return Err(self.too_many(function, count, named.count()));
        }
        let required = positional - usize::from(parameters.defaults);
        for (value, default) in placed[required..positional]
            .iter_mut()
            .zip(function.defaults)
        {
            if value.is_unset() {
                *value = *default;
            }
        }
        let mut default = usize::from(parameters.defaults);
        for (place, has_default) in parameters.keyword_defaults.iter().enumerate() {
            if *has_default {
                if placed[positional + place].is_unset() {
                    placed[positional + place] = function.defaults[default];
                }
                default += 1;
            }
        }
        self.missing(function, &placed, 0, positional, "positional")?;
        self.missing(function, &placed, positional, placed.len(), "keyword-only")?;
        for (place, value) in placed.iter().enumerate() {
            self.stack[first + place] = *value;
        }
        let mut next = first + placed.len();
        if parameters.rest {
            self.stack[next] = self
                .context
                .tuple(given.get(positional..).unwrap_or_default())?;
            next += 1;
        }
        if parameters.named_rest {
            let dict = self.context.dict()?;
            for (key, value) in others {
                dict.set_text(self.context.arena(), key, value)?;
            }
            self.stack[next] = Value::Dict(dict);
        }
        Ok(())
    }

    #[cold]
    fn too_many(&mut self, function: &'a Function<'a>, count: usize, named: usize) -> Fault<'a> {
        let parameters = &function.code.code().parameters;
        let (positional, defaults) = (
            usize::from(parameters.positional),
            usize::from(parameters.defaults),
        );
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let takes = if defaults > 0 {
            let least = positional - defaults;
            format!("from {least} to {positional} positional arguments")
        } else {
            format!("{positional} positional argument{}", plural(positional))
        };
        let given = if named > 0 {
            format!(
                "{count} positional argument{} (and {named} keyword-only argument{}) were",
                plural(count),
                plural(named)
            )
        } else if count == 1 {
            "1 was".to_owned()
        } else {
            format!("{count} were")
        };
        let name = function.code.name();
        let text = format_args!("{name}() takes {takes} but {given} given");
        self.context.raise(Class::TypeError, text)
    }

    fn missing(
        &mut self,
        function: &'a Function<'a>,
        placed: &[Value<'a>],
        start: usize,
        end: usize,
        kind: &str,
    ) -> Result<(), Fault<'a>> {
        let parameters = &function.code.code().parameters;
        let missing: Vec<String> = (start..end)
            .filter(|place| placed[*place].is_unset())
            .map(|place| format!("'{}'", parameters.names[place]))
            .collect();
        let list = match missing.as_slice() {
            [] => return Ok(()),
            [only] => only.clone(),
            [first, second] => format!("{first} and {second}"),
            [first @ .., last] => format!("{}, and {last}", first.join(", ")),
        };
        let plural = if missing.len() == 1 { "" } else { "s" };
        let name = function.code.name();
        let text = format_args!(
            "{name}() missing {} required {kind} argument{plural}: {list}",
            missing.len()
        );
        Err(self.context.raise(Class::TypeError, text))
    }

    /// The native code that a value is, with its receiver, when it is called with arguments by position.
    #[inline]
    pub(super) fn native_of(callee: Value<'a>) -> Option<(&'static NativeDef, Value<'a>)> {
        match callee {
            Value::Native(native) if !native.is_method => Some((native, Value::Unset)),
            Value::Method(method) => Some((method.native, method.receiver)),
            Value::Type(Type::Exception(_) | Type::Type | Type::Object) => None,
            Value::Type(kind) => Some((type_def(kind).construct?, Value::Unset)),
            _ => None,
        }
    }

    /// Call native code; its arguments are in registers.
    #[inline]
    pub(super) fn call_native(
        &mut self,
        native: &'static NativeDef,
        receiver: Value<'a>,
        first: usize,
        count: usize,
        named: &[(&'a Text<'a>, Value<'a>)],
        result: usize,
    ) -> Result<Called<'a>, Fault<'a>> {
        if !matches!(native.run, Run::Special(_)) {
            for register in first..first + count {
                if let Value::Iter(iter) = self.stack[register]
                    && let Source::Generator(generator) = iter.source()
                {
                    self.drain(generator, register)?;
                    return Ok(Called::Again);
                }
            }
        }
        let given = &self.stack[first..first + count];
        let bound = bind(&mut self.context, native, receiver, given, named)?;
        let given: &[Value<'a>] = match &bound {
            Bound::AsGiven => &self.stack[first..first + count],
            Bound::Placed(placed) => placed,
        };
        let args = Args {
            receiver,
            given,
            named,
        };
        match native.run {
            Run::Plain(run) => Ok(Called::Value(run(&mut self.context, args)?)),
            Run::Calls(run) => match run(&mut self.context, args)? {
                Calls::Done(value) => Ok(Called::Value(value)),
                Calls::Each {
                    function,
                    items,
                    spread,
                    finish,
                    extra,
                } => {
                    let results = self.context.empty_list()?;
                    if items.is_empty() {
                        return Ok(Called::Value(finish(
                            &mut self.context,
                            items,
                            results,
                            extra,
                        )?));
                    }
                    let native = Native::Each {
                        function,
                        items,
                        results,
                        spread,
                        finish,
                        extra,
                    };
                    self.push_native(native, result)?;
                    self.next_of_each()?;
                    Ok(Called::Frame)
                }
            },
            Run::Special(Special::ProcessStep) if count == 1 => {
                self.process_step(self.stack[first], result)
            }
            Run::Special(special) => {
                let given = given.to_vec();
                self.special(special, &given, result)
            }
        }
    }

    /// Push native code that waits.
    pub(super) fn push_native(
        &mut self,
        native: Native<'a>,
        result: usize,
    ) -> Result<(), Fault<'a>> {
        if self.frames.len() >= FRAMES_MAX {
            return Err(self.too_deep());
        }
        let below = *self.top();
        let base = self.frame_end() as u32;
        let native = self.context.arena().alloc(native)?;
        let kind = FrameKind::Native(native);
        self.frames.push(Frame {
            function: below.function,
            pc: below.pc,
            base,
            result: result as u32,
            kind,
        });
        Ok(())
    }

    /// The first register above a native frame that waits.
    pub(super) fn native_end(&self) -> usize {
        self.top().base as usize
    }

    /// Make the next call of a `Native::Each` on top of the frames; it may be native and done at once.
    pub(super) fn next_of_each(&mut self) -> Result<(), Fault<'a>> {
        loop {
            let frame = *self.top();
            let FrameKind::Native(Native::Each {
                function,
                items,
                results,
                spread,
                finish,
                extra,
            }) = frame.kind
            else {
                return Err(Fault::Internal("no calls are waiting"));
            };
            let Some(item) = items.get(results.len()) else {
                self.frames.pop();
                let value = finish(&mut self.context, items, results, *extra)?;
                return self.deliver(frame.result as usize, value);
            };
            self.context.charge(1)?;
            let window = self.native_end();
            let arguments: Vec<Value<'a>> = match item {
                Value::Tuple(tuple) if *spread => tuple.items().to_vec(),
                _ => vec![item],
            };
            self.reserve(window + arguments.len() + 2)?;
            for (place, argument) in arguments.iter().enumerate() {
                self.stack[window + 1 + place] = *argument;
            }
            match self.call_any(*function, window + 1, arguments.len(), Vec::new(), window)? {
                Called::Value(value) => self.context.push(results, value)?,
                Called::Frame => return Ok(()),
                Called::Again => return Err(self.no_generator()),
            }
        }
    }

    /// A frame ended with a value, which goes to the register or to the native code that waits there.
    pub(super) fn deliver(&mut self, register: usize, value: Value<'a>) -> Result<(), Fault<'a>> {
        match self.frames.last().map(|frame| frame.kind) {
            Some(FrameKind::Native(Native::Each { results, .. })) => {
                self.context.push(results, value)?;
                self.next_of_each()
            }
            _ => {
                self.stack[register] = value;
                Ok(())
            }
        }
    }

    /// Put a generator's items in its place, then run the instruction again.
    pub(super) fn drain(
        &mut self,
        generator: &'a Generator<'a>,
        register: usize,
    ) -> Result<(), Fault<'a>> {
        let items = self.context.empty_list()?;
        self.push_native(Native::Drain { generator, items }, register)?;
        self.resume(generator, 0, 0)
    }

    /// Go on with a generator; its frame lies on top of what consumes it.
    pub(super) fn resume(
        &mut self,
        generator: &'a Generator<'a>,
        on_item: u32,
        result: usize,
    ) -> Result<(), Fault<'a>> {
        match generator.progress.get() {
            Progress::Running => Err(self
                .context
                .raise(Class::ValueError, "generator already executing")),
            Progress::Done => self.exhausted(),
            Progress::At(pc) => {
                let base = match self.top().kind {
                    FrameKind::Native(_) => self.native_end(),
                    _ => self.frame_end(),
                };
                self.push(
                    generator.function,
                    base,
                    result,
                    FrameKind::Generator(generator, on_item),
                )?;
                for (place, register) in generator.registers.iter().enumerate() {
                    self.stack[base + place] = register.get();
                }
                if let Some(frame) = self.frames.last_mut() {
                    frame.pc = pc;
                }
                generator.progress.set(Progress::Running);
                Ok(())
            }
        }
    }

    /// A generator gave an item; its frame is on top.
    pub(super) fn yielded(&mut self, item: Value<'a>, pc: u32) -> Result<(), Fault<'a>> {
        let Some(frame) = self.frames.pop() else {
            return Err(Fault::Internal("a yield without a frame"));
        };
        let FrameKind::Generator(generator, on_item) = frame.kind else {
            return Err(Fault::Internal("a yield outside a generator"));
        };
        let base = frame.base as usize;
        for (place, register) in generator.registers.iter().enumerate() {
            register.set(self.stack[base + place]);
        }
        generator.progress.set(Progress::At(pc));
        let below = *self.top();
        match below.kind {
            FrameKind::Native(Native::Drain { generator, items }) => {
                self.context.push(items, item)?;
                self.resume(generator, 0, 0)
            }
            FrameKind::Native(Native::Search {
                generator, until, ..
            }) => {
                let found = match until {
                    Until::First => Some(item),
                    Until::True => item.is_true().then_some(Value::Bool(true)),
                    Until::False => (!item.is_true()).then_some(Value::Bool(false)),
                };
                match found {
                    Some(value) => {
                        self.frames.pop();
                        self.deliver(below.result as usize, value)
                    }
                    None => self.resume(generator, 0, 0),
                }
            }
            FrameKind::Native(Native::Each { .. }) => Err(Fault::Internal("an item for calls")),
            _ => {
                // A loop: the frame's result register is the loop's item.
                self.stack[frame.result as usize] = item;
                if let Some(frame) = self.frames.last_mut() {
                    frame.pc = on_item;
                }
                Ok(())
            }
        }
    }

    /// A generator has no more items; its frame is gone.
    pub(super) fn exhausted(&mut self) -> Result<(), Fault<'a>> {
        let below = *self.top();
        match below.kind {
            FrameKind::Native(Native::Drain { items, .. }) => {
                self.frames.pop();
                let iter: &'a Iter<'a> = self.context.iter_over(Source::List(items))?;
                self.stack[below.result as usize] = Value::Iter(iter);
                if let Some(frame) = self.frames.last_mut() {
                    frame.pc -= 1;
                }
                Ok(())
            }
            FrameKind::Native(Native::Search { until, default, .. }) => {
                self.frames.pop();
                let value = match until {
                    Until::True => Value::Bool(false),
                    Until::False => Value::Bool(true),
                    Until::First => match default.get().bound() {
                        Some(value) => value,
                        None => return Err(self.context.raise_with(Class::StopIteration, &[])),
                    },
                };
                self.deliver(below.result as usize, value)
            }
            FrameKind::Native(Native::Each { .. }) => Err(Fault::Internal("an item for calls")),
            // A loop goes on after itself.
            _ => Ok(()),
        }
    }

    fn special(
        &mut self,
        special: Special,
        given: &[Value<'a>],
        result: usize,
    ) -> Result<Called<'a>, Fault<'a>> {
        let first = given.first().copied().unwrap_or(Value::None);
        let until = match special {
            Special::Next => Until::First,
            Special::Any => Until::True,
            Special::All => Until::False,
            Special::Globals => return Ok(Called::Value(Value::Dict(self.namespace()?))),
            Special::Eval => return self.eval(given, result),
            Special::ProcessStep => return self.process_step(first, result),
        };
        let iter = match (special, first) {
            (Special::Next, Value::Iter(iter)) => iter,
            (Special::Next, other) => {
                let kind = other.type_of().name();
                let text = format_args!("'{kind}' object is not an iterator");
                return Err(self.context.raise(Class::TypeError, text));
            }
            (_, other) => self.context.iterate(other)?,
        };
        let default = given.get(1).copied().unwrap_or_default();
        if let Source::Generator(generator) = iter.source() {
            let default = std::cell::Cell::new(default);
            self.push_native(
                Native::Search {
                    generator,
                    until,
                    default,
                },
                result,
            )?;
            self.resume(generator, 0, 0)?;
            return Ok(Called::Frame);
        }
        loop {
            let item = iter.next(&mut self.context)?;
            self.context.charge(1)?;
            return Ok(Called::Value(match (until, item) {
                (Until::First, Some(item)) => item,
                (Until::First, None) => match default.bound() {
                    Some(value) => value,
                    None => return Err(self.context.raise_with(Class::StopIteration, &[])),
                },
                (Until::True, None) => Value::Bool(false),
                (Until::False, None) => Value::Bool(true),
                (Until::True, Some(item)) if item.is_true() => Value::Bool(true),
                (Until::False, Some(item)) if !item.is_true() => Value::Bool(false),
                _ => continue,
            }));
        }
    }

    /// `globals()`: the module-level names that are bound now. Changes to it do not reach the names.
    fn namespace(&mut self) -> Result<&'a Dict<'a>, Fault<'a>> {
        let function = self.top().function;
        let dict = self.context.dict()?;
        for (slot, name) in function.code.global_names().iter().enumerate() {
            let value = function.globals[slot].get();
            if !value.is_unset() {
                let name = self.context.text_over(name)?;
                self.context.insert(dict, name, value)?;
            }
        }
        Ok(dict)
    }

    /// Every generator among the items of a list that native code gets was drained before.
    pub(super) fn generator_of(value: Value<'a>) -> Option<&'a Generator<'a>> {
        match value {
            Value::Iter(iter) => match iter.source() {
                Source::Generator(generator) => Some(generator),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Call native code that is done at once and takes its arguments as they stand: nearly all calls. Nothing when this call
/// is another kind.
#[inline]
pub(super) fn call_plain<'a>(
    context: &mut Context<'a>,
    native: &'static NativeDef,
    receiver: Value<'a>,
    given: &[Value<'a>],
) -> Option<Result<Value<'a>, Fault<'a>>> {
    let Run::Plain(run) = native.run else {
        return None;
    };
    let count = given.len();
    let fits = match native.params {
        Params::Any => true,
        Params::Positional(min, max) => {
            count >= usize::from(min) && (max == u8::MAX || count <= usize::from(max))
        }
        Params::Named(params) => {
            count <= params.len()
                && params[..count].iter().all(|param| !param.keyword_only)
                && params[count..].iter().all(|param| !param.required)
        }
    };
    if !fits || given.iter().any(|value| matches!(value, Value::Iter(_))) {
        return None;
    }
    let args = Args {
        receiver,
        given,
        named: &[],
    };
    Some(run(context, args))
}
