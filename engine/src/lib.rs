//! The lookup engine: HTTP/2 and gRPC for a server, sans-I/O.
pub mod hpack;
