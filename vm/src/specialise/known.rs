//! What is known of a register while a definition is specialised, and computing with it.

use crate::bytecode::Constant;
use crate::bytecode::operand::{Binary, Compare, Unary};
use crate::limits::FUEL_MAX;
use crate::run::arena::Arena;
use crate::run::budget::Budget;
use crate::run::builtins::arguments::{Bound, bind};
use crate::run::builtins::{self, Args, NativeDef, Run, find_method, type_def};
use crate::run::context::Context;
use crate::run::kind::Type;
use crate::run::ops::arithmetic;
use crate::run::random::Random;
use crate::run::text::Text;
use crate::run::value::Value;

/// Bytes of a text that is computed ahead.
const TEXT_BYTES_MAX: usize = 256;

/// Bytes that one computation may take.
const SCRATCH_BYTES: usize = 64 << 10;

/// A value of the execution that specialised code gets in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// `self`
    Executor,
    /// `self.conector`
    Connector,
    /// `self.conector.variables`
    Variables,
    /// `self.conector.results`
    Results,
    /// `task["branches"]["true"]`
    Yes,
    /// `task["branches"]["false"]`
    No,
    /// `task["sequence"]`
    Sequence,
    /// `task["context"]`
    Target,
}

impl Input {
    /// How many there are.
    pub const COUNT: usize = 8;

    /// All of them, by number.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Executor,
        Self::Connector,
        Self::Variables,
        Self::Results,
        Self::Yes,
        Self::No,
        Self::Sequence,
        Self::Target,
    ];
}

/// What is known of a value that only exists when the code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Any,
    Bool,
    Int,
    Float,
    Text,
}

/// What is known of a register of the definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Known {
    /// It is not read before it is written.
    Dead,
    /// It is unbound.
    Unset,
    /// Its value is in the register of its own.
    Own(Kind),
    /// A constant, by number.
    Constant(u32),
    /// An argument, which is the constant of this number.
    Literal(u16, u32),
    /// An argument.
    Argument(u16),
    /// A value of the execution.
    Input(Input),
    /// `task`
    Task,
    /// `task["properties"]`
    Properties,
    /// The values of `task["properties"]` as a view.
    PropertyValues,
    /// A list of them that nothing else holds.
    PropertyList,
    /// `task["branches"]`
    Branches,
    /// A function of the definition, by number of its code.
    Function(u16),
    /// The int of 64 bits in a register that keeps it.
    IntIn(u16),
    /// `str` of the int in a register that keeps it.
    TextOf(u16),
    /// A new list without items, not made yet.
    NewList,
}

impl Known {
    pub(super) const ANY: Self = Self::Own(Kind::Any);
}

/// The constants met so far, each once.
#[derive(Debug, Default)]
pub(super) struct Constants {
    all: Vec<Constant>,
}

impl Constants {
    /// The number of a constant.
    pub(super) fn number(&mut self, constant: Constant) -> u32 {
        let same = |known: &Constant| match (known, &constant) {
            (Constant::Float(known), Constant::Float(number)) => {
                known.to_bits() == number.to_bits()
            }
            (known, constant) => known == constant,
        };
        match self.all.iter().position(same) {
            Some(place) => place as u32,
            None => {
                self.all.push(constant);
                self.all.len() as u32 - 1
            }
        }
    }

    pub(super) fn get(&self, number: u32) -> &Constant {
        &self.all[number as usize]
    }
}

/// Do something with values outside of any execution. What raises, is not done ahead.
fn ahead(compute: impl for<'s> FnOnce(&mut Context<'s>) -> Option<Value<'s>>) -> Option<Constant> {
    let arena = Arena::new(SCRATCH_BYTES);
    let mut budget = Budget::new(FUEL_MAX);
    budget.grant(1 << 16).ok()?;
    let mut context = Context::new(&arena, budget, 0, Random::new(0));
    match compute(&mut context)? {
        Value::None => Some(Constant::None),
        Value::Bool(flag) => Some(Constant::Bool(flag)),
        Value::Int(number) => Some(Constant::Int(number)),
        Value::Float(number) => Some(Constant::Float(number)),
        Value::Str(text) if text.as_str().len() <= TEXT_BYTES_MAX => {
            Some(Constant::Text(text.as_str().into()))
        }
        _ => None,
    }
}

fn value_of<'s>(context: &mut Context<'s>, constant: &Constant) -> Option<Value<'s>> {
    Some(match constant {
        Constant::None => Value::None,
        Constant::Bool(flag) => Value::Bool(*flag),
        Constant::Int(number) => Value::Int(*number),
        Constant::Float(number) => Value::Float(*number),
        Constant::Text(text) => {
            let text = context.arena().alloc_str(text).ok()?;
            Value::Str(context.arena().alloc(Text::new(text)).ok()?)
        }
        Constant::Builtin(name) => builtins::global(name)?,
        Constant::Big(_) | Constant::Bytes(_) | Constant::Names(_) | Constant::Ellipsis => {
            return None;
        }
    })
}

fn run<'s>(
    context: &mut Context<'s>,
    native: &'static NativeDef,
    receiver: Value<'s>,
    given: &[Value<'s>],
) -> Option<Value<'s>> {
    let Run::Plain(run) = native.run else {
        return None;
    };
    let bound = bind(context, native, receiver, given, &[]).ok()?;
    let given = match &bound {
        Bound::AsGiven => given,
        Bound::Placed(placed) => placed,
    };
    let args = Args {
        receiver,
        given,
        named: &[],
    };
    run(context, args).ok()
}

/// `receiver.name(…)` of a text or number: all their methods depend on nothing else.
pub(super) fn method(receiver: &Constant, name: &str, given: &[&Constant]) -> Option<Constant> {
    ahead(|context| {
        let receiver = value_of(context, receiver)?;
        if matches!(receiver, Value::Type(_) | Value::Native(_) | Value::None) {
            return None;
        }
        let native = find_method(receiver.type_of(), name)?;
        let mut values = Vec::with_capacity(given.len());
        for constant in given {
            values.push(value_of(context, constant)?);
        }
        run(context, native, receiver, &values)
    })
}

/// `name(…)` of a built-in that depends on nothing but its arguments.
pub(super) fn call(name: &str, given: &[&Constant]) -> Option<Constant> {
    if !matches!(
        name,
        "str" | "int" | "float" | "bool" | "len" | "isinstance" | "abs" | "repr"
    ) {
        return None;
    }
    ahead(|context| {
        let native = match builtins::global(name)? {
            Value::Native(native) => native,
            Value::Type(kind) => type_def(kind).construct?,
            _ => return None,
        };
        let mut values = Vec::with_capacity(given.len());
        for constant in given {
            values.push(value_of(context, constant)?);
        }
        run(context, native, Value::Unset, &values)
    })
}

/// `left op right`
pub(super) fn binary(op: Binary, left: &Constant, right: &Constant) -> Option<Constant> {
    ahead(|context| {
        let (left, right) = (value_of(context, left)?, value_of(context, right)?);
        arithmetic::binary(context, op, left, right).ok()
    })
}

/// `op value`
pub(super) fn unary(op: Unary, value: &Constant) -> Option<Constant> {
    ahead(|context| {
        let value = value_of(context, value)?;
        arithmetic::unary(context, op, value).ok()
    })
}

/// `left op right` of a comparison.
pub(super) fn compare(op: Compare, left: &Constant, right: &Constant) -> Option<bool> {
    let holds = ahead(|context| {
        let (left, right) = (value_of(context, left)?, value_of(context, right)?);
        Some(Value::Bool(
            arithmetic::compare(context, op, left, right).ok()?,
        ))
    });
    match holds {
        Some(Constant::Bool(holds)) => Some(holds),
        _ => None,
    }
}

/// The truth of a constant.
pub(super) fn truth(constant: &Constant) -> Option<bool> {
    let holds = ahead(|context| Some(Value::Bool(value_of(context, constant)?.is_true())));
    match holds {
        Some(Constant::Bool(holds)) => Some(holds),
        _ => None,
    }
}

/// `isinstance(value, type)` of a value of which only the type is known.
pub(super) fn is_instance(kind: Type, of: &Constant) -> Option<bool> {
    let Constant::Builtin(name) = of else {
        return None;
    };
    match builtins::global(name)? {
        Value::Type(of) => Some(kind.is_subtype_of(of)),
        _ => None,
    }
}
