"""`avap bench run`: one load, every knob."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from bench import options
from bench.meter import Item, steps
from bench.meter import seconds as seconds_of
from bench.python_client import PYTHON_SHAPE, PythonGenerator
from bench.quick import sync_measurements
from bench.report import check_writable, host_now, measurements, print_head, print_items, write
from bench.session import GENERATED, Session, session
from bench.shape import WINDOW_DEFAULT, WINDOW_MAX, Http, Load, Method, draw_names
from bench.table import figure, print_line, print_notes, progress
from bench.verdict import UsageError

DEFAULT_SHAPES: dict[Method, str] = {"GetCommand": "8x10", "SyncCatalog": "1x1", "Execute": "8x1"}
EXECUTE_PATH = "/api/v1/execute"
BODY_BYTES_MAX = 1 << 20

EPILOG = """\b
Examples:
  avap bench run --shape 8x100 --seconds 10
  avap bench run --shape 50x1 --rate 20000 --arrivals poisson
                                           open loop: latency counts from when a request was due
  avap bench run --zipf 1.1 --miss 0.05    popular names, and one in twenty unknown
  avap bench run --client python           grpcio, 50 threads on one connection
  avap bench run --method SyncCatalog --shape 4x1
  avap bench run --method Execute --target 127.0.0.1:8888 --key-file ./key \\
      --body @request.json --header 'content-type: application/json' --expect @answer.json

A window is what the server may send before it has been read. --body and --expect take text, or @FILE.
"""


def main(
    shape: Annotated[
        str | None,
        typer.Option(
            metavar="CxS", help="Connections × requests at once on each. [8x10; SyncCatalog 1x1; Execute 8x1]"
        ),
    ] = None,
    method: Annotated[Method, typer.Option(help="What is called. Execute is HTTP/1.1.")] = "GetCommand",
    rate: Annotated[
        float | None, typer.Option(metavar="N", min=0.001, help="Requests a second: an open loop [closed loop].")
    ] = None,
    arrivals: Annotated[Literal["even", "poisson"], typer.Option(help="Spacing of an open loop's requests.")] = "even",
    client: Annotated[
        Literal["native", "python"], typer.Option(help="python: grpcio, a thread for each request under way.")
    ] = "native",
    zipf: Annotated[
        float, typer.Option(metavar="EXPONENT", min=0, max=10, help="Popularity of names by rank; 0: all alike.")
    ] = 0.0,
    miss: Annotated[
        float, typer.Option(metavar="SHARE", min=0, max=1, help="Requests for names that are not held.")
    ] = 0.0,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Ask for this name only.")] = None,
    stream_window: Annotated[
        int | None,
        typer.Option(metavar="BYTES", min=1, max=WINDOW_MAX, help="Of a stream [65535; SyncCatalog: the largest]."),
    ] = None,
    connection_window: Annotated[
        int | None,
        typer.Option(metavar="BYTES", min=WINDOW_DEFAULT, max=WINDOW_MAX, help="Of a connection [the same]."),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0.001, max=60, help="Longest wait [10; SyncCatalog: 60].")
    ] = None,
    path: Annotated[str, typer.Option(metavar="PATH", help="Of Execute.")] = EXECUTE_PATH,
    body: Annotated[str | None, typer.Option(metavar="TEXT", help="Of Execute: what is sent.")] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="Of Execute; may be given again.")
    ] = None,
    status: Annotated[int, typer.Option(metavar="N", min=200, max=599, help="Of Execute: what it must be.")] = 200,
    expect: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Of Execute: what each answer must be [not compared].")
    ] = None,
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
    seconds: options.Seconds = 3.0,
    warmup: options.WarmUp = 0.5,
    seed: options.Seed = 0,
    json: options.Json = None,
) -> None:
    """Make one load with every knob, and say what bounded it."""
    http = None
    if method == "Execute":
        if target is None or body is None:
            raise UsageError("Execute needs --target and --body")
        http = Http(path, _text(body), _headers(header or []), status, None if expect is None else _text(expect))
    elif body is not None or header or expect is not None:
        raise UsageError("--body, --header and --expect are for --method Execute")
    if arrivals != "even" and rate is None:
        raise UsageError("--arrivals is for an open loop; set its --rate")
    if client == "python" and (rate is not None or http is not None or stream_window or connection_window):
        raise UsageError("the Python client makes a closed loop of gRPC calls, with its own windows")
    if name is not None and (zipf or miss):
        raise UsageError("--name asks for one name; --zipf and --miss choose among many")
    sync = method == "SyncCatalog"
    wanted = Load(
        options.shapes(shape or (str(PYTHON_SHAPE) if client == "python" else DEFAULT_SHAPES[method]))[0],
        seconds, warmup, rate=rate, arrivals=arrivals, method=method, http=http, seed=seed,
        stream_window=stream_window or (WINDOW_MAX if sync else WINDOW_DEFAULT),
        connection_window=connection_window or (WINDOW_MAX if sync else WINDOW_DEFAULT),
        timeout_s=timeout or (60.0 if sync else 10.0),
    )  # fmt: skip
    check_writable(json)
    host = host_now()
    given = options.subject(
        target, key_file, yes_remote, catalog, commands, record_bytes, workers, threads, cores
    )  # fmt: skip
    with session(given, holds_catalog=http is None) as found:
        item = item_of(found, wanted, name, zipf, miss, python=client == "python")
        meter = found.meter(PythonGenerator() if client == "python" else None)
        with progress(steps([item], rounds), seconds_of([item], rounds)) as step:
            meter.measure_rounds([item], rounds, step)
        print_head("run", host, found, [item], rounds)
        print_items("load", [item])
        _print_more(item, found.catalog_bytes)
        label = ("Python " if client == "python" else "") + str(item.load)
        kept = sync_measurements(item, found.catalog_bytes, label) if sync else measurements(item, label)
    if json is not None:
        write(json, host, kept)


def item_of(found: Session, wanted: Load, name: str | None, zipf: float, miss: float, *, python: bool) -> Item:
    """The load with its names. Raises UsageError."""
    names = found.asked_names if name is None else (name,)
    if zipf or miss:
        names = draw_names(found.names, zipf=zipf, miss=miss, seed=wanted.seed)
    if wanted.method != "GetCommand":
        names = ()
    load = replace(wanted, names=names, threads=1 if python else found.threads)
    return Item(str(load.shape), found.target, load, [])


def _print_more(item: Item, catalog_bytes: int) -> None:
    last = item.runs[-1]
    means = f"{figure(item.median('mean_us'))} µs on average"
    notes = [
        ("latency", f"{means}, of {sum(run.measured for run in item.runs):,} replies"),
        ("generator", f"{figure(item.median('generator_cpu_us'))} µs of CPU a request"),
    ]
    if item.load.rate is not None:
        notes.append(("open loop", f"{last.due:,} requests were due in the last run, {last.dropped:,} were not sent"))
    if item.load.method == "SyncCatalog":
        rate = item.median("rate") or 0.0
        notes.append(("volume", f"{figure(rate * catalog_bytes / 1e6)} MB/s"))
    print_line()
    print_notes(notes)


def _text(given: str) -> str:
    if not given.startswith("@"):
        return given
    path = Path(given[1:])
    try:
        if path.stat().st_size > BODY_BYTES_MAX:
            raise UsageError(f"larger than {BODY_BYTES_MAX} bytes: {path}")
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read: {error}: {path}") from error


def _headers(given: list[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for one in given:
        name, colon, value = one.partition(":")
        if not colon or not name.strip():
            raise UsageError(f"a header is 'NAME: VALUE'; found {one}")
        found.append((name.strip(), value.strip()))
    return tuple(found)
