"""What a client must not do, by section of RFC 9113 (and RFC 7541 for header blocks), and the error that it must get.

A breach of a stream is answered by RST_STREAM, and the connection goes on; a breach of the connection by GOAWAY, and
it is closed. Where the RFC leaves the choice, both are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tests.appliance.load import GET, SYNC
from tests.conformance.peer import (
    ACK,
    ADD_VAR,
    CONTINUATION,
    DATA,
    ENABLE_PUSH,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    PADDED,
    PING,
    PRIORITY,
    PRIORITY_FLAG,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Field,
    Peer,
    frame,
    message,
    number,
    request_fields,
    settings,
)

Scope = Literal["stream", "connection", "either"]
WINDOW_MAX = (1 << 31) - 1
STREAMS_TRIED_MAX = 4096


@dataclass(frozen=True, slots=True)
class Breach:
    """`commit` breaks one rule on a connection that has shaken hands and returns the stream concerned, or 0."""

    section: str
    what: str
    scope: Scope
    codes: tuple[str, ...]
    commit: Callable[[Peer], int]

    def __str__(self) -> str:
        return f"{self.section} {self.what}"


BREACHES: list[Breach] = []


def breach(
    section: str, what: str, scope: Scope, *codes: str
) -> Callable[[Callable[[Peer], int]], Callable[[Peer], int]]:
    """Enters a breach in the table."""

    def enter(commit: Callable[[Peer], int]) -> Callable[[Peer], int]:
        BREACHES.append(Breach(section, what, scope, codes, commit))
        return commit

    return enter


def sends(section: str, what: str, scope: Scope, codes: Sequence[str], *frames: bytes) -> None:
    """A breach of frames on no stream in use."""

    def commit(peer: Peer) -> int:
        peer.send(*frames)
        return 0

    BREACHES.append(Breach(section, what, scope, tuple(codes), commit))


PROTOCOL, SIZE, FLOW, CLOSED = ("PROTOCOL_ERROR",), ("FRAME_SIZE_ERROR",), ("FLOW_CONTROL_ERROR",), ("STREAM_CLOSED",)
BIG = bytes(16_385)


# ---- 4.2: frames that are too large


@breach("4.2", "DATA over the largest size", "either", *SIZE)
def _(peer: Peer) -> int:
    stream = peer.open()
    peer.send(frame(DATA, 0, stream, BIG))
    return stream


@breach("4.2", "HEADERS over the largest size", "connection", *SIZE)
def _(peer: Peer) -> int:
    peer.send(frame(HEADERS, END_HEADERS, peer.take_stream(), BIG))
    return 0


for kind, name in ((SETTINGS, "SETTINGS"), (PING, "PING"), (GOAWAY, "GOAWAY")):
    sends("4.2", f"{name} over the largest size", "connection", SIZE, frame(kind, 0, 0, BIG))


# ---- 4.3, RFC 7541: header blocks

BLOCKS = {
    "an index of 0": b"\x80",
    "an index beyond both tables": b"\xff\xff\x03",
    "a name's index beyond both tables": b"\x7f\xff\x03\x01a",
    "an integer without end": b"\xff" + b"\xff" * 12,
    "an integer that is cut off": b"\xff\x80",
    "a string that is cut off": b"\x00\x05ab",
    "a literal without its value": b"\x00\x01a",
    "Huffman code of EOS": b"\x00\x01a\x84\xff\xff\xff\xff",
    "Huffman padding that is not of ones": b"\x00\x01a\x81\x18",
    "Huffman padding of a whole byte": b"\x00\x01a\x82\x1f\xff",
    "a table larger than was allowed": b"\x3f\xe2\x1f\x82",
    "a change of the table's size behind a field": b"\x82\x20",
}
for name, block in BLOCKS.items():

    @breach("4.3", f"a block with {name}", "connection", "COMPRESSION_ERROR")
    def _(peer: Peer, block: bytes = block) -> int:
        peer.send(frame(HEADERS, END_HEADERS | END_STREAM, peer.take_stream(), block))
        return 0


# ---- 5.1: states of streams

for kind, name, payload in (
    (DATA, "DATA", b"x"), (RST_STREAM, "RST_STREAM", number(8)), (WINDOW_UPDATE, "WINDOW_UPDATE", number(1)),
):  # fmt: skip

    @breach("5.1", f"{name} on an idle stream", "connection", *PROTOCOL)
    def _(peer: Peer, kind: int = kind, payload: bytes = payload) -> int:
        peer.send(frame(kind, 0, peer.take_stream() + 8, payload))
        return 0


def half_closed(peer: Peer) -> int:
    """A stream on which we have ended and the server cannot, for want of a window."""
    acks = peer.settings_acks
    peer.send(peer.change({INITIAL_WINDOW_SIZE: 0}))
    peer.read_until(lambda: peer.settings_acks > acks, "the acknowledgement")
    stream = peer.ask(b"", path=SYNC)
    peer.read_until(lambda: peer.reply(stream).blocks > 0, "the headers of the reply")
    return stream


@breach("5.1", "DATA behind END_STREAM", "stream", *CLOSED)
def _(peer: Peer) -> int:
    stream = half_closed(peer)
    peer.send(frame(DATA, 0, stream, b"x"))
    return stream


@breach("5.1", "HEADERS behind END_STREAM", "stream", *CLOSED)
def _(peer: Peer) -> int:
    stream = half_closed(peer)
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, peer.block([("x-late", "1")])))
    return stream


@breach("5.1", "DATA on a stream that both have ended", "either", *CLOSED)
def _(peer: Peer) -> int:
    stream = peer.ask()
    peer.wait(stream)
    peer.send(frame(DATA, END_STREAM, stream, b"x"))
    return stream


@breach("5.1", "HEADERS on a stream that both have ended", "either", *CLOSED, *PROTOCOL)
def _(peer: Peer) -> int:
    stream = peer.ask()
    peer.wait(stream)
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, peer.block(request_fields())))
    return stream


@breach("5.1", "DATA on a stream that we have reset", "either", *CLOSED)
def _(peer: Peer) -> int:
    stream = peer.open()
    peer.send(frame(RST_STREAM, 0, stream, number(8)), frame(DATA, END_STREAM, stream, b"x"))
    return stream


@breach("5.1.1", "a stream of an even number", "connection", *PROTOCOL)
def _(peer: Peer) -> int:
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, peer.take_stream() + 1, peer.block(request_fields())))
    return 0


@breach("5.1.1", "a stream of a lower number than the last", "connection", *PROTOCOL, *CLOSED)
def _(peer: Peer) -> int:
    lower = peer.take_stream()
    peer.call()
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, lower, peer.block(request_fields())))
    return 0


@breach("5.1.2", "more streams than are allowed", "stream", "REFUSED_STREAM", *PROTOCOL)
def _(peer: Peer) -> int:
    allowed = peer.server_settings[MAX_CONCURRENT_STREAMS]
    assert allowed <= STREAMS_TRIED_MAX
    stream = 0
    for _ in range(allowed + 1):
        stream = peer.open()
    return stream


# ---- 6.1 to 6.4

sends("6.1", "DATA on the connection", "connection", PROTOCOL, frame(DATA, 0, 0, b"x"))


@breach("6.1", "DATA of padding longer than the frame", "connection", *PROTOCOL)
def _(peer: Peer) -> int:
    stream = peer.open()
    peer.send(frame(DATA, PADDED, stream, b"\x05abcd"))
    return 0


@breach("6.1", "padded DATA without the padding's length", "connection", *SIZE, *PROTOCOL)
def _(peer: Peer) -> int:
    stream = peer.open()
    peer.send(frame(DATA, PADDED, stream))
    return 0


sends("6.2", "HEADERS on the connection", "connection", PROTOCOL, frame(HEADERS, END_HEADERS, 0, b"\x82"))


@breach("6.2", "HEADERS of padding longer than the frame", "connection", *PROTOCOL)
def _(peer: Peer) -> int:
    peer.send(frame(HEADERS, END_HEADERS | PADDED, peer.take_stream(), b"\xff\x82"))
    return 0


@breach("6.2", "HEADERS too short for their priority", "connection", *SIZE, *PROTOCOL)
def _(peer: Peer) -> int:
    peer.send(frame(HEADERS, END_HEADERS | PRIORITY_FLAG, peer.take_stream(), b"\0\0"))
    return 0


INTERRUPTING = {
    "DATA": lambda stream: frame(DATA, 0, stream, b"x"),
    "PING": lambda stream: frame(PING, 0, 0, bytes(8)),
    "an unknown frame": lambda stream: frame(0x2A, 0, stream, b"x"),
    "HEADERS of another stream": lambda stream: frame(HEADERS, END_HEADERS, stream + 2, b"\x82"),
    "CONTINUATION of another stream": lambda stream: frame(CONTINUATION, END_HEADERS, stream + 2, b"\x82"),
}
for name, interruption in INTERRUPTING.items():

    @breach("6.2, 6.10", f"{name} within a header block", "connection", *PROTOCOL)
    def _(peer: Peer, interruption: Callable[[int], bytes] = interruption) -> int:
        stream = peer.take_stream()
        peer.send(frame(HEADERS, 0, stream, peer.block(request_fields())), interruption(stream))
        return 0


sends("6.3", "PRIORITY on the connection", "connection", PROTOCOL, frame(PRIORITY, 0, 0, bytes(5)))


@breach("6.3", "PRIORITY of a wrong length", "stream", *SIZE)
def _(peer: Peer) -> int:
    stream = peer.open()
    peer.send(frame(PRIORITY, 0, stream, bytes(4)))
    return stream


sends("6.4", "RST_STREAM on the connection", "connection", PROTOCOL, frame(RST_STREAM, 0, 0, number(8)))


@breach("6.4", "RST_STREAM of a wrong length", "connection", *SIZE)
def _(peer: Peer) -> int:
    peer.send(frame(RST_STREAM, 0, peer.open(), bytes(3)))
    return 0


# ---- 6.5 to 6.8

sends("6.5", "SETTINGS on a stream", "connection", PROTOCOL, frame(SETTINGS, 0, 1))
sends("6.5", "an acknowledgement with contents", "connection", SIZE, settings({INITIAL_WINDOW_SIZE: 1}, ACK))
sends("6.5", "SETTINGS of a wrong length", "connection", SIZE, frame(SETTINGS, 0, 0, bytes(5)))
sends("6.5.2", "ENABLE_PUSH of 2", "connection", PROTOCOL, settings({ENABLE_PUSH: 2}))
sends("6.5.2", "INITIAL_WINDOW_SIZE of 2^31", "connection", FLOW, settings({INITIAL_WINDOW_SIZE: WINDOW_MAX + 1}))
sends("6.5.2", "MAX_FRAME_SIZE of 16,383", "connection", PROTOCOL, settings({MAX_FRAME_SIZE: 16_383}))
sends("6.5.2", "MAX_FRAME_SIZE of 2^24", "connection", PROTOCOL, settings({MAX_FRAME_SIZE: 1 << 24}))
sends("6.6", "PUSH_PROMISE", "connection", PROTOCOL, frame(PUSH_PROMISE, END_HEADERS, 1, number(2) + b"\x82"))
sends("6.7", "PING on a stream", "connection", PROTOCOL, frame(PING, 0, 1, bytes(8)))
sends("6.7", "PING of a wrong length", "connection", SIZE, frame(PING, 0, 0, bytes(7)))
sends("6.8", "GOAWAY on a stream", "connection", PROTOCOL, frame(GOAWAY, 0, 1, bytes(8)))
sends("6.8", "GOAWAY of a wrong length", "connection", SIZE, frame(GOAWAY, 0, 0, bytes(7)))

# ---- 6.9: flow control

sends("6.9", "a WINDOW_UPDATE of 0 for the connection", "connection", PROTOCOL, frame(WINDOW_UPDATE, 0, 0, number(0)))
sends("6.9", "WINDOW_UPDATE of a wrong length", "connection", SIZE, frame(WINDOW_UPDATE, 0, 0, bytes(3)))
sends(
    "6.9.1",
    "a window of the connection over 2^31-1",
    "connection",
    FLOW,
    frame(WINDOW_UPDATE, 0, 0, number(WINDOW_MAX)),
)


@breach("6.9", "a WINDOW_UPDATE of 0 for a stream", "stream", *PROTOCOL)
def _(peer: Peer) -> int:
    stream = peer.open()
    peer.send(frame(WINDOW_UPDATE, 0, stream, number(0)))
    return stream


@breach("6.9.1", "a window of a stream over 2^31-1", "stream", *FLOW)
def _(peer: Peer) -> int:
    stream = peer.open()
    peer.send(frame(WINDOW_UPDATE, 0, stream, number(WINDOW_MAX)))
    return stream


@breach("6.9.2", "SETTINGS that take a stream's window over 2^31-1", "connection", *FLOW)
def _(peer: Peer) -> int:
    stream = peer.open()
    peer.send(frame(WINDOW_UPDATE, 0, stream, number(WINDOW_MAX - 65_535)), settings({INITIAL_WINDOW_SIZE: WINDOW_MAX}))
    return 0


@breach("6.9.1", "DATA beyond a stream's window", "either", *FLOW)
def _(peer: Peer) -> int:
    """The message is within the limit and never whole, so nothing is given back: padding fills the window."""
    window = peer.server_settings.get(INITIAL_WINDOW_SIZE, 65_535)
    stream = peer.open()
    peer.send(frame(DATA, 0, stream, b"\0" + number(60_000)))
    piece = frame(DATA, PADDED, stream, bytes([255]) + b"x" + bytes(255))
    peer.send(piece * min(window // 257 + 1, STREAMS_TRIED_MAX))
    return stream


# ---- 6.10

sends("6.10", "CONTINUATION on the connection", "connection", PROTOCOL, frame(CONTINUATION, END_HEADERS, 0, b"\x82"))


@breach("6.10", "CONTINUATION behind a block that has ended", "connection", *PROTOCOL)
def _(peer: Peer) -> int:
    peer.send(frame(CONTINUATION, END_HEADERS, peer.open(), b"\x82"))
    return 0


# ---- 8: malformed requests


def without(*names: str) -> list[Field]:
    """The fields of a call less some."""
    return [pair for pair in request_fields() if pair[0] not in names]


FIELDS: dict[tuple[str, str], list[Field]] = {
    ("8.2.1", "a name in upper case"): request_fields(GET, None, ("X-Name", "1")),
    ("8.2.1", "a space in a name"): request_fields(GET, None, ("x name", "1")),
    ("8.2.1", "a control character in a name"): request_fields(GET, None, ("x\x01name", "1")),
    ("8.2.1", "a colon in a name"): request_fields(GET, None, ("x:name", "1")),
    ("8.2.1", "an empty name"): request_fields(GET, None, ("", "1")),
    ("8.2.1", "NUL in a value"): request_fields(GET, None, ("x-name", "a\0b")),
    ("8.2.1", "a line break in a value"): request_fields(GET, None, ("x-name", "a\nb")),
    ("8.2.1", "a carriage return in a value"): request_fields(GET, None, ("x-name", "a\rb")),
    ("8.2.1", "a space before a value"): request_fields(GET, None, ("x-name", " a")),
    ("8.2.1", "a tab behind a value"): request_fields(GET, None, ("x-name", "a\t")),
    ("8.2.2", "connection"): request_fields(GET, None, ("connection", "close")),
    ("8.2.2", "proxy-connection"): request_fields(GET, None, ("proxy-connection", "close")),
    ("8.2.2", "keep-alive"): request_fields(GET, None, ("keep-alive", "1")),
    ("8.2.2", "transfer-encoding"): request_fields(GET, None, ("transfer-encoding", "chunked")),
    ("8.2.2", "upgrade"): request_fields(GET, None, ("upgrade", "h2c")),
    ("8.2.2", "te other than trailers"): [*without("te"), ("te", "trailers, deflate")],
    ("8.3", "a pseudo-header field behind a field"): [*without(":path"), (":path", GET)],
    ("8.3", "an unknown pseudo-header field"): [(":unknown", "1"), *request_fields()],
    ("8.3", "a pseudo-header field of responses"): [(":status", "200"), *request_fields()],
    ("8.3", "a pseudo-header field twice"): [(":path", GET), *request_fields()],
    ("8.3.1", "no :method"): without(":method"),
    ("8.3.1", "no :scheme"): without(":scheme"),
    ("8.3.1", "no :path"): without(":path"),
    ("8.3.1", "an empty :path"): [(":path", ""), *without(":path")],
    ("8.1.1", "a content-length that is no number"): request_fields(GET, None, ("content-length", "x")),
    ("8.1.1", "two content-lengths that differ"): request_fields(
        GET, None, ("content-length", "1"), ("content-length", "2")
    ),
}
for (section, name), fields in FIELDS.items():

    @breach(section, name, "stream", *PROTOCOL)
    def _(peer: Peer, fields: list[Field] = fields) -> int:
        stream = peer.take_stream()
        peer.send(frame(HEADERS, END_HEADERS, stream, literally(fields)))
        return stream


def literally(fields: Sequence[Field]) -> bytes:
    """A block of literal fields as they are; the library would mend some."""
    found = b""
    for name, value in fields:
        encoded, worth = name.encode("latin-1"), value.encode("latin-1")
        assert len(encoded) < 127
        assert len(worth) < 127
        found += b"\0" + bytes([len(encoded)]) + encoded + bytes([len(worth)]) + worth
    return found


@breach("8.1", "trailers that do not end the stream", "stream", *PROTOCOL)
def _(peer: Peer) -> int:
    stream = peer.open()
    peer.send(frame(HEADERS, END_HEADERS, stream, peer.block([("x-trailer", "1")])))
    return stream


@breach("8.1", "a pseudo-header field in trailers", "stream", *PROTOCOL)
def _(peer: Peer) -> int:
    stream = peer.open()
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, literally([(":path", GET)])))
    return stream


for name, length in (("more", 100), ("less", 3)):

    @breach("8.1.1", f"a content-length of {name} than comes", "stream", *PROTOCOL)
    def _(peer: Peer, length: int = length) -> int:
        stream = peer.open(more=[("content-length", str(length))])
        peer.send(frame(DATA, END_STREAM, stream, message(ADD_VAR)))
        return stream
