//! The streams of a connection that are not closed: a slab, and an index by their number.

use crate::limits::IDLE_STREAMS_MAX;
use crate::message::PREFIX_BYTES;
use crate::moment::Moment;
use crate::request::Call;

/// A place in the slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u32);

/// What a stream is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The message of its call is awaited.
    Receiving,
    /// The reply is on its way, or waits for room.
    Replying,
    /// The reply's last frame is queued. What still comes of the request is dropped.
    Discarding,
}

/// Where the message of a reply comes from.
#[derive(Debug)]
pub enum Source<P> {
    Constant(&'static [u8]),
    Slice { pin: P, from: usize },
}

/// What follows the last byte of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Trailers with `grpc-status: 0`.
    Trailers,
    /// Nothing: `END_STREAM` is on the last DATA frame.
    EndStream,
    /// More messages: this topic is watched, and this was told of it.
    Watch { topic: u8, told: &'static [u8] },
    /// The watch ends: trailers with UNAVAILABLE.
    GoingAway,
}

/// The part of a reply that is under flow control.
#[derive(Debug)]
pub struct Body<P> {
    /// A message has a prefix, a plain text has none.
    pub is_message: bool,
    pub source: Source<P>,
    /// Bytes of the source, without the prefix.
    pub source_bytes: usize,
    /// What has been queued, prefix included.
    pub at: usize,
}

impl<P> Body<P> {
    pub const fn prefix_bytes(&self) -> usize {
        if self.is_message { PREFIX_BYTES } else { 0 }
    }

    pub const fn left(&self) -> usize {
        self.prefix_bytes() + self.source_bytes - self.at
    }
}

/// A stream that is not closed.
#[derive(Debug)]
pub struct Stream<P> {
    pub id: u32,
    pub phase: Phase,
    /// The peer has sent `END_STREAM`.
    pub remote_closed: bool,
    /// In the queue of streams with something to send and window for it.
    pub queued: bool,
    /// What the peer takes on this stream; negative after it lowered its initial window.
    pub send_window: i64,
    /// What the peer may still send.
    pub receive_window: i64,
    /// Bytes of DATA received, and to be received if that was said.
    pub received: u64,
    pub content_length: u64,
    /// Its request's body as far as it came, if it came in pieces.
    pub message: Vec<u8>,
    pub body: Option<Body<P>>,
    pub ending: Ending,
    /// What it asks for; nothing when it was refused at its headers.
    pub call: Option<Call>,
    pub started: Moment,
    /// Of the last byte that was queued.
    pub progressed: Moment,
}

/// No `content-length` was given.
pub const LENGTH_UNKNOWN: u64 = u64::MAX;

// A peer may have 1024 of them on each connection. Measured with a pin of one pointer.
const _: () = assert!(size_of::<Stream<usize>>() <= 184);

/// What is left of a stream that was removed.
#[derive(Debug)]
pub struct Removed {
    pub id: u32,
    pub queued: bool,
    pub message: Vec<u8>,
}

#[derive(Debug)]
enum Place<P> {
    Taken(Stream<P>),
    Free(u32),
}

const NONE: u32 = u32::MAX;

/// Which slot a stream is in; `VACANT` where there is none.
#[derive(Clone, Copy, Debug)]
struct Entry {
    id: u32,
    slot: u32,
}

const VACANT: Entry = Entry {
    id: NONE,
    slot: NONE,
};

impl Entry {
    const fn is_vacant(self) -> bool {
        self.slot == NONE
    }

    /// How far it is from where its number belongs.
    const fn distance(self, at: usize, mask: usize) -> usize {
        at.wrapping_sub(home(self.id, mask)) & mask
    }
}

/// All of them.
#[derive(Debug)]
pub struct Streams<P> {
    slab: Vec<Place<P>>,
    free: u32,
    count: usize,
    /// By number: open addressing, a power of two at least twice the streams. Numbers come in
    /// order, so streams of one time have places of their own, side by side. Robin Hood hashing
    /// (Celis, Larson and Munro 1985) keeps the order of homes, so a removal looks no further than the
    /// next stream that is at its home, however long the row is.
    index: Vec<Entry>,
}

impl<P> Default for Streams<P> {
    fn default() -> Self {
        Self {
            slab: Vec::new(),
            free: NONE,
            count: 0,
            index: Vec::new(),
        }
    }
}

impl<P> Streams<P> {
    pub const fn len(&self) -> usize {
        self.count
    }

    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn find(&self, id: u32) -> Option<Slot> {
        let mask = self.index.len().checked_sub(1)?;
        let mut at = home(id, mask);
        let mut distance = 0;
        loop {
            let entry = self.index[at];
            if entry.is_vacant() {
                return None;
            }
            if entry.id == id {
                return Some(Slot(entry.slot));
            }
            if entry.distance(at, mask) < distance {
                return None;
            }
            at = (at + 1) & mask;
            distance += 1;
        }
    }

    /// A slot that `find` or `insert` gave stays good until its stream is removed.
    pub fn get(&mut self, slot: Slot) -> Option<&mut Stream<P>> {
        match self.slab.get_mut(slot.0 as usize) {
            Some(Place::Taken(stream)) => Some(stream),
            _ => None,
        }
    }

    /// Enters a stream whose number is not among them.
    pub fn insert(&mut self, stream: Stream<P>) -> Slot {
        if self.index.len() < 2 * (self.count + 1) {
            self.grow();
        }
        let id = stream.id;
        let slot = if let Some(Place::Free(next)) = self.slab.get(self.free as usize) {
            let slot = std::mem::replace(&mut self.free, *next);
            self.slab[slot as usize] = Place::Taken(stream);
            slot
        } else {
            self.slab.push(Place::Taken(stream));
            self.slab.len() as u32 - 1
        };
        self.count += 1;
        self.put_index(Entry { id, slot });
        Slot(slot)
    }

    /// Drops a stream where it lies: moving it out would cost as much as all the rest of this.
    pub fn remove(&mut self, slot: Slot) -> Option<Removed> {
        let place = self.slab.get_mut(slot.0 as usize)?;
        let Place::Taken(stream) = place else {
            return None;
        };
        let removed = Removed {
            id: stream.id,
            queued: stream.queued,
            message: std::mem::take(&mut stream.message),
        };
        *place = Place::Free(self.free);
        self.take_index(removed.id);
        self.free = slot.0;
        self.count -= 1;
        if self.count == 0 && self.slab.capacity() > IDLE_STREAMS_MAX {
            *self = Self::default();
        }
        Some(removed)
    }

    /// In no order.
    pub fn iter(&mut self) -> impl Iterator<Item = (Slot, &mut Stream<P>)> {
        (0..)
            .map(Slot)
            .zip(&mut self.slab)
            .filter_map(|(slot, place)| match place {
                Place::Taken(stream) => Some((slot, stream)),
                Place::Free(_) => None,
            })
    }

    fn grow(&mut self) {
        let length = (2 * self.index.len()).max(32);
        let entries = std::mem::replace(&mut self.index, vec![VACANT; length]);
        for entry in entries.into_iter().filter(|entry| !entry.is_vacant()) {
            self.put_index(entry);
        }
    }

    /// Whoever is nearer to its home makes room.
    fn put_index(&mut self, mut entry: Entry) {
        let mask = self.index.len() - 1;
        let mut at = home(entry.id, mask);
        let mut distance = 0;
        while !self.index[at].is_vacant() {
            let other = self.index[at].distance(at, mask);
            if other < distance {
                std::mem::swap(&mut entry, &mut self.index[at]);
                distance = other;
            }
            at = (at + 1) & mask;
            distance += 1;
        }
        self.index[at] = entry;
    }

    /// Those behind it that are not at home move up.
    fn take_index(&mut self, id: u32) {
        let mask = self.index.len() - 1;
        let mut gap = home(id, mask);
        while self.index[gap].id != id {
            gap = (gap + 1) & mask;
        }
        loop {
            let next = (gap + 1) & mask;
            let entry = self.index[next];
            if entry.is_vacant() || entry.distance(next, mask) == 0 {
                break;
            }
            self.index[gap] = entry;
            gap = next;
        }
        self.index[gap] = VACANT;
    }
}

/// Clients number their streams 1, 3, 5…
const fn home(id: u32, mask: usize) -> usize {
    (id >> 1) as usize & mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn stream(id: u32) -> Stream<()> {
        Stream {
            id,
            phase: Phase::Replying,
            remote_closed: true,
            queued: false,
            send_window: 0,
            receive_window: 0,
            received: 0,
            content_length: LENGTH_UNKNOWN,
            message: Vec::new(),
            body: None,
            ending: Ending::Trailers,
            call: None,
            started: Moment(0),
            progressed: Moment(0),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 64 }))]

        #[test]
        fn streams_are_found_by_number_until_they_are_removed(
            steps in prop::collection::vec((0_u32..100, any::<bool>()), 1..150),
        ) {
            let mut streams = Streams::default();
            let mut expected = BTreeMap::new();
            for (id, insert) in steps {
                match streams.find(id) {
                    None if insert => {
                        expected.insert(id, streams.insert(stream(id)));
                    }
                    Some(slot) if !insert => {
                        prop_assert_eq!(streams.remove(slot).unwrap().id, id);
                        expected.remove(&id);
                    }
                    found => prop_assert_eq!(found, expected.get(&id).copied()),
                }
                prop_assert_eq!(streams.len(), expected.len());
                for (id, slot) in &expected {
                    prop_assert_eq!(streams.find(*id), Some(*slot));
                    prop_assert_eq!(streams.get(*slot).unwrap().id, *id);
                }
            }
            prop_assert_eq!(streams.iter().count(), expected.len());
        }
    }
}
