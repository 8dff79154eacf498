"""What a run found, in the form that the clients share."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .plan import KINDS, Call

SAMPLES_MAX = 20


@dataclass(slots=True)
class Report:
    """Counts and the first examples of each kind of trouble."""

    started: float = field(default_factory=time.monotonic)
    calls: int = 0
    right: Counter[str] = field(default_factory=Counter)
    errors: list[dict[str, str]] = field(default_factory=list)
    error_codes: Counter[str] = field(default_factory=Counter)
    mismatches: list[dict[str, str]] = field(default_factory=list)
    mismatch_count: int = 0
    went_back: list[dict[str, int]] = field(default_factory=list)
    generation_went_back: int = 0
    digests: Counter[str] = field(default_factory=Counter)
    last_generation: int = 0
    health: dict[str, str] = field(default_factory=dict)

    def error(self, kind: str, code: str, message: str) -> None:
        """Counts a call that got no answer."""
        self.error_codes[code] += 1
        if len(self.errors) < SAMPLES_MAX:
            self.errors.append({"kind": kind, "code": code, "message": message})

    def mismatch(self, call: Call, what: str) -> None:
        """Counts an answer that no version gives."""
        self.mismatch_count += 1
        if len(self.mismatches) < SAMPLES_MAX:
            self.mismatches.append({"kind": call.kind, "name": call.name, "what": what})

    def version(self, generation: int, digest: str) -> None:
        """Counts a reply under the version it names."""
        self.digests[digest] += 1
        self.last_generation = max(self.last_generation, generation)

    def back(self, connection: int, from_: int, to: int) -> None:
        """Counts a generation older than one seen before on the same connection."""
        self.generation_went_back += 1
        if len(self.went_back) < SAMPLES_MAX:
            self.went_back.append({"connection": connection, "from": from_, "to": to})

    def as_json(self) -> dict[str, Any]:
        """The report as every client prints it."""
        return {
            "client": "raw",
            "calls": self.calls,
            **{kind: self.right[kind] for kind in KINDS},
            "errors": self.errors,
            "error_count": self.error_codes.total(),
            "error_codes": dict(self.error_codes),
            "mismatches": self.mismatches,
            "mismatch_count": self.mismatch_count,
            "generation_went_back": self.generation_went_back,
            "went_back": self.went_back,
            "digests": dict(self.digests),
            "last_generation": self.last_generation,
            "health": self.health,
            "seconds": time.monotonic() - self.started,
        }


class GenerationWatch:
    """Watches that a call begun after a reply was seen never gets an older generation on the same connection."""

    def __init__(self, connections: int, report: Report) -> None:
        self._report = report
        self._epoch = 0
        self._sockets = open_sockets()
        self._floors = [0] * connections

    def begin(self, connection: int) -> tuple[int, int]:
        """(epoch, generation) before a call is made."""
        return self._epoch, self._floors[connection]

    def end(self, connection: int, begun: tuple[int, int], generation: int) -> None:
        """Judges the generation of the call's reply."""
        epoch, floor = begun
        if generation < floor and epoch == self._epoch:
            self._suspect(connection, floor, generation)
        self._floors[connection] = max(self._floors[connection], generation)

    def _suspect(self, connection: int, floor: int, generation: int) -> None:
        sockets = open_sockets()
        if sockets == self._sockets:
            self._report.back(connection, floor, generation)
            return
        # A channel reconnected by itself, maybe this one: what was seen before says nothing any more.
        self._epoch += 1
        self._sockets = sockets
        self._floors = [0] * len(self._floors)


def open_sockets() -> frozenset[str]:
    """The inodes of this process's open sockets: equal sets mean that no connection was replaced."""
    links = set()
    for fd in Path("/proc/self/fd").iterdir():
        try:
            links.add(str(fd.readlink()))
        except OSError:
            continue  # closed meanwhile
    return frozenset(link for link in links if link.startswith("socket:"))
