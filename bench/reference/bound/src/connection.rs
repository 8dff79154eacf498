//! One connection, bytes in and bytes out. `None` from anything here ends it: a breach of the protocol, or a part of
//! it that is left out.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;

use loona_hpack::Decoder;

use crate::block::leaves_table;
use crate::catalog::{self, Call, Engine};
use crate::frame::{self, Table};

const WINDOW_DEFAULT: usize = catalog::MESSAGE_BYTES_MAX;
const WINDOW_MAX: u32 = (1 << 31) - 1;
/// Requests are taken back into our window once so much was received: once in millions.
const GIVE_BACK_BYTES: u32 = 1 << 30;
const TABLE_BYTES_DEFAULT: u32 = 4096;
const HEADER_TABLE_SIZE: u16 = 1;
/// Blocks of headers known by their bytes; a steady client has one.
const KNOWN_MAX: usize = 64;

const NOT_FOUND: &str = "5";
const UNIMPLEMENTED: &str = "12";
const INTERNAL: &str = "13";
const UNAUTHENTICATED: &str = "16";

/// A request whose headers came and whose message did not, or not whole.
struct Open {
    stream: u32,
    call: Call,
    message: Vec<u8>,
}

/// A reply on its way.
struct Reply<'a> {
    stream: u32,
    begun: bool,
    rest: &'a [u8],
}

pub struct Connection<'a> {
    /// For the client; the caller removes what it has sent.
    pub out: Vec<u8>,
    engine: &'a Engine,
    partial: Vec<u8>,
    preface_seen: bool,
    decoder: Decoder<'static>,
    known: HashMap<Vec<u8>, Call>,
    open: Vec<Open>,
    table: Table,
    /// What the client still takes on this connection.
    window: usize,
    /// Replies that wait for more of it; of the first one a part may have been sent.
    waiting: VecDeque<Reply<'a>>,
    received: u32,
}

impl<'a> Connection<'a> {
    pub fn new(engine: &'a Engine) -> Self {
        let mut out = Vec::new();
        frame::put_frame(&mut out, frame::SETTINGS, 0, 0, &[]);
        let increment = WINDOW_MAX - WINDOW_DEFAULT as u32;
        frame::put_frame(
            &mut out,
            frame::WINDOW_UPDATE,
            0,
            0,
            &increment.to_be_bytes(),
        );
        let mut decoder = Decoder::new();
        decoder.set_max_allowed_table_size(TABLE_BYTES_DEFAULT as usize);
        Self {
            out,
            engine,
            partial: Vec::new(),
            preface_seen: false,
            decoder,
            known: HashMap::new(),
            open: Vec::new(),
            table: Table::Empty,
            window: WINDOW_DEFAULT,
            waiting: VecDeque::new(),
            received: 0,
        }
    }

    /// Takes bytes of the client and answers the requests in them.
    pub fn receive(&mut self, bytes: &[u8]) -> Option<()> {
        if self.partial.is_empty() {
            let used = self.frames(bytes)?;
            self.partial.extend_from_slice(&bytes[used..]);
        } else {
            let mut all = std::mem::take(&mut self.partial);
            all.extend_from_slice(bytes);
            let used = self.frames(&all)?;
            all.drain(..used);
            self.partial = all;
        }
        Some(())
    }

    /// Handles the whole frames and returns how many bytes those are.
    fn frames(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut used = 0;
        if !self.preface_seen {
            let Some(preface) = bytes.get(..frame::PREFACE.len()) else {
                return Some(0);
            };
            self.preface_seen = preface == frame::PREFACE;
            used = self.preface_seen.then_some(preface.len())?;
        }
        while let Some((head, rest)) = bytes[used..].split_first_chunk::<{ frame::HEAD_BYTES }>() {
            let &[a, b, c, kind, flags, stream @ ..] = head;
            let length = u32::from_be_bytes([0, a, b, c]) as usize;
            if length > frame::PAYLOAD_BYTES_MAX {
                return None;
            }
            let Some(payload) = rest.get(..length) else {
                break;
            };
            used += frame::HEAD_BYTES + length;
            self.frame(kind, flags, u32::from_be_bytes(stream), payload)?;
        }
        Some(used)
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Option<()> {
        match kind {
            frame::DATA if flags & frame::PADDED == 0 => self.data(flags, stream, payload)?,
            frame::HEADERS
                if flags & (frame::PADDED | frame::END_HEADERS) == frame::END_HEADERS =>
            {
                let skipped = if flags & frame::PRIORITY == 0 { 0 } else { 5 };
                let call = self.call(payload.get(skipped..)?)?;
                if flags & frame::END_STREAM == 0 {
                    let message = Vec::new();
                    self.open.push(Open {
                        stream,
                        call,
                        message,
                    });
                } else {
                    self.answer(stream, call, &[]);
                }
            }
            frame::DATA | frame::HEADERS | frame::PUSH_PROMISE | frame::CONTINUATION => {
                return None;
            }
            frame::RST_STREAM => {
                self.open.retain(|open| open.stream != stream);
                self.waiting.retain(|waiting| waiting.stream != stream);
            }
            frame::SETTINGS if flags & frame::ACK == 0 => {
                let small_table = |setting: &&[u8]| {
                    let (identifier, value) = setting.split_at(2);
                    identifier == HEADER_TABLE_SIZE.to_be_bytes()
                        && value < TABLE_BYTES_DEFAULT.to_be_bytes().as_slice()
                };
                if payload.chunks_exact(6).any(|setting| small_table(&setting)) {
                    return None;
                }
                frame::put_frame(&mut self.out, frame::SETTINGS, frame::ACK, 0, &[]);
            }
            frame::PING if flags & frame::ACK == 0 => {
                frame::put_frame(&mut self.out, frame::PING, frame::ACK, 0, payload);
            }
            frame::WINDOW_UPDATE if stream == 0 => {
                self.window += u32::from_be_bytes(payload.try_into().ok()?) as usize;
                let mut waiting = std::mem::take(&mut self.waiting);
                while let Some(reply) = waiting.pop_front()
                    && self.send(reply)
                {}
                self.waiting.append(&mut waiting);
            }
            _ => {}
        }
        Some(())
    }

    /// What a block asks for. The same bytes mean the same until a block changes the dynamic table; some clients index
    /// every field, h2load writes the path out each time.
    fn call(&mut self, block: &[u8]) -> Option<Call> {
        if let Some(call) = self.known.get(block) {
            return Some(*call);
        }
        let call = self.engine.call(&self.decoder.decode(block).ok()?);
        if !leaves_table(block) {
            self.known.clear();
        } else if self.known.len() < KNOWN_MAX {
            self.known.insert(block.to_vec(), call);
        }
        Some(call)
    }

    fn data(&mut self, flags: u8, stream: u32, payload: &[u8]) -> Option<()> {
        self.received += payload.len() as u32;
        if self.received > GIVE_BACK_BYTES {
            let increment = std::mem::take(&mut self.received).to_be_bytes();
            frame::put_frame(&mut self.out, frame::WINDOW_UPDATE, 0, 0, &increment);
        }
        let Some(index) = self.open.iter().position(|open| open.stream == stream) else {
            return Some(()); // reset meanwhile
        };
        let open = &mut self.open[index];
        if flags & frame::END_STREAM == 0 {
            let room = frame::PAYLOAD_BYTES_MAX.checked_sub(open.message.len() + payload.len());
            room.map(|_| open.message.extend_from_slice(payload))
        } else if open.message.is_empty() {
            let call = self.open.swap_remove(index).call;
            self.answer(stream, call, payload);
            Some(())
        } else {
            let mut open = self.open.swap_remove(index);
            open.message.extend_from_slice(payload);
            self.answer(stream, open.call, &open.message);
            Some(())
        }
    }

    fn answer(&mut self, stream: u32, call: Call, request: &[u8]) {
        match (call, catalog::name(request)) {
            (Call::Denied, _) => self.fail(stream, UNAUTHENTICATED, "Invalid Credentials"),
            (Call::Unknown, _) => {
                self.fail(stream, UNIMPLEMENTED, "Only GetCommand is served here");
            }
            (Call::GetCommand, None) => self.fail(stream, INTERNAL, "Not a CommandRequest"),
            (Call::GetCommand, Some(name)) => {
                let engine = self.engine;
                match engine.records.get(name) {
                    Some(rest) => {
                        let begun = false;
                        let reply = Reply {
                            stream,
                            begun,
                            rest,
                        };
                        if self.waiting.is_empty() {
                            self.send(reply);
                        } else {
                            self.waiting.push_back(reply);
                        }
                    }
                    None => self.fail(stream, NOT_FOUND, &missing(name)),
                }
            }
        }
    }

    /// Sends what the connection's window takes. False: that was not all, and the rest waits.
    fn send(&mut self, mut reply: Reply<'a>) -> bool {
        let (out, blocks) = (&mut self.out, &self.engine.blocks);
        if !reply.begun {
            reply.begun = true;
            let block = blocks.headers(&mut self.table);
            frame::put_frame(out, frame::HEADERS, frame::END_HEADERS, reply.stream, block);
        }
        while !reply.rest.is_empty() {
            let bytes = reply
                .rest
                .len()
                .min(frame::PAYLOAD_BYTES_MAX)
                .min(self.window);
            if bytes == 0 {
                self.waiting.push_back(reply);
                return false;
            }
            let (part, rest) = reply.rest.split_at(bytes);
            frame::put_frame(out, frame::DATA, 0, reply.stream, part);
            self.window -= bytes;
            reply.rest = rest;
        }
        let block = blocks.ok(&mut self.table);
        let flags = frame::END_HEADERS | frame::END_STREAM;
        frame::put_frame(out, frame::HEADERS, flags, reply.stream, block);
        true
    }

    fn fail(&mut self, stream: u32, status: &str, message: &str) {
        let mut block = self.engine.blocks.headers(&mut self.table).to_vec();
        frame::put_status(&mut block, status, message);
        let flags = frame::END_HEADERS | frame::END_STREAM;
        frame::put_frame(&mut self.out, frame::HEADERS, flags, stream, &block);
    }
}

/// The message of `NOT_FOUND`, percent-encoded as gRPC has it.
fn missing(name: &[u8]) -> String {
    let mut message = "Command '".to_owned();
    for byte in name {
        match byte {
            b' '..=b'$' | b'&'..=b'~' => message.push(*byte as char),
            _ => drop(write!(message, "%{byte:02X}")),
        }
    }
    message + "' not found"
}
