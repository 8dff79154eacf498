"""The null server answers every client as a correct server does, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from appliance.pb import avap_pb2
from bench.host import REPOSITORY
from bench.load import make_load
from bench.null_server import COMMAND, RECORD_BYTES_MAX, make_record, null_server
from bench.target import GET, SYNC, VERSION_HEADER, Target
from bench.verdict import BenchError
from tests.waiting import wait_until

RECORD_BYTES = 700
SYNC_BYTES = 5_000_000
ENDS_S = 20
# A benchmark that is killed, with its null server.
ORPHANING = """
import sys
from pathlib import Path
from bench.null_server import null_server
with null_server(700, Path(sys.argv[1])) as target:
    print(*target.pids(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with null_server(RECORD_BYTES, tmp_path_factory.mktemp("null")) as found:
        yield found


def call(target: Target, path: str, request: bytes) -> tuple[bytes, dict[str, str]]:
    options = [("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(target.address, options) as channel:
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
        reply, done = ask.with_call(request, timeout=ENDS_S)
        return reply, {str(name): str(value) for name, value in done.initial_metadata()}


@pytest.mark.parametrize("record_bytes", [17, 60, 120, 127, 128, 145, 146, 700, 16_379, 16_380, 16_500, 1_000_000])
def test_a_record_has_the_length_that_was_asked_for(record_bytes: int) -> None:
    record = make_record(record_bytes)
    # Where the length of the code takes another byte, one length in between cannot be had.
    assert record_bytes - 3 <= len(record) <= record_bytes
    assert avap_pb2.CommandDefinition.FromString(record).name == COMMAND
    assert record.startswith(b"\x0a\x0f" + COMMAND.encode())


@pytest.mark.parametrize("record_bytes", [0, 16, RECORD_BYTES_MAX + 1])
def test_a_record_that_cannot_be_made_is_refused(record_bytes: int) -> None:
    with pytest.raises(BenchError, match=str(record_bytes)):
        make_record(record_bytes)


def test_a_foreign_client_gets_its_one_record_for_any_name(target: Target) -> None:
    catalog = avap_pb2.Catalog.FromString(target.catalog.read_bytes())
    (record,) = catalog.commands
    assert record.ByteSize() == RECORD_BYTES
    (digest,) = target.versions
    for name in (COMMAND, "another"):
        reply, metadata = call(target, GET, avap_pb2.CommandRequest(name=name).SerializeToString())
        assert avap_pb2.CommandDefinition.FromString(reply) == record
        assert metadata[VERSION_HEADER] == f"1-{digest}"
    reply, metadata = call(target, SYNC, b"")
    assert (reply, metadata[VERSION_HEADER]) == (target.catalog.read_bytes(), f"1-{digest}")


def test_a_foreign_client_gets_a_catalogue_of_many_windows(tmp_path: Path) -> None:
    with null_server(SYNC_BYTES, tmp_path) as large:
        reply, _ = call(large, SYNC, b"")
    assert reply == (tmp_path / "null-catalog").read_bytes()
    assert SYNC_BYTES <= len(reply) <= SYNC_BYTES + 5


@pytest.mark.parametrize("method", ["GetCommand", "SyncCatalog"])
def test_the_generator_verifies_every_reply(target: Target, method: str) -> None:
    report = make_load(
        target.address, target.key, target.versions, connections=2, streams=20, duration_s=0.2, warmup_s=0.0,
        knobs={"method": method},
    )  # fmt: skip
    assert report.measured > 100
    assert report.raw["clean"]


def test_the_generator_would_notice_another_record(target: Target, tmp_path: Path) -> None:
    other = tmp_path / "other"
    wrong = bytearray(target.catalog.read_bytes())
    wrong[-1] ^= 1
    other.write_bytes(wrong)
    versions = dict.fromkeys(target.versions, other)
    with pytest.raises(BenchError, match="wrong_bytes"):
        make_load(target.address, target.key, versions, connections=1, streams=1, duration_s=0.1, warmup_s=0.0)


def test_it_runs_on_the_cores_that_it_is_given(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    core = max(before)
    with null_server(RECORD_BYTES, tmp_path, [core]) as found:
        assert [os.sched_getaffinity(pid) for pid in found.pids()] == [{core}]
    assert os.sched_getaffinity(0) == before


def test_nothing_is_left_after_the_block(tmp_path: Path) -> None:
    with null_server(RECORD_BYTES, tmp_path) as found:
        (pid,) = found.pids()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    host, _, port = found.address.rpartition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=ENDS_S)


def test_it_ends_with_a_benchmark_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ORPHANING, str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not _runs(pid), ENDS_S, "the null server to end")


def test_it_ends_with_term(tmp_path: Path) -> None:
    with null_server(RECORD_BYTES, tmp_path) as found:
        (pid,) = found.pids()
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not _runs(pid), ENDS_S, "the null server to end")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False
