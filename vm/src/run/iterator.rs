//! Iterators: a kind, and a position that moves.

use std::cell::Cell;

use super::context::Context;
use super::dict::Dict;
use super::fault::{Class, Fault};
use super::generator::Generator;
use super::kind::Type;
use super::list::List;
use super::object::{Object, View, ViewKind};
use super::text::Text;
use super::value::{Range, Value};
use crate::limits::{ITERATOR_NESTING_MAX, METERED};

/// Turns of a loop over a range that are paid for at once: as many as were paid for before, between these. A countdown at
/// each turn was 5.4 % of the instructions of 1000 × `t = t + i`, by `make bench-metering`.
const TURNS_AT_ONCE_MIN: usize = 4;
const TURNS_AT_ONCE_MAX: usize = 64;

/// What an iterator walks over.
#[derive(Debug)]
pub enum Source<'a> {
    /// A list, which may change meanwhile.
    List(&'a List<'a>),
    /// Items that cannot change, of a value of the given iterator type.
    Items(&'a [Value<'a>], Type),
    /// Characters of a text; the position is in bytes.
    Text(&'a Text<'a>),
    /// Numbers of a bytes.
    Bytes(&'a [u8]),
    /// A dict or set, which must keep its size.
    Dict(&'a Dict<'a>, ViewKind, Type),
    /// Numbers.
    Range(Range),
    /// A list from its end.
    ReversedList(&'a List<'a>),
    /// `enumerate`: the inner iterator and the next number.
    Enumerate(&'a Iter<'a>, Cell<i64>),
    /// `zip`, with `strict`.
    Zip(&'a [&'a Iter<'a>], bool),
    /// A generator expression. The machine runs it; natives get its items drained.
    Generator(&'a Generator<'a>),
}

/// A Python iterator.
#[derive(Debug)]
pub struct Iter<'a> {
    source: Source<'a>,
    /// Of a range: how many of its numbers were paid for.
    position: Cell<usize>,
    /// Size of the dict at the start; `usize::MAX` once exhausted. Of a range: numbers left beside those paid for.
    expected: Cell<usize>,
    /// Numbers of a range that are paid for, as turns of a loop, and not given yet.
    paid: Cell<usize>,
    /// The next number of a range, if there is one.
    number: Cell<i64>,
    depth: u32,
}

impl<'a> Iter<'a> {
    /// The same iterator at the same position over a source in another arena.
    #[must_use]
    pub fn moved<'b>(&self, source: Source<'b>) -> Iter<'b> {
        Iter {
            source,
            position: self.position.clone(),
            expected: self.expected.clone(),
            paid: self.paid.clone(),
            number: self.number.clone(),
            depth: self.depth,
        }
    }

    /// The iterator's source.
    #[must_use]
    pub const fn source(&self) -> &Source<'a> {
        &self.source
    }

    /// Its Python type.
    #[must_use]
    pub fn type_of(&self) -> Type {
        match &self.source {
            Source::List(_) => Type::ListIterator,
            Source::Items(_, kind) | Source::Dict(_, _, kind) => *kind,
            Source::Text(_) => Type::StrIterator,
            Source::Bytes(_) => Type::BytesIterator,
            Source::Range(_) => Type::RangeIterator,
            Source::ReversedList(_) => Type::Reversed,
            Source::Enumerate(..) => Type::Enumerate,
            Source::Zip(..) => Type::Zip,
            Source::Generator(_) => Type::Generator,
        }
    }

    /// The next number of a range. How many there are was counted once: a division a step would be most of a loop.
    #[inline]
    pub fn next_number(&self, range: &Range) -> Option<i64> {
        let left = match self.paid.get() {
            0 => &self.expected,
            _ => &self.paid,
        };
        Self::number_of(left, &self.number, range, 0)
    }

    /// The next number of a range in a loop, if it is paid for and so many more are.
    #[inline]
    pub fn next_paid(&self, range: &Range, held: usize) -> Option<i64> {
        Self::number_of(&self.paid, &self.number, range, held)
    }

    #[inline]
    fn number_of(left: &Cell<usize>, next: &Cell<i64>, range: &Range, held: usize) -> Option<i64> {
        let count = left.get();
        if count <= held {
            return None;
        }
        left.set(count - 1);
        let number = next.get();
        next.set(number.wrapping_add(range.step));
        Some(number)
    }

    /// The next block of a loop's turns over a range is about to be paid for: how many they are, none at the end.
    ///
    /// Whole loops pay for each turn once. One that is left early has paid for at most as many more as it ran, and for few
    /// if it ran few: always too much, never too little, and the same however long the slices are.
    #[cold]
    pub fn next_block(&self) -> usize {
        let (before, left) = (self.position.get(), self.expected.get());
        let turns = if METERED {
            left.min(before.clamp(TURNS_AT_ONCE_MIN, TURNS_AT_ONCE_MAX))
        } else {
            left
        };
        self.position.set(before + turns);
        self.expected.set(left - turns);
        self.paid.set(self.paid.get() + turns);
        turns
    }

    /// The next item, or nothing at the end. A generator is an internal fault here: only the machine can run one.
    pub fn next(&self, context: &mut Context<'a>) -> Result<Option<Value<'a>>, Fault<'a>> {
        let position = self.position.get();
        match &self.source {
            Source::List(list) => {
                let item = if position == usize::MAX {
                    None
                } else {
                    list.get(position)
                };
                self.position.set(if item.is_some() {
                    position + 1
                } else {
                    usize::MAX
                });
                Ok(item)
            }
            Source::Items(items, _) => {
                let item = items.get(position).copied();
                self.position.set(position + usize::from(item.is_some()));
                Ok(item)
            }
            Source::Text(text) => {
                let Some(character) = text.as_str()[position..].chars().next() else {
                    return Ok(None);
                };
                let end = position + character.len_utf8();
                self.position.set(end);
                Ok(Some(context.text_over(&text.as_str()[position..end])?))
            }
            Source::Bytes(bytes) => {
                let item = bytes.get(position).map(|byte| Value::Int(i64::from(*byte)));
                self.position.set(position + usize::from(item.is_some()));
                Ok(item)
            }
            Source::Dict(dict, kind, of) => self.next_entry(context, dict, *kind, *of),
            Source::Range(range) => Ok(self.next_number(range).map(Value::Int)),
            Source::ReversedList(list) => {
                let left = self.expected.get();
                if left == 0 || left > list.len() {
                    self.expected.set(0);
                    return Ok(None);
                }
                self.expected.set(left - 1);
                Ok(list.get(left - 1))
            }
            Source::Enumerate(inner, number) => {
                let Some(item) = inner.next(context)? else {
                    return Ok(None);
                };
                let count = number.get();
                number.set(count.wrapping_add(1));
                Ok(Some(context.tuple(&[Value::Int(count), item])?))
            }
            Source::Zip(inner, strict) => next_zip(context, inner, *strict),
            Source::Generator(_) => Err(Fault::Internal("a generator reached native code")),
        }
    }

    fn next_entry(
        &self,
        context: &mut Context<'a>,
        dict: &'a Dict<'a>,
        kind: ViewKind,
        of: Type,
    ) -> Result<Option<Value<'a>>, Fault<'a>> {
        if self.expected.get() == usize::MAX {
            return Ok(None);
        }
        if dict.len() != self.expected.get() {
            self.expected.set(usize::MAX);
            let name = if of == Type::SetIterator {
                "Set"
            } else {
                "dictionary"
            };
            return Err(context.raise(
                Class::RuntimeError,
                format_args!("{name} changed size during iteration"),
            ));
        }
        let Some((position, key, value)) = dict.next_entry(self.position.get()) else {
            self.expected.set(usize::MAX);
            return Ok(None);
        };
        // Places of deleted entries were passed: `next(iter(d))` after many deletions is no single step.
        context.charge((position - self.position.get()) / 8)?;
        self.position.set(position);
        Ok(Some(match kind {
            ViewKind::Keys => key,
            ViewKind::Values => value,
            ViewKind::Items => context.tuple(&[key, value])?,
        }))
    }
}

fn next_zip<'a>(
    context: &mut Context<'a>,
    inner: &[&'a Iter<'a>],
    strict: bool,
) -> Result<Option<Value<'a>>, Fault<'a>> {
    if inner.is_empty() {
        return Ok(None);
    }
    context.charge(inner.len())?;
    let places = context.arena().alloc_cells(inner.len(), Value::Unset)?;
    for (index, iter) in inner.iter().enumerate() {
        match iter.next(context)? {
            Some(item) => places[index].set(item),
            None if strict && index > 0 => {
                let which = if index == 1 {
                    "argument 1".to_owned()
                } else {
                    format!("arguments 1-{index}")
                };
                let text = format_args!("zip() argument {} is shorter than {which}", index + 1);
                return Err(context.raise(Class::ValueError, text));
            }
            None => {
                if strict {
                    for (later, iter) in inner.iter().enumerate().skip(1) {
                        if iter.next(context)?.is_some() {
                            let which = if later == 1 {
                                "argument 1".to_owned()
                            } else {
                                format!("arguments 1-{later}")
                            };
                            let text =
                                format_args!("zip() argument {} is longer than {which}", later + 1);
                            return Err(context.raise(Class::ValueError, text));
                        }
                    }
                }
                return Ok(None);
            }
        }
    }
    let items = context
        .arena()
        .alloc_slice_with(places.len(), |index| places[index].get())?;
    Ok(Some(Value::Tuple(
        context.arena().alloc(super::list::Tuple(items))?,
    )))
}

impl<'a> Context<'a> {
    /// An iterator over a source.
    pub fn iter_over(&mut self, source: Source<'a>) -> Result<&'a Iter<'a>, Fault<'a>> {
        let depth = match &source {
            Source::Enumerate(inner, _) => inner.depth + 1,
            Source::Zip(inner, _) => inner
                .iter()
                .map(|iter| iter.depth + 1)
                .max()
                .unwrap_or_default(),
            _ => 0,
        };
        if depth > ITERATOR_NESTING_MAX {
            return Err(self.raise(Class::RecursionError, "maximum recursion depth exceeded"));
        }
        let expected = match &source {
            Source::Dict(dict, ..) => dict.len(),
            Source::ReversedList(list) => list.len(),
            Source::Range(range) => usize::try_from(range.len()).unwrap_or(usize::MAX),
            _ => 0,
        };
        let number = match &source {
            Source::Range(range) => range.start,
            _ => 0,
        };
        let iter = Iter {
            source,
            position: Cell::new(0),
            expected: Cell::new(expected),
            paid: Cell::new(0),
            number: Cell::new(number),
            depth,
        };
        Ok(self.arena().alloc(iter)?)
    }

    /// `iter(value)`.
    pub fn iterate(&mut self, value: Value<'a>) -> Result<&'a Iter<'a>, Fault<'a>> {
        let source = match value {
            Value::Iter(iter) => return Ok(iter),
            Value::List(list) => Source::List(list),
            Value::Tuple(tuple) => Source::Items(tuple.items(), Type::TupleIterator),
            Value::Str(text) => Source::Text(text),
            Value::Bytes(bytes) => Source::Bytes(bytes.as_slice()),
            Value::Dict(dict) => Source::Dict(dict, ViewKind::Keys, Type::DictKeyIterator),
            Value::Set(set) => Source::Dict(set.entries(), ViewKind::Keys, Type::SetIterator),
            Value::Range(range) => Source::Range(*range),
            Value::Object(Object::View(View { dict, kind })) => {
                Source::Dict(dict, *kind, kind.iterator_type())
            }
            other => {
                let name = other.type_of().name();
                return Err(self.raise(
                    Class::TypeError,
                    format_args!("'{name}' object is not iterable"),
                ));
            }
        };
        self.iter_over(source)
    }

    /// The items of `*value` in a display or among arguments.
    pub fn starred(&mut self, value: Value<'a>) -> Result<&'a List<'a>, Fault<'a>> {
        match self.iterate(value) {
            Ok(iter) => self.collect(Value::Iter(iter)),
            Err(Fault::Raised(_)) => {
                let kind = value.type_of().name();
                let text = format_args!("Value after * must be an iterable, not {kind}");
                Err(self.raise(Class::TypeError, text))
            }
            Err(fault) => Err(fault),
        }
    }

    /// All items of an iterable as a new list: `list(value)`. Charged by the item, bounded by the quota.
    pub fn collect(&mut self, value: Value<'a>) -> Result<&'a List<'a>, Fault<'a>> {
        match value {
            Value::List(list) => {
                self.charge_bytes(list.len() * size_of::<Value<'_>>())?;
                let items = list.items();
                let places = self
                    .arena()
                    .alloc_slice_with(items.len(), |index| Cell::new(items[index].get()))?;
                Ok(self.arena().alloc(List::over(places))?)
            }
            Value::Tuple(tuple) => self.list(tuple.items()),
            other => {
                let iter = self.iterate(other)?;
                let list = self.empty_list()?;
                while let Some(item) = iter.next(self)? {
                    self.charge(1)?;
                    self.push(list, item)?;
                }
                Ok(list)
            }
        }
    }
}
