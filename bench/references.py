"""Servers to measure against: the same job on other stacks, from bench/reference/, built when they are first wanted.

Each is started as `SERVER CATALOG VERSION WORKERS` with the key in API_KEY, prints its address when it listens, and
ends on SIGTERM and when its standard input closes, so that it never outlives us. bench/reference/README.md says what
each of them does and leaves out.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench import toolchains
from bench.cores import on
from bench.host import REPOSITORY
from bench.processes import session_pids
from bench.target import Target
from bench.verdict import BenchError

SOURCES = Path(__file__).resolve().parent / "reference"
BUILD_DIR = REPOSITORY / "build" / "reference"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
_STDERR_BYTES_MAX = 4000


@dataclass(frozen=True, slots=True)
class Reference:
    """A server. `command` builds it if need be; it raises MissingToolError and BenchError."""

    name: str
    stands_on: str
    command: Callable[[], list[str]]
    syncs: bool = True
    """Whether it serves SyncCatalog, and so may be measured by it."""
    workers_max: int | None = None
    """Workers that it can be started with. None: any number."""


def _python_aio() -> list[str]:
    return [sys.executable, str(SOURCES / "python_aio" / "server.py")]


def _node() -> list[str]:
    source = SOURCES / "node"
    files = [source / name for name in ("server.js", "package.json", "package-lock.json")]
    files.append(REPOSITORY / "proto" / "avap.proto")

    def install(folder: Path) -> None:
        folder.mkdir()
        for file in files:
            shutil.copy(file, folder)
        toolchains.run([*toolchains.npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)

    return [str(toolchains.node()), str(_built("node", files, install) / "server.js")]


def _go() -> list[str]:
    source = SOURCES / "go"

    def build(program: Path) -> None:
        command = [str(toolchains.go(source)), "build", "-mod=readonly", "-buildvcs=false", "-o", str(program), "."]
        toolchains.run(command, cwd=source)

    return [str(_built("go", [source / name for name in ("main.go", "go.mod", "go.sum")], build))]


def rust_program(name: str) -> Path:
    """A program of the Rust workspace, built if need be. Raises MissingToolError and BenchError."""
    files = [SOURCES / "Cargo.toml", SOURCES / "Cargo.lock", SOURCES / name / "Cargo.toml"]
    files += (SOURCES / name).rglob("*.rs")

    def build(program: Path) -> None:
        package = f"reference-{name}"
        command = [str(toolchains.cargo()), "build", "--release", "--locked", "--package", package]
        # Flags meant for the product's crates, or for their tests, are none of its.
        environ = {"CARGO_TARGET_DIR": str(BUILD_DIR / "cargo"), "RUSTFLAGS": ""}
        toolchains.run(command, cwd=SOURCES, environ=environ)
        shutil.copy(BUILD_DIR / "cargo" / "release" / package, program)

    return _built(name, files, build)


def _rust(name: str) -> list[str]:
    return [str(rust_program(name))]


REFERENCES: Mapping[str, Reference] = {
    reference.name: reference
    for reference in (
        Reference("python_aio", "Python, grpcio's asyncio server", _python_aio),
        Reference("node", "Node, grpc-js", _node),
        Reference("go", "Go, grpc-go", _go),
        Reference("tonic", "Rust, tonic", lambda: _rust("tonic")),
        Reference("bound", "Rust, one epoll loop by hand", lambda: _rust("bound"), syncs=False, workers_max=1),
    )
}


@contextmanager
def reference(
    name: str, catalog: Path, version: str, key: str, *, workers: int, cores: Sequence[int] | None
) -> Iterator[Target]:
    """A reference server for the length of the block, built first if need be.

    `catalog`: a file with the `Catalog` message; `version`: `<generation>-<digest>`; `workers`: how many cores it can
    use; `cores`: which. Raises MissingToolError when what builds or runs it is not installed, and BenchError.
    """
    chosen = REFERENCES.get(name)
    if chosen is None:
        raise BenchError(f"reference servers are {', '.join(REFERENCES)}; found {name}")
    if not 1 <= workers <= (chosen.workers_max or workers):
        raise BenchError(f"the reference server {name} has at most {chosen.workers_max} worker; found {workers}")
    command = [*chosen.command(), str(catalog), version, str(workers)]
    with program_server(name, command, {"API_KEY": key}, cores) as (address, pids):
        yield Target(name, address, key, {version.partition("-")[2]: catalog}, pids)


@contextmanager
def program_server(
    name: str, command: Sequence[str], environ: Mapping[str, str] | None = None, cores: Sequence[int] | None = None
) -> Iterator[tuple[str, Callable[[], list[int]]]]:
    """A server program for the length of the block: its address, and how to find its processes. Raises BenchError."""
    with tempfile.TemporaryFile() as stderr:
        with nullcontext() if cores is None else on(cores):
            process = subprocess.Popen(
                command, env={**os.environ, **(environ or {})}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=stderr, start_new_session=True,
            )  # fmt: skip
        try:
            yield _address(name, process, stderr), lambda: session_pids(process.pid)
        finally:
            _stop(process)


def _address(name: str, process: subprocess.Popen[bytes], stderr: IO[bytes]) -> str:
    """What it prints when it listens. Raises BenchError."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_TIMEOUT_S)
    line = process.stdout.readline().decode().strip() if ready else ""
    if not line:
        stderr.seek(0)
        said = stderr.read()[-_STDERR_BYTES_MAX:].decode(errors="replace")
        raise BenchError(f"the reference server {name} did not start:\n{said}")
    return line


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End it, by force if it must be, and whatever of its session is left."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in session_pids(process.pid):
        os.kill(pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()


def _built(name: str, sources: Sequence[Path], make: Callable[[Path], None]) -> Path:
    """The file or folder that `make` makes, once for each state of `sources`."""
    with toolchains.one_at_a_time(BUILD_DIR / f"{name}.lock"):
        made = BUILD_DIR / name / toolchains.digest_of(sources, REPOSITORY)
        if not made.exists():
            shutil.rmtree(made.parent, ignore_errors=True)
            made.parent.mkdir(parents=True)
            partial = made.with_name("partial")
            make(partial)
            partial.rename(made)
    return made
