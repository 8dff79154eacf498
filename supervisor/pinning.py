"""Which core each worker runs on."""

from __future__ import annotations

import os
from typing import Literal


def plan_pinning(pin: Literal["auto", "off"] | tuple[int, ...], workers: int) -> list[list[int] | None]:
    """The cores of each worker slot: `auto` pins one core each while there are enough, `off` none, a list in turn."""
    if pin == "off":
        return [None] * workers
    if pin == "auto":
        allowed = sorted(os.sched_getaffinity(0))
        # From the far end: the first core tends to have the interrupts.
        return [[core] for core in allowed[-workers:]] if workers <= len(allowed) else [None] * workers
    return [[pin[index % len(pin)]] for index in range(workers)]
