"""The foreign clients notice what they are there to notice, and agree on what they did."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.clients import KINDS, ClientError, ClientKind, ClientRun, run_client
from tests.clients.reference_server import FAULT_PERIOD, FAULTS, KEY, MORTAL_CALLS, as_input, make_version
from tests.clients.toolchain import REPOSITORY

CALLS = 600
LIFE_S_MAX = 60
SILENT_CALLS = 100 * FAULT_PERIOD  # many more than there are lanes to fall silent
# fault → (report's count that notices it, what its first example says)
NOTICED = {
    "flipped_record": ("mismatch_count", "bytes differ"),
    "flipped_sync": ("mismatch_count", "bytes differ"),
    "lost_record": ("mismatch_count", "bytes differ"),
    "unknown_version": ("mismatch_count", "of no version in the input"),
    "no_version": ("mismatch_count", "of no version in the input"),
    "generation_back": ("generation_went_back", ""),
    "wrong_message": ("mismatch_count", "NOT_FOUND"),
    "open_door": ("mismatch_count", "answered OK"),
    "unavailable": ("error_count", "on purpose"),
    "not_serving": ("error_count", "NOT_SERVING"),
}


def start_server(wire: str, fault: str, port: str = "0") -> subprocess.Popen[str]:
    """A reference server; it ends when its standard input closes."""
    command = [sys.executable, "-m", "tests.clients.reference_server", wire, fault, port]
    return subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@contextmanager
def reference_server(wire: str = "standard", fault: str = "none") -> Iterator[str]:
    """The address of a reference server that lives as long as the block."""
    with start_server(wire, fault) as server:
        assert server.stdout is not None
        yield f"127.0.0.1:{int(server.stdout.readline())}"
        server.communicate()


def client_input(target: str, wire: str = "standard", *, sync_body: bool = True, **more: Any) -> dict[str, Any]:
    """A run of `CALLS` calls against the reference server."""
    return {
        "target": target,
        "key": KEY,
        "calls": CALLS,
        "seed": 7,
        "connections": 4,
        "concurrency": 16,
        "wire": wire,
        # So many wrong keys and misses that every 50th call hits each kind sooner or later.
        "mix": {"hit": 0.4, "miss": 0.25, "wrong_key": 0.25, "sync": 0.1},
        "versions": [as_input(make_version(number, wire), with_sync_body=sync_body) for number in (0, 1)],
        "deadline_s": 60,
        **more,
    }


@pytest.mark.parametrize("wire", ["standard", "lite"])
def test_all_clients_make_the_same_calls_and_find_nothing_wrong(wire: str) -> None:
    counts = []
    for kind in KINDS:
        with reference_server(wire) as target:
            report = run_client(kind, client_input(target, wire))
        assert report["mismatches"] == report["errors"] == report["went_back"] == []
        assert report["health"] == {"": "SERVING", "avap.DefinitionEngine": "SERVING", "watch": "SERVING"}
        assert report["last_generation"] == 1 + CALLS // FAULT_PERIOD
        assert len(report["digests"]) == 2
        assert sum(report["digests"].values()) == CALLS
        counts.append([report[count] for count in ("calls", "hit", "miss", "wrong_key", "sync")])
    assert counts[0] == counts[1] == counts[2]
    assert counts[0][0] == CALLS == sum(counts[0][1:])
    assert min(counts[0]) > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", NOTICED)
def test_a_client_notices_a_fault(kind: ClientKind, fault: str) -> None:
    count, says = NOTICED[fault]
    with reference_server(fault=fault) as target:
        report = run_client(kind, client_input(target))
    assert report[count] > 0, report
    others = {"mismatch_count", "error_count", "generation_went_back"} - {count}
    assert all(report[other] == 0 for other in others), report
    samples = {"mismatch_count": "mismatches", "error_count": "errors", "generation_went_back": "went_back"}[count]
    assert says in str(report[samples][0])
    asked = report["calls"] + len([error for error in report["errors"] if error["kind"] == "health"])
    answered = report["hit"] + report["miss"] + report["wrong_key"] + report["sync"]
    assert asked == answered + report["error_count"] + report["mismatch_count"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wire", ["standard", "lite"])
@pytest.mark.parametrize("fault", ["none", "lost_record"])
def test_a_sync_is_judged_by_its_records_when_the_body_is_not_given(kind: ClientKind, wire: str, fault: str) -> None:
    with reference_server(wire, fault) as target:
        report = run_client(kind, client_input(target, wire, sync_body=False))
    assert (report["mismatch_count"] > 0) == (fault != "none"), report
    assert {mismatch["kind"] for mismatch in report["mismatches"]} <= {"sync"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_falls_silent_ends_the_run_at_its_deadline(kind: ClientKind) -> None:
    with reference_server(fault="silent") as target:
        report = run_client(kind, client_input(target, calls=SILENT_CALLS, deadline_s=3, call_timeout_s=60))
    assert report["timed_out"]
    assert 0 < report["calls"] < SILENT_CALLS


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_until_stdin_closes_goes_on_past_its_calls(kind: ClientKind) -> None:
    with reference_server() as target, ClientRun(kind, client_input(target, calls=0, until_stdin_closes=True)) as run:
        run_client("raw", client_input(target))  # meanwhile
        report = run.finish()
    assert report["calls"] > 0
    assert not report["timed_out"]
    assert report["mismatch_count"] == report["error_count"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_connection_may_start_with_an_older_generation(kind: ClientKind) -> None:
    with start_server("standard", "mortal") as first:
        assert first.stdout is not None
        port = first.stdout.readline().strip()
        data = client_input(f"127.0.0.1:{port}", calls=0, until_stdin_closes=True, wait_for_ready=True)
        with ClientRun(kind, data) as run:
            first.wait(timeout=LIFE_S_MAX)
            # Its generations start at 1 again, as those of a worker that is behind would be lower.
            with start_server("standard", "mortal", port) as second:
                second.wait(timeout=LIFE_S_MAX)
            with start_server("standard", "none", port):
                report = run.finish()
    assert report["generation_went_back"] == report["mismatch_count"] == 0, report
    # tonic says CANCELLED of a call whose connection ended while it was being sent.
    assert {"UNAVAILABLE"} <= set(report["error_codes"]) <= {"UNAVAILABLE", "CANCELLED"}
    assert report["calls"] >= 2 * MORTAL_CALLS


@pytest.mark.parametrize("kind", KINDS)
def test_an_input_without_commands_is_refused(kind: ClientKind, tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="no mix or no commands"):
        run_client(kind, client_input("127.0.0.1:1", versions=[]))


def test_every_fault_of_the_reference_server_is_looked_for() -> None:
    assert set(FAULTS) == {"none", "silent", "mortal", *NOTICED}
