"""`avap bench sync`: what handing out the whole catalogue costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from bench import options
from bench.meter import Item, steps
from bench.meter import seconds as seconds_of
from bench.quick import sync_load, sync_measurements
from bench.report import check_writable, host_now, per_gb, print_head, write
from bench.results import Measurement
from bench.session import GENERATED, session
from bench.table import figure, print_line, print_notes, print_table, progress
from bench.verdict import UsageError, median

SIZE_MB, RECORD_BYTES = 20.0, 700
SIZE_MB_MAX = 2000.0
COMMANDS_MAX = 200_000
RECORD_BYTES_MAX = 15_000
SHAPES = "1x1,8x1"
HEADINGS = ("shape", "MB/s", "±", "sync/s", "p50 ms", "p99 ms", "CPU s/GB", "verdict")

EPILOG = """\b
Examples:
  avap bench sync
  avap bench sync --size 200
  avap bench sync --target 127.0.0.1:50051 --key-file ./key --shapes 1x1,4x1,50x1
"""


def main(
    size: Annotated[
        float,
        typer.Option(
            metavar="MB", min=0.01, max=SIZE_MB_MAX,
            help="Size of the generated catalogue. Over 140 MB its records grow, as each command is a file here.",
        ),
    ] = SIZE_MB,
    shapes: Annotated[str, typer.Option(metavar="LIST", help="Connections × synchronisations at once.")] = SHAPES,
    target: options.Target = None,
    key_file: options.KeyFile = None,
    yes_remote: options.YesRemote = False,
    catalog: options.Catalog = GENERATED,
    workers: options.Workers = None,
    threads: options.Threads = None,
    cores: options.Cores = "auto",
    rounds: options.Rounds = 5,
    seconds: options.Seconds = 2.0,
    warmup: options.WarmUp = 0.5,
    json: options.Json = None,
) -> None:  # fmt: skip
    """Measure SyncCatalog: synchronisations and MB a second, CPU seconds a GB."""
    wanted = options.shapes(shapes)
    check_writable(json)
    host = host_now()
    commands, record_bytes = catalog_of(size)
    given = options.subject(
        target, key_file, yes_remote, catalog, commands, record_bytes, workers, threads, cores
    )  # fmt: skip
    with session(given) as found:
        items = [
            Item(str(shape), found.target, sync_load(shape, seconds, warmup, found.threads), []) for shape in wanted
        ]  # fmt: skip
        with progress(steps(items, rounds), seconds_of(items, rounds)) as step:
            found.meter().measure_rounds(items, rounds, step)
        catalog_bytes = found.catalog_bytes
        print_head(f"sync of {figure(catalog_bytes / 1e6)} MB", host, found, items, rounds)
        _print(items, catalog_bytes)
    if json is not None:
        kept: list[Measurement] = []
        for item in items:
            kept += sync_measurements(item, catalog_bytes, f"SyncCatalog {item.load.shape}")
        write(json, host, kept)


def catalog_of(size_mb: float) -> tuple[int, int]:
    """How many commands of how many bytes make a catalogue of so many MB. Raises UsageError."""
    entry_bytes = RECORD_BYTES + 3  # a tag and two bytes of length
    wanted_bytes = size_mb * 1e6
    while wanted_bytes / entry_bytes > COMMANDS_MAX:
        entry_bytes *= 2
    if entry_bytes - 3 > RECORD_BYTES_MAX:
        raise UsageError(f"a catalogue of {size_mb:g} MB is more than can be generated here")
    return max(1, round(wanted_bytes / entry_bytes)), entry_bytes - 3


def _print(items: Sequence[Item], catalog_bytes: int) -> None:
    print_table(HEADINGS, [(item.label, *_cells(item, catalog_bytes)) for item in items])
    print_line()
    print_notes([(item.label, str(item.bound)) for item in items])


def _cells(item: Item, catalog_bytes: int) -> tuple[str, ...]:
    rate = item.median("rate") or 0.0
    costs = [per_gb(run, catalog_bytes) for run in item.runs]
    known = [cost for cost in costs if cost is not None]
    return (
        figure(rate * catalog_bytes / 1e6),
        f"{item.spread:.0%}" if len(item.runs) > 1 else "–",
        figure(rate),
        figure((item.median("p50_us") or 0.0) / 1e3),
        figure((item.median("p99_us") or 0.0) / 1e3),
        figure(median(known)) if known else "–",
        item.bound.verdict,
    )
