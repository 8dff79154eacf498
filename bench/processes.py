"""CPU time and memory of an appliance's processes, from /proc."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def session_pids(leader: int) -> list[int]:
    """The live processes of the session that `leader` leads."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = _stat_fields(stat)
        if fields and int(fields[3]) == leader and fields[0] not in "ZX":
            found.append(int(stat.parent.name))
    return sorted(found)


def cpu_s(pids: list[int]) -> float:
    """User and system time of these processes in seconds, in steps of a clock tick (10 ms) each.

    /proc scales the two so that their sum is the scheduler's exact run time, cut to ticks.
    """
    total = 0
    for pid in pids:
        fields = _stat_fields(Path(f"/proc/{pid}/stat"))
        total += int(fields[11]) + int(fields[12]) if fields else 0
    return total / TICKS_A_SECOND


def title(pid: int) -> str:
    """The process's title, as `ps` shows it."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


class MemoryWatch:
    """Samples RssAnon of every process of a session in the background; use it in a `with` block.

    A process that was forked to run another program shows its parent's pages until it does; it is counted as it is.

    Sampling shares the cores with what it samples, so a sample is a few reads of open files, some 10 µs. Who belongs to
    the session is looked up again when the host has made a process or a thread since.
    """

    def __init__(self, leader: int, every_s: float = 0.01) -> None:
        """`leader`: the session's, which is the supervisor."""
        self.leader = leader
        self.samples = 0
        self.longest_gap_s = 0.0
        self.peak_supervisor_bytes = 0  # with every child that is not a worker
        self.peak_worker_bytes: dict[int, int] = {}
        self._every_s = every_s
        self._statm: dict[int, int] = {}  # open files by process
        self._newest = b""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._workers = {pid for pid in session_pids(self.leader) if "grpc worker" in title(pid)}
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        for file in self._statm.values():
            os.close(file)

    def _run(self) -> None:
        last = time.monotonic()
        loadavg = os.open("/proc/loadavg", os.O_RDONLY)
        try:
            while not self._stop.wait(self._every_s):
                newest = os.pread(loadavg, 100, 0).split()[-1]  # process id most recently given away: proc_loadavg(5)
                if newest != self._newest:
                    self._newest = newest
                    self._follow()
                self._sample()
                now = time.monotonic()
                self.longest_gap_s = max(self.longest_gap_s, now - last)
                last = now
        finally:
            os.close(loadavg)

    def _follow(self) -> None:
        """Open the files of processes that are new in the session."""
        for pid in _tree(self.leader):
            if pid not in self._statm:
                with contextlib.suppress(OSError):
                    self._statm[pid] = os.open(f"/proc/{pid}/statm", os.O_RDONLY)

    def _sample(self) -> None:
        supervisor_bytes = 0
        for pid, file in list(self._statm.items()):
            anonymous = _anonymous_bytes(file)
            if anonymous is None:
                os.close(self._statm.pop(pid))
            elif pid in self._workers:
                self.peak_worker_bytes[pid] = max(self.peak_worker_bytes.get(pid, 0), anonymous)
            else:
                supervisor_bytes += anonymous
        self.peak_supervisor_bytes = max(self.peak_supervisor_bytes, supervisor_bytes)
        self.samples += 1


def _tree(root: int) -> list[int]:
    """`root` and everything below it."""
    pids = [root]
    for pid in pids:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                pids.extend(map(int, children.read_text().split()))
            except OSError:
                continue
    return pids


def _anonymous_bytes(statm: int) -> int | None:
    """RssAnon of a process from its open `statm`: resident pages less those of files and shared memory. None: gone."""
    try:
        _, resident, shared, *_ = os.pread(statm, 200, 0).split()
    except (OSError, ValueError):
        return None
    return (int(resident) - int(shared)) * PAGE_BYTES


def _stat_fields(path: Path) -> list[str]:
    """Fields from the third on (state); empty when the process is gone."""
    try:
        return path.read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return []
