"""Whatever is legal changes nothing: the appliance answers as tonic does, however a call is cut up and interleaved."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings

from tests.appliance.load import GET, SYNC
from tests.appliance.process import KEY
from tests.conformance.conftest import LARGE, SMALL, Pair
from tests.conformance.conversation import Call, Conversation, command, conversations, hold, meaning
from tests.conformance.peer import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PING,
    PREFACE,
    WINDOW_DEFAULT,
    Peer,
    frame,
    message,
    request_fields,
)

CONVERSATIONS = 150
pytestmark = pytest.mark.timeout(1200)  # the first build of the oracle is among it


@settings(
    max_examples=CONVERSATIONS, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(conversation=conversations())
def test_random_conversations_get_the_oracle_s_answers(pair: Pair, conversation: Conversation) -> None:
    ours = hold(conversation, pair.appliance.grpc_address)
    theirs = hold(conversation, pair.oracle)
    for call, one, other in zip(conversation.calls, ours, theirs, strict=True):
        assert meaning(one) == meaning(other), call


def test_a_cut_at_every_byte_changes_nothing(pair: Pair) -> None:
    """The server has read everything before the cut when what is behind it is sent."""
    for address in (pair.appliance.grpc_address, pair.oracle):
        with Peer(address) as whole:
            data = recorded(whole)
            whole.send(data)
            expected = meaning(whole.wait(1))
        assert expected["grpc-status"] == "0"
        for offset in range(1, len(data)):
            with Peer(address) as peer:
                assert recorded(peer) == data
                peer.send(data[:offset])
                peer.wait_consumed()
                peer.send(data[offset:])
                assert meaning(peer.wait(1)) == expected, f"cut at {offset} of {len(data)}"


def test_a_byte_at_a_time_is_enough(pair: Pair) -> None:
    for address in (pair.appliance.grpc_address, pair.oracle):
        with Peer(address) as peer:
            for byte in recorded(peer):
                peer.send(bytes([byte]))
                peer.wait_consumed()
            assert peer.wait(1).fields["grpc-status"] == "0"


def recorded(peer: Peer) -> bytes:
    """Preface, SETTINGS, and a call in HEADERS, CONTINUATION and two DATA frames."""
    block, body = peer.block(request_fields()), message(command(SMALL))
    return b"".join([
        PREFACE, peer.change({}), frame(HEADERS, 0, 1, block[:20]), frame(CONTINUATION, END_HEADERS, 1, block[20:]),
        frame(DATA, 0, 1, body[:3]), frame(DATA, END_STREAM, 1, body[3:]),
    ])  # fmt: skip


def test_windows_of_every_small_size_are_kept(pair: Pair) -> None:
    """The peer's own books say when a window is overrun: `Peer` fails then."""
    for window in range(1, 40):
        calls = tuple(plain(command(SMALL)) for _ in range(3))
        conversation = Conversation(calls, window, 1 << 20, 16_384, (), 1 << 20, window)
        ours, theirs = hold(conversation, pair.appliance.grpc_address), hold(conversation, pair.oracle)
        assert [meaning(one) for one in ours] == [meaning(one) for one in theirs]


@pytest.fixture(params=["appliance", "oracle"])
def address(request: pytest.FixtureRequest, pair: Pair) -> str:
    """Each of the two servers in turn."""
    return pair.appliance.grpc_address if request.param == "appliance" else pair.oracle


def test_windows_that_become_negative_are_made_up_for(address: str) -> None:
    """Section 6.9.2: SETTINGS take back what was granted, and what is granted then counts from below zero."""
    with Peer(address, {INITIAL_WINDOW_SIZE: 10_000}, grants=None).shake_hands() as peer:
        stream = peer.ask(command(LARGE))
        reply = peer.reply(stream)
        peer.read_until(lambda: len(reply.body) == 10_000, "the window to be used")
        acks = peer.settings_acks
        peer.send(peer.change({INITIAL_WINDOW_SIZE: 100}))
        peer.read_until(lambda: peer.settings_acks > acks, "the acknowledgement")
        peer.send(peer.grant(stream, 9_900))  # to zero exactly
        peer.send(frame(PING, 0, 0, b"nothing."))
        peer.read_until(lambda: b"nothing." in peer.pongs, "the answer to a ping")
        assert len(reply.body) == 10_000
        peer.send(peer.grant(stream, 1))
        peer.read_until(lambda: len(reply.body) == 10_001, "one more byte")
        peer.send(peer.change({INITIAL_WINDOW_SIZE: 1 << 20}))
        assert peer.wait(stream).fields["grpc-status"] == "0"


def test_the_connection_s_window_is_shared_and_kept(address: str) -> None:
    with Peer(address, {INITIAL_WINDOW_SIZE: 1 << 20}, grants=None).shake_hands() as peer:
        streams = [peer.ask(command(LARGE)) for _ in range(3)]

        def received() -> int:
            return sum(len(peer.reply(stream).body) for stream in streams)

        peer.read_until(lambda: received() == WINDOW_DEFAULT, "the window to be used")
        for more in range(1, 41):
            peer.send(peer.grant(0, 1))
            peer.read_until(partial(lambda more: received() == WINDOW_DEFAULT + more, more), "a byte")
        peer.send(peer.grant(0, 1 << 20))
        assert {peer.wait(stream).fields["grpc-status"] for stream in streams} == {"0"}
        assert len({peer.reply(stream).body for stream in streams}) == 1


def plain(payload: bytes, path: str = GET) -> Call:
    """A call as any client makes it."""
    return Call(path, KEY, payload, (), True, False, (), (), (None,), None, "data")


def test_a_catalogue_comes_through_any_window(pair: Pair) -> None:
    for window, grants in ((1000, 1000), (16_384, 100), (1 << 20, 1 << 20)):
        conversation = Conversation((plain(b"", SYNC),), window, grants, 16_384, (), 1 << 20, 0)
        ours, theirs = hold(conversation, pair.appliance.grpc_address), hold(conversation, pair.oracle)
        assert [meaning(one) for one in ours] == [meaning(one) for one in theirs]
