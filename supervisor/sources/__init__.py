"""Where rows come from. One file a source, one small interface for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a source cannot push: a file that is no command, a row that cannot be decoded."""

    name: str
    """Of the command that it would have been; empty when nobody could ask for it."""
    path: str
    """Of the file; empty for a row."""
    reason: str
    id: int = 0
    """Of the row."""


class RowSink(Protocol):
    """What a source fills; `appliance._native.SegmentBuilder` is one."""

    def push(
        self,
        id: int,
        name: bytes | None,
        code: bytes | None,
        type: bytes | None = None,
        interface: bytes | None = None,
    ) -> None:
        """Take one row. None is NULL."""

    def feed_copy(self, chunk: bytes | memoryview) -> int:
        """Take a piece of a PGCOPY binary stream of (id int8, name, code, type, interface); returns the rows so far."""
        ...


class Source(Protocol):
    """One origin of a catalogue."""

    name: str
    """"embedded" or "postgres"."""

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What the last `hydrate` could not push, beside the rows that the sink refused."""
        ...

    def changed(self) -> bool:
        """Whether a hydrate is worth it; cheap. The first call says True. May raise `SourceError`."""
        ...

    def hydrate(self, sink: RowSink) -> None:
        """Push all rows. Blocking, for a thread. Raises `SourceError`."""

    def cancel(self) -> None:
        """Make a `changed` or `hydrate` that runs in another thread end soon, with `SourceError("cancelled")`."""

    def close(self) -> None:
        """Give back what the source holds."""


class SourceError(Exception):
    """The source gave no catalogue.

    `kind`: "unreachable", "auth", "no_table", "missing_column", "stalled", "bad_file", "query" or "cancelled".
    The message says what, where and what to do.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
