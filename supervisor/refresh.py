"""Following the source: polls it, hydrates when it changed, backs off while it is away."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from appliance.logging import Logger
from supervisor.hydration import Gate, hydrate
from supervisor.ledger import Ledger
from supervisor.publisher import Publisher
from supervisor.shared_memory import SharedMemoryArea
from supervisor.sources import Source, SourceError
from supervisor.version import Rejected, Version

RETRY_FIRST_S = 1.0

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one look at the source came to: announced, unchanged, rejected, failed or pinned."""

    outcome: str
    message: str = ""


@dataclass(slots=True)
class SourceState:
    """The source as the last look found it. Times are milliseconds since the epoch, 0 for never."""

    up: bool = False
    last_ok_at_ms: int = 0
    last_error_kind: str = ""
    last_error: str = ""
    last_error_at_ms: int = 0
    next_try_at_ms: int = 0
    hydration_s: float = 0.0
    failures: int = 0  # in a row
    looked: bool = False  # at least once, with whatever outcome


class Refresh:
    """Keeps the announced version what the source holds. Every change of versions goes through its lock."""

    def __init__(
        self, source: Source, publisher: Publisher, area: SharedMemoryArea, ledger: Ledger, gate: Gate, log: Logger,
        *, refresh_s: float,
    ) -> None:  # fmt: skip
        """`refresh_s` is the time between two looks at a source that is up."""
        self.source = source
        self.state = SourceState()
        self.gate = gate
        self.refresh_s = refresh_s
        self._publisher = publisher
        self._area = area
        self._ledger = ledger
        self._log = log
        self._lock = asyncio.Lock()
        self._must_hydrate = True  # whatever the source's cheap check says
        self._on_look: Callable[[], None] = lambda: None
        # One thread: a source is asked one thing at a time, and one that hangs occupies no other's thread.
        self._thread = ThreadPoolExecutor(1, "hydration")

    def on_look(self, call: Callable[[], None]) -> None:
        """Have `call` made after each look at the source."""
        self._on_look = call

    async def restore(self) -> None:
        """Announce the snapshot, if there is one that can be used, before anybody looks at the source."""
        async with self._lock:
            version = await self._in_thread(self._publisher.restore_snapshot, self.gate.wire, self.gate.reserve_bytes)
            if version is not None:
                self._publisher.announce(version)
            self._publisher.settle_pin()

    async def run(self) -> None:
        """Look at the source until cancelled."""
        while True:
            await self.look(force=False, only_if_changed=True)
            delay_s = self._delay_s()
            self.state.next_try_at_ms = _now_ms() + int(delay_s * 1000)
            await asyncio.sleep(delay_s)

    async def look(self, *, force: bool, only_if_changed: bool) -> Outcome:
        """Look at the source once and announce what it holds, unless that is refused."""
        async with self._lock:
            if self._publisher.pinned:
                outcome = Outcome("pinned", "the catalogue is pinned; `avap catalog unpin` follows the source again")
            else:
                outcome = await self._look(force=force, only_if_changed=only_if_changed)
        self.state.looked = True
        self._on_look()
        return outcome

    async def rollback(self, to: str) -> Version:
        """Announce an older version again and pin it. Raises NotFoundError, Rejected."""
        async with self._lock:
            version = self._publisher.find(to)
            self._publisher.pin(version)
            if version is not self._publisher.current:
                await self._in_thread(self._publisher.write_snapshot, version)
                self._publisher.announce(version)
            self._log.warning("Catalogue Pinned", generation=version.generation, digest=version.digest)
            return version

    async def unpin(self) -> bool:
        """End the pin and look at the source. Returns whether there was one. Raises Rejected."""
        async with self._lock:
            was_pinned = self._publisher.pinned
            self._publisher.pin(None)
            self._must_hydrate = True
        if was_pinned:
            self._log.info("Catalogue Unpinned")
        return was_pinned

    def stop(self) -> None:
        """Interrupt whatever the source is doing and give up its thread."""
        self.source.cancel()
        self._thread.submit(self.source.close)
        self._thread.shutdown(wait=False, cancel_futures=False)

    async def _look(self, *, force: bool, only_if_changed: bool) -> Outcome:
        try:
            changed = await self._in_thread(self.source.changed)
            if only_if_changed and not changed and not self._must_hydrate:
                self._source_ok()
                return Outcome("unchanged")
            self._must_hydrate = True  # until it went well
            started = time.monotonic()
            version = await self._in_thread(self._hydrate, force)
            self.state.hydration_s = time.monotonic() - started
            self._source_ok()
        except SourceError as error:
            self._source_failed(error)
            return Outcome("failed", str(error))
        except Rejected as rejected:
            self._source_ok()
            self._publisher.reject(rejected)
            return Outcome("rejected", str(rejected))
        if version is None:
            self._must_hydrate = False
            await self._confirm()
            return Outcome("unchanged")
        await self._in_thread(self._publisher.write_snapshot, version)
        try:
            self._publisher.announce(version)
        except Rejected as rejected:
            self._publisher.discard(version)
            self._publisher.reject(rejected)
            return Outcome("rejected", str(rejected))
        self._must_hydrate = False
        return Outcome("announced")

    def _hydrate(self, force: bool) -> Version | None:
        current = self._publisher.current
        return hydrate(self.source, self._area, self._ledger, self.gate, current, self._log, force=force)

    async def _confirm(self) -> None:
        """The source holds what is announced: a snapshot that is missing or failed gets another try."""
        current = self._publisher.current
        if current is None:
            return
        if current.origin == "snapshot":
            current.origin = self.source.name
        if self._publisher.snapshot_error or not self._publisher.snapshot_path.exists():
            await self._in_thread(self._publisher.write_snapshot, current)

    def _source_ok(self) -> None:
        state = self.state
        if state.failures:
            self._log.info("Source Recovered", source=self.source.name, failures=state.failures)
        state.up, state.failures, state.last_ok_at_ms = True, 0, _now_ms()

    def _source_failed(self, error: SourceError) -> None:
        state = self.state
        state.up = False
        state.failures += 1
        state.last_error_kind, state.last_error, state.last_error_at_ms = error.kind, str(error), _now_ms()
        serving = self._publisher.current
        self._log.error(
            "Source Failed", source=self.source.name, kind=error.kind, error=str(error), failures=state.failures,
            serving_generation=serving.generation if serving else 0,
        )  # fmt: skip

    def _delay_s(self) -> float:
        if self.state.failures == 0:
            return self.refresh_s
        longest = min(self.refresh_s, RETRY_FIRST_S * float(1 << min(self.state.failures - 1, 20)))
        return longest * random.uniform(0.5, 1.0)

    async def _in_thread(self, call: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
