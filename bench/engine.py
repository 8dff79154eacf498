"""The lookup engine beside tonic and the bare bound: CPU a request, latency at the same load, cost of a catalogue."""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from appliance.pb import avap_pb2
from bench.appliance_process import KEY, ApplianceProcess, serving
from bench.commands import CommandSet
from bench.judge import find_h2load, judge
from bench.load import make_load
from bench.postgres import postgres
from bench.processes import cpu_s, session_pids
from bench.raw_tcp import raw_rate, raw_sender, record, sync_rate
from bench.references import reference
from bench.serving import GET, PREFIX_BYTES, SYNC, SYNC_WINDOWS, framed, leave_workers_cores
from bench.shape import WINDOW_DEFAULT, WINDOW_MAX, Shape
from bench.target import fetch
from bench.verdict import BenchError, Result, main, median

RECORD_BYTES = 700
CATALOG_BYTES = 20_000_000
COMMANDS_MANY, NAMES_DRAWN = 1_000_000, 100_000

SHAPES = (Shape(8, 10), Shape(8, 100), Shape(200, 1))
LIMITS_US = {Shape(8, 10): 1.6, Shape(8, 100): 0.6, Shape(200, 1): 8.0}
LIMITS_OF_BOUND = {Shape(8, 10): 1.4, Shape(200, 1): 1.15}
SMALL_WINDOWS_FACTOR = 1.5
LIMIT_MANY_US = 2.4
LIMIT_SYNC_S_PER_GB = 0.4
LIMIT_RAW_SHARE = 0.7
OFFERED_SHARE = 0.5
"""Of the rate that tonic reaches at a shape: both are asked for so much when their latencies are compared."""

SMALL_WINDOWS = ("-w16", "-W16")  # h2load's: 65,535 bytes for a stream and for the connection
CALIBRATION_REQUESTS = 20_000
CALIBRATION_SYNCS = 5
WARMUP_S = 0.3
APPLIANCE, TONIC, BOUND = "appliance", "tonic", "bound"
H2LOAD, OWN = "h2load", "ours"
JUDGES = (H2LOAD, OWN)


@dataclass(frozen=True, slots=True)
class Server:
    """One of those compared."""

    name: str
    address: str
    pids: Callable[[], Sequence[int]]


@dataclass(slots=True)
class Bench:
    """What is measured, and every figure so far by its name."""

    servers: Mapping[str, Server]
    digest: str
    catalog: Path
    directory: Path
    seconds: float
    figures: dict[str, list[float]] = field(default_factory=dict)
    requests: dict[tuple[str, Shape], int] = field(default_factory=dict)
    """Of h2load, by server and shape: as many as take `seconds`."""

    def keep(self, name: str, value: float) -> None:
        """Enter a figure of this round."""
        self.figures.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        """Of all rounds."""
        return median(self.figures[name])

    def by_h2load(self, server: Server, shape: Shape, *, small: bool = False) -> float:
        """CPU time a request in µs, of all the server's processes."""
        options = SMALL_WINDOWS if small else ()

        def load(requests: int) -> tuple[float, float]:
            before_s = cpu_s(list(server.pids()))
            verdict = judge(
                f"http://{server.address}{GET}", key=KEY, body=self.directory / "get", requests=requests,
                connections=shape.connections, streams=shape.streams, reply_bytes=PREFIX_BYTES + RECORD_BYTES,
                options=options,
            )  # fmt: skip
            return cpu_s(list(server.pids())) - before_s, verdict.rate

        key = (server.name, shape)
        if key not in self.requests:
            _, rate = load(CALIBRATION_REQUESTS)
            self.requests[key] = max(CALIBRATION_REQUESTS, round(rate * self.seconds))
        spent_s, _ = load(self.requests[key])
        return spent_s / self.requests[key] * 1e6

    def by_own(
        self, server: Server, shape: Shape, *, small: bool = False, rate: float | None = None,
        names: Sequence[str] = (),
    ) -> dict[str, float]:  # fmt: skip
        """CPU time a request, rate and latencies, every reply checked to the byte. `rate` makes it an open loop."""
        window = WINDOW_DEFAULT if small else WINDOW_MAX
        before_s = cpu_s(list(server.pids()))
        report = make_load(
            server.address, KEY, {self.digest: self.catalog}, connections=shape.connections, streams=shape.streams,
            duration_s=self.seconds, rate=rate, warmup_s=WARMUP_S, names=names,
            knobs={"stream_window": window, "connection_window": window},
        )  # fmt: skip
        spent_s = cpu_s(list(server.pids())) - before_s
        return {
            "cpu_us": spent_s / max(1, report.raw["verified"]) * 1e6, "rate": report.rate, "p50": report.p50_us,
            "p99": report.p99_us,
        }  # fmt: skip


def run(directory: Path, options: argparse.Namespace) -> Result:
    """Every round measures everything once, the servers in turn."""
    find_h2load()
    result = Result("engine")
    commands = CommandSet(CATALOG_BYTES // (RECORD_BYTES + 3), RECORD_BYTES)  # a tag and two bytes of length each
    catalog = commands.write_catalog(directory / "catalog")
    name = commands.name(commands.count // 2)
    (directory / "get").write_bytes(framed(avap_pb2.CommandRequest(name=name)))
    (directory / "sync").write_bytes(framed(avap_pb2.Empty()))
    allowed = sorted(os.sched_getaffinity(0))
    with appliance_of(commands, directory / "state") as appliance:
        result.settings = appliance.settings
        leave_workers_cores(1)
        version, synced = fetch(appliance.address, KEY)
        if synced != catalog.read_bytes():
            raise BenchError("the appliance does not serve what the table holds")
        with (
            reference(TONIC, catalog, version, KEY, workers=1, cores=allowed[-1:]) as tonic,
            reference(BOUND, catalog, version, KEY, workers=1, cores=allowed[-1:]) as bound,
        ):
            servers = {
                APPLIANCE: Server(APPLIANCE, appliance.address, lambda: session_pids(appliance.process.pid)),
                TONIC: Server(TONIC, tonic.address, tonic.pids),
                BOUND: Server(BOUND, bound.address, bound.pids),
            }
            bench = Bench(servers, version.partition("-")[2], catalog, directory, options.seconds)
            measure_requests(bench, options.rounds)
            measure_sync(bench, options.rounds, allowed[-1:])
    os.sched_setaffinity(0, allowed)
    measure_many(bench, options, directory)
    result.figures = {"medians_of": options.rounds, **bench.figures}
    print_table(bench)
    judge_requests(bench, result)
    judge_sync(bench, result)
    result.check(
        f"{NAMES_DRAWN} of {options.commands} names, 8×10, {OWN}", bench.median("many cpu_us"), LIMIT_MANY_US,
        "µs a request",
    )  # fmt: skip
    return result


@contextmanager
def appliance_of(commands: CommandSet, state: Path) -> Iterator[ApplianceProcess]:
    """An appliance with one worker that serves these commands from a database of its own."""
    with postgres() as url:
        commands.load(url)
        with serving(state, {"DATABASE_URL": url, "AVAP_GRPC_WORKERS": "1"}) as appliance:
            yield appliance


def measure_requests(bench: Bench, rounds: int) -> None:
    """GetCommand in every shape: by both judges, with large windows and with small ones, and the open loop."""
    ours, tonic = bench.servers[APPLIANCE], bench.servers[TONIC]
    offered = {shape: OFFERED_SHARE * bench.by_own(tonic, shape)["rate"] for shape in SHAPES}
    for number in range(rounds):
        print(f"requests, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for shape in SHAPES:
            for server in bench.servers.values():
                bench.keep(f"{server.name} {shape} {H2LOAD} cpu_us", bench.by_h2load(server, shape))
                closed = bench.by_own(server, shape)
                bench.keep(f"{server.name} {shape} {OWN} cpu_us", closed["cpu_us"])
                bench.keep(f"{server.name} {shape} {OWN} rate", closed["rate"])
            bench.keep(f"small windows {shape} {H2LOAD} cpu_us", bench.by_h2load(ours, shape, small=True))
            bench.keep(f"small windows {shape} {OWN} cpu_us", bench.by_own(ours, shape, small=True)["cpu_us"])
            for server in (ours, tonic):
                opened = bench.by_own(server, shape, rate=offered[shape])
                for quantile in ("p50", "p99"):
                    bench.keep(f"{server.name} {shape} {quantile}_us", opened[quantile])
    for shape in SHAPES:
        bench.keep(f"offered {shape} rate", offered[shape])


def measure_sync(bench: Bench, rounds: int, cores: Sequence[int]) -> None:
    """The whole catalogue: CPU a GB under h2load, and the rate to a sink that bare TCP is measured with too."""
    ours = bench.servers[APPLIANCE]
    catalog_bytes = bench.catalog.stat().st_size
    sent = bench.directory / "sent"
    sent.write_bytes(record(ours.address, KEY, catalog_bytes))

    def load(requests: int) -> tuple[float, float]:
        before_s = cpu_s(list(ours.pids()))
        verdict = judge(
            f"http://{ours.address}{SYNC}", key=KEY, body=bench.directory / "sync", requests=requests, connections=1,
            streams=1, reply_bytes=PREFIX_BYTES + catalog_bytes, options=SYNC_WINDOWS,
        )  # fmt: skip
        return cpu_s(list(ours.pids())) - before_s, verdict.rate

    requests = max(1, round(load(CALIBRATION_SYNCS)[1] * bench.seconds))
    with raw_sender(sent, cores) as raw:
        for number in range(rounds):
            print(f"catalogues, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
            bench.keep("sync cpu_s_per_gb", load(requests)[0] / (requests * catalog_bytes / 1e9))
            bench.keep("sync bytes_per_s", sync_rate(ours.address, KEY, catalog_bytes, bench.seconds))
            bench.keep("raw bytes_per_s", raw_rate(raw, bench.seconds))


def measure_many(bench: Bench, options: argparse.Namespace, directory: Path) -> None:
    """Names drawn uniformly from a catalogue that no cache holds."""
    commands = CommandSet(options.commands, RECORD_BYTES)
    drawn = sorted(random.Random(1).sample(range(commands.count), min(NAMES_DRAWN, commands.count)))
    path = directory / "drawn"
    with path.open("wb") as file:  # what replies are checked against: the others are not asked for
        for index in drawn:
            file.write(avap_pb2.Catalog(commands=[commands.record(index)]).SerializeToString())
    with appliance_of(commands, directory / "state-many") as appliance:
        leave_workers_cores(1)
        digest = fetch(appliance.address, KEY, everything=False)[0].partition("-")[2]
        server = Server(APPLIANCE, appliance.address, lambda: session_pids(appliance.process.pid))
        many = Bench({APPLIANCE: server}, digest, path, directory, options.seconds)
        for number in range(options.rounds):
            print(f"many names, round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
            bench.keep("many cpu_us", many.by_own(server, Shape(8, 10))["cpu_us"])


def judge_requests(bench: Bench, result: Result) -> None:
    """The limits of a request."""
    for shape in SHAPES:
        for by in JUDGES:
            ours = bench.median(f"{APPLIANCE} {shape} {by} cpu_us")
            result.check(f"{shape}, {by}", ours, LIMITS_US[shape], "µs a request")
            if shape in LIMITS_OF_BOUND:
                bound = bench.median(f"{BOUND} {shape} {by} cpu_us")
                result.check(f"{shape}, {by}, of the bound's {bound:.2f} µs", ours / bound, LIMITS_OF_BOUND[shape], "×")
            small = bench.median(f"small windows {shape} {by} cpu_us")
            limit = SMALL_WINDOWS_FACTOR * LIMITS_US[shape]
            result.check(f"{shape}, small windows, {by}", small, limit, "µs a request")
        offered = bench.median(f"offered {shape} rate")
        for quantile in ("p50", "p99"):
            ours, tonic = (bench.median(f"{name} {shape} {quantile}_us") for name in (APPLIANCE, TONIC))
            name = f"{shape}, {quantile} at {offered:.0f}/s, {ours:.0f} µs of tonic's {tonic:.0f}"
            result.check(name, ours / tonic, 1.0, "×")


def judge_sync(bench: Bench, result: Result) -> None:
    """The limits of a catalogue."""
    result.check("SyncCatalog", bench.median("sync cpu_s_per_gb"), LIMIT_SYNC_S_PER_GB, "s of CPU a GB")
    ours, raw = bench.median("sync bytes_per_s"), bench.median("raw bytes_per_s")
    name = f"raw TCP's {raw / 1e9:.2f} GB/s over SyncCatalog's {ours / 1e9:.2f}"
    result.check(name, raw / ours, 1 / LIMIT_RAW_SHARE, "×")


def print_table(bench: Bench) -> None:
    """CPU time a request of every server."""
    print(f"\nGetCommand, {RECORD_BYTES}-byte record, CPU µs a request of all the server's processes, by h2load / ours")
    print(f"{'conns×streams':>14}" + "".join(f"{name:>16}" for name in [*bench.servers, "small windows"]))
    for shape in SHAPES:
        cells = []
        for name in [*bench.servers, "small windows"]:
            pair = [bench.median(f"{name} {shape} {by} cpu_us") for by in JUDGES]
            cells.append(f"{pair[0]:.2f} / {pair[1]:.2f}")
        print(f"{shape!s:>14}" + "".join(f"{cell:>16}" for cell in cells))
    print()


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each; the medians are judged")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of one measurement")
    parser.add_argument(
        "--commands", type=int, default=COMMANDS_MANY, help="of the catalogue that names are drawn from"
    )


if __name__ == "__main__":
    sys.exit(main("engine", "The lookup engine beside tonic and the bound", run, _arguments))
