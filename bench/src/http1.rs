//! One client connection of HTTP/1.1 (RFC 9112) with keep-alive: one request at a time, no pipelining.

use std::mem;
use std::rc::Rc;

use crate::connection::{Body, Connection, Ending, Fault, Judge, Request};
use crate::headers::Fields;

/// A head, a line of a chunk's size or a trailer longer than this is no reply of ours.
const HEAD_BYTES_MAX: usize = 16_384;
const HEADERS_MAX: usize = 64;

/// What comes next of a reply.
enum Next {
    Head,
    /// So many bytes of the body.
    Length(u64),
    ChunkSize,
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The line's end after a chunk.
    ChunkEnd,
    Trailers,
    /// The body lasts as long as the connection.
    UntilClosed,
}

/// How long a body is (RFC 9112, section 6.3).
enum Framing {
    Length(u64),
    Chunked,
    UntilClosed,
}

/// What was looked for with its end, and what follows it.
type Found<'b> = (Vec<u8>, &'b [u8]);

/// What counts of a head.
struct Reply {
    status: u16,
    framing: Framing,
    closes: bool,
}

struct Started {
    request: Request,
    at_ns: u64,
}

/// The protocol's state.
pub struct Http1 {
    out: Vec<u8>,
    started: Option<Started>,
    next: Next,
    /// The beginning of a head or of a line.
    partial: Vec<u8>,
    /// What of it is known to hold no end.
    scanned: usize,
    fields: Rc<Fields>,
    body: Body,
    /// No request may follow.
    closes: bool,
}

impl Connection for Http1 {
    type Setup = ();

    fn new(_: &Rc<()>) -> Self {
        Self {
            out: Vec::new(),
            started: None,
            next: Next::Head,
            partial: Vec::new(),
            scanned: 0,
            fields: Rc::default(),
            body: Body::EMPTY,
            closes: false,
        }
    }

    fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    fn ready(&self) -> bool {
        true
    }

    fn going_away(&self) -> bool {
        self.closes
    }

    fn in_flight(&self) -> usize {
        usize::from(self.started.is_some())
    }

    fn went_back(&self) -> u64 {
        0
    }

    fn start(&mut self, request: Request, message: &[u8], now_ns: u64) -> bool {
        if self.closes || self.started.is_some() {
            return false;
        }
        self.out.extend_from_slice(message);
        self.started = Some(Started {
            request,
            at_ns: now_ns,
        });
        true
    }

    fn receive(&mut self, mut bytes: &[u8], judge: &mut impl Judge) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let Some(Started { request, .. }) = self.started else {
                return Err(Fault("bytes that nobody asked for"));
            };
            bytes = match self.next {
                Next::Head => self.head(bytes, judge)?,
                Next::Length(left) => {
                    let (piece, rest) = split(bytes, left);
                    self.body.take(request, &self.fields, piece, judge);
                    self.next = Next::Length(left - piece.len() as u64);
                    if matches!(self.next, Next::Length(0)) {
                        self.finish(judge);
                    }
                    rest
                }
                Next::ChunkSize => self.chunk_size(bytes)?,
                Next::Chunk(left) => {
                    let (piece, rest) = split(bytes, left);
                    self.body.take(request, &self.fields, piece, judge);
                    self.next = match left - piece.len() as u64 {
                        0 => Next::ChunkEnd,
                        left => Next::Chunk(left),
                    };
                    rest
                }
                Next::ChunkEnd => self.chunk_end(bytes)?,
                Next::Trailers => self.trailer(bytes, judge)?,
                Next::UntilClosed => {
                    self.body.take(request, &self.fields, bytes, judge);
                    &[]
                }
            };
        }
        Ok(())
    }

    /// Gives up the request, and the connection with it: its reply may still come.
    fn expire(&mut self, before_ns: u64, judge: &mut impl Judge) {
        if let Some(late) = self.started.take_if(|started| started.at_ns < before_ns) {
            self.closes = true;
            judge.finished(late.request, Ending::TimedOut);
        }
    }

    fn ended(&mut self, judge: &mut impl Judge) {
        if matches!(self.next, Next::UntilClosed) {
            self.finish(judge);
        }
        self.lose(judge);
    }

    fn lose(&mut self, judge: &mut impl Judge) {
        if let Some(lost) = self.started.take() {
            judge.finished(lost.request, Ending::Lost);
        }
    }
}

impl Http1 {
    fn head<'b>(&mut self, bytes: &'b [u8], judge: &mut impl Judge) -> Result<&'b [u8], Fault> {
        let Some((head, rest)) = self.until(b"\r\n\r\n", bytes)? else {
            return Ok(&[]);
        };
        let reply = Reply::parse(&head).map_err(Fault)?;
        self.recycle(head);
        if (100..200).contains(&reply.status) && reply.status != 101 {
            return Ok(rest); // interim: the reply is still to come
        }
        if self.fields.http_status != Some(reply.status) {
            self.fields = Rc::new(Fields {
                http_status: Some(reply.status),
                ..Fields::default()
            });
        }
        self.body = Body::EMPTY;
        self.closes |= reply.closes;
        self.next = match reply.framing {
            Framing::Length(0) => {
                self.finish(judge);
                return Ok(rest);
            }
            Framing::Length(bytes) => Next::Length(bytes),
            Framing::Chunked => Next::ChunkSize,
            Framing::UntilClosed => Next::UntilClosed,
        };
        Ok(rest)
    }

    fn chunk_size<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Fault> {
        let Some((line, rest)) = self.until(b"\r\n", bytes)? else {
            return Ok(&[]);
        };
        self.next = match httparse::parse_chunk_size(&line) {
            Ok(httparse::Status::Complete((_, 0))) => Next::Trailers,
            Ok(httparse::Status::Complete((_, size))) => Next::Chunk(size),
            _ => return Err(Fault("the size of a chunk is not a number")),
        };
        self.recycle(line);
        Ok(rest)
    }

    fn chunk_end<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Fault> {
        let (piece, rest) = split(bytes, 2 - self.partial.len() as u64);
        self.partial.extend_from_slice(piece);
        if !b"\r\n".starts_with(&self.partial) {
            return Err(Fault("a chunk does not end where it says"));
        }
        if self.partial.len() == 2 {
            self.partial.clear();
            self.next = Next::ChunkSize;
        }
        Ok(rest)
    }

    fn trailer<'b>(&mut self, bytes: &'b [u8], judge: &mut impl Judge) -> Result<&'b [u8], Fault> {
        let Some((line, rest)) = self.until(b"\r\n", bytes)? else {
            return Ok(&[]);
        };
        let last = line == b"\r\n";
        self.recycle(line);
        if last {
            self.finish(judge);
        }
        Ok(rest)
    }

    /// All up to and with `end`, and what follows it; `None`: it has not come yet.
    fn until<'b>(&mut self, end: &[u8], bytes: &'b [u8]) -> Result<Option<Found<'b>>, Fault> {
        let before = self.partial.len();
        let room = (HEAD_BYTES_MAX - before).min(bytes.len());
        self.partial.extend_from_slice(&bytes[..room]);
        let unscanned = &self.partial[self.scanned..];
        let Some(at) = unscanned.windows(end.len()).position(|found| found == end) else {
            if self.partial.len() == HEAD_BYTES_MAX {
                return Err(Fault("a head or a line is too long"));
            }
            self.scanned = self.partial.len().saturating_sub(end.len() - 1);
            return Ok(None);
        };
        let length = self.scanned + at + end.len();
        self.scanned = 0;
        let mut found = mem::take(&mut self.partial);
        found.truncate(length);
        Ok(Some((found, &bytes[length - before..])))
    }

    /// Takes a buffer back, to spare an allocation.
    fn recycle(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.partial = buffer;
    }

    fn finish(&mut self, judge: &mut impl Judge) {
        self.next = Next::Head;
        if let Some(started) = self.started.take() {
            let ending = Ending::Answer {
                headers: &self.fields,
                status: &self.fields,
                body: self.body,
            };
            judge.finished(started.request, ending);
        }
    }
}

impl Reply {
    fn parse(head: &[u8]) -> Result<Self, &'static str> {
        let mut room = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Response::new(&mut room);
        let (Ok(httparse::Status::Complete(_)), Some(status), Some(version)) =
            (parsed.parse(head), parsed.code, parsed.version)
        else {
            return Err("a reply's head cannot be read");
        };
        let (mut length, mut chunked, mut closes) = (None, false, version == 0);
        for header in parsed.headers.iter() {
            let value = header.value.trim_ascii();
            if header.name.eq_ignore_ascii_case("content-length") {
                let number = decimal(value).ok_or("Content-Length is not a number")?;
                if length.is_some_and(|other| other != number) {
                    return Err("Content-Length is said twice");
                }
                length = Some(number);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err("Transfer-Encoding is not chunked");
                }
                chunked = true;
            } else if header.name.eq_ignore_ascii_case("connection") {
                let mut options = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
                if options
                    .clone()
                    .any(|option| option.eq_ignore_ascii_case(b"close"))
                {
                    closes = true;
                } else if options.any(|option| option.eq_ignore_ascii_case(b"keep-alive")) {
                    closes = false;
                }
            }
        }
        let framing = match (status, chunked, length) {
            (101, ..) => return Err("it switches protocols"),
            (_, true, Some(_)) => return Err("both Content-Length and Transfer-Encoding"),
            (204 | 304, ..) => Framing::Length(0),
            (_, true, None) => Framing::Chunked,
            (_, false, Some(bytes)) => Framing::Length(bytes),
            (_, false, None) => Framing::UntilClosed,
        };
        closes |= matches!(framing, Framing::UntilClosed);
        Ok(Self {
            status,
            framing,
            closes,
        })
    }
}

/// At most `left` bytes, and what follows them.
fn split(bytes: &[u8], left: u64) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)))
}

/// Digits and nothing else: no sign.
fn decimal(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}
