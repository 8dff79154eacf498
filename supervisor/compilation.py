"""The definitions of each announced version, compiled by a process of their own and announced behind the records.

Nobody waits for it: the version is served, and until its code is there HTTP workers compile what scripts ask for
themselves. A definition that ends the compiler is put into quarantine, and another process goes on behind it. Versions
that come while one is compiled are not compiled one by one: the last of them is next.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from appliance._native import SegmentError, code_failures, code_progress, code_verify
from appliance.errors import OsRefusedError, StateDirectoryError
from appliance.logging import Logger
from supervisor import compiler_process
from supervisor.compiler_process import Ended
from supervisor.hydration_thread import HydrationThread
from supervisor.ledger import Ledger
from supervisor.publisher import Publisher
from supervisor.pulse import Pulse
from supervisor.quarantine import Quarantine
from supervisor.shared_memory import SharedMemoryArea
from supervisor.version import Code, Version

DEATHS_MAX = 16
"""Of compilers for one version, in a row; then there is a pause, and all that was learned is kept."""
RETRY_FIRST_S = 60.0
RETRY_MAX_S = 3600.0
FIRST_BYTES = 4096
FAILURES_MAX = 1000
"""Definitions that do not compile which a report spells out."""
STOP_TIMEOUT_S = 3.0
OUTCOMES = ("done", "failed", "died", "stood_still")
"""The label values of `avap_compiler_runs_total{outcome}`."""

OF_THE_ROW: dict[int, str] = {
    signal.SIGPROF: "cpu",
    signal.SIGXCPU: "cpu",
    signal.SIGABRT: "memory",
    signal.SIGSEGV: "crash",
    signal.SIGBUS: "crash",
    signal.SIGILL: "crash",
    signal.SIGFPE: "crash",
    signal.SIGTRAP: "crash",
}
"""Signals that only what the compiler was doing can have sent. Others came from outside, and prove nothing at first."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a compiler may take."""

    memory_mb: int
    cpu_ms: int  # of one definition
    wall_s: float  # without any progress
    reserve_bytes: int  # left free in /dev/shm, memory and cgroup


@dataclass(frozen=True, slots=True)
class Failure:
    """A definition that cannot run."""

    name: str
    source: str  # hash of name, interface and code, 64 hex digits
    quarantined: bool
    line: int
    column: int
    message: str


class CompilationError(Exception):
    """There is no code for a version. `kind` is `no_room`, `gone`, `system` or `deaths`."""

    def __init__(self, kind: str, message: str) -> None:
        """`message` says what happened."""
        super().__init__(message)
        self.kind = kind


class Compilation:
    """Compiles the current version. On the supervisor's loop; the attributes may be read from any thread."""

    def __init__(
        self,
        publisher: Publisher,
        area: SharedMemoryArea,
        ledger: Ledger,
        quarantine: Quarantine,
        log: Logger,
        limits: Limits,
        *,
        always: bool,
        on_quarantine: Callable[[], None],
    ) -> None:
        """`always`: each version; else only when somebody asks what does not compile."""
        self.quarantine = quarantine
        self.limits = limits
        self.runs: Counter[str] = Counter()  # by outcome
        self.definitions: Counter[str] = Counter()  # "compiled", "reused"
        self.seconds = 0.0  # of the last one that was completed
        self.error: CompilationError | None = None  # of the last try, for the current version
        self.under_way = False
        self._publisher = publisher
        self._area = area
        self._ledger = ledger
        self._log = log
        self._always = always
        self._asked = False
        self._on_quarantine = on_quarantine
        self._news = asyncio.Event()
        self._changed = Pulse()
        self._failures = 0  # in a row, for one version
        self._thread = HydrationThread("compilation")
        publisher.on_announce = self._announced

    @property
    def state(self) -> str:
        """`compiled`, `compiling`, `failed`, or `none`: for the current version."""
        current = self._publisher.current
        if current is not None and current.code is not None:
            return "compiled"
        if self.under_way:
            return "compiling"
        return "failed" if self.error is not None else "none"

    async def run(self) -> None:
        """Compile what is announced, until cancelled."""
        while True:
            self._news.clear()
            version = self._publisher.current
            if version is None or version.code is not None or not (self._always or self._asked):
                await self._news.wait()
                continue
            self._asked = False
            if await self._compile(version):
                continue
            delay_s = min(RETRY_MAX_S, RETRY_FIRST_S * 2.0 ** min(self._failures - 1, 20)) * random.uniform(0.5, 1.0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), delay_s)
            self._asked = True

    def retry(self) -> None:
        """Try again now if the last try failed: somebody has just mended something."""
        self._news.set()

    async def settled(self) -> None:
        """Wait until the current version is compiled, or could not be."""
        if self.state == "none":
            self._asked = True
            self._news.set()
        while self._publisher.current is not None and self.state in ("none", "compiling"):
            await self._changed.wait()

    async def failures(self) -> tuple[Version, list[Failure]] | None:
        """The definitions of the current version that cannot run, at most FAILURES_MAX of them; None without code."""
        version = self._publisher.current
        if version is None or version.code is None:
            return None
        try:
            found = await self._thread.call(code_failures, version.code.segment_name, FAILURES_MAX)
        except SegmentError:  # retired in this moment
            return None
        return version, [Failure(*one) for one in found]

    async def stop(self) -> None:
        """Give up the thread."""
        await self._thread.end(lambda: None, STOP_TIMEOUT_S)

    def _announced(self) -> None:
        self._failures = 0
        self.error = None
        self._news.set()
        self._changed.fire()

    async def _compile(self, version: Version) -> bool:
        """Whether there is nothing more to do for this version."""
        self.under_way, started = True, time.monotonic()
        try:
            code, report = await self._make(version)
        except CompilationError as error:
            if error.kind == "gone":  # retired meanwhile
                return True
            self.error = error
            self._failures += 1
            self._log.error(
                "Code Not Compiled", generation=version.generation, reason=error.kind, error=str(error),
                effect="HTTP workers compile the definitions that scripts ask for",
            )  # fmt: skip
            return version is not self._publisher.current
        finally:
            self.under_way = False
            self._changed.fire()
        self.error = None
        self.seconds = time.monotonic() - started
        for how in ("compiled", "reused"):
            self.definitions[how] += int(report[how])
        self._log.info(
            "Code Compiled", generation=version.generation, definitions=code.definitions, compiled=report["compiled"],
            reused=report["reused"], refused=code.refused, quarantined=code.quarantined,
            seconds=round(self.seconds, 3),
        )  # fmt: skip
        self._publisher.announce_code(version, code)
        self._changed.fire()
        return True

    async def _make(self, version: Version) -> tuple[Code, Mapping[str, Any]]:
        try:
            segment_id, name = await self._thread.call(self._create)
        except (OsRefusedError, StateDirectoryError) as error:
            raise CompilationError("no_room" if isinstance(error, OsRefusedError) else "system", str(error)) from error
        try:
            report = await self._see_through(version, segment_id, name)
            for source, command, reason in report["panicked"]:
                await self._put_into_quarantine(source, command, reason)
            try:
                definitions, refused, quarantined, size = await self._thread.call(code_verify, name)
            except SegmentError as error:
                raise CompilationError(
                    "system", f"the new code does not verify, which is our fault: {error}"
                ) from error
            return Code(segment_id, name, size, definitions, refused, quarantined), report
        except BaseException:
            self._area.unlink(str(segment_id))
            raise

    def _create(self) -> tuple[int, str]:
        segment_id = self._ledger.next_segment_id()
        return segment_id, self._area.create(str(segment_id), FIRST_BYTES)

    async def _see_through(self, version: Version, segment_id: int, name: str) -> Mapping[str, Any]:
        """Start compilers until one comes to the end; its report. Raises CompilationError."""
        strikes: Counter[str] = Counter()
        for _ in range(DEATHS_MAX):
            previous = self._publisher.newest_code
            order = {
                "segment": version.segment_name,
                "code": name,
                "code_id": segment_id,
                "previous": previous.segment_name if previous else None,
                "quarantined": self.quarantine.reasons(),
                "memory_bytes": self.limits.memory_mb << 20,
                "cpu_ms": self.limits.cpu_ms,
                "reserve_bytes": self.limits.reserve_bytes,
            }
            try:
                ended = await compiler_process.run(order, lambda: _progress(name), self.limits.wall_s)
            except OSError as error:
                self.runs["failed"] += 1
                raise CompilationError("system", f"no compiler can be started: {error}") from error
            match ended.report.get("type"):
                case "done":
                    self.runs["done"] += 1
                    return ended.report
                case "failed":
                    self.runs["failed"] += 1
                    raise CompilationError(str(ended.report["kind"]), str(ended.report["error"]))
            await self._died(version, name, ended, strikes)
        raise CompilationError("deaths", f"{DEATHS_MAX} compilers in a row died; the log has each")

    async def _died(self, version: Version, name: str, ended: Ended, strikes: Counter[str]) -> None:
        self.runs["stood_still" if ended.stood_still else "died"] += 1
        done, under_way = _progress(name)
        source, command = under_way or ("", "")
        cause: dict[str, object] = (
            {"signal": _signal_name(-ended.code)} if ended.code < 0 else {"exit_code": ended.code}
        )
        if ended.stood_still:
            cause = {"fault": f"it made no progress for {self.limits.wall_s:g} s"}
        self._log.error(
            "Compiler Died", generation=version.generation, command=command, done=done, said=ended.stderr, **cause,
        )  # fmt: skip
        if not source or ended.stood_still:  # a full host, or a stopped process: CPU time would have been noticed
            return
        reason = self._blame(ended)
        if not reason:
            strikes[source] += 1
            if strikes[source] > 1:
                reason = f"the compiler died on it twice ({', '.join(map(str, cause.values()))})"
        if reason:
            await self._put_into_quarantine(source, command, reason)

    def _blame(self, ended: Ended) -> str:
        """Why the definition under way is at fault, if that is certain."""
        kind = OF_THE_ROW.get(-ended.code)
        if kind == "cpu":
            return f"compiling it takes more than {self.limits.cpu_ms} ms of CPU time (vm.compiler_cpu_ms)"
        if kind == "memory" and "memory allocation" in ended.stderr:
            return f"compiling it takes more than {self.limits.memory_mb} MiB (vm.compiler_memory_mb)"
        return f"the compiler crashed on it ({_signal_name(-ended.code)})" if kind else ""

    async def _put_into_quarantine(self, source: str, command: str, reason: str) -> None:
        entry = await self._thread.call(self.quarantine.add, source, command, reason)
        self._log.error("Definition Quarantined", command=entry.name, source=source, reason=entry.reason)
        self._on_quarantine()


def _progress(name: str) -> tuple[int, tuple[str, str] | None]:
    try:
        return code_progress(name)
    except SegmentError:  # unlinked: the appliance stops
        return 0, None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have none
        return f"signal {number}"
