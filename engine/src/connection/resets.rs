//! The streams that we reset last. Frames of theirs may be on their way and are no breach
//! (RFC 9113, section 5.1, "closed").

use crate::limits::RESETS_REMEMBERED;

#[derive(Debug, Default)]
pub struct Resets {
    /// Empty until the first reset; a ring from then on.
    streams: Vec<u32>,
    next: usize,
}

impl Resets {
    pub fn push(&mut self, stream: u32) {
        if self.streams.len() < RESETS_REMEMBERED {
            self.streams.push(stream);
        } else {
            self.streams[self.next] = stream;
            self.next = (self.next + 1) % RESETS_REMEMBERED;
        }
    }

    pub fn contains(&self, stream: u32) -> bool {
        self.streams.contains(&stream)
    }
}
