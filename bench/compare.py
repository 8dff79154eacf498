"""`avap bench compare`: the appliance beside other servers, on the same host, in turn."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench import options
from bench.meter import Item, steps
from bench.meter import seconds as seconds_of
from bench.quick import sync_load, sync_measurements
from bench.references import REFERENCES, reference
from bench.report import check_writable, host_now, measurements, print_head, write
from bench.results import Measurement
from bench.session import GENERATED, Session, Subject, session, version_of
from bench.shape import Load, Shape
from bench.table import figure, print_line, print_notes, print_table, progress
from bench.target import Target, existing, read_key, resolve
from bench.verdict import BenchError, UsageError

SHAPES = "1x1,8x10,8x100,200x1"
ALL = "all"
SYNC_SHAPE = Shape(1, 1)
SERVERS_MAX = 16
HEADINGS = ("req/s", "rate", "p50 µs", "p99 µs", "p99.9", "CPU µs", "verdict")
NOT_MEASURED = "not measured"
REASON_CHARACTERS_MAX = 200

EPILOG = f"""\b
Examples:
  avap bench compare                           all reference servers
  avap bench compare --with tonic,bound --rounds 10 --json compare.json
  avap bench compare --with 127.0.0.1:50061    another build, or the predecessor

Reference servers: {", ".join(REFERENCES)}. They serve the appliance's catalogue and are built when first
wanted. One whose toolchain is missing is said to be so. "rate" is relative to the first server.
"""


@dataclass(slots=True)
class Rival:
    """A server to compare with: ready, or why it is not."""

    name: str
    target: Target | None = None
    missing: str = ""
    syncs: bool = True
    same_catalog: bool = True


def main(
    against: Annotated[
        str,
        typer.Option("--with", metavar="LIST", help="Reference servers and HOST:PORTs, separated by commas; or all."),
    ] = ALL,
    with_key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with the key for each HOST:PORT [as for --target].")
    ] = None,
    shapes: Annotated[
        str, typer.Option(metavar="LIST", help="Connections × requests under way, as 8x10.")
    ] = SHAPES,
    sync: Annotated[bool, typer.Option("--sync", help="Compare SyncCatalog too.")] = False,
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
    warmup: options.WarmUp = 0.3,
    seed: options.Seed = 0,
    json: options.Json = None,
) -> None:  # fmt: skip
    """Measure the appliance and other servers in turn, and show the medians side by side."""
    wanted = options.shapes(shapes)
    names = names_of(against)
    for name in names:
        if name not in REFERENCES:
            resolve(name, allow_remote=yes_remote)
    check_writable(json)
    host = host_now()
    given = options.subject(
        target, key_file if target is not None else None, yes_remote and target is not None, catalog, commands,
        record_bytes, workers, threads, cores,
    )  # fmt: skip
    key = read_key(with_key_file or key_file, os.environ) if set(names) - set(REFERENCES) else ""
    with session(given) as found, ExitStack() as stack:
        first = Rival(found.target.name, found.target)
        rivals = [first, *(_rival(name, key, yes_remote, found, given, stack) for name in names)]
        blocks = blocks_of(rivals, found, wanted, sync, seconds, warmup, seed)
        items = [item for block in blocks for item in block.items]
        with progress(steps(items, rounds), seconds_of(items, rounds)) as step:
            found.meter().measure_rounds(items, rounds, step)
        print_head("compare", host, found, items, rounds)
        for block in blocks:
            _print(block, rivals)
        kept = [one for block in blocks for one in block.measurements(found.catalog_bytes)]
    if json is not None:
        write(json, host, kept)


@dataclass(slots=True)
class Block:
    """What is compared with each other: one shape, on each server that is there."""

    heading: str
    items: list[Item]
    """The first one's server is what the others are compared with."""

    def measurements(self, catalog_bytes: int) -> list[Measurement]:
        """Every figure, for a results file."""
        found: list[Measurement] = []
        for item in self.items:
            name = f"{item.label} {item.load}"
            sync = item.load.method == "SyncCatalog"
            found += sync_measurements(item, catalog_bytes, name) if sync else measurements(item, name)
        return found


def names_of(text: str) -> list[str]:
    """The servers of a list, `all` standing for every reference server. Raises UsageError."""
    found: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        if part == ALL:
            found += REFERENCES
        elif part in REFERENCES or ":" in part:
            found.append(part)
        else:
            raise UsageError(f"--with wants {ALL}, {', '.join(REFERENCES)} or HOST:PORT; found {part or 'nothing'}")
    found = list(dict.fromkeys(found))
    if len(found) > SERVERS_MAX:
        raise UsageError(f"at most {SERVERS_MAX} servers are compared; found {len(found)}")
    return found


def blocks_of(
    rivals: Sequence[Rival], found: Session, shapes: Sequence[Shape], sync: bool, seconds: float, warmup: float,
    seed: int,
) -> list[Block]:  # fmt: skip
    """What to measure, shape by shape."""
    blocks = []
    for shape in shapes:
        same = Load(shape, seconds, warmup, names=found.asked_names, seed=seed, threads=found.threads)
        own = Load(shape, seconds, warmup, seed=seed, threads=found.threads)
        items = [
            Item(rival.name, rival.target, same if rival.same_catalog else own, [])
            for rival in rivals
            if rival.target is not None
        ]
        blocks.append(Block(str(shape), items))
    if sync:
        load = sync_load(SYNC_SHAPE, seconds, warmup, 1)
        syncing = [rival for rival in rivals if rival.syncs and rival.same_catalog]
        items = [Item(rival.name, rival.target, load, []) for rival in syncing if rival.target is not None]
        blocks.append(Block("sync", items))
    return blocks


def _rival(name: str, key: str, yes_remote: bool, found: Session, given: Subject, stack: ExitStack) -> Rival:
    if name not in REFERENCES:
        directory = found.directory / f"rival-{name.replace('/', '-')}"
        directory.mkdir()
        target = existing(name, key=key, catalog=None, directory=directory, allow_remote=yes_remote)
        same = target.catalog.read_bytes() == found.target.catalog.read_bytes()
        return Rival(name, target, same_catalog=same)
    known = REFERENCES[name]
    workers = len(found.cores.server) if given.target is not None else found.workers
    workers = min(workers, known.workers_max or workers)
    try:
        server = reference(
            name, found.target.catalog, version_of(found.target), found.target.key, workers=workers,
            cores=found.cores.server,
        )  # fmt: skip
        return Rival(name, stack.enter_context(server), syncs=known.syncs)
    except (BenchError, OSError) as error:  # not there, or not to be built here: the others are measured all the same
        return Rival(name, missing=" ".join(str(error).split())[:REASON_CHARACTERS_MAX])


def _print(block: Block, rivals: Sequence[Rival]) -> None:
    measured = {item.label: item for item in block.items}
    base = block.items[0].median("rate") or 0.0
    rows, notes = [], []
    for rival in rivals:
        item = measured.get(rival.name)
        if item is None:
            rows.append((rival.name, *["–"] * (len(HEADINGS) - 1), NOT_MEASURED))
            notes.append((rival.name, f"{NOT_MEASURED}: {rival.missing or 'it does not do this, or not with this'}"))
            continue
        rows.append((rival.name, *_cells(item, base)))
        other = "" if rival.same_catalog else "; it serves another catalogue"
        notes.append((rival.name, f"{item.bound}{other}"))
    print_table((block.heading, *HEADINGS), rows)
    print_line()
    print_notes(notes)
    print_line()


def _cells(item: Item, base: float) -> tuple[str, ...]:
    rate = item.median("rate")
    ratio = f"{figure(rate / base)}×" if rate and base else "–"
    return (
        figure(rate),
        ratio,
        figure(item.median("p50_us")),
        figure(item.median("p99_us")),
        figure(item.median("p999_us")),
        figure(item.median("server_cpu_us")),
        item.bound.verdict,
    )
