//! Lists and tuples.

use std::cell::Cell;

use super::arena::{Arena, QuotaReached};
use super::value::Value;

/// A Python `list`: places in the arena, doubled when full.
#[derive(Debug)]
pub struct List<'a> {
    places: Cell<&'a [Cell<Value<'a>>]>,
    len: Cell<usize>,
}

impl<'a> List<'a> {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            places: Cell::new(&[]),
            len: Cell::new(0),
        }
    }

    /// A list of all `places`.
    #[must_use]
    pub fn over(places: &'a [Cell<Value<'a>>]) -> Self {
        Self {
            places: Cell::new(places),
            len: Cell::new(places.len()),
        }
    }

    /// Number of items.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.get()
    }

    /// True without items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len.get() == 0
    }

    /// The items as places; later growth may move the list to others.
    #[inline]
    #[must_use]
    pub fn items(&self) -> &'a [Cell<Value<'a>>] {
        &self.places.get()[..self.len.get()]
    }

    /// Item at `index`.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        if index < self.len.get() {
            Some(self.places.get()[index].get())
        } else {
            None
        }
    }

    /// Add an item at the end.
    #[inline]
    pub fn push(&self, arena: &'a Arena, value: Value<'a>) -> Result<(), QuotaReached> {
        let len = self.len.get();
        if len == self.places.get().len() {
            self.grow(arena, len + 1)?;
        }
        self.places.get()[len].set(value);
        self.len.set(len + 1);
        Ok(())
    }

    /// Put an item before `index`, which is at most the length.
    pub fn insert(
        &self,
        arena: &'a Arena,
        index: usize,
        value: Value<'a>,
    ) -> Result<(), QuotaReached> {
        self.push(arena, value)?;
        let items = self.items();
        for place in (index + 1..items.len()).rev() {
            items[place].set(items[place - 1].get());
        }
        items[index].set(value);
        Ok(())
    }

    /// Take the item at `index`, which is below the length, and close the gap.
    pub fn remove(&self, index: usize) -> Value<'a> {
        let items = self.items();
        let value = items[index].get();
        for place in index + 1..items.len() {
            items[place - 1].set(items[place].get());
        }
        self.len.set(items.len() - 1);
        value
    }

    /// Keep the first `len` items.
    pub fn truncate(&self, len: usize) {
        self.len.set(self.len.get().min(len));
    }

    /// Take the places of `other`, as `a[:] = b` does.
    pub fn replace(&self, places: &'a [Cell<Value<'a>>]) {
        self.places.set(places);
        self.len.set(places.len());
    }

    #[cold]
    fn grow(&self, arena: &'a Arena, needed: usize) -> Result<(), QuotaReached> {
        let old = self.items();
        let places = arena.alloc_cells((old.len() * 2).max(needed).max(4), Value::Unset)?;
        for (place, item) in places.iter().zip(old) {
            place.set(item.get());
        }
        self.places.set(places);
        Ok(())
    }
}

impl Default for List<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// A Python `tuple`.
#[derive(Debug)]
pub struct Tuple<'a>(pub &'a [Value<'a>]);

impl<'a> Tuple<'a> {
    /// Number of items.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// True without items.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The items.
    #[must_use]
    pub const fn items(&self) -> &'a [Value<'a>] {
        self.0
    }
}
