//! HEADERS, CONTINUATION and DATA: from frames to a call and its message.

use super::{Connection, Drain, Fault, OpenBlock, Turn};
use crate::blocks::HttpRefusal;
use crate::frame::{self, ErrorCode, Head, flag, kind};
use crate::hpack::ENTRY_OVERHEAD_BYTES;
use crate::limits::{KNOWN_BLOCK_BYTES_MAX, Limit};
use crate::message;
use crate::output::Pin;
use crate::request::{self, Call, Reader, Request};
use crate::service::{Method, Service};
use crate::status::{Code, Status};
use crate::streams::{Ending, LENGTH_UNKNOWN, Phase, Slot, Stream};

const PROTOCOL: Fault = Fault::Connection(ErrorCode::Protocol);
const COMPRESSION: Fault = Fault::Connection(ErrorCode::Compression);

impl<P: Pin> Connection<P> {
    pub(super) fn headers<S: Service<Pin = P>>(
        &mut self,
        head: Head,
        payload: &[u8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Fault> {
        if head.stream.is_multiple_of(2) {
            return Err(PROTOCOL);
        }
        let mut block = frame::unpadded(head, payload).ok_or(PROTOCOL)?;
        let mut depends_on_itself = false;
        if head.has(flag::PRIORITY) {
            depends_on_itself = frame::number_31(block) == Some(head.stream);
            let too_short = Fault::Connection(ErrorCode::FrameSize);
            block = block.get(5..).ok_or(too_short)?;
        }
        let open = OpenBlock {
            stream: head.stream,
            end_stream: head.has(flag::END_STREAM),
            depends_on_itself,
            continuations: 0,
        };
        if head.has(flag::END_HEADERS) {
            return self.whole_block(open, block, turn);
        }
        self.open_block = Some(open);
        self.block.clear();
        self.block.extend_from_slice(block);
        Ok(())
    }

    pub(super) fn continuation<S: Service<Pin = P>>(
        &mut self,
        head: Head,
        payload: &[u8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Fault> {
        let Some(open) = &mut self.open_block else {
            return Err(PROTOCOL);
        };
        if open.stream != head.stream {
            return Err(PROTOCOL);
        }
        open.continuations += 1;
        if open.continuations > turn.limits.continuations
            || self.block.len() + payload.len() > turn.limits.header_block_bytes
        {
            return Err(Fault::Limit(Limit::Continuations));
        }
        self.block.extend_from_slice(payload);
        if !head.has(flag::END_HEADERS) {
            return Ok(());
        }
        let open = *open;
        self.open_block = None;
        let mut block = std::mem::take(&mut self.block);
        let result = self.whole_block(open, &block, turn);
        block.clear();
        if block.capacity() <= KNOWN_BLOCK_BYTES_MAX {
            self.block = block;
        }
        result
    }

    fn whole_block<S: Service<Pin = P>>(
        &mut self,
        open: OpenBlock,
        block: &[u8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Fault> {
        if open.stream > self.last_stream {
            return self.new_stream(open, block, turn);
        }
        if let Some(slot) = self.streams.find(open.stream) {
            return self.trailers(slot, open, block, turn);
        }
        self.pass_over(block, turn)?;
        if self.resets.contains(open.stream) {
            Ok(())
        } else if self.was_opened(open.stream) {
            Err(Fault::Connection(ErrorCode::StreamClosed))
        } else {
            // Numbers only grow (section 5.1.1).
            Err(PROTOCOL)
        }
    }

    fn new_stream<S: Service<Pin = P>>(
        &mut self,
        open: OpenBlock,
        block: &[u8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Fault> {
        let skipped = (open.stream - self.last_stream).div_ceil(2);
        self.opened = self.opened.checked_shl(skipped).unwrap_or(0) | 1;
        self.last_stream = open.stream;
        if matches!(self.drain, Some(Drain::Final)) {
            // Sent before our GOAWAY arrived: the peer knows that nothing becomes of it.
            self.resets.push(open.stream);
            return self.pass_over(block, turn);
        }
        if self.streams.len() >= turn.limits.streams as usize {
            self.pass_over(block, turn)?;
            turn.service.limit_reached(Limit::Streams);
            return Err(Fault::Stream(open.stream, ErrorCode::RefusedStream));
        }
        let (request, content_length) = self.read_request(block, turn)?;
        let too_short = open.end_stream && content_length.is_some_and(|length| length > 0);
        if open.depends_on_itself || too_short {
            return Err(Fault::Stream(open.stream, ErrorCode::Protocol));
        }
        match request {
            Request::Call(call) => {
                self.call(open, call, content_length, turn);
                Ok(())
            }
            Request::Malformed => Err(Fault::Stream(open.stream, ErrorCode::Protocol)),
            Request::Refused(method, status) => {
                let slot = self.enter(open, Phase::Discarding, None, content_length, turn);
                self.refuse(slot, method, &status, turn);
                Ok(())
            }
            Request::Http(refusal) => {
                if refusal == HttpRefusal::HeadersTooLarge {
                    turn.service.limit_reached(Limit::HeaderList);
                }
                let slot = self.enter(open, Phase::Replying, None, content_length, turn);
                turn.service.call_ended(None, Code::Unimplemented, turn.now);
                self.send_text(slot, refusal, turn);
                Ok(())
            }
        }
    }

    fn call<S: Service<Pin = P>>(
        &mut self,
        open: OpenBlock,
        call: Call,
        content_length: Option<u64>,
        turn: &mut Turn<'_, S>,
    ) {
        let slot = self.enter(open, Phase::Receiving, Some(call), content_length, turn);
        if !open.end_stream {
            let wait = call.timeout.map_or(turn.limits.request_time, |timeout| {
                timeout.min(turn.limits.request_time)
            });
            self.streams_due = self.streams_due.min(turn.now.after(wait));
            return;
        }
        self.answer(slot, call, &[], turn);
    }

    fn enter<S: Service<Pin = P>>(
        &mut self,
        open: OpenBlock,
        phase: Phase,
        call: Option<Call>,
        content_length: Option<u64>,
        turn: &Turn<'_, S>,
    ) -> Slot {
        if !open.end_stream {
            let due = turn.now.after(turn.limits.request_time);
            self.streams_due = self.streams_due.min(due);
        }
        self.streams.insert(Stream {
            id: open.stream,
            phase,
            remote_closed: open.end_stream,
            queued: false,
            send_window: self.initial_send_window,
            receive_window: i64::from(turn.limits.stream_window_bytes),
            received: 0,
            content_length: content_length.unwrap_or(LENGTH_UNKNOWN),
            message: Vec::new(),
            body: None,
            ending: Ending::Trailers,
            call,
            started: turn.now,
            progressed: turn.now,
        })
    }

    /// What a block asks for, and how long it says that the body is. A block that leaves the dynamic table as it is means the same again
    /// until the table changes: clients repeat themselves, and are understood by their bytes.
    fn read_request<S: Service<Pin = P>>(
        &mut self,
        block: &[u8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(Request, Option<u64>), Fault> {
        let table_changes = self.decoder.table_changes();
        let key_epoch = turn.service.key_epoch();
        let known = &mut self.known;
        if let Some(call) = known.call
            && known.table_changes == table_changes
            && known.key_epoch == key_epoch
            && known.block == block
        {
            return Ok((Request::Call(call), known.content_length));
        }
        let mut reader = Reader::new(turn.service, turn.limits.header_list_bytes);
        let strings = &mut turn.scratch.strings;
        self.decoder
            .decode(block, strings, |name, value| reader.field(name, value))
            .map_err(|_| COMPRESSION)?;
        let content_length = reader.content_length();
        let request = reader.finish();
        if let Request::Call(call) = &request
            && self.decoder.table_changes() == table_changes
            && block.len() <= KNOWN_BLOCK_BYTES_MAX
        {
            known.call = Some(*call);
            known.content_length = content_length;
            known.table_changes = table_changes;
            known.key_epoch = key_epoch;
            known.block.clear();
            known.block.extend_from_slice(block);
        }
        Ok((request, content_length))
    }

    /// Decodes a block for what it does to the table (section 4.3).
    fn pass_over<S: Service<Pin = P>>(
        &mut self,
        block: &[u8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Fault> {
        self.decoder
            .decode(block, &mut turn.scratch.strings, |_, _| {})
            .map_err(|_| COMPRESSION)
    }

    /// A second block of headers ends the request (section 8.1).
    fn trailers<S: Service<Pin = P>>(
        &mut self,
        slot: Slot,
        open: OpenBlock,
        block: &[u8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Fault> {
        let mut legal = open.end_stream && !open.depends_on_itself;
        let mut bytes = 0;
        self.decoder
            .decode(block, &mut turn.scratch.strings, |name, value| {
                bytes += name.len() + value.len() + ENTRY_OVERHEAD_BYTES;
                legal &= request::is_trailer(name, value);
            })
            .map_err(|_| COMPRESSION)?;
        let Some(stream) = self.streams.get(slot) else {
            return Ok(());
        };
        if stream.remote_closed {
            return Err(Fault::Stream(open.stream, ErrorCode::StreamClosed));
        }
        if bytes > turn.limits.header_list_bytes {
            turn.service.limit_reached(Limit::HeaderList);
            return Err(Fault::Stream(open.stream, ErrorCode::EnhanceYourCalm));
        }
        if !legal {
            return Err(Fault::Stream(open.stream, ErrorCode::Protocol));
        }
        self.request_data(slot, &[], true, turn)
    }

    pub(super) fn data<S: Service<Pin = P>>(
        &mut self,
        head: Head,
        payload: &[u8],
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Fault> {
        let data = frame::unpadded(head, payload).ok_or(PROTOCOL)?;
        if self.is_idle(head.stream) {
            return Err(PROTOCOL);
        }
        // Padding counts (section 6.1).
        self.receive_window -= frame::window_bytes(payload.len());
        if self.receive_window < 0 {
            return Err(Fault::Connection(ErrorCode::FlowControl));
        }
        let end_stream = head.has(flag::END_STREAM);
        if data.is_empty() && !end_stream {
            self.carries_nothing(turn)?;
        }
        let Some(slot) = self.streams.find(head.stream) else {
            self.consume(payload.len(), turn);
            if self.resets.contains(head.stream) {
                return Ok(());
            }
            return Err(Fault::Stream(head.stream, ErrorCode::StreamClosed));
        };
        self.consume(payload.len() - data.len(), turn);
        let Some(stream) = self.streams.get(slot) else {
            return Ok(());
        };
        if stream.remote_closed {
            self.consume(data.len(), turn);
            return Err(Fault::Stream(head.stream, ErrorCode::StreamClosed));
        }
        stream.receive_window -= frame::window_bytes(payload.len());
        if stream.receive_window < 0 {
            self.consume(data.len(), turn);
            return Err(Fault::Stream(head.stream, ErrorCode::FlowControl));
        }
        self.request_data(slot, data, end_stream, turn)
    }

    /// The next piece of a request's body.
    fn request_data<S: Service<Pin = P>>(
        &mut self,
        slot: Slot,
        data: &[u8],
        end_stream: bool,
        turn: &mut Turn<'_, S>,
    ) -> Result<(), Fault> {
        let Some(stream) = self.streams.get(slot) else {
            return Ok(());
        };
        stream.remote_closed = end_stream;
        stream.received += data.len() as u64;
        let (received, length) = (stream.received, stream.content_length);
        let wrong_length =
            length != LENGTH_UNKNOWN && (received > length || (end_stream && received < length));
        if wrong_length {
            let id = stream.id;
            self.consume(data.len(), turn);
            return Err(Fault::Stream(id, ErrorCode::Protocol));
        }
        let (Phase::Receiving, Some(call)) = (stream.phase, stream.call) else {
            let done = end_stream && stream.phase == Phase::Discarding;
            self.consume(data.len(), turn);
            if done {
                self.close(slot, turn);
            }
            return Ok(());
        };
        if end_stream && stream.message.is_empty() {
            self.consume(data.len(), turn);
            self.answer(slot, call, data, turn);
            return Ok(());
        }
        if stream.message.capacity() == 0 {
            stream.message = turn.scratch.messages.pop().unwrap_or_default();
        }
        stream.message.extend_from_slice(data);
        if let Err(status) = message::check_partial(&stream.message, turn.limits.message_bytes) {
            self.refuse_message(slot, call.method, &status, turn);
        } else if end_stream {
            let message = std::mem::take(&mut stream.message);
            self.consume(message.len(), turn);
            self.answer(slot, call, &message, turn);
            turn.scratch.keep(message);
        }
        Ok(())
    }

    /// Ends a call before its message has ended; the peer need not send the rest (section 8.1).
    fn refuse_message<S: Service<Pin = P>>(
        &mut self,
        slot: Slot,
        method: Method,
        status: &Status<'_>,
        turn: &mut Turn<'_, S>,
    ) {
        if status.code == Code::ResourceExhausted {
            turn.service.limit_reached(Limit::Message);
        }
        self.refuse(slot, Some(method), status, turn);
        if let Some(stream) = self.streams.get(slot) {
            let id = stream.id;
            self.put_reset(id, ErrorCode::NoError, turn);
            self.close(slot, turn);
        }
    }

    /// Gives received bytes back to the connection's window, in large pieces.
    pub(super) fn consume<S: Service<Pin = P>>(&mut self, bytes: usize, turn: &mut Turn<'_, S>) {
        self.consumed += bytes as u32;
        if self.consumed >= turn.limits.connection_window_bytes / 2 {
            let increment = std::mem::take(&mut self.consumed);
            self.receive_window += i64::from(increment);
            turn.out.put(&frame::head(4, kind::WINDOW_UPDATE, 0, 0));
            turn.out.put(&increment.to_be_bytes());
        }
    }

    /// Whether a stream that is closed was ever open, as far as that is remembered.
    fn was_opened(&self, stream: u32) -> bool {
        self.opened
            .checked_shr((self.last_stream - stream) / 2)
            .is_none_or(|opened| opened & 1 == 1)
    }
}
