"""Attacks cost the attacker: the worker's memory stays where it was, and a healthy client beside it sees no error."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import grpc
import pytest

from bench.hostile import ATTACKS, run
from bench.processes import MemoryWatch
from tests.appliance.catalog import write_version
from tests.appliance.load import get_raw, open_channel
from tests.appliance.process import KEY, Appliance, serving
from tests.waiting import wait_until

MEMORY_MAX = 8 << 20
ATTACK_S_MAX = 4.0
HEALTHY_CALLS_MIN = 20
WARM_CALLS = 200


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """One worker for the file, with a catalogue that no socket buffer holds: 4 MB."""
    folder = tmp_path_factory.mktemp("commands")
    write_version(folder, 1, [f"command{number}" for number in range(200)], padding=20_000)
    environ = {"AVAP_CATALOG_DIR": str(folder), "AVAP_CATALOG_REFRESH_S": "3600"}
    with serving(tmp_path_factory.mktemp("attacked") / "state", environ) as running:
        pid = running.worker_pids()[0]
        with open_channel(running.grpc_address) as channel:
            for _ in range(WARM_CALLS):
                get_raw(channel, "addVar")
        yield running
        assert running.worker_pids() == [pid], "the worker did not live on"
        assert not running.logged("Worker Died")
        assert running.metrics()["avap_worker_panics_total"] == 0


class HealthyClient:
    """Calls one after the other on a connection of its own, for the length of a block."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.calls = 0
        self.errors: list[str] = []

    def __enter__(self) -> HealthyClient:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "a call hangs"

    def _run(self) -> None:
        with open_channel(self._address) as channel:
            expected, _ = get_raw(channel, "addVar")
            while not self._stop.is_set() or self.calls < HEALTHY_CALLS_MIN:
                try:
                    if get_raw(channel, "addVar")[0] != expected:
                        self.errors.append("another record")
                    self.calls += 1
                except grpc.RpcError as error:
                    self.errors.append(f"{error.code()}: {error.details()}")
                    return


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_takes_no_memory_and_no_healthy_client_notices(attacked: Appliance, name: str) -> None:
    attack = ATTACKS[name]
    pid = attacked.worker_pids()[0]
    with MemoryWatch(attacked.process.pid) as resting:
        wait_until(lambda: resting.samples >= 3, 10, "samples of what it has at rest")
    with MemoryWatch(attacked.process.pid, every_s=0.005) as watch, HealthyClient(attacked.grpc_address) as healthy:
        run(attack, attacked.grpc_address, KEY, time.monotonic() + min(attack.ends_s, ATTACK_S_MAX))
    assert healthy.errors == []
    grown = watch.peak_worker_bytes[pid] - resting.peak_worker_bytes[pid]
    assert grown <= MEMORY_MAX, f"{grown / 1e6:.1f} MB"
