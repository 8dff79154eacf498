//! The bare bound: `reference-bound CATALOG VERSION WORKERS`, the key in `API_KEY`.
//!
//! One thread on epoll; of each readable event one read, a lookup for each request in it, and one write of all the
//! replies. What it costs is what a lookup costs at least on this kernel. It prints its address when it listens, ends
//! on SIGTERM and when its standard input closes; README.md says what it leaves out.

mod block;
mod catalog;
mod connection;
mod frame;

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::{env, fs, process, thread};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use catalog::Engine;
use connection::Connection;

const LISTENER: Token = Token(usize::MAX);
const READ_BYTES: usize = 256 << 10;
const EVENTS_MAX: usize = 1024;

struct Link<'a> {
    socket: TcpStream,
    connection: Connection<'a>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let [_, catalog, version, _one] = &arguments[..] else {
        return Err("CATALOG VERSION 1".into());
    };
    let engine = Engine::new(&fs::read(catalog)?, version, env::var("API_KEY")?)?;
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(0);
    });
    let mut listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("{}", listener.local_addr()?);

    let mut links: Vec<Option<Link>> = Vec::new();
    let mut events = Events::with_capacity(EVENTS_MAX);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &engine, &mut links)?;
            } else if let Some(link) = &mut links[event.token().0]
                && serve(link, event, &mut buffer).is_err()
            {
                links[event.token().0] = None;
            }
        }
    }
}

fn accept<'a>(
    listener: &TcpListener,
    poll: &Poll,
    engine: &'a Engine,
    links: &mut Vec<Option<Link<'a>>>,
) -> io::Result<()> {
    loop {
        let mut socket = match listener.accept() {
            Ok((socket, _)) => socket,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        socket.set_nodelay(true)?;
        let free = links.iter().position(Option::is_none);
        let slot = free.unwrap_or_else(|| {
            links.push(None);
            links.len() - 1
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry()
            .register(&mut socket, Token(slot), interest)?;
        let connection = Connection::new(engine);
        links[slot] = Some(Link { socket, connection });
    }
}

/// Reads, answers and writes what the socket takes. An error ends the connection.
fn serve(link: &mut Link<'_>, event: &Event, buffer: &mut [u8]) -> io::Result<()> {
    while event.is_readable() {
        match link.socket.read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => {
                link.connection
                    .receive(&buffer[..bytes])
                    .ok_or(ErrorKind::InvalidData)?;
                if bytes < buffer.len() {
                    break; // empty: what comes later is another event
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    let out = &mut link.connection.out;
    while !out.is_empty() {
        match link.socket.write(out) {
            Ok(bytes) if bytes == out.len() => out.clear(),
            Ok(bytes) => drop(out.drain(..bytes)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
