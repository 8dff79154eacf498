//! How answers leave: whole when there is room for them, else piece by piece as room comes.

use super::{Connection, Turn};
use crate::blocks::{HttpRefusal, put_error_trailers};
use crate::frame::{self, ErrorCode, HEAD_BYTES, flag, kind};
use crate::hpack::TABLE_SIZE_ZERO;
use crate::limits::{COPY_BYTES_MAX, Limit};
use crate::message::{self, PREFIX_BYTES};
use crate::moment::Moment;
use crate::output::{Output, Pin};
use crate::request::Call;
use crate::service::{Answer, Method, Service};
use crate::status::{Code, Status};
use crate::streams::{Body, Ending, Phase, Slot, Source};

const OWN_FAULT: Status<'static> = Status::new(Code::Internal, "the reply cannot be framed");
const GOING_AWAY: Status<'static> = Status::new(Code::Unavailable, "the server is going away");
const TOO_LATE: Status<'static> = Status::new(Code::DeadlineExceeded, "grpc-timeout passed");

impl<P: Pin> Connection<P> {
    /// Answers a call whose request has ended with this body.
    pub(super) fn answer<S: Service<Pin = P>>(
        &mut self,
        slot: Slot,
        call: Call,
        body: &[u8],
        turn: &mut Turn<'_, S>,
    ) {
        let Some(stream) = self.streams.get(slot) else {
            return;
        };
        let method = call.method;
        let late = call
            .timeout
            .is_some_and(|timeout| turn.now >= stream.started.after(timeout));
        if late {
            return self.refuse(slot, Some(method), &TOO_LATE, turn);
        }
        let mut room = std::mem::take(&mut turn.scratch.unpacked);
        match message::read(body, call.compression, turn.limits.message_bytes, &mut room) {
            Ok(message) => match turn.service.answer(method, message) {
                Answer::Slice { pin, from, to } => {
                    let source = Source::Slice { pin, from };
                    self.reply(slot, source, to.wrapping_sub(from), turn);
                }
                Answer::Constant(text) => {
                    self.reply(slot, Source::Constant(text), text.len(), turn);
                }
                Answer::Watch(topic) => self.begin_watch(slot, topic, turn),
                Answer::Refused(status) => self.refuse(slot, Some(method), &status, turn),
            },
            Err(status) => {
                if status.code == Code::ResourceExhausted {
                    turn.service.limit_reached(Limit::Message);
                }
                self.refuse(slot, Some(method), &status, turn);
            }
        }
        turn.scratch.unpacked = room;
    }

    fn reply<S: Service<Pin = P>>(
        &mut self,
        slot: Slot,
        source: Source<P>,
        source_bytes: usize,
        turn: &mut Turn<'_, S>,
    ) {
        let Some(stream) = self.streams.get(slot) else {
            return;
        };
        let (id, method) = (stream.id, stream.call.map(|call| call.method));
        let Some(text) = text_of(&source, source_bytes) else {
            return self.refuse(slot, method, &OWN_FAULT, turn);
        };
        let total = PREFIX_BYTES + source_bytes;
        let blocks = turn.service.blocks();
        let window = self.send_window.min(stream.send_window);
        let fits = source_bytes <= COPY_BYTES_MAX
            && total <= self.send_frame_bytes
            && frame::window_bytes(total) <= window
            && turn.out.len() + total + blocks.around_bytes() <= turn.limits.queued_bytes;
        if !fits {
            self.put_block(turn, |out| blocks.put_headers(out, id));
            let body = Body {
                is_message: true,
                source,
                source_bytes,
                at: 0,
            };
            return self.send_body(slot, body, Ending::Trailers, turn);
        }
        turn.out.own().reserve(total + blocks.around_bytes() + 1);
        self.put_block(turn, |out| blocks.put_headers(out, id));
        let out = turn.out.own();
        out.extend_from_slice(&frame::head(total, kind::DATA, 0, id));
        out.extend_from_slice(&message::prefix(source_bytes));
        out.extend_from_slice(text);
        blocks.put_ok_trailers(out, id);
        self.send_window -= frame::window_bytes(total);
        self.budgets.replied();
        self.ended(slot, Code::Ok, turn);
        self.close_ours(slot, turn);
    }

    fn begin_watch<S: Service<Pin = P>>(&mut self, slot: Slot, topic: u8, turn: &mut Turn<'_, S>) {
        let Some(stream) = self.streams.get(slot) else {
            return;
        };
        let id = stream.id;
        let blocks = turn.service.blocks();
        self.put_block(turn, |out| blocks.put_headers(out, id));
        // Counted here: how long it is watched is the client's affair.
        self.ended(slot, Code::Ok, turn);
        let told = turn.service.watched(topic);
        self.send_body(slot, constant(told), Ending::Watch { topic, told }, turn);
    }

    /// Tells watchers what has changed.
    pub fn tell_watchers<S: Service<Pin = P>>(&mut self, turn: &mut Turn<'_, S>) {
        for (_, stream) in self.streams.iter() {
            if let Ending::Watch { topic, told } = &mut stream.ending
                && stream.body.is_none()
            {
                let news = turn.service.watched(*topic);
                if *told != news {
                    *told = news;
                    stream.body = Some(constant(news));
                    stream.progressed = turn.now;
                    let stall = turn.now.after(turn.limits.zero_window_time);
                    self.streams_due = self.streams_due.min(stall);
                    if stream.send_window > 0 && !stream.queued {
                        stream.queued = true;
                        self.queue.push_back(stream.id);
                    }
                }
            }
        }
        self.send_bodies(turn);
    }

    /// Watches would hold a draining connection open.
    pub(super) fn end_watches<S: Service<Pin = P>>(&mut self, turn: &mut Turn<'_, S>) {
        let mut done = std::mem::take(&mut turn.scratch.slots);
        for (slot, stream) in self.streams.iter() {
            if matches!(stream.ending, Ending::Watch { .. }) {
                stream.ending = Ending::GoingAway;
                if stream.body.is_none() {
                    done.push(slot);
                }
            }
        }
        for slot in done.drain(..) {
            self.end_body(slot, turn);
        }
        turn.scratch.slots = done;
    }

    /// The only HEADERS of a call without a message.
    pub(super) fn refuse<S: Service<Pin = P>>(
        &mut self,
        slot: Slot,
        method: Option<Method>,
        status: &Status<'_>,
        turn: &mut Turn<'_, S>,
    ) {
        let Some(stream) = self.streams.get(slot) else {
            return;
        };
        let (id, started) = (stream.id, stream.started);
        let blocks = turn.service.blocks();
        self.put_block(turn, |out| blocks.put_refusal(out, id, status));
        turn.service.call_ended(method, status.code, started);
        self.close_ours(slot, turn);
    }

    pub(super) fn send_text<S: Service<Pin = P>>(
        &mut self,
        slot: Slot,
        refusal: HttpRefusal,
        turn: &mut Turn<'_, S>,
    ) {
        let Some(stream) = self.streams.get(slot) else {
            return;
        };
        let id = stream.id;
        let blocks = turn.service.blocks();
        self.put_block(turn, |out| blocks.put_http_refusal(out, id, refusal));
        let text = refusal.text();
        let mut body = constant(text);
        body.is_message = false;
        self.send_body(slot, body, Ending::EndStream, turn);
    }

    fn send_body<S: Service<Pin = P>>(
        &mut self,
        slot: Slot,
        body: Body<P>,
        ending: Ending,
        turn: &Turn<'_, S>,
    ) {
        let Some(stream) = self.streams.get(slot) else {
            return;
        };
        stream.phase = Phase::Replying;
        stream.body = Some(body);
        stream.ending = ending;
        stream.progressed = turn.now;
        if stream.send_window > 0 {
            stream.queued = true;
            self.queue.push_back(stream.id);
        }
        let timeout = stream.call.and_then(|call| call.timeout);
        let wait = timeout.map_or(Moment::NEVER, |timeout| stream.started.after(timeout));
        let stall = turn.now.after(turn.limits.zero_window_time);
        self.streams_due = self.streams_due.min(wait).min(stall);
    }

    /// Sends of each stream in turn what windows, the peer's frame size and the queue have room for.
    pub(super) fn send_bodies<S: Service<Pin = P>>(&mut self, turn: &mut Turn<'_, S>) {
        while self.send_window > 0
            && self.end.is_none()
            && turn.out.len() < turn.limits.queued_bytes
            && let Some(id) = self.queue.pop_front()
        {
            let slot = self.streams.find(id);
            let Some((slot, stream)) = slot.and_then(|slot| Some((slot, self.streams.get(slot)?)))
            else {
                continue;
            };
            stream.queued = false;
            let Some(body) = &mut stream.body else {
                continue;
            };
            let window = self.send_window.min(stream.send_window);
            let Ok(window) = usize::try_from(window) else {
                continue;
            };
            let bytes = body.left().min(self.send_frame_bytes).min(window);
            if bytes == 0 {
                continue;
            }
            let last = bytes == body.left();
            let flags = match stream.ending {
                Ending::EndStream if last => flag::END_STREAM,
                _ => 0,
            };
            turn.out.put(&frame::head(bytes, kind::DATA, flags, id));
            put_part(turn.out, body, bytes);
            body.at += bytes;
            stream.send_window -= frame::window_bytes(bytes);
            stream.progressed = turn.now;
            self.send_window -= frame::window_bytes(bytes);
            self.budgets.replied();
            if last {
                self.end_body(slot, turn);
            } else if stream.send_window > 0 {
                stream.queued = true;
                self.queue.push_back(id);
            }
        }
    }

    /// What follows the last byte of a body.
    fn end_body<S: Service<Pin = P>>(&mut self, slot: Slot, turn: &mut Turn<'_, S>) {
        let Some(stream) = self.streams.get(slot) else {
            return;
        };
        let id = stream.id;
        stream.body = None;
        match stream.ending {
            Ending::Trailers => {
                let blocks = turn.service.blocks();
                self.put_block(turn, |out| blocks.put_ok_trailers(out, id));
                self.ended(slot, Code::Ok, turn);
            }
            Ending::EndStream => {}
            Ending::Watch { topic, told } => {
                let news = turn.service.watched(topic);
                if news != told {
                    let ending = Ending::Watch { topic, told: news };
                    self.send_body(slot, constant(news), ending, turn);
                }
                return;
            }
            Ending::GoingAway => {
                self.put_block(turn, |out| put_error_trailers(out, id, &GOING_AWAY));
            }
        }
        self.close_ours(slot, turn);
    }

    /// Ends a watch or a body whose time has come; what is queued of it stays.
    pub(super) fn end_late<S: Service<Pin = P>>(&mut self, slot: Slot, turn: &mut Turn<'_, S>) {
        let Some(stream) = self.streams.get(slot) else {
            return;
        };
        let id = stream.id;
        if matches!(stream.ending, Ending::Watch { .. }) && stream.body.is_none() {
            self.put_block(turn, |out| put_error_trailers(out, id, &TOO_LATE));
            return self.close_ours(slot, turn);
        }
        // Trailers would queue behind a body that the client no longer waits for.
        self.ended(slot, Code::DeadlineExceeded, turn);
        turn.service.stream_reset();
        self.put_reset(id, ErrorCode::Cancel, turn);
        self.close(slot, turn);
    }

    /// Reports the end of a stream's call, once.
    pub(super) fn ended<S: Service<Pin = P>>(
        &mut self,
        slot: Slot,
        code: Code,
        turn: &Turn<'_, S>,
    ) {
        if let Some(stream) = self.streams.get(slot)
            && !matches!(stream.ending, Ending::Watch { .. })
            && let Some(call) = stream.call
        {
            turn.service
                .call_ended(Some(call.method), code, stream.started);
        }
    }

    /// `END_STREAM` of ours is queued.
    fn close_ours<S: Service<Pin = P>>(&mut self, slot: Slot, turn: &mut Turn<'_, S>) {
        let Some(stream) = self.streams.get(slot) else {
            return;
        };
        if stream.remote_closed {
            return self.close(slot, turn);
        }
        stream.phase = Phase::Discarding;
        let message = std::mem::take(&mut stream.message);
        self.consume(message.len(), turn);
        turn.scratch.keep(message);
    }

    /// Forgets a stream.
    pub(super) fn close<S: Service<Pin = P>>(&mut self, slot: Slot, turn: &mut Turn<'_, S>) {
        let Some(stream) = self.streams.remove(slot) else {
            return;
        };
        if stream.queued {
            self.queue.retain(|id| *id != stream.id);
        }
        if stream.message.capacity() > 0 {
            self.consume(stream.message.len(), turn);
            turn.scratch.keep(stream.message);
        }
        if self.streams.is_empty() {
            self.streams_due = Moment::NEVER;
        }
    }

    /// A stream error (section 5.4.2): ours is the reset, the peer's the breach.
    pub(super) fn breach<S: Service<Pin = P>>(
        &mut self,
        id: u32,
        code: ErrorCode,
        turn: &mut Turn<'_, S>,
    ) {
        if !self.budgets.own_resets.take(turn.now) {
            return self.fail(ErrorCode::EnhanceYourCalm, Some(Limit::OwnResets), turn);
        }
        turn.service.stream_reset();
        self.put_reset(id, code, turn);
        if let Some(slot) = self.streams.find(id) {
            self.close(slot, turn);
        }
    }

    pub(super) fn put_reset<S: Service<Pin = P>>(
        &mut self,
        id: u32,
        code: ErrorCode,
        turn: &mut Turn<'_, S>,
    ) {
        turn.out.put(&frame::head(4, kind::RST_STREAM, 0, id));
        turn.out.put(&(code as u32).to_be_bytes());
        self.resets.push(id);
    }

    /// Appends a HEADERS frame. The first one after the peer made its table smaller says that ours
    /// is empty (RFC 7541, section 4.2), which is true of all that follow.
    fn put_block<S: Service<Pin = P>>(
        &mut self,
        turn: &mut Turn<'_, S>,
        put: impl FnOnce(&mut Vec<u8>),
    ) {
        let out = turn.out.own();
        let at = out.len();
        put(out);
        if self.table_zero_due {
            self.table_zero_due = false;
            out.insert(at + HEAD_BYTES, TABLE_SIZE_ZERO);
            let length = (out.len() - at - HEAD_BYTES) as u32;
            out[at..at + 3].copy_from_slice(&length.to_be_bytes()[1..]);
        }
    }
}

fn constant<P>(text: &'static [u8]) -> Body<P> {
    Body {
        is_message: true,
        source: Source::Constant(text),
        source_bytes: text.len(),
        at: 0,
    }
}

/// The whole text; `None`: it does not lie in its pin, or no message can be that long.
fn text_of<P: Pin>(source: &Source<P>, source_bytes: usize) -> Option<&[u8]> {
    u32::try_from(source_bytes).ok()?;
    match source {
        Source::Constant(text) => Some(text),
        Source::Slice { pin, from } => pin.bytes().get(*from..from.checked_add(source_bytes)?),
    }
}

/// Queues the next `bytes` of a body.
fn put_part<P: Pin>(out: &mut Output<P>, body: &Body<P>, bytes: usize) {
    let prefix = message::prefix(body.source_bytes);
    let prefix = &prefix[..body.prefix_bytes()];
    let of_prefix = prefix.get(body.at..).unwrap_or_default();
    let of_prefix = &of_prefix[..bytes.min(of_prefix.len())];
    out.put(of_prefix);
    let length = bytes - of_prefix.len();
    if length == 0 {
        return;
    }
    let at = body.at + of_prefix.len() - body.prefix_bytes();
    match &body.source {
        Source::Constant(text) => out.put(&text[at..at + length]),
        Source::Slice { pin, from } if length <= COPY_BYTES_MAX => {
            out.put(&pin.bytes()[from + at..from + at + length]);
        }
        Source::Slice { pin, from } => out.put_slice(pin.clone(), from + at, from + at + length),
    }
}
