"""`avap bench quick`: what a host carries, in half a minute and one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from bench import options
from bench.meter import Generator, Item, steps
from bench.meter import seconds as seconds_of
from bench.python_client import PYTHON_SHAPE, PythonGenerator
from bench.report import (
    check_writable,
    host_now,
    measurement,
    measurements,
    per_gb,
    print_head,
    print_items,
    write,
)
from bench.results import Measurement
from bench.session import GENERATED, Session, session
from bench.shape import WINDOW_MAX, Load, Shape
from bench.table import figure, print_line, progress

SHAPES = (Shape(1, 1), Shape(8, 10), Shape(8, 100), Shape(200, 1))
SYNC_SHAPE = Shape(1, 1)

EPILOG = """\b
Examples:
  avap bench quick
  avap bench quick --json before.json --rounds 8
  avap bench quick --target 127.0.0.1:50051 --key-file ./key
  avap bench quick --client python          as the predecessor was measured

A shape is connections × requests under way on each.
"""


def main(
    target: options.Target = None,
    key_file: options.KeyFile = None,
    yes_remote: options.YesRemote = False,
    catalog: options.Catalog = GENERATED,
    commands: options.Commands = 1000,
    record_bytes: options.RecordBytes = 700,
    workers: options.Workers = None,
    threads: options.Threads = None,
    cores: options.Cores = "auto",
    client: Annotated[
        Literal["native", "python"],
        typer.Option(help="python: grpcio with 50 threads on one connection, in place of the four shapes."),
    ] = "native",
    rounds: options.Rounds = 3,
    seconds: options.Seconds = 1.0,
    warmup: options.WarmUp = 0.2,
    seed: options.Seed = 0,
    json: options.Json = None,
) -> None:
    """Measure the common shapes and a synchronisation: half a minute, one table."""
    check_writable(json)
    host = host_now()
    given = options.subject(
        target, key_file, yes_remote, catalog, commands, record_bytes, workers, threads, cores
    )  # fmt: skip
    with session(given) as found:
        items = items_of(found, client, seconds, warmup, seed)
        generator: Generator | None = PythonGenerator() if client == "python" else None
        with progress(steps(items, rounds), seconds_of(items, rounds)) as step:
            found.meter(generator).measure_rounds(items, rounds, step)
        print_head("quick", host, found, items, rounds)
        print_items("shape", items)
        _print_sync(items[-1], found.catalog_bytes)
        kept = file_of(items, found.catalog_bytes, "" if client == "native" else "Python ")
    if json is not None:
        write(json, host, kept)


def items_of(found: Session, client: str, seconds: float, warmup: float, seed: int) -> list[Item]:
    """The rows of the table: the shapes, then the synchronisation."""
    python = client == "python"
    items = []
    for shape in (PYTHON_SHAPE,) if python else SHAPES:
        load = Load(
            shape, seconds, warmup, names=found.asked_names, seed=seed, threads=1 if python else found.threads
        )  # fmt: skip
        items.append(Item(f"{shape.streams} threads" if python else str(shape), found.target, load, []))
    items.append(Item("sync", found.target, sync_load(SYNC_SHAPE, seconds, warmup, 1), []))
    return items


def sync_load(shape: Shape, seconds: float, warmup: float, threads: int) -> Load:
    """SyncCatalog with windows that do not make it wait."""
    return Load(
        shape, seconds, warmup, method="SyncCatalog", threads=threads, stream_window=WINDOW_MAX,
        connection_window=WINDOW_MAX, timeout_s=60.0,
    )  # fmt: skip


def file_of(items: Sequence[Item], catalog_bytes: int, prefix: str) -> list[Measurement]:
    """Every figure, for a results file."""
    found: list[Measurement] = []
    for item in items[:-1]:
        found += measurements(item, f"{prefix}GetCommand {item.load.shape}")
    return found + sync_measurements(items[-1], catalog_bytes, f"{prefix}SyncCatalog {items[-1].load.shape}")


def sync_measurements(item: Item, catalog_bytes: int, name: str) -> list[Measurement]:
    """The figures of a synchronisation, the costs of it by volume."""
    found = measurements(item, name)
    volume = [
        measurement(item, f"{name}: volume", "MB/s", "higher", [run.rate * catalog_bytes / 1e6 for run in item.runs]),
        measurement(
            item, f"{name}: CPU by volume", "s a GB", "lower", [per_gb(run, catalog_bytes) for run in item.runs]
        ),
    ]
    return found + [one for one in volume if one is not None]


def _print_sync(item: Item, catalog_bytes: int) -> None:
    costs = [per_gb(run, catalog_bytes) for run in item.runs]
    known = [cost for cost in costs if cost is not None]
    cost = f", {figure(sorted(known)[len(known) // 2])} s of the server's CPU a GB" if known else ""
    rate = item.median("rate") or 0.0
    print_line()
    print_line(
        f"sync: SyncCatalog of {figure(catalog_bytes / 1e6)} MB, {figure(rate * catalog_bytes / 1e6)} MB/s{cost} "
        f"({item.bound.verdict})"
    )
