"""Connections are spread evenly over workers, whatever the kernel's hashing does."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appliance.frames import RawConnection
from tests.appliance.load import GET
from tests.appliance.process import KEY, Appliance, serving
from tests.waiting import wait_until

SETTLED_WITHIN_S = 0.1
WORKERS = 4


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    """Four workers that nobody is connected to."""
    with serving(tmp_path / "state", {"AVAP_GRPC_WORKERS": str(WORKERS)}) as running:
        yield running


@pytest.fixture
def connections(appliance: Appliance) -> Iterator[list[RawConnection]]:
    """Connections that are closed in the end."""
    opened: list[RawConnection] = []
    yield opened
    for connection in opened:
        connection.close()


def connect(appliance: Appliance, connections: list[RawConnection], count: int) -> None:
    """Open so many more, at once."""
    connections.extend(RawConnection(appliance.grpc_address, receive_buffer=1 << 20) for _ in range(count))


def loads(appliance: Appliance) -> list[int]:
    """Connections of each worker that serves, as the metrics have them."""
    return [worker.connections for worker in appliance.status().workers if worker.state == "serving"]


def assert_settled(appliance: Appliance, expected: int) -> None:
    """All are placed in time, and evenly."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while sum(found := loads(appliance)) < expected and time.monotonic() < deadline:
        pass
    assert sum(found) == expected
    assert max(found) - min(found) <= 1, found


def test_four_connections_use_four_workers(appliance: Appliance, connections: list[RawConnection]) -> None:
    for _ in range(WORKERS):
        connect(appliance, connections, 1)
        assert connections[-1].call(GET, KEY, b"\x0a\x06addVar")[0]["grpc-status"] == "0"
    assert_settled(appliance, WORKERS)


def test_of_sixteen_every_worker_gets_its_share(appliance: Appliance, connections: list[RawConnection]) -> None:
    connect(appliance, connections, 16)
    assert_settled(appliance, 16)
    passed_on = appliance.metrics()["avap_connections_handed_over_total"]
    assert passed_on > 0, "the kernel's hashing alone would not do it"
    for connection in connections:
        assert connection.call(GET, KEY, b"\x0a\x06addVar")[0]["grpc-status"] == "0"


def test_while_a_worker_restarts_the_others_share_and_it_catches_up(
    appliance: Appliance, connections: list[RawConnection]
) -> None:
    connect(appliance, connections, 16)
    assert_settled(appliance, 16)
    victim = appliance.status().workers[1]
    os.kill(victim.pid, signal.SIGKILL)
    connect(appliance, connections, 3)
    wait_until(
        lambda: len(loads(appliance)) == WORKERS and victim.pid not in appliance.worker_pids(), 20, "a new worker"
    )
    wait_until(lambda: sum(loads(appliance)) >= 12 + 3, 5, "every connection to be placed")
    # Those that others had keep their places: the new worker takes what comes until it has as many.
    connect(appliance, connections, 4)
    wait_until(lambda: sum(loads(appliance)) == 12 + 3 + 4, 5, "every connection to be placed")
    assert max(loads(appliance)) - min(loads(appliance)) <= 1
    for connection in connections[16:]:
        assert connection.call(GET, KEY, b"\x0a\x06addVar")[0]["grpc-status"] == "0"


def test_those_passed_to_a_worker_that_just_died_are_shared_too(
    appliance: Appliance, connections: list[RawConnection]
) -> None:
    connect(appliance, connections, 16)
    assert_settled(appliance, 16)
    victim = appliance.status().workers[1]
    # Until the supervisor sees it the others think that the victim serves, and pass a fourth on to it.
    os.kill(appliance.process.pid, signal.SIGSTOP)
    try:
        os.kill(victim.pid, signal.SIGKILL)
        connect(appliance, connections, 24)
    finally:
        os.kill(appliance.process.pid, signal.SIGCONT)
    wait_until(lambda: sum(loads(appliance)) == 12 + 24, 20, "every connection to be placed")
    others = [load for slot, load in enumerate(loads(appliance)) if slot != 1]
    assert max(others) - min(others) <= 1, others
    for connection in connections[16:]:
        assert connection.call(GET, KEY, b"\x0a\x06addVar")[0]["grpc-status"] == "0"
