//! The memory of one execution: chunks that only grow and go all at once.
//!
//! Values are `Copy` handles (shared references) into it, so there are no reference counts, no destructors and no recursive
//! drop: tearing an execution down costs O(chunks), whatever it built. The price is that garbage stays until what is live
//! is copied into another arena (`survivors`, between two slices); the quota bounds both.

use bumpalo::Bump;
use std::cell::Cell;
use std::fmt::{Debug, Formatter};

use super::machine::Room;
use crate::limits::Limit;

/// Room of the first chunk: 4 KB with what the allocator and the chunk keep of it. A small script needs about half of it;
/// growing into that by three smaller chunks was a tenth of an empty program.
const FIRST_BYTES: usize = 4000;

/// A chunk of at least `FIRST_BYTES` and no second one: the allocator's rounding makes it no larger.
const FIRST_CHUNK_BYTES_MAX: usize = 4096;

thread_local! {
    /// The chunk of the last execution on this thread, if it needed no other, and its registers and frames: getting and
    /// giving back each was a tenth of an empty program.
    static SPARE: Cell<Option<Spare>> = const { Cell::new(None) };
}

/// What an execution leaves to the next one on its thread.
#[derive(Default)]
struct Spare {
    /// Without a chunk when it was more than one.
    bump: Bump,
    room: Option<Room>,
}

/// The execution's memory, with its quota.
pub struct Arena {
    bump: Bump,
    quota_bytes: Cell<usize>,
    /// For the machine, when none has it.
    room: Cell<Option<Room>>,
}

/// The quota does not allow the allocation. Becomes [`Limit::Memory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaReached;

impl From<QuotaReached> for Limit {
    fn from(_: QuotaReached) -> Self {
        Self::Memory
    }
}

impl Debug for Arena {
    fn fmt(&self, out: &mut Formatter<'_>) -> std::fmt::Result {
        write!(out, "Arena of {} bytes", self.allocated_bytes())
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let bytes = self.bump.allocated_bytes();
        let mut bump = Bump::new();
        if (1..=FIRST_CHUNK_BYTES_MAX).contains(&bytes) {
            std::mem::swap(&mut bump, &mut self.bump);
            bump.reset();
        }
        let room = self.room.take();
        if bump.allocated_bytes() > 0 || room.is_some() {
            // The thread ends: so does its memory.
            let _ = SPARE.try_with(|spare| spare.set(Some(Spare { bump, room })));
        }
    }
}

impl Arena {
    /// An arena that holds at most `quota_bytes`.
    #[must_use]
    pub fn new(quota_bytes: usize) -> Self {
        let Spare { mut bump, room } = SPARE
            .try_with(Cell::take)
            .ok()
            .flatten()
            .unwrap_or_default();
        if quota_bytes <= 4 * FIRST_BYTES {
            bump = Bump::new();
        } else if bump.allocated_bytes() == 0 {
            bump = Bump::try_with_capacity(FIRST_BYTES).unwrap_or_default();
        }
        bump.set_allocation_limit(Some(quota_bytes));
        Self {
            bump,
            quota_bytes: Cell::new(quota_bytes),
            room: Cell::new(room),
        }
    }

    /// Room for registers and frames, to be given back.
    pub fn take_room(&self) -> Room {
        self.room.take().unwrap_or_default()
    }

    /// What a machine leaves.
    pub fn keep_room(&self, room: Room) {
        self.room.set(Some(room));
    }

    /// Change what it may hold.
    pub fn limit(&self, quota_bytes: usize) {
        self.bump.set_allocation_limit(Some(quota_bytes));
        self.quota_bytes.set(quota_bytes);
    }

    /// Forget everything and keep the largest chunk for the next execution.
    pub fn reset(&mut self, quota_bytes: usize) {
        self.bump.reset();
        self.bump.set_allocation_limit(Some(quota_bytes));
        self.quota_bytes.set(quota_bytes);
    }

    /// Bytes held from the system.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.bump.allocated_bytes()
    }

    /// Bytes of them that are in use, but for the ends of chunks that were left too small.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.bump.allocated_bytes() - self.bump.chunk_capacity()
    }

    /// What it may hold.
    #[must_use]
    pub fn quota_bytes(&self) -> usize {
        self.quota_bytes.get()
    }

    /// Bytes that may still be allocated, at most: what native code may build outside before it copies it in.
    #[must_use]
    pub fn remaining_bytes(&self) -> usize {
        self.quota_bytes
            .get()
            .saturating_sub(self.bump.allocated_bytes())
            + self.bump.chunk_capacity()
    }

    /// Move a value in. Types that need dropping do not compile: nothing here is ever dropped.
    #[inline]
    pub fn alloc<T>(&self, value: T) -> Result<&T, QuotaReached> {
        const {
            assert!(
                !std::mem::needs_drop::<T>(),
                "arena values are never dropped"
            );
        };
        match self.bump.try_alloc(value) {
            Ok(place) => Ok(place),
            Err(_) => Err(QuotaReached),
        }
    }

    /// Make a large value where it will stay.
    #[allow(clippy::inline_always, reason = "else it is made here and copied")]
    #[inline(always)]
    pub fn alloc_with<T>(&self, make: impl FnOnce() -> T) -> Result<&T, QuotaReached> {
        const {
            assert!(
                !std::mem::needs_drop::<T>(),
                "arena values are never dropped"
            );
        };
        match self.bump.try_alloc_with(make) {
            Ok(place) => Ok(place),
            Err(_) => Err(QuotaReached),
        }
    }

    /// Copy a text in.
    #[inline]
    pub fn alloc_str(&self, text: &str) -> Result<&str, QuotaReached> {
        match self.bump.try_alloc_str(text) {
            Ok(place) => Ok(place),
            Err(_) => Err(QuotaReached),
        }
    }

    /// Copy two texts in as one.
    #[inline]
    pub fn alloc_concat(&self, first: &str, second: &str) -> Result<&str, QuotaReached> {
        let len = first.len() + second.len();
        let Ok(place) = self.bump.try_alloc_slice_fill_copy(len, 0_u8) else {
            return Err(QuotaReached);
        };
        place[..first.len()].copy_from_slice(first.as_bytes());
        place[first.len()..].copy_from_slice(second.as_bytes());
        // Two texts after each other are one.
        std::str::from_utf8(place).map_err(|_| QuotaReached)
    }

    /// Copy a slice in.
    #[inline]
    pub fn alloc_slice<T: Copy>(&self, items: &[T]) -> Result<&[T], QuotaReached> {
        const {
            assert!(
                !std::mem::needs_drop::<T>(),
                "arena values are never dropped"
            );
        };
        match self.bump.try_alloc_slice_copy(items) {
            Ok(place) => Ok(place),
            Err(_) => Err(QuotaReached),
        }
    }

    /// Make a slice of `count` writable places that all hold `value`.
    #[inline]
    pub fn alloc_cells<T: Copy>(&self, count: usize, value: T) -> Result<&[Cell<T>], QuotaReached> {
        const {
            assert!(
                !std::mem::needs_drop::<T>(),
                "arena values are never dropped"
            );
        };
        if count == 0 {
            return Ok(&[]);
        }
        if count.saturating_mul(size_of::<T>()) > self.remaining_bytes() {
            return Err(QuotaReached);
        }
        match self
            .bump
            .try_alloc_slice_fill_with(count, |_| Cell::new(value))
        {
            Ok(place) => Ok(place),
            Err(_) => Err(QuotaReached),
        }
    }

    /// Make a slice from what `make` gives for 0, 1, … `count - 1`.
    #[inline]
    pub fn alloc_slice_with<T>(
        &self,
        count: usize,
        make: impl FnMut(usize) -> T,
    ) -> Result<&[T], QuotaReached> {
        const {
            assert!(
                !std::mem::needs_drop::<T>(),
                "arena values are never dropped"
            );
        };
        if count.saturating_mul(size_of::<T>()) > self.remaining_bytes() {
            return Err(QuotaReached);
        }
        match self.bump.try_alloc_slice_fill_with(count, make) {
            Ok(place) => Ok(place),
            Err(_) => Err(QuotaReached),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_of_an_execution_before_is_empty_and_has_the_new_quota() {
        let first = Arena::new(1 << 20);
        first.alloc_str("0123456789abcdef").unwrap();
        let bytes = first.allocated_bytes();
        drop(first);
        assert!(SPARE.with(|spare| {
            let last = spare.take();
            let kept = last
                .as_ref()
                .map_or(0, |spare| spare.bump.allocated_bytes());
            spare.set(last);
            kept == bytes
        }));
        let second = Arena::new(20_000);
        assert_eq!((second.allocated_bytes(), second.used_bytes()), (bytes, 0));
        assert!(second.alloc_str(&"x".repeat(30_000)).is_err());
        assert!(second.alloc_str("fits").is_ok());
    }

    #[test]
    fn the_quota_is_an_error_and_the_arena_is_usable_after_reset() {
        let mut arena = Arena::new(64 << 10);
        let mut stored = 0;
        while arena.alloc_str("0123456789abcdef").is_ok() {
            stored += 16;
            assert!(stored <= 64 << 10);
        }
        assert!(stored > 16 << 10);
        assert!(arena.alloc_cells(1 << 40, 0_u64).is_err());

        arena.reset(64 << 10);
        assert_eq!(arena.alloc_str("again"), Ok("again"));
    }
}
