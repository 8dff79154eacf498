//! What each frame does (RFC 9113, section 6).

use super::{Connection, Drain, Fault, Stage};
use crate::frame::{self, ErrorCode, Head, WINDOW_MAX, flag, kind, setting};
use crate::hpack::TABLE_BYTES_MAX;
use crate::limits::{FRAME_BYTES_MAX, Limit, SENT_FRAME_BYTES_MAX};
use crate::output::Pin;
use crate::service::Service;

use super::Turn;

/// The opaque data of the PING between two GOAWAYs.
pub const DRAIN_PING: [u8; 8] = *b"avap-end";

const PROTOCOL: Fault = Fault::Connection(ErrorCode::Protocol);
const FRAME_SIZE: Fault = Fault::Connection(ErrorCode::FrameSize);
const FLOW_CONTROL: Fault = Fault::Connection(ErrorCode::FlowControl);

impl<P: Pin> Connection<P> {
    pub(super) fn frame<S: Service<Pin = P>>(
        &mut self,
        head: Head,
        payload: &[u8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Fault> {
        if self.stage == Stage::FirstSettings {
            if head.kind != kind::SETTINGS || head.has(flag::ACK) {
                return Err(PROTOCOL);
            }
            self.stage = Stage::Open;
        }
        if self.open_block.is_some() && head.kind != kind::CONTINUATION {
            return Err(PROTOCOL);
        }
        match head.kind {
            kind::DATA => self.data(head, payload, turn),
            kind::HEADERS => self.headers(head, payload, turn),
            kind::CONTINUATION => self.continuation(head, payload, turn),
            kind::PRIORITY => self.priority(head, payload, turn),
            kind::RST_STREAM => self.reset(head, payload, turn),
            kind::SETTINGS => self.settings(head, payload, turn),
            kind::PUSH_PROMISE => Err(PROTOCOL),
            kind::PING => self.ping(head, payload, turn),
            kind::GOAWAY => self.goaway(head, payload),
            kind::WINDOW_UPDATE => self.window_update(head, payload),
            _ => self.carries_nothing(turn),
        }
    }

    /// A frame that does nothing for anybody.
    pub(super) fn carries_nothing<S: Service<Pin = P>>(
        &mut self,
        turn: &Turn<'_, S>,
    ) -> Result<(), Fault> {
        if self.budgets.empty_frames.take(turn.now) {
            return Ok(());
        }
        Err(Fault::Limit(Limit::EmptyFrames))
    }

    /// Priorities are ignored (section 5.3.2), their form is not.
    fn priority<S: Service<Pin = P>>(
        &mut self,
        head: Head,
        payload: &[u8],
        turn: &Turn<'_, S>,
    ) -> Result<(), Fault> {
        if head.stream == 0 {
            return Err(PROTOCOL);
        }
        // A stream that was never opened cannot be reset.
        let is_idle = self.is_idle(head.stream);
        let fault = |code| {
            if is_idle {
                Fault::Connection(code)
            } else {
                Fault::Stream(head.stream, code)
            }
        };
        if payload.len() != 5 {
            return Err(fault(ErrorCode::FrameSize));
        }
        if frame::number_31(payload) == Some(head.stream) {
            return Err(fault(ErrorCode::Protocol));
        }
        self.carries_nothing(turn)
    }

    fn reset<S: Service<Pin = P>>(
        &mut self,
        head: Head,
        payload: &[u8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Fault> {
        if payload.len() != 4 {
            return Err(FRAME_SIZE);
        }
        if self.is_idle(head.stream) {
            return Err(PROTOCOL);
        }
        if !self.budgets.peer_resets.take(turn.now) {
            return Err(Fault::Limit(Limit::PeerResets));
        }
        if let Some(slot) = self.streams.find(head.stream) {
            turn.service.stream_reset();
            self.close(slot, turn);
        }
        Ok(())
    }

    fn settings<S: Service<Pin = P>>(
        &mut self,
        head: Head,
        payload: &[u8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Fault> {
        if head.stream != 0 {
            return Err(PROTOCOL);
        }
        let (settings, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() || (head.has(flag::ACK) && !payload.is_empty()) {
            return Err(FRAME_SIZE);
        }
        if !self.budgets.settings.take(turn.now) {
            return Err(Fault::Limit(Limit::Settings));
        }
        if head.has(flag::ACK) {
            return Ok(());
        }
        let mut window = self.initial_send_window;
        for [i1, i2, value @ ..] in settings {
            let value = u32::from_be_bytes(*value);
            match u16::from_be_bytes([*i1, *i2]) {
                setting::HEADER_TABLE_SIZE => {
                    self.table_zero_due |= (value as usize) < TABLE_BYTES_MAX;
                }
                setting::ENABLE_PUSH if value > 1 => return Err(PROTOCOL),
                setting::INITIAL_WINDOW_SIZE => {
                    window = i64::from(value);
                    if window > WINDOW_MAX {
                        return Err(FLOW_CONTROL);
                    }
                }
                setting::MAX_FRAME_SIZE => {
                    if !(FRAME_BYTES_MAX as u32..=0x00FF_FFFF).contains(&value) {
                        return Err(PROTOCOL);
                    }
                    self.send_frame_bytes = (value as usize).min(SENT_FRAME_BYTES_MAX);
                }
                _ => {}
            }
        }
        self.set_initial_window(window)?;
        turn.out.put(&frame::head(0, kind::SETTINGS, flag::ACK, 0));
        Ok(())
    }

    /// Streams that are open feel the difference; their windows may become negative
    /// (section 6.9.2).
    fn set_initial_window(&mut self, window: i64) -> Result<(), Fault> {
        let difference = window - self.initial_send_window;
        if difference == 0 {
            return Ok(());
        }
        self.initial_send_window = window;
        for (_, stream) in self.streams.iter() {
            stream.send_window += difference;
            if stream.send_window > WINDOW_MAX {
                return Err(FLOW_CONTROL);
            }
            if stream.body.is_some() && stream.send_window > 0 && !stream.queued {
                stream.queued = true;
                self.queue.push_back(stream.id);
            }
        }
        Ok(())
    }

    fn ping<S: Service<Pin = P>>(
        &mut self,
        head: Head,
        payload: &[u8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Fault> {
        if head.stream != 0 {
            return Err(PROTOCOL);
        }
        if payload.len() != DRAIN_PING.len() {
            return Err(FRAME_SIZE);
        }
        if !self.budgets.pings.take(turn.now) {
            return Err(Fault::Limit(Limit::Pings));
        }
        if !head.has(flag::ACK) {
            turn.out
                .put(&frame::head(payload.len(), kind::PING, flag::ACK, 0));
            turn.out.put(payload);
        } else if payload == DRAIN_PING && matches!(self.drain, Some(Drain::Announced { .. })) {
            self.end_drain(turn);
        }
        Ok(())
    }

    fn goaway(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        if head.stream != 0 {
            return Err(PROTOCOL);
        }
        if payload.len() < 8 {
            return Err(FRAME_SIZE);
        }
        self.peer_is_going = true;
        Ok(())
    }

    fn window_update(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        let increment = match frame::number_31(payload) {
            Some(increment) if payload.len() == 4 => i64::from(increment),
            _ => return Err(FRAME_SIZE),
        };
        if head.stream == 0 {
            self.send_window += increment;
            return match increment {
                0 => Err(PROTOCOL),
                _ if self.send_window > WINDOW_MAX => Err(FLOW_CONTROL),
                _ => Ok(()),
            };
        }
        if self.is_idle(head.stream) {
            return Err(PROTOCOL);
        }
        let slot = self.streams.find(head.stream);
        let Some(stream) = slot.and_then(|slot| self.streams.get(slot)) else {
            // It may have been sent before the stream's end arrived (section 5.1, "closed").
            return Ok(());
        };
        if increment == 0 {
            return Err(Fault::Stream(head.stream, ErrorCode::Protocol));
        }
        stream.send_window += increment;
        if stream.send_window > WINDOW_MAX {
            return Err(Fault::Stream(head.stream, ErrorCode::FlowControl));
        }
        if stream.body.is_some() && stream.send_window > 0 && !stream.queued {
            stream.queued = true;
            self.queue.push_back(stream.id);
        }
        Ok(())
    }

    /// Not opened by the peer, and not skipped by it either (section 5.1.1).
    pub(super) const fn is_idle(&self, stream: u32) -> bool {
        stream > self.last_stream || stream.is_multiple_of(2)
    }
}
