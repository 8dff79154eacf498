"""What swaps of the catalogue do to requests, and how soon every worker serves the new version.

Versions that differ in every record are hydrated once from PostgreSQL; then rollbacks go round between them, so that
each swap is announced, mapped, made present and acknowledged anew, as after a refresh. (A worker gives a superseded
version up at its next tick, twice a second: with too few versions it would still hold the one it is told to serve.) A
rollback also writes the snapshot (SHA-256, fsync), so the work beside the requests is that of a refresh without its
rows. Reading 100,000 rows again for each of 500 swaps would measure the database (see `bench.hydration`).

A swap lasts from the call for it until the last worker has acknowledged it. Requests that were under way in such a
span make up "during"; they are compared with a run of ten seconds at the same rate without swaps. What is judged is the
median over short windows of their p99, of those that touch a swap and of those of the run without (`bench.windows` says
why); the p99 of all requests stands beside it. `--pairs 1 --swaps 20` is a piece of half a minute.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.appliance_process import KEY, ApplianceProcess, serving
from bench.commands import CommandSet
from bench.cores import on
from bench.load import LoadReport, make_load
from bench.postgres import postgres
from bench.processes import cpu_s
from bench.verdict import BenchError, Result, main, median
from bench.windows import p99_by_window_us

COMMANDS = 100_000
EDITIONS = 4
RECORD_BYTES = 1024
SWAPS = 100
CONNECTIONS, STREAMS = 8, 100  # many streams: a stall must not keep a request from starting
PROBE_RATE = 20_000.0
PROBE_S = 5.0
RUN_MIN_S = 10.0
EVERY_MIN_S = 0.2  # EDITIONS - 1 swaps take longer than a worker's tick
LOADED_FACTOR_MAX = 4.0  # a swap yields to load: on two cores it took up to 1.5 s instead of 0.2
NOT_STARTED_MAX = 0.001  # of the requests due, because the appliance took none
# Of the requests due, because the host did not let the generator run. Its stalls lie in few windows, whose median is
# what is judged, with and without swaps alike; here a host took 2 to 4 %.
LATE_MAX = 0.05
WINDOW_S = 0.05
LIMIT_P99_RATIO = 1.5
LIMIT_ACK_MS = 10.0
ACK_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Swap:
    """One swap. Nanoseconds of CLOCK_MONOTONIC, milliseconds."""

    called_ns: int
    acked_ns: int
    ack_ms: float  # from the announcement to the last worker's acknowledgement, by the log's clock
    map_ms: float  # of it, the longest mapping in a worker


class Swapper:
    """Makes swaps, round and round the versions of an appliance."""

    def __init__(self, appliance: ApplianceProcess, digests: Sequence[str]) -> None:
        """`digests`: of the versions, the announced one last."""
        self._appliance = appliance
        self._digests = digests
        self._workers = len(appliance.status().workers)
        self._made = 0

    def swap(self) -> Swap:
        """Announce the next version and wait for every worker. Raises BenchError."""
        digest = self._digests[self._made % len(self._digests)]
        self._made += 1
        called_ns = time.monotonic_ns()
        generation = self._appliance.rollback(digest).generation
        self._appliance.wait(lambda: len(self._acks(generation)) == self._workers, ACK_TIMEOUT_S, "workers ack")
        announced = next(
            line for line in reversed(self._appliance.logged("Definitions Broadcasted"))
            if line["generation"] == generation
        )  # fmt: skip
        acks = self._acks(generation)
        last = max(_wall_ns(line) for line in acks)
        return Swap(
            called_ns,
            last - (time.time_ns() - time.monotonic_ns()),
            (last - _wall_ns(announced)) / 1e6,
            max(float(line["map_ms"]) for line in acks),
        )

    def _acks(self, generation: int) -> list[dict[str, Any]]:
        newest = self._appliance.log[-100 * self._workers :]
        return [line for line in newest if line.get("msg") == "Generation Acked" and line["generation"] == generation]


class SwapSeries:
    """Swaps at even times beside a load, in a thread of their own; use it in a `with` block."""

    def __init__(self, swapper: Swapper, count: int, every_s: float, first_s: float) -> None:
        """`count` swaps `every_s` apart, the first after `first_s`. One that takes longer delays the rest."""
        self.swaps: list[Swap] = []
        self._swapper = swapper
        self._count = count
        self._every_s = every_s
        self._first_s = first_s
        self._stop = threading.Event()
        self._error: BenchError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> SwapSeries:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait(self) -> None:
        """Wait for the last one."""
        self._thread.join()

    def result(self) -> list[Swap]:
        """All the swaps, after the load. Raises BenchError when one failed or time was up before the last."""
        if self._error is not None:
            raise self._error
        if len(self.swaps) != self._count:
            raise BenchError(f"only {len(self.swaps)} of {self._count} swaps were made while the load ran")
        if held := sum(swap.map_ms == 0 for swap in self.swaps):
            raise BenchError(f"{held} swaps mapped nothing: the worker still held the version; this measures nothing")
        return self.swaps

    def _run(self) -> None:
        due = time.monotonic() + self._first_s
        try:
            for _ in range(self._count):
                if self._stop.wait(max(0.0, due - time.monotonic())):
                    return
                self.swaps.append(self._swapper.swap())
                due = max(due + self._every_s, time.monotonic())
        except BenchError as error:
            self._error = error


@dataclass(frozen=True, slots=True)
class Pair:
    """A run without swaps and one with them; latencies in µs."""

    quiet: LoadReport
    swapping: LoadReport
    during_p99_us: float
    during_requests: int
    quiet_window_p99_us: float
    during_window_p99_us: float
    swaps: list[Swap]

    @property
    def ratio(self) -> float:
        """p99 during swaps over p99 without, of all requests."""
        return self.during_p99_us / self.quiet.p99_us

    @property
    def window_ratio(self) -> float:
        """The same of the windows' medians."""
        return self.during_window_p99_us / self.quiet_window_p99_us


class Bench:
    """An appliance with two versions, and load on it."""

    def __init__(self, appliance: ApplianceProcess, versions: Mapping[str, Path], directory: Path) -> None:
        """Measure the capacity: the rate at which the workers would want all of their cores' time.

        It is inferred from what a request of an open loop costs them at a lower rate. In a closed loop requests come
        in batches, which cost half as much each; half of that capacity would be all of this one.
        """
        self._appliance = appliance
        self._versions = versions
        self._samples = directory / "samples"
        workers = [worker.pid for worker in appliance.status().workers]
        before_s = cpu_s(workers)
        with _generators_turn():
            probe = make_load(
                appliance.address, KEY, versions, connections=CONNECTIONS, streams=STREAMS, duration_s=PROBE_S,
                rate=PROBE_RATE, warmup_s=0.0,
            )  # fmt: skip
        self.request_us = (cpu_s(workers) - before_s) / probe.measured * 1e6
        self.capacity = len(workers) * 1e6 / self.request_us

    def pair(self, swapper: Swapper, every_s: float, swaps_made: int) -> Pair:
        """A run without swaps and one with them, both at half of the capacity."""
        duration_s = max(RUN_MIN_S, swaps_made * every_s * LOADED_FACTOR_MAX + 1.0)
        quiet = self._load(RUN_MIN_S)
        quiet_windows = p99_by_window_us(self._samples, WINDOW_S)
        with SwapSeries(swapper, swaps_made, every_s, first_s=0.6) as series:
            swapping = self._load(duration_s)
        swaps = series.result()
        during = _overlapping(self._samples, swaps)
        if not during:
            raise BenchError("no request was under way during a swap")
        windows = p99_by_window_us(self._samples, WINDOW_S, [(swap.called_ns, swap.acked_ns) for swap in swaps])
        return Pair(
            quiet, swapping, during[min(len(during) - 1, int(0.99 * len(during)))], len(during),
            median(quiet_windows), median(windows), swaps,
        )  # fmt: skip

    def _load(self, duration_s: float) -> LoadReport:
        with _generators_turn():
            report = make_load(
                self._appliance.address, KEY, self._versions, connections=CONNECTIONS, streams=STREAMS,
                duration_s=duration_s, rate=self.capacity / 2, samples=self._samples,
            )  # fmt: skip
        due, busy, late = (report.raw[key] for key in ("due", "not_started_busy", "not_started_late"))
        if busy > NOT_STARTED_MAX * due or late > LATE_MAX * due or report.raw["samples_dropped"]:
            raise BenchError(
                f"of {due} requests {busy} could not start because every stream was taken and {late} because the host "
                "did not let the generator run: the load was not what it should have been; is the host busy?"
            )
        return report


def run(directory: Path, options: argparse.Namespace) -> Result:
    """Measure `options.pairs` pairs and 100 swaps without load."""
    result = Result("swap")
    environ = {"AVAP_CATALOG_KEEP_GENERATIONS": str(EDITIONS)}
    versions: dict[str, Path] = {}
    with postgres() as url:
        CommandSet(options.commands, RECORD_BYTES).load(url)
        with serving(directory / "state", {"DATABASE_URL": url, **environ}) as appliance:
            result.settings = appliance.settings
            for number in range(1, EDITIONS + 1):
                edition = CommandSet(options.commands, RECORD_BYTES, number)
                edition.load(url)
                reply = appliance.reload()
                if reply.outcome != "announced":
                    raise BenchError(f"edition {number} was not announced: {reply.outcome} {reply.message}")
                versions[reply.digest] = edition.write_catalog(directory / reply.digest)
            _measure(appliance, versions, directory, options.pairs, options.swaps, result)
    return result


@contextmanager
def _generators_turn() -> Iterator[None]:
    """Run the generator on the first core and, where that is allowed, before everything else there.

    Clients of an appliance are on hosts of their own. Here the generator has to share the core that the appliance
    leaves to its supervisor; without priority it would wait for that, and measure itself.
    """
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    with on(sorted(os.sched_getaffinity(0))[:1]):
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            print("the generator has no real-time priority (run as root): its own waits count as latency", flush=True)
        try:
            yield
        finally:
            os.sched_setscheduler(0, *before)


def _measure(
    appliance: ApplianceProcess, versions: Mapping[str, Path], directory: Path, pairs: int, swaps: int,
    result: Result,
) -> None:  # fmt: skip
    swapper = Swapper(appliance, list(versions))
    with SwapSeries(swapper, SWAPS, EVERY_MIN_S, first_s=0.0) as series:
        series.wait()
    idle = series.result()
    span_s = median([(swap.acked_ns - swap.called_ns) / 1e9 for swap in idle])
    every_s = max(EVERY_MIN_S, 3 * span_s)
    bench = Bench(appliance, versions, directory)
    print(
        f"a swap takes {span_s * 1000:.0f} ms from the call for it; under load one every {every_s * 1000:.0f} ms\n"
        f"capacity {bench.capacity:.0f} req/s ({bench.request_us:.1f} µs of worker CPU a request in an open loop), "
        f"load {bench.capacity / 2:.0f} req/s",
        flush=True,
    )
    print(
        f"{'pair':>5} {'p99 without':>12} {'p99 of run':>11} {'p99 during':>11} {'ratio':>6} "
        f"{'windows without':>16} {'during':>11} {'ratio':>6} {'last ack, p50 max':>18}"
    )
    measured: list[Pair] = []
    for number in range(pairs):
        pair = bench.pair(swapper, every_s, swaps)
        measured.append(pair)
        acks = [swap.ack_ms for swap in pair.swaps]
        print(
            f"{number + 1:>5} {pair.quiet.p99_us:>9.0f} µs {pair.swapping.p99_us:>8.0f} µs "
            f"{pair.during_p99_us:>8.0f} µs {pair.ratio:>6.2f} "
            f"{pair.quiet_window_p99_us:>13.0f} µs {pair.during_window_p99_us:>8.0f} µs {pair.window_ratio:>6.2f} "
            f"{median(acks):>9.0f} {max(acks):>5.0f} ms",
            flush=True,
        )
    result.figures = {
        "capacity": bench.capacity,
        "swap_every_s": every_s,
        "idle": [_figures(swap) for swap in idle],
        "pairs": [
            {
                "quiet": pair.quiet.raw, "swapping": pair.swapping.raw, "during_p99_us": pair.during_p99_us,
                "during_requests": pair.during_requests, "quiet_window_p99_us": pair.quiet_window_p99_us,
                "during_window_p99_us": pair.during_window_p99_us, "swaps": [_figures(swap) for swap in pair.swaps],
            }
            for pair in measured
        ],
    }  # fmt: skip
    result.check(
        f"p99 of {WINDOW_S * 1e3:.0f} ms windows, during {swaps} swaps over without, median of {pairs} pairs",
        median([pair.window_ratio for pair in measured]), LIMIT_P99_RATIO, "times",
    )  # fmt: skip
    # Without load only the mappers run beside the supervisor: that is at most the cores' number.
    result.check("last worker's ack after the announcement, no load, slowest of 100",
                 max(swap.ack_ms for swap in idle), LIMIT_ACK_MS, "ms")  # fmt: skip


def _overlapping(samples: Path, swaps: list[Swap]) -> list[float]:
    """Latencies in µs, in order, of the requests that were under way during a swap."""
    times = array("Q", samples.read_bytes())
    begins = [swap.called_ns for swap in swaps]  # in order, and none overlaps the next
    ends = [swap.acked_ns for swap in swaps]
    found = []
    for intended_ns, done_ns in zip(times[0::2], times[1::2], strict=True):
        ahead = bisect_left(ends, intended_ns)  # the first swap that was not over yet
        if ahead < len(begins) and begins[ahead] <= done_ns:
            found.append((done_ns - intended_ns) / 1e3)
    return sorted(found)


def _figures(swap: Swap) -> dict[str, float]:
    return {"span_ms": (swap.acked_ns - swap.called_ns) / 1e6, "ack_ms": swap.ack_ms, "map_ms": swap.map_ms}


def _wall_ns(line: dict[str, Any]) -> int:
    """The time of a log line, in whole milliseconds as it is written."""
    return int(datetime.fromisoformat(line["ts"]).timestamp() * 1e3) * 1_000_000


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pairs", type=int, default=5, help="runs without and with swaps; medians are judged")
    parser.add_argument("--swaps", type=int, default=SWAPS, help="swaps in each run with them")
    parser.add_argument("--commands", type=int, default=COMMANDS, help="commands in the catalogue")


if __name__ == "__main__":
    sys.exit(main("swap", "Swaps of the catalogue under an open loop at half of capacity", run, _arguments))
