"""Rate limit of repeated log records: the first few in a window go out, the rest are counted.

An error is never lost without trace: when its window ends, the last suppressed record goes out with `repeated`, the
number of times it was held back.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

WINDOW_S = 10.0
BURST = 10
"""Records of one kind that go out in one window."""
KINDS_MAX = 1024
"""Kinds followed at a time; the one longest unseen is forgotten first, its count reported."""

Record = dict[str, object]


@dataclass
class _Kind:
    started_s: float
    passed: int = 0
    held: int = 0
    last: Record | None = None


class RepeatLimit:
    """Decides which records go out. Not thread-safe; times in seconds of any monotonic clock."""

    def __init__(self, window_s: float = WINDOW_S, burst: int = BURST) -> None:
        assert window_s > 0
        assert burst > 0
        self._window_s = window_s
        self._burst = burst
        self._kinds: OrderedDict[tuple[str, str], _Kind] = OrderedDict()

    @property
    def holding(self) -> int:
        """Kinds of which something is held back at present."""
        return sum(1 for kind in self._kinds.values() if kind.held)

    def admit(self, level: str, message: str, record: Record, now_s: float) -> list[Record]:
        """Return the records to write now: what has become due, then `record` unless it is held back."""
        due = self.due(now_s)
        key = (level, message)
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= KINDS_MAX:
                due += _summary(self._kinds.popitem(last=False)[1])
            kind = self._kinds[key] = _Kind(now_s)
        if kind.passed < self._burst:
            kind.passed += 1
            due.append(record)
        else:
            kind.held += 1
            kind.last = record
        return due

    def due(self, now_s: float) -> list[Record]:
        """Return the summaries of windows that have ended."""
        found: list[Record] = []
        while self._kinds:
            key, kind = next(iter(self._kinds.items()))
            if now_s - kind.started_s < self._window_s:
                break  # windows are in the order of their start
            del self._kinds[key]
            found += _summary(kind)
        return found

    def flush(self) -> list[Record]:
        """Return all summaries, ended or not, and forget everything."""
        found = [record for kind in self._kinds.values() for record in _summary(kind)]
        self._kinds.clear()
        return found

    def next_due_s(self, now_s: float) -> float | None:
        """Return in how many seconds a summary becomes due, None when nothing is held back."""
        starts = [kind.started_s for kind in self._kinds.values() if kind.held]
        return max(0.0, min(starts) + self._window_s - now_s) if starts else None


def _summary(kind: _Kind) -> list[Record]:
    if not kind.held or kind.last is None:
        return []
    return [{**kind.last, "repeated": kind.held}]
