//! `value[index]`: reading, writing, deleting, slices included.

use std::cell::Cell;

use crate::run::context::Context;
use crate::run::dict::Dict;
use crate::run::fault::{Class, Fault};
use crate::run::list::{List, Tuple};
use crate::run::text::Text;
use crate::run::value::{Bytes, Range, Slice, Value};

/// `container[index]`.
pub fn get<'a>(
    context: &mut Context<'a>,
    container: Value<'a>,
    index: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    match container {
        Value::Dict(dict) => get_key(context, dict, index),
        Value::List(list) => {
            if let Value::Slice(slice) = index {
                let part = Part::of(context, slice, list.len())?;
                return part.list(context, list);
            }
            let at = position(context, "list indices", index, list.len(), "list index")?;
            list.get(at)
                .ok_or(Fault::Internal("a list index beyond its check"))
        }
        Value::Tuple(tuple) => {
            if let Value::Slice(slice) = index {
                let part = Part::of(context, slice, tuple.len())?;
                context.charge_bytes(part.count * size_of::<Value<'_>>())?;
                let items = tuple.items();
                let items = context
                    .arena()
                    .alloc_slice_with(part.count, |nth| items[part.at(nth)])?;
                return Ok(Value::Tuple(context.arena().alloc(Tuple(items))?));
            }
            let at = position(context, "tuple indices", index, tuple.len(), "tuple index")?;
            Ok(tuple.items()[at])
        }
        Value::Str(text) => get_text(context, text, index),
        Value::Bytes(bytes) => {
            let bytes = bytes.as_slice();
            if let Value::Slice(slice) = index {
                let part = Part::of(context, slice, bytes.len())?;
                context.charge_bytes(part.count)?;
                let bytes = context
                    .arena()
                    .alloc_slice_with(part.count, |nth| bytes[part.at(nth)])?;
                return Ok(Value::Bytes(context.arena().alloc(Bytes(bytes))?));
            }
            let at = position(context, "byte indices", index, bytes.len(), "index")?;
            Ok(Value::Int(i64::from(bytes[at])))
        }
        Value::Range(range) => get_range(context, range, index),
        Value::Object(object) => match crate::run::builtins::object_item(context, object, index)? {
            Some(value) => Ok(value),
            None => Err(not_subscriptable(context, container)),
        },
        _ => Err(not_subscriptable(context, container)),
    }
}

#[cold]
fn not_subscriptable<'a>(context: &mut Context<'a>, container: Value<'a>) -> Fault<'a> {
    if let Value::Type(kind) = container {
        return context.raise(
            Class::TypeError,
            format_args!("type '{}' is not subscriptable", kind.name()),
        );
    }
    let name = container.type_of().name();
    context.raise(
        Class::TypeError,
        format_args!("'{name}' object is not subscriptable"),
    )
}

/// `dict[key]`, or `KeyError` with the key.
#[inline]
pub fn get_key<'a>(
    context: &mut Context<'a>,
    dict: &'a Dict<'a>,
    key: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    match context.lookup(dict, key)? {
        Some(value) => Ok(value),
        None => Err(context.raise_with(Class::KeyError, &[key])),
    }
}

fn get_text<'a>(
    context: &mut Context<'a>,
    text: &'a Text<'a>,
    index: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let content = text.as_str();
    let count = counted(context, text)?;
    if let Value::Slice(slice) = index {
        let part = Part::of(context, slice, count)?;
        if part.step == 1 {
            let (start, end) = if text.is_ascii() {
                (part.start as usize, part.start as usize + part.count)
            } else {
                context.charge_bytes(content.len())?;
                let start = offset(content, part.start as usize);
                (start, start + offset(&content[start..], part.count))
            };
            return context.text_over(content.get(start..end).unwrap_or_default());
        }
        context.charge_bytes(content.len() + part.count)?;
        let mut out = context.builder();
        if text.is_ascii() {
            let bytes = content.as_bytes();
            for nth in 0..part.count {
                out.push(char::from(bytes[part.at(nth)]))?;
            }
        } else {
            let characters: Vec<char> = content.chars().collect();
            for nth in 0..part.count {
                out.push(characters[part.at(nth)])?;
            }
        }
        return context.finish(out);
    }
    let at = position(context, "string indices", index, count, "string index")?;
    let start = if text.is_ascii() {
        at
    } else {
        context.charge_bytes(content.len())?;
        offset(content, at)
    };
    let len = content[start..].chars().next().map_or(0, char::len_utf8);
    context.text_over(&content[start..start + len])
}

/// Number of characters; counting is charged once.
fn counted<'a>(context: &mut Context<'a>, text: &Text<'a>) -> Result<usize, Fault<'a>> {
    context.charge_bytes(text.as_str().len() / 8)?;
    Ok(text.char_count())
}

/// Offset of a character by its number.
#[must_use]
pub fn offset(text: &str, characters: usize) -> usize {
    text.char_indices()
        .nth(characters)
        .map_or(text.len(), |(at, _)| at)
}

fn get_range<'a>(
    context: &mut Context<'a>,
    range: &'a Range,
    index: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let len = usize::try_from(range.len()).unwrap_or(usize::MAX);
    if let Value::Slice(slice) = index {
        let part = Part::of(context, slice, len)?;
        let at = |nth: i64| i128::from(range.start) + i128::from(range.step) * i128::from(nth);
        let bound =
            |wide: i128| i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX });
        let range = Range {
            start: bound(at(part.start)),
            stop: bound(at(part.stop)),
            step: bound(i128::from(range.step) * i128::from(part.step)),
        };
        return Ok(Value::Range(context.arena().alloc(range)?));
    }
    let at = position(context, "range indices", index, len, "range object index")?;
    Ok(Value::Int(range.at(at as u64)))
}

/// `container[index] = value`.
pub fn set<'a>(
    context: &mut Context<'a>,
    container: Value<'a>,
    index: Value<'a>,
    value: Value<'a>,
) -> Result<(), Fault<'a>> {
    match container {
        Value::Dict(dict) => context.insert(dict, index, value),
        Value::List(list) => {
            if let Value::Slice(slice) = index {
                return set_slice(context, list, slice, value);
            }
            let at = position(
                context,
                "list indices",
                index,
                list.len(),
                "list assignment index",
            )?;
            list.items()[at].set(value);
            Ok(())
        }
        other => {
            let name = other.type_of().name();
            let text = format_args!("'{name}' object does not support item assignment");
            Err(context.raise(Class::TypeError, text))
        }
    }
}

fn set_slice<'a>(
    context: &mut Context<'a>,
    list: &'a List<'a>,
    slice: &'a Slice<'a>,
    value: Value<'a>,
) -> Result<(), Fault<'a>> {
    let items = match context.iterate(value) {
        Ok(_) => context.collect(value)?.items(),
        Err(Fault::Raised(_)) if slice.step.is_none() => {
            return Err(context.raise(Class::TypeError, "can only assign an iterable"));
        }
        Err(Fault::Raised(_)) => {
            return Err(context.raise(Class::TypeError, "must assign iterable to extended slice"));
        }
        Err(fault) => return Err(fault),
    };
    let part = Part::of(context, slice, list.len())?;
    context.charge_bytes((list.len() + items.len()) * size_of::<Value<'_>>())?;
    if part.step != 1 {
        if items.len() != part.count {
            let text = format_args!(
                "attempt to assign sequence of size {} to extended slice of size {}",
                items.len(),
                part.count
            );
            return Err(context.raise(Class::ValueError, text));
        }
        for (nth, item) in items.iter().enumerate() {
            list.items()[part.at(nth)].set(item.get());
        }
        return Ok(());
    }
    let old = list.items();
    let start = part.start as usize;
    let end = start + part.count;
    let total = start + items.len() + (old.len() - end);
    let places = context.arena().alloc_slice_with(total, |index| {
        Cell::new(if index < start {
            old[index].get()
        } else if index < start + items.len() {
            items[index - start].get()
        } else {
            old[index - start - items.len() + end].get()
        })
    })?;
    list.replace(places);
    Ok(())
}

/// `del container[index]`.
pub fn delete<'a>(
    context: &mut Context<'a>,
    container: Value<'a>,
    index: Value<'a>,
) -> Result<(), Fault<'a>> {
    match container {
        Value::Dict(dict) => {
            let hash = crate::run::hash::hash_value(context, index)?;
            match dict.remove(index, hash) {
                Some(_) => Ok(()),
                None => Err(context.raise_with(Class::KeyError, &[index])),
            }
        }
        Value::List(list) => {
            context.charge_bytes(list.len() * size_of::<Value<'_>>())?;
            if let Value::Slice(slice) = index {
                let part = Part::of(context, slice, list.len())?;
                let items = list.items();
                let mut kept = 0;
                for (index, item) in items.iter().enumerate() {
                    if !part.holds(index) {
                        items[kept].set(item.get());
                        kept += 1;
                    }
                }
                list.truncate(kept);
                return Ok(());
            }
            let at = position(
                context,
                "list indices",
                index,
                list.len(),
                "list assignment index",
            )?;
            list.remove(at);
            Ok(())
        }
        other => {
            let name = other.type_of().name();
            // CPython words what has a length apart from the rest, when the index is an int.
            let has_length = matches!(
                other,
                Value::Str(_)
                    | Value::Tuple(_)
                    | Value::Range(_)
                    | Value::Bytes(_)
                    | Value::Set(_)
                    | Value::Object(crate::run::object::Object::View(_))
            );
            let is_index = matches!(index, Value::Int(_) | Value::Bool(_) | Value::Big(_));
            let does = if has_length && is_index {
                "doesn't"
            } else {
                "does not"
            };
            let text = format_args!("'{name}' object {does} support item deletion");
            Err(context.raise(Class::TypeError, text))
        }
    }
}

/// An index into a sequence of `len` items, negative ones from the end.
fn position<'a>(
    context: &mut Context<'a>,
    indices: &str,
    index: Value<'a>,
    len: usize,
    what: &str,
) -> Result<usize, Fault<'a>> {
    let number = match index {
        Value::Int(number) => number,
        Value::Bool(flag) => i64::from(flag),
        Value::Big(_) if indices == "range indices" => {
            return Err(context.raise(Class::IndexError, "range object index out of range"));
        }
        Value::Big(_) => {
            return Err(context.raise(
                Class::IndexError,
                "cannot fit 'int' into an index-sized integer",
            ));
        }
        other => {
            let name = other.type_of().name();
            let text = if indices == "string indices" {
                format!("string indices must be integers, not '{name}'")
            } else {
                format!("{indices} must be integers or slices, not {name}")
            };
            return Err(context.raise(Class::TypeError, text));
        }
    };
    let at = if number < 0 {
        number + len as i64
    } else {
        number
    };
    if at < 0 || at >= len as i64 {
        return Err(context.raise(Class::IndexError, format_args!("{what} out of range")));
    }
    Ok(at as usize)
}

/// What a slice takes of a sequence.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// First position.
    pub start: i64,
    /// Where it stops.
    pub stop: i64,
    /// Never 0.
    pub step: i64,
    /// Number of items.
    pub count: usize,
}

impl Part {
    /// Python's `slice.indices`.
    pub fn of<'a>(
        context: &mut Context<'a>,
        slice: &Slice<'a>,
        len: usize,
    ) -> Result<Self, Fault<'a>> {
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        let step = slice_part(context, slice.step)?.unwrap_or(1);
        if step == 0 {
            return Err(context.raise(Class::ValueError, "slice step cannot be zero"));
        }
        // The step's absolute value must be representable.
        let step = step.max(-i64::MAX);
        let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
        let clamp = |bound: Option<i64>, default: i64| match bound {
            None => default,
            Some(bound) if bound < 0 => bound.saturating_add(len).max(low),
            Some(bound) => bound.min(high),
        };
        let start = slice_part(context, slice.start)?;
        let stop = slice_part(context, slice.stop)?;
        let start = clamp(start, if step > 0 { low } else { high });
        let stop = clamp(stop, if step > 0 { high } else { low });
        let range = Range { start, stop, step };
        let count = range.len() as usize;
        Ok(Self {
            start,
            stop,
            step,
            count,
        })
    }

    /// The position of the nth item.
    #[must_use]
    pub fn at(&self, nth: usize) -> usize {
        (self.start + self.step * nth as i64) as usize
    }

    /// Is a position taken?
    #[must_use]
    pub fn holds(&self, position: usize) -> bool {
        let offset = position as i64 - self.start;
        offset % self.step == 0
            && offset / self.step >= 0
            && ((offset / self.step) as usize) < self.count
    }

    fn list<'a>(
        &self,
        context: &mut Context<'a>,
        list: &'a List<'a>,
    ) -> Result<Value<'a>, Fault<'a>> {
        context.charge_bytes(self.count * size_of::<Value<'_>>())?;
        let items = list.items();
        let places = context
            .arena()
            .alloc_slice_with(self.count, |nth| Cell::new(items[self.at(nth)].get()))?;
        Ok(Value::List(context.arena().alloc(List::over(places))?))
    }
}

fn slice_part<'a>(context: &mut Context<'a>, part: Value<'a>) -> Result<Option<i64>, Fault<'a>> {
    match part {
        Value::None | Value::Unset => Ok(None),
        Value::Int(number) => Ok(Some(number)),
        Value::Bool(flag) => Ok(Some(i64::from(flag))),
        Value::Big(big) => Ok(Some(if big.is_negative() {
            i64::MIN
        } else {
            i64::MAX
        })),
        _ => Err(context.raise(
            Class::TypeError,
            "slice indices must be integers or None or have an __index__ method",
        )),
    }
}
