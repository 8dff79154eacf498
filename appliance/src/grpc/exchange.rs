//! One request: from its headers to its status.
//!
//! A message that came with its headers is answered at once, in the connection's turn, and most
//! are. Only what has to wait (for the rest of a message, for room in a window, for a change of
//! health) gets a task.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{Request, Response};

use super::connection::Link;
use super::head::{self, Head, Refusal};
use super::limits::BODY_TIMEOUT;
use super::message::{Assembler, Compression};
use super::reply;
use super::service::{Call, Reply};
use super::status::{Code, Status};
use super::stream_out;
use super::watch;
use crate::plane::version::Version;

/// A call that is being answered.
pub(super) struct Exchange {
    pub link: Rc<Link>,
    pub respond: SendResponse<Bytes>,
    pub call: Call,
    pub started: Instant,
    pub timeout: Option<Duration>,
}

/// Takes a request that has just arrived.
pub(super) fn begin(
    link: &Rc<Link>,
    context: &mut Context<'_>,
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
) {
    let started = Instant::now();
    let Head {
        call,
        compression,
        timeout,
    } = match head::read(&request, &link.server.service) {
        Ok(head) => head,
        Err(refusal) => return refuse(link, respond, &refusal, started),
    };
    let exchange = Exchange {
        link: Rc::clone(link),
        respond,
        call,
        started,
        timeout,
    };
    let mut body = request.into_body();
    let mut assembler = Assembler::default();
    match poll_body(&mut body, &mut assembler, context) {
        Poll::Ready(end) => exchange.body_ended(end, assembler, compression),
        Poll::Pending => link.spawn(exchange.await_body(body, assembler, compression)),
    }
}

/// How the body of a request ended.
enum BodyEnd {
    Complete,
    Refused(Status),
    /// The client reset the stream or is gone.
    Abandoned,
}

/// Received bytes are given back to the windows when the stream is done, not before: see
/// `limits::CONNECTION_WINDOW_BYTES`.
fn poll_body(
    body: &mut RecvStream,
    assembler: &mut Assembler,
    context: &mut Context<'_>,
) -> Poll<BodyEnd> {
    loop {
        if body.is_end_stream() {
            return Poll::Ready(BodyEnd::Complete);
        }
        match ready!(body.poll_data(context)) {
            None => return Poll::Ready(BodyEnd::Complete),
            Some(Err(_)) => return Poll::Ready(BodyEnd::Abandoned),
            Some(Ok(piece)) => {
                if let Err(status) = assembler.push(piece) {
                    return Poll::Ready(BodyEnd::Refused(status));
                }
            }
        }
    }
}

fn refuse(link: &Link, mut respond: SendResponse<Bytes>, refusal: &Refusal, started: Instant) {
    let server = &link.server;
    let version = server.service.version();
    let headers = server.reply_headers(version.as_deref());
    // A failure to send means that the client is gone; the request was refused all the same.
    let (call, code) = match refusal {
        Refusal::Http(status, text) => {
            send_text(&mut respond, headers.http_refusal(*status), text);
            (None, Code::Unimplemented)
        }
        Refusal::Call(call, status) => {
            let _ = respond.send_response(headers.refusal(status), true);
            (*call, status.code)
        }
        Refusal::Compression(call, status) => {
            let _ = respond.send_response(headers.compression_refusal(status), true);
            (Some(*call), status.code)
        }
    };
    server.observer.request_ended(call, code, started.elapsed());
}

fn send_text(respond: &mut SendResponse<Bytes>, head: Response<()>, text: &'static str) {
    if let Ok(mut stream) = respond.send_response(head, false) {
        let _ = stream.send_data(Bytes::from_static(text.as_bytes()), true);
    }
}

impl Exchange {
    async fn await_body(
        self,
        mut body: RecvStream,
        mut assembler: Assembler,
        compression: Compression,
    ) {
        let deadline = self.started
            + self
                .timeout
                .map_or(BODY_TIMEOUT, |timeout| timeout.min(BODY_TIMEOUT));
        let collected = poll_fn(|context| poll_body(&mut body, &mut assembler, context));
        let end = tokio::time::timeout_at(deadline.into(), collected)
            .await
            .unwrap_or_else(|_| {
                // `finish` turns it into DEADLINE_EXCEEDED if it was the caller's own limit.
                BodyEnd::Refused(Status::new(
                    Code::InvalidArgument,
                    "the request message did not arrive in time",
                ))
            });
        self.body_ended(end, assembler, compression);
    }

    fn body_ended(self, end: BodyEnd, assembler: Assembler, compression: Compression) {
        match end {
            BodyEnd::Complete => self.finish(assembler.finish(compression)),
            BodyEnd::Refused(status) => self.finish(Err(status)),
            BodyEnd::Abandoned => self.was_reset(),
        }
    }

    fn finish(self, message: Result<Bytes, Status>) {
        let version = self.link.server.service.version();
        let version = version.as_deref();
        let answer = if self
            .timeout
            .is_some_and(|timeout| self.started.elapsed() >= timeout)
        {
            Err(Status::new(Code::DeadlineExceeded, "grpc-timeout passed"))
        } else {
            message.and_then(|message| {
                self.link
                    .server
                    .service
                    .answer(self.call, &message, version)
            })
        };
        match answer {
            Ok(Reply::Record(record)) if self.link.copies.admit(record.len()) => {
                self.send_copy(version, record);
            }
            Ok(Reply::Record(slice) | Reply::Catalog(slice)) => self.send_slice(version, slice),
            Ok(Reply::Health(health)) => self.send_copy(version, health.message()),
            Ok(Reply::Watch { known }) => watch::begin(self, version, known),
            Err(status) => self.refuse(version, &status),
        }
    }

    fn send_copy(mut self, version: Option<&Version>, message: &[u8]) {
        let headers = self.link.server.reply_headers(version);
        let Some(body) = reply::framed(message) else {
            return self.refuse(version, &own_fault());
        };
        let body = self.link.copies.hold(body);
        let sent = self
            .respond
            .send_response(headers.ok(), false)
            .and_then(|mut stream| {
                stream.send_data(body, false)?;
                stream.send_trailers(headers.ok_trailers())
            });
        match sent {
            Ok(()) => self.ended(Code::Ok),
            Err(_) => self.was_reset(),
        }
    }

    fn send_slice(mut self, version: Option<&Version>, slice: &[u8]) {
        let lent = version.and_then(|version| {
            let prefix = reply::prefix(slice.len())?;
            let (bytes, mark) =
                self.link
                    .server
                    .leases
                    .lend(&version.segment, slice, self.link.id)?;
            Some((prefix, bytes, mark))
        });
        let Some((prefix, bytes, mark)) = lent else {
            return self.refuse(version, &own_fault());
        };
        let headers = self.link.server.reply_headers(version);
        match self.respond.send_response(headers.ok(), false) {
            Ok(stream) => {
                let link = Rc::clone(&self.link);
                link.spawn(stream_out::send(
                    self,
                    stream,
                    prefix,
                    bytes,
                    mark,
                    headers.ok_trailers(),
                ));
            }
            Err(_) => self.was_reset(),
        }
    }

    /// Ends the call with a status and no message.
    pub fn refuse(mut self, version: Option<&Version>, status: &Status) {
        let headers = self.link.server.reply_headers(version);
        match self.respond.send_response(headers.refusal(status), true) {
            Ok(_) => self.ended(status.code),
            Err(_) => self.was_reset(),
        }
    }

    /// Counts the call.
    pub fn ended(&self, code: Code) {
        self.link
            .server
            .observer
            .request_ended(Some(self.call), code, self.started.elapsed());
    }

    /// Counts a stream that did not get to its end.
    pub fn was_reset(&self) {
        self.link.server.observer.stream_reset();
    }
}

/// Segments are limited to what a message can be, and records lie inside them: never seen, but
/// said.
fn own_fault() -> Status {
    Status::new(Code::Internal, "the reply cannot be framed")
}
