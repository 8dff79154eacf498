"""What was measured, as tables and as a results file; a figure never without its verdict."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.bound import Ceiling
from bench.host import fingerprint
from bench.meter import Item, Run
from bench.results import Better, Measurement, Results
from bench.session import Session
from bench.table import figure, print_line, print_notes, print_table
from bench.verdict import OsRefusedError

HEADINGS = ("req/s", "±", "p50 µs", "p99 µs", "p99.9", "CPU µs/req", "verdict")
UNITS: tuple[tuple[str, str, Better, str], ...] = (
    ("rate", "requests a second", "higher", "rate"),
    ("p50", "µs", "lower", "p50_us"),
    ("p99", "µs", "lower", "p99_us"),
    ("p99.9", "µs", "lower", "p999_us"),
    ("CPU", "µs a request", "lower", "server_cpu_us"),
)
"""Of a request: name in the file, unit, direction, figure of `Run`."""


@dataclass(frozen=True, slots=True)
class Judged(Measurement):
    """A measurement with the reasons for its verdict, and what the generator reached against the null server."""

    because: str = ""
    ceiling: Mapping[str, float] | None = None


def print_head(title: str, host: Mapping[str, Any], found: Session, items: Sequence[Item], rounds: int) -> None:
    """Print what was measured and on what."""
    print_line(f"{title}: {found.summary}")
    print_line(f"{host['cpu']}, {len(host['cores_allowed'])} cores, kernel {host['kernel']}")
    print_line(f"{version(host)}; {found.cores}")
    runs = "1 run" if rounds == 1 else f"medians of {rounds} runs"
    print_line(f"{runs} of {items[0].load.duration_s:g} s each, {found.checked}")
    print_line()


def print_items(heading: str, items: Sequence[Item]) -> None:
    """Print a row for each item, then what bounded each."""
    print_table((heading, *HEADINGS), [(item.label, *cells(item)) for item in items])
    print_line()
    print_notes([(item.label, str(item.bound)) for item in items])
    dropped = [(item.label, _dropped(item)) for item in items if any(run.dropped for run in item.runs)]
    if dropped:
        print_line()
        print_notes(dropped)


def cells(item: Item) -> tuple[str, ...]:
    """An item's figures, in the order of `HEADINGS`."""
    return (
        figure(item.median("rate")),
        f"{item.spread:.0%}" if len(item.runs) > 1 else "–",
        figure(item.median("p50_us")),
        figure(item.median("p99_us")),
        figure(item.median("p999_us")),
        figure(item.median("server_cpu_us")),
        item.bound.verdict,
    )


def version(host: Mapping[str, Any]) -> str:
    """Which build this is, in words."""
    revision = f", revision {host['revision']}" if host["revision"] else ""
    return f"AVAP Appliance {host['appliance']}{revision}"


def measurements(item: Item, name: str = "") -> list[Measurement]:
    """An item's figures for a results file. `name` in place of its label."""
    found = []
    for short, unit, better, attribute in UNITS:
        runs = [getattr(run, attribute) for run in item.runs]
        one = measurement(item, f"{name or item.label}: {short}", unit, better, runs)
        if one is not None:
            found.append(one)
    return found


def measurement(
    item: Item, name: str, unit: str, better: Better, runs: Sequence[float | None]
) -> Measurement | None:  # fmt: skip
    """One figure of every run, with the item's verdict; None where a run does not have it."""
    found = [value for value in runs if value is not None and value > 0]
    if len(found) != len(item.runs):
        return None
    bound = item.bound
    ceilings = [run.seen.ceiling for run in item.runs]
    return Judged(
        name, unit, better, tuple(found), bound.verdict, tuple(run.started_s for run in item.runs), bound.because,
        _ceiling(ceilings[-1]),
    )  # fmt: skip


def write(path: Path, host: Mapping[str, Any], found: Sequence[Measurement]) -> None:
    """Write a results file. Raises OsRefusedError."""
    try:
        Results(host, tuple(command()), tuple(found)).write(path)
    except OSError as error:
        raise _cannot_write(error, path) from error


def check_writable(path: Path | None) -> None:
    """Find out before anything is measured whether a file can be written there. Raises OsRefusedError."""
    if path is None:
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.NamedTemporaryFile(dir=path.absolute().parent):
            pass
    except OSError as error:
        raise _cannot_write(error, path) from error


def command() -> list[str]:
    """The command line of this process, the program without its folder."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]]


def host_now() -> dict[str, Any]:
    """The host's fingerprint; to be taken before cores are divided."""
    return fingerprint()


def per_gb(run: Run, reply_bytes: int) -> float | None:
    """The server's CPU seconds for a GB of replies."""
    return None if run.server_cpu_s is None else run.server_cpu_s / max(1, run.replies) / reply_bytes * 1e9


def _ceiling(ceiling: Ceiling | None) -> dict[str, float] | None:
    return None if ceiling is None else {"rate": ceiling.rate, "latency_us": ceiling.latency_us}


def _dropped(item: Item) -> str:
    dropped, due = sum(run.dropped for run in item.runs), sum(run.due for run in item.runs)
    late = max(run.seen.late for run in item.runs)
    text = f"{dropped} of {due} requests ({dropped / max(1, due):.2%}) were due and not sent: every stream was taken"
    return text + (f", or the generator was late (up to {late:.2%})" if late else "")


def _cannot_write(error: OSError, path: Path) -> OsRefusedError:
    return OsRefusedError(f"cannot write: {error.strerror or error}: {path}")
