"""What each attack does to the latency of a client that has nothing to do with it.

On a virtual machine let idle cores poll meanwhile (docs/performance.md): a host takes an idle core away and gives it
back late, so that a flood that keeps the worker's core awake made the client three times faster.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.appliance_process import KEY, ApplianceProcess, serving
from bench.catalogs import write_folder
from bench.hostile import ATTACKS
from bench.load import make_load
from bench.serving import leave_workers_cores
from bench.target import fetch
from bench.verdict import BenchError, Result, UsageError, main, median
from bench.windows import p99_by_window_us

COMMANDS, RECORD_BYTES = 5_000, 700  # 3.5 MB: more than the buffers of a socket that is not read
CONNECTIONS, STREAMS = 8, 10
RATE = 4_000.0
"""Far below what a worker carries: what the client waits for is the attack."""
WINDOW_S = 0.025
LIMIT_RATIO = 2.0
ATTACK_MARGIN_S = 5.0


@contextmanager
def attacking(name: str, address: str, seconds: float) -> Iterator[None]:
    """An attack in a process of its own, at a priority below everything else's, for the length of the block."""
    command = [sys.executable, "-m", "bench.hostile", address, KEY, name, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline().strip() != "begins":
                raise BenchError(f"the attack {name} did not begin")
            yield
            if process.poll() is not None:
                raise BenchError(f"the attack {name} ended before the measurement did")
        finally:
            process.kill()


def run(directory: Path, options: argparse.Namespace) -> Result:
    """Measure the client beside each attack and, in turn, without."""
    names = list(ATTACKS) if options.attack is None else options.attack.split(",")
    for name in names:
        if name not in ATTACKS:
            raise UsageError(f"attacks are {', '.join(ATTACKS)}; found {name}")
    result = Result("attacks")
    folder = directory / "commands"
    write_folder(folder, COMMANDS, RECORD_BYTES)
    environ = {"AVAP_CATALOG_DIR": str(folder), "AVAP_GRPC_WORKERS": "1"}
    with serving(directory / "state", environ) as appliance:
        result.settings = appliance.settings
        leave_workers_cores(1)
        version, catalog = fetch(appliance.address, KEY)
        path = directory / "catalog"
        path.write_bytes(catalog)
        digest = version.partition("-")[2]
        client = _Client(appliance, {digest: path}, directory / "samples", options.seconds)
        quiet: dict[str, list[_Latency]] = {name: [] for name in names}
        attacked: dict[str, list[_Latency]] = {name: [] for name in names}
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
            for name in names:
                quiet[name].append(client.latency())
                with attacking(name, appliance.address, options.seconds + ATTACK_MARGIN_S):
                    attacked[name].append(client.latency())
    print(
        f"\nGetCommand at {RATE:.0f}/s, {CONNECTIONS}×{STREAMS}, every reply checked; p99 of windows of "
        f"{WINDOW_S * 1e3:.0f} ms, their median (p99 of the whole); medians of {options.rounds} rounds, ratios by round"
    )
    for name in names:
        ratios = [
            with_it.window_p99_us / without.window_p99_us
            for without, with_it in zip(quiet[name], attacked[name], strict=True)
        ]
        result.figures[name] = {
            "quiet": list(map(asdict, quiet[name])), "attacked": list(map(asdict, attacked[name])), "ratios": ratios,
        }  # fmt: skip
        before, beside = (median([part.window_p99_us for part in parts[name]]) for parts in (quiet, attacked))
        rounds_before, rounds_beside = (median([part.p99_us for part in parts[name]]) for parts in (quiet, attacked))
        result.check(
            f"{name}, p99 {before:.0f} → {beside:.0f} µs ({rounds_before:.0f} → {rounds_beside:.0f})",
            median(ratios), LIMIT_RATIO, "×",
        )  # fmt: skip
    return result


@dataclass(frozen=True, slots=True)
class _Latency:
    """Of one measurement, in microseconds: p99 of all requests, and the median of its windows' p99."""

    p99_us: float
    window_p99_us: float


@dataclass(frozen=True, slots=True)
class _Client:
    """The healthy one."""

    appliance: ApplianceProcess
    versions: Mapping[str, Path]
    samples: Path
    seconds: float

    def latency(self) -> _Latency:
        """Of one measurement. Raises BenchError when a single reply is wrong or missing."""
        report = make_load(
            self.appliance.address, KEY, self.versions, connections=CONNECTIONS, streams=STREAMS,
            duration_s=self.seconds, rate=RATE, warmup_s=0.3, samples=self.samples,
        )  # fmt: skip
        return _Latency(report.p99_us, median(p99_by_window_us(self.samples, WINDOW_S)))


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5, help="measurements beside each attack; the medians are judged")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of one measurement")
    parser.add_argument("--attack", metavar="LIST", help="only these, separated by commas")


if __name__ == "__main__":
    sys.exit(main("attacks", "A healthy client's latency beside each attack", run, _arguments))
