//! What time, drains and superseded versions do to a connection.

use super::frames::DRAIN_PING;
use super::{Connection, Drain, End, Stage, Turn};
use crate::frame::{self, ErrorCode, kind};
use crate::limits::{Limit, Limits};
use crate::moment::Moment;
use crate::output::Pin;
use crate::service::Service;
use crate::status::{Code, Status};
use crate::streams::{Ending, Phase, Slot, Source, Stream};

/// The highest number of a stream: GOAWAY with it says that none is refused yet.
const STREAM_MAX: u32 = (1 << 31) - 1;

/// Input buffers of a connection that is looked at for its deadlines, and not busy.
const IDLE_PARTIAL_BYTES_MAX: usize = 1024;

impl<P: Pin> Connection<P> {
    /// When `expire` is to be called at the latest. May be too early, never too late.
    #[must_use]
    pub fn deadline(&self, limits: &Limits) -> Moment {
        if self.end.is_some() {
            return Moment::NEVER;
        }
        if self.stage != Stage::Open {
            return self.preface_until(limits);
        }
        let quiet = if self.streams.is_empty() {
            self.active_at.after(limits.idle_time)
        } else {
            self.streams_due
        };
        let due = match self.drain {
            None => quiet.min(self.expires_at),
            Some(Drain::Announced { until }) => self.streams_due.min(until),
            Some(Drain::Final) => self.streams_due,
        };
        due.min(self.unfinished_until(limits))
    }

    fn unfinished_until(&self, limits: &Limits) -> Moment {
        self.unfinished_since.after(limits.request_time)
    }

    /// Does what is due by now.
    pub fn expire<S: Service<Pin = P>>(&mut self, turn: &mut Turn<'_, S>) {
        if self.end.is_some() {
            return;
        }
        if self.stage != Stage::Open {
            if turn.now >= self.preface_until(turn.limits) {
                self.preface_missed(turn);
            }
            return;
        }
        if self.partial.is_empty() && self.partial.capacity() > IDLE_PARTIAL_BYTES_MAX {
            self.partial = Vec::new();
        }
        if turn.now >= self.unfinished_until(turn.limits) {
            return self.fail(ErrorCode::EnhanceYourCalm, Some(Limit::Request), turn);
        }
        if turn.now >= self.streams_due {
            self.expire_streams(turn);
        }
        match self.drain {
            Some(Drain::Announced { until }) if turn.now >= until => self.end_drain(turn),
            None if turn.now >= self.expires_at => {
                turn.service.limit_reached(Limit::Age);
                self.begin_drain(turn);
            }
            None if self.streams.is_empty()
                && turn.now >= self.active_at.after(turn.limits.idle_time) =>
            {
                turn.service.limit_reached(Limit::Idle);
                self.begin_drain(turn);
            }
            None | Some(_) => {}
        }
        self.send_bodies(turn);
        self.settle();
    }

    fn preface_until(&self, limits: &Limits) -> Moment {
        let until = self.opened_at.after(limits.preface_time);
        match self.drain {
            Some(Drain::Announced { until: drained }) => until.min(drained),
            _ => until,
        }
    }

    fn preface_missed<S: Service<Pin = P>>(&mut self, turn: &mut Turn<'_, S>) {
        if self.stage == Stage::Preface {
            turn.service.limit_reached(Limit::Preface);
            self.end = Some(End::Silent);
        } else {
            self.fail(ErrorCode::EnhanceYourCalm, Some(Limit::Preface), turn);
        }
    }

    /// Tells the peer to go away; everything is still answered, and `end` comes when it was.
    pub fn begin_drain<S: Service<Pin = P>>(&mut self, turn: &mut Turn<'_, S>) {
        if self.end.is_some() || self.drain.is_some() {
            return;
        }
        let until = turn.now.after(turn.limits.goaway_time);
        self.drain = Some(Drain::Announced { until });
        if self.stage == Stage::Preface {
            // Our SETTINGS come first: said when the peer has begun.
            return;
        }
        Self::put_goaway(STREAM_MAX, ErrorCode::NoError, "", turn);
        turn.out
            .put(&frame::head(DRAIN_PING.len(), kind::PING, 0, 0));
        turn.out.put(&DRAIN_PING);
        self.end_watches(turn);
        self.settle();
    }

    /// The peer has seen the first GOAWAY, or had time to.
    pub(super) fn end_drain<S: Service<Pin = P>>(&mut self, turn: &mut Turn<'_, S>) {
        let last = self.last_stream;
        self.drain = Some(Drain::Final);
        Self::put_goaway(last, ErrorCode::NoError, "", turn);
        self.end_watches(turn);
    }

    /// Whether everything that was to be answered is.
    pub(super) fn settle(&mut self) {
        let going = self.peer_is_going || matches!(self.drain, Some(Drain::Final));
        if going && self.streams.is_empty() && self.end.is_none() {
            self.end = Some(End::Complete);
        }
    }

    fn expire_streams<S: Service<Pin = P>>(&mut self, turn: &mut Turn<'_, S>) {
        let mut due = std::mem::take(&mut turn.scratch.slots);
        for (slot, stream) in self.streams.iter() {
            if stream_due(stream, turn.limits) <= turn.now {
                due.push(slot);
            }
        }
        for slot in due.drain(..) {
            if self.end.is_none() {
                self.expire_stream(slot, turn);
            }
        }
        turn.scratch.slots = due;
        let next = self
            .streams
            .iter()
            .map(|(_, stream)| stream_due(stream, turn.limits))
            .min();
        self.streams_due = next.unwrap_or(Moment::NEVER);
    }

    fn expire_stream<S: Service<Pin = P>>(&mut self, slot: Slot, turn: &mut Turn<'_, S>) {
        let Some(stream) = self.streams.get(slot) else {
            return;
        };
        let id = stream.id;
        match stream.phase {
            Phase::Receiving => {
                turn.service.limit_reached(Limit::Request);
                let method = stream.call.map(|call| call.method);
                let status = if turn.now >= call_due(stream) {
                    Status::new(Code::DeadlineExceeded, "grpc-timeout passed")
                } else {
                    let text = "the request message did not arrive in time";
                    Status::new(Code::InvalidArgument, text)
                };
                self.refuse(slot, method, &status, turn);
                self.stop_request(slot, turn);
            }
            Phase::Discarding => {
                turn.service.limit_reached(Limit::Request);
                self.stop_request(slot, turn);
            }
            Phase::Replying if turn.now >= call_due(stream) => self.end_late(slot, turn),
            Phase::Replying => {
                if self.send_window <= 0 {
                    return self.fail(ErrorCode::EnhanceYourCalm, Some(Limit::ZeroWindow), turn);
                }
                turn.service.limit_reached(Limit::ZeroWindow);
                turn.service.stream_reset();
                self.put_reset(id, ErrorCode::EnhanceYourCalm, turn);
                self.close(slot, turn);
            }
        }
    }

    /// The rest of an answered request is not wanted (section 8.1).
    fn stop_request<S: Service<Pin = P>>(&mut self, slot: Slot, turn: &mut Turn<'_, S>) {
        if let Some(stream) = self.streams.get(slot) {
            let id = stream.id;
            self.put_reset(id, ErrorCode::NoError, turn);
            self.close(slot, turn);
        }
    }

    /// Resets streams whose reply holds such a pin: clients show `REFUSED_STREAM` as UNAVAILABLE.
    /// Gives their number. What is queued of them already stays (`Output::holds`).
    pub fn release<S: Service<Pin = P>>(
        &mut self,
        of: impl Fn(&P) -> bool,
        turn: &mut Turn<'_, S>,
    ) -> usize {
        let mut held = std::mem::take(&mut turn.scratch.slots);
        for (slot, stream) in self.streams.iter() {
            if let Some(body) = &stream.body
                && let Source::Slice { pin, .. } = &body.source
                && of(pin)
            {
                held.push(slot);
            }
        }
        let count = held.len();
        for slot in held.drain(..) {
            self.ended(slot, Code::Unavailable, turn);
            turn.service.stream_reset();
            if let Some(stream) = self.streams.get(slot) {
                let id = stream.id;
                self.put_reset(id, ErrorCode::RefusedStream, turn);
            }
            self.close(slot, turn);
        }
        turn.scratch.slots = held;
        self.settle();
        count
    }

    /// The connection is gone: reports the streams that did not get to their end.
    pub fn abandon<S: Service<Pin = P>>(&mut self, service: &S) {
        for (_, stream) in self.streams.iter() {
            if stream.phase != Phase::Discarding {
                service.stream_reset();
            }
        }
        self.streams = crate::streams::Streams::default();
        self.queue.clear();
        self.partial = Vec::new();
        self.held_back = false;
    }
}

fn call_due<P>(stream: &Stream<P>) -> Moment {
    match stream.call.and_then(|call| call.timeout) {
        Some(timeout) => stream.started.after(timeout),
        None => Moment::NEVER,
    }
}

fn stream_due<P>(stream: &Stream<P>, limits: &Limits) -> Moment {
    let request_due = stream.started.after(limits.request_time);
    match stream.phase {
        Phase::Receiving => request_due.min(call_due(stream)),
        Phase::Discarding => request_due,
        Phase::Replying => match (&stream.body, stream.ending) {
            (None, Ending::Watch { .. }) => call_due(stream),
            _ => call_due(stream).min(stream.progressed.after(limits.zero_window_time)),
        },
    }
}
