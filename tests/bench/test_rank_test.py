"""The tests on ranks, against what counting out every arrangement gives."""

from __future__ import annotations

import math
from itertools import combinations, permutations, product
from random import Random

import pytest

from bench import rank_test
from bench.rank_test import (
    holm,
    larger_p,
    shift,
    signed_larger_p,
    signed_shift,
    signed_upper_tail,
    slope,
    smallest_p,
    smallest_signed_p,
    trend_p,
    upper_tail,
)


def counted_p(first: list[float], second: list[float]) -> float:
    """P(U ≥ u) over every way to divide these runs into two files."""
    runs = first + second

    def u(chosen: tuple[int, ...]) -> int:
        others = [run for index, run in enumerate(runs) if index not in chosen]
        return sum(runs[index] > other for index in chosen for other in others)

    observed = u(tuple(range(len(first), len(runs))))
    divisions = list(combinations(range(len(runs)), len(second)))
    return sum(u(division) >= observed for division in divisions) / len(divisions)


@pytest.mark.parametrize(("first_count", "second_count"), [(1, 1), (1, 6), (2, 5), (4, 4), (5, 3), (5, 5)])
def test_the_distribution_of_u_is_exact(first_count: int, second_count: int) -> None:
    chance = Random(first_count)
    for _ in range(5):
        runs = [chance.random() for _ in range(first_count + second_count)]
        first, second = runs[:first_count], runs[first_count:]
        assert larger_p(first, second) == pytest.approx(counted_p(first, second), rel=1e-12)


def test_with_ties_p_is_no_smaller_than_the_exact_one() -> None:
    chance = Random(5)
    for _ in range(40):
        first = [float(chance.randrange(3)) for _ in range(4)]
        second = [float(chance.randrange(4)) for _ in range(4)]
        assert larger_p(first, second) >= counted_p(first, second) - 1e-12


def test_equal_runs_are_no_finding() -> None:
    assert larger_p([3.0] * 10, [3.0] * 10) == 1.0


def test_the_smallest_p_is_that_of_files_that_do_not_overlap() -> None:
    assert larger_p([1, 2, 3, 4, 5], [6, 7, 8]) == smallest_p(5, 3) == 1 / math.comb(8, 3)


def test_many_runs_take_the_normal_distribution_near_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    us = range(900, 1900, 25)
    exact = [upper_tail(50, 50, u) for u in us]
    monkeypatch.setattr(rank_test, "EXACT_PAIRS_MAX", 0)
    assert [upper_tail(50, 50, u) for u in us] == pytest.approx(exact, abs=1e-3)


def test_the_estimate_is_the_median_difference_and_its_interval_the_one_of_u() -> None:
    first, second = [1.0, 2.0, 3.0, 4.0, 5.0], [12.0, 14.0, 15.0, 17.0, 25.0]
    differences = sorted(y - x for x, y in product(first, second))
    # P(U ≥ 23) = 4/252 and P(U ≥ 22) = 7/252: two differences may lie outside on each side, not three.
    assert shift(first, second, 0.95) == (differences[2], differences[12], differences[-3])


def test_the_interval_of_too_few_runs_has_no_ends() -> None:
    assert shift([1.0, 2.0, 3.0], [2.0, 3.0, 4.0], 0.95) == (-math.inf, 1.0, math.inf)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    chance = Random(3)
    held = 0
    for _ in range(1000):
        first = [chance.expovariate(1) for _ in range(8)]
        second = [chance.expovariate(1) + 0.5 for _ in range(9)]
        low, _, high = shift(first, second, 0.95)
        held += low <= 0.5 <= high
    assert 935 <= held <= 985  # exactly 95.4 % in the long run; a standard deviation is 7


def counted_signed_p(differences: list[float]) -> float:
    """P(W ≥ w) over every choice of signs."""

    def w(values: list[float]) -> int:
        ranked = sorted(values, key=abs)
        return sum(rank for rank, value in enumerate(ranked, 1) if value > 0)

    choices = list(product((1, -1), repeat=len(differences)))
    signed = [[sign * value for sign, value in zip(choice, differences, strict=True)] for choice in choices]
    return sum(w(values) >= w(differences) for values in signed) / len(choices)


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_the_distribution_of_signed_ranks_is_exact(count: int) -> None:
    chance = Random(count)
    for _ in range(5):
        differences = [chance.gauss(0.3, 1) for _ in range(count)]
        assert signed_larger_p(differences) == pytest.approx(counted_signed_p(differences), rel=1e-12)


def test_pairs_without_a_difference_are_no_finding() -> None:
    assert signed_larger_p([0.0] * 10) == 1.0
    assert signed_larger_p([1.0, 2.0, 3.0, 4.0]) == smallest_signed_p(4) == 1 / 16


def test_many_pairs_take_the_normal_distribution_near_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = [signed_upper_tail(60, w) for w in range(600, 1500, 25)]
    monkeypatch.setattr(rank_test, "EXACT_SIGNED_PAIRS_MAX", 0)
    assert [signed_upper_tail(60, w) for w in range(600, 1500, 25)] == pytest.approx(exact, abs=2e-3)


def test_the_estimate_of_pairs_is_the_median_of_all_averages() -> None:
    # Of 6 pairs one average may lie outside on each side: P(W ≥ 21) = 1/64 and P(W ≥ 20) = 2/64.
    assert signed_shift([1.0, 2.0, 4.0, 8.0, 16.0, 32.0], 0.95) == (1.0, 8.5, 32.0)
    assert signed_shift([1.0, 2.0, 4.0], 0.95) == (-math.inf, 2.25, math.inf)


def test_the_interval_of_pairs_holds_the_truth_as_often_as_it_says() -> None:
    chance = Random(4)
    held = 0
    for _ in range(1000):
        low, _, high = signed_shift([chance.gauss(0.5, 1) for _ in range(10)], 0.95)
        held += low <= 0.5 <= high
    assert 935 <= held <= 985  # exactly 95.1 % in the long run


@pytest.mark.parametrize("counts", [(2,), (5,), (6,), (3, 4), (1, 5)])
def test_the_distribution_of_the_trend_is_exact(counts: tuple[int, ...]) -> None:
    def s(series: tuple[tuple[int, ...], ...]) -> int:
        return sum((y > x) - (y < x) for runs in series for x, y in combinations(runs, 2))

    arrangements = list(product(*(permutations(range(count)) for count in counts)))
    chance = Random(1)
    for observed in [tuple(tuple(range(count)) for count in counts), *(chance.choice(arrangements) for _ in range(4))]:
        extreme = sum(abs(s(arrangement)) >= abs(s(observed)) for arrangement in arrangements) / len(arrangements)
        assert trend_p(*observed) == pytest.approx(min(1.0, extreme), rel=1e-12)


def test_the_trend_of_many_runs_takes_the_normal_distribution_near_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = Random(2)
    series = [[chance.random() + number * step for number in range(60)] for step in (0, 0.002, 0.004, 0.008)]
    exact = [trend_p(runs) for runs in series]
    monkeypatch.setattr(rank_test, "EXACT_TREND_RUNS_MAX", 0)
    assert [trend_p(runs) for runs in series] == pytest.approx(exact, abs=2e-3)


def test_the_slope_is_the_median_of_all_and_does_not_follow_one_wild_run() -> None:
    assert slope([1.0, 2.0, 3.0, 4.0]) == 1.0
    assert slope([1.0, 2.0, 3.0, 400.0, 5.0, 6.0, 7.0]) == 1.0
    assert slope([1.0]) == 0.0


def test_several_ps_are_corrected_as_holm_has_it() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
