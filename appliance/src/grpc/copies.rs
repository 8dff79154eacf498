//! Copied replies that have not left: how much of them a connection may hold.
//!
//! What a peer asks for and does not read waits inside h2, for as many streams as it may open. A
//! small reply is copied all the same, since its stream costs about as much. Of the larger ones
//! only so many bytes are copied at a time; what is asked for beyond that leaves as slices of the
//! segment, which takes none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::limits::{COPIES_BYTES_MAX, COPY_BYTES_MAX, COPY_UNCOUNTED_BYTES_MAX};

/// The copies of one connection. h2 drops them on the thread that made them, but asks for `Send`.
#[derive(Default)]
pub struct Copies(Arc<AtomicUsize>);

impl Copies {
    /// Whether a message of `bytes` is to be copied, and not lent.
    pub fn admit(&self, bytes: usize) -> bool {
        bytes <= COPY_UNCOUNTED_BYTES_MAX
            || (bytes <= COPY_BYTES_MAX && self.held() + bytes <= COPIES_BYTES_MAX)
    }

    /// Counts a reply until whoever sends it lets go of it.
    pub fn hold(&self, reply: Vec<u8>) -> Bytes {
        if reply.len() <= COPY_UNCOUNTED_BYTES_MAX {
            return reply.into();
        }
        self.0.fetch_add(reply.len(), Ordering::Relaxed);
        Bytes::from_owner(Held {
            reply,
            total: Arc::clone(&self.0),
        })
    }

    fn held(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

struct Held {
    reply: Vec<u8>,
    total: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.reply
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.total.fetch_sub(self.reply.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_bounded_while_they_are_held_and_no_longer() {
        let copies = Copies::default();
        let held: Vec<Bytes> = std::iter::repeat_with(|| vec![7; COPY_BYTES_MAX])
            .take_while(|reply| copies.admit(reply.len()))
            .map(|reply| copies.hold(reply))
            .take(1000)
            .collect();
        assert_eq!(held.len(), COPIES_BYTES_MAX / COPY_BYTES_MAX);
        assert_eq!(&held[0][..3], [7; 3]);
        assert!(copies.admit(COPY_UNCOUNTED_BYTES_MAX), "small ones always");
        let part = held[0].slice(1..2);
        drop(held);
        assert_eq!(copies.held(), COPY_BYTES_MAX, "of which a part is held");
        drop(part);
        assert_eq!(copies.held(), 0);
        assert!(copies.admit(COPY_BYTES_MAX) && !copies.admit(COPY_BYTES_MAX + 1));
    }
}
