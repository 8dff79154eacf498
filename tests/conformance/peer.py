"""A client below HTTP/2: it sends the bytes that it is told, legal or not, and keeps to the letter what comes back.

Frames and header blocks are read by hyperframe and hpack. What the server may not do ends the test that reads it: DATA
beyond a window or a frame's size, a header block that does not decode, a frame on a stream that it has ended.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import hpack
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from tests.appliance.load import GET
from tests.appliance.process import KEY
from tests.waiting import wait_until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ANSWER_S = 10.0
WINDOW_DEFAULT = 65_535
FRAME_BYTES_DEFAULT = 16_384
ADD_VAR = b"\x0a\x06addVar"

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS = 1, 2, 3
INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 4, 5, 6

CODES = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
    "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)  # fmt: skip
"""RFC 9113, section 7, by number."""

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, PRIORITY_FLAG = 0x4, 0x8, 0x20

Field = tuple[str, str]
Cutter = Callable[[bytes], Iterable[bytes]]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame of any kind with any contents (section 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def number(value: int) -> bytes:
    """Four bytes."""
    return value.to_bytes(4, "big")


def settings(values: Mapping[int, int], flags: int = 0) -> bytes:
    """A SETTINGS frame."""
    return frame(SETTINGS, flags, 0, b"".join(key.to_bytes(2, "big") + number(value) for key, value in values.items()))


def request_fields(path: str = GET, key: str | None = KEY, *more: Field) -> list[Field]:
    """Those of a gRPC call."""
    fields = [
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"),
        ("content-type", "application/grpc"), ("te", "trailers"),
    ]  # fmt: skip
    return [*fields, *(() if key is None else (("x-avap-auth", key),)), *more]


def message(payload: bytes, compressed: int = 0) -> bytes:
    """A length-prefixed message of gRPC."""
    return bytes([compressed]) + number(len(payload)) + payload


@dataclass(slots=True)
class Reply:
    """What came on a stream."""

    fields: dict[str, str] = field(default_factory=dict)
    """Of headers and trailers together."""
    blocks: int = 0
    body: bytes = b""
    ended: bool = False
    reset: str | None = None

    @property
    def done(self) -> bool:
        """Nothing more is to come."""
        return self.ended or self.reset is not None


@dataclass(slots=True)
class _Windows:
    """What the server may send."""

    initial: int = WINDOW_DEFAULT
    connection: int = WINDOW_DEFAULT
    frame_bytes: int = FRAME_BYTES_DEFAULT
    streams: dict[int, int] = field(default_factory=dict)
    unacknowledged: deque[dict[int, int]] = field(default_factory=deque)


class Peer:
    """One connection. Use it in a `with` block."""

    def __init__(
        self, address: str, first_settings: Mapping[int, int] | None = None, *, grants: int | None = 1 << 20,
        receive_buffer: int | None = None, cut: Cutter | None = None,
    ) -> None:  # fmt: skip
        """Connect; nothing is sent yet.

        `grants`: flow control is given back in WINDOW_UPDATEs of at most so many bytes, as DATA comes; None: never.
        `cut`: what one send to the socket carries.
        """
        host, _, port = address.rpartition(":")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(ANSWER_S)
        self.socket.connect((host, int(port)))
        self.encoder = hpack.Encoder()
        self.replies: dict[int, Reply] = {}
        self.server_settings: dict[int, int] = {}
        self.pongs: list[bytes] = []
        self.settings_acks = 0
        self.goaway: str | None = None
        self.goaway_text = b""
        self.closed = False
        self.reset_by_peer = False
        self.next_stream = 1
        self._cut: Cutter = cut or (lambda data: (data,))
        self._decoder = hpack.Decoder()
        self._first = dict(first_settings or {})
        self._grants = grants
        self._windows = _Windows()
        self._input = b""
        self._block: tuple[int, bytes, bool] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    # ---- sending -------------------------------------------------------------------------------

    def send(self, *parts: bytes) -> None:
        """Send bytes as they are. A connection that the server has closed takes them too."""
        for piece in self._cut(b"".join(parts)):
            try:
                self.socket.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                return

    def start(self) -> Self:
        """Send preface and SETTINGS."""
        self.send(PREFACE, self.change(self._first))
        return self

    def shake_hands(self) -> Self:
        """`start`, and wait until the server has said its SETTINGS and acknowledged ours."""
        self.start()
        self.read_until(lambda: bool(self.server_settings) and self.settings_acks > 0, "the handshake")
        return self

    def change(self, values: Mapping[int, int]) -> bytes:
        """A SETTINGS frame that is in force when the server acknowledges it."""
        self._windows.unacknowledged.append(dict(values))
        return settings(values)

    def grant(self, stream: int, amount: int) -> bytes:
        """A WINDOW_UPDATE, accounted for."""
        if stream:
            self._windows.streams[stream] = self._stream_window(stream) + amount
        else:
            self._windows.connection += amount
        return frame(WINDOW_UPDATE, 0, stream, number(amount))

    def block(self, fields: Sequence[Field]) -> bytes:
        """A header block of these fields."""
        return self.encoder.encode(fields)

    def open(self, *, path: str = GET, key: str | None = KEY, more: Sequence[Field] = (), flags: int = 0) -> int:
        """Send the headers of a call; returns its stream."""
        stream = self.take_stream()
        fields = request_fields(path, key, *more)
        self.send(frame(HEADERS, END_HEADERS | flags, stream, self.block(fields)))
        return stream

    def take_stream(self) -> int:
        """The next stream of ours."""
        stream = self.next_stream
        self.next_stream += 2
        return stream

    def ask(self, payload: bytes = ADD_VAR, *, path: str = GET, key: str | None = KEY) -> int:
        """Send a whole call; returns its stream."""
        stream = self.open(path=path, key=key)
        self.send(frame(DATA, END_STREAM, stream, message(payload)))
        return stream

    # ---- reading -------------------------------------------------------------------------------

    def reply(self, stream: int) -> Reply:
        """What has come on a stream so far."""
        return self.replies.setdefault(stream, Reply())

    def wait(self, stream: int) -> Reply:
        """Read until a stream is over."""
        self.read_until(lambda: self.reply(stream).done, f"the end of stream {stream}")
        return self.reply(stream)

    def call(self, payload: bytes = ADD_VAR, *, path: str = GET, key: str | None = KEY) -> Reply:
        """A whole call."""
        return self.wait(self.ask(payload, path=path, key=key))

    def wait_closed(self) -> None:
        """Read until the server has closed the connection."""
        while self.read():
            pass

    def read_until(self, holds: Callable[[], bool], what: str) -> None:
        """Read until `holds()`. Raises AssertionError when the connection ends first."""
        while not holds():
            goaway = f", after GOAWAY {self.goaway} {self.goaway_text!r}" if self.goaway else ""
            assert self.read(), f"the server closed the connection before {what}{goaway}"

    def read(self) -> bool:
        """Read once from the socket and take in what is whole; False when the server has closed it."""
        if self.closed:
            return False
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            self.reset_by_peer, data = True, b""
        if not data:
            self.closed = True
            return False
        self._input += data
        answers = b""
        while len(self._input) >= 9:
            found, length = Frame.parse_frame_header(memoryview(self._input[:9]))
            if len(self._input) < 9 + length:
                break
            assert length <= self._windows.frame_bytes, f"a frame of {length} bytes"
            found.parse_body(memoryview(self._input[9 : 9 + length]))
            self._input = self._input[9 + length :]
            answers += self._take(found)
        if answers:
            self.send(answers)
        return True

    def _take(self, found: Frame) -> bytes:
        if self._block is not None:
            assert isinstance(found, ContinuationFrame), "a header block was interrupted"
        match found:
            case SettingsFrame() if "ACK" in found.flags:
                self.settings_acks += 1
                self._apply(self._windows.unacknowledged.popleft())
            case SettingsFrame():
                self.server_settings.update({int(key): value for key, value in found.settings.items()})
                self.server_settings.setdefault(MAX_FRAME_SIZE, FRAME_BYTES_DEFAULT)
                return settings({}, ACK)
            case HeadersFrame() | ContinuationFrame():
                self._take_block(found)
            case DataFrame():
                return self._take_data(found)
            case RstStreamFrame():
                reply = self.reply(found.stream_id)
                assert reply.reset is None, f"stream {found.stream_id} was reset twice"
                reply.reset = CODES[found.error_code]
            case PingFrame() if "ACK" in found.flags:
                self.pongs.append(bytes(found.opaque_data))
            case PingFrame():
                return frame(PING, ACK, 0, bytes(found.opaque_data))
            case GoAwayFrame():
                self.goaway, self.goaway_text = CODES[found.error_code], found.additional_data
            case WindowUpdateFrame():
                pass
            case _:
                raise AssertionError(f"a server does not send {found}")
        return b""

    def _take_block(self, found: HeadersFrame | ContinuationFrame) -> None:
        if isinstance(found, HeadersFrame):
            reply = self.reply(found.stream_id)
            assert not reply.done, f"headers on stream {found.stream_id}, which is over"
            self._block = (found.stream_id, found.data, "END_STREAM" in found.flags)
        else:
            assert self._block is not None, "CONTINUATION without headers"
            assert self._block[0] == found.stream_id
            self._block = (self._block[0], self._block[1] + found.data, self._block[2])
        if "END_HEADERS" not in found.flags:
            return
        stream, data, ends = self._block
        self._block = None
        reply = self.reply(stream)
        reply.blocks += 1
        assert reply.blocks == 1 or ends, "trailers that do not end the stream"
        for name, value in self._decoder.decode(data):
            assert str(name) == str(name).lower()
            reply.fields[str(name)] = str(value)
        reply.ended = ends

    def _take_data(self, found: DataFrame) -> bytes:
        stream, windows = found.stream_id, self._windows
        reply = self.reply(stream)
        assert reply.blocks == 1, "DATA before headers"
        assert not reply.done, f"DATA on stream {stream}, which is over"
        length = found.flow_controlled_length
        windows.connection -= length
        windows.streams[stream] = self._stream_window(stream) - length
        assert windows.connection >= 0, "DATA beyond the connection's window"
        assert not length or windows.streams[stream] >= 0, f"DATA beyond the window of stream {stream}"
        reply.body += found.data
        reply.ended = "END_STREAM" in found.flags
        if self._grants is None:
            return b""
        answers = b""
        for start in range(0, length, self._grants):
            amount = min(self._grants, length - start)
            answers += self.grant(0, amount)
            if not reply.ended:
                answers += self.grant(stream, amount)
        return answers

    def _stream_window(self, stream: int) -> int:
        return self._windows.streams.get(stream, self._windows.initial)

    def _apply(self, values: Mapping[int, int]) -> None:
        """From here on the server has to keep to these (section 6.5.3)."""
        windows = self._windows
        if INITIAL_WINDOW_SIZE in values:
            change = values[INITIAL_WINDOW_SIZE] - windows.initial
            windows.initial = values[INITIAL_WINDOW_SIZE]
            windows.streams = {stream: left + change for stream, left in windows.streams.items()}
        windows.frame_bytes = values.get(MAX_FRAME_SIZE, windows.frame_bytes)
        if HEADER_TABLE_SIZE in values:
            self._decoder.max_allowed_table_size = values[HEADER_TABLE_SIZE]

    # ---- below ---------------------------------------------------------------------------------

    def wait_consumed(self) -> None:
        """Wait until the server has read everything that was sent, or has closed the connection."""
        wait_until(lambda: unread_bytes(self.socket) == 0, ANSWER_S, "the server to read what was sent")


def unread_bytes(sent_from: socket.socket) -> int:
    """What lies unread in the server's socket, or on its way to it, by /proc/net/tcp. 0 when there is none any more."""
    ours, theirs = sent_from.getsockname(), sent_from.getpeername()
    wanted = f"{_hexadecimal(*theirs)} {_hexadecimal(*ours)}"
    for line in Path("/proc/net/tcp").read_text().splitlines():
        fields = line.split()
        if f"{fields[1]} {fields[2]}" == wanted:
            return int(fields[4].partition(":")[2], 16)
    return 0


def _hexadecimal(host: str, port: int) -> str:
    return f"{int.from_bytes(socket.inet_aton(host), 'little'):08X}:{port:04X}"
