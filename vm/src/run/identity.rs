//! Numbers of objects (`id`, hashes of what is equal to itself only): an object keeps its number when it is moved.

use std::collections::BTreeMap;

use super::arena::{Arena, QuotaReached};
use super::value::Value;

/// Objects that were asked for their number. Most never are.
#[derive(Debug, Default)]
pub struct Identities<'a> {
    /// By their present place.
    known: BTreeMap<u64, (Value<'a>, i64)>,
    given: i64,
}

impl<'a> Identities<'a> {
    /// The object's number; what is no object in the arena has that of its content.
    pub fn number(&mut self, arena: &Arena, value: Value<'a>) -> Result<i64, QuotaReached> {
        let place = value.identity();
        if !value.is_moved() {
            return Ok(place.cast_signed() & i64::MAX);
        }
        if let Some((_, number)) = self.known.get(&place) {
            return Ok(*number);
        }
        // What the entry takes outside of the arena is paid for inside.
        arena.alloc([0_u64; 4])?;
        self.given += 16;
        self.known.insert(place, (value, self.given));
        Ok(self.given)
    }

    /// The table of the objects that `survivor` knows another place of; the others are gone.
    pub fn moved<'b>(
        &self,
        arena: &'b Arena,
        survivor: impl Fn(Value<'a>) -> Option<Value<'b>>,
    ) -> Result<Identities<'b>, QuotaReached> {
        let mut known = BTreeMap::new();
        for (value, number) in self.known.values() {
            if let Some(moved) = survivor(*value) {
                arena.alloc([0_u64; 4])?;
                known.insert(moved.identity(), (moved, *number));
            }
        }
        Ok(Identities {
            known,
            given: self.given,
        })
    }

    /// Number of objects in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// True when nothing was asked for its number.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}
