//! The socket under h2: gathers what h2 writes and sends it once a turn.
//!
//! h2 flushes after each reply, which would be one `write` a request; at ten streams a connection
//! the system call costs more than the request. Here a flush does nothing, small writes are
//! gathered, and the connection calls `poll_send` when it has answered everything that was
//! readable. Large writes (slices of the segment) go to the kernel uncopied, in one `writev` with
//! what was gathered before them.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::limits::{DIRECT_WRITE_BYTES_MIN, IDLE_OUTPUT_BYTES_MAX, OUTPUT_BYTES_MAX};

/// A handle: h2 owns one, the connection's turn another.
pub struct Socket<S = TcpStream>(Rc<RefCell<Buffered<S>>>);

impl<S> Clone for Socket<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

struct Buffered<S> {
    stream: S,
    output: Vec<u8>,
    sent: usize,
}

impl<S: AsyncWrite + Unpin> Socket<S> {
    /// Takes over `stream`.
    pub fn new(stream: S) -> Self {
        Self(Rc::new(RefCell::new(Buffered {
            stream,
            output: Vec::new(),
            sent: 0,
        })))
    }

    /// Sends what was gathered. Pending: the socket is full, and the task is woken when it is not.
    pub fn poll_send(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_send(context)
    }
}

impl Socket<TcpStream> {
    /// Has the kernel forget what is queued when the socket is closed, and tell the peer with a
    /// RST: a peer that does not read would otherwise keep it in kernel memory.
    pub fn discard_on_close(&self) -> io::Result<()> {
        Ok(sockopt::set_socket_linger(
            &self.0.borrow().stream,
            Some(std::time::Duration::ZERO),
        )?)
    }
}

impl<S: AsyncWrite + Unpin> Buffered<S> {
    fn waiting(&self) -> usize {
        self.output.len() - self.sent
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.waiting() > 0 {
            let sent =
                ready!(Pin::new(&mut self.stream).poll_write(context, &self.output[self.sent..]))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += sent;
        }
        self.empty();
        Poll::Ready(Ok(()))
    }

    fn empty(&mut self) {
        self.sent = 0;
        self.output.clear();
        if self.output.capacity() > IDLE_OUTPUT_BYTES_MAX {
            self.output = Vec::new();
        }
    }

    /// What was gathered, then `data`, without copying it.
    fn poll_write_direct(
        &mut self,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let parts = [IoSlice::new(&self.output[self.sent..]), IoSlice::new(data)];
            let sent = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, &parts))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let waiting = self.waiting();
            if sent >= waiting {
                self.empty();
                if sent > waiting {
                    return Poll::Ready(Ok(sent - waiting));
                }
            } else {
                self.sent += sent;
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let buffered = &mut *self.0.borrow_mut();
        if data.len() >= DIRECT_WRITE_BYTES_MIN {
            return buffered.poll_write_direct(context, data);
        }
        if buffered.waiting() + data.len() > OUTPUT_BYTES_MAX {
            ready!(buffered.poll_send(context))?;
        }
        buffered.output.extend_from_slice(data);
        Poll::Ready(Ok(data.len()))
    }

    /// Nothing: the connection sends at the end of its turn.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let buffered = &mut *self.0.borrow_mut();
        ready!(buffered.poll_send(context))?;
        Pin::new(&mut buffered.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(test);
    }

    #[test]
    fn small_writes_leave_together_when_the_turn_ends() {
        run(async {
            let (near, mut far) = tokio::io::duplex(1 << 20);
            let mut socket = Socket::new(near);
            socket.write_all(b"one ").await.unwrap();
            socket.write_all(b"two").await.unwrap();
            socket.flush().await.unwrap();
            let mut early = [0; 1];
            tokio::select! {
                biased;
                _ = far.read(&mut early) => panic!("sent before the end of the turn"),
                () = std::future::ready(()) => {}
            }
            std::future::poll_fn(|context| socket.poll_send(context))
                .await
                .unwrap();
            let mut received = [0; 7];
            far.read_exact(&mut received).await.unwrap();
            assert_eq!(&received, b"one two");
        });
    }

    #[test]
    fn order_is_kept_through_a_peer_that_reads_slowly() {
        run(async {
            // 100 bytes in flight: every write is cut somewhere.
            let (near, mut far) = tokio::io::duplex(100);
            let mut socket = Socket::new(near);
            let sent: Vec<u8> = (0..400_000_u32).map(|index| (index % 251) as u8).collect();
            let expected = sent.clone();
            let writer = async move {
                let mut rest = &sent[..];
                for length in [10, 5000, 3, 60_000, 4095, 4096, 130_000, 1]
                    .into_iter()
                    .cycle()
                {
                    let (piece, after) = rest.split_at(length.min(rest.len()));
                    socket.write_all(piece).await.unwrap();
                    rest = after;
                    if rest.is_empty() {
                        break;
                    }
                }
                socket.shutdown().await.unwrap();
            };
            let reader = async move {
                let mut received = Vec::new();
                far.read_to_end(&mut received).await.unwrap();
                received
            };
            let ((), received) = tokio::join!(writer, reader);
            assert!(received == expected, "{} bytes", received.len());
        });
    }
}
