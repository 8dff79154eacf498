"""What bounded a measurement: exactly one of four, with the figures that say so. A number without this is not printed.

    host-noisy     the host gave its time to others; the figure may be anything
    client-bound   the generator could do no more: the server may be faster than the figure
    server-bound   the server could do no more, or takes its time without using a core
    network-bound  both had time left: what is measured is wake-ups, the loopback and the windows between them

The generator's own ceiling comes from the null server, which answers without looking anything up, at the same shape,
in the same run and on the same cores as the server that is measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

Verdict = Literal["server-bound", "client-bound", "network-bound", "host-noisy"]

FULL = 0.90
"""Of a core: a thread on epoll that always has work is above it (0.95 to 1.00 seen at 8×10 and above); the rest are
the moments at the ends of a run, when it fills and empties."""
STEAL_MAX = 0.02
"""Of the time of all cores, taken by the hypervisor. At 2 % a p99 is the hypervisor's and not the server's."""
FOREIGN_MAX = 0.15
"""Cores that processes of neither side used. The kernel samples this a hundred times a second, so that a run of one
second alone is 0.05 off; three times that is no accident."""
WAITED_MAX = 0.05
"""Of the time, one side was ready and another process had its core; exact to the nanosecond. 5 % is what rounds of a
quiet host differ by anyhow."""
WAKE_UP_US = 60.0
"""Getting a sleeping core to run takes this long on a virtual machine, with nobody else on it: no sign of noise."""
LATE_MAX = 0.01
"""Of the requests due, those that the generator came too late for. Its p99 would be about itself."""
CLOSE = 0.80
"""Of the null server's rate, when both cores are full: from here on the generator is what both are limited by."""
OWN_SHARE_MIN = 0.50
"""Of the latency, what the null server needs at the same shape. Above half, most of the time is not the server's."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What the generator reached against the null server at the same shape: replies a second, µs on average."""

    rate: float
    latency_us: float


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen while a figure was measured. Shares are of wall time; 1 is one core."""

    rate: float
    """Replies a second."""
    latency_us: float
    """Average."""
    generator_busy: float
    """Share of the core that it can use."""
    generator_waited: float = 0.0
    """Share of the time that it was ready, beyond waking up, and did not run. 0 where both sides share cores."""
    server_busy: float | None = None
    """Share of its busiest core. None: its processes cannot be seen."""
    server_waited: float = 0.0
    shared_busy: float = 0.0
    """Share of the cores that both sides run on, used by either. 0 where neither can take a core from the other."""
    steal: float = 0.0
    """Share of all allowed cores' time."""
    foreign: float = 0.0
    """Cores used by processes of neither side."""
    late: float = 0.0
    """Share of the requests due that the generator came too late for."""
    ceiling: Ceiling | None = None
    ceiling_missing: str = "no null server"
    """Why there is no ceiling."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A verdict and the figures that led to it, in one line."""

    verdict: Verdict
    because: str

    def __str__(self) -> str:
        return f"{self.verdict}: {self.because}"


def judge(seen: Observation) -> Bound:
    """Say what bounded a measurement."""
    noise = _noise(seen)
    if noise:
        return Bound("host-noisy", "; ".join([*noise, _shares(seen)]))
    server_full = seen.server_busy is not None and seen.server_busy >= FULL
    generator_full = seen.generator_busy >= FULL
    if server_full and generator_full:
        return _both_full(seen)
    if server_full:
        return Bound("server-bound", f"{_shares(seen)}; {_ceiling(seen)}")
    if generator_full:
        return Bound("client-bound", f"{_shares(seen)}; {_ceiling(seen)}")
    if seen.shared_busy >= FULL:
        because = f"both sides share cores and these are full ({seen.shared_busy:.0%}), so each slows the other"
        return Bound("client-bound", f"{because}; {_shares(seen)}; {_ceiling(seen)}")
    return _neither_full(seen)


def judge_rounds(rounds: Sequence[Observation]) -> Bound:
    """Say what bounded repeated measurements: the medians of what was seen, so that one bad round does not decide."""
    return judge(median_of(rounds))


def median_of(rounds: Sequence[Observation]) -> Observation:
    """Each figure's median over the rounds, the ceiling's two among them. What a round does not have is the last's."""
    last = rounds[-1]
    values: dict[str, Any] = {}
    for field in fields(Observation):
        found = [getattr(seen, field.name) for seen in rounds]
        numbers = [value for value in found if isinstance(value, int | float)]
        values[field.name] = statistics.median(numbers) if len(numbers) == len(found) else getattr(last, field.name)
    ceilings = [seen.ceiling for seen in rounds if seen.ceiling is not None]
    if len(ceilings) == len(rounds):
        values["ceiling"] = Ceiling(
            statistics.median([ceiling.rate for ceiling in ceilings]),
            statistics.median([ceiling.latency_us for ceiling in ceilings]),
        )
    return replace(last, **values)


def _noise(seen: Observation) -> list[str]:
    found = []
    if seen.steal > STEAL_MAX:
        found.append(f"the hypervisor took {seen.steal:.1%} of the cores' time (limit {STEAL_MAX:.0%})")
    if seen.foreign > FOREIGN_MAX:
        found.append(f"other processes used {seen.foreign:.2f} cores (limit {FOREIGN_MAX})")
    for side, waited in (("generator", seen.generator_waited), ("server", seen.server_waited)):
        if waited > WAITED_MAX:
            found.append(f"the {side} was ready and did not run for {waited:.0%} of the time (limit {WAITED_MAX:.0%})")
    if seen.late > LATE_MAX and seen.generator_busy < FULL:
        found.append(f"the generator came too late for {seen.late:.1%} of the requests (limit {LATE_MAX:.0%})")
    return found


def _both_full(seen: Observation) -> Bound:
    """The generator has work to do for every reply; whether it could do more is what the null server tells."""
    because = f"{_shares(seen)}; {_ceiling(seen)}"
    could_do_more = seen.ceiling is not None and seen.rate < CLOSE * seen.ceiling.rate
    return Bound("server-bound" if could_do_more else "client-bound", because)


def _neither_full(seen: Observation) -> Bound:
    if seen.ceiling is None:
        return Bound("network-bound", f"{_shares(seen)}; {_ceiling(seen)}")
    own_share = seen.ceiling.latency_us / seen.latency_us if seen.latency_us else 1.0
    because = f"{_shares(seen)}; the null server takes {seen.ceiling.latency_us:.0f} of these {seen.latency_us:.0f} µs"
    if own_share < OWN_SHARE_MIN:
        return Bound("server-bound", f"{because}: the server takes its time")
    return Bound("network-bound", because)


def _shares(seen: Observation) -> str:
    server = "not visible" if seen.server_busy is None else f"{seen.server_busy:.0%} of its core"
    return f"server {server}, generator {seen.generator_busy:.0%}"


def _ceiling(seen: Observation) -> str:
    if seen.ceiling is None:
        return f"not calibrated ({seen.ceiling_missing})"
    return f"{seen.rate / seen.ceiling.rate:.0%} of the null server's {seen.ceiling.rate:.0f}/s"
