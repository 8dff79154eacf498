//! A file that grows while it is written: in steps, each checked against the room there is and allocated first.

use std::fs::File;
use std::io;

use crate::mapping::{PAGE, allocate};
use crate::room::{self, RoomError};

/// The file grows by this much: looking for room costs some 50 µs, and what is allocated too much is given back.
const GROWTH_BYTES: u64 = 32 << 20;

/// Why a file did not grow.
#[derive(Debug)]
pub(crate) enum GrowthError {
    /// The host or a limit of it has no room.
    Room(RoomError),
    /// The system refused.
    System(io::Error),
}

/// How far a file's memory reaches.
#[derive(Debug)]
pub(crate) struct Extent {
    /// Bytes that can be written without failing.
    pub(crate) allocated_bytes: u64,
    /// Memory left to others, see [`room`].
    reserve_bytes: u64,
}

impl Extent {
    /// Of an empty file.
    pub(crate) const fn new(reserve_bytes: u64) -> Self {
        Self {
            allocated_bytes: 0,
            reserve_bytes,
        }
    }

    /// Makes sure that the file's memory reaches to `end`.
    pub(crate) fn reach(&mut self, file: &File, end: u64) -> Result<(), GrowthError> {
        if end <= self.allocated_bytes {
            return Ok(());
        }
        let needed = end - self.allocated_bytes;
        let step = needed.max(GROWTH_BYTES);
        // A step ahead when there is room for it, else only what is needed.
        let step = match room::check(step, self.reserve_bytes) {
            Ok(()) => step,
            Err(RoomError::NoRoom { .. }) => {
                let pages = needed.next_multiple_of(PAGE);
                room::check(pages, self.reserve_bytes).map_err(GrowthError::Room)?;
                pages
            }
            Err(error) => return Err(GrowthError::Room(error)),
        };
        let to = self.allocated_bytes + step;
        allocate(file, self.allocated_bytes, to).map_err(|source| self.refused(source, step))?;
        self.allocated_bytes = to;
        Ok(())
    }

    /// Somebody else took the room between our look and our step.
    fn refused(&self, source: io::Error, needed: u64) -> GrowthError {
        if source.kind() == io::ErrorKind::StorageFull {
            return GrowthError::Room(RoomError::NoRoom {
                needed,
                available: 0,
                reserve: self.reserve_bytes,
                limit: room::Limit::Shm,
            });
        }
        GrowthError::System(source)
    }
}
