//! One connection's socket: reading, writing, and what the kernel has said about it.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use engine::{Connection, Moment, Output};
use mio::net::TcpStream;
use rustix::net::sockopt;

use super::limits::WRITE_PIECES_MAX;
use super::version::Pinned;

/// An open connection.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what the kernel and the loop have said, each on its own"
)]
pub struct Link {
    pub stream: TcpStream,
    pub connection: Connection<Pinned>,
    /// What has not been sent; empty most of the time, and then without buffers.
    pub output: Output<Pinned>,
    /// Reading or writing may get on: readiness is told once (edge-triggered).
    pub readable: bool,
    pub writable: bool,
    /// The peer has said its last word: read on until its end is seen.
    pub peer_closed: bool,
    /// Since when `output` waits for the socket.
    pub blocked_since: Moment,
    /// Our last word is out; until when the peer's is waited for, and how often it was read.
    pub farewell: Option<(Moment, u32)>,
    /// It was asked to let go of an over-aged version a sweep ago.
    pub asked_to_release: bool,
    /// In the list of those that have more to do.
    pub goes_on: bool,
}

impl Link {
    pub fn new(stream: TcpStream, connection: Connection<Pinned>) -> Self {
        Self {
            stream,
            connection,
            output: Output::default(),
            // Requests may have come with the connection: the first read tells.
            readable: true,
            writable: true,
            peer_closed: false,
            blocked_since: Moment(0),
            farewell: None,
            asked_to_release: false,
            goes_on: false,
        }
    }

    /// Reads once. `None`: nothing is there.
    ///
    /// # Errors
    /// `UnexpectedEof` at the end, others as the socket reports them.
    pub fn read(&mut self, room: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.stream.read(room) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    // A short read has emptied the socket (epoll(7)).
                    self.readable = read == room.len() || self.peer_closed;
                    return Ok(Some(read));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(None);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends what waits, as far as the socket takes it: copied bytes and slices of the segment in
    /// one `writev`.
    ///
    /// # Errors
    /// As the socket reports them.
    pub fn send(&mut self, now: Moment) -> io::Result<()> {
        while !self.output.is_empty() {
            let mut wanted = 0;
            let written = if let Some(whole) = self.output.whole() {
                wanted = whole.len();
                self.stream.write(whole)
            } else {
                let mut pieces = [IoSlice::new(&[]); WRITE_PIECES_MAX];
                let mut count = 0;
                self.output.pieces(|piece| {
                    pieces[count] = IoSlice::new(piece);
                    count += 1;
                    wanted += piece.len();
                    count < WRITE_PIECES_MAX
                });
                self.stream.write_vectored(&pieces[..count])
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.blocked_since = now;
                    self.output.advance(written);
                    if written < wanted {
                        self.writable = false;
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.writable = false;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Our last byte has left. To close a socket that has unread input is to reset it, and what is on
    /// its way to the peer may be lost: the peer's end is waited for.
    pub fn say_farewell(&mut self, until: Moment) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        self.farewell = Some((until, 0));
        self.readable = true;
        Ok(())
    }

    /// Has the kernel forget what is queued when the socket is closed, and tell the peer with a
    /// RST: a peer that does not read would otherwise keep it in kernel memory.
    pub fn discard_on_close(&self) {
        // Refused: the kernel closes in its own way.
        let _ = sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
    }
}
