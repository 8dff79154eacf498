"""Measures: a load on a server, watched from both sides, beside the same load on the null server."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

from bench.bound import Bound, Ceiling, Observation, judge_rounds
from bench.cores import Cores, on
from bench.load import LoadReport, make_load
from bench.shape import Load
from bench.target import Target
from bench.verdict import BenchError, UnreachableError, median
from bench.watch import Watch

CALIBRATION_SHARE = 0.4
"""Of a run's length: in runs of 0.4 s the null server's rate was within 11 % of that in runs of 1 s (1×1, 8×10, 8×100,
200×1), and the nearest limit is at 80 %."""
CALIBRATION_S = (0.2, 1.0)
CALIBRATION_WARMUP_S = 0.1
"""The null server has nothing to warm up; it is the generator's buffers that grow."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a load. Latencies are microseconds; costs cover the warm-up too, as `replies` does."""

    started_s: float
    """Since the epoch."""
    rate: float
    mean_us: float
    p50_us: float
    p99_us: float
    p999_us: float
    measured: int
    """Replies that the latencies are of."""
    replies: int
    server_cpu_s: float | None
    """None: its processes cannot be seen."""
    generator_cpu_s: float
    dropped: int
    """Requests of an open loop that were due and not sent."""
    due: int
    seen: Observation

    @property
    def server_cpu_us(self) -> float | None:
        """The server's CPU time for one request."""
        return None if self.server_cpu_s is None else self.server_cpu_s / max(1, self.replies) * 1e6

    @property
    def generator_cpu_us(self) -> float:
        """The generator's."""
        return self.generator_cpu_s / max(1, self.replies) * 1e6


@dataclass(slots=True)
class Item:
    """What is measured in turn with others: a load on a server, and the runs so far."""

    label: str
    target: Target
    load: Load
    runs: list[Run]

    @property
    def bound(self) -> Bound:
        """What bounded it."""
        return judge_rounds([run.seen for run in self.runs])

    def median(self, figure: str) -> float | None:
        """The median of one of `Run`'s figures; None where a run does not have it."""
        found = [getattr(run, figure) for run in self.runs]
        return None if None in found else median(found)

    @property
    def spread(self) -> float:
        """Half of the distance between the lowest and the highest rate, as a share of their median."""
        rates = [run.rate for run in self.runs]
        return (max(rates) - min(rates)) / 2 / median(rates) if median(rates) else 0.0


class Generator(Protocol):
    """Makes load. `prepared` gets ready, and its block is given what then makes the load."""

    pid: int | None
    """Its process; None: this one's calling thread."""

    def prepared(self, target: Target, load: Load) -> AbstractContextManager[Callable[[], LoadReport]]:
        """Get ready for a load on a target. What it yields raises BenchError."""


class NativeGenerator:
    """The one in Rust, on threads of this process."""

    pid: int | None = None

    def prepared(self, target: Target, load: Load) -> AbstractContextManager[Callable[[], LoadReport]]:
        """There is nothing to prepare."""
        knobs: dict[str, Any] = load.knobs()
        if target.remote:
            knobs["remote"] = True
        return nullcontext(
            lambda: make_load(
                target.address, target.key, target.versions, connections=load.shape.connections,
                streams=load.shape.streams, duration_s=load.duration_s, rate=load.rate, warmup_s=load.warmup_s,
                names=load.names, knobs=knobs,
            )
        )  # fmt: skip


class Meter:
    """Measures loads, each with the null server's answer to the same."""

    def __init__(self, cores: Cores, null: Callable[[Load], Target], generator: Generator | None = None) -> None:
        """`null` gives the null server that answers like this load's server. Raises BenchError when there is none,
        and the message is what the verdict says in place of the ceiling.
        """
        self._cores = cores
        self._null = null
        self._generator = generator or NativeGenerator()

    def measure(self, target: Target, load: Load) -> Run:
        """Make a load and watch it; there is no ceiling in what was seen. Raises BenchError."""
        with on(self._cores.generator), self._generator.prepared(target, load) as make:
            started_s = time.time()
            try:
                with Watch(target.pids, self._generator.pid) as watch:
                    report = make()
            except BenchError as error:
                if target.answers():
                    raise BenchError(f"{target.name}: {error}") from error
                raise UnreachableError(f"{target.name} went away while it was measured ({error})") from error
        return _run(report, watch, target, load, started_s)

    def ceiling(self, load: Load) -> Ceiling | str:
        """What the generator reaches against the null server with this load, or why that is not known."""
        try:
            null = self._null(load)
        except BenchError as error:
            return str(error)
        short = load.lasting(_calibration_s(load), CALIBRATION_WARMUP_S)
        run = self.measure(null, replace(short, names=()))
        return Ceiling(run.rate, run.mean_us)

    def measure_rounds(self, items: Sequence[Item], rounds: int, step: Callable[[str], object]) -> None:
        """Measure all items in turn, round after round, every second round backwards: what else the host does meets all
        alike. `step` is told what comes next. Raises BenchError.
        """
        for number in range(rounds):
            order = items if number % 2 == 0 else items[::-1]
            ceilings: dict[Load, Ceiling | str] = {}
            for item in order:
                if item.load not in ceilings:
                    step(f"null server, {item.load}")
                    ceilings[item.load] = self.ceiling(item.load)
                step(item.label)
                run = self.measure(item.target, item.load)
                item.runs.append(replace(run, seen=_with_ceiling(run.seen, ceilings[item.load])))


def steps(items: Sequence[Item], rounds: int) -> int:
    """How often `measure_rounds` calls its `step`."""
    return rounds * (len(items) + len({item.load for item in items}))


def seconds(items: Sequence[Item], rounds: int) -> float:
    """About how long `measure_rounds` takes."""
    loads = {item.load for item in items}
    measured_s = sum(item.load.warmup_s + item.load.duration_s for item in items)
    calibrated_s = sum(CALIBRATION_WARMUP_S + _calibration_s(load) for load in loads)
    return rounds * (measured_s + calibrated_s)


def _calibration_s(load: Load) -> float:
    """How long the null server is measured with a load."""
    shortest_s, longest_s = CALIBRATION_S
    share = 1.0 if load.method == "SyncCatalog" else CALIBRATION_SHARE  # there are few of those in a second
    return min(load.duration_s, longest_s, max(shortest_s, share * load.duration_s))


def _with_ceiling(seen: Observation, ceiling: Ceiling | str) -> Observation:
    if isinstance(ceiling, str):
        return replace(seen, ceiling_missing=ceiling)
    return replace(seen, ceiling=ceiling)


def _run(report: LoadReport, watch: Watch, target: Target, load: Load, started_s: float) -> Run:
    raw = report.raw
    latency = raw["latency_us"]
    if not report.measured:
        raise BenchError(
            f"{target.name}: not one reply came in {load.duration_s:g} s; measure longer (--seconds), or is it stuck?"
        )
    return Run(
        started_s, report.rate, float(latency["mean"]), report.p50_us, report.p99_us, float(latency["p999"]),
        report.measured, int(raw["verified"]), watch.server.run_s if watch.server_visible else None,
        float(raw["generator_cpu_s"]), report.not_started, int(raw["due"]), _observation(report, watch, target),
    )  # fmt: skip


def _observation(report: LoadReport, watch: Watch, target: Target) -> Observation:
    raw = report.raw
    elapsed_s = float(raw["elapsed_s"])
    # The watch saw more than the load: expected replies were read before it.
    stretch = max(1.0, watch.wall_s / elapsed_s)
    shared_busy = watch.shared_busy
    # Without a view of a server on this host, its share cannot be told from a stranger's.
    strangers_known = watch.server_visible or target.remote
    return Observation(
        rate=report.rate,
        latency_us=float(raw["latency_us"]["mean"]),
        generator_busy=_generator_busy(raw, len(watch.generator.cores)),
        generator_waited=watch.generator.waited if shared_busy is None else 0.0,
        server_busy=min(1.0, watch.server.busy * stretch) if watch.server_visible else None,
        server_waited=watch.server.waited if shared_busy is None else 0.0,
        shared_busy=0.0 if shared_busy is None else min(1.0, shared_busy * stretch),
        steal=watch.steal,
        foreign=watch.foreign if strangers_known else 0.0,
        late=raw["not_started_late"] / raw["due"] if raw["due"] else 0.0,
    )


def _generator_busy(raw: Mapping[str, Any], cores: int) -> float:
    """Of its fullest thread, or of its cores, if its threads must share those."""
    elapsed_s, cpu_s = float(raw["elapsed_s"]), float(raw["generator_cpu_s"])
    threads = raw.get("threads") or [{"cpu_s": cpu_s, "elapsed_s": elapsed_s}]
    fullest = max(float(thread["cpu_s"]) / max(float(thread["elapsed_s"]), 1e-9) for thread in threads)
    return min(1.0, max(fullest, cpu_s / elapsed_s / max(1, cores)))
