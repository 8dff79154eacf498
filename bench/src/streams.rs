//! The open streams of an HTTP/2 connection, found by a mask: no hashing, no allocation a request.

use std::rc::Rc;

use crate::connection::{Body, Request};
use crate::headers::Fields;

/// What the server may still send, and what was read and not given back yet.
#[derive(Clone, Copy)]
pub struct Window {
    open: i64,
    read: u32,
    whole: u32,
}

impl Window {
    pub fn new(whole: u32) -> Self {
        Self {
            open: i64::from(whole),
            read: 0,
            whole,
        }
    }

    /// Whether the server was allowed to send so much.
    pub fn take(&mut self, bytes: u32) -> bool {
        self.open -= i64::from(bytes);
        self.read += bytes;
        self.open >= 0
    }

    /// What to give back now: all that was read, once it is half of the window.
    pub fn give_back(&mut self) -> Option<u32> {
        if self.read < self.whole.div_ceil(2) {
            return None;
        }
        let increment = std::mem::take(&mut self.read);
        self.open += i64::from(increment);
        Some(increment)
    }
}

/// A request under way and its reply as far as it has come.
pub struct Stream {
    /// 0: free.
    id: u32,
    pub request: Request,
    pub started_ns: u64,
    pub headers: Option<Rc<Fields>>,
    pub body: Body,
    pub window: Window,
}

/// At most so many streams. Twice as many slots: a new stream's slot is that of one which opened as
/// many streams ago, and where that one is still open the id is skipped, as RFC 9113, section 5.1.1 allows.
pub struct Streams {
    slots: Box<[Stream]>,
    open: usize,
    next: u32,
}

const STREAM_ID_MAX: u32 = (1 << 31) - 1;

impl Streams {
    pub fn new(streams_max: usize) -> Self {
        let free = || Stream {
            id: 0,
            request: Request::default(),
            started_ns: 0,
            headers: None,
            body: Body::EMPTY,
            window: Window::new(0),
        };
        let slots = (2 * streams_max).next_power_of_two();
        Self {
            slots: (0..slots).map(|_| free()).collect(),
            open: 0,
            next: 1,
        }
    }

    pub fn open(&self) -> usize {
        self.open
    }

    /// Whether there are no ids left.
    pub fn used_up(&self) -> bool {
        self.next > STREAM_ID_MAX
    }

    /// Whether a stream with this id was opened, or skipped, at any time.
    pub fn knew(&self, id: u32) -> bool {
        !id.is_multiple_of(2) && id < self.next
    }

    /// Opens the next stream and returns its id; `None`: the ids are used up or the slots taken.
    pub fn start(&mut self, request: Request, window: u32, now_ns: u64) -> Option<u32> {
        for _ in 0..self.slots.len() {
            if self.used_up() {
                return None;
            }
            let id = self.next;
            self.next += 2;
            let slot = self.slot(id);
            if slot.id == 0 {
                slot.id = id;
                slot.request = request;
                slot.started_ns = now_ns;
                slot.body = Body::EMPTY;
                slot.window = Window::new(window);
                self.open += 1;
                return Some(id);
            }
        }
        None
    }

    pub fn find(&mut self, id: u32) -> Option<&mut Stream> {
        let slot = self.slot(id);
        (slot.id == id && id != 0).then_some(slot)
    }

    /// Closes a stream and hands out its request.
    pub fn close(&mut self, id: u32) -> Option<Request> {
        let slot = self.find(id)?;
        slot.id = 0;
        slot.headers = None;
        let request = slot.request;
        self.open -= 1;
        Some(request)
    }

    /// The open streams that `which` says yes to, by id.
    pub fn ids(&self, which: impl Fn(u32, &Stream) -> bool) -> Vec<u32> {
        let open = self.slots.iter().filter(|slot| slot.id != 0);
        open.filter(|slot| which(slot.id, slot))
            .map(|slot| slot.id)
            .collect()
    }

    fn slot(&mut self, id: u32) -> &mut Stream {
        let mask = self.slots.len() - 1; // a power of two
        &mut self.slots[(id >> 1) as usize & mask]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_stream_that_stays_open_is_skipped_and_never_used_twice() {
        let mut streams = Streams::new(2);
        let stuck = streams.start(Request::default(), 1, 7).unwrap();
        let mut last = stuck;
        for _ in 0..100 {
            let id = streams.start(Request::default(), 1, 8).unwrap();
            assert!(id > last && !id.is_multiple_of(2), "{id} after {last}");
            assert_eq!(streams.find(stuck).unwrap().started_ns, 7);
            assert!(streams.close(id).is_some() && streams.close(id).is_none());
            last = id;
        }
        assert_eq!(streams.open(), 1);
        assert!(streams.find(0).is_none() && streams.find(2).is_none());
        assert!(streams.knew(last) && !streams.knew(last + 2) && !streams.knew(0));
    }

    #[test]
    fn no_more_streams_are_open_than_there_are_slots() {
        let mut streams = Streams::new(2);
        let opened = (0..10).filter_map(|_| streams.start(Request::default(), 1, 0));
        assert_eq!(opened.count(), 4);
        assert_eq!(streams.ids(|_, _| true), [1, 3, 5, 7]);
    }

    #[test]
    fn ids_come_to_an_end() {
        let mut streams = Streams::new(1);
        streams.next = STREAM_ID_MAX;
        assert_eq!(streams.start(Request::default(), 1, 0), Some(STREAM_ID_MAX));
        assert!(streams.used_up());
        assert_eq!(streams.start(Request::default(), 1, 0), None);
    }
}
