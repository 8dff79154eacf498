"""What a request costs and how long it takes, and what a synchronisation of the catalogue costs."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from appliance.pb import avap_pb2
from bench.appliance_process import KEY, ApplianceProcess, serving
from bench.commands import CommandSet
from bench.judge import Judgement, find_h2load, judge
from bench.load import make_load
from bench.postgres import postgres
from bench.processes import cpu_s, session_pids
from bench.verdict import BenchError, Result, main, median

RECORD_BYTES = 700
CATALOG_BYTES = 20_000_000
PREFIX_BYTES = 5
SHAPES = ((1, 1), (8, 10), (200, 1))  # connections, streams on each
LIMIT_SHAPE, LIMIT_US = (8, 10), 12.0
LIMIT_SYNC_S_PER_GB = 1.0

GET, SYNC = "/avap.DefinitionEngine/GetCommand", "/avap.DefinitionEngine/SyncCatalog"
CALIBRATION_REQUESTS = 4_000
CALIBRATION_SYNCS = 5
SYNC_WINDOWS = ("-w30", "-W30")  # h2load's: 2^30-1 bytes for a stream and for the connection


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: what the appliance and the judge spent on it."""

    appliance_cpu_s: float
    verdict: Judgement

    @property
    def cpu_us(self) -> float:
        """The appliance's CPU time for one request."""
        return self.appliance_cpu_s / self.verdict.requests * 1e6

    @property
    def judge_cpu_us(self) -> float:
        """The judge's."""
        return self.verdict.cpu_s / self.verdict.requests * 1e6

    @property
    def judge_busy(self) -> float:
        """How much of a core the judge took: near 1, it was what limited the rate."""
        return self.verdict.cpu_s / self.verdict.elapsed_s


class Serving:
    """The appliance under the judge."""

    def __init__(self, appliance: ApplianceProcess, commands: CommandSet, directory: Path) -> None:
        """Check by bytes, once, that what will be measured is served right. Raises BenchError."""
        self._appliance = appliance
        self._url = f"http://{appliance.address}"
        self._log = directory / "h2load.log"
        self._get = directory / "get"
        self._get.write_bytes(framed(avap_pb2.CommandRequest(name=commands.name(commands.count // 2))))
        self._sync = directory / "sync"
        self._sync.write_bytes(framed(avap_pb2.Empty()))
        catalog = commands.catalog()
        self.catalog_bytes = len(catalog)
        with grpc.insecure_channel(appliance.address, [("grpc.max_receive_message_length", -1)]) as channel:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(SYNC)
            if call(b"", metadata=(("x-avap-auth", KEY),), timeout=60) != catalog:
                raise BenchError("SyncCatalog's reply is not the catalogue that the table holds")
        path = directory / "catalog"
        path.write_bytes(catalog)
        digest = appliance.status().catalog.digest
        verified = make_load(appliance.address, KEY, {digest: path}, connections=8, streams=10, duration_s=2.0)
        self.own = verified.raw

    def get_point(self, shape: tuple[int, int], requests: int, *, log: bool) -> Point:
        """Send GetCommand `requests` times in this shape."""
        connections, streams = shape
        return self._point(
            GET, self._get, requests, connections, streams, PREFIX_BYTES + RECORD_BYTES, self._log if log else None
        )

    def sync_point(self, requests: int) -> Point:
        """Send SyncCatalog `requests` times, one at a time."""
        return self._point(SYNC, self._sync, requests, 1, 1, PREFIX_BYTES + self.catalog_bytes, None, SYNC_WINDOWS)

    def _point(
        self, path: str, body: Path, requests: int, connections: int, streams: int, reply_bytes: int,
        log: Path | None, options: tuple[str, ...] = (),
    ) -> Point:  # fmt: skip
        pids = session_pids(self._appliance.process.pid)
        before_s = cpu_s(pids)
        verdict = judge(
            self._url + path, key=KEY, body=body, requests=requests, connections=connections, streams=streams,
            reply_bytes=reply_bytes, log=log, options=options,
        )  # fmt: skip
        spent_s = cpu_s(pids) - before_s
        if session_pids(self._appliance.process.pid) != pids:
            raise BenchError("the appliance's processes changed during a measurement")
        return Point(spent_s, verdict)


def framed(message: avap_pb2.CommandRequest | avap_pb2.Empty) -> bytes:
    """A gRPC message as it goes into DATA."""
    body = message.SerializeToString()
    return b"\0" + len(body).to_bytes(4, "big") + body


def leave_workers_cores(workers: int) -> None:
    """Keep this process and its children off the cores that `pin = auto` gives to workers, if that leaves any."""
    allowed = sorted(os.sched_getaffinity(0))
    if workers < len(allowed):
        os.sched_setaffinity(0, allowed[: len(allowed) - workers])


def run(directory: Path, options: argparse.Namespace) -> Result:
    """Measure every shape `options.rounds` times, interleaved, for about `options.seconds` each."""
    find_h2load()
    result = Result("serving")
    entry_bytes = RECORD_BYTES + 3  # a tag and two bytes of length
    commands = CommandSet(CATALOG_BYTES // entry_bytes, RECORD_BYTES)
    with postgres() as url:
        commands.load(url)
        with serving(directory / "state", {"DATABASE_URL": url}) as appliance:
            result.settings = appliance.settings
            leave_workers_cores(len(appliance.status().workers))
            bench = Serving(appliance, commands, directory)
            _measure(bench, options.rounds, options.seconds, result)
    return result


def _measure(bench: Serving, rounds: int, seconds: float, result: Result) -> None:
    def enough(point: Point) -> int:
        return max(1, round(point.verdict.rate * seconds))

    counts = {shape: enough(bench.get_point(shape, CALIBRATION_REQUESTS, log=False)) for shape in SHAPES}
    syncs = enough(bench.sync_point(CALIBRATION_SYNCS))
    points: dict[tuple[int, int], list[Point]] = {shape: [] for shape in SHAPES}
    timed: dict[tuple[int, int], list[Point]] = {shape: [] for shape in SHAPES}
    sync_points: list[Point] = []
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for shape in SHAPES:
            points[shape].append(bench.get_point(shape, counts[shape], log=False))
            # Apart from the other: writing the log costs the judge time.
            timed[shape].append(bench.get_point(shape, max(1, counts[shape] // 3), log=True))
        sync_points.append(bench.sync_point(syncs))
    _print(points, timed, sync_points, bench)
    result.figures = {
        "get": {f"{c}x{s}": _figures(points[c, s], timed[c, s]) for c, s in SHAPES},
        "sync": {
            "catalog_bytes": bench.catalog_bytes,
            "appliance_cpu_s_per_gb": [_per_gb(point, bench) for point in sync_points],
            "judge_cpu_s_per_gb": [point.verdict.cpu_s / _gb(point, bench) for point in sync_points],
            "gb_per_s": [_gb(point, bench) / point.verdict.elapsed_s for point in sync_points],
        },
        "own_generator_8x10": bench.own,
    }
    at = f"{LIMIT_SHAPE[0]}×{LIMIT_SHAPE[1]}"
    result.check(f"appliance CPU at {at}", median([p.cpu_us for p in points[LIMIT_SHAPE]]), LIMIT_US, "µs a request")
    per_gb = median([_per_gb(point, bench) for point in sync_points])
    result.check("appliance CPU of SyncCatalog", per_gb, LIMIT_SYNC_S_PER_GB, "s a GB")


def _print(
    points: dict[tuple[int, int], list[Point]], timed: dict[tuple[int, int], list[Point]], syncs: list[Point],
    bench: Serving,
) -> None:  # fmt: skip
    print(f"\nGetCommand, {RECORD_BYTES}-byte record, judge h2load, medians of {len(syncs)}")
    print(f"{'conns×streams':>14} {'appliance':>11} {'judge':>9} {'rate':>9} {'judge busy':>11} {'p50':>8} {'p99':>8}")
    print(f"{'':>14} {'CPU µs/req':>11} {'µs/req':>9} {'req/s':>9} {'of a core':>11} {'µs':>8} {'µs':>8}")
    for shape, measured in points.items():
        print(
            f"{f'{shape[0]}×{shape[1]}':>14} {median([p.cpu_us for p in measured]):>11.2f} "
            f"{median([p.judge_cpu_us for p in measured]):>9.2f} {median([p.verdict.rate for p in measured]):>9.0f} "
            f"{median([p.judge_busy for p in measured]):>11.0%} "
            f"{median([p.verdict.quantile_us(0.5) for p in timed[shape]]):>8.0f} "
            f"{median([p.verdict.quantile_us(0.99) for p in timed[shape]]):>8.0f}"
        )
    own = bench.own["latency_us"]
    print(
        f"own generator, 8×10, every reply verified by bytes: {bench.own['rate']:.0f} req/s, "
        f"p50 {own['p50']:.0f} µs, p99 {own['p99']:.0f} µs"
    )
    print(
        f"SyncCatalog, {bench.catalog_bytes / 1e6:.1f} MB: appliance {median([_per_gb(p, bench) for p in syncs]):.3f}, "
        f"judge {median([p.verdict.cpu_s / _gb(p, bench) for p in syncs]):.3f} s of CPU a GB, "
        f"{median([_gb(p, bench) / p.verdict.elapsed_s for p in syncs]):.2f} GB/s\n"
    )


def _figures(points: list[Point], timed: list[Point]) -> dict[str, Any]:
    return {
        "requests": [point.verdict.requests for point in points],
        "appliance_cpu_us": [point.cpu_us for point in points],
        "judge_cpu_us": [point.judge_cpu_us for point in points],
        "judge_busy": [point.judge_busy for point in points],
        "rate": [point.verdict.rate for point in points],
        "p50_us": [point.verdict.quantile_us(0.5) for point in timed],
        "p99_us": [point.verdict.quantile_us(0.99) for point in timed],
    }


def _gb(point: Point, bench: Serving) -> float:
    return point.verdict.requests * bench.catalog_bytes / 1e9


def _per_gb(point: Point, bench: Serving) -> float:
    return point.appliance_cpu_s / _gb(point, bench)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each shape; the medians are judged")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one measurement")


if __name__ == "__main__":
    sys.exit(main("serving", "GetCommand and SyncCatalog under h2load", run, _arguments))
