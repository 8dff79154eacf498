"""What load is made: connections × streams on each, and every other knob of the generator."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from typing import Any, Literal, Self

Method = Literal["GetCommand", "SyncCatalog", "Execute"]
WINDOW_DEFAULT = 65_535
WINDOW_MAX = (1 << 31) - 1
DRAWS = 65_536
"""Of names, from which the generator then takes evenly: the share of each is right to half a percent of a percent."""


@dataclass(frozen=True, slots=True, order=True)
class Shape:
    """Connections, and requests under way at once on each."""

    connections: int
    streams: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `8x10` or `8×10`. Raises ValueError."""
        found = re.fullmatch(r"(\d{1,5})[x×*](\d{1,4})", text.strip())
        if found is None or not int(found[1]) or not int(found[2]):
            raise ValueError(f"a shape is connections × streams, as in 8x10; found {text}")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.connections}×{self.streams}"


@dataclass(frozen=True, slots=True)
class Http:
    """What `Execute` sends over HTTP/1.1, and what every answer must be."""

    path: str
    body: str
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 200
    expected: str | None = None
    """Body of every answer; None: anything."""


@dataclass(frozen=True, slots=True)
class Load:
    """One load. `rate` in requests a second makes it an open loop."""

    shape: Shape
    duration_s: float
    warmup_s: float = 0.3
    rate: float | None = None
    arrivals: str = "even"
    """Of an open loop: `even` spacing, or `poisson`."""
    method: Method = "GetCommand"
    names: tuple[str, ...] = ()
    """To take from evenly; empty: every name of the catalogue."""
    http: Http | None = None
    """Of `Execute`."""
    threads: int = 1
    """Of the generator; it uses no more than there are connections."""
    seed: int = 0
    stream_window: int = WINDOW_DEFAULT
    connection_window: int = WINDOW_DEFAULT
    timeout_s: float = 10.0

    def knobs(self) -> dict[str, Any]:
        """The fields of the generator's plan that it does without by default."""
        found: dict[str, Any] = {"seed": self.seed, "timeout_s": self.timeout_s}
        for name in ("stream_window", "connection_window"):
            found[name] = getattr(self, name)
        if self.working_threads > 1:
            found["threads"] = self.working_threads
        if self.rate is not None and self.arrivals != "even":
            found["arrivals"] = self.arrivals
        if self.method != "GetCommand":
            found["method"] = self.method
        if self.http is not None:
            found["http"] = {**asdict(self.http), "headers": dict(self.http.headers)}
        return found

    @property
    def working_threads(self) -> int:
        """Threads that have a connection."""
        return min(self.threads, self.shape.connections)

    def lasting(self, duration_s: float, warmup_s: float) -> Load:
        """The same for another time."""
        return replace(self, duration_s=duration_s, warmup_s=warmup_s)

    def __str__(self) -> str:
        words = [self.method, str(self.shape)]
        if self.rate is not None:
            words.append(f"at {self.rate:.0f}/s" + ("" if self.arrivals == "even" else f" {self.arrivals}"))
        return " ".join(words)


def draw_names(names: Sequence[str], *, zipf: float, miss: float, seed: int) -> tuple[str, ...]:
    """Names to take from evenly. `zipf`: the exponent of the popularity by rank, 0 for none; `miss`: the share of names
    that no catalogue holds. Raises ValueError.
    """
    if not 0 <= miss <= 1 or not 0 <= zipf <= 10:
        raise ValueError(f"a share of misses is 0 to 1 and an exponent 0 to 10; found {miss} and {zipf}")
    if not zipf and not miss:
        return tuple(names)
    chance = random.Random(seed)
    ranked = list(names)
    chance.shuffle(ranked)
    weights = list(accumulate(rank**-zipf for rank in range(1, len(ranked) + 1)))
    drawn = chance.choices(ranked, cum_weights=weights, k=DRAWS)
    missing = round(miss * DRAWS)
    drawn[:missing] = [f"no_such_command_{number:05d}" for number in range(missing)]
    chance.shuffle(drawn)
    return tuple(drawn)
