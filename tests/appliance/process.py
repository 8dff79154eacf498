"""A real `avap serve` for a test: own state directory, free ports, its log read as JSON."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from appliance.pb import admin_pb2, admin_pb2_grpc
from tests.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
AVAP = Path(sys.executable).parent / "avap"
KEY = "test-key-0123456789"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0


class Appliance:
    """One run of the appliance, from start to exit. Nothing of it is left after `close`."""

    def __init__(
        self,
        state_dir: Path,
        environ: Mapping[str, str] | None = None,
        *,
        command: Sequence[str] = (),
        arguments: Sequence[str] = (),
    ) -> None:
        """Start it. `command` goes before `avap` (unshare …); `environ` is added to a clean environment."""
        self.state_dir = state_dir
        self.environ = clean_environ(state_dir, environ)
        self.log: list[dict[str, Any]] = []
        self.raw_log: list[bytes] = []
        self._channel: grpc.Channel | None = None
        self.process = subprocess.Popen(
            [*command, str(AVAP), "serve", *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.stdout = b""
        self._readers = [
            threading.Thread(target=self._read_log, daemon=True),
            threading.Thread(target=self._read_stdout, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    # ---- what it says --------------------------------------------------------------------------

    @property
    def instance(self) -> str:
        """The instance id, which names its shared memory."""
        return hashlib.sha256(os.fsencode(self.state_dir.resolve())).hexdigest()[:12]

    @property
    def grpc_address(self) -> str:
        """host:port of the gRPC listeners."""
        return str(self.ready["grpc"])

    @property
    def http_address(self) -> str:
        """host:port of the HTTP listeners."""
        return str(self.ready["http"])

    @property
    def metrics_url(self) -> str:
        """Where Prometheus scrapes."""
        return f"http://{self.ready['metrics']}/metrics"

    @property
    def ready(self) -> dict[str, Any]:
        """The log line `Appliance Ready`."""
        return self.logged("Appliance Ready")[0]

    def logged(self, message: str) -> list[dict[str, Any]]:
        """The log lines with this message so far."""
        return [line for line in list(self.log) if line.get("msg") == message]

    def wait_logged(self, message: str, count: int = 1, timeout_s: float = START_TIMEOUT_S) -> dict[str, Any]:
        """Wait for the `count`th log line with this message."""
        wait_until(
            lambda: len(self.logged(message)) >= count or self._gone(message), timeout_s, f"log line {message!r}"
        )
        return self.logged(message)[count - 1]

    def wait_ready(self, timeout_s: float = START_TIMEOUT_S) -> Appliance:
        """Wait until every worker serves, or nothing can be served yet and that is settled."""
        self.wait_logged("Appliance Ready", timeout_s=timeout_s)
        return self

    def text_log(self) -> str:
        """Everything it logged, for messages of failed assertions."""
        return b"".join(self.raw_log).decode(errors="replace")

    # ---- what it is asked ----------------------------------------------------------------------

    @property
    def admin(self) -> admin_pb2_grpc.AdminStub:
        """The admin service."""
        if self._channel is None:
            self._channel = grpc.insecure_channel(f"unix:{self.state_dir.resolve()}/admin.sock")
        return admin_pb2_grpc.AdminStub(self._channel)  # type: ignore[no-untyped-call]

    def status(self) -> admin_pb2.StatusReply:
        """Ask for the status."""
        reply: admin_pb2.StatusReply = self.admin.Status(admin_pb2.StatusRequest(), timeout=10)
        return reply

    def reload(self, *, force: bool = False) -> admin_pb2.ReloadReply:
        """Hydrate now."""
        reply: admin_pb2.ReloadReply = self.admin.Reload(admin_pb2.ReloadRequest(force=force), timeout=120)
        return reply

    def metrics(self) -> dict[str, float]:
        """Scrape: `name{labels}` to value."""
        with urllib.request.urlopen(self.metrics_url, timeout=10) as reply:
            lines = reply.read().decode().splitlines()
        return {
            name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        }

    def worker_pids(self) -> list[int]:
        """Pids of the workers that fill slots now, by slot; 0 for a vacant one."""
        return [worker.pid for worker in self.status().workers]

    def run_avap(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Run another `avap` command in this appliance's environment."""
        return subprocess.run(
            [str(AVAP), *arguments], env=self.environ, capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def shared_memory(self) -> list[str]:
        """Names of this instance in /dev/shm."""
        return sorted(path.name for path in Path("/dev/shm").glob(f"avap-{self.instance}-*"))

    # ---- its end -------------------------------------------------------------------------------

    def signal(self, signum: int) -> None:
        """Send a signal to the supervisor, or to what was put before it."""
        self.process.send_signal(signum)

    def wait(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Wait for the supervisor's exit code."""
        code = self.process.wait(timeout_s)
        for reader in self._readers:
            reader.join(5)
        return code

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Drain it and return its exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def close(self) -> None:
        """Make sure that nothing of it is left: the session it leads is its own."""
        if self._channel is not None:
            self._channel.close()
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_TIMEOUT_S)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def processes(self) -> list[int]:
        """Pids of every process of this appliance's session, the supervisor's own among them."""
        return session_pids(self.process.pid)

    def __enter__(self) -> Appliance:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _gone(self, message: str) -> bool:
        if self.process.poll() is None:
            return False
        for reader in self._readers:
            reader.join(5)
        if self.logged(message):
            return True
        raise AssertionError(f"avap serve ended with {self.process.returncode} before {message!r}:\n{self.text_log()}")

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        try:
            for line in self.process.stderr:
                self.raw_log.append(line)
                try:
                    self.log.append(json.loads(line))
                except ValueError:
                    self.log.append({"msg": "", "text": line.decode(errors="replace")})
        except ValueError:  # closed under the reader
            pass

    def _read_stdout(self) -> None:
        assert self.process.stdout is not None
        try:
            for line in self.process.stdout:
                self.stdout += line
        except ValueError:
            pass


def clean_environ(state_dir: Path, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment in which nothing but the test's own settings reaches the appliance."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV") if name in os.environ}
    ours = {
        "AVAP_STATE_DIR": str(state_dir),
        "API_KEY": KEY,
        "PORT": "0",
        "AVAP_METRICS_PORT": "0",
        "AVAP_HTTP_PORT": "0",
        "AVAP_HTTP_WORKERS": "0",
        "AVAP_GRPC_WORKERS": "1",
        "AVAP_DRAIN_GRACE_S": "0",
        "AVAP_DRAIN_TIMEOUT_S": "5",
    }
    return {**kept, **ours, **(environ or {})}


def session_pids(session: int) -> list[int]:
    """Pids of the live processes of a session (zombies are dead)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(stat.parent.name))
    return found


@contextmanager
def serving(state_dir: Path, environ: Mapping[str, str] | None = None) -> Iterator[Appliance]:
    """A ready appliance, which must end cleanly: exit code 0, no process, no shared memory left."""
    with Appliance(state_dir, environ) as appliance:
        appliance.wait_ready()
        yield appliance
        assert appliance.stop() == 0, appliance.text_log()
        assert appliance.shared_memory() == []
        wait_until(lambda: not appliance.processes(), 5, "every process to end")
