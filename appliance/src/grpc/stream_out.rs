//! A reply that leaves as slices of the segment, as fast as its reader lets it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http::HeaderMap;

use super::exchange::Exchange;
use super::lease::Mark;
use super::limits::{PREFIX_BYTES, SEND_BUFFER_BYTES};
use super::status::Code;

enum End {
    Sent,
    /// The client reset the stream or is gone.
    Abandoned,
    /// The segment was superseded too long ago.
    OverAged,
    DeadlineExceeded,
}

/// Sends prefix, bytes and trailers; at most `SEND_BUFFER_BYTES` of it wait inside h2.
pub(super) async fn send(
    exchange: Exchange,
    mut stream: SendStream<Bytes>,
    prefix: [u8; PREFIX_BYTES],
    bytes: Bytes,
    mark: Arc<Mark>,
    trailers: HeaderMap,
) {
    let body = send_body(&mut stream, prefix, bytes, &mark, trailers);
    let end = match exchange.timeout {
        None => body.await,
        Some(timeout) => {
            let deadline = exchange.started + timeout;
            tokio::time::timeout_at(deadline.into(), body)
                .await
                .unwrap_or(End::DeadlineExceeded)
        }
    };
    match end {
        End::Sent => exchange.ended(Code::Ok),
        End::Abandoned => exchange.was_reset(),
        End::OverAged => {
            // Clients show REFUSED_STREAM as UNAVAILABLE. The reset drops what h2 had queued.
            stream.send_reset(Reason::REFUSED_STREAM);
            exchange.was_reset();
            exchange.ended(Code::Unavailable);
        }
        End::DeadlineExceeded => {
            // Trailers would queue behind a body that the client no longer waits for.
            stream.send_reset(Reason::CANCEL);
            exchange.was_reset();
            exchange.ended(Code::DeadlineExceeded);
        }
    }
}

async fn send_body(
    stream: &mut SendStream<Bytes>,
    prefix: [u8; PREFIX_BYTES],
    mut rest: Bytes,
    mark: &Mark,
    trailers: HeaderMap,
) -> End {
    if stream
        .send_data(Bytes::copy_from_slice(&prefix), false)
        .is_err()
    {
        return End::Abandoned;
    }
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len().min(SEND_BUFFER_BYTES));
        match poll_fn(|context| poll_room(stream, mark, context)).await {
            Ok(room) => {
                let piece = rest.split_to(room.min(rest.len()));
                if !piece.is_empty() && stream.send_data(piece, false).is_err() {
                    return End::Abandoned;
                }
            }
            Err(end) => return end,
        }
    }
    drop(rest);
    match stream.send_trailers(trailers) {
        Ok(()) => End::Sent,
        Err(_) => End::Abandoned,
    }
}

/// Bytes that both windows and h2's buffer have room for.
fn poll_room(
    stream: &mut SendStream<Bytes>,
    mark: &Mark,
    context: &mut Context<'_>,
) -> Poll<Result<usize, End>> {
    if mark.poll_over_aged(context) {
        return Poll::Ready(Err(End::OverAged));
    }
    stream.poll_capacity(context).map(|room| match room {
        Some(Ok(room)) => Ok(room),
        Some(Err(_)) | None => Err(End::Abandoned),
    })
}
