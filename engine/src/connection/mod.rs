//! One connection: frames in, frames out (RFC 9113, for a server).
//!
//! `frames` holds what each frame does to the connection, `requests` what becomes of HEADERS and
//! DATA, `replies` how answers leave, `life` what time and drains do.

mod frames;
mod life;
mod replies;
mod requests;
mod resets;

use std::collections::VecDeque;
use std::time::Duration;

use crate::budget::Budget;
use crate::frame::{self, ErrorCode, HEAD_BYTES, Head, PREFACE, WINDOW_DEFAULT, kind, setting};
use crate::hpack::{Decoder, Strings};
use crate::limits::{FRAME_BYTES_MAX, Limit, Limits, SPARE_MESSAGE_BYTES_MAX, SPARE_MESSAGES_MAX};
use crate::moment::Moment;
use crate::output::{Output, Pin};
use crate::request::Call;
use crate::service::Service;
use crate::streams::{Slot, Streams};

use resets::Resets;

/// What connections of one thread share between turns.
#[derive(Debug, Default)]
pub struct Scratch {
    strings: Strings,
    unpacked: Vec<u8>,
    messages: Vec<Vec<u8>>,
    slots: Vec<Slot>,
}

impl Budgets {
    /// A DATA frame of a reply went out.
    fn replied(&mut self) {
        self.peer_resets.replied();
        self.pings.replied();
        self.empty_frames.replied();
    }
}

impl Scratch {
    fn keep(&mut self, mut message: Vec<u8>) {
        let fits = (1..=SPARE_MESSAGE_BYTES_MAX).contains(&message.capacity());
        if fits && self.messages.len() < SPARE_MESSAGES_MAX {
            message.clear();
            self.messages.push(message);
        }
    }
}

/// What a connection works with for one turn.
pub struct Turn<'a, S: Service> {
    /// Answers.
    pub service: &'a S,
    /// Where output goes: the connection's own until it is empty.
    pub out: &'a mut Output<S::Pin>,
    /// The thread's.
    pub scratch: &'a mut Scratch,
    /// In force for all turns of a connection.
    pub limits: &'a Limits,
    /// The time.
    pub now: Moment,
}

/// How a connection ended. What is queued may be sent; then it is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In good order: everything was answered.
    Complete,
    /// By a breach or a limit; a GOAWAY with this code is queued.
    Failed(ErrorCode),
    /// The peer never said anything: nothing is queued.
    Silent,
}

/// How far the beginning has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Preface,
    FirstSettings,
    Open,
}

/// Going away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drain {
    /// GOAWAY(2^31-1) is out, and the PING that tells that it has arrived.
    Announced { until: Moment },
    /// GOAWAY(last) is out: later streams are ignored.
    Final,
}

/// What goes wrong inside a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Stream(u32, ErrorCode),
    Connection(ErrorCode),
    Limit(Limit),
}

/// A header block whose `END_HEADERS` has not come.
#[derive(Clone, Copy, Debug)]
struct OpenBlock {
    stream: u32,
    end_stream: bool,
    depends_on_itself: bool,
    continuations: u32,
}

/// The last block of headers that made a call, and what it means as long as neither the dynamic
/// table nor the keys change.
#[derive(Debug)]
struct Known {
    block: Vec<u8>,
    table_changes: u64,
    key_epoch: u64,
    call: Option<Call>,
    content_length: Option<u64>,
}

#[derive(Debug)]
struct Budgets {
    peer_resets: Budget,
    own_resets: Budget,
    pings: Budget,
    settings: Budget,
    empty_frames: Budget,
}

/// The state of one connection.
#[derive(Debug)]
pub struct Connection<P> {
    stage: Stage,
    end: Option<End>,
    /// Input that could not be used yet: part of a frame, or everything while output waits.
    partial: Vec<u8>,
    /// Whole frames may be in `partial`: they wait for output to leave.
    held_back: bool,
    decoder: Decoder,
    known: Known,
    open_block: Option<OpenBlock>,
    block: Vec<u8>,
    /// Since when the frame in `partial`, or the block in `block`, has not been finished.
    unfinished_since: Moment,
    streams: Streams<P>,
    /// Streams with something to send and window for it, in turn.
    queue: VecDeque<u32>,
    /// The highest number that the peer has used.
    last_stream: u32,
    /// Which of the last 64 numbers were used; bit 0 is `last_stream`.
    opened: u64,
    resets: Resets,
    /// What the peer takes on the connection, and on a new stream.
    send_window: i64,
    initial_send_window: i64,
    send_frame_bytes: usize,
    /// The peer's table became smaller than the default: our next block says that ours is empty.
    table_zero_due: bool,
    /// What the peer may still send, and what of it we have done with and not given back.
    receive_window: i64,
    consumed: u32,
    budgets: Budgets,
    drain: Option<Drain>,
    peer_is_going: bool,
    opened_at: Moment,
    active_at: Moment,
    expires_at: Moment,
    /// No stream has a deadline before this.
    streams_due: Moment,
}

impl<P: Pin> Connection<P> {
    /// A connection that was accepted now, and that is told to go after `age`.
    #[must_use]
    pub fn new(limits: &Limits, age: Duration, now: Moment) -> Self {
        let budget = |rate| Budget::new(rate, now);
        Self {
            stage: Stage::Preface,
            end: None,
            partial: Vec::new(),
            held_back: false,
            decoder: Decoder::default(),
            known: Known {
                block: Vec::new(),
                table_changes: 0,
                key_epoch: 0,
                call: None,
                content_length: None,
            },
            open_block: None,
            block: Vec::new(),
            unfinished_since: Moment::NEVER,
            streams: Streams::default(),
            queue: VecDeque::new(),
            last_stream: 0,
            opened: 0,
            resets: Resets::default(),
            send_window: i64::from(WINDOW_DEFAULT),
            initial_send_window: i64::from(WINDOW_DEFAULT),
            send_frame_bytes: FRAME_BYTES_MAX,
            table_zero_due: false,
            receive_window: i64::from(limits.connection_window_bytes),
            consumed: 0,
            budgets: Budgets {
                peer_resets: budget(limits.peer_resets),
                own_resets: budget(limits.own_resets),
                pings: budget(limits.pings),
                settings: budget(limits.settings),
                empty_frames: budget(limits.empty_frames),
            },
            drain: None,
            peer_is_going: false,
            opened_at: now,
            active_at: now,
            expires_at: now.after(age),
            streams_due: Moment::NEVER,
        }
    }

    /// Takes what was read. Answers to all of it are queued when this returns, as far as windows and
    /// `Limits::queued_bytes` allow.
    pub fn receive<S: Service<Pin = P>>(&mut self, input: &[u8], turn: &mut Turn<'_, S>) {
        self.active_at = turn.now;
        let mut finished = false;
        let mut input = input;
        while !self.partial.is_empty() && self.end.is_none() {
            let mut partial = std::mem::take(&mut self.partial);
            let used = self.frames(&partial, turn);
            finished |= used > 0;
            partial.drain(..used);
            let wanted = if partial.is_empty() {
                0
            } else if self.held_back {
                input.len()
            } else {
                self.wanted(&partial).min(input.len())
            };
            let (taken, rest) = input.split_at(wanted);
            partial.extend_from_slice(taken);
            self.partial = partial;
            input = rest;
            if taken.is_empty() || self.held_back {
                break;
            }
        }
        if self.end.is_none() && self.partial.is_empty() {
            let used = self.frames(input, turn);
            finished |= used > 0;
            if self.end.is_none() {
                self.partial.extend_from_slice(&input[used..]);
            }
        }
        self.mind_unfinished(finished, turn.now);
        self.send_bodies(turn);
        self.settle();
    }

    /// A peer must finish what it began, however slowly it does (section 10.5).
    fn mind_unfinished(&mut self, finished: bool, now: Moment) {
        let block = self.open_block.is_some();
        if !block && (self.partial.is_empty() || self.held_back) {
            self.unfinished_since = Moment::NEVER;
        } else if self.unfinished_since == Moment::NEVER || (finished && !block) {
            self.unfinished_since = now;
        }
    }

    /// Output has left: goes on with what waited for that.
    pub fn resume<S: Service<Pin = P>>(&mut self, turn: &mut Turn<'_, S>) {
        if self.held_back {
            self.receive(&[], turn);
        } else {
            self.send_bodies(turn);
            self.settle();
        }
    }

    /// Whether there is something to go on with when output has left.
    #[must_use]
    pub fn waits_for_output(&self) -> bool {
        self.end.is_none() && (self.held_back || (!self.queue.is_empty() && self.send_window > 0))
    }

    /// Whether more input may be given: not while earlier input waits for output to leave.
    #[must_use]
    pub const fn takes_input(&self) -> bool {
        !self.held_back
    }

    /// How it ended, if it has. Input is ignored from then on.
    #[must_use]
    pub const fn end(&self) -> Option<End> {
        self.end
    }

    /// Streams that are not closed.
    #[must_use]
    pub const fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// Bytes that are missing before `frames` can go on with `partial`.
    fn wanted(&self, partial: &[u8]) -> usize {
        let whole = match (self.stage, Head::parse(partial)) {
            (Stage::Preface, _) => PREFACE.len(),
            (_, Some(head)) => HEAD_BYTES + head.length,
            (_, None) => HEAD_BYTES,
        };
        whole.saturating_sub(partial.len())
    }

    /// Handles the whole frames; gives how many bytes those are.
    fn frames<S: Service<Pin = P>>(&mut self, bytes: &[u8], turn: &mut Turn<'_, S>) -> usize {
        self.held_back = false;
        let mut used = 0;
        if self.stage == Stage::Preface {
            used = self.preface(bytes, turn);
            if self.stage == Stage::Preface {
                return 0;
            }
        }
        while self.end.is_none() {
            let rest = &bytes[used..];
            let Some(head) = Head::parse(rest) else { break };
            if turn.out.len() >= turn.limits.queued_bytes {
                self.held_back = true;
                turn.service.limit_reached(Limit::QueuedBytes);
                break;
            }
            if head.length > FRAME_BYTES_MAX {
                self.fail(ErrorCode::FrameSize, None, turn);
                break;
            }
            let Some(payload) = rest.get(HEAD_BYTES..HEAD_BYTES + head.length) else {
                break;
            };
            used += HEAD_BYTES + head.length;
            match self.frame(head, payload, turn) {
                Ok(()) => {}
                Err(Fault::Stream(stream, code)) => self.breach(stream, code, turn),
                Err(Fault::Connection(code)) => self.fail(code, None, turn),
                Err(Fault::Limit(limit)) => {
                    self.fail(ErrorCode::EnhanceYourCalm, Some(limit), turn);
                }
            }
        }
        used
    }

    /// The client's first bytes (section 3.4), answered by our SETTINGS.
    fn preface<S: Service<Pin = P>>(&mut self, bytes: &[u8], turn: &mut Turn<'_, S>) -> usize {
        let come = bytes.len().min(PREFACE.len());
        if bytes[..come] != PREFACE[..come] {
            // Whoever speaks another protocol would not understand a GOAWAY.
            self.end = Some(End::Silent);
            return 0;
        }
        if come < PREFACE.len() {
            return 0;
        }
        self.stage = Stage::FirstSettings;
        let limits = turn.limits;
        let settings = [
            (setting::MAX_CONCURRENT_STREAMS, limits.streams),
            (setting::INITIAL_WINDOW_SIZE, limits.stream_window_bytes),
            (
                setting::MAX_HEADER_LIST_SIZE,
                limits.header_list_bytes as u32,
            ),
        ];
        turn.out
            .put(&frame::head(6 * settings.len(), kind::SETTINGS, 0, 0));
        for (parameter, value) in settings {
            turn.out.put(&parameter.to_be_bytes());
            turn.out.put(&value.to_be_bytes());
        }
        if let Some(increment) = limits.connection_window_bytes.checked_sub(WINDOW_DEFAULT)
            && increment > 0
        {
            turn.out.put(&frame::head(4, kind::WINDOW_UPDATE, 0, 0));
            turn.out.put(&increment.to_be_bytes());
        }
        if self.drain.is_some() {
            self.drain = None;
            self.begin_drain(turn);
        }
        PREFACE.len()
    }

    /// Ends the connection with a GOAWAY (section 5.4.1).
    fn fail<S: Service<Pin = P>>(
        &mut self,
        code: ErrorCode,
        limit: Option<Limit>,
        turn: &mut Turn<'_, S>,
    ) {
        if let Some(limit) = limit {
            turn.service.limit_reached(limit);
        }
        let text = limit.map_or("", Limit::label);
        Self::put_goaway(self.last_stream, code, text, turn);
        self.end = Some(End::Failed(code));
        self.abandon(turn.service);
    }

    fn put_goaway<S: Service<Pin = P>>(
        last: u32,
        code: ErrorCode,
        text: &str,
        turn: &mut Turn<'_, S>,
    ) {
        turn.out
            .put(&frame::head(8 + text.len(), kind::GOAWAY, 0, 0));
        turn.out.put(&last.to_be_bytes());
        turn.out.put(&(code as u32).to_be_bytes());
        turn.out.put(text.as_bytes());
    }
}
