"""What the generator itself can do: `python -m bench.ceiling`.

Its ceiling is what it reaches on one core against the null server on another. Its judge is h2load, which knows nothing
of our records: where the server is what both are limited by, in a closed loop, both must find the same rate. Where the
server has time left each finds its own limit, and no agreement is asked for: with few streams h2load spends about as
much CPU on a request as a server does. Hence they are compared at shapes and over servers that cost clearly more, one
of them foreign to both, and often: a single run on a shared host is 10 % off.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from appliance.pb import avap_pb2
from bench.appliance_process import serving
from bench.bound import FOREIGN_MAX, FULL, STEAL_MAX
from bench.catalogs import names_in, write_folder
from bench.cores import Cores, divide, on
from bench.judge import judge
from bench.load import make_load
from bench.null_server import null_server
from bench.references import reference
from bench.session import own_target
from bench.shape import Shape
from bench.target import GET, Target
from bench.verdict import BenchError, Result, main, median
from bench.watch import Watch

REPLIES_MIN = 600_000
"""Verified replies a second on one core."""
CEILING_SHAPE = Shape(8, 100)
AGREEMENT_SHAPES = (Shape(8, 10), Shape(8, 100))
AGREEMENT_ROUNDS = 11
AGREEMENT_REFERENCE = "tonic"
DISAGREEMENT_MAX = 0.10
ATTEMPTS_A_ROUND = 4
JUDGE_WINDOW = (1 << 30) - 1
"""What h2load opens by itself."""
RECORD_BYTES = 700
COMMANDS = 100


@dataclass(frozen=True, slots=True)
class Pair:
    """Rates of both, one after the other, and the share of its core that the server used under each."""

    ours: float
    judges: float
    ours_server_busy: float
    judges_server_busy: float
    foreign: float
    """Cores that processes of neither side used, the larger of the two."""
    steal: float


def find_ceiling(target: Target, cores: Cores, rounds: int, duration_s: float, result: Result) -> None:
    """Measure the ceiling against a null server that runs already. Raises BenchError."""
    rates = []
    for _ in range(rounds):
        with on(cores.generator):
            report = make_load(
                target.address,
                target.key,
                target.versions,
                connections=CEILING_SHAPE.connections,
                streams=CEILING_SHAPE.streams,
                duration_s=duration_s,
            )
        rates.append(report.rate)
        busy = report.raw["generator_cpu_s"] / report.raw["elapsed_s"]
        print(f"      {report.rate:,.0f} verified replies a second, generator {busy:.0%} of its core", flush=True)
    result.figures["ceiling_rates"] = rates
    result.check(f"a verified reply at {CEILING_SHAPE}", 1e6 / median(rates), 1e6 / REPLIES_MIN, "µs of a core")


def agree(target: Target, cores: Cores, rounds: int, duration_s: float, directory: Path, result: Result) -> None:
    """Compare both in a closed loop, interleaved. Raises BenchError."""
    name = names_in(target.catalog)[0]
    body = directory / "request"
    encoded = b"\x0a" + bytes([len(name)]) + name.encode()
    body.write_bytes(b"\0" + len(encoded).to_bytes(4, "big") + encoded)
    for shape in AGREEMENT_SHAPES:
        pairs = _quiet_pairs(partial(_pair, target, cores, shape, name, body, duration_s), rounds)
        ours, judges = median([pair.ours for pair in pairs]), median([pair.judges for pair in pairs])
        ratio = median([pair.ours / pair.judges for pair in pairs])
        busy = [median([pair.ours_server_busy for pair in pairs]), median([pair.judges_server_busy for pair in pairs])]
        key = f"{target.name} {shape}"
        result.figures[key] = [asdict(pair) for pair in pairs]
        said = (
            f"{key}: {ours:,.0f}/s with the server's core {busy[0]:.0%} full, h2load {judges:,.0f}/s with {busy[1]:.0%}"
        )
        if min(busy) < FULL:
            print(f"      {said}: nothing to agree on", flush=True)
            continue
        print(f"      {said}", flush=True)
        result.check(f"{key}: disagreement with h2load", abs(ratio - 1), DISAGREEMENT_MAX, "of the rate")


def _quiet_pairs(measure: Callable[[], Pair], rounds: int) -> list[Pair]:
    """As many pairs as wanted that nothing else on the host had a part in. Raises BenchError when there are too few."""
    pairs: list[Pair] = []
    for _ in range(ATTEMPTS_A_ROUND * rounds):
        pair = measure()
        if pair.foreign <= FOREIGN_MAX and pair.steal <= STEAL_MAX:
            pairs.append(pair)
        if len(pairs) == rounds:
            return pairs
    raise BenchError(f"the host is noisy: only {len(pairs)} of {ATTEMPTS_A_ROUND * rounds} rounds were quiet")


def _pair(target: Target, cores: Cores, shape: Shape, name: str, body: Path, duration_s: float) -> Pair:
    with on(cores.generator):
        with Watch(target.pids) as under_ours:
            ours = make_load(
                target.address,
                target.key,
                target.versions,
                connections=shape.connections,
                streams=shape.streams,
                duration_s=duration_s,
                warmup_s=0.0,
                names=[name],
                knobs={"stream_window": JUDGE_WINDOW, "connection_window": JUDGE_WINDOW},
            )
        with Watch(target.pids) as under_judge:
            found = judge(
                f"http://{target.address}{GET}",
                key=target.key,
                body=body,
                requests=max(shape.connections * shape.streams, round(ours.rate * duration_s)),
                connections=shape.connections,
                streams=shape.streams,
                reply_bytes=_reply_bytes(target),
            )
    judge_cores = found.cpu_s / under_judge.wall_s  # a child of ours that Watch knows nothing of
    return Pair(
        ours.rate,
        found.rate,
        under_ours.server.busy,
        under_judge.server.busy,
        foreign=max(under_ours.foreign, under_judge.foreign - judge_cores),
        steal=max(under_ours.steal, under_judge.steal),
    )


def _reply_bytes(target: Target) -> int:
    """Of the first command's record behind its prefix."""
    return 5 + avap_pb2.Catalog.FromString(target.catalog.read_bytes()).commands[0].ByteSize()


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=3, help="of the ceiling (default 3)")
    parser.add_argument(
        "--pairs", type=int, default=AGREEMENT_ROUNDS, help=f"runs of ours and of h2load (default {AGREEMENT_ROUNDS})"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="of each run (default 1)")
    parser.add_argument("--only", choices=["ceiling", "agreement"], help="one of the two")


def _run(directory: Path, options: argparse.Namespace) -> Result:
    result = Result("ceiling")
    cores = divide(sorted(os.sched_getaffinity(0)), 1, "auto")
    if not cores.apart:
        raise BenchError("generator and server need a core each, and there is only one")
    with ExitStack() as stack:
        if options.only != "agreement":
            with null_server(RECORD_BYTES, directory, cores.server) as null:
                find_ceiling(null, cores, options.rounds, options.seconds, result)
        if options.only != "ceiling":
            commands = write_folder(directory / "commands", COMMANDS, RECORD_BYTES)
            environ = {"AVAP_CATALOG_DIR": str(directory / "commands"), "AVAP_GRPC_WORKERS": "1"}
            environ["AVAP_PIN"] = ",".join(map(str, cores.server))
            appliance = stack.enter_context(serving(directory / "state", environ))
            own = own_target(appliance, directory, commands)
            version = f"1-{next(iter(own.versions))}"
            foreign = stack.enter_context(
                reference(AGREEMENT_REFERENCE, own.catalog, version, own.key, workers=1, cores=cores.server)
            )
            for target in (foreign, own):
                agree(target, cores, options.pairs, options.seconds, directory, result)
    return result


if __name__ == "__main__":
    sys.exit(main("ceiling", "What the generator can do, and whether h2load agrees with it", _run, _arguments))
