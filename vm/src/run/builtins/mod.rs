//! Built-in functions, methods, types and modules: tables of native code.
//!
//! # How to add one
//!
//! 1. Write a function of the shape [`NativeFn`] in the file of its family (`text.rs` for `str`'s methods, `re.rs` for
//!    the module `re`, …):
//!
//!    ```text
//!    fn replace<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
//!        let text = args.receiver_text(context)?;          // methods only: the value before the dot
//!        let old = args.text(context, 0, "replace")?;      // TypeError when it is no text
//!        let count = args.get(2);                          // None when left out
//!        context.charge_bytes(text.as_str().len())?;       // before the work, by the bytes it will touch
//!        …
//!        context.finish(builder)                           // a new value, within the quota
//!    }
//!    ```
//!
//! 2. Put it into the family's table: `method("replace", between(2, 3), replace)`. The table is the only place that
//!    knows its arity; [`bind`](arguments::bind) checks it before the call and words the error as CPython does. Arguments
//!    with names: `named(&[required("sep"), optional("maxsplit")])`; the native gets them by position, whichever way they
//!    were given, and those left out as `None` from [`Args::get`].
//!
//! 3. A new family: a table of its own, and a line in [`type_def`] (methods, attributes and class members of a type), in
//!    [`MODULES`] (`import`), or in [`functions::FUNCTIONS`] (global names). A new kind of object: see `object.rs`; its
//!    printing is a line in [`write_object`].
//!
//! # Rules
//!
//! * **Charge first.** `context.charge_bytes(n)` before touching n bytes, `context.charge(1)` for each item of a loop.
//!   It fails when the fuel does not allow the work, so that nothing has been done yet. Worse than linear work is charged
//!   as what it is.
//! * **Memory is the arena's.** New texts go through [`Context::builder`] (bounded by the quota) or [`Context::text`];
//!   parts of a text need no copy ([`Context::text_over`]). A native that would make one huge value asks
//!   `arena().remaining_bytes()` first. Nothing on the heap may survive the call: arena values are never dropped.
//! * **No native recursion on values.** Nested values are worked off from a list (`ops/print.rs`, `ops/compare.rs` show
//!   how), or with a depth bound that raises `RecursionError`.
//! * **No clock, no random source, no files**: `context.now_us()`, `context.random()`.
//! * **Errors** are `context.raise(Class::ValueError, format_args!(…))` with CPython 3.11's words: scripts see them.
//!   `Fault::Limit` is never caught or made by hand except for quotas. `Fault::Internal` says that the machine is wrong.
//! * **Callbacks.** Native code cannot call a function of a definition: frames are data and a slice may end inside it.
//!   A native that takes a function is [`Run::Calls`]: it returns [`Calls::Each`] with the items to call it on, the
//!   machine makes the calls and gives items and results to `finish`. `sorted`, `min`, `max`, `map`, `filter`, `re.sub`
//!   with a function are all of this shape.
//! * **Generators** never reach native code: the machine drains them into a list first.
//! * **Tests** stand beside the family (`text_tests.rs`), each with what CPython 3.11 gives.

pub mod arguments;
mod ast;
mod attributes;
mod bytes;
mod bytes_parts;
mod codec;
mod connector;
pub mod datetime;
mod dict;
mod effects;
mod exceptions;
mod float;
mod functions;
pub mod hashlib;
mod int;
mod iterators;
mod json;
mod list;
mod numeric;
mod objects;
pub mod re;
mod set;
mod sort;
mod system;
mod text;
mod text_format;
mod text_layout;
mod text_search;
mod text_split;
mod text_translate;

pub use arguments::Args;
pub use attributes::{attribute, find_method, own_attribute, owner_of};
pub use connector::set_attribute;
pub use dict::update_from as update_dict;
pub use float::float_of;
pub use functions::{ascii_of as ascii, format_by as format, length};
pub use int::int_of;
pub use json::read as read_json;
pub use list::{extend as extend_list, tuple_of};
pub use objects::{
    binary as object_binary, format as format_object, item as object_item, order as object_order,
    unary as object_unary, write as write_object,
};

use super::context::Context;
use super::fault::{Class, Fault};
use super::kind::Type;
use super::list::List;
use super::value::Value;

/// Native code: arguments to a value.
pub type NativeFn = for<'a, 'r> fn(&mut Context<'a>, Args<'a, 'r>) -> Result<Value<'a>, Fault<'a>>;

/// Native code that needs functions called.
pub type CallsFn = for<'a, 'r> fn(&mut Context<'a>, Args<'a, 'r>) -> Result<Calls<'a>, Fault<'a>>;

/// The end of a [`Calls::Each`]: the items, what the function gave for each, and `extra` as it was.
pub type FinishFn = for<'a> fn(
    &mut Context<'a>,
    &'a List<'a>,
    &'a List<'a>,
    Value<'a>,
) -> Result<Value<'a>, Fault<'a>>;

/// What a [`CallsFn`] asks for.
#[derive(Clone, Copy, Debug)]
pub enum Calls<'a> {
    /// No calls are needed: this is the value.
    Done(Value<'a>),
    /// Call `function` on each item, then `finish`.
    Each {
        /// What to call.
        function: Value<'a>,
        /// Arguments of the calls.
        items: &'a List<'a>,
        /// Each item is a tuple of arguments (`map` over several iterables).
        spread: bool,
        /// Makes the value of it all.
        finish: FinishFn,
        /// For `finish`.
        extra: Value<'a>,
    },
}

/// What only the machine can do, because it touches frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// `next(iterator, default)`
    Next,
    /// `any(iterable)`
    Any,
    /// `all(iterable)`
    All,
    /// `eval(text, globals, locals)`
    Eval,
    /// `globals()`, `locals()` at module level
    Globals,
    /// `self.process_step(node)`
    ProcessStep,
}

/// How native code runs.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// At once.
    Plain(NativeFn),
    /// With calls back.
    Calls(CallsFn),
    /// By the machine itself.
    Special(Special),
}

/// A parameter that has a name.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name; empty: by position only.
    pub name: &'static str,
    /// It must be given.
    pub required: bool,
    /// It can be given by name only.
    pub keyword_only: bool,
}

/// What a native takes.
#[derive(Clone, Copy, Debug)]
pub enum Params {
    /// So many, by position.
    Positional(u8, u8),
    /// These, by position or name.
    Named(&'static [Param]),
    /// Anything; the native looks at [`Args::named`] itself.
    Any,
}

/// A built-in function or method.
#[derive(Debug)]
pub struct NativeDef {
    /// Its name.
    pub name: &'static str,
    /// It has a receiver.
    pub is_method: bool,
    /// What it takes.
    pub params: Params,
    /// What it does.
    pub run: Run,
}

/// A method.
#[must_use]
pub const fn method(name: &'static str, params: Params, run: NativeFn) -> NativeDef {
    NativeDef {
        name,
        is_method: true,
        params,
        run: Run::Plain(run),
    }
}

/// A function.
#[must_use]
pub const fn function(name: &'static str, params: Params, run: NativeFn) -> NativeDef {
    NativeDef {
        name,
        is_method: false,
        params,
        run: Run::Plain(run),
    }
}

/// A function that calls back.
#[must_use]
pub const fn calling(name: &'static str, params: Params, run: CallsFn) -> NativeDef {
    NativeDef {
        name,
        is_method: false,
        params,
        run: Run::Calls(run),
    }
}

/// A method that calls back.
#[must_use]
pub const fn calling_method(name: &'static str, params: Params, run: CallsFn) -> NativeDef {
    NativeDef {
        name,
        is_method: true,
        params,
        run: Run::Calls(run),
    }
}

/// A function of the machine.
#[must_use]
pub const fn special(name: &'static str, params: Params, run: Special) -> NativeDef {
    NativeDef {
        name,
        is_method: false,
        params,
        run: Run::Special(run),
    }
}

/// Exactly `count` arguments.
#[must_use]
pub const fn exactly(count: u8) -> Params {
    Params::Positional(count, count)
}

/// From `min` to `max` arguments.
#[must_use]
pub const fn between(min: u8, max: u8) -> Params {
    Params::Positional(min, max)
}

/// At least `min` arguments.
#[must_use]
pub const fn at_least(min: u8) -> Params {
    Params::Positional(min, u8::MAX)
}

/// Arguments with names.
#[must_use]
pub const fn named(params: &'static [Param]) -> Params {
    Params::Named(params)
}

/// A parameter that must be given.
#[must_use]
pub const fn required(name: &'static str) -> Param {
    Param {
        name,
        required: true,
        keyword_only: false,
    }
}

/// A parameter that may be left out.
#[must_use]
pub const fn optional(name: &'static str) -> Param {
    Param {
        name,
        required: false,
        keyword_only: false,
    }
}

/// A parameter that may be left out and is given by name.
#[must_use]
pub const fn keyword(name: &'static str) -> Param {
    Param {
        name,
        required: false,
        keyword_only: true,
    }
}

/// An attribute that is computed: `e.args`, `d.year`.
#[derive(Debug)]
pub struct AttributeDef {
    /// Its name.
    pub name: &'static str,
    /// Its value for a receiver of the type that the table belongs to.
    pub get: for<'a> fn(&mut Context<'a>, Value<'a>) -> Result<Value<'a>, Fault<'a>>,
}

/// A member of a module, or of a type itself (`datetime.now`, `dict.fromkeys`).
#[derive(Debug)]
pub enum Member {
    /// A function.
    Native(NativeDef),
    /// A type or exception class under a name.
    Type(&'static str, Type),
    /// A module inside the module.
    Module(&'static str, &'static ModuleDef),
    /// An int.
    Int(&'static str, i64),
    /// A float.
    Float(&'static str, f64),
    /// A text.
    Text(&'static str, &'static str),
    /// A value that is made when it is asked for.
    Made(&'static str, MakeFn),
}

/// Makes a member's value.
pub type MakeFn = for<'a> fn(&mut Context<'a>) -> Result<Value<'a>, Fault<'a>>;

impl Member {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Native(native) => native.name,
            Self::Type(name, _)
            | Self::Module(name, _)
            | Self::Int(name, _)
            | Self::Float(name, _)
            | Self::Text(name, _)
            | Self::Made(name, _) => name,
        }
    }

    /// Its value.
    pub fn value<'a>(&'static self, context: &mut Context<'a>) -> Result<Value<'a>, Fault<'a>> {
        Ok(match self {
            Self::Native(native) => Value::Native(native),
            Self::Type(_, kind) => Value::Type(*kind),
            Self::Module(_, module) => Value::Module(module),
            Self::Int(_, number) => Value::Int(*number),
            Self::Float(_, number) => Value::Float(*number),
            Self::Text(_, text) => context.text_over(text)?,
            Self::Made(_, make) => make(context)?,
        })
    }
}

/// A module that definitions import.
#[derive(Debug)]
pub struct ModuleDef {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub members: &'static [Member],
}

/// What a type holds.
#[derive(Debug, Default)]
pub struct TypeDef {
    /// Methods of its values.
    pub methods: &'static [NativeDef],
    /// Computed attributes of its values.
    pub attributes: &'static [AttributeDef],
    /// Members of the type itself.
    pub members: &'static [Member],
    /// What calling the type does.
    pub construct: Option<&'static NativeDef>,
}

/// Modules by the name that `import` takes.
pub static MODULES: &[&ModuleDef] = &[
    &ast::MODULE,
    &datetime::MODULE,
    &datetime::PYTZ,
    &effects::GRPC,
    &effects::REQUESTS,
    &effects::SQLALCHEMY,
    &effects::TORNADO,
    &hashlib::MODULE,
    &json::MODULE,
    &re::MODULE,
    &re::generate::EXREX,
    &system::MATH,
    &system::OS,
    &system::RANDOM,
    &system::TIME,
    &system::UUID_MODULE,
];

/// The module of a name.
#[must_use]
pub fn module(name: &str) -> Option<&'static ModuleDef> {
    MODULES.iter().copied().find(|module| module.name == name)
}

/// The built-in of a name: functions, then types, then exception classes.
#[must_use]
pub fn global<'a>(name: &str) -> Option<Value<'a>> {
    if let Some(native) = functions::FUNCTIONS
        .iter()
        .find(|native| native.name == name)
    {
        return Some(Value::Native(native));
    }
    if let Some(kind) = functions::TYPES.iter().find(|kind| kind.name() == name) {
        return Some(Value::Type(*kind));
    }
    match name {
        "Ellipsis" => return Some(Value::Ellipsis),
        "NotImplemented" => return Some(Value::NotImplemented),
        "EnvironmentError" | "IOError" => {
            return Some(Value::Type(Type::Exception(Class::OSError)));
        }
        _ => {}
    }
    Class::builtin(name).map(|class| Value::Type(Type::Exception(class)))
}

/// What the values of a type have.
#[must_use]
pub fn type_def(kind: Type) -> &'static TypeDef {
    static NOTHING: TypeDef = TypeDef {
        methods: &[],
        attributes: &[],
        members: &[],
        construct: None,
    };
    match kind {
        Type::Bool => &int::BOOL,
        Type::Bytes => &bytes::TYPE,
        Type::Date => &datetime::DATE,
        Type::DateTime => &datetime::DATETIME,
        Type::Dict => &dict::TYPE,
        Type::Enumerate => &iterators::ENUMERATE,
        Type::Filter => &iterators::FILTER,
        Type::Float => &float::TYPE,
        Type::FrozenSet => &set::FROZEN,
        Type::Hash => &hashlib::TYPE,
        Type::Int => &int::TYPE,
        Type::List => &list::TYPE,
        Type::Map => &iterators::MAP,
        Type::Match => &re::MATCH,
        Type::Object => &functions::OBJECT,
        Type::Pattern => &re::PATTERN,
        Type::Range => &iterators::RANGE,
        Type::Reversed => &iterators::REVERSED,
        Type::Set => &set::TYPE,
        Type::Slice => &iterators::SLICE,
        Type::Str => &text::TYPE,
        Type::Time => &datetime::TIME,
        Type::TimeDelta => &datetime::TIMEDELTA,
        Type::TimeZone => &datetime::TIMEZONE,
        Type::Tuple => &list::TUPLE,
        Type::Type => &functions::TYPE,
        Type::Uuid => &system::UUID,
        Type::Zip => &iterators::ZIP,
        Type::Zone => &datetime::ZONE,
        Type::Exception(class) if class.is_a(Class::OSError) => &exceptions::OS_ERROR,
        Type::Exception(_) => &exceptions::EXCEPTION,
        Type::Executor => &connector::EXECUTOR,
        Type::Connector => &connector::CONNECTOR,
        Type::Handler => &connector::HANDLER,
        Type::Request => &connector::REQUEST,
        Type::Logger => &connector::LOGGER,
        _ => &NOTHING,
    }
}
