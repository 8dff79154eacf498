"""Noise as repeated measurements have it, to ask `avap bench diff` about: each shape draws runs around 1.

`python -m tests.bench.noise` prints how often diff errs: the source of the figures in bench/results.md.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from random import Random

from bench.diff import Answer, compare
from bench.results import Measurement, Results

Shape = Callable[[Random, int], list[float]]


def steady(chance: Random, count: int) -> list[float]:
    """Scattered by 5 %, independently."""
    return [chance.lognormvariate(0, 0.05) for _ in range(count)]


def spoilt(chance: Random, count: int) -> list[float]:
    """One run in ten met something else on the host: half as long again on average, sometimes thrice as long."""
    return [
        chance.lognormvariate(0, 0.04) * (1 + chance.expovariate(2) if chance.random() < 0.1 else 1)
        for _ in range(count)
    ]


def one_sided(chance: Random, count: int) -> list[float]:
    """Never quicker than 1, often a little slower: time lost to wake-ups."""
    return [1 + chance.expovariate(1 / 0.06) for _ in range(count)]


def two_modes(chance: Random, count: int) -> list[float]:
    """A run in three is 15 % slower: where the memory came to lie, or which core it got."""
    return [chance.choice((1, 1, 1.15)) * chance.lognormvariate(0, 0.02) for _ in range(count)]


def dependent(chance: Random, count: int) -> list[float]:
    """Scattered by 5 %, each run correlated with the one before at 0.3: a neighbour that comes and goes."""
    runs, state = [], chance.gauss(0, 1)
    for _ in range(count):
        runs.append(math.exp(0.05 * state))
        state = 0.3 * state + math.sqrt(1 - 0.3**2) * chance.gauss(0, 1)
    return runs


def two_speeds(chance: Random, count: int) -> list[float]:
    """The core is a third slower for some seven runs, then fast again: what a virtual machine may do. Hopeless unless
    measured in turn.
    """
    runs, slow = [], chance.random() < 0.5
    for _ in range(count):
        runs.append((1.35 if slow else 1.0) * chance.lognormvariate(0, 0.04))
        slow ^= chance.random() < 1 / 7
    return runs


SHAPES: Mapping[str, Shape] = {
    shape.__name__: shape for shape in (steady, spoilt, one_sided, two_modes, dependent)
}  # fmt: skip


def results(runs: Mapping[str, list[float]], started_s: list[float] | None = None) -> Results:
    """A results file with these measurements, of times."""
    return Results(
        {"cpu": "that of the test"},
        ("avap", "bench", "run"),
        tuple(
            Measurement(name, "µs", "lower", tuple(values), "server-bound", tuple(started_s or ()))
            for name, values in runs.items()
        ),
    )


def answer(first: list[float], second: list[float]) -> Answer:
    """What diff says of one measurement."""
    (comparison,) = compare(results({"m": first}), results({"m": second})).comparisons
    return comparison.answer


def answer_in_turn(runs: list[float], by: float = 0.0) -> Answer:
    """What it says when every other run is B's, slower by so much."""
    starts = [float(number) for number in range(len(runs))]
    a, b = (results({"m": runs[::2]}, starts[::2]), results({"m": slowed(runs[1::2], by)}, starts[1::2]))
    (comparison,) = compare(a, b).comparisons
    return comparison.answer


def slowed(runs: list[float], by: float = 0.1) -> list[float]:
    """The same with each run slower."""
    return [run * (1 + by) for run in runs]


def error_shares(shape: Shape, count: int, tries: int, chance: Random) -> tuple[float, float]:
    """How often two files of one build are called different, and how often a slow-down of 10 % is found."""
    false = sum(answer(shape(chance, count), shape(chance, count)) is not Answer.SAME for _ in range(tries))
    found = sum(answer(shape(chance, count), slowed(shape(chance, count))) is Answer.SLOWER for _ in range(tries))
    return false / tries, found / tries


def error_shares_in_turn(shape: Shape, count: int, tries: int, chance: Random) -> tuple[float, float]:
    """The same for files that were measured in turn."""
    false = sum(answer_in_turn(shape(chance, 2 * count)) is not Answer.SAME for _ in range(tries))
    found = sum(answer_in_turn(shape(chance, 2 * count), 0.1) is Answer.SLOWER for _ in range(tries))
    return false / tries, found / tries


def _main() -> None:
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for how, shares_of in (("one after the other", error_shares), ("in turn", error_shares_in_turn)):
        print(f"{how}, {tries} tries".ljust(32) + "".join(f"{f'{count} runs each':>22}" for count in (10, 15, 20)))
        for name, shape in {**SHAPES, "two_speeds": two_speeds}.items():
            shares = [shares_of(shape, count, tries, Random(1)) for count in (10, 15, 20)]
            print(f"{name:<32}" + "".join(f"{f'{false:.1%} wrong, {found:.0%}':>22}" for false, found in shares))


if __name__ == "__main__":
    _main()
