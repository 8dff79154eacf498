//! What the data planes of both roles stand on: connections, keys, the served version, panics.
//!
//! A worker's life (`worker`) knows its data plane as a [`Plane`] and nothing of its protocol; a data plane knows
//! nothing of signals, orders or shared memory.

use std::rc::Rc;
use std::time::Instant;

use serde_json::{Map, Value};
use tokio::net::TcpStream;

pub mod auth;
pub mod connections;
pub mod panics;
#[cfg(test)]
pub(crate) mod test_segment;
pub mod version;

use auth::Keys;
use connections::Connections;
use version::Version;

/// The data plane of one worker. Everything happens on the loop thread.
pub trait Plane {
    /// Serves an accepted connection to its end, in a task of its own.
    fn serve(self: Rc<Self>, stream: TcpStream);

    /// The open ones.
    fn connections(&self) -> &Connections;

    /// What is served now.
    fn version(&self) -> Option<Rc<Version>>;

    /// Serves `version` from the next request on. Gives back the one before.
    fn swap(&self, version: Version, now: Instant) -> Option<Rc<Version>>;

    /// Other keys from the next request on.
    fn set_keys(&self, keys: Keys);

    /// Health says that this worker goes; everything is still answered.
    fn begin_drain(&self);

    /// Tells every peer to go away; connections close when what is under way is answered.
    fn end_connections(&self);

    /// Called at each tick: ends what takes too long.
    fn sweep(&self, now: Instant);

    /// What a dump of the state shows of it.
    fn describe(&self) -> Map<String, Value>;
}
