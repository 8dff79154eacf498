//! One connection: hyper's requests one after the other, orders from the worker in between.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::StatusCode;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use shm_catalog::{HttpStatus, Route};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

use super::connections::{Handle, Order};
use crate::plane::panics;

use super::exchange;
use super::limits::{LINGER_READS_MAX, LINGER_TIMEOUT, REQUESTS_PER_CONNECTION_MAX};
use super::pace::{Moment, Pace};
use super::server::Server;
use super::socket::Socket;

/// What the requests of one connection share.
pub struct Link {
    pub server: Rc<Server>,
    pub pace: Rc<Pace>,
    handle: Rc<Handle>,
    requests: Cell<u64>,
    last_words: RefCell<Option<Vec<u8>>>,
}

impl Link {
    /// Has the connection end with these bytes, past hyper.
    pub fn end_with(&self, words: Vec<u8>) {
        self.last_words.replace(Some(words));
    }

    /// Counts a request. Whether the connection ends with it.
    pub fn is_last_request(&self) -> bool {
        self.requests.set(self.requests.get() + 1);
        self.server.is_draining() || self.requests.get() >= REQUESTS_PER_CONNECTION_MAX
    }
}

/// Serves `stream` to its end, in a task of its own.
pub fn serve(server: &Rc<Server>, stream: TcpStream) {
    let (id, handle) = server.connections.enter();
    let pace = Rc::new(Pace::new(Moment::now()));
    server.paces.borrow_mut().insert(id, Rc::clone(&pace));
    server.observer.connection_opened();
    let link = Rc::new(Link {
        server: Rc::clone(server),
        pace,
        handle,
        requests: Cell::new(0),
        last_words: RefCell::new(None),
    });
    tokio::task::spawn_local(async move {
        let outcome = panics::caught(run(Rc::clone(&link), stream)).await;
        let server = &link.server;
        if let Err(text) = outcome {
            server.observer.panic_caught(&text);
        }
        server.observer.connection_closed();
        server.paces.borrow_mut().remove(&id);
        server.connections.leave(id);
    });
}

async fn run(link: Rc<Link>, stream: TcpStream) {
    let socket = Socket::new(stream, Rc::clone(&link.pace));
    match converse(&link, socket.clone()).await {
        Ok(words) => linger(&link, socket, words).await,
        Err(Lost::Failed) => {}
        Err(Lost::Aborted) => {
            // A failure leaves the kernel its own way of closing.
            let _ = socket.discard_on_close();
        }
    }
}

/// How a connection ended that was not closed in good order.
#[derive(Debug)]
enum Lost {
    /// The socket failed: nobody is there to be told anything.
    Failed,
    /// It is to be closed at once.
    Aborted,
}

/// Gives the bytes that are to be sent before the end, if there are any.
async fn converse(link: &Rc<Link>, socket: Socket) -> Result<Vec<u8>, Lost> {
    let shared = Rc::clone(link);
    let service = service_fn(move |request| exchange::answer(Rc::clone(&shared), request));
    let mut connection = pin!(
        link.server
            .protocol
            .serve_connection(TokioIo::new(socket), service)
    );
    let mut told_to_go = false;
    poll_fn(|context| {
        link.handle.watch(context);
        match link.handle.order() {
            Order::Drain if !told_to_go => {
                told_to_go = true;
                connection.as_mut().graceful_shutdown();
            }
            Order::Serve | Order::Drain => {}
            Order::Abort => return Poll::Ready(Err(Lost::Aborted)),
        }
        let progress = connection.as_mut().poll(context);
        if let Some(words) = link.last_words.take() {
            return Poll::Ready(Ok(words));
        }
        progress.map(|ended| match ended {
            Ok(()) => Ok(Vec::new()),
            Err(error) => refused(link, &error).map(|()| Vec::new()),
        })
    })
    .await
}

/// hyper has answered what it could not read; that is counted here.
fn refused(link: &Link, error: &hyper::Error) -> Result<(), Lost> {
    let status = if error.is_parse_too_large() {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    } else if error.is_parse() || error.is_parse_status() {
        StatusCode::BAD_REQUEST
    } else {
        return Err(Lost::Failed);
    };
    link.server.observer.request_ended(
        Route::Other,
        HttpStatus::from_code(status.as_u16()),
        Duration::ZERO,
    );
    Ok(())
}

/// Closes in good order. To close a socket that has unread input is to reset it, and what is on its way to the peer may
/// be lost: a client that still sends the body of a refused request would never see why.
async fn linger(link: &Link, mut socket: Socket, words: Vec<u8>) {
    let farewell = async {
        socket.write_all(&words).await?;
        poll_fn(|context| Pin::new(&mut socket).poll_shutdown(context)).await?;
        let mut discarded = vec![0; 16 * 1024];
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
    poll_fn(|context: &mut Context<'_>| {
        link.handle.watch(context);
        match link.handle.order() {
            Order::Abort => Poll::Ready(()),
            Order::Serve | Order::Drain => farewell.as_mut().poll(context).map(drop),
        }
    })
    .await;
}
