//! Every limit of the HTTP data plane, once: what it bounds and why it has this size.

use std::time::Duration;

/// Request line and headers of a request. 8 KiB is what proxies allow by default; keys, cookies and tracing need more.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Header fields of a request.
pub const HEADERS_MAX: usize = 100;

/// Body of a request: a script of 1 MiB, escaped as badly as can be, and variables that fit the memory of an execution.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bodies that one worker holds at once, all connections together. Above it requests with a body are refused (503):
/// the sum over all connections would otherwise be some gigabytes.
pub const BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Nesting of a JSON body, the body's own object included. Python's reader, which the predecessor used, ends near a
/// thousand; nothing that people write comes near a hundred.
pub const JSON_DEPTH_MAX: usize = 200;

/// From the first byte of a request, or the accept, to the end of its headers.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// From a request's headers to the end of its body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Without a byte taken by the peer of an answer.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Between two requests of a connection. Longer than the 60 s that proxies keep theirs, so that it is the proxy that
/// closes and no request meets a closing connection.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// Requests of one connection; then it is closed in good order, so that clients spread over workers again.
pub const REQUESTS_PER_CONNECTION_MAX: u64 = 100_000;

/// From our last byte to the peer's.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads of 16 KiB in that time: the rest of a body that was refused.
pub const LINGER_READS_MAX: usize = 1024;

/// An `X-Request-Id` that is taken over.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// Commands on one page of `/api/v1/commands`.
pub const PAGE_COMMANDS_MAX: usize = 1000;

/// Commands on a page that does not say how many.
pub const PAGE_COMMANDS_DEFAULT: usize = 100;
