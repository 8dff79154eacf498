//! A connection with its socket.

use std::io::{self, Write};

use mio::net::TcpStream;

use crate::connection::Connection;

/// One connection of the loop.
pub struct Link<C> {
    pub socket: TcpStream,
    pub connection: C,
    pub connected: bool,
    /// Wants its streams filled and its bytes sent at the end of the turn.
    pub touched: bool,
    /// The socket is gone; a new one is made then.
    pub reopen_at_ns: Option<u64>,
}

impl<C: Connection> Link<C> {
    /// Whether its socket is there.
    pub fn open(&self) -> bool {
        self.reopen_at_ns.is_none()
    }

    /// Whether the server wants no more here and has answered all.
    pub fn served_its_time(&self) -> bool {
        self.open() && self.connection.going_away() && self.connection.in_flight() == 0
    }

    /// Writes as much as the socket takes.
    pub fn send(&mut self) -> io::Result<()> {
        if !self.connected || !self.open() {
            return Ok(());
        }
        let out = self.connection.out();
        let mut sent = 0;
        while sent < out.len() {
            match self.socket.write(&out[sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => sent += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if sent == out.len() {
            out.clear();
        } else {
            out.drain(..sent);
        }
        Ok(())
    }
}
