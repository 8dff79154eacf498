//! The control channel: a stream socket pair shared with the supervisor.
//!
//! Frames in both directions are a little-endian u32 length and that many bytes of JSON. The end
//! of the stream means that the supervisor is dead.

use std::io;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

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

/// Orders as they come.
pub struct Orders(OwnedReadHalf);

impl Orders {
    /// The next order; `None` when the supervisor is gone.
    ///
    /// # Errors
    /// `InvalidData` for a frame that is no order: the two sides are not of one version.
    pub async fn next(&mut self) -> io::Result<Option<Order>> {
        let length = match self.0.read_u32_le().await {
            Ok(length) => length as usize,
            Err(_) => return Ok(None),
        };
        if length > FRAME_BYTES_MAX {
            return Err(invalid(&format!("a frame of {length} bytes")));
        }
        let mut frame = vec![0; length];
        if self.0.read_exact(&mut frame).await.is_err() {
            return Ok(None);
        }
        // serde's message may quote the frame, and keys are in it: only the place is told.
        serde_json::from_slice(&frame)
            .map(Some)
            .map_err(|error| invalid(&format!("line {}, column {}", error.line(), error.column())))
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("control channel: not an order: {what}"),
    )
}

/// Where news go. Never waits: a supervisor that does not read must not stop the loop.
#[derive(Clone)]
pub struct Outbox(Rc<mpsc::UnboundedSender<News>>);

impl Outbox {
    /// Sends after everything before it. Lost when the supervisor is gone.
    pub fn tell(&self, news: News) {
        let _ = self.0.send(news);
    }
}

/// Splits the channel. The returned future writes what the outbox is told, and ends when the outbox
/// is dropped.
pub fn open(stream: UnixStream) -> (Orders, Outbox, impl Future<Output = ()>) {
    let (read, write) = stream.into_split();
    let (sender, receiver) = mpsc::unbounded_channel();
    (
        Orders(read),
        Outbox(Rc::new(sender)),
        write_news(write, receiver),
    )
}

async fn write_news(mut write: OwnedWriteHalf, mut news: mpsc::UnboundedReceiver<News>) {
    while let Some(news) = news.recv().await {
        let Ok(json) = serde_json::to_vec(&news) else {
            continue;
        };
        let mut frame = (json.len() as u32).to_le_bytes().to_vec();
        frame.extend_from_slice(&json);
        if write.write_all(&frame).await.is_err() {
            return;
        }
    }
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
        assert!(order(r#"{"type":"dance"}"#).is_err());
    }

    #[test]
    fn news_are_written_as_frames_and_orders_come_back_until_the_end() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (near, mut far) = UnixStream::pair().unwrap();
            let (mut orders, outbox, writer) = open(near);
            outbox.tell(News::Acked { generation: 7 });
            drop(outbox);
            writer.await;
            let json = br#"{"type":"acked","generation":7}"#;
            let mut frame = vec![0; 4 + json.len()];
            far.read_exact(&mut frame).await.unwrap();
            assert_eq!(&frame[..4], (json.len() as u32).to_le_bytes());
            assert_eq!(&frame[4..], json);

            far.write_all(b"\x0f\0\0\0{\"type\":\"dump\"}")
                .await
                .unwrap();
            assert!(matches!(orders.next().await, Ok(Some(Order::Dump))));
            far.write_all(b"\x02\0\0\0{}").await.unwrap();
            assert!(orders.next().await.is_err());
            far.write_all(b"\x0f\0\0\0{\"ty").await.unwrap();
            drop(far);
            assert!(matches!(orders.next().await, Ok(None)));
        });
    }
}
