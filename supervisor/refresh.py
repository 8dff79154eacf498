"""Following the source: polls it, hydrates when it changed, backs off while it is away."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from appliance.errors import StateDirectoryError
from appliance.logging import Logger
from supervisor.faults import Faults
from supervisor.hydration import Gate, Hydrated, hydrate
from supervisor.hydration_thread import HydrationThread
from supervisor.ledger import Ledger
from supervisor.publisher import Publisher
from supervisor.shared_memory import SharedMemoryArea
from supervisor.sources import Source, SourceError
from supervisor.version import Rejected, Version

RETRY_FIRST_S = 1.0
RETRY_MAX_S = 60.0

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
    digest: str = ""  # of what the source is known to hold; empty after a refusal, whose version nobody serves


class Refresh:
    """Keeps the announced version what the source holds. Every change of versions goes through its lock.

    What it is asked runs in a task of its own to the end, even when whoever asked does not wait for it any more (a
    client of the admin service that hangs up): a segment that was built is announced or unlinked.
    """

    def __init__(
        self, source: Source, publisher: Publisher, area: SharedMemoryArea, ledger: Ledger, gate: Gate, log: Logger,
        faults: Faults, *, refresh_s: float,
        lending: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:  # fmt: skip
        """`refresh_s` is the time between two looks at a source that is up. A hydration runs inside `lending()`."""
        self.source = source
        self.state = SourceState()
        self.gate = gate
        self._refresh_s = refresh_s
        self._lending = lending
        self._publisher = publisher
        self._area = area
        self._ledger = ledger
        self._log = log
        self._faults = faults
        self._lock = asyncio.Lock()
        self._replan = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._must_hydrate = True  # whatever the source's cheap check says
        self._on_look: Callable[[], None] = lambda: None
        self._thread = HydrationThread()

    @property
    def stale(self) -> bool:
        """Whether what is served is not what the source is known to hold."""
        current = self._publisher.current
        return current is not None and not (self.state.up and self.state.digest == current.digest)

    @property
    def busy(self) -> bool:
        """Whether a version is being restored, read or announced."""
        return self._lock.locked()

    def on_look(self, call: Callable[[], None]) -> None:
        """Have `call` made after each look at the source, and after each rollback."""
        self._on_look = call

    async def restore(self) -> None:
        """Announce the snapshot, if there is one that can be used, before anybody looks at the source.

        Raises StateDirectoryError when the ledger cannot be written.
        """
        await self._whole(self._restore())

    async def run(self) -> None:
        """Look at the source until cancelled."""
        while True:
            await self.look(force=False, only_if_changed=True)
            self._replan.clear()
            delay_s = self._delay_s()
            self.state.next_try_at_ms = _now_ms() + int(delay_s * 1000)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._replan.wait(), delay_s)

    async def look(self, *, force: bool, only_if_changed: bool) -> Outcome:
        """Look at the source once and announce what it holds, unless that is refused."""
        return await self._whole(self._look_locked(force=force, only_if_changed=only_if_changed))

    async def rollback(self, to: str) -> Version:
        """Announce an older version again and pin it. Raises NotFoundError, Rejected."""
        return await self._whole(self._rollback(to))

    async def unpin(self) -> bool:
        """End the pin and look at the source. Returns whether there was one. Raises Rejected."""
        was_pinned = await self._whole(self._unpin())
        if was_pinned:
            await self.look(force=False, only_if_changed=False)
        return was_pinned

    async def configure(self, gate: Gate, *, refresh_s: float, keep_generations: int) -> None:
        """Put other limits into force, from the next look on; the time of that look is planned anew."""
        async with self._lock:
            self.gate = gate
            self._refresh_s = refresh_s
            self._publisher.keep_generations = keep_generations
            self._publisher.retire()
        self._replan.set()

    def interrupt(self) -> None:
        """End what the source is doing and refuse to look again: the appliance stops."""
        self._stopping = True
        self.source.cancel()

    async def stop(self, timeout_s: float) -> bool:
        """Interrupt, and give up the thread. False when it has not ended within `timeout_s`."""
        self.interrupt()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        return await self._thread.end(self.source.close, timeout_s)

    async def _whole(self, work: Coroutine[Any, Any, Result]) -> Result:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def _restore(self) -> None:
        async with self._lock:
            if self._publisher.current is not None:  # somebody was quicker to ask for a reload
                return
            version = await self._thread.call(self._publisher.restore_snapshot, self.gate.wire, self.gate.reserve_bytes)
            if version is not None:
                try:
                    self._publisher.announce(version, await self._thread.call(self._publisher.take_generation))
                except Rejected as rejected:
                    self._publisher.discard(version)
                    raise StateDirectoryError(str(rejected)) from rejected
            await self._thread.call(self._publisher.settle_pin)

    async def _look_locked(self, *, force: bool, only_if_changed: bool) -> Outcome:
        async with self._lock:
            if self._stopping:
                return Outcome("failed", "the appliance is stopping")
            if self._publisher.pinned:
                outcome = Outcome("pinned", "the catalogue is pinned; `avap catalog unpin` follows the source again")
            else:
                outcome = await self._look(force=force, only_if_changed=only_if_changed)
        self.state.looked = True
        self._on_look()
        return outcome

    async def _look(self, *, force: bool, only_if_changed: bool) -> Outcome:
        try:
            if only_if_changed and not self._must_hydrate and not await self._thread.call(self.source.changed):
                self._source_ok()
                await self._confirm()
                return Outcome("unchanged")
            self._must_hydrate = True  # until it went well
            return await self._hydrate_and_announce(force=force)
        except SourceError as error:
            self._source_failed(error.kind, str(error))
            return Outcome("failed", str(error))
        except Rejected as rejected:
            self._publisher.reject(rejected)
            return Outcome("rejected", str(rejected))
        except Exception as error:  # of a source, of the native half: what is served must go on
            self._faults.caught("refresh", error)
            self._source_failed("internal", f"{type(error).__name__}: {error}")
            return Outcome("failed", f"a fault of our own, see the log: {type(error).__name__}: {error}")

    async def _hydrate_and_announce(self, *, force: bool) -> Outcome:
        started = time.monotonic()
        try:
            hydrated = await self._thread.call(self._hydrate, force)
        except Rejected:  # the source did its part
            self._source_ok()
            self.state.digest = ""
            raise
        self.state.hydration_s = time.monotonic() - started
        self._source_ok()
        version = hydrated.version
        if version is None:
            await self._keep(hydrated)
            return Outcome("unchanged")
        try:
            if self._stopping:
                raise SourceError("cancelled", "the appliance is stopping")
            await self._thread.call(self._publisher.write_snapshot, version)
            self._publisher.announce(version, await self._thread.call(self._publisher.take_generation))
        except BaseException:
            if version is not self._publisher.current:
                self._publisher.discard(version)
            self.state.digest = ""
            raise
        self.state.digest = version.digest
        self._must_hydrate = False
        return Outcome("announced")

    def _hydrate(self, force: bool) -> Hydrated:
        current = self._publisher.current
        with self._lending():
            return hydrate(self.source, self._area, self._ledger, self.gate, current, self._log, force=force)

    async def _keep(self, hydrated: Hydrated) -> None:
        current = self._publisher.current
        assert current is not None, "a hydration is compared with the current version only"
        if current.origin == "snapshot":
            current.origin = self.source.name
        current.duplicates, current.bad_rows = hydrated.duplicates, hydrated.bad_rows
        current.bad_rows_shown = hydrated.bad_rows_shown
        self.state.digest = current.digest
        self._must_hydrate = False
        await self._confirm()

    async def _confirm(self) -> None:
        """The source holds what is announced: a snapshot that is missing or failed gets another try."""
        current = self._publisher.current
        if current is not None and current.digest == self.state.digest:
            current.confirmed_at_ms = self.state.last_ok_at_ms
            await self._thread.call(self._publisher.keep_snapshot, current)

    async def _rollback(self, to: str) -> Version:
        async with self._lock:
            version = self._publisher.find(to)
            if version is self._publisher.current:
                await self._thread.call(self._publisher.keep_snapshot, version)
                await self._thread.call(self._publisher.pin, version)
            else:
                await self._thread.call(self._publisher.write_snapshot, version)
                generation = await self._thread.call(self._publisher.take_generation, version)
                self._publisher.announce(version, generation)
            self._log.warning("Catalogue Pinned", generation=version.generation, digest=version.digest)
            self._on_look()
            return version

    async def _unpin(self) -> bool:
        async with self._lock:
            was_pinned = self._publisher.pinned
            if was_pinned:
                await self._thread.call(self._publisher.pin, None)
                self._must_hydrate = True
                self._log.info("Catalogue Unpinned")
            return was_pinned

    def _source_ok(self) -> None:
        state = self.state
        if state.failures:
            self._log.info("Source Recovered", source=self.source.name, failures=state.failures)
        state.up, state.failures, state.last_ok_at_ms = True, 0, _now_ms()

    def _source_failed(self, kind: str, message: str) -> None:
        if self._stopping:
            return
        state = self.state
        state.up = False
        state.failures += 1
        state.last_error_kind, state.last_error, state.last_error_at_ms = kind, message, _now_ms()
        serving = self._publisher.current
        self._log.error(
            "Source Failed", source=self.source.name, kind=kind, error=message, failures=state.failures,
            serving_generation=serving.generation if serving else 0,
        )  # fmt: skip

    def _delay_s(self) -> float:
        if self.state.failures == 0:
            return self._refresh_s
        backoff_s = RETRY_FIRST_S * float(1 << min(self.state.failures - 1, 20))
        return min(self._refresh_s, RETRY_MAX_S, backoff_s) * random.uniform(0.5, 1.0)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
