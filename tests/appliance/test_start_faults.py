"""Starts that cannot go well: a message that says what to do, the documented exit code, nothing leaked.

Root ignores permission bits, so these runs drop every capability first: uid 0 without CAP_DAC_OVERRIDE is refused like
anybody else. A small tmpfs in a mount namespace of its own is the full disk.
"""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from appliance._native import snapshot_probe
from tests.appliance.catalog import write_version
from tests.appliance.load import get_raw, open_channel
from tests.appliance.process import AVAP, KEY, Appliance, serving
from tests.waiting import wait_until

UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs"]


def without_privileges() -> list[str]:
    """What to put before a command so that permission bits count."""
    return UNPRIVILEGED if os.geteuid() == 0 else []


def in_namespace(script: str) -> list[str]:
    """Run `script` as root of a mount namespace, then the command itself, without privileges."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    tail = " ".join(UNPRIVILEGED)
    return ["unshare", "--mount", *user, "sh", "-c", f'set -e; {script}; exec {tail} "$@"', "sh"]


def failed_start(
    state_dir: Path, environ: dict[str, str] | None = None, *, command: list[str] | None = None
) -> tuple[int, str]:
    """Start, expect it to end by itself; returns exit code and everything it said."""
    with Appliance(state_dir, environ, command=without_privileges() if command is None else command) as appliance:
        code = appliance.wait(30)
        assert appliance.shared_memory() == []
        wait_until(lambda: not appliance.processes(), 5, "every process to end")
        said = appliance.text_log() + appliance.stdout.decode()
    assert "Traceback" not in said, said
    assert KEY not in said
    return code, said


def test_a_port_taken_by_somebody_else_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # the kernel would share it silently
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, said = failed_start(tmp_path / "state", {"PORT": str(port)})
    assert code == 69
    assert f"port {port}" in said
    assert "PORT" in said


def test_a_port_taken_by_another_instance_is_named(tmp_path: Path) -> None:
    with serving(tmp_path / "one") as first:
        port = first.grpc_address.split(":")[1]
        code, said = failed_start(tmp_path / "two", {"PORT": port})
        assert code == 69
        assert f"port {port}" in said
        with open_channel(first.grpc_address) as channel:
            get_raw(channel, "addVar")


def test_a_taken_metrics_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, said = failed_start(tmp_path / "state", {"AVAP_METRICS_PORT": str(port)})
    assert code == 69
    assert "AVAP_METRICS_PORT" in said


def test_two_instances_on_one_state_directory_do_not_meet(tmp_path: Path) -> None:
    with serving(tmp_path / "state") as first:
        names = first.shared_memory()
        with Appliance(tmp_path / "state") as second:
            assert second.wait(30) == 75
            said = second.text_log() + second.stdout.decode()
        assert f"pid {first.process.pid}" in said
        assert "AVAP_STATE_DIR" in said
        assert first.shared_memory() == names
        with open_channel(first.grpc_address) as channel:
            get_raw(channel, "addVar")


def test_an_unwritable_state_directory_is_named(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o500)
    code, said = failed_start(state)
    assert code == 73
    assert str(state) in said


def test_a_state_directory_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    code, said = failed_start(tmp_path / "closed" / "state")
    assert code == 73
    assert "AVAP_STATE_DIR" in said


def test_a_full_state_directory_at_first_start_is_named(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    script = (
        f"mount -t tmpfs -o size=64k,mode=700 tmpfs {state}; head -c 1M /dev/zero > {state}/filler 2>/dev/null || true"
    )
    code, said = failed_start(state, command=in_namespace(script))
    assert code == 73
    assert "state" in said


def test_a_state_disk_that_is_too_small_for_the_snapshot_costs_only_the_snapshot(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    folder = tmp_path / "commands"
    folder.mkdir()
    write_version(folder, 1, ["mine"], padding=200_000)
    script = f"mount -t tmpfs -o size=96k,mode=700 tmpfs {state}"
    environ = {"AVAP_CATALOG_DIR": str(folder)}
    with Appliance(state, environ, command=in_namespace(script)) as appliance:
        appliance.wait_ready()
        assert appliance.logged("Snapshot Not Written")
        assert appliance.metrics()["avap_snapshot_ok"] == 0
        with open_channel(appliance.grpc_address) as channel:
            get_raw(channel, "mine")
        appliance.close()
        assert appliance.process.returncode == 0


def test_a_full_dev_shm_at_start_is_named(tmp_path: Path) -> None:
    script = "mount -t tmpfs -o size=4k tmpfs /dev/shm; echo x > /dev/shm/filler"
    code, said = failed_start(tmp_path / "state", command=in_namespace(script))
    assert code == 71
    assert "/dev/shm" in said


def test_a_version_that_does_not_fit_into_dev_shm_is_refused_and_served_once_there_is_room(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()
    write_version(folder, 1, ["mine"])
    script = "mount -t tmpfs -o size=2m tmpfs /dev/shm"
    environ = {"AVAP_CATALOG_DIR": str(folder), "AVAP_CATALOG_RESERVE_BYTES": "0"}
    with Appliance(tmp_path / "state", environ, command=in_namespace(script)) as appliance:
        appliance.wait_ready()
        before = appliance.status().catalog
        write_version(folder, 2, ["mine"], padding=8_000_000)
        reply = appliance.reload()
        assert (reply.outcome, reply.generation) == ("rejected", before.generation)
        assert "/dev/shm" in reply.message
        assert appliance.status().catalog.last_rejection.reason == "no_room"
        with open_channel(appliance.grpc_address) as channel:
            get_raw(channel, "mine")
        write_version(folder, 3, ["mine"])
        assert appliance.reload().outcome == "announced"
        appliance.close()
        assert appliance.process.returncode == 0


def test_an_unreadable_key_file_is_named(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"{KEY}\n")
    keys.chmod(0)
    code, said = failed_start(tmp_path / "state", {"API_KEY": "", "API_KEY_FILE": str(keys)})
    assert code == 77
    assert str(keys) in said


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"PORT": "many"}, "grpc.port"),
        ({"AVAP_GRPC_WORKERS": "0"}, "grpc.workers"),
        ({"AVAP_CATALOG_REFRESHS": "60"}, "AVAP_CATALOG_REFRESH_S"),
        ({"AVAP_GRPC_WIRE": "lite"}, "AVAP_SIGNING_KEY"),
        ({"DATABASE_URL": "mysql://somewhere"}, "database.url"),
    ],
)
def test_a_bad_configuration_is_named_with_its_source(tmp_path: Path, environ: dict[str, str], named: str) -> None:
    code, said = failed_start(tmp_path / "state", environ)
    assert code == 78
    assert named in said
    assert next(iter(environ)) in said


def damage(path: Path, offset: int) -> None:
    """Flip one byte."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x55
    path.write_bytes(data)
    path.chmod(0o600)


@pytest.mark.parametrize("where", ["header", "records", "trailer", "cut", "empty", "open to others"])
def test_a_damaged_or_foreign_snapshot_is_refused_and_replaced(tmp_path: Path, where: str) -> None:
    state = tmp_path / "state"
    with serving(state):
        pass
    snapshot = state / "catalog.snapshot"
    size = snapshot.stat().st_size
    match where:
        case "header":
            damage(snapshot, 9)
        case "records":
            damage(snapshot, 5000)
        case "trailer":
            damage(snapshot, size - 1)
        case "cut":
            os.truncate(snapshot, size // 2)
        case "empty":
            os.truncate(snapshot, 0)
        case "open to others":
            snapshot.chmod(0o666)
    with serving(state) as appliance:
        assert str(snapshot) in appliance.logged("Snapshot Refused")[0]["path"]
        assert appliance.status().catalog.origin == "embedded"
        wait_until(lambda: snapshot_probe(str(snapshot)).commands == 30, 10, "a new snapshot")


def test_a_damaged_ledger_is_named(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with serving(state):
        pass
    (state / "ledger").write_bytes(b"\0" * 1024)
    code, said = failed_start(state)
    assert code == 73
    assert str(state / "ledger") in said


def test_a_ledger_record_cut_by_a_power_failure_costs_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with serving(state) as appliance:
        generation = appliance.status().catalog.generation
    ledger = bytearray((state / "ledger").read_bytes())
    older = 0 if ledger[:512] < ledger[512:] else 1  # sequence leads the text; either one may go
    ledger[512 * older + 100 : 512 * older + 200] = bytes(100)
    (state / "ledger").write_bytes(ledger)
    with serving(state) as appliance:
        assert appliance.status().catalog.generation >= generation


def test_it_serves_without_any_privilege(tmp_path: Path) -> None:
    with Appliance(tmp_path / "state", command=without_privileges()) as appliance:
        appliance.wait_ready()
        with open_channel(appliance.grpc_address) as channel:
            get_raw(channel, "addVar")
        assert appliance.stop() == 0
        assert appliance.shared_memory() == []


def test_the_tools_that_these_tests_need_are_here() -> None:
    assert shutil.which("setpriv")
    assert shutil.which("unshare")
    assert AVAP.exists()
