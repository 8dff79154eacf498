"""Which core each worker runs on, and that the rest of the appliance stays off it.

The work of a new version (building, verifying, the snapshot, mapping) gives way to requests wherever it runs, but on a
worker's core it still empties the caches and costs a change of threads at every request. A hydration, the longest of
it, may use that core as long as its worker does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from appliance._native import IdleCores


def plan_pinning(pin: Literal["auto", "off"] | tuple[int, ...], workers: int) -> list[list[int] | None]:
    """The cores of each worker slot: `auto` pins one core each while there are enough, `off` none, a list in turn."""
    if pin == "off":
        return [None] * workers
    if pin == "auto":
        allowed = sorted(os.sched_getaffinity(0))
        # From the far end: the first core tends to have the interrupts.
        return [[core] for core in allowed[-workers:]] if workers <= len(allowed) else [None] * workers
    return [[pin[index % len(pin)]] for index in range(workers)]


@contextmanager
def beside(plan: Sequence[list[int] | None]) -> Iterator[None]:
    """Run this thread, and threads and processes that it starts meanwhile, on the cores that `plan` leaves.

    Nothing happens when it leaves none, or pins nobody. Not being allowed to costs latency, not service.
    """
    before = os.sched_getaffinity(0)
    pinned = {core for cores in plan if cores is not None for core in cores}
    left = before - pinned
    moved = bool(pinned and left) and _move(left)
    try:
        yield
    finally:
        if moved:
            _move(before)


@contextmanager
def lending(workers: Sequence[tuple[int, Sequence[int]]]) -> Iterator[None]:
    """Let the work of a version use the cores of pinned workers too, while those do nothing.

    `workers`: process id and cores of each.
    """
    idle_cores = IdleCores(workers)
    try:
        yield
    finally:
        idle_cores.close()


def _move(cores: set[int]) -> bool:
    try:
        os.sched_setaffinity(0, cores)
    except OSError:  # a seccomp filter, or a cpuset that was changed meanwhile
        return False
    return True
