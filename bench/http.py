"""What executing a script over HTTP costs, beside hyper alone: CPU a request and latency at 32 kept connections."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.appliance_process import KEY, serving
from bench.cores import divide, on
from bench.processes import cpu_s, session_pids
from bench.references import program_server, rust_program
from bench.verdict import BenchError, Result, main, median
from bench.wrk import Counted, Post, find_wrk, run_wrk

CONNECTIONS = 32
LIMIT_US = 15.0
PRICE = 41
REQUEST = {"script": "addVar(total, price)\naddResult(total)", "variables": {"price": PRICE}}
"""Two commands; the input is the request's."""
EXPECTED = (
    f'{{"success": true, "result": {{"total": {PRICE}}}, "variables": {{"price": {PRICE}, "total": {PRICE}}}, '
    '"logs": [{"command": "addVar", "duration_ms": '
)
"""How every answer begins; then come durations, which differ."""
ENVIRON = {"AVAP_HTTP_WORKERS": "1", "AVAP_GRPC_WORKERS": "1", "AVAP_HTTP_PORT": "0"}
WARMUP_S = 1.0
APPLIANCE, ECHO = "appliance", "hyper echo"


@dataclass(frozen=True, slots=True)
class Server:
    """One of those compared, with all of its processes."""

    name: str
    address: str
    post: Post
    pids: Callable[[], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement of a server."""

    cpu_us: float
    busy: float
    """How much of a core the server took."""
    counted: Counted


def run(directory: Path, options: argparse.Namespace) -> Result:
    """Every round measures both, in turn."""
    find_wrk()
    result = Result("http")
    cores = divide(sorted(os.sched_getaffinity(0)), 1, "auto")
    body, begins = directory / "body", directory / "begins"
    body.write_text(json.dumps(REQUEST))
    begins.write_text(EXPECTED)
    echo_program = [str(rust_program("hyper_echo"))]
    with (
        on(cores.server),
        serving(directory / "state", ENVIRON) as appliance,
        program_server(ECHO, echo_program) as (echo_address, echo_pids),
    ):
        result.settings = appliance.settings
        address = str(appliance.logged("Appliance Ready")[0]["http"])
        servers = (
            Server(APPLIANCE, address, Post("/api/v1/execute", KEY, body, begins, whole=False),
                   lambda: session_pids(appliance.process.pid)),
            Server(ECHO, echo_address, Post("/", KEY, body, body, whole=True), echo_pids),
        )  # fmt: skip
        with on(cores.generator):
            runs = measure(servers, options.rounds, options.seconds)
    print_runs(runs, options.rounds)
    result.figures = {
        "medians_of": options.rounds,
        **{f"{name} cpu_us": [run.cpu_us for run in found] for name, found in runs.items()},
        **{f"{name} rate": [run.counted.rate for run in found] for name, found in runs.items()},
        **{f"{name} p99_us": [run.counted.p99_us for run in found] for name, found in runs.items()},
    }
    result.check(
        f"a two-command script, {CONNECTIONS} connections", median([run.cpu_us for run in runs[APPLIANCE]]), LIMIT_US,
        "µs of the appliance's CPU a request",
    )  # fmt: skip
    return result


def measure(servers: Sequence[Server], rounds: int, seconds: float) -> dict[str, list[Run]]:
    """All rounds, every second one backwards, each server warmed up once."""
    runs: dict[str, list[Run]] = {server.name: [] for server in servers}
    for server in servers:
        run_wrk(server.address, server.post, connections=CONNECTIONS, seconds=WARMUP_S)
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for server in servers if number % 2 == 0 else reversed(servers):
            runs[server.name].append(measure_once(server, seconds))
    return runs


def measure_once(server: Server, seconds: float) -> Run:
    """One run. Raises BenchError."""
    pids = list(server.pids())
    before_s = cpu_s(pids)
    counted = run_wrk(server.address, server.post, connections=CONNECTIONS, seconds=seconds)
    spent_s = cpu_s(pids) - before_s
    if list(server.pids()) != pids:
        raise BenchError(f"the processes of {server.name} changed during a measurement")
    return Run(spent_s / counted.requests * 1e6, spent_s * counted.rate / counted.requests, counted)


def print_runs(runs: dict[str, list[Run]], rounds: int) -> None:
    """The table."""
    print(f"\nPOST of a two-command script, {CONNECTIONS} connections, wrk, medians of {rounds}, every answer checked")
    headings = ("CPU µs/req", "req/s", "p50 µs", "p99 µs", "server busy", "wrk busy")
    print(f"{'':>12}" + "".join(f"{heading:>13}" for heading in headings))
    for name, found in runs.items():
        counted = [run.counted for run in found]
        print(
            f"{name:>12}{median([run.cpu_us for run in found]):>13.2f}{median([one.rate for one in counted]):>13.0f}"
            f"{median([one.p50_us for one in counted]):>13.0f}{median([one.p99_us for one in counted]):>13.0f}"
            f"{median([run.busy for run in found]):>13.0%}{median([one.busy for one in counted]):>13.0%}"
        )
    print()


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each; the medians are judged")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one measurement, in whole seconds")


if __name__ == "__main__":
    sys.exit(main("http", "Executing a script over HTTP, beside hyper alone", run, _arguments))
