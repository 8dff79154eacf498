"""From a source's rows to a verified segment: gate, build, verify (the first steps of a version's life).

Runs in a thread of its own: reading and building release the interpreter lock, and the supervisor's loop goes on.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance._native import BuildReport, LimitError, NoRoomError, Segment, SegmentBuilder, SegmentError
from appliance.errors import OsRefusedError, StateDirectoryError
from appliance.logging import Logger
from supervisor.ledger import Ledger
from supervisor.shared_memory import SharedMemoryArea
from supervisor.sources import LeftOut, Source
from supervisor.version import BadRow, Rejected, Version

FIRST_BYTES = 4096  # the builder grows the segment as rows arrive
REASONS_LOGGED = 20
BAD_ROWS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Gate:
    """What a version must be like to be announced."""

    wire: str
    signing_key: bytes | None
    max_shrink: float  # 0.5: half of the commands may vanish at once
    max_bytes: int
    reserve_bytes: int  # left free in /dev/shm, memory and cgroup


@dataclass(frozen=True, slots=True)
class Hydrated:
    """What the source holds: a new version, or None for the content of the current one."""

    version: Version | None
    duplicates: int
    bad_rows: int
    bad_rows_shown: tuple[BadRow, ...]


def hydrate(
    source: Source,
    area: SharedMemoryArea,
    ledger: Ledger,
    gate: Gate,
    current: Version | None,
    log: Logger,
    *,
    force: bool,
) -> Hydrated:
    """Read `source` into a new segment, which is unlinked again when it holds what `current` holds.

    `force` lets any number of commands vanish. Raises Rejected and SourceError; nothing is left behind then.
    """
    try:
        segment_id = ledger.next_segment_id()
        name = area.create(str(segment_id), FIRST_BYTES)
    except OsRefusedError as error:
        raise Rejected("no_room", str(error)) from error
    except StateDirectoryError as error:
        raise Rejected("state", str(error)) from error
    try:
        report = _build(source, name, segment_id, gate, current)
        bad_rows = tuple(BadRow(*row) for row in report.bad_rows_shown)
        _log_rows(report, bad_rows, log)  # of what it leaves out itself the source tells
        left_out = tuple(map(_bad_row, source.left_out))
        bad_rows, bad_rows_count = (bad_rows + left_out)[:BAD_ROWS_SHOWN], report.bad_rows + len(left_out)
        _check(report, gate, current, force=force)
        if current is not None and report.digest == current.digest:
            area.unlink(str(segment_id))
            return Hydrated(None, report.duplicates, bad_rows_count, bad_rows)
        _verify(name)
    except BaseException:
        area.unlink(str(segment_id))
        raise
    now_ms = time.time_ns() // 1_000_000
    version = Version(
        segment_id, name, report.digest, report.commands, report.bytes, now_ms, source.name,
        duplicates=report.duplicates, bad_rows=bad_rows_count, bad_rows_shown=bad_rows,
        confirmed_at_ms=now_ms,
    )  # fmt: skip
    return Hydrated(version, report.duplicates, bad_rows_count, bad_rows)


def _bad_row(one: LeftOut) -> BadRow:
    # A caller of the command reads the reason: where the folder is, is none of their business.
    reason = f"{Path(one.path).name}: {one.reason}" if one.path else one.reason
    return BadRow(one.id, one.name, reason)


def _build(source: Source, name: str, segment_id: int, gate: Gate, current: Version | None) -> BuildReport:
    try:
        builder = SegmentBuilder(name, segment_id, gate.wire, gate.signing_key, gate.reserve_bytes, gate.max_bytes)
        try:
            with contextlib.ExitStack() as mapped:
                # What is served may lie in a segment that somebody unlinked: then each record is made anew.
                with contextlib.suppress(SegmentError):
                    if current is not None:
                        earlier = Segment.open(current.segment_name)
                        mapped.callback(earlier.close)
                        builder.take_over(earlier)
                source.hydrate(builder)
                return builder.finish()
        except BaseException:
            builder.abandon()
            raise
    except NoRoomError as error:
        raise Rejected("no_room", str(error)) from error
    except LimitError as error:
        raise Rejected("too_large", str(error)) from error
    except SegmentError as error:
        raise Rejected("verify", str(error)) from error


def _check(report: BuildReport, gate: Gate, current: Version | None, *, force: bool) -> None:
    if report.commands == 0:
        raise Rejected(
            "empty", "the source holds no command; load the packaged ones with `avap db seed`, or fill the table"
        )
    if current is None or force:
        return
    least = current.commands * (1 - gate.max_shrink)
    if report.commands < least:
        raise Rejected(
            "shrink",
            f"the source fell from {current.commands} to {report.commands} commands, more than catalog.max_shrink = "
            f"{gate.max_shrink} allows; if that is meant, run `avap reload --force`",
        )


def _verify(name: str) -> None:
    try:
        segment = Segment.open(name)
        try:
            segment.verify()
        finally:
            segment.close()
    except SegmentError as error:
        raise Rejected("verify", f"the new segment does not verify, which is our fault: {error}") from error


def _log_rows(report: BuildReport, bad_rows: tuple[BadRow, ...], log: Logger) -> None:
    if report.duplicates:
        log.warning("Duplicate Names", count=report.duplicates, names=report.duplicate_names[:REASONS_LOGGED],
                    kept="the row with the highest id")  # fmt: skip
    if report.bad_rows:
        rows = [asdict(row) for row in bad_rows[:REASONS_LOGGED]]
        log.warning("Rows Left Out", count=report.bad_rows, rows=rows)
