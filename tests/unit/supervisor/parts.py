"""A publisher and a refresh on real shared memory and a real state directory, with a source that does as it is told."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appliance._native import Announcer
from appliance.logging import Logger
from supervisor.faults import Faults
from supervisor.hydration import Gate
from supervisor.publisher import Publisher
from supervisor.refresh import Refresh
from supervisor.shared_memory import SharedMemoryArea
from supervisor.sources import LeftOut, RowSink, SourceError
from supervisor.state_directory import StateDirectory

GATE = Gate("standard", None, max_shrink=0.5, max_bytes=1 << 24, reserve_bytes=0)
ROWS = {f"command{number}": f"# {number}" for number in range(10)}


class FakeSource:
    """Holds `rows`; raises `error` when there is one; waits for `gate` when there is one."""

    name = "fake"
    left_out: tuple[LeftOut, ...] = ()

    def __init__(self) -> None:
        self.rows = dict(ROWS)
        self.error: Exception | None = None
        self.gate: threading.Event | None = None
        self.entered = threading.Event()
        self.cancelled = threading.Event()
        self.hydrations = 0
        self.closed = False
        self._seen: dict[str, str] | None = None

    def changed(self) -> bool:
        if self.error is not None:
            raise self.error
        return self._seen != self.rows

    def hydrate(self, sink: RowSink) -> None:
        self.hydrations += 1
        self.entered.set()
        if self.gate is not None:
            self.gate.wait(30)
        if self.cancelled.is_set():
            raise SourceError("cancelled", "told to")
        if self.error is not None:
            raise self.error
        for number, (name, code) in enumerate(self.rows.items(), 1):
            sink.push(number, name.encode(), code.encode())
        self._seen = dict(self.rows)

    def cancel(self) -> None:
        self.cancelled.set()

    def close(self) -> None:
        self.closed = True


class Parts:
    """What `Supervisor` puts together, without workers."""

    def __init__(self, folder: Path, *, keep_generations: int = 3) -> None:
        self._log_path = folder / "log"
        self._log_fd = os.open(self._log_path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.log = Logger(fd=self._log_fd)
        self.faults = Faults(self.log)
        self.state = StateDirectory(folder / "state")
        self.area = SharedMemoryArea(self.state.instance)
        self.announcer = Announcer(self.area.create("announce", Announcer.ANNOUNCE_BYTES))
        self.notified = 0
        self.publisher = Publisher(
            self.area,
            self.state.ledger,
            self.announcer,
            self.state.snapshot,
            self.log,
            keep_generations=keep_generations,
            notify=self._notify,
        )
        self.source = FakeSource()

    def refresh(self, **overrides: Any) -> Refresh:
        """A refresh; for within an event loop."""
        return Refresh(
            self.source,
            self.publisher,
            self.area,
            self.state.ledger,
            overrides.pop("gate", GATE),
            self.log,
            self.faults,
            refresh_s=overrides.pop("refresh_s", 3600.0),
        )

    def segments(self) -> list[str]:
        """Names of the segments in /dev/shm, control pages left out."""
        names = sorted(
            path.name.removeprefix(self.area.prefix) for path in Path("/dev/shm").glob(f"{self.area.prefix}*")
        )
        return [name for name in names if name.isdigit()]

    def logged(self, message: str) -> list[dict[str, Any]]:
        """Log lines with this message."""
        self.log.flush()
        lines = [json.loads(line) for line in self._log_path.read_text().splitlines()]
        return [line for line in lines if line["msg"] == message]

    def close(self) -> None:
        """Give everything back."""
        self.area.close()
        self.state.close()
        self.log.close()
        os.close(self._log_fd)

    def _notify(self) -> None:
        self.notified += 1


@contextmanager
def opened(folder: Path, **options: Any) -> Iterator[Parts]:
    """Parts, and nothing left in /dev/shm behind them."""
    folder.mkdir(exist_ok=True)
    parts = Parts(folder, **options)
    try:
        yield parts
    finally:
        parts.close()
        assert list(Path("/dev/shm").glob(f"{parts.area.prefix}*")) == []
