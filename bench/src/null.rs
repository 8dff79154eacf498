//! The null server: honest HTTP/2, one constant correct reply to every call, nothing looked up.
//!
//! What a generator reaches against it is the generator's own ceiling. One thread, one epoll; all that
//! one readable event gave cause for goes out in one write.

use std::io::{self, Read, Write};
use std::net::TcpListener as StdListener;
use std::os::fd::RawFd;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::null_peer::{NullPeer, Replies};

const EVENTS_MAX: usize = 1024;
const READ_BYTES: usize = 256 << 10;
const PEERS_MAX: usize = 10_000;
const VERSION_BYTES_MAX: usize = 64;
/// How often the caller is asked whether to stop.
const TURN: Duration = Duration::from_millis(100);
const LISTENER: Token = Token(usize::MAX);
const LIFELINE: Token = Token(usize::MAX - 1);

/// What the server answers.
#[derive(Clone, Debug)]
pub struct NullPlan {
    /// `avap-catalog-version`: `<generation>-<digest>`.
    pub version: String,
    /// Reply to every `GetCommand`: an encoded message.
    pub record: Vec<u8>,
    /// Reply to every `SyncCatalog`.
    pub catalog: Vec<u8>,
}

struct Link {
    socket: TcpStream,
    peer: NullPeer,
}

/// Serves until something can be read from `lifeline`, a pipe or socket whose other end is closed for that, or until
/// `interrupted` (asked about ten times a second) says so.
///
/// # Errors
/// A version that is no short text, and what the system refuses of the listener or of epoll. Errors of a connection
/// end that connection.
pub fn serve_null(
    listener: StdListener,
    lifeline: RawFd,
    plan: &NullPlan,
    interrupted: &mut dyn FnMut() -> bool,
) -> io::Result<()> {
    if !(1..=VERSION_BYTES_MAX).contains(&plan.version.len())
        || !plan.version.bytes().all(|byte| byte.is_ascii_graphic())
    {
        let error = format!(
            "a version has 1 to {VERSION_BYTES_MAX} visible characters; found {:?}",
            plan.version
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    poll.registry()
        .register(&mut SourceFd(&lifeline), LIFELINE, Interest::READABLE)?;
    let replies = Replies::new(plan);
    let mut links: Vec<Option<Link>> = Vec::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut events = Events::with_capacity(EVENTS_MAX);
    while !interrupted() {
        match poll.poll(&mut events, Some(TURN)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            match event.token() {
                LIFELINE => return Ok(()),
                LISTENER => accept(&listener, &poll, &mut links)?,
                Token(index) => {
                    let served = links[index]
                        .as_mut()
                        .map(|link| link.serve(&replies, &mut buffer));
                    if served.is_some_and(|outcome| outcome.is_err()) {
                        links[index] = None; // which closes the socket, and epoll forgets it
                    }
                }
            }
        }
    }
    Ok(())
}

fn accept(listener: &TcpListener, poll: &Poll, links: &mut Vec<Option<Link>>) -> io::Result<()> {
    loop {
        let mut socket = match listener.accept() {
            Ok((socket, _)) => socket,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(_) => continue, // the client is gone again
        };
        let free = links.iter().position(Option::is_none);
        let index = free.unwrap_or(links.len());
        if index == PEERS_MAX {
            continue;
        }
        if free.is_none() {
            links.push(None);
        }
        socket.set_nodelay(true)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry()
            .register(&mut socket, Token(index), interest)?;
        let peer = NullPeer::new();
        links[index] = Some(Link { socket, peer });
    }
}

impl Link {
    /// Reads, answers and writes what can be, on any event. An error ends the connection.
    fn serve(&mut self, replies: &Replies, buffer: &mut [u8]) -> io::Result<()> {
        loop {
            let mut read_all = false;
            if self.peer.takes_more() {
                match self.socket.read(buffer) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(bytes) => {
                        read_all = bytes < buffer.len();
                        let taken = self.peer.receive(&buffer[..bytes], replies);
                        taken.map_err(io::Error::other)?;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => read_all = true,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            let wrote_all = self.write()?;
            // What waited for room goes on now that there is some.
            self.peer.resume(replies).map_err(io::Error::other)?;
            let idle = read_all && self.peer.out.is_empty();
            if idle || !wrote_all {
                return Ok(()); // what comes later is a new edge
            }
        }
    }

    fn write(&mut self) -> io::Result<bool> {
        let out = &mut self.peer.out;
        let mut sent = 0;
        while sent < out.len() {
            match self.socket.write(&out[sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => sent += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    out.drain(..sent);
                    return Ok(false);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        out.clear();
        Ok(true)
    }
}
