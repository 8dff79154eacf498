"""What a server, the generator and everybody else did with the cores while a measurement ran, from /proc."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.bound import WAKE_UP_US
from bench.processes import TICKS_A_SECOND

NS = 1e9
RAN = 0.01
"""Of wall time: a thread that ran less is none that a load runs on, and its cores say nothing."""


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread's times in seconds, and how often it was given a core (`/proc/<pid>/task/<tid>/schedstat`)."""

    run_s: float
    wait_s: float
    turns: int


@dataclass(frozen=True, slots=True)
class Host:
    """Seconds of the allowed cores' time: used by processes, and taken by the hypervisor."""

    used_s: float
    steal_s: float


@dataclass(frozen=True, slots=True)
class Side:
    """What one side did: CPU seconds of all its threads, and shares of wall time."""

    run_s: float
    busy: float
    """Of the core that is the fullest for it."""
    waited: float
    """Ready and not run, beyond waking up and beyond what its own threads took from each other; of the thread that
    waited longest."""
    cores: frozenset[int] = frozenset()
    """Where its working threads may run."""


Threads = dict[tuple[int, int], Thread]


class Watch:
    """Watches both sides over the length of a `with` block."""

    def __init__(self, server: Callable[[], Sequence[int]], generator_pid: int | None = None) -> None:
        """`server` tells its processes. `generator_pid`: a process; None: the calling thread."""
        self._server = server
        self._generator_pid = generator_pid
        self._thread = threading.get_native_id()
        self._cores = sorted(os.sched_getaffinity(1)) if _sees_all() else sorted(os.sched_getaffinity(0))

    def __enter__(self) -> Self:
        self._pids = list(self._server())
        self._before = self._look()
        self._began_s = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wall_s = time.monotonic() - self._began_s
        after = self._look()
        self.server = _side(self._before[0], after[0], self.wall_s)
        self.generator = _side(self._before[1], after[1], self.wall_s)
        self.server_visible = bool(after[0])
        ours_s = after[2] - self._before[2]
        if self._generator_pid is None:
            # It may have had threads, which are gone; they ran where this one may.
            self.generator = replace(
                self.generator, run_s=max(self.generator.run_s, ours_s), cores=frozenset(os.sched_getaffinity(0))
            )
        host_before, host_after = self._before[3], after[3]
        # A generator in this process is in `ours_s` already.
        elsewhere_s = self.generator.run_s if self._generator_pid not in (None, os.getpid()) else 0.0
        used_s = host_after.used_s - host_before.used_s - self.server.run_s - ours_s - elsewhere_s
        self.foreign = max(0.0, used_s / self.wall_s)
        self.steal = max(0.0, (host_after.steal_s - host_before.steal_s) / self.wall_s / len(self._cores))

    @property
    def shared_busy(self) -> float | None:
        """Share of all cores of both sides that was used by either, where they have some in common; else None."""
        if not self.server.cores & self.generator.cores:
            return None
        return (self.server.run_s + self.generator.run_s) / self.wall_s / len(self.server.cores | self.generator.cores)

    def _look(self) -> tuple[Threads, Threads, float, Host]:
        if self._generator_pid is None:
            own = {(os.getpid(), self._thread): _thread(Path(f"/proc/self/task/{self._thread}"))}
        else:
            own = threads([self._generator_pid])
        return threads(self._pids), own, time.process_time(), host(self._cores)


def threads(pids: Sequence[int]) -> Threads:
    """The times of every thread of these processes; those that are gone are left out."""
    found: Threads = {}
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("[0-9]*"):
            try:
                found[pid, int(task.name)] = _thread(task)
            except (OSError, ValueError):  # gone, before or while it was read
                continue
    return found


def host(cores: Sequence[int]) -> Host:
    """The times of these cores since the host started."""
    wanted = {f"cpu{core}" for core in cores}
    used = steal = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name in wanted:
            user, nice, system, _, _, irq, softirq, stolen = map(int, ticks[:8])
            used += user + nice + system + irq + softirq
            steal += stolen
    return Host(used / TICKS_A_SECOND, steal / TICKS_A_SECOND)


def _sees_all() -> bool:
    """Whether init's cores can be asked for: this process may have given some of its own away."""
    try:
        os.sched_getaffinity(1)
    except OSError:
        return False
    return True


def _thread(task: Path) -> Thread:
    try:
        run_ns, wait_ns, turns = map(int, (task / "schedstat").read_text().split())
    except FileNotFoundError:  # a kernel without CONFIG_SCHED_INFO, or the thread is gone
        user, system = (task / "stat").read_text().rpartition(")")[2].split()[11:13]
        return Thread((int(user) + int(system)) / TICKS_A_SECOND, 0.0, 0)
    return Thread(run_ns / NS, wait_ns / NS, turns)


def _side(before: Threads, after: Threads, wall_s: float) -> Side:
    nothing = Thread(0.0, 0.0, 0)
    ran_s: dict[tuple[int, int], float] = {}
    waited_s: dict[tuple[int, int], float] = {}
    for key, now in after.items():
        then = before.get(key, nothing)
        ran_s[key] = now.run_s - then.run_s
        waited_s[key] = now.wait_s - then.wait_s - (now.turns - then.turns) * WAKE_UP_US / 1e6
    working = {key: _cores_of(key[1]) for key, ran in ran_s.items() if ran > RAN * wall_s}
    run_s = sum(ran_s.values())
    cores = frozenset(core for allowed in working.values() for core in allowed)
    # Several threads on few cores fill those; one thread cannot fill more than one.
    busy_s = max(max(ran_s.values(), default=0.0), run_s / max(1, len(cores)))
    longest_s = 0.0
    for key, waited in waited_s.items():
        # The workers of a pool wait for each other, and that is no noise.
        allowed = working.get(key) or _cores_of(key[1])
        siblings_s = sum(ran_s[other] for other, theirs in working.items() if other != key and theirs & allowed)
        longest_s = max(longest_s, waited - siblings_s)
    return Side(run_s, min(1.0, busy_s / wall_s), longest_s / wall_s, cores)


def _cores_of(thread: int) -> set[int]:
    try:
        return os.sched_getaffinity(thread)
    except OSError:
        return set()
