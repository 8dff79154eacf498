//! Registers and frames without contents: an execution leaves its own to the next one on the thread.

use super::REGISTERS_FIRST;
use super::frame::Frame;
use crate::run::value::Value;

/// Registers and frames that are kept for the next execution, at most: 8 KB and 3 KB. The window of the hot loop is 256
/// registers behind a frame's first.
const REGISTERS_KEPT_MAX: usize = 512;
const FRAMES_KEPT_MAX: usize = 64;

/// The allocations of two emptied vectors.
#[derive(Debug, Default)]
pub struct Room {
    stack: Vec<Value<'static>>,
    frames: Vec<Frame<'static>>,
}

impl Room {
    /// What a machine no longer needs.
    #[must_use]
    pub fn of<'a>(stack: Vec<Value<'a>>, frames: Vec<Frame<'a>>) -> Self {
        let mut room = Self::default();
        if stack.capacity() <= REGISTERS_KEPT_MAX {
            room.stack = emptied(stack);
        }
        if frames.capacity() <= FRAMES_KEPT_MAX {
            room.frames = emptied(frames);
        }
        room
    }

    /// Both for another machine: so many registers at least, none of them set, and room for so many frames.
    #[inline]
    #[must_use]
    pub fn furnished<'a>(
        self,
        registers: usize,
        frames: usize,
    ) -> (Vec<Value<'a>>, Vec<Frame<'a>>) {
        let mut stack = emptied(self.stack);
        // Copied, which is half the time of one by one: those are 3 % of an empty program.
        stack.extend_from_slice(&[Value::Unset; REGISTERS_FIRST]);
        stack.resize(registers.max(REGISTERS_FIRST), Value::Unset);
        let mut room = emptied(self.frames);
        room.reserve(frames);
        (stack, room)
    }
}

/// The same allocation for what lives elsewhere: collecting from a vector into one of the same layout is done in place.
#[inline]
fn emptied<T, U>(mut items: Vec<T>) -> Vec<U> {
    const { assert!(size_of::<T>() == size_of::<U>() && align_of::<T>() == align_of::<U>()) };
    items.clear();
    items.into_iter().filter_map(|_| None).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::arena::Arena;

    #[test]
    fn a_room_is_the_same_allocation_again() {
        let text = crate::run::text::Text::new("gone");
        let mut stack = vec![Value::Str(&text); 40];
        let frames: Vec<Frame<'_>> = Vec::with_capacity(9);
        stack.reserve(1);
        let places = (stack.as_ptr().addr(), frames.as_ptr().addr());
        let (stack, frames) = Room::of(stack, frames).furnished(32, 8);
        assert_eq!((stack.as_ptr().addr(), frames.as_ptr().addr()), places);
        assert_eq!((stack.len(), frames.len(), frames.capacity()), (32, 0, 9));
        assert!(stack.iter().all(|value| value.is_unset()));
    }

    #[test]
    fn the_next_execution_on_the_thread_has_the_room_of_the_last() {
        let stack = vec![Value::Unset; 40];
        let place = stack.as_ptr().addr();
        let last = Arena::new(1 << 20);
        last.keep_room(Room::of(stack, Vec::new()));
        drop(last);
        let (stack, _) = Arena::new(1 << 20).take_room().furnished(32, 8);
        assert_eq!(stack.as_ptr().addr(), place);
    }

    #[test]
    fn a_large_one_is_given_back() {
        let stack = vec![Value::Unset; REGISTERS_KEPT_MAX + 1];
        let room = Room::of(stack, Vec::with_capacity(FRAMES_KEPT_MAX + 1));
        assert_eq!((room.stack.capacity(), room.frames.capacity()), (0, 0));
    }
}
