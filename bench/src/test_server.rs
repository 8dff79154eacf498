//! The server of this crate's tests: small, strict about flow control, and wrong on request.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::frame::{self, Head, Kind};

/// What it does wrong. The numbers count requests over its life.
#[derive(Clone, Copy)]
pub struct Faults {
    /// Every so often it stops for so long, on every connection.
    pub stall: Option<(Duration, Duration)>,
    /// The reply with this number has its last byte changed.
    pub wrong_byte_at: Option<u64>,
    /// This one comes from the next name.
    pub wrong_name_at: Option<u64>,
    /// This one says INTERNAL.
    pub wrong_status_at: Option<u64>,
    /// This one and the next with another body go to each other's stream.
    pub crossed_at: Option<u64>,
    /// This one never comes.
    pub dropped_at: Option<u64>,
    /// One in so many never comes.
    pub dropped_every: Option<u64>,
    /// After this one the connection is closed.
    pub closed_after: Option<u64>,
    /// After this one comes GOAWAY.
    pub goodbye_after: Option<u64>,
    /// Windows are overrun.
    pub ignores_windows: bool,
}

/// Nothing is wrong.
pub const NONE: Faults = Faults {
    stall: None,
    wrong_byte_at: None,
    wrong_name_at: None,
    wrong_status_at: None,
    crossed_at: None,
    dropped_at: None,
    dropped_every: None,
    closed_after: None,
    goodbye_after: None,
    ignores_windows: false,
};

/// Serves one connection at a time per thread until the process ends; returns where.
pub fn serve(tag: &str, records: &[(&str, Vec<u8>)], faults: Faults) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let records: Vec<(String, Vec<u8>)> = records
        .iter()
        .map(|(name, record)| ((*name).to_owned(), record.clone()))
        .collect();
    let tag = tag.to_owned();
    let began = Instant::now();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (tag, records) = (tag.clone(), records.clone());
            thread::spawn(move || {
                let _ = Peer::new(socket.unwrap(), tag, records, faults, began).serve();
            });
        }
    });
    address
}

struct Peer {
    socket: TcpStream,
    tag: String,
    records: Vec<(String, Vec<u8>)>,
    faults: Faults,
    began: Instant,
    served: u64,
    indexed: bool,
    connection_window: i64,
    stream_window: i64,
    stream_windows: HashMap<u32, i64>,
    waiting: VecDeque<Reply>,
    held: Option<Reply>,
}

/// Stream, body, status.
type Reply = (u32, Vec<u8>, &'static str);

impl Peer {
    fn new(
        socket: TcpStream,
        tag: String,
        records: Vec<(String, Vec<u8>)>,
        faults: Faults,
        began: Instant,
    ) -> Self {
        socket.set_nodelay(true).unwrap();
        Self {
            socket,
            tag,
            records,
            faults,
            began,
            served: 0,
            indexed: false,
            connection_window: 65_535,
            stream_window: 65_535,
            stream_windows: HashMap::new(),
            waiting: VecDeque::new(),
            held: None,
        }
    }

    fn serve(mut self) -> io::Result<()> {
        let mut preface = [0; 24];
        self.socket.read_exact(&mut preface)?;
        assert_eq!(preface, frame::PREFACE);
        let mut out = Vec::new();
        frame::put_settings(&mut out, &[(frame::MAX_CONCURRENT_STREAMS, 50)]);
        frame::put_head(&mut out, 8, 6, 0, 0); // a PING to be answered
        out.extend_from_slice(b"question");
        self.socket.write_all(&out)?;
        let mut ping_answered = false;
        loop {
            let mut head = [0; frame::HEAD_BYTES];
            self.socket.read_exact(&mut head)?;
            let head = Head::parse(&head).unwrap();
            let mut payload = vec![0; head.payload_bytes];
            self.socket.read_exact(&mut payload)?;
            match head.kind {
                Kind::Settings if !head.has(frame::ACK) => {
                    for (identifier, value) in frame::settings(&payload).unwrap() {
                        if identifier == frame::INITIAL_WINDOW_SIZE {
                            self.stream_window = i64::from(value);
                        }
                    }
                }
                Kind::Ping => ping_answered |= head.has(frame::ACK) && payload == b"question",
                Kind::WindowUpdate => {
                    let increment = i64::from(frame::number(&payload).unwrap());
                    if head.stream == 0 {
                        self.connection_window += increment;
                    } else {
                        *self.stream_windows.get_mut(&head.stream).unwrap() += increment;
                    }
                    self.drain()?;
                }
                Kind::Data => {
                    assert!(head.has(frame::END_STREAM));
                    assert!(ping_answered || self.served < 1000);
                    self.stream_windows.insert(head.stream, self.stream_window);
                    let mut out = Vec::new();
                    frame::put_window_update(&mut out, 0, head.payload_bytes as u32);
                    self.socket.write_all(&out)?;
                    if !self.reply(head.stream, &payload)? {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
    }

    /// Answers one request; false ends the connection.
    fn reply(&mut self, stream: u32, message: &[u8]) -> io::Result<bool> {
        if let Some((every, length)) = self.faults.stall {
            let into =
                Duration::from_nanos((self.began.elapsed().as_nanos() % every.as_nanos()) as u64);
            if into < length && self.began.elapsed() > every {
                thread::sleep(length.saturating_sub(into)); // the fault itself, nothing waits on it
            }
        }
        let number = self.served;
        self.served += 1;
        let every = self.faults.dropped_every;
        let dropped = every.is_some_and(|every| number % every == every - 1);
        if dropped || self.faults.dropped_at == Some(number) {
            return Ok(true);
        }
        let name = message.get(7..).unwrap_or_default();
        let found = self
            .records
            .iter()
            .position(|(known, _)| known.as_bytes() == name);
        let at = |fault: Option<u64>| fault == Some(number);
        let mut headers = vec![0x88];
        self.put_headers(&mut headers);
        let mut out = Vec::new();
        frame::put_headers(&mut out, stream, &headers);
        self.socket.write_all(&out)?;
        match found {
            Some(index) => {
                let index = if at(self.faults.wrong_name_at) {
                    (index + 1) % self.records.len()
                } else {
                    index
                };
                let mut body = self.records[index].1.clone();
                if at(self.faults.wrong_byte_at) {
                    *body.last_mut().unwrap() ^= 1;
                }
                let mut framed = vec![0];
                framed.extend_from_slice(&(body.len() as u32).to_be_bytes());
                framed.extend_from_slice(&body);
                let status = if at(self.faults.wrong_status_at) {
                    "13"
                } else {
                    "0"
                };
                self.put_in_line((stream, framed, status), at(self.faults.crossed_at));
            }
            None => self.waiting.push_back((stream, Vec::new(), "5")),
        }
        self.drain()?;
        if at(self.faults.goodbye_after) {
            let mut out = Vec::new();
            frame::put_head(&mut out, 8, 7, 0, 0);
            out.extend_from_slice(&stream.to_be_bytes());
            out.extend_from_slice(&0_u32.to_be_bytes());
            self.socket.write_all(&out)?;
        }
        Ok(!at(self.faults.closed_after))
    }

    fn put_in_line(&mut self, mut reply: Reply, hold: bool) {
        if hold {
            self.held = Some(reply);
            return;
        }
        if let Some(mut held) = self.held.take_if(|held| held.1 != reply.1) {
            std::mem::swap(&mut held.0, &mut reply.0);
            self.waiting.push_back(held);
        }
        self.waiting.push_back(reply);
    }

    fn put_headers(&mut self, block: &mut Vec<u8>) {
        if std::mem::replace(&mut self.indexed, true) {
            block.extend_from_slice(&[0xBF, 0xBE]);
            return;
        }
        for (name, value) in [
            ("content-type", "application/grpc"),
            ("avap-catalog-version", self.tag.as_str()),
        ] {
            block.extend_from_slice(&[0x40, name.len() as u8]);
            block.extend_from_slice(name.as_bytes());
            block.push(value.len() as u8);
            block.extend_from_slice(value.as_bytes());
        }
    }

    /// Sends what the windows allow.
    fn drain(&mut self) -> io::Result<()> {
        while let Some((stream, mut body, status)) = self.waiting.pop_front() {
            let window = &mut self.connection_window;
            let stream_window = self.stream_windows.get_mut(&stream).unwrap();
            let allowed = if self.faults.ignores_windows {
                usize::MAX
            } else {
                usize::try_from((*window).min(*stream_window)).unwrap_or(0)
            };
            let bytes = body.len().min(allowed).min(frame::PAYLOAD_BYTES_MAX);
            let charged = i64::try_from(bytes).unwrap();
            *window -= charged;
            *stream_window -= charged;
            let mut out = Vec::new();
            if bytes > 0 {
                frame::put_head(&mut out, bytes, 0, 0, stream);
                out.extend(body.drain(..bytes));
            }
            if body.is_empty() {
                let trailers = [
                    &[0x00, 11][..],
                    b"grpc-status",
                    &[status.len() as u8],
                    status.as_bytes(),
                ]
                .concat();
                frame::put_head(
                    &mut out,
                    trailers.len(),
                    1,
                    frame::END_HEADERS | frame::END_STREAM,
                    stream,
                );
                out.extend_from_slice(&trailers);
            }
            self.socket.write_all(&out)?;
            if !body.is_empty() {
                self.waiting.push_front((stream, body, status));
                if bytes == 0 {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
