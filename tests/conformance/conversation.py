"""Legal conversations, drawn at random: a few calls, asked in every way that HTTP/2 allows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import unquote

import hpack
from hypothesis import strategies as st

from appliance.pb import avap_pb2
from tests.appliance.load import GET, SYNC
from tests.appliance.process import KEY
from tests.conformance.conftest import LARGE, NAMES, SMALL
from tests.conformance.peer import (
    CONTINUATION,
    DATA,
    ENABLE_PUSH,
    END_HEADERS,
    END_STREAM,
    HEADER_TABLE_SIZE,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    MAX_FRAME_SIZE,
    PADDED,
    PING,
    PRIORITY,
    PRIORITY_FLAG,
    Field,
    Peer,
    Reply,
    frame,
    message,
    number,
    request_fields,
)

CALLS_MAX = 6
PIECES_MAX = 6
WINDOWS = (1, 2, 3, 17, 100, 1000, 16_384, 65_535, 1 << 20)
WINDOW_OF_LARGE_MIN = 1000
"""A reply of 40,000 bytes a byte at a time would be 40,000 turns."""
GRANTS = (1, 5, 300, 70_000)
UNKNOWN_SETTING, UNKNOWN_FRAME = 0x0F0F, 0x2A


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked, and how it is cut up."""

    path: str
    key: str | None
    payload: bytes
    more: tuple[Field, ...]
    huffman: bool
    never_indexed: bool
    block_cuts: tuple[float, ...]
    """Where a header block goes on in a CONTINUATION, as shares of its length."""
    body_cuts: tuple[float, ...]
    """Where the body goes on in another DATA frame; twice the same makes an empty one."""
    paddings: tuple[int | None, ...]
    priority: tuple[int, bool] | None
    ends: str
    """`data`: with the last of the body; `empty`: with a DATA frame of its own; `trailers`: with fields."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Some calls on one connection."""

    calls: tuple[Call, ...]
    window: int
    grants: int
    frame_bytes: int
    between: tuple[str, ...]
    """Frames of the connection that go between those of the calls."""
    cut_bytes: int
    seed: int
    """Of the order of frames and of what else is not worth a choice of its own."""


def command(name: str) -> bytes:
    """The message that asks for a command."""
    return avap_pb2.CommandRequest(name=name).SerializeToString()


def shares(most: int) -> st.SearchStrategy[tuple[float, ...]]:
    """Where to cut."""
    return st.lists(st.floats(0, 1), max_size=most).map(lambda found: tuple(sorted(found)))


ASKED = st.one_of(
    st.tuples(st.just(GET), st.just(KEY), st.sampled_from([*NAMES, SMALL, SMALL, LARGE]).map(command)),
    st.tuples(st.just(GET), st.just(KEY), st.text(min_size=1, max_size=40).map(lambda text: command(f"no {text}"))),
    st.tuples(st.just(GET), st.sampled_from([None, "", KEY + "x"]), st.just(command(SMALL))),
    st.tuples(st.just(SYNC), st.just(KEY), st.just(b"")),
)
MORE = (
    ("grpc-timeout", "50S"), ("grpc-accept-encoding", "identity,gzip"), ("user-agent", "x" * 300), ("x-empty", ""),
    ("x-trace-bin", "AAECAw"), ("cookie", "a=b"), ("accept-encoding", "identity"), ("x-long", "ab~|" * 500),
)  # fmt: skip


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """One call."""
    path, key, payload = draw(ASKED)
    return Call(
        path, key, payload,
        tuple(draw(st.lists(st.sampled_from(MORE), max_size=4, unique_by=lambda pair: pair[0]))),
        draw(st.booleans()), draw(st.booleans()),
        draw(shares(PIECES_MAX)), draw(shares(PIECES_MAX)),
        tuple(draw(st.lists(st.none() | st.integers(0, 255), min_size=1, max_size=4))),
        draw(st.none() | st.tuples(st.integers(0, 255), st.booleans())),
        draw(st.sampled_from(["data", "empty", "trailers"])),
    )  # fmt: skip


BETWEEN = ("ping", "priority", "window", "settings", "shrink", "table", "unknown")


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """A few calls at once."""
    found = tuple(draw(st.lists(calls(), min_size=1, max_size=CALLS_MAX)))
    window = draw(st.sampled_from(WINDOWS))
    between = tuple(draw(st.lists(st.sampled_from(BETWEEN), max_size=8)))
    if any(call.path == SYNC or call.payload == command(LARGE) for call in found):
        window = max(window, WINDOW_OF_LARGE_MIN)
        between = tuple(kind for kind in between if kind != "shrink")
        grants = draw(st.sampled_from(GRANTS[2:]))
    else:
        grants = draw(st.sampled_from(GRANTS))
    return Conversation(
        found, window, grants, draw(st.sampled_from([16_384, 20_000, 1 << 20])), between,
        draw(st.sampled_from([1, 2, 9, 64, 1000, 1 << 20])), draw(st.integers(0, 1 << 32)),
    )  # fmt: skip


def pieces(data: bytes, cuts: tuple[float, ...]) -> list[bytes]:
    """`data` cut at those shares of its length."""
    offsets = [0, *(round(share * len(data)) for share in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(offsets)]


def padded(kind: int, flags: int, stream: int, payload: bytes, padding: int | None, head: bytes = b"") -> bytes:
    """A frame that may be padded; `head` lies between the padding's length and the payload."""
    if padding is None:
        return frame(kind, flags, stream, head + payload)
    return frame(kind, flags | PADDED, stream, bytes([padding]) + head + payload + bytes(padding))


def frames_of(call: Call, stream: int, peer: Peer) -> Iterator[bytes]:
    """Frames of a call, in groups that nothing may interrupt. The header block is made when its turn comes."""
    yield _headers(call, stream, peer, request_fields(call.path, call.key, *call.more), 0)
    parts = pieces(message(call.payload), call.body_cuts)
    if call.ends == "empty":
        parts.append(b"")
    for index, part in enumerate(parts):
        last = index == len(parts) - 1 and call.ends != "trailers"
        padding = call.paddings[index % len(call.paddings)]
        yield padded(DATA, END_STREAM if last else 0, stream, part, padding)
    if call.ends == "trailers":
        yield _headers(call, stream, peer, [("x-trailer", "1")], END_STREAM)


def _headers(call: Call, stream: int, peer: Peer, fields: list[Field], flags: int) -> bytes:
    made = [
        hpack.NeverIndexedHeaderTuple(*pair) if call.never_indexed and not pair[0].startswith(":") else pair
        for pair in fields
    ]
    first, *rest = pieces(peer.encoder.encode(made, huffman=call.huffman), call.block_cuts)
    head = b""
    if call.priority is not None:
        weight, exclusive = call.priority
        flags |= PRIORITY_FLAG
        head = number((0x8000_0000 if exclusive else 0) | (stream + 10)) + bytes([weight])
    found = padded(HEADERS, flags | (0 if rest else END_HEADERS), stream, first, call.paddings[0], head)
    for index, part in enumerate(rest):
        found += frame(CONTINUATION, END_HEADERS if index == len(rest) - 1 else 0, stream, part)
    return found


def between(kind: str, peer: Peer, chance: random.Random, window: int) -> bytes:
    """A frame that changes no answer."""
    match kind:
        case "ping":
            return frame(PING, 0, 0, chance.randbytes(8))
        case "priority":
            return frame(PRIORITY, 0, 2 * chance.randrange(1, 50) + 101, number(0) + b"\x07")
        case "window":
            return peer.grant(0, chance.randrange(1, 1000))
        case "settings":
            return peer.change({ENABLE_PUSH: 0, UNKNOWN_SETTING: chance.randrange(1 << 32), MAX_FRAME_SIZE: 16_384})
        case "shrink":
            return peer.change({INITIAL_WINDOW_SIZE: max(1, window // 2)})
        case "table":
            return peer.change({HEADER_TABLE_SIZE: chance.choice([0, 60, 4096])})
        case _:
            return frame(UNKNOWN_FRAME, 0xFF, chance.choice([0, 1, 77]), chance.randbytes(5))


def hold(conversation: Conversation, address: str) -> list[Reply]:
    """Have a conversation with a server; the replies in the order of the calls."""
    chance = random.Random(conversation.seed)

    def cut(data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), conversation.cut_bytes):
            yield data[start : start + conversation.cut_bytes]

    first = {INITIAL_WINDOW_SIZE: conversation.window, MAX_FRAME_SIZE: conversation.frame_bytes}
    with Peer(address, first, grants=conversation.grants, cut=cut) as peer:
        peer.start()
        if chance.random() < 0.5:  # or talk on before the server has said a word
            peer.read_until(lambda: peer.settings_acks > 0, "the handshake")
        waiting = [(peer.take_stream(), call) for call in conversation.calls]
        streams = [stream for stream, _ in waiting]
        running: list[Iterator[bytes]] = []
        others = list(conversation.between)
        while waiting or running or others:
            choice = chance.random()
            if others and (choice < 0.2 or not (waiting or running)):
                peer.send(between(others.pop(), peer, chance, conversation.window))
            elif waiting and (choice < 0.5 or not running):
                stream, call = waiting.pop(0)  # in the order of their numbers
                running.append(frames_of(call, stream, peer))
                peer.send(next(running[-1]))
            elif running:
                one = chance.choice(running)
                following = next(one, None)
                if following is None:
                    running.remove(one)
                else:
                    peer.send(following)
        for stream in streams:
            peer.wait(stream)
        pings = conversation.between.count("ping")
        changes = 1 + sum(kind in ("settings", "shrink", "table") for kind in conversation.between)
        peer.read_until(lambda: len(peer.pongs) == pings and peer.settings_acks == changes, "every acknowledgement")
        assert peer.goaway is None
        return [peer.reply(stream) for stream in streams]


def meaning(reply: Reply) -> dict[str, str | bytes | None]:
    """What two servers must agree on."""
    told = (":status", "content-type", "grpc-status", "avap-catalog-version")
    text = unquote(reply.fields.get("grpc-message", ""))  # servers differ in what they encode
    # An answer that needs no more of the request may be followed by this (section 8.1).
    reset = None if reply.ended and reply.reset == "NO_ERROR" else reply.reset
    return {name: reply.fields.get(name) for name in told} | {"text": text, "body": reply.body, "reset": reset}
