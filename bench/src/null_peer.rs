//! One connection of the null server, sans-I/O.

use std::rc::Rc;

use crate::answers::{PREFIX_BYTES, framed_bytes};
use crate::frame::{self, Head, Kind};
use crate::headers::{Blocks, Meaning};
use crate::null::NullPlan;
use crate::request::TABLE_BYTES_DEFAULT;

const WINDOW_DEFAULT: u32 = 65_535;
const WINDOW_MAX: i64 = (1 << 31) - 1;
/// What a connection may send before it is given back; a stream has the protocol's default.
const WINDOW_OURS: u32 = 16 << 20;
/// Calls at once on a connection, waiting replies included.
const STREAMS_MAX: usize = 1_000;
const BLOCK_BYTES_MAX: usize = 65_536;
/// Above this no more is read from a client that does not read.
const OUT_BYTES_MAX: usize = 4 << 20;
/// `:status: 200` in the static table.
const STATUS_200: u8 = 0x88;

/// Which call a block of headers makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Call {
    #[default]
    Get,
    Sync,
}

impl Meaning for Call {
    fn note(&mut self, name: &[u8], value: &[u8]) {
        if name == b":path" && value.ends_with(b"/SyncCatalog") {
            *self = Self::Sync;
        }
    }
}

/// The replies, encoded once. Frames are whole, for stream 0.
pub struct Replies {
    get: Reply,
    sync: Reply,
    /// HEADERS that enter their fields into the client's table, for its first reply.
    entering: Vec<u8>,
    /// Those that point there, for all others.
    pointing: Vec<u8>,
    /// Those for a client that wants a smaller table than usual.
    plain: Vec<u8>,
    trailers: Vec<u8>,
}

struct Reply {
    /// The message behind its prefix.
    body: Vec<u8>,
    /// The whole reply for stream 0 between pointing HEADERS and trailers, if its body fits one frame; and where its
    /// frames start.
    whole: Option<(Vec<u8>, [usize; 3])>,
}

impl Replies {
    pub fn new(plan: &NullPlan) -> Self {
        let field = |pattern: u8, name: &str, value: &str| {
            let mut field = vec![pattern, name.len() as u8];
            field.extend_from_slice(name.as_bytes());
            field.push(value.len() as u8);
            field.extend_from_slice(value.as_bytes());
            field
        };
        let framed = |block: &[u8], flags: u8| {
            let mut whole = Vec::new();
            frame::put_head(&mut whole, block.len(), 1, frame::END_HEADERS | flags, 0);
            whole.extend_from_slice(block);
            whole
        };
        let literal = |pattern: u8| {
            let block = [
                vec![STATUS_200],
                field(pattern, "content-type", "application/grpc"),
                field(pattern, "avap-catalog-version", &plan.version),
            ];
            framed(&block.concat(), 0)
        };
        // Indexes count from the newest, 62: the version, and 63: content-type.
        let pointing = framed(&[STATUS_200, 0xBF, 0xBE], 0);
        let trailers = framed(&field(0x00, "grpc-status", "0"), frame::END_STREAM);
        Self {
            get: Reply::new(&plan.record, &pointing, &trailers),
            sync: Reply::new(&plan.catalog, &pointing, &trailers),
            entering: literal(0x40),
            pointing,
            plain: literal(0x00),
            trailers,
        }
    }

    fn to(&self, call: Call) -> &Reply {
        match call {
            Call::Get => &self.get,
            Call::Sync => &self.sync,
        }
    }
}

impl Reply {
    fn new(message: &[u8], headers: &[u8], trailers: &[u8]) -> Self {
        let mut body = Vec::with_capacity(framed_bytes(Some(message)));
        body.push(0);
        body.extend_from_slice(&(message.len() as u32).to_be_bytes());
        body.extend_from_slice(message);
        debug_assert_eq!(body.len(), PREFIX_BYTES + message.len());
        let whole = (body.len() <= frame::PAYLOAD_BYTES_MAX).then(|| {
            let mut whole = headers.to_vec();
            let data_at = whole.len();
            frame::put_head(&mut whole, body.len(), 0, 0, 0);
            whole.extend_from_slice(&body);
            let trailers_at = whole.len();
            whole.extend_from_slice(trailers);
            (whole, [0, data_at, trailers_at])
        });
        Self { body, whole }
    }
}

/// A call whose message has not ended, or a reply that waits for the client's windows.
struct Stream {
    id: u32,
    call: Call,
    /// What the client lets it send.
    window: i64,
    /// What the client may send.
    receive_window: i64,
    /// Bytes of the reply that are sent.
    sent: usize,
}

struct Unfinished {
    id: u32,
    ends_stream: bool,
    block: Vec<u8>,
}

/// What a client must say first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    Preface,
    Settings,
    Over,
}

/// The client's header table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    /// Smaller than usual: nothing is entered.
    Small,
    Empty,
    /// It has our fields.
    Entered,
}

/// The protocol's state.
pub struct NullPeer {
    /// Bytes for the client; the caller removes what it has sent.
    pub out: Vec<u8>,
    input: Vec<u8>,
    opening: Opening,
    calls: Blocks<Call>,
    unfinished: Option<Unfinished>,
    last_id: u32,
    table: Table,
    window: i64,
    window_of_stream: i64,
    receive_window: i64,
    given_back_later: u32,
    open: Vec<Stream>,
    waiting: Vec<Stream>,
}

impl NullPeer {
    /// A new connection with our SETTINGS in `out`.
    pub fn new() -> Self {
        let mut out = Vec::new();
        let streams_max = (frame::MAX_CONCURRENT_STREAMS, STREAMS_MAX as u32);
        frame::put_settings(&mut out, &[streams_max]);
        frame::put_window_update(&mut out, 0, WINDOW_OURS - WINDOW_DEFAULT);
        Self {
            out,
            input: Vec::new(),
            opening: Opening::Preface,
            calls: Blocks::new(),
            unfinished: None,
            last_id: 0,
            table: Table::Empty,
            window: i64::from(WINDOW_DEFAULT),
            window_of_stream: i64::from(WINDOW_DEFAULT),
            receive_window: i64::from(WINDOW_OURS),
            given_back_later: 0,
            open: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// Whether more may be read from the client: it reads what it is sent.
    pub fn takes_more(&self) -> bool {
        self.out.len() < OUT_BYTES_MAX
    }

    /// Takes bytes of the client and appends the replies to `out`. An error, in words, ends the connection.
    pub fn receive(&mut self, bytes: &[u8], replies: &Replies) -> Result<(), &'static str> {
        if self.input.is_empty() {
            let used = self.frames(bytes, replies)?;
            self.input.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        self.input.extend_from_slice(bytes);
        self.resume(replies)
    }

    /// Goes on with what was received and with what waited while `out` was full.
    pub fn resume(&mut self, replies: &Replies) -> Result<(), &'static str> {
        self.drain(replies);
        if self.input.is_empty() {
            return Ok(());
        }
        let mut input = std::mem::take(&mut self.input);
        let used = self.frames(&input, replies)?;
        input.drain(..used);
        self.input = input;
        Ok(())
    }

    fn frames(&mut self, bytes: &[u8], replies: &Replies) -> Result<usize, &'static str> {
        let mut used = 0;
        if self.opening == Opening::Preface {
            if bytes.len() < frame::PREFACE.len() {
                return Ok(0);
            }
            if !bytes.starts_with(frame::PREFACE) {
                return Err("not HTTP/2");
            }
            self.opening = Opening::Settings;
            used = frame::PREFACE.len();
        }
        while let Some(head) = Head::parse(&bytes[used..]) {
            if head.payload_bytes > frame::PAYLOAD_BYTES_MAX {
                return Err("a frame is too long");
            }
            let start = used + frame::HEAD_BYTES;
            let Some(payload) = bytes.get(start..start + head.payload_bytes) else {
                break;
            };
            if !self.takes_more() {
                break;
            }
            used = start + head.payload_bytes;
            self.frame(head, payload, replies)?;
        }
        if self.given_back_later >= WINDOW_OURS / 2 {
            let increment = std::mem::take(&mut self.given_back_later);
            self.receive_window += i64::from(increment);
            frame::put_window_update(&mut self.out, 0, increment);
        }
        Ok(used)
    }

    fn frame(&mut self, head: Head, payload: &[u8], replies: &Replies) -> Result<(), &'static str> {
        if self.unfinished.is_some() != (head.kind == Kind::Continuation) {
            return Err("CONTINUATION is missing or out of place");
        }
        if self.opening == Opening::Settings && head.kind != Kind::Settings {
            return Err("the first frame is not SETTINGS");
        }
        match head.kind {
            Kind::Headers => {
                let block = frame::unpadded(head, payload).ok_or("impossible padding")?;
                let ends_stream = head.has(frame::END_STREAM);
                if head.has(frame::END_HEADERS) {
                    return self.call(head.stream, ends_stream, block, replies);
                }
                self.unfinished = Some(Unfinished {
                    id: head.stream,
                    ends_stream,
                    block: block.to_vec(),
                });
                Ok(())
            }
            Kind::Continuation => self.continuation(head, payload, replies),
            Kind::Data => self.data(head, payload, replies),
            Kind::Settings => self.settings(head, payload, replies),
            Kind::Ping => {
                let opaque = payload.try_into().map_err(|_| "PING is not 8 bytes")?;
                if !head.has(frame::ACK) {
                    frame::put_ping_ack(&mut self.out, opaque);
                }
                Ok(())
            }
            Kind::WindowUpdate => self.window_update(head, payload, replies),
            Kind::Reset => {
                self.open.retain(|stream| stream.id != head.stream);
                self.waiting.retain(|stream| stream.id != head.stream);
                Ok(())
            }
            Kind::Push => Err("a client does not push"),
            Kind::GoAway | Kind::Other => Ok(()),
        }
    }

    fn continuation(
        &mut self,
        head: Head,
        payload: &[u8],
        replies: &Replies,
    ) -> Result<(), &'static str> {
        let unfinished = self.unfinished.take();
        let Some(mut unfinished) = unfinished.filter(|unfinished| unfinished.id == head.stream)
        else {
            return Err("CONTINUATION of another stream");
        };
        unfinished.block.extend_from_slice(payload);
        if unfinished.block.len() > BLOCK_BYTES_MAX {
            return Err("a block of headers is too long");
        }
        if head.has(frame::END_HEADERS) {
            let Unfinished {
                id,
                ends_stream,
                block,
            } = unfinished;
            return self.call(id, ends_stream, &block, replies);
        }
        self.unfinished = Some(unfinished);
        Ok(())
    }

    fn call(
        &mut self,
        id: u32,
        ends_stream: bool,
        block: &[u8],
        replies: &Replies,
    ) -> Result<(), &'static str> {
        let call: Rc<Call> = self.calls.decode(block)?;
        if id <= self.last_id {
            if ends_stream {
                self.message_ends(id, replies); // trailers of a call
            }
            return Ok(());
        }
        if id.is_multiple_of(2) {
            return Err("a stream that a client cannot open");
        }
        self.last_id = id;
        if self.open.len() + self.waiting.len() >= STREAMS_MAX {
            frame::put_reset(&mut self.out, id, frame::REFUSED_STREAM);
            return Ok(());
        }
        self.open.push(Stream {
            id,
            call: *call,
            window: self.window_of_stream,
            receive_window: i64::from(WINDOW_DEFAULT),
            sent: 0,
        });
        if ends_stream {
            self.message_ends(id, replies);
        }
        Ok(())
    }

    fn data(&mut self, head: Head, payload: &[u8], replies: &Replies) -> Result<(), &'static str> {
        let bytes = signed(payload.len());
        self.receive_window -= bytes;
        self.given_back_later += payload.len() as u32;
        if self.receive_window < 0 {
            return Err("the connection's window was overrun");
        }
        if head.stream > self.last_id || head.stream == 0 {
            return Err("DATA of a stream that was never opened");
        }
        let mut open = self.open.iter_mut().rev();
        if let Some(stream) = open.find(|stream| stream.id == head.stream) {
            stream.receive_window -= bytes;
            if stream.receive_window < 0 {
                return Err("a stream's window was overrun");
            }
        }
        if head.has(frame::END_STREAM) {
            self.message_ends(head.stream, replies);
        }
        Ok(())
    }

    fn message_ends(&mut self, id: u32, replies: &Replies) {
        // The newest is looked at first: it is nearly always the one. `None`: it was reset or refused.
        if let Some(position) = self.open.iter().rposition(|stream| stream.id == id) {
            let stream = self.open.swap_remove(position);
            self.reply(stream, replies);
        }
    }

    fn reply(&mut self, stream: Stream, replies: &Replies) {
        let reply = replies.to(stream.call);
        let body_bytes = signed(reply.body.len());
        if let Some((whole, frames_at)) = &reply.whole
            && self.table == Table::Entered
            && self.waiting.is_empty()
            && body_bytes <= self.window.min(stream.window)
        {
            self.window -= body_bytes;
            let at = self.out.len();
            self.out.extend_from_slice(whole);
            for frame_at in frames_at {
                let id = &mut self.out[at + frame_at + frame::STREAM_AT..][..4];
                id.copy_from_slice(&stream.id.to_be_bytes());
            }
            return;
        }
        self.waiting.push(stream);
        self.drain(replies);
    }

    /// Sends what the windows and the room in `out` allow.
    fn drain(&mut self, replies: &Replies) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain_mut(|stream| !self.send(stream, replies));
        self.waiting = waiting;
    }

    /// Sends some of a reply; says whether that was all.
    fn send(&mut self, stream: &mut Stream, replies: &Replies) -> bool {
        let body = &replies.to(stream.call).body;
        while stream.sent < body.len() {
            let allowed = usize::try_from(self.window.min(stream.window)).unwrap_or(0);
            let left = body.len() - stream.sent;
            let bytes = left.min(allowed).min(frame::PAYLOAD_BYTES_MAX);
            if bytes == 0 || !self.takes_more() {
                return false;
            }
            if stream.sent == 0 {
                self.put_headers(stream.id, replies);
            }
            frame::put_head(&mut self.out, bytes, 0, 0, stream.id);
            self.out.extend_from_slice(&body[stream.sent..][..bytes]);
            stream.sent += bytes;
            stream.window -= signed(bytes);
            self.window -= signed(bytes);
        }
        frame::put_for_stream(&mut self.out, &replies.trailers, stream.id);
        true
    }

    fn put_headers(&mut self, id: u32, replies: &Replies) {
        let headers = match self.table {
            Table::Small => &replies.plain,
            Table::Empty => &replies.entering,
            Table::Entered => &replies.pointing,
        };
        frame::put_for_stream(&mut self.out, headers, id);
        if self.table == Table::Empty {
            self.table = Table::Entered;
        }
    }

    fn settings(
        &mut self,
        head: Head,
        payload: &[u8],
        replies: &Replies,
    ) -> Result<(), &'static str> {
        if head.has(frame::ACK) {
            return Ok(());
        }
        for (identifier, value) in frame::settings(payload).ok_or("SETTINGS is cut off")? {
            if identifier == frame::HEADER_TABLE_SIZE && value < TABLE_BYTES_DEFAULT {
                if self.table == Table::Entered {
                    return Err(
                        "the header table shrank under way, which this server does not follow",
                    );
                }
                self.table = Table::Small;
            } else if identifier == frame::INITIAL_WINDOW_SIZE {
                let grown = i64::from(value) - self.window_of_stream;
                self.window_of_stream = i64::from(value);
                for stream in self.open.iter_mut().chain(&mut self.waiting) {
                    stream.window += grown;
                }
            }
        }
        self.opening = Opening::Over;
        frame::put_settings_ack(&mut self.out);
        self.drain(replies);
        Ok(())
    }

    fn window_update(
        &mut self,
        head: Head,
        payload: &[u8],
        replies: &Replies,
    ) -> Result<(), &'static str> {
        let increment = frame::number(payload).ok_or("WINDOW_UPDATE is cut off")? & !(1 << 31);
        let mut streams = self.open.iter_mut().chain(&mut self.waiting);
        let window = if head.stream == 0 {
            Some(&mut self.window)
        } else {
            let found = streams.find(|stream| stream.id == head.stream);
            found.map(|stream| &mut stream.window)
        };
        if let Some(window) = window {
            *window += i64::from(increment);
            if *window > WINDOW_MAX {
                return Err("a window overflowed");
            }
        }
        self.drain(replies);
        Ok(())
    }
}

fn signed(bytes: usize) -> i64 {
    (bytes as u64).cast_signed()
}
