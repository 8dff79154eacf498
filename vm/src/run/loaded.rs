//! Code as one execution uses it: constants made into values once, and what instructions remember.

use std::cell::Cell;

use super::arena::{Arena, QuotaReached};
use super::builtins::{self, AttributeDef, NativeDef};
use super::context::Context;
use super::fault::{Class, Fault};
use super::kind::Type;
use super::text::Text;
use super::value::Value;
use crate::bytecode::operand::Const;
use crate::bytecode::{Code, Constant};

/// Where an instruction found something last time.
#[derive(Clone, Copy, Debug, Default)]
pub enum Memory {
    /// Nowhere yet.
    #[default]
    Nothing,
    /// At this place of a dict.
    Place(u32),
    /// A script's variable, at these places of the shared map and of the frame; `u32::MAX`: of no place there.
    Variable(u32, u32),
    /// This method of this type.
    Method(Type, &'static NativeDef),
    /// This attribute of this type.
    Attribute(Type, &'static AttributeDef),
}

impl Memory {
    /// Where a script's variable may be in the shared map and in the frame.
    #[inline]
    #[must_use]
    pub const fn of_variable(self) -> (usize, usize) {
        match self {
            Self::Variable(shared, frame) => (shared as usize, frame as usize),
            _ => (u32::MAX as usize, u32::MAX as usize),
        }
    }

    /// A script's variable at these places.
    #[inline]
    #[must_use]
    pub const fn variable(shared: usize, frame: usize) -> Self {
        Self::Variable(shared as u32, frame as u32)
    }
}

/// One function's code in an execution.
#[derive(Debug)]
pub struct Loaded<'a> {
    code: &'a Code,
    constants: &'a [Cell<Value<'a>>],
    /// One for each constant: instructions that look the same name up share it.
    memories: &'a [Cell<Memory>],
    children: &'a [Cell<Option<&'a Loaded<'a>>>],
    /// Module-level names by slot.
    globals: &'a [Box<str>],
    /// Arguments that it takes, when it takes them by position only and each has a register; else `u32::MAX`.
    arity: u32,
}

impl<'a> Loaded<'a> {
    /// Code that is ready to run. Nothing of it is made before it is used.
    pub fn new(
        context: &mut Context<'a>,
        code: &'a Code,
        globals: &'a [Box<str>],
    ) -> Result<&'a Loaded<'a>, Fault<'a>> {
        let arena = context.arena();
        let count = code.constants.len();
        let parameters = &code.parameters;
        let plain = usize::from(parameters.positional) == parameters.names.len()
            && parameters.rest_names.is_empty()
            && !code.is_generator;
        let arity = if plain {
            u32::from(parameters.positional)
        } else {
            u32::MAX
        };
        Ok(arena.alloc(Loaded {
            code,
            constants: arena.alloc_cells(count, Value::Unset)?,
            memories: arena.alloc_cells(count, Memory::Nothing)?,
            children: arena.alloc_cells(code.children.len(), None)?,
            globals,
            arity,
        })?)
    }

    /// The same code in another arena, where `code` and `globals` are these. Constants and children are still missing.
    pub fn outline<'b>(
        &self,
        arena: &'b Arena,
        code: &'b Code,
        globals: &'b [Box<str>],
    ) -> Result<&'b Loaded<'b>, QuotaReached> {
        arena.alloc(Loaded {
            code,
            constants: arena.alloc_cells(self.constants.len(), Value::Unset)?,
            memories: arena
                .alloc_slice_with(self.memories.len(), |place| self.memories[place].clone())?,
            children: arena.alloc_cells(self.children.len(), None)?,
            globals,
            arity: self.arity,
        })
    }

    /// Places of the constants' values.
    #[must_use]
    pub const fn constants(&self) -> &'a [Cell<Value<'a>>] {
        self.constants
    }

    /// Places of the functions inside.
    #[must_use]
    pub const fn children(&self) -> &'a [Cell<Option<&'a Loaded<'a>>>] {
        self.children
    }

    /// Do so many arguments by position fill its registers as they stand?
    #[inline]
    #[must_use]
    pub const fn takes(&self, count: usize) -> bool {
        self.arity as usize == count
    }

    /// The code itself.
    #[inline]
    #[must_use]
    pub const fn code(&self) -> &'a Code {
        self.code
    }

    /// Name of the function it came from.
    #[must_use]
    pub fn name(&self) -> &'a str {
        &self.code.name
    }

    /// The name of a module-level slot.
    #[must_use]
    pub fn global_name(&self, slot: usize) -> &'a str {
        self.globals.get(slot).map_or("?", |name| name)
    }

    /// Names of all module-level slots.
    #[must_use]
    pub const fn global_names(&self) -> &'a [Box<str>] {
        self.globals
    }

    /// A constant's value, if it was made.
    #[inline]
    #[must_use]
    pub fn made(&self, constant: Const) -> Value<'a> {
        self.constants[constant.index()].get()
    }

    /// A constant's value.
    #[inline]
    pub fn constant(
        &self,
        context: &mut Context<'a>,
        constant: Const,
    ) -> Result<Value<'a>, Fault<'a>> {
        let known = self.constants[constant.index()].get();
        if known.is_unset() {
            self.make(context, constant)
        } else {
            Ok(known)
        }
    }

    /// Use an equal text in a constant's place.
    pub fn adopt(&self, constant: Const, text: Value<'a>) {
        self.constants[constant.index()].set(text);
    }

    /// A constant that is a text.
    #[inline]
    pub fn text(
        &self,
        context: &mut Context<'a>,
        constant: Const,
    ) -> Result<&'a Text<'a>, Fault<'a>> {
        match self.constant(context, constant)? {
            Value::Str(text) => Ok(text),
            _ => Err(Fault::Internal("a name that is no text")),
        }
    }

    /// The characters of a constant that is a text.
    #[must_use]
    pub fn name_of(&self, constant: Const) -> &'a str {
        self.code.constants[constant.index()]
            .as_text()
            .unwrap_or("?")
    }

    /// What the instructions with this name remember.
    #[inline]
    #[must_use]
    pub fn memory(&self, constant: Const) -> &'a Cell<Memory> {
        &self.memories[constant.index()]
    }

    /// A function inside.
    pub fn child(
        &self,
        context: &mut Context<'a>,
        index: usize,
    ) -> Result<&'a Loaded<'a>, Fault<'a>> {
        if let Some(known) = self.children[index].get() {
            return Ok(known);
        }
        let loaded = Self::new(context, &self.code.children[index], self.globals)?;
        self.children[index].set(Some(loaded));
        Ok(loaded)
    }

    #[cold]
    fn make(&self, context: &mut Context<'a>, constant: Const) -> Result<Value<'a>, Fault<'a>> {
        let value = match &self.code.constants[constant.index()] {
            Constant::None => Value::None,
            Constant::Bool(flag) => Value::Bool(*flag),
            Constant::Int(number) => Value::Int(*number),
            Constant::Float(number) => Value::Float(*number),
            Constant::Big(number) => context.big(number)?,
            Constant::Text(text) => {
                let hash = self.code.hashes[constant.index()];
                Value::Str(context.arena().alloc(Text::with_hash(text, hash))?)
            }
            Constant::Bytes(bytes) => {
                Value::Bytes(context.arena().alloc(super::value::Bytes(bytes))?)
            }
            Constant::Names(names) => {
                let list = context.empty_list()?;
                for name in names {
                    let name = context.text_over(name)?;
                    context.push(list, name)?;
                }
                Value::List(list)
            }
            Constant::Builtin(name) => match builtins::global(name) {
                Some(value) => value,
                None => {
                    let name = name.trim_end();
                    return Err(context.raise(
                        Class::NameError,
                        format_args!("name '{name}' is not defined"),
                    ));
                }
            },
            Constant::Ellipsis => Value::Ellipsis,
        };
        self.constants[constant.index()].set(value);
        Ok(value)
    }
}
