"""Options that several commands of `avap bench` share, with one wording and one default each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from bench.session import GENERATED, Subject
from bench.shape import Shape
from bench.target import read_key
from bench.verdict import UsageError

ROUNDS_MAX = 1000
SECONDS_MAX = 600.0
THREADS_MAX = 64

SERVER, LOAD, OUTPUT = "Server", "Load", "Output"

Target = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT", help="Measure this server; by default an appliance is started, and stopped again."
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="File with the key for --target; by default API_KEY, then API_KEY_FILE."),
]
YesRemote = Annotated[
    bool, typer.Option("--yes-remote", help="Load a server that is not on loopback: it may go down under it.")
]
Catalog = Annotated[
    str,
    typer.Option(
        metavar="WHAT",
        help="generated, packaged, or a folder of commands. With --target: a file with the Catalog message that its "
        "replies must agree with, instead of its own SyncCatalog.",
    ),
]
Commands = Annotated[int, typer.Option(metavar="N", min=1, max=200_000, help="Commands in a generated catalogue.")]
RecordBytes = Annotated[int, typer.Option(metavar="BYTES", min=300, max=16_000, help="Length of each of its records.")]
Workers = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=1024, help="Workers of the server that is started [half of the cores]."),
]
Threads = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=THREADS_MAX, help="Threads of the generator [its cores, at most connections]"),
]
Cores = Annotated[
    str, typer.Option(metavar="CORES", help="The generator's cores, as 0,1; auto: what the server leaves; off: all.")
]
Rounds = Annotated[
    int,
    typer.Option(metavar="N", min=1, max=ROUNDS_MAX, help="Runs of each measurement, in turn; `diff` wants 5 or more."),
]
Seconds = Annotated[
    float, typer.Option(metavar="SECONDS", min=0.05, max=SECONDS_MAX, help="Length of each run, warm-up apart.")
]
WarmUp = Annotated[
    float, typer.Option(metavar="SECONDS", min=0, max=60, help="Load before each run, verified and not measured.")
]
Seed = Annotated[int, typer.Option(metavar="N", min=0, max=(1 << 53) - 1, help="Of the choice of names.")]
Json = Annotated[Path | None, typer.Option(metavar="FILE", help="Write every run to a results file, for `diff`.")]


def subject(
    target: str | None = None,
    key_file: Path | None = None,
    yes_remote: bool = False,
    catalog: str = GENERATED,
    commands: int = 1000,
    record_bytes: int = 700,
    workers: int | None = None,
    threads: int | None = None,
    cores: str = "auto",
) -> Subject:
    """What the options name. Raises UsageError, KeyRefusedError."""
    if target is None:
        for name, given in (("--key-file", key_file), ("--yes-remote", yes_remote)):
            if given:
                raise UsageError(f"{name} is for a server that runs already; name it with --target")
    elif workers is not None:
        raise UsageError("--workers is for the appliance that is started; with --target, set it there")
    key = "" if target is None else read_key(key_file, os.environ)
    return Subject(target, key, yes_remote, catalog, commands, record_bytes, workers, threads, cores)


def shapes(text: str) -> list[Shape]:
    """Shapes separated by commas. Raises UsageError."""
    try:
        found = [Shape.parse(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(str(error)) from error
    if len(set(found)) != len(found):
        raise UsageError(f"a shape is there twice: {text}")
    return found


def counts(text: str, name: str, count_max: int) -> list[int]:
    """Different numbers separated by commas. Raises UsageError."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and 1 <= int(part) <= count_max for part in parts):
        raise UsageError(f"{name} wants numbers of 1 to {count_max}, separated by commas; found {text}")
    found = [int(part) for part in parts]
    if len(set(found)) != len(found):
        raise UsageError(f"{name}: a number is there twice: {text}")
    return found
