//! A queue with one server, first come first served, whose service times are known: what queueing theory is about.
//!
//! It keeps accurate time on a host that does not. A reply is due at the larger of its request's
//! arrival and the reply before it, plus its service time, whenever the one before was really sent; it
//! is slept for to that absolute time. By how much the host let it oversleep is recorded.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::arrivals::Random;
use crate::frame::{self, Head, Kind};

/// How long a request is served, in seconds.
#[derive(Clone, Copy)]
pub enum Service {
    Deterministic(f64),
    /// By its mean, and what the draws start from.
    Exponential(f64, u64),
}

impl Service {
    /// The service times of one request after the other.
    pub fn times_s(self) -> impl FnMut() -> f64 {
        let mut random = match self {
            Self::Deterministic(_) => Random::new(0, 0),
            Self::Exponential(_, seed) => Random::new(seed, 0),
        };
        move || match self {
            Self::Deterministic(time_s) => time_s,
            Self::Exponential(mean_s, _) => mean_s * random.exponential(),
        }
    }
}

/// A running one.
pub struct LimitedServer {
    pub address: SocketAddr,
    overslept_ns: Arc<AtomicU64>,
    replies: Arc<AtomicU64>,
}

impl LimitedServer {
    /// Serves one connection of one client; its thread ends with that.
    pub fn start(tag: &str, record: &[u8], service: Service) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (overslept_ns, replies) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (envelope, counters) = (
            reply(tag, record),
            (Arc::clone(&overslept_ns), Arc::clone(&replies)),
        );
        thread::spawn(move || {
            let socket = listener.accept().unwrap().0;
            socket.set_nodelay(true).unwrap();
            let (arrived, arrivals) = mpsc::channel();
            let out = socket.try_clone().unwrap();
            let server =
                thread::spawn(move || answer(out, &arrivals, &envelope, service, &counters));
            let _ = read(socket, &arrived); // its end is the client's
            drop(arrived);
            server.join().unwrap();
        });
        Self {
            address,
            overslept_ns,
            replies,
        }
    }

    /// The mean time that replies left after they were due, in seconds.
    pub fn overslept_s(&self) -> f64 {
        let replies = self.replies.load(Ordering::Relaxed).max(1);
        self.overslept_ns.load(Ordering::Relaxed) as f64 / replies as f64 / 1e9
    }
}

/// HEADERS, DATA and trailers for stream 0.
fn reply(tag: &str, record: &[u8]) -> Vec<Vec<u8>> {
    let field = |name: &str, value: &str| {
        let lengths = (name.len() as u8, value.len() as u8);
        [
            &[0, lengths.0],
            name.as_bytes(),
            &[lengths.1],
            value.as_bytes(),
        ]
        .concat()
    };
    let headers = [
        vec![0x88],
        field("content-type", "application/grpc"),
        field("avap-catalog-version", tag),
    ];
    let mut frames = vec![Vec::new(), Vec::new(), Vec::new()];
    frame::put_headers(&mut frames[0], 0, &headers.concat());
    frame::put_head(&mut frames[1], 5 + record.len(), 0, 0, 0);
    frames[1].push(0);
    frames[1].extend_from_slice(&(record.len() as u32).to_be_bytes());
    frames[1].extend_from_slice(record);
    let trailers = field("grpc-status", "0");
    let flags = frame::END_HEADERS | frame::END_STREAM;
    frame::put_head(&mut frames[2], trailers.len(), 1, flags, 0);
    frames[2].extend_from_slice(&trailers);
    frames
}

/// Notes when each request came.
fn read(mut socket: TcpStream, arrived: &mpsc::Sender<(u32, Instant)>) -> io::Result<()> {
    let mut preface = [0; 24];
    socket.read_exact(&mut preface)?;
    let mut out = Vec::new();
    frame::put_settings(&mut out, &[]);
    socket.write_all(&out)?;
    loop {
        let mut head = [0; frame::HEAD_BYTES];
        socket.read_exact(&mut head)?;
        let head = Head::parse(&head).unwrap();
        let mut payload = vec![0; head.payload_bytes];
        socket.read_exact(&mut payload)?;
        if head.kind == Kind::Data && arrived.send((head.stream, Instant::now())).is_err() {
            return Ok(());
        }
    }
}

fn answer(
    mut socket: TcpStream,
    arrivals: &mpsc::Receiver<(u32, Instant)>,
    envelope: &[Vec<u8>],
    service: Service,
    (overslept_ns, replies): &(Arc<AtomicU64>, Arc<AtomicU64>),
) {
    let mut time_s = service.times_s();
    let mut free_at = Instant::now();
    for (stream, arrived_at) in arrivals {
        free_at = free_at.max(arrived_at) + Duration::from_secs_f64(time_s());
        thread::sleep(free_at.saturating_duration_since(Instant::now())); // this is the service
        let mut out = Vec::new();
        for frame in envelope {
            frame::put_for_stream(&mut out, frame, stream);
        }
        let overslept = Instant::now().saturating_duration_since(free_at);
        overslept_ns.fetch_add(overslept.as_nanos() as u64, Ordering::Relaxed);
        replies.fetch_add(1, Ordering::Relaxed);
        if socket.write_all(&out).is_err() {
            return;
        }
    }
}
