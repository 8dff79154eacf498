"""Which calls are made, in which order.

A function of the seed alone, the same in all the clients (node/plan.js, go/plan.go).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

KINDS = ("hit", "miss", "wrong_key", "sync")
UINT32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Call:
    """One call to make; a key of None is left out of the metadata."""

    kind: str
    name: str
    key: str | None


def generator(seed: int) -> Callable[[], int]:
    """mulberry32: uniform uint32 values from a 32-bit seed."""
    state = seed & UINT32

    def draw() -> int:
        nonlocal state
        state = (state + 0x6D2B79F5) & UINT32
        mixed = ((state ^ (state >> 15)) * (state | 1)) & UINT32
        mixed ^= (mixed + (mixed ^ (mixed >> 7)) * (mixed | 61)) & UINT32
        return mixed ^ (mixed >> 14)

    return draw


class Plan:
    """The endless, deterministic list of calls."""

    def __init__(self, seed: int, mix: Mapping[str, float], key: str, names: Iterable[str]) -> None:
        self._draw = generator(seed)
        self._key = key
        self._known = frozenset(names)
        self._names = sorted(self._known, key=str.encode)
        self._total = 0.0
        self._bounds: list[tuple[float, str]] = []
        for kind in KINDS:
            self._total += mix.get(kind, 0)
            self._bounds.append((self._total, kind))
        if not self._total > 0 or not self._names:
            raise ValueError("the input has no mix or no commands")

    def call(self) -> Call:
        """The next call."""
        share = self._draw() / 4294967296 * self._total
        draw = self._draw()
        kind = next(kind for bound, kind in self._bounds if share < bound)
        name = self._miss_name(draw) if kind == "miss" else self._names[draw % len(self._names)]
        return Call(kind, name, self._wrong_key(draw) if kind == "wrong_key" else self._key)

    def _miss_name(self, draw: int) -> str:
        """A name that no version holds; the forms are those that a message may garble."""
        number = draw & 0xFFFF
        name = (
            f"missing_{number}",
            f"missing ñ 世 {number}",
            f"100% missing %41 {number}",
            f'it\'s\tmissing "{number}"',
            f"{self._names[draw % len(self._names)]}X",
        )[(draw >> 16) % 5]
        while name in self._known:
            name += "_"
        return name

    def _wrong_key(self, draw: int) -> str | None:
        """None at all, an empty one, one byte off, one byte more."""
        last = "y" if self._key.endswith("x") else "x"
        return (None, "", self._key[:-1] + last, self._key + "x")[(draw >> 16) % 4]
