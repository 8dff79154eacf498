"""The reference servers do the job that ours does: what they are measured at is the same bytes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import grpc
import pytest

from appliance.pb import avap_pb2
from bench import references
from bench.commands import CommandSet
from bench.host import REPOSITORY
from bench.load import make_load
from bench.processes import session_pids
from bench.references import REFERENCES, reference
from bench.target import GET, SYNC, VERSION_HEADER, Target
from bench.verdict import BenchError, MissingToolError
from tests.waiting import wait_until

if TYPE_CHECKING:
    Call = grpc._CallFuture[bytes]

KEY = "reference-key-0123"
DIGEST = "0123456789abcdef" * 2
VERSION = f"7-{DIGEST}"
ENDS_S = 20
MANY = [name for name, known in REFERENCES.items() if known.workers_max is None]
BUILT = {"node": "no Node", "go": "no Go", "tonic": "no Rust toolchain", "bound": "no Rust toolchain"}
"""Name to how the sentence begins that tells what is missing."""
LONG = avap_pb2.CommandDefinition(name="long ñ 100%", code="#" * 40_000, hash="0" * 64, type="function")
"""More than two frames; two of them are more than a connection's first window."""
IN_FLIGHT = 8
# What a benchmark that is killed leaves behind is what this one does.
ORPHANING = """
import sys
from pathlib import Path
from bench.references import reference
with reference(sys.argv[1], Path(sys.argv[2]), sys.argv[3], "key", workers=int(sys.argv[4]), cores=None) as target:
    print(*target.pids(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of ordinary records and one that is neither short nor ASCII."""
    path = CommandSet(50, 700).write_catalog(tmp_path_factory.mktemp("catalog") / "catalog")
    path.write_bytes(path.read_bytes() + avap_pb2.Catalog(commands=[LONG]).SerializeToString())
    return path


@pytest.fixture(scope="module", params=REFERENCES)
def target(request: pytest.FixtureRequest, catalog: Path) -> Iterator[Target]:
    """Each of the reference servers in turn."""
    with reference(request.param, catalog, VERSION, KEY, workers=1, cores=None) as served:
        yield served


@pytest.fixture
def channel(target: Target) -> Iterator[grpc.Channel]:
    options = [("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(target.address, options) as opened:
        yield opened


def ask(channel: grpc.Channel, name: str, key: str | None = KEY, path: str = GET) -> Call:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    message = avap_pb2.CommandRequest(name=name).SerializeToString()
    return call.future(message, metadata=() if key is None else (("x-avap-auth", key),), timeout=ENDS_S)


def refusal(call: Call) -> tuple[grpc.StatusCode, str | None]:
    error = call.exception()
    assert isinstance(error, grpc.RpcError)
    return error.code(), error.details()


def version(call: Call) -> str | bytes | None:
    return dict(call.initial_metadata() or ()).get(VERSION_HEADER)


def test_a_record_comes_back_to_the_byte(channel: grpc.Channel, catalog: Path) -> None:
    for command in avap_pb2.Catalog.FromString(catalog.read_bytes()).commands:
        call = ask(channel, command.name)
        assert call.result() == command.SerializeToString()
        assert version(call) == VERSION


def test_long_records_are_sent_as_the_windows_allow(channel: grpc.Channel) -> None:
    calls = [ask(channel, LONG.name) for _ in range(IN_FLIGHT)]
    assert {call.result() for call in calls} == {LONG.SerializeToString()}


@pytest.mark.parametrize("name", ["nothing", "", "eñe 100% ~'\"", "x" * 200])
def test_an_unknown_name_is_told(channel: grpc.Channel, name: str) -> None:
    assert refusal(ask(channel, name)) == (grpc.StatusCode.NOT_FOUND, f"Command '{name}' not found")
    assert refusal(ask(channel, name)) == (grpc.StatusCode.NOT_FOUND, f"Command '{name}' not found")
    assert ask(channel, LONG.name).result() == LONG.SerializeToString()


@pytest.mark.parametrize("key", [None, "", KEY[:-1], KEY + "0", "r" + KEY[1:-1] + "4"])
def test_a_wrong_key_is_refused(channel: grpc.Channel, key: str | None) -> None:
    assert refusal(ask(channel, LONG.name, key)) == (grpc.StatusCode.UNAUTHENTICATED, "Invalid Credentials")
    assert ask(channel, LONG.name).result() == LONG.SerializeToString()


def test_the_catalogue_comes_back_to_the_byte_or_is_not_served(
    channel: grpc.Channel, target: Target, catalog: Path
) -> None:
    call = ask(channel, "", path=SYNC)
    if REFERENCES[target.name].syncs:
        assert call.result() == catalog.read_bytes()
        assert version(call) == VERSION
        assert refusal(ask(channel, "", "wrong", SYNC))[0] is grpc.StatusCode.UNAUTHENTICATED
    else:
        assert refusal(call)[0] is grpc.StatusCode.UNIMPLEMENTED


def test_the_generator_finds_nothing_wrong(target: Target) -> None:
    names = [*(CommandSet(50, 700).name(index) for index in range(60)), LONG.name]  # ten are missing
    report = make_load(
        target.address, KEY, target.versions, connections=2, streams=2, duration_s=1.0, warmup_s=0.1, names=names
    )
    assert report.measured > len(names)
    assert [seen["version"] for seen in report.raw["versions"]] == [VERSION]
    if REFERENCES[target.name].syncs:
        make_load(
            target.address, KEY, target.versions, connections=1, streams=2, duration_s=0.2, warmup_s=0.0,
            knobs={"method": "SyncCatalog"},
        )  # fmt: skip


@pytest.mark.parametrize("name", MANY)
def test_more_workers_answer_on_one_address_and_leave_together(name: str, catalog: Path) -> None:
    core = min(os.sched_getaffinity(0))
    with reference(name, catalog, VERSION, KEY, workers=2, cores=[core]) as target:
        leader = os.getsid(target.pids()[0])
        assert [os.sched_getaffinity(pid) for pid in target.pids()] == [{core}] * len(target.pids())
        make_load(target.address, KEY, target.versions, connections=16, streams=1, duration_s=0.3, warmup_s=0.0)
    wait_until(lambda: not session_pids(leader), ENDS_S, "every process has ended")


@pytest.mark.parametrize("name", REFERENCES)
def test_term_to_the_leader_ends_all_of_it(name: str, catalog: Path) -> None:
    workers = REFERENCES[name].workers_max or 2
    with reference(name, catalog, VERSION, KEY, workers=workers, cores=None) as target:
        leader = os.getsid(target.pids()[0])
        os.kill(leader, signal.SIGTERM)
        wait_until(lambda: not session_pids(leader), ENDS_S, "every process has ended")


@pytest.mark.parametrize("name", REFERENCES)
def test_it_ends_when_its_parent_dies(name: str, catalog: Path) -> None:
    workers = str(REFERENCES[name].workers_max or 2)
    command = [sys.executable, "-c", ORPHANING, name, str(catalog), VERSION, workers]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert pids
        leader = os.getsid(pids[0])
        assert leader != os.getsid(0)
        parent.kill()
    wait_until(lambda: not session_pids(leader), ENDS_S, "every process has ended")


@pytest.mark.parametrize("name", BUILT)
def test_a_missing_toolchain_is_said_in_a_sentence(
    name: str, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_installed(distribution: str) -> NoReturn:
        raise metadata.PackageNotFoundError(distribution)

    monkeypatch.setattr(references, "BUILD_DIR", tmp_path)
    monkeypatch.setattr(metadata, "files", not_installed)
    monkeypatch.setenv("PATH", "")
    with (
        pytest.raises(MissingToolError, match=BUILT[name]) as raised,
        reference(name, catalog, VERSION, KEY, workers=1, cores=None),
    ):
        pass
    assert "PATH" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_was_built_needs_no_toolchain(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with reference("bound", catalog, VERSION, KEY, workers=1, cores=None):
        pass
    monkeypatch.setenv("PATH", "")
    assert shutil.which("cargo") is None
    with reference("bound", catalog, VERSION, KEY, workers=1, cores=None) as target:
        make_load(target.address, KEY, target.versions, connections=1, streams=1, duration_s=0.1, warmup_s=0.0)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_server_that_does_not_start_says_why(name: str, tmp_path: Path) -> None:
    with (
        pytest.raises(BenchError, match=rf"(?s){name} did not start:.*(no-such-file|No such file)"),
        reference(name, tmp_path / "no-such-file", VERSION, KEY, workers=1, cores=None),
    ):
        pass


def test_what_cannot_be_had_is_refused(catalog: Path) -> None:
    with (
        pytest.raises(BenchError, match="at most 1 worker; found 2"),
        reference("bound", catalog, VERSION, KEY, workers=2, cores=None),
    ):
        pass
    with (
        pytest.raises(BenchError, match="found nothing"),
        reference("nothing", catalog, VERSION, KEY, workers=1, cores=None),
    ):
        pass
