//! A peer for tests: frames in, frames out, and a clock that is moved by hand.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(missing_docs, reason = "for tests")]

pub mod fuzzed;
pub mod store;

use std::time::Duration;

use engine::hpack::{self, Decoder, Strings};
use engine::{Connection, Limits, Moment, Output, Scratch, Turn};
use store::{KEY, Store, Text};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 0x1;
pub const ACK: u8 = 0x1;
pub const END_HEADERS: u8 = 0x4;
pub const PADDED: u8 = 0x8;
pub const WITH_PRIORITY: u8 = 0x20;

/// A frame as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The last four bytes of `RST_STREAM`, or the code of a GOAWAY.
    pub fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        hpack::put_literal(&mut block, name, value.as_bytes());
    }
    block
}

pub fn call_fields(path: &str) -> Vec<(&str, &str)> {
    vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "test"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("x-avap-auth", KEY),
    ]
}

pub fn headers(stream: u32, path: &str, flags: u8) -> Vec<u8> {
    frame(
        HEADERS,
        END_HEADERS | flags,
        stream,
        &block(&call_fields(path)),
    )
}

pub fn message(text: &str) -> Vec<u8> {
    let mut body = vec![0];
    body.extend_from_slice(&(text.len() as u32).to_be_bytes());
    body.extend_from_slice(text.as_bytes());
    body
}

/// A whole call for a record of `length` bytes.
pub fn get(stream: u32, length: usize) -> Vec<u8> {
    let body = frame(DATA, END_STREAM, stream, &message(&length.to_string()));
    [headers(stream, store::GET, 0), body].concat()
}

pub fn settings(pairs: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (parameter, value) in pairs {
        payload.extend_from_slice(&parameter.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &payload)
}

pub fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

pub fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}

/// Preface and empty SETTINGS.
pub fn hello() -> Vec<u8> {
    [PREFACE, &settings(&[])].concat()
}

pub fn parse(bytes: &[u8]) -> Vec<Frame> {
    let mut rest = bytes;
    let mut frames = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<9>() {
        let [a, b, c, kind, flags, stream @ ..] = *head;
        let (payload, after) = after.split_at(u32::from_be_bytes([0, a, b, c]) as usize);
        frames.push(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            payload: payload.to_vec(),
        });
        rest = after;
    }
    assert!(rest.is_empty(), "half a frame was sent");
    frames
}

/// What came of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub ended: bool,
    pub reset: Option<u32>,
}

impl Reply {
    pub fn field(&self, wanted: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    }

    pub fn status(&self) -> &str {
        self.field("grpc-status").unwrap_or("none")
    }
}

/// A connection with its peer.
pub struct Rig {
    pub store: Store,
    pub connection: Connection<Text>,
    pub output: Output<Text>,
    pub scratch: Scratch,
    pub limits: Limits,
    pub now: Moment,
    pub decoder: Decoder,
}

impl Default for Rig {
    fn default() -> Self {
        Self::new(Limits::DEFAULT)
    }
}

impl Rig {
    pub fn new(limits: Limits) -> Self {
        let now = Moment(1_000_000_000);
        Self {
            store: Store::default(),
            connection: Connection::new(&limits, limits.age, now),
            output: Output::default(),
            scratch: Scratch::default(),
            limits,
            now,
            decoder: Decoder::default(),
        }
    }

    /// After preface and SETTINGS in both directions.
    pub fn open() -> Self {
        Self::open_with(Limits::DEFAULT)
    }

    pub fn open_with(limits: Limits) -> Self {
        let mut rig = Self::new(limits);
        let greeting = rig.exchange(&hello());
        assert_eq!(greeting[0].kind, SETTINGS);
        assert_eq!(greeting.last().unwrap().flags, ACK);
        rig
    }

    pub fn turn<R>(
        &mut self,
        act: impl FnOnce(&mut Connection<Text>, &mut Turn<'_, Store>) -> R,
    ) -> R {
        let mut turn = Turn {
            service: &self.store,
            out: &mut self.output,
            scratch: &mut self.scratch,
            limits: &self.limits,
            now: self.now,
        };
        act(&mut self.connection, &mut turn)
    }

    pub fn receive(&mut self, input: &[u8]) {
        self.turn(|connection, turn| connection.receive(input, turn));
    }

    /// What is queued, as it would reach the peer; more comes of it as the queue empties.
    pub fn sent(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            self.output.pieces(|piece| {
                all.extend_from_slice(piece);
                true
            });
            let bytes = self.output.len();
            self.output.advance(bytes);
            if !self.connection.waits_for_output() {
                return all;
            }
            self.turn(Connection::resume);
            if self.output.is_empty() {
                return all;
            }
        }
    }

    /// Sends, and receives the answer.
    pub fn exchange(&mut self, input: &[u8]) -> Vec<Frame> {
        self.receive(input);
        parse(&self.sent())
    }

    pub fn pass(&mut self, time: Duration) -> Vec<Frame> {
        self.now = self.now.after(time);
        self.turn(Connection::expire);
        parse(&self.sent())
    }

    /// Frames of one stream put together.
    pub fn reply(&mut self, frames: &[Frame], stream: u32) -> Reply {
        let mut reply = Reply::default();
        for frame in frames {
            if frame.kind == HEADERS {
                // Every block is decoded, whosever it is.
                let mut fields = Vec::new();
                let decoded =
                    self.decoder
                        .decode(&frame.payload, &mut Strings::default(), |name, value| {
                            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                            fields.push((text(name), text(value)));
                        });
                decoded.unwrap();
                if frame.stream == stream {
                    reply.fields.extend(fields);
                }
            }
            if frame.stream != stream {
                continue;
            }
            match frame.kind {
                DATA => reply.body.extend_from_slice(&frame.payload),
                RST_STREAM => reply.reset = Some(frame.code()),
                _ => {}
            }
            reply.ended |= matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0;
        }
        reply
    }

    /// A call's reply, from one exchange.
    pub fn call(&mut self, input: &[u8], stream: u32) -> Reply {
        let frames = self.exchange(input);
        self.reply(&frames, stream)
    }

    pub fn expected(&self, length: usize) -> Vec<u8> {
        let mut body = vec![0];
        body.extend_from_slice(&(length as u32).to_be_bytes());
        body.extend_from_slice(&engine::Pin::bytes(&self.store.text)[..length]);
        body
    }

    /// The connection still answers.
    #[track_caller]
    pub fn assert_alive(&mut self, stream: u32) {
        let reply = self.call(&get(stream, 7), stream);
        assert_eq!((reply.status(), reply.body.len()), ("0", 12), "{reply:?}");
    }
}

/// The code of the only GOAWAY.
#[track_caller]
pub fn goaway(frames: &[Frame]) -> u32 {
    match frames {
        [.., last] if last.kind == GOAWAY => last.code(),
        other => panic!("no GOAWAY at the end of {other:?}"),
    }
}
