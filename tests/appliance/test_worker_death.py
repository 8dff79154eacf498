"""Workers die under load: who notices, how, and for how long."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.appliance.catalog import embedded_names, write_version
from tests.appliance.load import Load, get_raw, open_channel
from tests.appliance.process import Appliance, serving
from tests.waiting import wait_until, wait_until_grown

KILLS = 20
ANSWERED_WITHIN_S = 0.25


def kill_worker(appliance: Appliance, slot: int) -> tuple[int, int]:
    """Kill the worker of a slot; returns its pid and how many connections it had."""
    worker = appliance.status().workers[slot]
    os.kill(worker.pid, signal.SIGKILL)
    return worker.pid, worker.connections


def wait_refilled(appliance: Appliance, slot: int, old_pid: int) -> None:
    """Wait until a new worker serves in the slot."""

    def refilled() -> bool:
        worker = appliance.status().workers[slot]
        return worker.state == "serving" and worker.pid not in (0, old_pid)

    wait_until(refilled, 20, f"a new worker in slot {slot}")


FourWorkers = tuple[Appliance, dict[str, dict[str, bytes]], list[str]]


class NewConnections:
    """Opens one connection after the other and keeps the longest time to a first reply."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.times_s: list[float] = []
        self.errors: list[str] = []

    def __enter__(self) -> NewConnections:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                with open_channel(self._address) as channel:
                    get_raw(channel, "addVar")
                self.times_s.append(time.monotonic() - started)
            except grpc.RpcError as error:  # it had been accepted by the worker that was killed just then
                self.errors.append(f"{error.code()}: {error.details()}")


@pytest.fixture
def four_workers(tmp_path: Path) -> Iterator[FourWorkers]:
    """Four workers that serve an operator's folder; yields (appliance, versions, names)."""
    folder = tmp_path / "commands"
    folder.mkdir()
    names = embedded_names()
    records = write_version(folder, 1, names)
    environ = {"AVAP_GRPC_WORKERS": "4", "AVAP_CATALOG_DIR": str(folder), "AVAP_WORKER_BACKOFF_MAX_S": "0.5"}
    with serving(tmp_path / "state", environ) as appliance:
        yield appliance, {appliance.status().catalog.digest: records}, names


def test_killed_workers_cost_only_the_calls_in_flight_on_their_connections(four_workers: FourWorkers) -> None:
    appliance, versions, names = four_workers
    allowed = 0
    totals: list[float] = []
    with Load(appliance.grpc_address, versions, names, connections=6) as load:
        for number in range(KILLS):
            wait_until_grown(lambda: load.calls, 50, "load to flow again")
            slot = number % 4
            pid, connections = kill_worker(appliance, slot)
            allowed += connections
            wait_refilled(appliance, slot, pid)
            totals.append(sum(v for k, v in appliance.metrics().items() if k.startswith("avap_requests_total")))
    load.check()
    assert len(load.failures) <= allowed
    assert {failure.code for failure in load.failures} <= {grpc.StatusCode.UNAVAILABLE}
    assert totals == sorted(totals), "totals went back"
    assert totals[-1] >= load.calls * 0.5  # a killed worker's last count may be missing a call in flight, no more
    restarts = sum(worker.restarts for worker in appliance.status().workers)
    assert restarts == KILLS


def test_new_connections_are_answered_while_workers_die_and_a_slot_crash_loops(four_workers: FourWorkers) -> None:
    appliance, _, _ = four_workers
    with NewConnections(appliance.grpc_address) as connections:
        for _ in range(8):  # slot 0 is killed as soon as it is back: a crash loop
            pid, _ = kill_worker(appliance, 0)
            wait_refilled(appliance, 0, pid)
        wait_until(lambda: len(connections.times_s) >= 100, 60, "a hundred new connections")
    assert appliance.logged("Slot Adopted"), "a vacant slot was never adopted"
    assert max(connections.times_s) <= ANSWERED_WITHIN_S
    assert len(connections.errors) <= 8  # at most the connection that a killed worker had just accepted


def test_totals_count_every_reply_once_across_a_worker_s_death(tmp_path: Path) -> None:
    with serving(tmp_path / "state") as appliance:
        name = 'avap_requests_total{method="GetCommand",status="200"}'
        for round_number in (1, 2, 3):
            with open_channel(appliance.grpc_address) as channel:
                for _ in range(25):
                    get_raw(channel, "addVar")
            assert appliance.metrics()[name] == 25 * round_number
            pid, _ = kill_worker(appliance, 0)
            wait_refilled(appliance, 0, pid)


def test_a_stopped_worker_is_aborted_and_replaced(tmp_path: Path) -> None:
    environ = {"AVAP_GRPC_WORKERS": "2", "AVAP_WORKER_HEARTBEAT_TIMEOUT_S": "1"}
    with serving(tmp_path / "state", environ) as appliance:
        pid = appliance.worker_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        wait_refilled(appliance, 0, pid)
        assert appliance.logged("Worker Stuck")[0]["worker_pid"] == pid
        with open_channel(appliance.grpc_address) as channel:
            get_raw(channel, "addVar")
