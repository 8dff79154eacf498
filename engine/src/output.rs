//! What is to be sent: bytes of our own, and slices of what replies pin, in order.

use std::collections::VecDeque;

/// What keeps the bytes of a reply where they are. Cheap to clone.
pub trait Pin: Clone {
    /// The bytes that slices are of. The same ones at each call.
    fn bytes(&self) -> &[u8];
}

#[derive(Debug)]
struct Slice<P> {
    /// Goes out before the own byte at this place.
    at: usize,
    pin: P,
    from: usize,
    to: usize,
}

/// A queue of bytes. Its buffers are kept when it is empty: one serves many connections in turn.
#[derive(Debug)]
pub struct Output<P> {
    own: Vec<u8>,
    sent: usize,
    slices: VecDeque<Slice<P>>,
    sliced_bytes: usize,
}

impl<P> Default for Output<P> {
    fn default() -> Self {
        Self {
            own: Vec::new(),
            sent: 0,
            slices: VecDeque::new(),
            sliced_bytes: 0,
        }
    }
}

impl<P: Pin> Output<P> {
    /// Bytes that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.own.len() - self.sent + self.sliced_bytes
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that its own buffer takes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.own.capacity()
    }

    /// Gives what waits, piece by piece, until `sink` returns `false`.
    pub fn pieces<'out>(&'out self, mut sink: impl FnMut(&'out [u8]) -> bool) {
        let mut at = self.sent;
        for slice in &self.slices {
            let own = self.own.get(at..slice.at).unwrap_or_default();
            if !own.is_empty() && !sink(own) {
                return;
            }
            at = slice.at;
            let bytes = slice.pin.bytes().get(slice.from..slice.to);
            if !sink(bytes.unwrap_or_default()) {
                return;
            }
        }
        let own = self.own.get(at..).unwrap_or_default();
        if !own.is_empty() {
            sink(own);
        }
    }

    /// What waits, if it is one piece of own bytes.
    #[must_use]
    pub fn whole(&self) -> Option<&[u8]> {
        self.slices.is_empty().then(|| &self.own[self.sent..])
    }

    /// The first `bytes` have left.
    pub fn advance(&mut self, bytes: usize) {
        let mut rest = bytes;
        while rest > 0 {
            let Some(slice) = self.slices.front_mut() else {
                self.sent = self.own.len().min(self.sent + rest);
                break;
            };
            let own = rest.min(slice.at - self.sent);
            self.sent += own;
            rest -= own;
            let taken = rest.min(slice.to - slice.from);
            slice.from += taken;
            rest -= taken;
            self.sliced_bytes -= taken;
            if slice.from < slice.to || self.sent < slice.at {
                break;
            }
            self.slices.pop_front();
        }
        if self.is_empty() {
            self.clear();
        }
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        self.own.clear();
        self.sent = 0;
        self.slices.clear();
        self.sliced_bytes = 0;
    }

    /// Whether a slice that waits is of such a pin.
    pub fn holds(&self, mut of: impl FnMut(&P) -> bool) -> bool {
        self.slices.iter().any(|slice| of(&slice.pin))
    }

    /// Own bytes, to append to.
    pub(crate) const fn own(&mut self) -> &mut Vec<u8> {
        &mut self.own
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.own.extend_from_slice(bytes);
    }

    /// Appends a slice; the range lies inside the pin's bytes and is not empty.
    pub(crate) fn put_slice(&mut self, pin: P, from: usize, to: usize) {
        debug_assert!(from < to && to <= pin.bytes().len());
        self.sliced_bytes += to - from;
        self.slices.push_back(Slice {
            at: self.own.len(),
            pin,
            from,
            to,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::rc::Rc;

    impl Pin for Rc<Vec<u8>> {
        fn bytes(&self) -> &[u8] {
            self
        }
    }

    fn waiting(output: &Output<Rc<Vec<u8>>>) -> Vec<u8> {
        let mut all = Vec::new();
        output.pieces(|piece| {
            assert!(!piece.is_empty());
            all.extend_from_slice(piece);
            true
        });
        assert_eq!(all.len(), output.len());
        all
    }

    proptest! {
        #[test]
        fn order_is_kept_however_little_leaves_at_a_time(
            parts in prop::collection::vec((any::<bool>(), 1_usize..40), 1..20),
            step in 1_usize..50,
        ) {
            let pin = Rc::new((0..100).collect::<Vec<u8>>());
            let mut output = Output::default();
            let mut expected = Vec::new();
            for (is_slice, length) in parts {
                expected.extend_from_slice(&pin[3..3 + length]);
                if is_slice {
                    output.put_slice(Rc::clone(&pin), 3, 3 + length);
                } else {
                    output.put(&pin[3..3 + length]);
                }
            }
            let mut gone = 0;
            while !output.is_empty() {
                prop_assert_eq!(&waiting(&output)[..], &expected[gone..]);
                let leaves = step.min(expected.len() - gone);
                output.advance(leaves);
                gone += leaves;
            }
            prop_assert_eq!(gone, expected.len());
            prop_assert_eq!(Rc::strong_count(&pin), 1);
        }
    }
}
