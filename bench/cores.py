"""Which cores the server gets and which the generator, so that neither is measured through the other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """A division of the allowed cores. Equal sets: there is nothing to divide, or nobody wanted it."""

    generator: tuple[int, ...]
    server: tuple[int, ...]

    @property
    def apart(self) -> bool:
        """Whether neither side can take a core from the other."""
        return not set(self.generator) & set(self.server)

    def __str__(self) -> str:
        if not self.apart:
            return f"both sides on cores {_text(self.server)}"
        return f"server on {_text(self.server)}, generator on {_text(self.generator)}"


def divide(allowed: Sequence[int], workers: int, wanted: str) -> Cores:
    """The last `workers` cores for the server, as `pin = auto` of the appliance has it, and the others.

    `wanted`: `auto`, `off` (no division) or the generator's cores, as `0,1`. Raises ValueError.
    """
    everything = tuple(sorted(allowed))
    if wanted == "off":
        return Cores(everything, everything)
    if wanted != "auto":
        parts = wanted.split(",")
        given = tuple(sorted({int(part) for part in parts if part.isascii() and part.isdigit()}))
        if not all(part.isascii() and part.isdigit() for part in parts) or not set(given) <= set(everything):
            raise ValueError(f"cores to choose from are {_text(everything)}; found {wanted}")
        return Cores(given, tuple(core for core in everything if core not in given) or everything)
    if workers >= len(everything):
        return Cores(everything, everything)
    return Cores(everything[: len(everything) - workers], everything[len(everything) - workers :])


@contextmanager
def on(cores: Sequence[int]) -> Iterator[None]:
    """Run this thread, and what it starts meanwhile, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _text(cores: Sequence[int]) -> str:
    return ",".join(map(str, cores))
