//! One connection: handshake, then turns. A turn answers everything that is readable and sends it.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::copies::Copies;
use super::exchange;
use super::limits::{
    HANDSHAKE_TIMEOUT, HANDSHAKE_TIMEOUT_DRAINING, LINGER_READS_MAX, LINGER_TIMEOUT,
    REQUESTS_PER_TURN,
};
use super::server::Server;
use super::socket::Socket;
use crate::plane::connections::{ConnectionId, Handle, Order};
use crate::plane::panics;

/// What the requests of one connection share.
pub(super) struct Link {
    pub server: Rc<Server>,
    pub handle: Rc<Handle>,
    pub id: ConnectionId,
    pub copies: Copies,
}

impl Link {
    /// A task that belongs to this connection: its panic is the connection's.
    pub fn spawn(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        let link = Rc::clone(self);
        tokio::task::spawn_local(async move {
            if let Err(text) = panics::caught(task).await {
                link.server.observer.panic_caught(&text);
                link.handle.give(Order::Abort);
            }
        });
    }
}

/// Serves `stream` to its end, in a task of its own.
pub fn serve(server: &Rc<Server>, stream: TcpStream) {
    let (id, handle) = server.connections.enter();
    server.observer.connection_opened();
    let link = Rc::new(Link {
        server: Rc::clone(server),
        handle,
        id,
        copies: Copies::default(),
    });
    tokio::task::spawn_local(async move {
        let outcome = panics::caught(run(Rc::clone(&link), Socket::new(stream))).await;
        if let Err(text) = outcome {
            link.server.observer.panic_caught(&text);
        }
        link.server.observer.connection_closed();
        link.server.connections.leave(link.id);
    });
}

async fn run(link: Rc<Link>, socket: Socket) {
    let Some(protocol) = handshake(&link, &socket).await else {
        return;
    };
    let mut connection = Connection {
        link: Rc::clone(&link),
        socket: socket.clone(),
        protocol,
        told_to_go: false,
    };
    let end = poll_fn(|context| connection.poll_turn(context)).await;
    // What replies still hold goes now, not after the peer's last word.
    drop(connection);
    if end == End::Closed {
        linger(&link, socket).await;
    }
}

/// Closes in good order. To close a socket that has unread input is to reset it, and what is on its
/// way to the peer may be lost: a client that acknowledges the end of a reply would never see it.
async fn linger(link: &Link, mut socket: Socket) {
    let farewell = async {
        poll_fn(|context| Pin::new(&mut socket).poll_shutdown(context)).await?;
        let mut discarded = [0; 4096];
        for _ in 0..LINGER_READS_MAX {
            let mut into = ReadBuf::new(&mut discarded);
            poll_fn(|context| Pin::new(&mut socket).poll_read(context, &mut into)).await?;
            if into.filled().is_empty() {
                break;
            }
        }
        io::Result::Ok(())
    };
    let mut farewell = pin!(tokio::time::timeout(LINGER_TIMEOUT, farewell));
    // The peer may be gone, late or talkative; the socket is closed in any case.
    poll_fn(|context| {
        link.handle.watch(context);
        match link.handle.order() {
            Order::Abort => Poll::Ready(()),
            Order::Serve | Order::Drain => farewell.as_mut().poll(context).map(drop),
        }
    })
    .await;
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// By a side's wish or for a breach of the protocol: the peer is told why.
    Closed,
    /// The socket failed, or is to be closed at once.
    Lost,
}

type Protocol = h2::server::Connection<Socket, Bytes>;

async fn handshake(link: &Link, socket: &Socket) -> Option<Protocol> {
    let mut handshake = pin!(link.server.protocol.handshake(socket.clone()));
    let mut timeout = pin!(sleep_until(Instant::now() + HANDSHAKE_TIMEOUT));
    let mut draining = false;
    poll_fn(|context| {
        link.handle.watch(context);
        match link.handle.order() {
            Order::Abort => return Poll::Ready(None),
            Order::Drain if !draining => {
                draining = true;
                let soon = Instant::now() + HANDSHAKE_TIMEOUT_DRAINING;
                let deadline = soon.min(timeout.deadline());
                timeout.as_mut().reset(deadline);
            }
            _ => {}
        }
        let progress = handshake.as_mut().poll(context);
        // Our SETTINGS need not wait for the peer's.
        if let Poll::Ready(Err(_)) = socket.poll_send(context) {
            return Poll::Ready(None);
        }
        match progress {
            Poll::Ready(result) => Poll::Ready(result.ok()),
            Poll::Pending => timeout.as_mut().poll(context).map(|()| None),
        }
    })
    .await
}

struct Connection {
    link: Rc<Link>,
    socket: Socket,
    protocol: Protocol,
    told_to_go: bool,
}

impl Connection {
    fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<End> {
        self.link.handle.watch(context);
        match self.link.handle.order() {
            Order::Serve => {}
            Order::Drain if self.told_to_go => {}
            Order::Drain => {
                self.told_to_go = true;
                self.protocol.graceful_shutdown();
            }
            Order::Abort => {
                // A failure leaves the kernel its own way of closing.
                let _ = self.socket.discard_on_close();
                return Poll::Ready(End::Lost);
            }
        }
        if let Poll::Ready(end) = self.poll_requests(context) {
            return Poll::Ready(end);
        }
        match self.socket.poll_send(context) {
            Poll::Ready(Err(_)) => Poll::Ready(End::Lost),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        }
    }

    /// Answers what is readable. Ready when the connection has ended.
    fn poll_requests(&mut self, context: &mut Context<'_>) -> Poll<End> {
        for _ in 0..REQUESTS_PER_TURN {
            match self.protocol.poll_accept(context) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    exchange::begin(&self.link, context, request, respond);
                }
                Poll::Ready(Some(Err(error))) if error.is_io() => return Poll::Ready(End::Lost),
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(End::Closed),
                Poll::Pending => return Poll::Pending,
            }
        }
        // The others first, then the rest of this one's.
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
