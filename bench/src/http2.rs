//! One client connection of HTTP/2 (RFC 9113).
//!
//! Flow control is honest both ways: a request starts only when both of the server's windows hold
//! it, our windows are given back as replies are read, and a server that overruns them is at fault.

use std::rc::Rc;

use crate::connection::{Connection, Ending, Fault, Judge, OUT_BYTES_MAX, Request};
use crate::frame::{self, Head, Kind};
use crate::headers::{Blocks as ReplyBlocks, Fields};
use crate::request::{Blocks, RequestHeaders, TABLE_BYTES_DEFAULT};
use crate::streams::{Streams, Window};

const WINDOW_DEFAULT: u32 = 65_535;
/// The highest bit of a stream or an increment is reserved.
const STREAM_ID_BITS: u32 = (1 << 31) - 1;
const WINDOW_MAX: i64 = (1 << 31) - 1;
/// A block of headers longer than this is no reply of ours.
const BLOCK_BYTES_MAX: usize = 65_536;

/// What the connections of a run share.
pub struct Setup {
    pub streams_max: usize,
    pub headers: RequestHeaders,
    /// Our windows, in bytes.
    pub stream_window: u32,
    pub connection_window: u32,
}

/// HEADERS whose block is not complete yet.
struct Unfinished {
    stream: u32,
    ends_stream: bool,
    block: Vec<u8>,
}

/// The protocol's state.
pub struct Http2 {
    out: Vec<u8>,
    went_back: u64,
    streams: Streams,
    server_streams_max: usize,
    setup: Rc<Setup>,
    window: Window,
    send_window: i64,
    send_window_of_stream: i64,
    blocks: Option<Blocks>,
    first_block_sent: bool,
    replies: ReplyBlocks<Fields>,
    unfinished: Option<Unfinished>,
    partial: Vec<u8>,
    generation: u64,
    last_stream: Option<u32>,
}

impl Connection for Http2 {
    type Setup = Setup;

    /// A new connection with its preface in `out`.
    fn new(setup: &Rc<Setup>) -> Self {
        let mut out = frame::PREFACE.to_vec();
        frame::put_settings(
            &mut out,
            &[
                (frame::ENABLE_PUSH, 0),
                (frame::INITIAL_WINDOW_SIZE, setup.stream_window),
            ],
        );
        if setup.connection_window > WINDOW_DEFAULT {
            frame::put_window_update(&mut out, 0, setup.connection_window - WINDOW_DEFAULT);
        }
        Self {
            out,
            went_back: 0,
            streams: Streams::new(setup.streams_max),
            server_streams_max: usize::MAX,
            setup: Rc::clone(setup),
            window: Window::new(setup.connection_window),
            send_window: i64::from(WINDOW_DEFAULT),
            send_window_of_stream: i64::from(WINDOW_DEFAULT),
            blocks: None,
            first_block_sent: false,
            replies: ReplyBlocks::new(),
            unfinished: None,
            partial: Vec::new(),
            generation: 0,
            last_stream: None,
        }
    }

    fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Whether the server's SETTINGS have come: nothing is sent before.
    fn ready(&self) -> bool {
        self.blocks.is_some()
    }

    fn going_away(&self) -> bool {
        self.last_stream.is_some() || self.streams.used_up()
    }

    fn in_flight(&self) -> usize {
        self.streams.open()
    }

    fn went_back(&self) -> u64 {
        self.went_back
    }

    /// Starts a request if there is a free stream and room in the server's windows.
    fn start(&mut self, request: Request, message: &[u8], now_ns: u64) -> bool {
        let Some(blocks) = &self.blocks else {
            return false;
        };
        let message_bytes = ((message.len() - frame::HEAD_BYTES) as u64).cast_signed();
        let streams_max = self.setup.streams_max.min(self.server_streams_max);
        if self.last_stream.is_some()
            || self.streams.open() >= streams_max
            || message_bytes > self.send_window
            || message_bytes > self.send_window_of_stream
        {
            return false;
        }
        let window = self.setup.stream_window;
        let Some(stream) = self.streams.start(request, window, now_ns) else {
            return false;
        };
        self.send_window -= message_bytes;
        let block = if self.first_block_sent {
            &blocks.next
        } else {
            &blocks.first
        };
        self.first_block_sent = true;
        frame::put_for_stream(&mut self.out, block, stream);
        frame::put_for_stream(&mut self.out, message, stream);
        true
    }

    fn receive(&mut self, bytes: &[u8], judge: &mut impl Judge) -> Result<(), Fault> {
        let rest = self.finish_partial(bytes, judge)?;
        let used = self.frames(rest, judge)?;
        self.partial.extend_from_slice(&rest[used..]);
        if let Some(increment) = self.window.give_back() {
            frame::put_window_update(&mut self.out, 0, increment);
        }
        if self.out.len() > OUT_BYTES_MAX {
            return Err(Fault("it asks for answers and does not read them"));
        }
        Ok(())
    }

    fn expire(&mut self, before_ns: u64, judge: &mut impl Judge) {
        let late = self.streams.ids(|_, stream| stream.started_ns < before_ns);
        for id in late {
            frame::put_reset(&mut self.out, id, frame::CANCEL);
            self.end(id, judge, Ending::TimedOut);
        }
    }

    fn ended(&mut self, judge: &mut impl Judge) {
        self.lose(judge);
    }

    fn lose(&mut self, judge: &mut impl Judge) {
        for id in self.streams.ids(|_, _| true) {
            self.end(id, judge, Ending::Lost);
        }
    }
}

impl Http2 {
    /// Completes the frame that the last bytes broke off in, and returns what follows it.
    fn finish_partial<'b>(
        &mut self,
        mut bytes: &'b [u8],
        judge: &mut impl Judge,
    ) -> Result<&'b [u8], Fault> {
        while !self.partial.is_empty() && !bytes.is_empty() {
            let payload_bytes = Head::parse(&self.partial).map(|head| head.payload_bytes);
            let missing = frame::HEAD_BYTES + payload_bytes.unwrap_or(0) - self.partial.len();
            let (piece, rest) = bytes.split_at(missing.min(bytes.len()));
            self.partial.extend_from_slice(piece);
            bytes = rest;
            let whole = std::mem::take(&mut self.partial);
            let used = self.frames(&whole, judge)?;
            self.partial = whole;
            self.partial.drain(..used);
        }
        Ok(bytes)
    }

    /// Handles the whole frames in `bytes` and returns how many bytes those are.
    fn frames(&mut self, bytes: &[u8], judge: &mut impl Judge) -> Result<usize, Fault> {
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
            self.frame(head, payload, judge)?;
        }
        Ok(used)
    }

    fn frame(&mut self, head: Head, payload: &[u8], judge: &mut impl Judge) -> Result<(), Fault> {
        if self.unfinished.is_some() != (head.kind == Kind::Continuation) {
            return Err(Fault("CONTINUATION is missing or out of place"));
        }
        if self.blocks.is_none() && head.kind != Kind::Settings {
            return Err(Fault("the first frame is not SETTINGS"));
        }
        match head.kind {
            Kind::Data => self.data(head, payload, judge),
            Kind::Headers => {
                let fragment = frame::unpadded(head, payload)
                    .ok_or(Fault("HEADERS with impossible padding"))?;
                let ends_stream = head.has(frame::END_STREAM);
                if head.has(frame::END_HEADERS) {
                    return self.block(head.stream, ends_stream, fragment, judge);
                }
                let block = fragment.to_vec();
                self.unfinished = Some(Unfinished {
                    stream: head.stream,
                    ends_stream,
                    block,
                });
                Ok(())
            }
            Kind::Continuation => self.continuation(head, payload, judge),
            Kind::Reset => {
                let code = frame::number(payload).ok_or(Fault("RST_STREAM is cut off"))?;
                self.end(head.stream, judge, Ending::Reset(code));
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
            Kind::GoAway => self.go_away(payload, judge),
            Kind::WindowUpdate => self.window_update(head, payload),
            Kind::Push => Err(Fault("PUSH_PROMISE although we forbade it")),
            Kind::Other => Ok(()),
        }
    }

    fn data(&mut self, head: Head, payload: &[u8], judge: &mut impl Judge) -> Result<(), Fault> {
        // Padding counts against both windows (RFC 9113, section 6.9.1).
        if !self.window.take(payload.len() as u32) {
            return Err(Fault("the connection's window was overrun"));
        }
        let body = frame::unpadded(head, payload).ok_or(Fault("DATA with impossible padding"))?;
        let Some(stream) = self.streams.find(head.stream) else {
            return self.unknown(head.stream);
        };
        let Some(headers) = &stream.headers else {
            return Err(Fault("DATA before HEADERS"));
        };
        if !stream.window.take(payload.len() as u32) {
            return Err(Fault("a stream's window was overrun"));
        }
        stream.body.take(stream.request, headers, body, judge);
        if head.has(frame::END_STREAM) {
            self.answer(head.stream, None, judge);
        } else if let Some(increment) = stream.window.give_back() {
            frame::put_window_update(&mut self.out, head.stream, increment);
        }
        Ok(())
    }

    fn continuation(
        &mut self,
        head: Head,
        payload: &[u8],
        judge: &mut impl Judge,
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
                judge,
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
        judge: &mut impl Judge,
    ) -> Result<(), Fault> {
        let fields = self.replies.decode(block).map_err(Fault)?; // also for a stream that is gone: the table counts
        if let Some(version) = &fields.version {
            self.went_back += u64::from(version.generation < self.generation);
            self.generation = self.generation.max(version.generation);
        }
        let Some(stream) = self.streams.find(id) else {
            return self.unknown(id);
        };
        if stream.headers.is_none() {
            stream.headers = Some(fields);
            if ends_stream {
                self.answer(id, None, judge);
            }
        } else if ends_stream {
            self.answer(id, Some(&fields), judge);
        } else {
            return Err(Fault("trailers do not end their stream"));
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
            self.blocks = Some(self.setup.headers.blocks(table_bytes));
        } else if table_bytes < TABLE_BYTES_DEFAULT {
            return Err(Fault(
                "the header table shrank under way, which this generator does not follow",
            ));
        }
        frame::put_settings_ack(&mut self.out);
        Ok(())
    }

    fn go_away(&mut self, payload: &[u8], judge: &mut impl Judge) -> Result<(), Fault> {
        let last = frame::number(payload).ok_or(Fault("GOAWAY is cut off"))? & STREAM_ID_BITS;
        self.last_stream = Some(last);
        let refused = self.streams.ids(|id, _| id > last);
        for id in refused {
            self.end(id, judge, Ending::Refused);
        }
        Ok(())
    }

    fn window_update(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        let increment =
            frame::number(payload).ok_or(Fault("WINDOW_UPDATE is cut off"))? & STREAM_ID_BITS;
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
        if self.streams.knew(id) {
            return Ok(());
        }
        Err(Fault("a frame of a stream that was never opened"))
    }

    /// The reply is whole. `trailers`: unless its only block of headers says everything.
    fn answer(&mut self, id: u32, trailers: Option<&Fields>, judge: &mut impl Judge) {
        let Some(stream) = self.streams.find(id) else {
            return;
        };
        // Nothing ends a stream before its headers: `data` and `block` see to that.
        if let Some(headers) = stream.headers.take() {
            let (request, body) = (stream.request, stream.body);
            let ending = Ending::Answer {
                headers: &headers,
                status: trailers.unwrap_or(&headers),
                body,
            };
            judge.finished(request, ending);
        }
        self.streams.close(id);
    }

    fn end(&mut self, id: u32, judge: &mut impl Judge, ending: Ending<'_>) {
        if let Some(request) = self.streams.close(id) {
            judge.finished(request, ending);
        }
    }
}
