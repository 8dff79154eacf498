//! One client connection, sans-I/O: bytes of the server in, bytes for the server and finished requests out.
//!
//! Flow control is honest both ways: a request starts only when both of the server's windows hold
//! it, our windows are given back as replies are read, and a server that overruns them is at fault.

use std::collections::HashMap;
use std::rc::Rc;

use crate::frame::{self, Head, Kind};
use crate::headers::{Blocks as ReplyBlocks, Fields};
use crate::request::{Blocks, RequestHeaders, TABLE_BYTES_DEFAULT};

const WINDOW_DEFAULT: u32 = 65_535;
const WINDOW_MAX: i64 = (1 << 31) - 1;
const STREAM_ID_MAX: u32 = (1 << 31) - 1;
/// A block of headers longer than this is no reply of ours.
const BLOCK_BYTES_MAX: usize = 65_536;
/// Buffers kept for the next replies.
const SPARE_MAX: usize = 256;

/// Our windows, in bytes.
#[derive(Clone, Copy)]
pub struct Windows {
    pub stream: u32,
    pub connection: u32,
}

/// A request under way: which name, and when it should have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    pub name: u32,
    pub intended_ns: u64,
}

/// How a request ended.
pub enum Ending<'a> {
    /// The stream came to its regular end. `status`: the fields of the trailers, or of the only block.
    Answer {
        headers: &'a Fields,
        status: &'a Fields,
        body: &'a [u8],
    },
    /// `RST_STREAM` with this code.
    Reset(u32),
    /// GOAWAY named an earlier stream as the last.
    Refused,
    /// The connection ended first.
    Lost,
    /// Given up.
    TimedOut,
}

/// A breach of the protocol by the server; the connection is unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(pub &'static str);

struct Stream {
    request: Request,
    started_ns: u64,
    headers: Option<Rc<Fields>>,
    trailers: Option<Rc<Fields>>,
    body: Vec<u8>,
    window: Window,
}

/// What the server may still send, and what was read and not given back yet.
struct Window {
    open: i64,
    read: u32,
    whole: u32,
}

impl Window {
    fn new(whole: u32) -> Self {
        Self {
            open: i64::from(whole),
            read: 0,
            whole,
        }
    }

    /// Whether the server was allowed to send so much.
    fn take(&mut self, bytes: u32) -> bool {
        self.open -= i64::from(bytes);
        self.read += bytes;
        self.open >= 0
    }

    /// What to give back now: all that was read, once it is half of the window.
    fn give_back(&mut self) -> Option<u32> {
        if self.read < self.whole.div_ceil(2) {
            return None;
        }
        let increment = std::mem::take(&mut self.read);
        self.open += i64::from(increment);
        Some(increment)
    }
}

/// HEADERS whose block is not complete yet.
struct Unfinished {
    stream: u32,
    ends_stream: bool,
    block: Vec<u8>,
}

/// The protocol's state.
pub struct Connection {
    /// Bytes for the server; the caller removes what it has sent.
    pub out: Vec<u8>,
    /// Replies whose generation was below an earlier one's on this connection.
    pub went_back: u64,
    streams: HashMap<u32, Stream>,
    streams_max: usize,
    server_streams_max: usize,
    next_stream: u32,
    windows: Windows,
    window: Window,
    send_window: i64,
    send_window_of_stream: i64,
    headers: Rc<RequestHeaders>,
    blocks: Option<Blocks>,
    first_block_sent: bool,
    replies: ReplyBlocks,
    unfinished: Option<Unfinished>,
    partial: Vec<u8>,
    spare: Vec<Vec<u8>>,
    body_bytes_max: usize,
    generation: u64,
    last_stream: Option<u32>,
}

impl Connection {
    /// A new connection with its preface in `out`. `body_bytes_max`: of a reply; what is longer is cut, and so wrong.
    pub fn new(
        streams_max: usize,
        windows: Windows,
        headers: Rc<RequestHeaders>,
        body_bytes_max: usize,
    ) -> Self {
        let mut out = frame::PREFACE.to_vec();
        frame::put_settings(
            &mut out,
            &[
                (frame::ENABLE_PUSH, 0),
                (frame::INITIAL_WINDOW_SIZE, windows.stream),
            ],
        );
        if windows.connection > WINDOW_DEFAULT {
            frame::put_window_update(&mut out, 0, windows.connection - WINDOW_DEFAULT);
        }
        Self {
            out,
            went_back: 0,
            streams: HashMap::new(),
            streams_max,
            server_streams_max: usize::MAX,
            next_stream: 1,
            windows,
            window: Window::new(windows.connection),
            send_window: i64::from(WINDOW_DEFAULT),
            send_window_of_stream: i64::from(WINDOW_DEFAULT),
            headers,
            blocks: None,
            first_block_sent: false,
            replies: ReplyBlocks::new(),
            unfinished: None,
            partial: Vec::new(),
            spare: Vec::new(),
            body_bytes_max,
            generation: 0,
            last_stream: None,
        }
    }

    /// Whether the server's SETTINGS have come: nothing is sent before.
    pub fn ready(&self) -> bool {
        self.blocks.is_some()
    }

    /// Whether the server wants no more requests here.
    pub fn going_away(&self) -> bool {
        self.last_stream.is_some() || self.next_stream > STREAM_ID_MAX
    }

    pub fn in_flight(&self) -> usize {
        self.streams.len()
    }

    /// Starts a request if there is a free stream and room in the server's windows.
    pub fn start(&mut self, request: Request, message: &[u8], now_ns: u64) -> bool {
        let message_bytes = i64::try_from(message.len()).unwrap_or(i64::MAX);
        let Some(blocks) = &self.blocks else {
            return false;
        };
        if self.going_away()
            || self.streams.len() >= self.streams_max.min(self.server_streams_max)
            || message_bytes > self.send_window
            || message_bytes > self.send_window_of_stream
        {
            return false;
        }
        let stream = self.next_stream;
        self.next_stream += 2;
        self.send_window -= message_bytes;
        let block = if self.first_block_sent {
            &blocks.next
        } else {
            &blocks.first
        };
        self.first_block_sent = true;
        frame::put_headers(&mut self.out, stream, block);
        frame::put_last_data(&mut self.out, stream, message);
        let state = Stream {
            request,
            started_ns: now_ns,
            headers: None,
            trailers: None,
            body: self.spare.pop().unwrap_or_default(),
            window: Window::new(self.windows.stream),
        };
        self.streams.insert(stream, state);
        true
    }

    /// Takes bytes of the server. After a [`Fault`] only [`Connection::lose`] is left to call.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        finished: &mut impl FnMut(Request, Ending<'_>),
    ) -> Result<(), Fault> {
        if self.partial.is_empty() {
            let used = self.frames(bytes, finished)?;
            self.partial.extend_from_slice(&bytes[used..]);
        } else {
            let mut all = std::mem::take(&mut self.partial);
            all.extend_from_slice(bytes);
            let used = self.frames(&all, finished)?;
            all.drain(..used);
            self.partial = all;
        }
        if let Some(increment) = self.window.give_back() {
            frame::put_window_update(&mut self.out, 0, increment);
        }
        Ok(())
    }

    /// Gives up requests that started before `before_ns`.
    pub fn expire(&mut self, before_ns: u64, finished: &mut impl FnMut(Request, Ending<'_>)) {
        let late: Vec<u32> = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.started_ns < before_ns)
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            frame::put_reset(&mut self.out, id, frame::CANCEL);
            self.end(id, finished, Ending::TimedOut);
        }
    }

    /// Ends every request: the connection is gone.
    pub fn lose(&mut self, finished: &mut impl FnMut(Request, Ending<'_>)) {
        for (_, stream) in self.streams.drain() {
            finished(stream.request, Ending::Lost);
        }
    }

    /// Handles the whole frames in `bytes` and returns how many bytes those are.
    fn frames(
        &mut self,
        bytes: &[u8],
        finished: &mut impl FnMut(Request, Ending<'_>),
    ) -> Result<usize, Fault> {
        let mut used = 0;
        while let Some(head) = Head::parse(&bytes[used..]) {
            if head.payload_bytes > frame::PAYLOAD_BYTES_MAX {
                return Err(Fault("a frame is longer than SETTINGS_MAX_FRAME_SIZE"));
            }
            let start = used + frame::HEAD_BYTES;
            let Some(payload) = bytes.get(start..start + head.payload_bytes) else {
                break;
            };
            used = start + head.payload_bytes;
            self.frame(head, payload, finished)?;
        }
        Ok(used)
    }

    fn frame(
        &mut self,
        head: Head,
        payload: &[u8],
        finished: &mut impl FnMut(Request, Ending<'_>),
    ) -> Result<(), Fault> {
        if self.unfinished.is_some() != (head.kind == Kind::Continuation) {
            return Err(Fault("CONTINUATION is missing or out of place"));
        }
        if self.blocks.is_none() && head.kind != Kind::Settings {
            return Err(Fault("the first frame is not SETTINGS"));
        }
        match head.kind {
            Kind::Data => self.data(head, payload, finished),
            Kind::Headers => {
                let fragment = frame::unpadded(head, payload)
                    .ok_or(Fault("HEADERS with impossible padding"))?;
                let ends_stream = head.has(frame::END_STREAM);
                if head.has(frame::END_HEADERS) {
                    return self.block(head.stream, ends_stream, fragment, finished);
                }
                let block = fragment.to_vec();
                self.unfinished = Some(Unfinished {
                    stream: head.stream,
                    ends_stream,
                    block,
                });
                Ok(())
            }
            Kind::Continuation => self.continuation(head, payload, finished),
            Kind::Reset => {
                let code = frame::number(payload).ok_or(Fault("RST_STREAM is cut off"))?;
                self.end(head.stream, finished, Ending::Reset(code));
                Ok(())
            }
            Kind::Settings => self.settings(head, payload),
            Kind::Ping => {
                let opaque = payload
                    .try_into()
                    .map_err(|_| Fault("PING is not 8 bytes"))?;
                if !head.has(frame::ACK) {
                    frame::put_ping_ack(&mut self.out, opaque);
                }
                Ok(())
            }
            Kind::GoAway => self.go_away(payload, finished),
            Kind::WindowUpdate => self.window_update(head, payload),
            Kind::Push => Err(Fault("PUSH_PROMISE although we forbade it")),
            Kind::Other => Ok(()),
        }
    }

    fn data(
        &mut self,
        head: Head,
        payload: &[u8],
        finished: &mut impl FnMut(Request, Ending<'_>),
    ) -> Result<(), Fault> {
        // Padding counts against both windows (RFC 9113, section 6.9.1).
        if !self.window.take(payload.len() as u32) {
            return Err(Fault("the connection's window was overrun"));
        }
        let body = frame::unpadded(head, payload).ok_or(Fault("DATA with impossible padding"))?;
        let Some(stream) = self.streams.get_mut(&head.stream) else {
            return self.unknown(head.stream);
        };
        if stream.headers.is_none() || stream.trailers.is_some() {
            return Err(Fault("DATA before HEADERS or after trailers"));
        }
        if !stream.window.take(payload.len() as u32) {
            return Err(Fault("a stream's window was overrun"));
        }
        let room = (self.body_bytes_max + 1).saturating_sub(stream.body.len());
        stream.body.extend_from_slice(&body[..body.len().min(room)]);
        if head.has(frame::END_STREAM) {
            self.answer(head.stream, finished);
        } else if let Some(increment) = stream.window.give_back() {
            frame::put_window_update(&mut self.out, head.stream, increment);
        }
        Ok(())
    }

    fn continuation(
        &mut self,
        head: Head,
        payload: &[u8],
        finished: &mut impl FnMut(Request, Ending<'_>),
    ) -> Result<(), Fault> {
        let Some(mut unfinished) = self
            .unfinished
            .take()
            .filter(|unfinished| unfinished.stream == head.stream)
        else {
            return Err(Fault("CONTINUATION of another stream"));
        };
        unfinished.block.extend_from_slice(payload);
        if unfinished.block.len() > BLOCK_BYTES_MAX {
            return Err(Fault("a block of headers is too long"));
        }
        if head.has(frame::END_HEADERS) {
            return self.block(
                unfinished.stream,
                unfinished.ends_stream,
                &unfinished.block,
                finished,
            );
        }
        self.unfinished = Some(unfinished);
        Ok(())
    }

    fn block(
        &mut self,
        id: u32,
        ends_stream: bool,
        block: &[u8],
        finished: &mut impl FnMut(Request, Ending<'_>),
    ) -> Result<(), Fault> {
        let fields = self.replies.decode(block).map_err(Fault)?; // also for a stream that is gone: the table counts
        if let Some(version) = &fields.version {
            self.went_back += u64::from(version.generation < self.generation);
            self.generation = self.generation.max(version.generation);
        }
        let Some(stream) = self.streams.get_mut(&id) else {
            return self.unknown(id);
        };
        if stream.headers.is_none() {
            stream.headers = Some(fields);
        } else if stream.trailers.is_none() && ends_stream {
            stream.trailers = Some(fields);
        } else {
            return Err(Fault("trailers do not end their stream"));
        }
        if ends_stream {
            self.answer(id, finished);
        }
        Ok(())
    }

    fn settings(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        if head.has(frame::ACK) {
            return Ok(());
        }
        let mut table_bytes = TABLE_BYTES_DEFAULT;
        for (identifier, value) in frame::settings(payload).ok_or(Fault("SETTINGS is cut off"))? {
            match identifier {
                frame::HEADER_TABLE_SIZE => table_bytes = value,
                frame::MAX_CONCURRENT_STREAMS => self.server_streams_max = value as usize,
                frame::INITIAL_WINDOW_SIZE => self.send_window_of_stream = i64::from(value),
                _ => {}
            }
        }
        if self.blocks.is_none() {
            self.blocks = Some(self.headers.blocks(table_bytes));
        } else if table_bytes < TABLE_BYTES_DEFAULT {
            return Err(Fault(
                "the header table shrank under way, which this generator does not follow",
            ));
        }
        frame::put_settings_ack(&mut self.out);
        Ok(())
    }

    fn go_away(
        &mut self,
        payload: &[u8],
        finished: &mut impl FnMut(Request, Ending<'_>),
    ) -> Result<(), Fault> {
        let last = frame::number(payload).ok_or(Fault("GOAWAY is cut off"))? & STREAM_ID_MAX;
        self.last_stream = Some(last);
        let refused: Vec<u32> = self
            .streams
            .keys()
            .copied()
            .filter(|id| *id > last)
            .collect();
        for id in refused {
            self.end(id, finished, Ending::Refused);
        }
        Ok(())
    }

    fn window_update(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        let increment =
            frame::number(payload).ok_or(Fault("WINDOW_UPDATE is cut off"))? & STREAM_ID_MAX;
        if head.stream == 0 {
            self.send_window += i64::from(increment);
            if self.send_window > WINDOW_MAX {
                return Err(Fault("the connection's send window overflowed"));
            }
        }
        Ok(()) // a stream's: its only message is sent already
    }

    /// A frame of a stream that is not open: late after a reset or time-out, or of one that never was.
    fn unknown(&self, id: u32) -> Result<(), Fault> {
        if id == 0 || id.is_multiple_of(2) || id >= self.next_stream {
            return Err(Fault("a frame of a stream that was never opened"));
        }
        Ok(())
    }

    fn answer(&mut self, id: u32, finished: &mut impl FnMut(Request, Ending<'_>)) {
        let Some(stream) = self.streams.remove(&id) else {
            return;
        };
        // Nothing ends a stream before its headers: `data` and `block` see to that.
        if let Some(headers) = stream.headers.as_deref() {
            let status = stream.trailers.as_deref().unwrap_or(headers);
            finished(
                stream.request,
                Ending::Answer {
                    headers,
                    status,
                    body: &stream.body,
                },
            );
        }
        self.recycle(stream);
    }

    fn end(&mut self, id: u32, finished: &mut impl FnMut(Request, Ending<'_>), ending: Ending<'_>) {
        if let Some(stream) = self.streams.remove(&id) {
            finished(stream.request, ending);
            self.recycle(stream);
        }
    }

    fn recycle(&mut self, mut stream: Stream) {
        if self.spare.len() < SPARE_MAX {
            stream.body.clear();
            self.spare.push(stream.body);
        }
    }
}
