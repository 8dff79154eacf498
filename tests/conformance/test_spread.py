"""Connections are spread over the workers, also while one of them is being replaced."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.appliance.load import GET
from tests.appliance.process import KEY, Appliance, serving
from tests.conformance.peer import Peer
from tests.waiting import wait_until

WORKERS = 4
SETTLED_S = 0.1
SHARED_S = 5.0
ROUNDS = 5
"""The kernel's hashing would spread some sets of connections by chance."""


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    """Four workers, and two of HTTP that take no part."""
    environ = {"AVAP_GRPC_WORKERS": str(WORKERS), "AVAP_HTTP_WORKERS": "2", "AVAP_WORKER_BACKOFF_MAX_S": "0.2"}
    with serving(tmp_path / "state", environ) as running:
        yield running


def counts(appliance: Appliance) -> list[int]:
    """Connections of each gRPC worker, as they are now; a vacant slot has none."""
    return [worker.connections for worker in appliance.status().workers if worker.role == "grpc"]


def check_spread(appliance: Appliance, connections: int, at_most_apart: int, within_s: float = SETTLED_S) -> None:
    """`connections` are there in all, and no two workers' numbers of them are further apart."""
    seen: list[list[int]] = []

    def spread() -> bool:
        seen.append(counts(appliance))
        return sum(seen[-1]) == connections and max(seen[-1]) - min(seen[-1]) <= at_most_apart

    try:
        wait_until(spread, within_s, "the connections to be spread")
    except AssertionError as error:
        raise AssertionError(f"{seen[-1]} after {within_s} s") from error


def connect(appliance: Appliance, stack: ExitStack, number: int) -> None:
    """So many connections, each with a handshake; the last of them is the last thing done."""
    for _ in range(number):
        stack.enter_context(Peer(appliance.grpc_address)).start()


def wait_none(appliance: Appliance) -> None:
    """Until the workers know that all are closed."""
    wait_until(lambda: sum(counts(appliance)) == 0, 10, "every connection to be gone")


@pytest.mark.parametrize(("connections", "apart"), [(4, 0), (16, 1), (13, 1)])
def test_connections_are_spread_evenly(appliance: Appliance, connections: int, apart: int) -> None:
    for _ in range(ROUNDS):
        with ExitStack() as stack:
            connect(appliance, stack, connections)
            check_spread(appliance, connections, apart)
        wait_none(appliance)


def test_a_connection_that_was_handed_over_answers_its_first_request(appliance: Appliance) -> None:
    """The bytes that came before the hand-over are not lost."""
    for _ in range(ROUNDS):
        with ExitStack() as stack:
            peers = [stack.enter_context(Peer(appliance.grpc_address)) for _ in range(16)]
            for peer in peers:
                peer.start()
                peer.ask()
            assert [peer.wait(1).fields["grpc-status"] for peer in peers] == ["0"] * len(peers)
            check_spread(appliance, len(peers), 1)
        wait_none(appliance)


def test_connections_that_say_nothing_yet_are_spread_too(appliance: Appliance) -> None:
    host, port = appliance.grpc_address.split(":")
    with ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(socket.create_connection((host, int(port))))
        check_spread(appliance, 16, 1)


def test_connections_are_spread_while_a_worker_is_replaced(appliance: Appliance) -> None:
    """The others share what comes while a slot is vacant; what comes when it is filled evens out again."""
    with ExitStack() as stack:
        killed = appliance.status().workers[2].pid
        os.kill(killed, signal.SIGKILL)
        # What a dying worker has taken dies with it.
        wait_until(lambda: appliance.status().workers[2].pid != killed, 10, "the worker to be gone")
        connect(appliance, stack, 15)
        seen: list[list[int]] = []

        def shared() -> bool:
            """By three while the slot is vacant, or by four with the new worker, which takes of the last ones."""
            seen.append(counts(appliance))
            others = [count for slot, count in enumerate(seen[-1]) if slot != 2]
            return sum(seen[-1]) == 15 and max(others) - min(others) <= 1 and seen[-1][2] <= max(others)

        try:
            wait_until(shared, SHARED_S, "the connections to be shared")
        except AssertionError as error:
            raise AssertionError(f"{seen[-1]} after {SHARED_S} s") from error

        def refilled() -> bool:
            worker = appliance.status().workers[2]
            return worker.state == "serving" and worker.pid not in (0, killed)

        wait_until(refilled, 20, "a new worker in the slot")
        before = counts(appliance)
        missing = sum(max(before) - count for count in before)
        connect(appliance, stack, missing)
        check_spread(appliance, 15 + missing, 1)
        for connection in range(3):
            with Peer(appliance.grpc_address) as peer:
                peer.shake_hands()
                assert peer.call(path=GET, key=KEY).fields["grpc-status"] == "0", connection
