"""Builds the two foreign clients, once for each state of their sources.

Node and Go are found by `bench.toolchains`, so that nothing has to be installed by hand.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from bench import toolchains
from bench.toolchains import node, npm

__all__ = ["GO_DIR", "NODE_DIR", "REPOSITORY", "build_go_client", "go", "install_node_client", "node"]

CLIENTS_DIR: Final = Path(__file__).resolve().parent
REPOSITORY: Final = CLIENTS_DIR.parent.parent
BUILD_DIR: Final = REPOSITORY / "build" / "clients"
NODE_DIR: Final = CLIENTS_DIR / "node"
GO_DIR: Final = CLIENTS_DIR / "go"


def go() -> Path:
    """The `go` program, at least of the version that the client's go.mod names. Raises MissingToolError."""
    return toolchains.go(GO_DIR)


def install_node_client() -> Path:
    """Runs `npm ci` if the lock file changed since the last time; the client's main file. Raises BenchError."""
    with toolchains.one_at_a_time(BUILD_DIR / "node.lock"):
        digest = toolchains.digest_of([NODE_DIR / "package-lock.json"], NODE_DIR)
        stamp = NODE_DIR / "node_modules" / ".installed-lock"
        if not stamp.exists() or stamp.read_text(encoding="ascii") != digest:
            toolchains.run([*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=NODE_DIR)
            stamp.write_text(digest, encoding="ascii")
    return NODE_DIR / "client.js"


def build_go_client() -> Path:
    """Builds the Go client if a source changed since the last time; the program. Raises BenchError."""
    with toolchains.one_at_a_time(BUILD_DIR / "go.lock"):
        sources = [*GO_DIR.glob("*.go"), GO_DIR / "go.mod", GO_DIR / "go.sum"]
        program = BUILD_DIR / f"go-client-{toolchains.digest_of(sources, GO_DIR)}"
        if not program.exists():
            for old in BUILD_DIR.glob("go-client-*"):
                old.unlink()
            partial = program.with_name(f"partial-{os.getpid()}")
            toolchains.run(
                [str(go()), "build", "-mod=readonly", "-buildvcs=false", "-o", str(partial), "."], cwd=GO_DIR
            )
            partial.rename(program)
    return program
