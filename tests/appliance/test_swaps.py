"""Versions change under load."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import grpc

from tests.appliance.catalog import embedded_names, record, sync_body, write_version
from tests.appliance.frames import RawConnection
from tests.appliance.load import SYNC, Load, get_raw, open_channel, sync_raw
from tests.appliance.process import KEY, serving
from tests.waiting import wait_until, wait_until_grown

SWAPS = 200
STALLED_READERS = 20
STALLED_SWAPS = 50


def test_two_hundred_swaps_under_load_lose_and_mix_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()
    names = embedded_names()
    versions = {}
    records = write_version(folder, 0, names)
    environ = {"AVAP_GRPC_WORKERS": "2", "AVAP_CATALOG_DIR": str(folder), "AVAP_CATALOG_REFRESH_S": "3600"}
    with serving(tmp_path / "state", environ) as appliance:
        versions[appliance.status().catalog.digest] = records
        with Load(appliance.grpc_address, versions, names, connections=4) as load:
            for number in range(1, SWAPS + 1):
                records = write_version(folder, number, names)
                reply = appliance.reload()
                assert reply.outcome == "announced", reply
                versions[reply.digest] = records
                wait_until_grown(lambda: load.calls, 10, "load to flow through the swap")
        load.check()
        assert load.failures == []
        assert len(versions) == SWAPS + 1
        with open_channel(appliance.grpc_address) as channel:
            body = sync_raw(channel)
        assert body == sync_body({name: records[name] for name in sorted(records, key=str.encode)})
        assert len(appliance.shared_memory()) == 2 + 4  # announcement, slots; keep_generations 3 and the current one


def test_a_reload_is_answered_when_every_worker_serves_the_version_or_says_that_one_does_not(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()
    write_version(folder, 0, ["mine"])
    environ = {"AVAP_GRPC_WORKERS": "2", "AVAP_CATALOG_DIR": str(folder), "AVAP_CATALOG_REFRESH_S": "3600"}
    with serving(tmp_path / "state", environ) as appliance:
        write_version(folder, 1, ["mine"])
        reply = appliance.reload()
        assert (reply.outcome, reply.message) == ("announced", "")
        assert {worker.generation for worker in appliance.status().workers} == {reply.generation}

        stopped = appliance.worker_pids()[1]
        os.kill(stopped, signal.SIGSTOP)
        try:
            write_version(folder, 2, ["mine"])
            reply = appliance.reload()
            assert reply.outcome == "announced"
            assert reply.message.startswith("not every worker serves it yet")
            served = [worker.generation for worker in appliance.status().workers]
            assert served == [reply.generation, reply.generation - 1]
        finally:
            os.kill(stopped, signal.SIGCONT)
        wait_until(
            lambda: {worker.generation for worker in appliance.status().workers} == {reply.generation}, 10,
            "the other worker to follow",
        )  # fmt: skip


def test_stalled_readers_cannot_fill_shared_memory(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()
    names = [f"command{number}" for number in range(200)]
    padding = 20_000  # 4 MB a version: far more than socket buffers take
    write_version(folder, 0, names, padding=padding)
    environ = {
        "AVAP_CATALOG_DIR": str(folder), "AVAP_CATALOG_REFRESH_S": "3600", "AVAP_CATALOG_KEEP_GENERATIONS": "1",
        "AVAP_DRAIN_TIMEOUT_S": "1",
    }  # fmt: skip
    with serving(tmp_path / "state", environ) as appliance:
        segment_bytes = appliance.status().catalog.bytes
        readers: list[RawConnection] = []
        held_most = 0
        try:
            for number in range(1, STALLED_SWAPS + 1):
                if len(readers) < STALLED_READERS:
                    reader = RawConnection(appliance.grpc_address)
                    reader.request(SYNC, KEY)
                    reader.wait_headers()
                    readers.append(reader)  # and never reads again
                write_version(folder, number, names, padding=padding)
                assert appliance.reload().outcome == "announced"
                held_most = max(held_most, mapped_segments(appliance.worker_pids()[0], appliance.instance))
            wait_until(
                lambda: mapped_segments(appliance.worker_pids()[0], appliance.instance) <= 2, 15,
                "stalled streams to be reset and their segments unmapped",
            )  # fmt: skip
            assert len(appliance.shared_memory()) == 2 + 2
            over_aged = sum(v for k, v in appliance.metrics().items() if k.startswith("avap_streams_over_aged_total"))
            assert over_aged == STALLED_READERS
            assert segment_bytes > 200 * padding
        finally:
            for reader in readers:
                reader.close()


def mapped_segments(pid: int, instance: str) -> int:
    """How many different segments a worker has mapped."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    names = {
        line.split("/dev/shm/")[1].removesuffix(" (deleted)") for line in maps if f"/dev/shm/avap-{instance}" in line
    }
    return len({name for name in names if name.rsplit("-", 1)[1].isdigit()})


def test_a_rollback_announces_an_old_version_under_a_new_generation_and_survives_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()
    write_version(folder, 1, ["mine"])
    environ = {"AVAP_CATALOG_DIR": str(folder), "AVAP_CATALOG_REFRESH_S": "0.2"}
    with serving(tmp_path / "state", environ) as appliance:
        first = appliance.status().catalog
        write_version(folder, 2, ["mine"])
        second = appliance.reload()
        assert second.generation == first.generation + 1
        done = appliance.run_avap("catalog", "rollback")
        assert done.returncode == 0, done.stderr
        rolled = appliance.status().catalog
        assert (rolled.generation, rolled.digest, rolled.pinned) == (second.generation + 1, first.digest, True)
        assert appliance.reload().outcome == "pinned"
    with serving(tmp_path / "state", environ) as appliance:
        again = appliance.status().catalog
        assert (again.generation, again.digest, again.pinned) == (rolled.generation + 1, first.digest, True)
        assert appliance.run_avap("catalog", "unpin").returncode == 0
        wait_until(lambda: appliance.status().catalog.digest == second.digest, 10, "the source to be followed again")
        assert not appliance.status().catalog.pinned


def test_an_edit_in_the_folder_is_served_without_being_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()
    write_version(folder, 1, ["mine"])
    environ = {"AVAP_CATALOG_DIR": str(folder), "AVAP_CATALOG_REFRESH_S": "0.1"}
    with serving(tmp_path / "state", environ) as appliance:
        digest = appliance.status().catalog.digest
        records = write_version(folder, 2, ["mine"])
        wait_until(lambda: appliance.status().catalog.digest != digest, 10, "the edit to be announced")
        with open_channel(appliance.grpc_address) as channel:
            wait_until(lambda: get(channel, "mine") == records["mine"], 5, "the worker to swap")
        assert records["mine"] == record("mine", "# mine of version 2\n\n")


def get(channel: grpc.Channel, name: str) -> bytes:
    """One record."""
    return get_raw(channel, name)[0]
