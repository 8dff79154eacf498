"""Tests on ranks: they ask only which of two runs was larger, so a run that the host spoilt weighs no more
than another.

Sources:
    Mann, Whitney, "On a Test of Whether One of Two Random Variables is Stochastically Larger than the Other", Annals of
    Mathematical Statistics 18 (1947): the statistic U and its distribution under the null hypothesis.
    Hodges, Lehmann, "Estimates of Location Based on Rank Tests", Annals of Mathematical Statistics 34 (1963): the
    median of all pairwise differences as the estimate that belongs to U, and its interval.
    Kendall, "A New Measure of Rank Correlation", Biometrika 30 (1938): S and its distribution. Theil (1950) and Sen,
    "Estimates of the Regression Coefficient Based on Kendall's Tau", JASA 63 (1968): the median slope.
    Wilcoxon, "Individual Comparisons by Ranking Methods", Biometrics Bulletin 1 (1945): the signed ranks of pairs.
    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6 (1979).
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, chain, combinations

EXACT_PAIRS_MAX = 2_500
"""Up to 50 runs against 50 the distribution is counted out (25 ms, once); the normal one above is within 1e-3."""
EXACT_TREND_RUNS_MAX = 60
EXACT_SIGNED_PAIRS_MAX = 60


def larger_p(first: Sequence[float], second: Sequence[float]) -> float:
    """How probable it is that `second` comes out this much larger, or more, when both are of one distribution.

    Exact without ties. A tie counts as "not larger", so with ties the figure is an upper bound.
    """
    ordered = sorted(first)
    u = sum(bisect_left(ordered, y) for y in second)
    return upper_tail(len(first), len(second), u)


def smallest_p(first_count: int, second_count: int) -> float:
    """The least that `larger_p` can come to with so many runs."""
    return 1 / math.comb(first_count + second_count, first_count)


def upper_tail(first_count: int, second_count: int, u: int) -> float:
    """P(U ≥ u) under the null hypothesis."""
    pairs = first_count * second_count
    if pairs <= EXACT_PAIRS_MAX:
        tail = _upper_tails(min(first_count, second_count), max(first_count, second_count))
        return tail[u] / tail[0]
    spread = math.sqrt(pairs * (first_count + second_count + 1) / 12)
    return _normal_upper_tail((u - 0.5 - pairs / 2) / spread)


def shift(first: Sequence[float], second: Sequence[float], confidence: float) -> tuple[float, float, float]:
    """By how much `second` is larger: the lower bound, the estimate and the upper bound at this confidence.

    The bounds are infinite when there are too few runs for the confidence.
    """
    differences = sorted(y - x for x in first for y in second)
    cut = _cut(len(first), len(second), (1 - confidence) / 2)
    estimate = statistics.median(differences)
    if cut < 0:
        return -math.inf, estimate, math.inf
    return differences[cut], estimate, differences[-1 - cut]


def signed_larger_p(differences: Sequence[float]) -> float:
    """How probable it is that differences of pairs come out this much above 0, or more, when 0 is their middle.

    Wilcoxon's signed-rank test, exact without ties; a tie counts as "not above", so with ties it is an upper bound.
    """
    w = sum(average > 0 for average in _walsh_averages(differences))
    return signed_upper_tail(len(differences), w)


def smallest_signed_p(count: int) -> float:
    """The least that `signed_larger_p` can come to with so many pairs."""
    return 0.5**count


def signed_upper_tail(count: int, w: int) -> float:
    """P(W ≥ w) under the null hypothesis."""
    if count <= EXACT_SIGNED_PAIRS_MAX:
        tail = _signed_tails(count)
        return tail[w] / tail[0]
    sums = count * (count + 1) // 2
    spread = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
    return _normal_upper_tail((w - 0.5 - sums / 2) / spread)


def signed_shift(differences: Sequence[float], confidence: float) -> tuple[float, float, float]:
    """How far the differences of pairs lie above 0: lower bound, estimate (Hodges-Lehmann) and upper bound."""
    averages = sorted(_walsh_averages(differences))
    sums = len(averages)
    outside = next(k for k in range(sums + 1) if signed_upper_tail(len(differences), sums - k) > (1 - confidence) / 2)
    estimate = statistics.median(averages)
    if outside == 0:
        return -math.inf, estimate, math.inf
    return averages[outside - 1], estimate, averages[-outside]


def trend_p(*series: Sequence[float]) -> float:
    """How probable so strong a trend, up or down, is in runs that do not depend on when they were made.

    Several series: in all of them together, each compared only with itself. A tie counts as no trend.
    """
    counts = tuple(sorted(map(len, series)))
    s = abs(sum(map(_concordance, series)))
    if counts[-1] <= EXACT_TREND_RUNS_MAX:
        pairs = sum(count * (count - 1) // 2 for count in counts)
        tails = _inversion_tails(counts)
        return min(1.0, 2 * tails[math.ceil((pairs + s) / 2)] / tails[0])
    spread = math.sqrt(sum(count * (count - 1) * (2 * count + 5) for count in counts) / 18)
    return min(1.0, 2 * _normal_upper_tail((s - 1) / spread))


def slope(runs: Sequence[float]) -> float:
    """The median change from one run to the next, over all pairs of runs; 0 for a single one."""
    slopes = [(runs[j] - runs[i]) / (j - i) for i, j in combinations(range(len(runs)), 2)]
    return statistics.median(slopes) if slopes else 0.0


def holm(ps: Sequence[float]) -> list[float]:
    """The same p, each corrected for being one of several: the chance of a single false alarm in all stays below it."""
    adjusted = [0.0] * len(ps)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = highest
    return adjusted


@lru_cache(maxsize=64)
def _upper_tails(small: int, large: int) -> tuple[int, ...]:
    """Arrangements with U ≥ u, for each u: those with U = u are the coefficients of a Gaussian binomial."""
    pairs = small * large
    counts = [1] + [0] * pairs
    for factor in range(1, small + 1):
        for u in range(pairs, large + factor - 1, -1):  # times 1 - q^(large + factor)
            counts[u] -= counts[u - large - factor]
        for u in range(factor, pairs + 1):  # divided by 1 - q^factor
            counts[u] += counts[u - factor]
    return _tails(counts)


@lru_cache(maxsize=64)
def _signed_tails(count: int) -> tuple[int, ...]:
    """Choices among the ranks 1 to `count` with a sum of at least w, for each w."""
    counts = [1] + [0] * (count * (count + 1) // 2)
    for rank in range(1, count + 1):
        for w in range(rank * (rank + 1) // 2, rank - 1, -1):
            counts[w] += counts[w - rank]
    return _tails(counts)


def _walsh_averages(values: Sequence[float]) -> list[float]:
    """Of each pair of values, and of each with itself: Wilcoxon's W is how many are above 0 (Tukey 1949)."""
    return [(value + other) / 2 for index, value in enumerate(values) for other in values[index:]]


@lru_cache(maxsize=64)
def _inversion_tails(lengths: tuple[int, ...]) -> tuple[int, ...]:
    """Permutations of series of these lengths with at least k pairs in order, for each k."""
    counts = [1]
    for factor in chain.from_iterable(range(2, length + 1) for length in lengths):
        # times 1 + q + ... + q^(factor - 1)
        below = [0, *accumulate(counts)]
        counts = [
            below[min(k + 1, len(counts))] - below[max(0, k + 1 - factor)] for k in range(len(counts) + factor - 1)
        ]
    return _tails(counts)


def _tails(counts: Sequence[int]) -> tuple[int, ...]:
    return tuple(accumulate(reversed(counts)))[::-1]


def _cut(first_count: int, second_count: int, tail: float) -> int:
    """How many of the extreme differences lie outside the interval on each side; -1 when even none is too many."""
    pairs = first_count * second_count
    low, high = -1, (pairs - 1) // 2
    while low < high:  # P(U ≥ pairs - cut) grows with the cut
        middle = (low + high + 1) // 2
        if upper_tail(first_count, second_count, pairs - middle) <= tail:
            low = middle
        else:
            high = middle - 1
    return low


def _concordance(runs: Sequence[float]) -> int:
    """Kendall's S: pairs that go up less pairs that go down."""
    return sum((later > run) - (later < run) for i, run in enumerate(runs) for later in runs[i + 1 :])


def _normal_upper_tail(z: float) -> float:
    return 0.5 * math.erfc(z / math.sqrt(2))
