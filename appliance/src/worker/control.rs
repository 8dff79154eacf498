//! The control channel: a stream socket pair shared with the supervisor.
//!
//! Frames in both directions are a little-endian u32 length and that many bytes of JSON. The end
//! of the stream means that the supervisor is dead.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::config::Config;
use super::log::Level;

/// A config frame with a thousand keys of 1 KiB fits.
const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the supervisor says.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Order {
    /// Once, first.
    Config(Box<Config>),
    /// Other keys from the next request on.
    Keys {
        keys: Vec<String>,
    },
    /// Accept from the listening socket of this slot too.
    Adopt {
        slot: usize,
    },
    /// Stop that.
    Release {
        slot: usize,
    },
    /// End in good order.
    Drain {
        /// Whether the listening sockets are shut for everybody. `false` when only this worker goes
        /// and another one takes the slot.
        #[serde(default = "yes")]
        shut: bool,
    },
    LogLevel {
        level: Level,
    },
    /// Never compile these: hex source hashes, each with the reason. All of them, each time.
    Quarantine {
        sources: Vec<(String, String)>,
    },
    /// Names of rows that could not be served, each with the reason. All of them, each time.
    LeftOut {
        rows: Vec<(String, String)>,
    },
    /// Log the state.
    Dump,
}

const fn yes() -> bool {
    true
}

/// What this worker says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum News {
    /// It listens and serves what is announced, if anything is.
    Ready,
    /// It serves this generation.
    Acked { generation: u64 },
    /// It is about to exit.
    Drained,
}

/// Where news go. Never waits: a supervisor that does not read must not stop the loop.
#[derive(Clone, Default)]
pub struct Outbox(Rc<RefCell<Vec<u8>>>);

impl Outbox {
    /// Sends after everything before it. Lost when the supervisor is gone.
    pub fn tell(&self, news: &News) {
        // News are numbers and fixed words: always JSON.
        let Ok(json) = serde_json::to_vec(news) else {
            return;
        };
        let mut waiting = self.0.borrow_mut();
        waiting.extend_from_slice(&(json.len() as u32).to_le_bytes());
        waiting.extend_from_slice(&json);
    }
}

/// This worker's end.
pub struct Control {
    stream: UnixStream,
    input: Vec<u8>,
    outbox: Outbox,
}

impl Control {
    /// Over this stream, which blocks until `set_nonblocking`.
    pub fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            input: Vec::new(),
            outbox: Outbox::default(),
        }
    }

    /// The socket, to be watched.
    pub const fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Another handle of what is to be sent.
    pub fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }

    /// Waits for the first order. `None`: the supervisor was gone before it said anything.
    ///
    /// # Errors
    /// `TimedOut` or `WouldBlock` after `timeout`, those of [`Self::read`].
    pub fn first_order(&mut self, timeout: Duration) -> io::Result<Option<Order>> {
        self.stream.set_read_timeout(Some(timeout))?;
        loop {
            if let Some(order) = self.next()? {
                self.stream.set_read_timeout(None)?;
                self.stream.set_nonblocking(true)?;
                return Ok(Some(order));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Takes what has come. `false`: the supervisor is gone.
    ///
    /// # Errors
    /// Those of `read`; a stream that was cut is an end like any other.
    pub fn read(&mut self) -> io::Result<bool> {
        loop {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    fn fill(&mut self) -> io::Result<bool> {
        let mut piece = [0; 4096];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    self.input.extend_from_slice(&piece[..read]);
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// The next order that has come whole.
    ///
    /// # Errors
    /// `InvalidData` for a frame that is no order: the two sides are not of one version.
    pub fn next(&mut self) -> io::Result<Option<Order>> {
        let Some((length, rest)) = self.input.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(invalid(&format!("a frame of {length} bytes")));
        }
        let Some(frame) = rest.get(..length) else {
            return Ok(None);
        };
        // serde's message may quote the frame, and keys are in it: only the place is told.
        let order = serde_json::from_slice(frame)
            .map_err(|error| invalid(&format!("line {}, column {}", error.line(), error.column())));
        self.input.drain(..4 + length);
        order.map(Some)
    }

    /// Sends what the outbox was told, as far as the supervisor takes it. `false`: some is left.
    pub fn send(&mut self) -> bool {
        let mut waiting = self.outbox.0.borrow_mut();
        while !waiting.is_empty() {
            match self.stream.write(&waiting) {
                Ok(sent) => drop(waiting.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // The supervisor is gone: reading tells.
                Err(_) => waiting.clear(),
            }
        }
        true
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("control channel: not an order: {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(json: &str) -> Result<Order, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn orders_are_read() {
        assert!(
            matches!(order(r#"{"type":"keys","keys":["a"]}"#), Ok(Order::Keys { keys }) if keys == ["a"])
        );
        assert!(matches!(
            order(r#"{"type":"adopt","slot":3}"#),
            Ok(Order::Adopt { slot: 3 })
        ));
        assert!(matches!(
            order(r#"{"type":"release","slot":3}"#),
            Ok(Order::Release { slot: 3 })
        ));
        assert!(matches!(
            order(r#"{"type":"drain"}"#),
            Ok(Order::Drain { shut: true })
        ));
        assert!(matches!(
            order(r#"{"type":"drain","shut":false}"#),
            Ok(Order::Drain { shut: false })
        ));
        assert!(matches!(
            order(r#"{"type":"log_level","level":"debug"}"#),
            Ok(Order::LogLevel {
                level: Level::Debug
            })
        ));
        assert!(matches!(order(r#"{"type":"dump"}"#), Ok(Order::Dump)));
        assert!(matches!(
            order(r#"{"type":"quarantine","sources":[["00","why"]]}"#),
            Ok(Order::Quarantine { sources }) if sources == [("00".to_owned(), "why".to_owned())]
        ));
        assert!(matches!(
            order(r#"{"type":"left_out","rows":[["if","why"]]}"#),
            Ok(Order::LeftOut { rows }) if rows == [("if".to_owned(), "why".to_owned())]
        ));
        assert!(order(r#"{"type":"dance"}"#).is_err());
    }

    #[test]
    fn news_are_written_as_frames_and_orders_come_back_until_the_end() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let mut control = Control::new(near);
        control.outbox().tell(&News::Acked { generation: 7 });
        assert!(control.send());
        let json = br#"{"type":"acked","generation":7}"#;
        let mut frame = vec![0; 4 + json.len()];
        far.read_exact(&mut frame).unwrap();
        assert_eq!(&frame[..4], (json.len() as u32).to_le_bytes());
        assert_eq!(&frame[4..], json);

        far.write_all(b"\x0f\0\0\0{\"type\":\"dump\"}\x0f\0\0")
            .unwrap();
        let first = control.first_order(Duration::from_secs(5));
        assert!(matches!(first, Ok(Some(Order::Dump))));
        far.write_all(b"\0{\"type\":\"dump\"}\x02\0\0\0{}").unwrap();
        assert!(control.read().unwrap());
        assert!(matches!(control.next(), Ok(Some(Order::Dump))));
        assert!(control.next().is_err());
        assert!(matches!(control.next(), Ok(None)));
        far.write_all(b"\x0f\0\0\0{\"ty").unwrap();
        drop(far);
        assert!(!control.read().unwrap());
        assert!(matches!(control.next(), Ok(None)));
    }

    #[test]
    fn a_supervisor_that_says_nothing_or_is_gone_is_told_apart() {
        let (near, far) = UnixStream::pair().unwrap();
        let mut control = Control::new(near);
        assert!(control.first_order(Duration::from_millis(10)).is_err());
        drop(far);
        assert!(matches!(
            control.first_order(Duration::from_secs(5)),
            Ok(None)
        ));
    }
}
