"""One content of the whole catalogue, held in one segment."""

from __future__ import annotations

from dataclasses import dataclass


class Rejected(Exception):  # noqa: N818 - an outcome, not a fault
    """A version was refused and the current one stays.

    `reason` is the label of `avap_catalog_rejected_total`: `empty`, `shrink`, `too_large`, `no_room`, `verify` or
    `state`.
    """

    def __init__(self, reason: str, message: str) -> None:
        """`message` says what to do."""
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Code:
    """The definitions of a version, compiled, in a segment of their own."""

    segment_id: int
    segment_name: str
    bytes: int
    definitions: int
    refused: int  # do not compile
    quarantined: int  # ended a compiler


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row or file that cannot be served."""

    id: int  # 0: a file
    name: str  # empty when it has none that anybody could ask for
    reason: str


@dataclass(slots=True)
class Version:
    """A verified segment. Times are milliseconds since the epoch."""

    segment_id: int
    segment_name: str
    digest: str  # 32 hex digits
    commands: int
    bytes: int
    created_at_ms: int
    origin: str  # "embedded", "postgres" or "snapshot"
    generation: int = 0  # of its latest announcement; 0: never announced
    announced_at_ms: int = 0
    confirmed_at_ms: int = 0  # the source was last known to hold it; of a snapshot, when it was made
    duplicates: int = 0
    bad_rows: int = 0
    bad_rows_shown: tuple[BadRow, ...] = ()  # the first of them
    code: Code | None = None  # None while it is not compiled
