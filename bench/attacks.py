"""What each attack does to the latency of a client that has nothing to do with it."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.appliance_process import KEY, ApplianceProcess, serving
from bench.catalogs import write_folder
from bench.hostile import ATTACKS
from bench.load import make_load
from bench.serving import leave_workers_cores
from bench.target import fetch
from bench.verdict import BenchError, Result, UsageError, main, median

COMMANDS, RECORD_BYTES = 5_000, 700  # 3.5 MB: more than the buffers of a socket that is not read
CONNECTIONS, STREAMS = 8, 10
RATE = 2_000.0
"""Far below what a worker carries: what the client waits for is the attack."""
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
        quiet: dict[str, list[float]] = {name: [] for name in names}
        attacked: dict[str, list[float]] = {name: [] for name in names}
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
            for name in names:
                quiet[name].append(_p99_us(appliance, digest, path, options.seconds))
                with attacking(name, appliance.address, options.seconds + ATTACK_MARGIN_S):
                    attacked[name].append(_p99_us(appliance, digest, path, options.seconds))
    result.figures = {name: {"quiet_p99_us": quiet[name], "attacked_p99_us": attacked[name]} for name in names}
    print(f"\nGetCommand at {RATE:.0f}/s, {CONNECTIONS}×{STREAMS}, every reply checked; medians of {options.rounds}")
    for name in names:
        without, beside = median(quiet[name]), median(attacked[name])
        result.check(f"{name}, p99 {without:.0f} → {beside:.0f} µs", beside / without, LIMIT_RATIO, "×")
    return result


def _p99_us(appliance: ApplianceProcess, digest: str, catalog: Path, seconds: float) -> float:
    """Of the healthy client. Raises BenchError when a single reply is wrong or missing."""
    return make_load(
        appliance.address, KEY, {digest: catalog}, connections=CONNECTIONS, streams=STREAMS, duration_s=seconds,
        rate=RATE, warmup_s=0.3,
    ).p99_us  # fmt: skip


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=3, help="measurements beside each attack; the medians are judged")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of one measurement")
    parser.add_argument("--attack", metavar="LIST", help="only these, separated by commas")


if __name__ == "__main__":
    sys.exit(main("attacks", "A healthy client's latency beside each attack", run, _arguments))
