//! Limits of the gRPC data plane beside those of a connection (`engine::limits`): what each bounds
//! and why it has this size.

use std::time::Duration;

/// Longest command name, as the catalogue's gate has it.
pub const NAME_BYTES_MAX: usize = 256;

/// Nesting of groups (a proto2 relic) that are skipped in unknown fields; protobuf's own limit.
pub const GROUP_DEPTH_MAX: usize = 100;

/// Read from a socket at once: a hundred streams' requests of some 600 bytes fit.
pub const READ_BYTES: usize = 64 * 1024;

/// Reads (and the writes that answer them) of one connection before the others have their turn. One
/// read may hold 1600 requests, 0.6 ms of work.
pub const ROUNDS_PER_TURN: usize = 3;

/// Pieces of one `writev`; the kernel takes up to 1024.
pub const WRITE_PIECES_MAX: usize = 64;

/// Output buffers that are kept for the next connection with something to say.
pub const SPARE_OUTPUTS_MAX: usize = 16;

/// And their size; larger ones are given back.
pub const SPARE_OUTPUT_BYTES_MAX: usize = 1024 * 1024;

/// From our last byte to the peer's: a round trip and some work of the peer's.
pub const LINGER_TIME: Duration = Duration::from_secs(1);

/// Reads in that time; more is not the end of a conversation.
pub const LINGER_READS_MAX: u32 = 64;

/// A connection's maximum age varies by this fraction up and down: those that came together do not
/// go together.
pub const AGE_JITTER: f64 = 0.1;

/// Deadlines that follow each other closer than this are met together.
pub const DEADLINE_STEP: Duration = Duration::from_millis(1);
