"""The generator as Python calls it: reports, threads, Execute over HTTP/1.1, and Ctrl-C."""

from __future__ import annotations

import http.server
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance._native import run_load
from bench.host import REPOSITORY
from bench.load import make_load
from bench.null_server import null_server
from bench.target import Target
from bench.verdict import BenchError
from tests.waiting import wait_until

ENDS_S = 20
ANSWER = b'{"success": true, "result": {"a": "\\u00f1"}, "variables": {}, "logs": []}'
BODY = '{"script": "a = 1", "variables": {}}'
# Loads a target for an hour; says how many threads and sockets are left when it was interrupted.
INTERRUPTED = """
import os, signal, sys
from pathlib import Path
from bench.load import make_load

def sockets():
    kinds = ("socket:", "anon_inode:[eventpoll]", "anon_inode:[timerfd]")
    found = [fd for fd in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{fd}")]
    return sum(os.readlink(f"/proc/self/fd/{fd}").startswith(kinds) for fd in found)

before = len(os.listdir("/proc/self/task")), sockets()
print("begins", flush=True)
try:
    make_load(sys.argv[1], "key", {sys.argv[2]: Path(sys.argv[3])}, connections=4, streams=5, duration_s=3600,
              knobs={"threads": 3})
except KeyboardInterrupt:
    print((len(os.listdir("/proc/self/task")), sockets()) == before, flush=True)
"""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with null_server(700, tmp_path_factory.mktemp("null")) as found:
        yield found


class Executor(http.server.BaseHTTPRequestHandler):
    """Python's own HTTP/1.1, as the judge of what the generator sends."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer, chunked where the query says so."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sound = body == BODY.encode() and self.headers["content-type"] == "application/json" and self.headers["host"]
        chunked = self.path.endswith("?chunked")
        self.send_response(200 if sound and self.path.startswith("/api/v1/execute") else 400)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(ANSWER)))))
        self.end_headers()
        if not chunked:
            self.wfile.write(ANSWER)
            return
        for piece in (ANSWER[:10], ANSWER[10:], b""):
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def executor() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Executor) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def execute(address: str, path: str = "/api/v1/execute", expected: str | None = ANSWER.decode()) -> int:
    asked = {"path": path, "body": BODY, "headers": {"content-type": "application/json"}, "expected": expected}
    report = make_load(
        address, "", {}, connections=2, streams=1, duration_s=0.3, warmup_s=0.0,
        knobs={"method": "Execute", "http": asked},
    )  # fmt: skip
    return report.measured


def test_execute_is_what_another_http_understands_and_every_reply_is_verified() -> None:
    with executor() as address:
        assert execute(address) > 10
        assert execute(address, "/api/v1/execute?chunked") > 10
        assert execute(address, expected=None) > 10
        with pytest.raises(BenchError, match="wrong_bytes"):
            execute(address, expected="{}")
        with pytest.raises(BenchError, match="wrong_status"):
            execute(address, "/elsewhere")


def test_the_report_of_several_threads_is_one_and_lists_each(target: Target) -> None:
    report = make_load(
        target.address, target.key, target.versions, connections=5, streams=10, duration_s=0.3, warmup_s=0.0,
        knobs={"threads": 2},
    )  # fmt: skip
    threads = report.raw["threads"]
    assert [thread["connections"] for thread in threads] == [3, 2]
    assert sum(thread["verified"] for thread in threads) == report.raw["verified"]
    assert all(0 < thread["cpu_s"] <= thread["elapsed_s"] * 1.01 for thread in threads)
    assert report.raw["generator_cpu_s"] == pytest.approx(sum(thread["cpu_s"] for thread in threads))
    assert report.raw["versions"][0]["replies"] == report.raw["verified"]


@pytest.mark.parametrize("arrivals", ["even", "poisson"])
def test_an_open_loop_of_several_threads_accounts_for_all_that_was_due(target: Target, arrivals: str) -> None:
    report = make_load(
        target.address, target.key, target.versions, connections=4, streams=10, duration_s=1.0, rate=2_000.0,
        knobs={"threads": 2, "arrivals": arrivals, "seed": 7},
    )  # fmt: skip
    assert report.raw["due"] == report.measured + report.not_started
    # A thread that wakes behind the end does not count the one that was due while it slept.
    assert report.raw["due"] == pytest.approx(2_000, abs=200 if arrivals == "poisson" else 2)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("threads", 3, "threads is at most connections"),
        ("threads", 65, "threads is 1 to 64"),
        ("streams", 0, "streams is 1 to"),
        ("method", "Execute", "http is missing"),
        ("arrivals", "poisson", "needs a rate"),
        ("target", "192.0.2.1:50051", "loopback"),
        ("burst", 1, "unknown field"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused_with_its_reason(
    target: Target, field: str, value: object, said: str
) -> None:
    versions = [{"digest": digest, "catalog": str(path)} for digest, path in target.versions.items()]
    plan = {"target": target.address, "versions": versions, "connections": 2, "streams": 1, "duration_s": 0.1}
    with pytest.raises(ValueError, match=said):
        run_load(json.dumps({**plan, field: value}))


def test_ctrl_c_ends_every_thread_at_once_and_leaves_no_socket(target: Target) -> None:
    ((digest, catalog),) = target.versions.items()
    command = [sys.executable, "-c", INTERRUPTED, target.address, digest, str(catalog)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begins\n"
            # Besides the caller's own.
            wait_until(lambda: _load_threads(process.pid) == 2, ENDS_S, "the threads of the load")
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=ENDS_S)
            assert (said, process.returncode) == ("True\n", 0)
        finally:
            process.kill()  # the load is meant to take an hour


def _load_threads(pid: int) -> int:
    tasks = Path(f"/proc/{pid}/task")
    return sum((task / "comm").read_text().strip() == "bench-load" for task in tasks.iterdir())
