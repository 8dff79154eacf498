"""Whoever breaks a rule of HTTP/2 gets the error that the RFC names, on the scope that it names."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.appliance.process import Appliance
from tests.conformance.breaches import BREACHES, Breach
from tests.conformance.conversation import command
from tests.conformance.peer import DATA, PREFACE, Peer, frame, message
from tests.conformance.peer import settings as settings_frame

GENERATED = 250
OPEN_MAX = 3


def check(peer: Peer, breach: Breach, stream: int) -> None:
    """The error has the right code and scope."""
    if breach.scope != "connection":
        reply = peer.reply(stream)
        while reply.reset in (None, "NO_ERROR") and peer.read():
            pass
        if reply.reset is not None:
            assert reply.reset in breach.codes
            assert peer.goaway is None
            return
        assert breach.scope == "either", f"the connection was closed with {peer.goaway}, and the breach is the stream's"
    peer.wait_closed()
    assert peer.goaway in breach.codes, f"{peer.goaway} {peer.goaway_text!r}"
    assert not peer.reset_by_peer, "the connection was reset, and the GOAWAY may be lost by that"


@pytest.mark.parametrize("breach", BREACHES, ids=str)
def test_a_breach_gets_its_error(appliance: Appliance, breach: Breach) -> None:
    with Peer(appliance.grpc_address) as peer:
        peer.shake_hands()
        stream = breach.commit(peer)
        check(peer, breach, stream)
        if peer.goaway is None:
            assert still_serves(peer, breach)


def still_serves(peer: Peer, breach: Breach) -> bool:
    """Whether the connection goes on; one whose streams were all taken has room again when one is given up."""
    if breach.section == "5.1.2":
        peer.send(frame(3, 0, 1, (8).to_bytes(4, "big")))
    peer.send(peer.change({4: 65_535}))
    return peer.call().fields["grpc-status"] == "0"


@settings(
    max_examples=GENERATED, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    breach=st.sampled_from([breach for breach in BREACHES if breach.section != "5.1.2"]),
    calls=st.integers(0, 4), opened=st.integers(0, OPEN_MAX), cut_bytes=st.sampled_from([1, 2, 7, 100, 1 << 20]),
    seed=st.integers(0, 1 << 32),
)  # fmt: skip
def test_a_breach_in_the_midst_of_other_work_gets_its_error(
    appliance: Appliance, breach: Breach, calls: int, opened: int, cut_bytes: int, seed: int
) -> None:
    """Other streams have ended, are half asked or wait; a breach of one of them leaves those alone."""
    chance = random.Random(seed)

    def cut(data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), cut_bytes):
            yield data[start : start + cut_bytes]

    with Peer(appliance.grpc_address, cut=cut) as peer:
        peer.shake_hands()
        for _ in range(calls):
            peer.call(command(chance.choice(["small", "none"])))
        body = message(command("small"))
        begun = [(peer.open(), chance.randrange(len(body))) for _ in range(opened)]
        peer.send(*(frame(DATA, 0, stream, body[:sent]) for stream, sent in begun))
        check(peer, breach, breach.commit(peer))
        if peer.goaway is None:
            peer.send(peer.change({4: 65_535}))
            for stream, sent in begun:
                peer.send(frame(DATA, 1, stream, body[sent:]))
                assert peer.wait(stream).fields["grpc-status"] == "0"


PREFACES = {
    "a byte that is wrong": PREFACE[:-1] + b"\r",
    "HTTP/1.1": b"GET / HTTP/1.1\r\nhost: test\r\n\r\n",
    "TLS": bytes.fromhex("16030100a5010000a10303") + bytes(100),
    "no SETTINGS but PING": PREFACE + frame(6, 0, 0, bytes(8)),
    "no SETTINGS but an acknowledgement": PREFACE + settings_frame({}, 1),
}


@pytest.mark.parametrize("preface", PREFACES)
def test_who_does_not_begin_with_the_preface_is_sent_away(appliance: Appliance, preface: str) -> None:
    """Section 3.4: a GOAWAY may be left out, for who sent this may not speak HTTP/2 at all."""
    with Peer(appliance.grpc_address) as peer:
        peer.send(PREFACES[preface])
        peer.wait_closed()
        assert peer.goaway in (None, "PROTOCOL_ERROR")
