//! Every limit of the gRPC data plane, once: what it bounds and why it has this size.

use std::time::Duration;

/// Largest request message, compressed or not. A request is a name of at most 256 bytes;
/// the rest is room for fields that later clients add.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Bytes before a gRPC message: the compressed flag and a big-endian u32 length.
pub const PREFIX_BYTES: usize = 5;

/// Longest command name, as the catalogue's gate has it.
pub const NAME_BYTES_MAX: usize = 256;

/// Streams that one peer may have open on a connection. grpc-go and grpc-js queue what is
/// above it; 100 (the RFC's floor) makes them queue at loads that one worker carries.
pub const STREAMS_MAX: u32 = 1024;

/// Decoded size of a request's headers (RFC 9113 §6.5.2). gRPC's own default is 8 KiB; keys
/// and tracing metadata need more, and this much a stream is what an attacker can pin.
pub const HEADER_LIST_BYTES_MAX: u32 = 16 * 1024;

/// Receive window of a stream: a whole message and its prefix fit, so a client never waits for a
/// `WINDOW_UPDATE` in the middle of a request.
pub const STREAM_WINDOW_BYTES: u32 = 128 * 1024;

/// Receive window of a connection. It is given back when a request is finished with, so it also
/// bounds what one peer can make this process hold in unfinished requests.
pub const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// What h2 may hold of one stream's reply. Its flow-control bookkeeping is paid once a chunk
/// of this size, and a stalled reader of the catalogue pins no more than this.
pub const SEND_BUFFER_BYTES: usize = 256 * 1024;

/// Replies up to this size are copied out of the segment; larger ones leave as slices of it.
/// At 16 KiB a copy costs about 0.5 µs, less than the bookkeeping of a lease.
pub const COPY_BYTES_MAX: usize = 16 * 1024;

/// What copied replies of one connection may add up to while they wait for their reader; beyond it
/// replies leave as slices, which take no memory. Without it a peer that does not read would have
/// us hold `STREAMS_MAX` copies, 16 MiB.
pub const COPIES_BYTES_MAX: usize = 1024 * 1024;

/// Copies up to this size are not counted in that sum: `STREAMS_MAX` of them are as much again, and
/// counting costs an allocation a reply.
pub const COPY_UNCOUNTED_BYTES_MAX: usize = 1024;

/// From accept to the end of the client's preface; a silent peer costs a descriptor no longer.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The same for a connection that has not spoken when the drain begins.
pub const HANDSHAKE_TIMEOUT_DRAINING: Duration = Duration::from_secs(1);

/// From our last byte to the peer's: a round trip and some work of the peer's.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads of 4 KiB in that time; more is not the end of a conversation.
pub const LINGER_READS_MAX: usize = 1024;

/// From a request's headers to the end of its message. A request fits in one packet, so only a
/// dead or hostile peer needs longer; `grpc-timeout` may shorten it.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Streams that the peer reset before they were accepted (CVE-2023-44487, "rapid reset").
/// More than this many waiting at once ends the connection.
pub const PENDING_ACCEPT_RESETS_MAX: usize = 128;

/// Streams that we reset because the peer broke the protocol ("made you reset",
/// CVE-2025-8671) before the connection is ended.
pub const LOCAL_ERROR_RESETS_MAX: usize = 256;

/// Streams that we reset and still remember, to tell late frames from errors.
pub const RESET_STREAMS_MAX: usize = 128;

/// How long they are remembered: a generous round trip.
pub const RESET_STREAM_MEMORY: Duration = Duration::from_secs(5);

/// Requests taken from one connection before the others have their turn.
pub const REQUESTS_PER_TURN: usize = 64;

/// Output that waits for a socket before h2 is told to wait too.
pub const OUTPUT_BYTES_MAX: usize = 128 * 1024;

/// Writes of at least this size go to the kernel from where they are, together with what waits;
/// smaller ones are gathered until the end of the turn.
pub const DIRECT_WRITE_BYTES_MIN: usize = 4 * 1024;

/// An idle connection keeps an output buffer of at most this capacity.
pub const IDLE_OUTPUT_BYTES_MAX: usize = 4 * 1024;

/// Nesting of groups (a proto2 relic) that are skipped in unknown fields; protobuf's own limit.
pub const GROUP_DEPTH_MAX: usize = 100;

const _: () = assert!(STREAM_WINDOW_BYTES as usize >= MESSAGE_BYTES_MAX + PREFIX_BYTES);
const _: () = assert!(CONNECTION_WINDOW_BYTES >= STREAM_WINDOW_BYTES);
