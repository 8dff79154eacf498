"""Each verdict is reached where it is due, and changes at its limit and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.bound import (
    CLOSE,
    FOREIGN_MAX,
    FULL,
    LATE_MAX,
    OWN_SHARE_MIN,
    STEAL_MAX,
    WAITED_MAX,
    Ceiling,
    Observation,
    Verdict,
    judge,
    judge_rounds,
    median_of,
)

QUIET = Observation(
    rate=50_000.0, latency_us=100.0, generator_busy=0.4, server_busy=0.5, ceiling=Ceiling(400_000.0, 80.0)
)  # fmt: skip
JUST = 1e-6

CASES: list[tuple[str, Observation, Verdict]] = [
    ("both idle, the null server takes most of the latency", QUIET, "network-bound"),
    ("the server's core is full", replace(QUIET, server_busy=0.97), "server-bound"),
    ("at the limit it is full", replace(QUIET, server_busy=FULL), "server-bound"),
    ("below the limit it is not", replace(QUIET, server_busy=FULL - JUST), "network-bound"),
    ("the generator's core is full", replace(QUIET, generator_busy=FULL), "client-bound"),
    ("below the limit it is not either", replace(QUIET, generator_busy=FULL - JUST), "network-bound"),
    ("both full, far below what the generator can do", replace(QUIET, server_busy=1.0, generator_busy=1.0),
     "server-bound"),
    ("both full, at what the generator can do",
     replace(QUIET, server_busy=1.0, generator_busy=1.0, rate=CLOSE * 400_000), "client-bound"),
    ("both full, just below what it can do",
     replace(QUIET, server_busy=1.0, generator_busy=1.0, rate=CLOSE * 400_000 - 1), "server-bound"),
    ("both full and not calibrated: nobody knows whether it could do more",
     replace(QUIET, server_busy=1.0, generator_busy=1.0, ceiling=None), "client-bound"),
    ("the server takes its time without a core", replace(QUIET, latency_us=2_000.0), "server-bound"),
    ("half of the latency is the null server's", replace(QUIET, latency_us=80.0 / OWN_SHARE_MIN), "network-bound"),
    ("less than half", replace(QUIET, latency_us=80.0 / OWN_SHARE_MIN + 1), "server-bound"),
    ("an invisible server, the generator idle", replace(QUIET, server_busy=None), "network-bound"),
    ("an invisible server, the generator full", replace(QUIET, server_busy=None, generator_busy=0.95), "client-bound"),
    ("not calibrated, both idle", replace(QUIET, ceiling=None), "network-bound"),
    ("one core for both, full", replace(QUIET, shared_busy=FULL), "client-bound"),
    ("one core for both, not full", replace(QUIET, shared_busy=FULL - JUST), "network-bound"),
    ("one core for both, of which the server has all", replace(QUIET, shared_busy=1.0, server_busy=0.95),
     "server-bound"),
    ("steal at its limit", replace(QUIET, steal=STEAL_MAX), "network-bound"),
    ("steal", replace(QUIET, steal=STEAL_MAX + JUST), "host-noisy"),
    ("strangers at their limit", replace(QUIET, foreign=FOREIGN_MAX), "network-bound"),
    ("strangers", replace(QUIET, foreign=FOREIGN_MAX + JUST), "host-noisy"),
    ("the server waits for its core", replace(QUIET, server_waited=WAITED_MAX + JUST), "host-noisy"),
    ("the generator waits for its core", replace(QUIET, generator_waited=WAITED_MAX + JUST), "host-noisy"),
    ("both wait as long as they may", replace(QUIET, server_waited=WAITED_MAX, generator_waited=WAITED_MAX),
     "network-bound"),
    ("the generator comes late with time to spare", replace(QUIET, late=LATE_MAX + JUST), "host-noisy"),
    ("the generator comes late because it is full", replace(QUIET, late=0.5, generator_busy=0.95), "client-bound"),
    ("noise comes before all else", replace(QUIET, server_busy=1.0, generator_busy=1.0, steal=0.1), "host-noisy"),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "verdict"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_verdict_is_reached_where_it_is_due(seen: Observation, verdict: Verdict) -> None:
    assert judge(seen).verdict == verdict


def test_every_verdict_has_a_case() -> None:
    assert {case[2] for case in CASES} == {"server-bound", "client-bound", "network-bound", "host-noisy"}


def test_the_reasons_carry_the_figures() -> None:
    assert "server 97% of its core, generator 40%" in judge(replace(QUIET, server_busy=0.97)).because
    assert "12% of the null server's 400000/s" in judge(replace(QUIET, server_busy=0.97)).because
    assert "not calibrated (no HTTP)" in judge(replace(QUIET, ceiling=None, ceiling_missing="no HTTP")).because
    noisy = judge(replace(QUIET, steal=0.05, foreign=0.5)).because
    assert "5.0%" in noisy
    assert "0.50 cores" in noisy


def test_one_bad_round_does_not_decide() -> None:
    rounds = [replace(QUIET, server_busy=0.97), replace(QUIET, server_busy=0.98), replace(QUIET, foreign=1.0)]
    assert judge_rounds(rounds).verdict == "server-bound"
    assert judge_rounds([rounds[0], rounds[2], rounds[2]]).verdict == "host-noisy"


def test_rounds_are_judged_by_their_medians_the_ceiling_included() -> None:
    figures = ((1.0, 5.0), (9.0, 2.0), (3.0, 3.0))
    rounds = [replace(QUIET, rate=rate, ceiling=Ceiling(ceiling, 10.0)) for rate, ceiling in figures]
    middle = median_of(rounds)
    assert middle.rate == 3.0
    assert middle.ceiling == Ceiling(3.0, 10.0)
    assert median_of([replace(QUIET, server_busy=None), QUIET]).server_busy == 0.5
