"""Foreign clients: grpc-js, grpc-go, tonic, and grpcio without a `.proto`, that check every byte of every reply.

What goes in and what comes out is described in README.md.

    report = run_client("go", {"target": "127.0.0.1:50051", "key": …, "calls": 20_000, …})
    assert report["error_count"] == report["mismatch_count"] == report["generation_went_back"] == 0
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from tests.clients.toolchain import REPOSITORY, build_go_client, build_tonic_client, install_node_client, node

ClientKind = Literal["node", "go", "tonic", "raw"]
KINDS: Final[tuple[ClientKind, ...]] = ("node", "go", "tonic", "raw")

DEADLINE_S_DEFAULT: Final = 120.0
EXIT_DEADLINE: Final = 3
_GRACE_S: Final = 20.0  # start-up and the last report, on top of the client's own deadline


class ClientError(Exception):
    """A client could not run or broke; the message holds its standard error."""


def command(kind: ClientKind) -> list[str]:
    """The command line of a client, without its input; builds the client first if need be."""
    if kind == "node":
        return [str(node()), str(install_node_client())]
    if kind == "go":
        return [str(build_go_client())]
    if kind == "tonic":
        return [str(build_tonic_client())]
    return [sys.executable, "-m", "tests.clients.raw"]


class ClientRun:
    """A client at work. `finish()` collects its report; leaving the `with` block early kills it."""

    def __init__(self, kind: ClientKind, data: Mapping[str, Any]) -> None:
        """Starts the client; `data` is its input as README.md describes it."""
        self.kind = kind
        self._deadline_s = float(data.get("deadline_s", DEADLINE_S_DEFAULT))
        self._folder = tempfile.TemporaryDirectory(prefix="avap-client-")
        path = Path(self._folder.name) / "input.json"
        path.write_text(json.dumps({"proto_dir": str(REPOSITORY / "proto"), **data}), encoding="utf-8")
        # A file: nobody reads a pipe while the client works, and gRPC may log a lot when servers die.
        self._stderr = Path(self._folder.name) / "stderr"
        with self._stderr.open("w") as stderr:
            self._process = subprocess.Popen(
                [*command(kind), str(path)],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def __enter__(self) -> ClientRun:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """The client's process."""
        return self._process.pid

    def finish(self) -> dict[str, Any]:
        """Ends a run with `until_stdin_closes`, waits for the others; the report.

        `timed_out` in it says whether the client's deadline passed. Raises ClientError when there is no report.
        """
        try:
            out, _ = self._process.communicate(timeout=self._deadline_s + _GRACE_S)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.communicate()
            raise ClientError(f"the {self.kind} client outran its deadline of {self._deadline_s} s") from error
        code = self._process.returncode
        if code not in (0, EXIT_DEADLINE):
            stderr = self._stderr.read_text(encoding="utf-8", errors="replace")
            raise ClientError(f"the {self.kind} client ended with {code}:\n{stderr[-4000:]}")
        report: dict[str, Any] = json.loads(out)
        report["timed_out"] = code == EXIT_DEADLINE
        return report


def run_client(kind: ClientKind, data: Mapping[str, Any]) -> dict[str, Any]:
    """Runs a client to its end; the report. Raises ClientError, BenchError."""
    with ClientRun(kind, data) as run:
        return run.finish()
