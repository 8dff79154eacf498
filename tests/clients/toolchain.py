"""Builds the foreign clients, once for each state of their sources.

Node, Go and Cargo are found by `bench.toolchains`, so that nothing has to be installed by hand.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from bench import toolchains
from bench.toolchains import node, npm

__all__ = [
    "GO_DIR",
    "NODE_DIR",
    "REPOSITORY",
    "TONIC_DIR",
    "build_go",
    "build_go_client",
    "build_tonic_client",
    "go",
    "install_node_client",
    "node",
]

CLIENTS_DIR: Final = Path(__file__).resolve().parent
REPOSITORY: Final = CLIENTS_DIR.parent.parent
BUILD_DIR: Final = REPOSITORY / "build" / "clients"
NODE_DIR: Final = CLIENTS_DIR / "node"
GO_DIR: Final = CLIENTS_DIR / "go"
TONIC_DIR: Final = CLIENTS_DIR / "tonic"


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
    """The Go client. Raises BenchError."""
    return build_go(GO_DIR, "go-client")


def build_tonic_client() -> Path:
    """Builds the tonic client if a source changed since the last time; the program. Raises BenchError."""
    with toolchains.one_at_a_time(BUILD_DIR / "tonic.lock"):
        sources = [
            *TONIC_DIR.glob("*.rs"),
            *TONIC_DIR.glob("src/*.rs"),
            TONIC_DIR / "Cargo.toml",
            TONIC_DIR / "Cargo.lock",
        ]
        sources += (REPOSITORY / "proto").glob("avap*.proto")
        program = BUILD_DIR / f"tonic-client-{toolchains.digest_of(sources, REPOSITORY)}"
        if not program.exists():
            for old in BUILD_DIR.glob("tonic-client-*"):
                old.unlink()
            target = BUILD_DIR / "cargo"
            # Flags meant for the product's crates, or for their tests, are none of its.
            environ = {"CARGO_TARGET_DIR": str(target), "RUSTFLAGS": ""}
            toolchains.run([str(toolchains.cargo()), "build", "--release", "--locked"], cwd=TONIC_DIR, environ=environ)
            partial = program.with_name(f"partial-tonic-{os.getpid()}")
            shutil.copy(target / "release" / "tonic-client", partial)
            partial.rename(program)
    return program


def build_go(module: Path, name: str) -> Path:
    """Builds a Go module if a source changed since the last time; the program. Raises BenchError."""
    with toolchains.one_at_a_time(BUILD_DIR / f"{name}.lock"):
        sources = [*module.glob("*.go"), module / "go.mod", module / "go.sum"]
        program = BUILD_DIR / f"{name}-{toolchains.digest_of(sources, module)}"
        if not program.exists():
            for old in BUILD_DIR.glob(f"{name}-*"):
                old.unlink()
            partial = program.with_name(f"partial-{name}-{os.getpid()}")
            command = [str(toolchains.go(module)), "build", "-mod=readonly", "-buildvcs=false", "-o", str(partial), "."]
            toolchains.run(command, cwd=module)
            partial.rename(program)
    return program
