//! The socket under hyper: tells the connection's pace what the peer does.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::pace::Pace;

/// A handle: hyper owns one, the connection's task another for the time after hyper.
#[derive(Clone)]
pub struct Socket {
    stream: Rc<RefCell<TcpStream>>,
    pace: Rc<Pace>,
}

impl Socket {
    /// Takes over `stream`.
    pub fn new(stream: TcpStream, pace: Rc<Pace>) -> Self {
        Self {
            stream: Rc::new(RefCell::new(stream)),
            pace,
        }
    }

    /// Has the kernel forget what is queued when the socket is closed, and tell the peer with a RST: a peer that does
    /// not read would otherwise keep it in kernel memory.
    pub fn discard_on_close(&self) -> io::Result<()> {
        Ok(sockopt::set_socket_linger(
            &*self.stream.borrow(),
            Some(Duration::ZERO),
        )?)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut *self.stream.borrow_mut()).poll_read(context, into))?;
        if into.filled().len() > before {
            self.pace.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = ready!(Pin::new(&mut *self.stream.borrow_mut()).poll_write(context, bytes))?;
        self.pace.sent();
        Poll::Ready(Ok(sent))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = &mut *self.stream.borrow_mut();
        let sent = ready!(Pin::new(stream).poll_write_vectored(context, slices))?;
        self.pace.sent();
        Poll::Ready(Ok(sent))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut *self.stream.borrow_mut()).poll_flush(context))?;
        self.pace.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream.borrow_mut()).poll_shutdown(context)
    }
}
