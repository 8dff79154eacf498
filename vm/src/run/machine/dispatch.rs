//! The dispatch loop.

use std::cell::Cell;

use super::call::{Called, call_plain};
use super::frame::FrameKind;
use super::hot::is_hot;
use super::{Machine, Slice};
use crate::bytecode::op::Op;
use crate::bytecode::operand::{self, NO_SRC};
use crate::limits::FRAMES_MAX;
use crate::run::budget::Budget;
use crate::run::builtins;
use crate::run::fault::{Class, Fault};
use crate::run::function::Function;
use crate::run::iterator::{Iter, Source};
use crate::run::kind::Type;
use crate::run::list::List;
use crate::run::loaded::Memory;
use crate::run::ops::{arithmetic, format, print, subscript};
use crate::run::value::{Range, Slice as SliceValue, Value};

/// Bytes of a text that comparing costs next to nothing.
const SHORT_TEXT: usize = 32;

/// The next turns of a loop over a range.
enum Turns {
    /// There are none.
    None,
    /// They are paid for.
    Paid,
    /// They are paid for, and the slice is over.
    Over,
}

/// A comparison and the jump on it that follows are one step: moves `pc` behind that jump, or to where it leads.
macro_rules! take_jump {
    ($ops:ident, $pc:ident, $d:expr, $holds:ident) => {
        match $ops[$pc] {
            Op::JumpIfNot { s, to } if s.0 == $d.0 => {
                $pc = if $holds { $pc + 1 } else { to.index() }
            }
            Op::JumpIf { s, to } if s.0 == $d.0 => $pc = if $holds { to.index() } else { $pc + 1 },
            _ => {}
        }
    };
}
pub(super) use take_jump;

impl<'a> Machine<'a> {
    /// Run until the script ends or the slice's units are used up.
    pub fn run(&mut self, units: u32) -> Slice<'a> {
        if let Err(limit) = self.context.budget().grant(units) {
            return Slice::Limit(limit);
        }
        loop {
            match self.run_frames() {
                Ok(slice) => return slice,
                Err(Fault::Raised(exception)) => {
                    if !self.unwind(exception) {
                        return Slice::Raised(exception);
                    }
                }
                Err(Fault::Limit(limit)) => return Slice::Limit(limit),
                Err(Fault::Internal(what)) => return Slice::Internal(what),
            }
        }
    }

    #[allow(
        clippy::too_many_lines,
        reason = "the dispatch loop is the one long function"
    )]
    #[allow(clippy::cognitive_complexity, reason = "as above")]
    fn run_frames(&mut self) -> Result<Slice<'a>, Fault<'a>> {
        let Some(frame) = self.frames.last() else {
            return Ok(Slice::Done);
        };
        let mut function: &'a Function<'a> = frame.function;
        let mut ops: &'a [Op] = &function.code.code().ops;
        let mut pc = frame.pc as usize;
        let mut base = frame.base as usize;

        // The registers from the frame's first on.
        let mut registers = &mut self.stack[base..];

        macro_rules! r {
            ($operand:expr) => {
                registers[$operand.index()]
            };
        }
        // After anything that has the whole machine: the registers may stand elsewhere.
        macro_rules! window {
            () => {
                registers = &mut self.stack[base..]
            };
        }
        // Before anything that can fail or leave: the frame's pc stands behind the instruction.
        macro_rules! save {
            () => {{
                let last = self.frames.len() - 1;
                self.frames[last].pc = pc as u32;
            }};
        }
        macro_rules! reload {
            () => {{
                let Some(frame) = self.frames.last() else {
                    return Ok(Slice::Done);
                };
                function = frame.function;
                ops = &function.code.code().ops;
                pc = frame.pc as usize;
                base = frame.base as usize;
                window!();
            }};
        }
        // Go on in the other loop, if it knows what comes next.
        macro_rules! hot {
            () => {
                if is_hot(ops[pc]) {
                    save!();
                    if self.run_hot() {
                        return Ok(Slice::Yielded);
                    }
                    reload!();
                }
            };
        }
        macro_rules! k {
            ($constant:expr) => {
                function.code.constant(&mut self.context, $constant)?
            };
        }
        macro_rules! branch {
            ($d:expr, $holds:expr) => {{
                let holds = $holds;
                take_jump!(ops, pc, $d, holds);
                r!($d) = Value::Bool(holds);
            }};
        }
        // Arithmetic that two ints mostly come to.
        macro_rules! arithmetic {
            ($kind:ident, $compute:ident, $d:expr, $left:expr, $right:expr) => {{
                if let (Value::Int(left), Value::Int(right)) = ($left, $right)
                    && let Some(result) = left.$compute(right)
                {
                    r!($d) = Value::Int(result);
                } else {
                    save!();
                    let (left, right) = ($left, $right);
                    let kind = operand::Binary::$kind;
                    r!($d) = arithmetic::binary(&mut self.context, kind, left, right)?;
                }
            }};
        }
        macro_rules! finish_call {
            ($called:expr, $d:expr) => {
                match $called {
                    Called::Value(value) => {
                        window!();
                        r!($d) = value;
                    }
                    Called::Frame => {
                        reload!();
                        if self.context.budget().tick() {
                            return Ok(Slice::Yielded);
                        }
                    }
                    Called::Again => reload!(),
                }
            };
        }

        loop {
            let op = ops[pc];
            pc += 1;
            match op {
                Op::Load { d, k } => {
                    let made = function.code.made(k);
                    if made.is_unset() {
                        save!();
                        r!(d) = k!(k);
                    } else {
                        r!(d) = made;
                    }
                }
                Op::Move { d, s } => match r!(s) {
                    // An int was likely just written in two stores, which one 16-byte load would wait for (6 % of fib).
                    Value::Int(number) => r!(d) = Value::Int(number),
                    value => r!(d) = value,
                },
                Op::Bound { few, s, k } => {
                    if r!(s).is_unset() {
                        save!();
                        let name = function.code.name_of(k);
                        return Err(if few.0 == 1 {
                            self.undefined(name)
                        } else {
                            let text = format_args!(
                                "cannot access local variable '{name}' where it is not associated with a value"
                            );
                            self.context.raise(Class::UnboundLocalError, text)
                        });
                    }
                }
                Op::Unbind { d } => r!(d) = Value::Unset,
                Op::LoadGlobal { d, g } => {
                    let value = function.globals[g.index()].get();
                    if value.is_unset() {
                        save!();
                        let name = function.code.global_name(g.index());
                        match builtins::global(name) {
                            Some(value) => r!(d) = value,
                            None => return Err(self.undefined(name)),
                        }
                    } else {
                        r!(d) = value;
                    }
                }
                Op::StoreGlobal { g, s } => function.globals[g.index()].set(r!(s)),
                Op::UnbindGlobal { g } => function.globals[g.index()].set(Value::Unset),
                Op::MakeCell { d, s } => {
                    save!();
                    r!(d) = Value::Cell(self.context.arena().alloc(Cell::new(r!(s)))?);
                }
                Op::LoadCell { d, s, k } => {
                    let Value::Cell(cell) = r!(s) else {
                        return Err(Fault::Internal("no shared variable"));
                    };
                    if cell.get().is_unset() {
                        save!();
                        let name = function.code.name_of(k);
                        let text = format_args!(
                            "cannot access local variable '{name}' where it is not associated with a value"
                        );
                        return Err(self.context.raise(Class::UnboundLocalError, text));
                    }
                    r!(d) = cell.get();
                }
                Op::StoreCell { cell, s } => {
                    let Value::Cell(cell) = r!(cell) else {
                        return Err(Fault::Internal("no shared variable"));
                    };
                    cell.set(r!(s));
                }
                Op::LoadFree { d, f, k } => {
                    let value = function.closure[f.index()].get();
                    if value.is_unset() {
                        save!();
                        let name = function.code.name_of(k);
                        let text = format_args!(
                            "cannot access free variable '{name}' where it is not associated with a value in enclosing scope"
                        );
                        return Err(self.context.raise(Class::NameError, text));
                    }
                    r!(d) = value;
                }
                Op::StoreFree { f, s } => function.closure[f.index()].set(r!(s)),
                Op::Add { d, a, b } => arithmetic!(Add, checked_add, d, r!(a), r!(b)),
                Op::Sub { d, a, b } => arithmetic!(Sub, checked_sub, d, r!(a), r!(b)),
                Op::AddInt { d, a, i } => {
                    arithmetic!(Add, checked_add, d, r!(a), Value::Int(i64::from(i.0)));
                }
                Op::SubInt { d, a, i } => {
                    arithmetic!(Sub, checked_sub, d, r!(a), Value::Int(i64::from(i.0)));
                }
                Op::CompareInt { kind, d, a, i } => {
                    let right = i64::from(i.0);
                    let known = match r!(a) {
                        Value::Int(left) => compare_ints(kind, left, right),
                        _ => None,
                    };
                    let holds = if let Some(holds) = known {
                        holds
                    } else {
                        save!();
                        let left = r!(a);
                        arithmetic::compare(&mut self.context, kind, left, Value::Int(right))?
                    };
                    branch!(d, holds);
                }
                Op::Binary { kind, d, a, b } => {
                    save!();
                    let (left, right) = (r!(a), r!(b));
                    r!(d) = arithmetic::binary(&mut self.context, kind, left, right)?;
                }
                Op::InPlace { kind, d, a, b } => {
                    if let (operand::Binary::Add, Value::Int(left), Value::Int(right)) =
                        (kind, r!(a), r!(b))
                        && let Some(sum) = left.checked_add(right)
                    {
                        r!(d) = Value::Int(sum);
                        continue;
                    }
                    save!();
                    if let Some(generator) = Self::generator_of(r!(b)) {
                        self.drain(generator, base + b.index())?;
                        reload!();
                        continue;
                    }
                    let (left, right) = (r!(a), r!(b));
                    r!(d) = arithmetic::in_place(&mut self.context, kind, left, right)?;
                }
                Op::Unary { kind, d, s } => {
                    if kind == operand::Unary::Not {
                        r!(d) = Value::Bool(!r!(s).is_true());
                        continue;
                    }
                    save!();
                    let value = r!(s);
                    r!(d) = arithmetic::unary(&mut self.context, kind, value)?;
                }
                Op::Compare { kind, d, a, b } => {
                    if let (Value::Int(left), Value::Int(right)) = (r!(a), r!(b))
                        && let Some(holds) = compare_ints(kind, left, right)
                    {
                        branch!(d, holds);
                        continue;
                    }
                    if let (Value::Float(left), Value::Float(right)) = (r!(a), r!(b))
                        && let Some(holds) = compare_floats(kind, left, right)
                    {
                        branch!(d, holds);
                        continue;
                    }
                    if let (Value::Str(left), Value::Str(right)) = (r!(a), r!(b))
                        && let operand::Compare::Eq | operand::Compare::Ne = kind
                        && left.as_str().len() < SHORT_TEXT
                    {
                        let same = left.as_str() == right.as_str();
                        branch!(d, same == (kind == operand::Compare::Eq));
                        continue;
                    }
                    save!();
                    if let Some(generator) = Self::generator_of(r!(b))
                        && matches!(kind, operand::Compare::In | operand::Compare::NotIn)
                    {
                        self.drain(generator, base + b.index())?;
                        reload!();
                        continue;
                    }
                    let (left, right) = (r!(a), r!(b));
                    let holds = arithmetic::compare(&mut self.context, kind, left, right)?;
                    branch!(d, holds);
                }
                Op::Jump { to } => pc = to.index(),
                Op::Loop { to } => {
                    pc = to.index();
                    if self.context.budget().tick() {
                        save!();
                        return Ok(Slice::Yielded);
                    }
                    hot!();
                }
                Op::JumpIf { s, to } => {
                    if r!(s).is_true() {
                        pc = to.index();
                    }
                }
                Op::JumpIfNot { s, to } => {
                    if !r!(s).is_true() {
                        pc = to.index();
                    }
                }
                Op::GetItem { d, o, key } => {
                    save!();
                    let (container, index) = (r!(o), r!(key));
                    r!(d) = subscript::get(&mut self.context, container, index)?;
                }
                Op::GetItemConst { d, o, k } => {
                    save!();
                    let container = r!(o);
                    let key = k!(k);
                    if let (Value::Dict(dict), Value::Str(text)) = (container, key) {
                        let memory = function.code.memory(k);
                        if let Memory::Place(place) = memory.get()
                            && dict.holds_at(place as usize, text)
                        {
                            r!(d) = dict.value_at(place as usize);
                            continue;
                        }
                        if let Some(place) = dict.find(key, text.hash()) {
                            memory.set(Memory::Place(place as u32));
                            // The dict's own text is compared by identity the next time.
                            function.code.adopt(k, dict.key_at(place));
                            r!(d) = dict.value_at(place);
                            continue;
                        }
                    }
                    r!(d) = subscript::get(&mut self.context, container, key)?;
                }
                Op::SetItem { o, key, s } => {
                    save!();
                    let (container, index, value) = (r!(o), r!(key), r!(s));
                    subscript::set(&mut self.context, container, index, value)?;
                }
                Op::SetItemConst { o, k, s } => {
                    save!();
                    let (container, value) = (r!(o), r!(s));
                    let key = k!(k);
                    if let (Value::Dict(dict), Value::Str(text)) = (container, key) {
                        let memory = function.code.memory(k);
                        if let Memory::Place(place) = memory.get()
                            && dict.holds_at(place as usize, text)
                        {
                            dict.set_at(place as usize, value);
                            continue;
                        }
                        if let Some(place) = dict.find(key, text.hash()) {
                            memory.set(Memory::Place(place as u32));
                            function.code.adopt(k, dict.key_at(place));
                        }
                    }
                    subscript::set(&mut self.context, container, key, value)?;
                }
                Op::DeleteItem { o, key } => {
                    save!();
                    let (container, index) = (r!(o), r!(key));
                    subscript::delete(&mut self.context, container, index)?;
                }
                Op::BuildSlice { d, base: first } => {
                    save!();
                    let place = first.index();
                    let (start, stop, step) =
                        (registers[place], registers[place + 1], registers[place + 2]);
                    r!(d) = Value::Slice(self.context.arena().alloc(SliceValue {
                        start,
                        stop,
                        step,
                    })?);
                }
                Op::GetAttribute { d, o, k } => {
                    save!();
                    let value = r!(o);
                    let memory = function.code.memory(k);
                    if let Memory::Attribute(kind, attribute) = memory.get()
                        && value.type_of() == kind
                    {
                        r!(d) = (attribute.get)(&mut self.context, value)?;
                        continue;
                    }
                    let name = function.code.name_of(k);
                    if let Some((kind, attribute)) = builtins::own_attribute(value, name) {
                        memory.set(Memory::Attribute(kind, attribute));
                    }
                    match builtins::attribute(&mut self.context, value, name)? {
                        Some(found) => r!(d) = found,
                        None => return Err(self.context.no_attribute(value, name)),
                    }
                }
                Op::SetAttribute { o, k, s } => {
                    save!();
                    let (object, value) = (r!(o), r!(s));
                    let name = function.code.name_of(k);
                    builtins::set_attribute(&mut self.context, object, name, value)?;
                }
                Op::Call {
                    few,
                    d,
                    base: window,
                    names,
                } => {
                    save!();
                    // The usual call: a function of the definition, arguments by position.
                    if let Value::Function(callee) = r!(window)
                        && names == operand::NO_CONST
                        && callee.code.takes(usize::from(few.0))
                    {
                        let first = base + window.index() + 1;
                        self.push(callee, first, base + d.index(), FrameKind::Plain)?;
                        function = callee;
                        ops = &function.code.code().ops;
                        pc = 0;
                        base = first;
                        window!();
                        if self.context.budget().tick() {
                            return Ok(Slice::Yielded);
                        }
                        hot!();
                        continue;
                    }
                    if names == operand::NO_CONST
                        && let Some((native, receiver)) = Self::native_of(r!(window))
                        && let Some(value) = call_plain(
                            &mut self.context,
                            native,
                            receiver,
                            &registers[window.index() + 1..][..usize::from(few.0)],
                        )
                    {
                        r!(d) = value?;
                        continue;
                    }
                    let result = base + d.index();
                    let called =
                        self.call(base + window.index(), usize::from(few.0), names, result)?;
                    finish_call!(called, d);
                }
                Op::CallMethod {
                    few,
                    d,
                    base: window,
                    k,
                } => {
                    save!();
                    let place = base + window.index();
                    let receiver = registers[window.index()];
                    let kind = receiver.type_of();
                    let memory = function.code.memory(k);
                    let native = match memory.get() {
                        Memory::Method(known, native) if known == kind => Some(native),
                        _ => {
                            let found = match receiver {
                                Value::Module(_) | Value::Type(_) => None,
                                _ => builtins::find_method(kind, function.code.name_of(k)),
                            };
                            if let Some(native) = found {
                                memory.set(Memory::Method(kind, native));
                            }
                            found
                        }
                    };
                    let result = base + d.index();
                    let count = usize::from(few.0);
                    if let Some(native) = native
                        && let Some(value) = call_plain(
                            &mut self.context,
                            native,
                            receiver,
                            &registers[window.index() + 1..][..count],
                        )
                    {
                        r!(d) = value?;
                        continue;
                    }
                    let called = match native {
                        Some(native) if !matches!(receiver, Value::Module(_) | Value::Type(_)) => {
                            self.call_native(native, receiver, place + 1, count, &[], result)?
                        }
                        _ => {
                            let name = function.code.name_of(k);
                            match builtins::attribute(&mut self.context, receiver, name)? {
                                Some(found) => self.stack[place] = found,
                                None => return Err(self.context.no_attribute(receiver, name)),
                            }
                            let called = self.call(place, count, operand::NO_CONST, result);
                            if matches!(called, Ok(Called::Again)) {
                                self.stack[place] = receiver;
                            }
                            called?
                        }
                    };
                    finish_call!(called, d);
                }
                Op::CallSpread { d, base: window } => {
                    save!();
                    let result = base + d.index();
                    let called = self.call_spread(base + window.index(), result)?;
                    finish_call!(called, d);
                }
                Op::Return { s } => {
                    let value = r!(s);
                    let Some(frame) = self.frames.pop() else {
                        return Ok(Slice::Done);
                    };
                    if let (FrameKind::Plain, Some(below)) = (frame.kind, self.frames.last())
                        && !matches!(below.kind, FrameKind::Native(_))
                    {
                        match value {
                            Value::Int(number) => {
                                self.stack[frame.result as usize] = Value::Int(number);
                            }
                            value => self.stack[frame.result as usize] = value,
                        }
                        function = below.function;
                        ops = &function.code.code().ops;
                        pc = below.pc as usize;
                        base = below.base as usize;
                        window!();
                        continue;
                    }
                    match frame.kind {
                        FrameKind::Plain => self.stack[frame.result as usize] = value,
                        FrameKind::Command => self.stack[frame.result as usize] = Value::None,
                        FrameKind::Scope => {
                            self.pop_scope();
                            self.stack[frame.result as usize] = value;
                        }
                        FrameKind::Generator(..) => {
                            self.leave(frame.kind);
                            self.exhausted()?;
                            reload!();
                            continue;
                        }
                        FrameKind::Native(_) => {
                            return Err(Fault::Internal("native code returned"));
                        }
                    }
                    if let Some(below) = self.frames.last()
                        && matches!(below.kind, FrameKind::Native(_))
                    {
                        let value = self.stack[frame.result as usize];
                        self.deliver(frame.result as usize, value)?;
                    }
                    reload!();
                }
                Op::Yield { s } => {
                    let item = r!(s);
                    self.yielded(item, pc as u32)?;
                    reload!();
                    if self.context.budget().tick() {
                        return Ok(Slice::Yielded);
                    }
                }
                Op::BuildList {
                    d,
                    base: first,
                    count,
                } => {
                    save!();
                    let items = &registers[first.index()..][..count.index()];
                    let list = self.context.list(items)?;
                    r!(d) = Value::List(list);
                }
                Op::BuildTuple {
                    d,
                    base: first,
                    count,
                } => {
                    save!();
                    let items = &registers[first.index()..][..count.index()];
                    r!(d) = self.context.tuple(items)?;
                }
                Op::BuildSet {
                    d,
                    base: first,
                    count,
                } => {
                    save!();
                    let set = self.context.set(false)?;
                    for place in 0..count.index() {
                        let item = registers[first.index() + place];
                        self.context.insert(set.entries(), item, Value::None)?;
                    }
                    r!(d) = Value::Set(set);
                }
                Op::BuildDict {
                    d,
                    base: first,
                    count,
                } => {
                    save!();
                    let arena = self.context.arena();
                    let dict = arena
                        .alloc(crate::run::dict::Dict::with_capacity(arena, count.index())?)?;
                    for pair in 0..count.index() {
                        let place = first.index() + pair * 2;
                        let (key, value) = (registers[place], registers[place + 1]);
                        self.context.insert(dict, key, value)?;
                    }
                    r!(d) = Value::Dict(dict);
                }
                Op::ListAppend { list, s } => {
                    save!();
                    let Value::List(list) = r!(list) else {
                        return Err(Fault::Internal("no list"));
                    };
                    let value = r!(s);
                    self.context.push(list, value)?;
                }
                Op::ListExtend { list, s } => {
                    save!();
                    if let Some(generator) = Self::generator_of(r!(s)) {
                        self.drain(generator, base + s.index())?;
                        reload!();
                        continue;
                    }
                    let Value::List(list) = r!(list) else {
                        return Err(Fault::Internal("no list"));
                    };
                    let value = r!(s);
                    let more = match value {
                        Value::List(more) => more,
                        other => self.context.starred(other)?,
                    };
                    self.context.charge_bytes(more.len() * 16)?;
                    for item in more.items() {
                        self.context.push(list, item.get())?;
                    }
                }
                Op::SetAdd { set, s } => {
                    save!();
                    let Value::Set(set) = r!(set) else {
                        return Err(Fault::Internal("no set"));
                    };
                    let value = r!(s);
                    self.context.insert(set.entries(), value, Value::None)?;
                }
                Op::SetUpdate { set, s } => {
                    save!();
                    if let Some(generator) = Self::generator_of(r!(s)) {
                        self.drain(generator, base + s.index())?;
                        reload!();
                        continue;
                    }
                    let Value::Set(set) = r!(set) else {
                        return Err(Fault::Internal("no set"));
                    };
                    let more = r!(s);
                    let more = self.context.collect(more)?;
                    for item in more.items() {
                        self.context
                            .insert(set.entries(), item.get(), Value::None)?;
                    }
                }
                Op::DictInsert { dict, key, s } => {
                    save!();
                    let Value::Dict(dict) = r!(dict) else {
                        return Err(Fault::Internal("no dict"));
                    };
                    let (key, value) = (r!(key), r!(s));
                    self.context.insert(dict, key, value)?;
                }
                Op::DictUpdate { few, dict, s } => {
                    save!();
                    let dict_register = dict.index();
                    let Value::Dict(dict) = r!(dict) else {
                        return Err(Fault::Internal("no dict"));
                    };
                    let Value::Dict(more) = r!(s) else {
                        let kind = r!(s).type_of().name();
                        let text = if few.0 == 1 {
                            let name = Self::name_of(registers[dict_register - 2]);
                            format!("{name}() argument after ** must be a mapping, not {kind}")
                        } else {
                            format!("'{kind}' object is not a mapping")
                        };
                        return Err(self.context.raise(Class::TypeError, text));
                    };
                    self.context.charge_bytes(more.len() * 40)?;
                    for (key, value, hash) in more.iter_hashed() {
                        if few.0 == 1 && dict.find(key, hash).is_some() {
                            let name = key.as_str().unwrap_or("?");
                            // Named arguments stand two registers behind what is called.
                            let callee = Self::name_of(registers[dict_register - 2]);
                            let text = format_args!(
                                "{callee}() got multiple values for keyword argument '{name}'"
                            );
                            return Err(self.context.raise(Class::TypeError, text));
                        }
                        dict.set(self.context.arena(), key, hash, value)?;
                    }
                }
                Op::ListToTuple { d, s } => {
                    save!();
                    let Value::List(list) = r!(s) else {
                        return Err(Fault::Internal("no list"));
                    };
                    let items: Vec<Value<'a>> = list.items().iter().map(Cell::get).collect();
                    r!(d) = self.context.tuple(&items)?;
                }
                Op::Unpack {
                    s,
                    base: first,
                    count,
                } => {
                    save!();
                    if let Some(generator) = Self::generator_of(r!(s)) {
                        self.drain(generator, base + s.index())?;
                        reload!();
                        continue;
                    }
                    let value = r!(s);
                    self.unpack(value, base + first.index(), count.index(), None)?;
                    window!();
                }
                Op::UnpackRest {
                    few,
                    s,
                    base: first,
                    count,
                } => {
                    save!();
                    if let Some(generator) = Self::generator_of(r!(s)) {
                        self.drain(generator, base + s.index())?;
                        reload!();
                        continue;
                    }
                    let value = r!(s);
                    self.unpack(
                        value,
                        base + first.index(),
                        usize::from(few.0),
                        Some(count.index()),
                    )?;
                    window!();
                }
                Op::GetIter { d, s } => {
                    save!();
                    let value = r!(s);
                    r!(d) = Value::Iter(self.context.iterate(value)?);
                }
                Op::ForNext { iter, to } => {
                    let Value::Iter(source) = r!(iter) else {
                        return Err(Fault::Internal("no iterator"));
                    };
                    if let Source::Range(range) = source.source() {
                        let mut next = source.next_paid(range, self.context.budget().held_turns());
                        if next.is_none() {
                            match pay_turns(self.context.budget(), source) {
                                Turns::None => continue,
                                Turns::Paid => next = source.next_paid(range, 0),
                                Turns::Over => {
                                    pc -= 1;
                                    save!();
                                    return Ok(Slice::Yielded);
                                }
                            }
                        }
                        let Some(number) = next else { continue };
                        registers[iter.index() + 1] = Value::Int(number);
                        pc = to.index();
                        // The loop's variable is set next: one step with this.
                        if let Op::Move { d, s } = ops[pc]
                            && s.0 == iter.0 + 1
                        {
                            r!(d) = Value::Int(number);
                            pc += 1;
                        }
                        hot!();
                        continue;
                    }
                    if self.context.budget().tick() {
                        // The instruction runs again in the next slice, and pays then.
                        self.context.budget().give_back();
                        pc -= 1;
                        save!();
                        return Ok(Slice::Yielded);
                    }
                    save!();
                    if let Source::Generator(generator) = source.source() {
                        self.resume(generator, to.0, base + iter.index() + 1)?;
                        reload!();
                        continue;
                    }
                    if let Some(item) = source.next(&mut self.context)? {
                        registers[iter.index() + 1] = item;
                        pc = to.index();
                    }
                }
                Op::Format { kind, d, s, spec } => {
                    save!();
                    let mut value = r!(s);
                    value = match kind {
                        operand::Conversion::Plain => value,
                        operand::Conversion::Str => print::str_of(&mut self.context, value)?,
                        operand::Conversion::Repr => print::repr_of(&mut self.context, value)?,
                        operand::Conversion::Ascii => print::ascii_of(&mut self.context, value)?,
                    };
                    r!(d) = if spec == NO_SRC {
                        print::str_of(&mut self.context, value)?
                    } else {
                        let spec = r!(spec);
                        format::format_value(
                            &mut self.context,
                            value,
                            spec.as_str().unwrap_or_default(),
                        )?
                    };
                }
                Op::BuildText {
                    d,
                    base: first,
                    count,
                } => {
                    save!();
                    let mut out = self.context.builder();
                    for place in 0..count.index() {
                        if let Value::Str(text) = registers[first.index() + place] {
                            out.push_str(text.as_str())?;
                        }
                    }
                    r!(d) = self.context.finish(out)?;
                }
                Op::Raise { s, cause } => {
                    save!();
                    let value = r!(s);
                    let cause = if cause == NO_SRC {
                        Value::None
                    } else {
                        r!(cause)
                    };
                    return Err(self.raise(value, cause));
                }
                Op::Reraise { s } => {
                    save!();
                    let Value::Exception(exception) = r!(s) else {
                        return Err(Fault::Internal("no exception"));
                    };
                    return Err(Fault::Raised(exception));
                }
                Op::Catches { d, s, class } => {
                    save!();
                    let (exception, class) = (r!(s), r!(class));
                    let catches = self.catches(exception, class)?;
                    window!();
                    r!(d) = Value::Bool(catches);
                }
                Op::MakeFunction {
                    few,
                    d,
                    c,
                    base: first,
                } => {
                    save!();
                    let defaults: Vec<Value<'a>> =
                        registers[first.index()..][..usize::from(few.0)].to_vec();
                    let made = self.make_function(function, c.index(), &defaults, base)?;
                    window!();
                    r!(d) = made;
                }
                Op::Import { d, k } => {
                    save!();
                    let name = function.code.name_of(k);
                    match builtins::module(name) {
                        Some(module) => r!(d) = Value::Module(module),
                        None => {
                            let text = format_args!("No module named '{name}'");
                            return Err(self.context.raise(Class::ModuleNotFoundError, text));
                        }
                    }
                }
                Op::ImportFrom { d, s, k } => {
                    save!();
                    let module = r!(s);
                    let name = function.code.name_of(k);
                    match builtins::attribute(&mut self.context, module, name)? {
                        Some(found) => r!(d) = found,
                        None => {
                            let from = match module {
                                Value::Module(module) => module.name,
                                _ => "?",
                            };
                            let text = format_args!("cannot import name '{name}' from '{from}'");
                            return Err(self.context.raise(Class::ImportError, text));
                        }
                    }
                }

                Op::HasConst { d, o, k } => {
                    save!();
                    let (container, key) = (r!(o), k!(k));
                    let holds = match (container, key) {
                        (Value::Dict(dict), Value::Str(text)) => {
                            let memory = function.code.memory(k);
                            if let Memory::Place(place) = memory.get()
                                && dict.holds_at(place as usize, text)
                            {
                                true
                            } else if let Some(place) = dict.find(key, text.hash()) {
                                memory.set(Memory::Place(place as u32));
                                function.code.adopt(k, dict.key_at(place));
                                true
                            } else {
                                false
                            }
                        }
                        _ => arithmetic::compare(
                            &mut self.context,
                            operand::Compare::In,
                            key,
                            container,
                        )?,
                    };
                    branch!(d, holds);
                }
                Op::JumpUnlessInt { s, to } => {
                    if !matches!(r!(s), Value::Int(_)) {
                        pc = to.index();
                    }
                }
                Op::TextOfInt { d, s } => {
                    save!();
                    let value = r!(s);
                    r!(d) = print::str_of(&mut self.context, value)?;
                }
                Op::JoinInt { d, a, s } => {
                    save!();
                    let (Value::Str(text), Value::Int(number)) = (r!(a), r!(s)) else {
                        return Err(Fault::Internal("no text or no int"));
                    };
                    r!(d) = print::with_int(&mut self.context, text, number)?;
                }
                Op::FloatOfInt { d, s } => {
                    let Value::Int(number) = r!(s) else {
                        return Err(Fault::Internal("no int"));
                    };
                    r!(d) = Value::Float(number as f64);
                }
                Op::Enter { few } => {
                    save!();
                    if self.frames.len() + usize::from(few.0) > FRAMES_MAX {
                        return Err(self.too_deep());
                    }
                    if self.context.budget().tick() {
                        return Ok(Slice::Yielded);
                    }
                }
                Op::Step { d, s } => {
                    save!();
                    let statement = r!(s);
                    let called = self.process_step(statement, base + d.index())?;
                    finish_call!(called, d);
                }

                Op::LoadDynamic { d, k } => {
                    save!();
                    let name = function.code.text(&mut self.context, k)?;
                    let (locals, globals) = (registers[0], registers[1]);
                    let found = [locals, globals].into_iter().find_map(|place| match place {
                        Value::Dict(dict) => dict.get_text(name),
                        _ => None,
                    });
                    let found = match found {
                        None if registers[2].is_true() => builtins::global(name.as_str()),
                        found => found,
                    };
                    match found {
                        Some(value) => r!(d) = value,
                        None => return Err(self.undefined(name.as_str())),
                    }
                }
                Op::LoadName { d, k } => {
                    save!();
                    let name = function.code.text(&mut self.context, k)?;
                    let found = self.visible_at(name, function.code, k);
                    window!();
                    match found {
                        Some(value) => r!(d) = value,
                        None => return Err(self.undefined(name.as_str())),
                    }
                }
                Op::TryName { d, k } => {
                    save!();
                    let name = function.code.text(&mut self.context, k)?;
                    let found = self.visible_at(name, function.code, k);
                    window!();
                    if let Some(value) = found {
                        r!(d) = value;
                        pc += 1;
                    }
                }
                Op::LoadNameOrText { d, k } => {
                    save!();
                    let name = function.code.text(&mut self.context, k)?;
                    let found = self.visible(name).unwrap_or(Value::Str(name));
                    window!();
                    r!(d) = found;
                }
                Op::LookUp { d, s } => {
                    save!();
                    let value = r!(s);
                    let found = self.look_up(value)?;
                    window!();
                    r!(d) = found;
                }
                Op::StoreShared { k, s } => {
                    save!();
                    let key = k!(k);
                    let value = r!(s);
                    if let Value::Str(name) = key {
                        let memory = function.code.memory(k);
                        let (shared, frame) = memory.get().of_variable();
                        if self.host.variables.holds_at(shared, name) {
                            self.host.variables.set_at(shared, value);
                            continue;
                        }
                        self.context.insert(self.host.variables, key, value)?;
                        if let Some(shared) = self.host.variables.find(key, name.hash()) {
                            memory.set(Memory::variable(shared, frame));
                        }
                    } else {
                        self.context.insert(self.host.variables, key, value)?;
                    }
                }
                Op::Assign { k, s } => {
                    save!();
                    let key = k!(k);
                    let value = r!(s);
                    if let Value::Str(name) = key {
                        let scope = self.scope;
                        let memory = function.code.memory(k);
                        let (shared, frame) = memory.get().of_variable();
                        if scope.holds_at(frame, name) && self.host.variables.holds_at(shared, name)
                        {
                            scope.set_at(frame, value);
                            self.host.variables.set_at(shared, value);
                            continue;
                        }
                        self.assign(key, value)?;
                        window!();
                        if let (Some(shared), Some(frame)) = (
                            self.host.variables.find(key, name.hash()),
                            scope.find(key, name.hash()),
                        ) {
                            memory.set(Memory::variable(shared, frame));
                        }
                    } else {
                        self.assign(key, value)?;
                        window!();
                    }
                }
                Op::Bounds { d, s } => {
                    save!();
                    let value = r!(s);
                    let bound = self.bound(value)?;
                    window!();
                    r!(d) = bound;
                }
                Op::Count { d, a, b } => {
                    save!();
                    let (Value::Int(start), Value::Int(end)) = (r!(a), r!(b)) else {
                        return Err(Fault::Internal("a loop without bounds"));
                    };
                    let range = Range {
                        start,
                        stop: end.saturating_add(1),
                        step: 1,
                    };
                    r!(d) = Value::Iter(self.context.iter_over(Source::Range(range))?);
                }
                Op::Command {
                    few,
                    d,
                    base: first,
                    s,
                } => {
                    save!();
                    self.command(
                        s,
                        base + first.index(),
                        usize::from(few.0),
                        base + d.index(),
                    )?;
                    reload!();
                    if self.context.budget().tick() {
                        return Ok(Slice::Yielded);
                    }
                }
                Op::CallScript {
                    few,
                    d,
                    base: first,
                    s,
                } => {
                    save!();
                    self.call_script(
                        s,
                        base + first.index(),
                        usize::from(few.0),
                        base + d.index(),
                    )?;
                    reload!();
                    if self.context.budget().tick() {
                        return Ok(Slice::Yielded);
                    }
                }
                Op::RunPart { d, s } => {
                    save!();
                    self.run_part(s, base + d.index())?;
                    reload!();
                }
                Op::Fail { s } => {
                    save!();
                    return Err(self.site_error(s));
                }
                Op::Begin { .. } => {
                    self.begin();
                    window!();
                }
                Op::End { t } => {
                    self.end(t.0, None);
                    window!();
                }
                Op::Failed { s, t } => {
                    save!();
                    let exception = r!(s);
                    self.failed(exception, t.0)?;
                    window!();
                }
            }
        }
    }

    /// Put the items of a value into registers; `after`: how many come after the starred one.
    fn unpack(
        &mut self,
        value: Value<'a>,
        first: usize,
        count: usize,
        after: Option<usize>,
    ) -> Result<(), Fault<'a>> {
        let items: &'a List<'a> = match value {
            Value::List(list) => list,
            other => match self.context.iterate(other) {
                Ok(iter) => self.context.collect(Value::Iter(iter))?,
                Err(Fault::Raised(_)) => {
                    let kind = other.type_of().name();
                    let text = format_args!("cannot unpack non-iterable {kind} object");
                    return Err(self.context.raise(Class::TypeError, text));
                }
                Err(fault) => return Err(fault),
            },
        };
        let found = items.len();
        let needed = count + after.unwrap_or_default();
        if found < needed || (after.is_none() && found > needed) {
            let text = if found > needed {
                format!("too many values to unpack (expected {needed})")
            } else if after.is_some() {
                format!("not enough values to unpack (expected at least {needed}, got {found})")
            } else {
                format!("not enough values to unpack (expected {needed}, got {found})")
            };
            return Err(self.context.raise(Class::ValueError, text));
        }
        let items = items.items();
        for (place, item) in items.iter().take(count).enumerate() {
            self.stack[first + place] = item.get();
        }
        if let Some(after) = after {
            let rest: Vec<Value<'a>> = items[count..found - after].iter().map(Cell::get).collect();
            self.stack[first + count] = Value::List(self.context.list(&rest)?);
            for place in 0..after {
                self.stack[first + count + 1 + place] = items[found - after + place].get();
            }
        }
        Ok(())
    }

    /// What messages call something that is called.
    fn name_of(callee: Value<'a>) -> &'a str {
        match callee {
            Value::Function(function) => function.code.name(),
            Value::Native(native) => native.name,
            Value::Method(method) => method.native.name,
            Value::Type(kind) => kind.name(),
            _ => "?",
        }
    }

    /// `raise value from cause`
    fn raise(&mut self, value: Value<'a>, cause: Value<'a>) -> Fault<'a> {
        let made = match value {
            Value::Exception(exception) => exception,
            Value::Type(Type::Exception(class)) => match self.context.exception(class, &[]) {
                Ok(exception) => exception,
                Err(fault) => return fault,
            },
            _ => {
                return self.context.raise(
                    Class::TypeError,
                    "exceptions must derive from BaseException",
                );
            }
        };
        if let Value::Exception(cause) = cause {
            made.set_cause(Some(cause));
        }
        Fault::Raised(made)
    }

    /// Does an `except` clause catch an exception?
    fn catches(&mut self, exception: Value<'a>, class: Value<'a>) -> Result<bool, Fault<'a>> {
        let Value::Exception(exception) = exception else {
            return Err(Fault::Internal("no exception was caught"));
        };
        let is_a = |class: Value<'a>| match class {
            Value::Type(Type::Exception(class)) => Some(exception.class().is_a(class)),
            _ => None,
        };
        let all = match class {
            Value::Tuple(tuple) => tuple.items(),
            _ => &[class],
        };
        for class in all {
            match is_a(*class) {
                Some(true) => return Ok(true),
                Some(false) => {}
                None => {
                    let text =
                        "catching classes that do not inherit from BaseException is not allowed";
                    return Err(self.context.raise(Class::TypeError, text));
                }
            }
        }
        Ok(false)
    }

    /// `def` or `lambda` executed.
    fn make_function(
        &mut self,
        around: &'a Function<'a>,
        child: usize,
        defaults: &[Value<'a>],
        base: usize,
    ) -> Result<Value<'a>, Fault<'a>> {
        let code = around.code.child(&mut self.context, child)?;
        let arena = self.context.arena();
        let mut closure = Vec::with_capacity(code.code().captures.len());
        for capture in &code.code().captures {
            closure.push(match capture {
                crate::bytecode::Capture::Register(register) => {
                    match self.stack[base + usize::from(*register)] {
                        Value::Cell(cell) => cell,
                        _ => return Err(Fault::Internal("a captured variable is not shared")),
                    }
                }
                crate::bytecode::Capture::Free(index) => around.closure[usize::from(*index)],
            });
        }
        let closure = arena.alloc_slice(&closure)?;
        let defaults = arena.alloc_slice(defaults)?;
        Ok(Value::Function(arena.alloc(Function {
            code,
            globals: around.globals,
            closure,
            defaults,
        })?))
    }
}

/// Pay for the next turns of a loop over a range. There may be some that are paid for, in a slice that is over.
#[cold]
#[inline(never)]
fn pay_turns(budget: &mut Budget, source: &Iter<'_>) -> Turns {
    if budget.is_over() {
        return Turns::Over;
    }
    let turns = source.next_block();
    let is_over = budget.take(turns.max(1));
    match (turns, is_over) {
        (0, _) => Turns::None,
        (_, true) => Turns::Over,
        (_, false) => Turns::Paid,
    }
}

/// An order of two floats; nothing for what is not one.
#[inline]
const fn compare_floats(kind: operand::Compare, left: f64, right: f64) -> Option<bool> {
    Some(match kind {
        operand::Compare::Lt => left < right,
        operand::Compare::Le => left <= right,
        operand::Compare::Gt => left > right,
        operand::Compare::Ge => left >= right,
        _ => return None,
    })
}

/// A comparison of two ints; nothing for `in`, which raises.
#[inline]
pub(super) const fn compare_ints(kind: operand::Compare, left: i64, right: i64) -> Option<bool> {
    Some(match kind {
        operand::Compare::Eq | operand::Compare::Is => left == right,
        operand::Compare::Ne | operand::Compare::IsNot => left != right,
        operand::Compare::Lt => left < right,
        operand::Compare::Le => left <= right,
        operand::Compare::Gt => left > right,
        operand::Compare::Ge => left >= right,
        operand::Compare::In | operand::Compare::NotIn => return None,
    })
}
