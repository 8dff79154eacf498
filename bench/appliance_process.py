"""An `avap serve` to measure: own state directory, free ports, default settings apart from those."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from appliance.pb import admin_pb2, admin_pb2_grpc
from bench.interruption import uninterrupted
from bench.verdict import BenchError

KEY = "bench-key-0123456789"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 30.0
CALL_TIMEOUT_S = 600.0


class ApplianceProcess:
    """A running appliance and its log."""

    def __init__(self, state_dir: Path, environ: Mapping[str, str]) -> None:
        """Start it. `environ` is added to an environment that holds nothing else of the caller's settings."""
        self.state_dir = state_dir
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV") if name in os.environ}
        ours = {
            "AVAP_STATE_DIR": str(state_dir), "API_KEY": KEY, "PORT": "0", "AVAP_METRICS_PORT": "0",
            "AVAP_HTTP_WORKERS": "0",
            "AVAP_CATALOG_REFRESH_S": "3600",  # no poll falls into a measurement
        }  # fmt: skip
        self.command = [str(Path(sys.executable).parent / "avap"), "serve"]
        self.settings = {name: value for name, value in environ.items() if name != "DATABASE_URL"}
        self.process = subprocess.Popen(
            self.command,
            env={**kept, **ours, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.log: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._channel = grpc.insecure_channel(f"unix:{state_dir.resolve()}/admin.sock")
        self._admin: Any = admin_pb2_grpc.AdminStub(self._channel)  # type: ignore[no-untyped-call]

    def logged(self, message: str) -> list[dict[str, Any]]:
        """The log lines with this message so far."""
        return [line for line in list(self.log) if line.get("msg") == message]

    def wait_ready(self) -> None:
        """Wait until it serves. Raises BenchError."""
        self.wait(lambda: bool(self.logged("Appliance Ready")), START_TIMEOUT_S, "it is ready")

    def wait(self, holds: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait until `holds()`. Raises BenchError with the log's last lines when it ends first or time is up."""
        deadline = time.monotonic() + timeout_s
        while not holds():
            if self.process.poll() is not None or time.monotonic() > deadline:
                last = "\n".join(json.dumps(line) for line in self.log[-10:])
                raise BenchError(f"the appliance did not get to where {what}; its last log lines:\n{last}")
            time.sleep(0.005)

    @property
    def address(self) -> str:
        """host:port of gRPC."""
        return str(self.logged("Appliance Ready")[0]["grpc"])

    def status(self) -> admin_pb2.StatusReply:
        """Ask for the status."""
        reply: admin_pb2.StatusReply = self._admin.Status(admin_pb2.StatusRequest(), timeout=CALL_TIMEOUT_S)
        return reply

    def reload(self) -> admin_pb2.ReloadReply:
        """Hydrate now; returns when the outcome is known."""
        reply: admin_pb2.ReloadReply = self._admin.Reload(admin_pb2.ReloadRequest(), timeout=CALL_TIMEOUT_S)
        return reply

    def rollback(self, to: str) -> admin_pb2.RollbackReply:
        """Announce another version that is still held."""
        reply: admin_pb2.RollbackReply = self._admin.Rollback(admin_pb2.RollbackRequest(to=to), timeout=CALL_TIMEOUT_S)
        return reply

    def close(self) -> None:
        """Stop it, by force if it must be."""
        self._channel.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_TIMEOUT_S)
        self._reader.join(STOP_TIMEOUT_S)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"msg": "", "text": line.decode(errors="replace")})


@contextmanager
def serving(state_dir: Path, environ: Mapping[str, str]) -> Iterator[ApplianceProcess]:
    """A ready appliance for the length of the block."""
    state_dir.mkdir(mode=0o700)
    appliance = None
    try:
        with uninterrupted():  # once it is started there is something to stop
            appliance = ApplianceProcess(state_dir, environ)
        appliance.wait_ready()
        yield appliance
    finally:
        if appliance is not None:
            with uninterrupted():
                appliance.close()
