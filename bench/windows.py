"""Latency by short windows, on hosts that stop a whole core for milliseconds several times a second.

Such a stall strikes with and without what is measured. Over a long run it alone is the 99th percentile; of short
windows most have none, and the median over them is what the program under test did.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from pathlib import Path


def p99_by_window_us(samples: Path, window_s: float, spans_ns: Sequence[tuple[int, int]] | None = None) -> list[float]:
    """The 99th percentile (nearest rank) of each window of `window_s` seconds of intended starts, in their order.

    `samples` is a file of the load generator (bench/src/plan.rs, `samples`). Windows that hold less than half of the
    fullest one's requests are left out, and with `spans_ns` (begin and end, CLOCK_MONOTONIC) those that touch none of
    them.
    """
    times = array("Q", samples.read_bytes())
    if not times:
        return []
    first_ns = min(times[0::2])
    windows: dict[int, list[float]] = {}
    for intended_ns, done_ns in zip(times[0::2], times[1::2], strict=True):
        number = int((intended_ns - first_ns) / (window_s * 1e9))
        windows.setdefault(number, []).append((done_ns - intended_ns) / 1e3)

    def touches(number: int) -> bool:
        begin_ns = first_ns + number * window_s * 1e9
        return any(begin <= begin_ns + window_s * 1e9 and end >= begin_ns for begin, end in spans_ns or ())

    fullest = max(len(window) for window in windows.values())
    return [
        sorted(window)[math.ceil(0.99 * len(window)) - 1]
        for number, window in sorted(windows.items())
        if 2 * len(window) >= fullest and (spans_ns is None or touches(number))
    ]
