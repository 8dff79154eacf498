//! The whole connection, frame by frame: what RFC 9113 and gRPC over HTTP/2 say, by section.

#[path = "../rig/mod.rs"]
mod rig;

mod calls;
mod drains;
mod frames;
mod limits;
mod properties;
mod streams;
mod windows;
