//! `Health/Watch`: the health now, and again whenever it changes.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use h2::SendStream;
use tokio::sync::watch::Receiver;

use super::exchange::Exchange;
use super::reply;
use super::server::Announced;
use super::service::Health;
use super::status::{Code, Status};
use crate::plane::version::Version;

/// Sends the first message and leaves the rest to a task. The call is counted here: how long it is
/// watched is the client's affair.
pub(super) fn begin(mut exchange: Exchange, version: Option<&Version>, known: bool) {
    let headers = exchange.link.server.reply_headers(version);
    match exchange.respond.send_response(headers.ok(), false) {
        Ok(stream) => {
            exchange.ended(Code::Ok);
            let link = Rc::clone(&exchange.link);
            link.spawn(follow(exchange, stream, known));
        }
        Err(_) => exchange.was_reset(),
    }
}

/// Until the client leaves, its deadline passes or the connection ends.
async fn follow(exchange: Exchange, mut stream: SendStream<Bytes>, known: bool) {
    let news = exchange.link.server.health.subscribe();
    let end = tell(&mut stream, news, known);
    let status = match exchange.timeout {
        None => end.await,
        Some(timeout) => {
            let deadline = exchange.started + timeout;
            let passed = Some(Status::new(Code::DeadlineExceeded, "grpc-timeout passed"));
            tokio::time::timeout_at(deadline.into(), end)
                .await
                .unwrap_or(passed)
        }
    };
    if let Some(status) = status {
        // The client may be gone already.
        let _ = stream.send_trailers(reply::error_trailers(&status));
    }
}

/// The status to end with; `None` when the client is gone.
async fn tell(
    stream: &mut SendStream<Bytes>,
    mut news: Receiver<Announced>,
    known: bool,
) -> Option<Status> {
    let mut told = None;
    loop {
        let announced = *news.borrow_and_update();
        let health = match announced {
            Announced::Ending => {
                return Some(Status::new(Code::Unavailable, "the server is going away"));
            }
            Announced::Health(health) if known => health,
            Announced::Health(_) => Health::ServiceUnknown,
        };
        if told != Some(health) {
            stream
                .send_data(reply::framed(health.message())?.into(), false)
                .ok()?;
            told = Some(health);
        }
        let mut changed = pin!(news.changed());
        let alive = poll_fn(|context| match stream.poll_reset(context) {
            Poll::Ready(_) => Poll::Ready(false),
            Poll::Pending => changed.as_mut().poll(context).map(|change| change.is_ok()),
        });
        if !alive.await {
            return None;
        }
    }
}
