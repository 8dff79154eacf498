//! What native code works with: the arena, the budget, the inputs, and the making of values and errors.

use std::cell::Cell;
use std::fmt::{Display, Write};

use super::arena::Arena;
use super::budget::Budget;
use super::builtins::re::Patterns;
use super::dict::{Dict, Set};
use super::exception::Exception;
use super::fault::{Class, Fault};
use super::hash::hash_value;
use super::host::Host;
use super::identity::Identities;
use super::list::{List, Tuple};
use super::os_error;
use super::random::Random;
use super::text::Text;
use super::value::{Bytes, Value};
use crate::limits::Limit;

/// The side of an execution that native code sees. It cannot call functions of scripts or definitions: see
/// `builtins::Run::Calls` for how that is done.
#[derive(Debug)]
pub struct Context<'a> {
    arena: &'a Arena,
    budget: Budget,
    random: Random,
    now_us: i64,
    host: Option<&'a Host<'a>>,
    patterns: Patterns<'a>,
    identities: Identities<'a>,
    /// Where short texts are joined before they are copied in.
    joining: String,
}

/// Bytes of a joined text that is made beside the arena: shorter ones are copied twice, but not looked at for being UTF-8.
const JOINED_BYTES_MAX: usize = 256;

impl<'a> Context<'a> {
    /// A context over an arena, with the inputs of one execution: `now_us` is UTC, microseconds since 1970.
    #[inline]
    #[must_use]
    pub fn new(arena: &'a Arena, budget: Budget, now_us: i64, random: Random) -> Self {
        Self {
            arena,
            budget,
            random,
            now_us,
            host: None,
            patterns: Patterns::default(),
            identities: Identities::default(),
            joining: String::new(),
        }
    }

    /// The same context over another arena.
    #[must_use]
    pub fn moved<'b>(
        &self,
        arena: &'b Arena,
        host: Option<&'b Host<'b>>,
        patterns: Patterns<'b>,
        identities: Identities<'b>,
    ) -> Context<'b> {
        Context {
            arena,
            budget: self.budget.clone(),
            random: self.random.clone(),
            now_us: self.now_us,
            host,
            patterns,
            identities,
            joining: String::new(),
        }
    }

    /// Numbers of the objects that were asked for theirs.
    #[must_use]
    pub const fn identities(&self) -> &Identities<'a> {
        &self.identities
    }

    /// `id(value)`: a number that stays when the object is moved.
    pub fn identify(&mut self, value: Value<'a>) -> Result<i64, Fault<'a>> {
        Ok(self.identities.number(self.arena, value)?)
    }

    /// The execution's memory.
    #[inline]
    #[must_use]
    pub fn arena(&self) -> &'a Arena {
        self.arena
    }

    /// The execution's units.
    #[inline]
    pub fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }

    /// The execution's random numbers, from its seed.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Regular expressions that were compiled in this execution.
    pub fn patterns(&mut self) -> &mut Patterns<'a> {
        &mut self.patterns
    }

    /// Those known so far.
    #[must_use]
    pub const fn known_patterns(&self) -> &Patterns<'a> {
        &self.patterns
    }

    /// The time as the script sees it: UTC, microseconds since 1970.
    #[must_use]
    pub fn now_us(&self) -> i64 {
        self.now_us
    }

    /// The executor's side of the execution; there is none in tests of native code alone.
    #[must_use]
    pub fn host(&self) -> Option<&'a Host<'a>> {
        self.host
    }

    /// Set [`Context::host`].
    pub fn set_host(&mut self, host: &'a Host<'a>) {
        self.host = Some(host);
    }

    /// Take units for native work that is about to be done: one for about 10 ns.
    #[inline]
    pub fn charge(&mut self, units: usize) -> Result<(), Fault<'a>> {
        Ok(self.budget.charge(units)?)
    }

    /// Take units for work over so many bytes.
    #[inline]
    pub fn charge_bytes(&mut self, bytes: usize) -> Result<(), Fault<'a>> {
        Ok(self.budget.charge_bytes(bytes)?)
    }

    /// A text value; the bytes are copied in and charged.
    #[inline(never)]
    pub fn text(&mut self, text: &str) -> Result<Value<'a>, Fault<'a>> {
        self.charge_bytes(text.len())?;
        let text = self.arena.alloc_str(text)?;
        self.text_over(text)
    }

    /// A text value of two texts as one; the bytes are copied in and charged.
    pub fn joined(&mut self, first: &str, second: &str) -> Result<Value<'a>, Fault<'a>> {
        let len = first.len() + second.len();
        self.charge_bytes(len)?;
        let text = if len > JOINED_BYTES_MAX {
            self.arena.alloc_concat(first, second)?
        } else {
            self.joining.clear();
            self.joining.push_str(first);
            self.joining.push_str(second);
            self.arena.alloc_str(&self.joining)?
        };
        self.text_over(text)
    }

    /// A text value over bytes that are in the arena (part of another text).
    #[inline]
    pub fn text_over(&mut self, text: &'a str) -> Result<Value<'a>, Fault<'a>> {
        Ok(Value::Str(self.arena.alloc(Text::new(text))?))
    }

    /// A text value of one character.
    pub fn character(&mut self, character: char) -> Result<Value<'a>, Fault<'a>> {
        let mut bytes = [0; 4];
        self.text(character.encode_utf8(&mut bytes))
    }

    /// A `bytes` value; the bytes are copied in and charged.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<Value<'a>, Fault<'a>> {
        self.charge_bytes(bytes.len())?;
        let bytes = self.arena.alloc_slice(bytes)?;
        Ok(Value::Bytes(self.arena.alloc(Bytes(bytes))?))
    }

    /// An empty list, to push into with [`Context::push`].
    pub fn empty_list(&mut self) -> Result<&'a List<'a>, Fault<'a>> {
        Ok(self.arena.alloc(List::new())?)
    }

    /// A list of the given items.
    pub fn list(&mut self, items: &[Value<'a>]) -> Result<&'a List<'a>, Fault<'a>> {
        self.charge_bytes(size_of_val(items))?;
        let places = self
            .arena
            .alloc_slice_with(items.len(), |index| Cell::new(items[index]))?;
        Ok(self.arena.alloc(List::over(places))?)
    }

    /// Add to a list.
    #[inline]
    pub fn push(&mut self, list: &'a List<'a>, value: Value<'a>) -> Result<(), Fault<'a>> {
        Ok(list.push(self.arena, value)?)
    }

    /// A tuple of the given items.
    pub fn tuple(&mut self, items: &[Value<'a>]) -> Result<Value<'a>, Fault<'a>> {
        self.charge_bytes(size_of_val(items))?;
        let items = self.arena.alloc_slice(items)?;
        Ok(Value::Tuple(self.arena.alloc(Tuple(items))?))
    }

    /// An empty dict.
    pub fn dict(&mut self) -> Result<&'a Dict<'a>, Fault<'a>> {
        Ok(self.arena.alloc(Dict::new())?)
    }

    /// An empty set.
    pub fn set(&mut self, frozen: bool) -> Result<&'a Set<'a>, Fault<'a>> {
        Ok(self
            .arena
            .alloc(Set::new(self.arena.alloc(Dict::new())?, frozen))?)
    }

    /// Set a key of any kind; an unhashable one raises.
    #[inline]
    pub fn insert(
        &mut self,
        dict: &Dict<'a>,
        key: Value<'a>,
        value: Value<'a>,
    ) -> Result<(), Fault<'a>> {
        let hash = hash_value(self, key)?;
        Ok(dict.set(self.arena, key, hash, value)?)
    }

    /// Look a key of any kind up; an unhashable one raises.
    #[inline]
    pub fn lookup(
        &mut self,
        dict: &Dict<'a>,
        key: Value<'a>,
    ) -> Result<Option<Value<'a>>, Fault<'a>> {
        let hash = hash_value(self, key)?;
        Ok(dict.get(key, hash))
    }

    /// An exception with one text argument.
    #[cold]
    pub fn raise(&mut self, class: Class, message: impl Display) -> Fault<'a> {
        let mut text = self.builder();
        match write!(text, "{message}") {
            Ok(()) => {}
            Err(_) => return Fault::Limit(Limit::Memory),
        }
        match self.finish(text) {
            Ok(message) => self.raise_with(class, &[message]),
            Err(fault) => fault,
        }
    }

    /// An exception with the given arguments.
    #[cold]
    pub fn raise_with(&mut self, class: Class, arguments: &[Value<'a>]) -> Fault<'a> {
        match self.exception(class, arguments) {
            Ok(exception) => Fault::Raised(exception),
            Err(fault) => fault,
        }
    }

    /// An exception as a value.
    pub fn exception(
        &mut self,
        class: Class,
        arguments: &[Value<'a>],
    ) -> Result<&'a Exception<'a>, Fault<'a>> {
        let class = os_error::class_of(class, arguments);
        let arguments = self.arena.alloc_slice(arguments)?;
        Ok(self.arena.alloc(Exception::new(class, arguments))?)
    }

    /// A builder of a text that cannot outgrow the quota. Its errors mean [`Limit::Memory`].
    #[must_use]
    pub fn builder(&self) -> TextBuilder {
        TextBuilder {
            text: String::new(),
            bytes_max: self.arena.remaining_bytes(),
        }
    }

    /// The text of a builder as a value.
    pub fn finish(&mut self, builder: TextBuilder) -> Result<Value<'a>, Fault<'a>> {
        self.text(&builder.text)
    }
}

/// A growing text, bounded by what the arena may still hold.
#[derive(Debug)]
pub struct TextBuilder {
    text: String,
    bytes_max: usize,
}

/// The quota ends a [`TextBuilder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl From<TooLong> for Fault<'_> {
    fn from(_: TooLong) -> Self {
        Self::Limit(Limit::Memory)
    }
}

impl TextBuilder {
    /// A builder with a bound of its own.
    #[must_use]
    pub const fn with_limit(bytes_max: usize) -> Self {
        Self {
            text: String::new(),
            bytes_max,
        }
    }

    /// The same, with room for so many bytes from the start.
    #[must_use]
    pub fn with_room(self, bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes.min(self.bytes_max)),
            ..self
        }
    }

    /// What was built.
    #[must_use]
    pub fn into_string(self) -> String {
        self.text
    }

    /// Add a text.
    #[inline]
    pub fn push_str(&mut self, text: &str) -> Result<(), TooLong> {
        if self.text.len() + text.len() > self.bytes_max {
            return Err(TooLong);
        }
        self.text.push_str(text);
        Ok(())
    }

    /// Add a character.
    #[inline]
    pub fn push(&mut self, character: char) -> Result<(), TooLong> {
        self.push_str(character.encode_utf8(&mut [0; 4]))
    }

    /// Add a character `count` times.
    pub fn push_repeated(&mut self, character: char, count: usize) -> Result<(), TooLong> {
        if count
            .saturating_mul(character.len_utf8())
            .saturating_add(self.text.len())
            > self.bytes_max
        {
            return Err(TooLong);
        }
        self.text.extend(std::iter::repeat_n(character, count));
        Ok(())
    }

    /// What was built so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Write for TextBuilder {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.push_str(text).map_err(|_| std::fmt::Error)
    }
}
