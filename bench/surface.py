"""`avap bench surface`: rate, latencies and cost over connections × streams."""

from __future__ import annotations

from typing import Annotated

import typer

from bench import options
from bench.meter import Item, steps
from bench.meter import seconds as seconds_of
from bench.report import check_writable, host_now, measurements, print_head, print_items, write
from bench.results import Measurement
from bench.session import GENERATED, Session, session
from bench.shape import Load, Shape
from bench.table import progress
from bench.verdict import UsageError

CONNECTIONS, STREAMS = "1,8,64,200", "1,10,100"
CONNECTIONS_MAX, STREAMS_MAX = 10_000, 1000
IN_FLIGHT_MAX = 100_000
SHAPES_MAX = 100

EPILOG = """\b
Examples:
  avap bench surface
  avap bench surface --connections 1,4,16 --streams 1,32 --rounds 10 --json surface.json
"""


def main(
    connections: Annotated[str, typer.Option(metavar="LIST", help="Connections, separated by commas.")] = CONNECTIONS,
    streams: Annotated[str, typer.Option(metavar="LIST", help="Requests under way on each.")] = STREAMS,
    target: options.Target = None,
    key_file: options.KeyFile = None,
    yes_remote: options.YesRemote = False,
    catalog: options.Catalog = GENERATED,
    commands: options.Commands = 1000,
    record_bytes: options.RecordBytes = 700,
    workers: options.Workers = None,
    threads: options.Threads = None,
    cores: options.Cores = "auto",
    rounds: options.Rounds = 5,
    seconds: options.Seconds = 1.0,
    warmup: options.WarmUp = 0.2,
    seed: options.Seed = 0,
    json: options.Json = None,
) -> None:
    """Measure GetCommand over connections × streams: rate, p50, p99, p99.9, CPU a request.

    All shapes are measured in turn, round after round.
    """
    wanted = shapes_of(connections, streams)
    check_writable(json)
    host = host_now()
    given = options.subject(
        target, key_file, yes_remote, catalog, commands, record_bytes, workers, threads, cores
    )  # fmt: skip
    with session(given) as found:
        items = items_of(found, wanted, seconds, warmup, seed)
        with progress(steps(items, rounds), seconds_of(items, rounds)) as step:
            found.meter().measure_rounds(items, rounds, step)
        print_head("surface", host, found, items, rounds)
        print_items("shape", items)
    if json is not None:
        kept: list[Measurement] = []
        for item in items:
            kept += measurements(item, f"GetCommand {item.load.shape}")
        write(json, host, kept)


def shapes_of(connections: str, streams: str) -> list[Shape]:
    """Every combination that the generator can make. Raises UsageError."""
    across = options.counts(connections, "--connections", CONNECTIONS_MAX)
    along = options.counts(streams, "--streams", STREAMS_MAX)
    found = [Shape(one, other) for one in across for other in along if one * other <= IN_FLIGHT_MAX]
    if not found or len(found) > SHAPES_MAX:
        raise UsageError(f"1 to {SHAPES_MAX} shapes with up to {IN_FLIGHT_MAX} requests under way; found {len(found)}")
    return found


def items_of(found: Session, shapes: list[Shape], seconds: float, warmup: float, seed: int) -> list[Item]:
    """A row for each shape."""
    return [
        Item(
            str(shape), found.target,
            Load(shape, seconds, warmup, names=found.asked_names, seed=seed, threads=found.threads), [],
        )
        for shape in shapes
    ]  # fmt: skip
