"""Is B slower than A? Two results files compared, measurement by measurement.

A slow-down is one that the ranks of the runs show (of A's against B's, or of the pairs when they were made in turn;
corrected for the number of measurements), that is large enough to matter, and that a drift of the host does not
explain. All else is said in other words: see `Answer`.
Values are compared as ratios: a run twice as slow weighs like one twice as fast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Any

from bench.rank_test import (
    holm,
    larger_p,
    shift,
    signed_larger_p,
    signed_shift,
    slope,
    smallest_p,
    smallest_signed_p,
    trend_p,
)
from bench.results import Measurement, Results, ResultsError, read

ALPHA = 0.05
"""The chance of one false alarm among all measurements, either way, when the runs differ by chance only."""
EFFECT_MIN = 0.05
"""Half of the slow-down that must be found. Runs depend on those before them, which a test on ranks takes for a
finding: of 1000 equal pairs of 20 runs that scatter by 5 %, correlated at 0.3 (tests/bench/noise.py, `dependent`), a
limit of 3 % calls 119 different, 5 % calls 15; slow-downs of 10 % are found in 940 and 930. A smaller alpha pays for
the same with more missed."""
UNNOTICED_MIN = 0.1
"""A slow-down of this size that may hide in the noise is mentioned."""
RUNS_MIN = 5
"""Each side. Four each could reach ALPHA for a single measurement, but then one lucky run decides."""
TREND_ALPHA = 0.01
DRIFT_MARGIN = 1.5
"""Of what the trends make of a difference. A steady drift makes just that, so at 1 a coin would decide: of 300 equal
pairs of 20 runs with 2 % of scatter and 20 % of drift, 152 are called slower at 1, none at 1.5."""
CONFIDENCE = 0.95
MANY = 1.0
"""From this change on people speak of times and not of percent."""

BUILD_FIELDS = frozenset({"appliance", "revision"})
"""Of a fingerprint: what two results are there to differ in."""
OUTPUT_OPTIONS = frozenset({"--json", "--output"})
"""Of a command: where the result goes does not change it."""

DOUBTFUL_VERDICTS = frozenset({"client-bound", "network-bound", "host-noisy"})

EXIT_SAME = 0
EXIT_SLOWER = 1
EXIT_NO_ANSWER = 2


class Answer(Enum):
    """What can be said about one measurement."""

    SLOWER = "slower"
    FASTER = "faster"
    SAME = "no difference"
    TOO_FEW = "too few runs to tell"
    DRIFT = "the host drifted too much to tell"
    MISSING = "only in one file"


class NotComparableError(Exception):
    """The files are of different hosts, commands or units."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measurement. `change`: of B against A as a fraction of A, above 0 when B is slower, with its interval."""

    name: str
    unit: str
    answer: Answer
    words: str
    runs: tuple[int, int] = (0, 0)
    medians: tuple[float, float] = (math.nan, math.nan)
    change: float = math.nan
    interval: tuple[float, float] = (-math.inf, math.inf)
    p: float = 1.0
    """Two-sided, corrected."""

    def __str__(self) -> str:
        return f"{self.name}: {self.words}"


@dataclass(frozen=True, slots=True)
class DiffReport:
    """All measurements, and what speaks against comparing them: overlooked by force, or said by their verdicts."""

    comparisons: tuple[Comparison, ...]
    warnings: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0: no slow-down. 1: B is slower somewhere. 2: not that, but somewhere nothing can be said."""
        answers = {comparison.answer for comparison in self.comparisons}
        if Answer.SLOWER in answers:
            return EXIT_SLOWER
        return EXIT_NO_ANSWER if answers & {Answer.TOO_FEW, Answer.DRIFT, Answer.MISSING} else EXIT_SAME

    @property
    def verdict(self) -> str:
        """One sentence."""
        slower = [comparison for comparison in self.comparisons if comparison.answer is Answer.SLOWER]
        if slower:
            return f"B is slower in {len(slower)} of {len(self.comparisons)} measurements"
        if self.exit_code == EXIT_NO_ANSWER:
            return "B is not shown to be slower, but not everything could be compared"
        return "B is not slower"

    def __str__(self) -> str:
        warnings = [f"warning: {warning}" for warning in self.warnings]
        return "\n".join([*warnings, *map(str, self.comparisons), self.verdict])


def diff(a: Path, b: Path, *, alpha: float = ALPHA, effect_min: float = EFFECT_MIN, force: bool = False) -> DiffReport:
    """Compare the file `b` with the file `a`; each may be a folder of them.

    Raises ResultsError for a file that cannot be read, NotComparableError unless `force`.
    """
    return compare(read(a), read(b), alpha=alpha, effect_min=effect_min, force=force)


def compare(
    a: Results, b: Results, *, alpha: float = ALPHA, effect_min: float = EFFECT_MIN, force: bool = False
) -> DiffReport:
    """Compare `b` with `a`. Raises NotComparableError unless `force`; ValueError for senseless limits."""
    if not 0 < alpha < 1 or not 0 <= effect_min < 1:
        raise ValueError(f"alpha must lie in (0, 1) and effect_min in [0, 1): {alpha}, {effect_min}")
    differences = _differences(a, b)
    if differences and not force:
        raise NotComparableError("; ".join(differences))
    of_a = {measurement.name: measurement for measurement in a.measurements}
    of_b = {measurement.name: measurement for measurement in b.measurements}
    pairs = [(of_a[name], of_b[name]) for name in of_a if name in of_b]
    if not pairs:
        raise NotComparableError("the files have no measurement in common")
    for first, second in pairs:
        if (first.unit, first.better) != (second.unit, second.better):
            raise NotComparableError(
                f"{first.name} is {first.unit}, {first.better} is better, in A and {second.unit}, {second.better} in B"
            )
    ps = holm([_two_sided_p(first, second) for first, second in pairs])
    limits = _Limits(alpha, effect_min, len(pairs))
    found = [_comparison(first, second, p, limits) for (first, second), p in zip(pairs, ps, strict=True)]
    alone = [(name, "A" if name in of_a else "B") for name in [*of_a, *of_b] if (name in of_a) != (name in of_b)]
    units = {name: measurement.unit for name, measurement in [*of_a.items(), *of_b.items()]}
    found += [Comparison(name, units[name], Answer.MISSING, f"only in {side}") for name, side in alone]
    return DiffReport(tuple(found), tuple(differences + _doubts(pairs) + _change_between(pairs, found)))


@dataclass(frozen=True, slots=True)
class _Limits:
    alpha: float
    effect_min: float
    measurements: int
    drift: float = 0.0
    """A difference of logarithms that is not put down to the build."""
    paired: bool = False

    def smallest_p(self, first_count: int, second_count: int) -> float:
        """The least that the test can come to, two-sided and corrected."""
        single = smallest_signed_p(first_count) if self.paired else smallest_p(first_count, second_count)
        return 2 * single * self.measurements


def _comparison(a: Measurement, b: Measurement, p: float, limits: _Limits) -> Comparison:
    first, second = _logarithms(a), _logarithms(b)
    limits = replace(limits, paired=_paired(a, b))
    if not _in_turn(a, b):
        limits = replace(limits, drift=_drift(first, second))
    if limits.paired:
        low, estimate, high = signed_shift(_pair_differences(first, second), CONFIDENCE)
    else:
        low, estimate, high = shift(first, second, CONFIDENCE)
    # For a rate the logarithms are negative: it sinks by 1 - exp(-shift).
    low, change, high = (_fraction(value, a.better) for value in (low, estimate, high))
    answer = _answer(first, second, estimate, change, p, limits)
    return Comparison(
        name=a.name,
        unit=a.unit,
        answer=answer,
        words=_words(answer, change, (low, high), p, (a, b), limits),
        runs=(len(first), len(second)),
        medians=(_median(a.runs), _median(b.runs)),
        change=change,
        interval=(low, high),
        p=p,
    )


def _answer(
    first: Sequence[float], second: Sequence[float], estimate: float, change: float, p: float, limits: _Limits
) -> Answer:
    enough = min(len(first), len(second)) >= RUNS_MIN
    if not enough or limits.smallest_p(len(first), len(second)) > limits.alpha:
        return Answer.TOO_FEW
    if p > limits.alpha or abs(change) < limits.effect_min:
        return Answer.SAME
    if abs(estimate) <= limits.drift:
        return Answer.DRIFT
    return Answer.SLOWER if change > 0 else Answer.FASTER


def _in_turn(a: Measurement, b: Measurement) -> bool:
    """Whether the runs of the two alternate in time, so that what the host does meets both alike."""
    order = sorted([(start, "A") for start in a.started_s] + [(start, "B") for start in b.started_s])
    changes = sum(before[1] != after[1] for before, after in pairwise(order))
    return 2 * changes >= min(len(a.runs), len(b.runs))


def _paired(a: Measurement, b: Measurement) -> bool:
    """Whether each run of one has a neighbour in time of the other, so that both met the same host."""
    return len(a.runs) == len(b.runs) and _in_turn(a, b)


def _pair_differences(first: Sequence[float], second: Sequence[float]) -> list[float]:
    return [y - x for x, y in zip(first, second, strict=True)]


def _drift(first: Sequence[float], second: Sequence[float]) -> float:
    """What trends within the files may make of a difference between them, one being measured after the other.

    0 unless one of them, or both together, have a trend that chance does not explain.
    """
    if min(trend_p(first), trend_p(second), trend_p(first, second)) > TREND_ALPHA:
        return 0.0
    return DRIFT_MARGIN * (abs(slope(first)) * len(first) + abs(slope(second)) * len(second)) / 2


def _words(
    answer: Answer, change: float, interval: tuple[float, float], p: float,
    both: tuple[Measurement, Measurement], limits: _Limits,
) -> str:  # fmt: skip
    low, high = interval
    if answer is Answer.TOO_FEW:
        counts = f"{len(both[0].runs)} and {len(both[1].runs)}"
        return f"{answer.value} ({counts}; {_runs_needed(limits)} each are needed)"
    between = f"95 % interval {low * 100:+.1f} to {high * 100:+.1f} %"
    if answer is Answer.SAME:
        if p <= limits.alpha:
            return f"no difference that matters ({_percent(change)} {_direction(change)}, p = {p:.2g}; {between})"
        if high >= UNNOTICED_MIN:
            return f"no difference found, but the runs scatter so that {_percent(high)} could hide ({between})"
        return f"no difference ({between})"
    if answer is Answer.DRIFT:
        return (
            f"{answer.value}: B is {_percent(change)} {_direction(change)}, but that much changes within a file too; "
            "measure A and B in turn"
        )
    times = f"{1 + change:.0f}" if change >= 9 else f"{1 + change:.1f}"
    how = f"{times} times as slow" if change >= MANY else f"{_percent(change)} {_direction(change)}"
    return f"B is {how} (p = {p:.2g}; {between})"


def _runs_needed(limits: _Limits) -> int:
    count = RUNS_MIN
    while limits.smallest_p(count, count) > limits.alpha:
        count += 1
    return count


def _direction(change: float) -> str:
    return "slower" if change > 0 else "faster"


def _percent(change: float) -> str:
    return f"{abs(change) * 100:.0f} %" if abs(change) >= 0.1 else f"{abs(change) * 100:.1f} %"


def _two_sided_p(a: Measurement, b: Measurement) -> float:
    first, second = _logarithms(a), _logarithms(b)
    if _paired(a, b):
        differences = _pair_differences(first, second)
        return min(1.0, 2 * min(signed_larger_p(differences), signed_larger_p([-value for value in differences])))
    return min(1.0, 2 * min(larger_p(first, second), larger_p(second, first)))


def _logarithms(measurement: Measurement) -> list[float]:
    """Larger is slower."""
    sign = 1.0 if measurement.better == "lower" else -1.0
    return [sign * math.log(run) for run in measurement.runs]


def _fraction(shifted: float, better: str) -> float:
    if math.isinf(shifted):
        return shifted
    return math.expm1(shifted) if better == "lower" else -math.expm1(-shifted)


def _median(runs: Sequence[float]) -> float:
    ordered = sorted(runs)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _differences(a: Results, b: Results) -> list[str]:
    """Why the two cannot be compared, in words; empty when they can."""
    found = []
    names = sorted({*a.host, *b.host} - BUILD_FIELDS)
    fields = [name for name in names if a.host.get(name) != b.host.get(name)]
    if fields:
        found.append("the hosts differ: " + ", ".join(_differs(name, a.host, b.host) for name in fields))
    if _asked(a.command) != _asked(b.command):
        found.append(f"the commands differ: {' '.join(a.command)!r} and {' '.join(b.command)!r}")
    return found


def _doubts(pairs: Sequence[tuple[Measurement, Measurement]]) -> list[str]:
    """Measurements that by their own verdict say little about the server."""
    return [
        f"{measurement.name} was {measurement.verdict} in {side}"
        for pair in pairs
        for side, measurement in zip("AB", pair, strict=True)
        if measurement.verdict in DOUBTFUL_VERDICTS
    ]


def _change_between(pairs: Sequence[tuple[Measurement, Measurement]], found: Sequence[Comparison]) -> list[str]:
    """What no test within the files can exclude."""
    differ = any(comparison.answer in (Answer.SLOWER, Answer.FASTER) for comparison in found)
    if not differ or all(_in_turn(first, second) for first, second in pairs):
        return []
    return ["not measured in turn: a host that changed its speed between A and B looks the same as a slower build"]


def _differs(name: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    first, second = (str(host.get(name, "nothing")) for host in (a, b))
    return f"{name} ({first} and {second})" if len(first) + len(second) < 80 else name


def _asked(command: Sequence[str]) -> list[str]:
    """The command without its program's folder and without where its results go."""
    words = [PurePath(command[0]).name]
    rest = iter(command[1:])
    for word in rest:
        if word in OUTPUT_OPTIONS:
            next(rest, None)
        elif word.partition("=")[0] not in OUTPUT_OPTIONS:
            words.append(word)
    return words


__all__ = ["Answer", "Comparison", "DiffReport", "NotComparableError", "ResultsError", "compare", "diff"]
