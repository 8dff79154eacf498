"""Memory and time of a hydration from PostgreSQL, beside a bare COPY of the same rows.

The first hydration, before the rounds, hashes every row and is printed; those of the rounds find all rows but one as
they were, as a refresh in service does, and are judged.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from bench.appliance_process import serving
from bench.commands import TABLE, CommandSet
from bench.postgres import postgres
from bench.processes import MemoryWatch
from bench.verdict import BenchError, Result, main, median

COMMANDS = 1_000_000
RECORD_BYTES = 1024
LIMIT_SUPERVISOR_MB = 300.0
LIMIT_WORKER_MB = 30.0
LIMIT_RATIO = 1.5
LIMIT_RECORDS_FACTOR = 1.15
LIMIT_COMMAND_BYTES = 64
MB = 1_000_000


def bare_copy_s(url: str) -> tuple[float, int]:
    """Read the columns that a hydration reads, nothing else: seconds from the query to the last row, and bytes."""
    with psycopg.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        started = time.monotonic()
        total = 0
        # `t.id`: a bare `id` would be the column of the result, int8, which no index gives in order.
        columns = "id::int8, name, code, type, interface"
        with connection.cursor().copy(
            f"COPY (SELECT {columns} FROM {TABLE} AS t ORDER BY t.id) TO STDOUT (FORMAT BINARY)"
        ) as copy:
            for chunk in copy:
                total += len(chunk)
        return time.monotonic() - started, total


def make_resident(bytes_wanted: int) -> None:
    """Write to so much free memory and free it again.

    A guest whose host takes freed memory back (free page reporting) fetches each page anew at its first touch: 0.3 to
    3.7 seconds a GB that are the hypervisor's, and that a bare COPY has no part in.
    """
    piece = b"x" * (1 << 20)
    with tempfile.TemporaryFile(dir="/dev/shm") as file:
        for _ in range(0, bytes_wanted, len(piece)):
            file.write(piece)


def change_a_row(url: str, number: int) -> None:
    """Make the next hydration a new version, which is built, verified and announced, not found to be the old one."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"UPDATE {TABLE} SET code = %s WHERE id = 1".encode(), [f"# change {number}"])


def run(directory: Path, options: argparse.Namespace) -> Result:
    """Hydrate `options.rounds` times, a bare COPY before each."""
    result = Result("hydration")
    commands = CommandSet(options.commands, RECORD_BYTES)
    # One earlier version is kept: three segments of 1 GB exist at most.
    environ = {"AVAP_CATALOG_KEEP_GENERATIONS": "1"}
    with postgres() as url:
        print(f"loading {commands.count} rows", flush=True)
        commands.load(url)
        with serving(directory / "state", {"DATABASE_URL": url, **environ}) as appliance:
            result.settings = appliance.settings
            first_s = appliance.status().source.hydration_s
            print(f"the first hydration: {first_s:.2f} s", flush=True)
            copies, hydrations = [], []
            bytes_read = 0
            with_watch: list[MemoryWatch] = []
            for number in range(options.rounds):
                change_a_row(url, number)
                seconds, bytes_read = bare_copy_s(url)
                copies.append(seconds)
                if options.resident:
                    make_resident(appliance.status().catalog.bytes * 5 // 4)
                with MemoryWatch(appliance.process.pid) as watch:
                    reply = appliance.reload()
                with_watch.append(watch)
                if reply.outcome != "announced":
                    raise BenchError(f"a hydration was not announced: {reply.outcome} {reply.message}")
                hydrations.append(appliance.status().source.hydration_s)
                print(
                    f"round {number + 1}: COPY {copies[-1]:.2f} s, hydration {hydrations[-1]:.2f} s, peak RssAnon "
                    f"supervisor {watch.peak_supervisor_bytes / MB:.0f} MB, worker "
                    f"{max(watch.peak_worker_bytes.values()) / MB:.1f} MB, {watch.samples} samples, "
                    f"longest gap {watch.longest_gap_s * 1000:.0f} ms",
                    flush=True,
                )
            segment = appliance.status().catalog
    supervisor_mb = max(watch.peak_supervisor_bytes for watch in with_watch) / MB
    worker_mb = max(max(watch.peak_worker_bytes.values()) for watch in with_watch) / MB
    # Row 1 was changed to a few bytes.
    records_bytes = (segment.commands - 1) * RECORD_BYTES
    allowed = LIMIT_RECORDS_FACTOR * records_bytes + LIMIT_COMMAND_BYTES * segment.commands
    ratio = median([hydration / copy for hydration, copy in zip(hydrations, copies, strict=True)])
    result.figures = {
        "commands": segment.commands, "copy_bytes": bytes_read, "segment_bytes": segment.bytes,
        "records_bytes": records_bytes, "copy_s": copies, "hydration_s": hydrations,
        "first_hydration_s": first_s, "resident": options.resident,
        "supervisor_peak_bytes": [watch.peak_supervisor_bytes for watch in with_watch],
        "worker_peak_bytes": [sorted(watch.peak_worker_bytes.values()) for watch in with_watch],
        "samples": [watch.samples for watch in with_watch],
        "longest_gap_s": [watch.longest_gap_s for watch in with_watch],
    }  # fmt: skip
    print()
    result.check("peak RssAnon of the supervisor and its children", supervisor_mb, LIMIT_SUPERVISOR_MB, "MB")
    result.check("peak RssAnon of a worker", worker_mb, LIMIT_WORKER_MB, "MB")
    result.check("segment over what its records allow", segment.bytes / MB, allowed / MB, "MB")
    result.check(f"hydration over a bare COPY, median of {options.rounds}", ratio, LIMIT_RATIO, "times")
    return result


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5, help="hydrations, each after a bare COPY")
    parser.add_argument("--commands", type=int, default=COMMANDS, help="rows in the table")
    parser.add_argument(
        "--resident", action=argparse.BooleanOptionalAction, default=True,
        help="touch as much free memory as a segment needs before each hydration, as a host that is no guest has it",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main("hydration", "Hydration of a large catalogue from PostgreSQL", run, _arguments))
