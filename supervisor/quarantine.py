"""Definitions that ended a compiler, by the hash of their source: they are not compiled again until they are edited.

Kept in the state directory, so that the next start does not find them out once more. A release may compile what the
one before it did not: entries of another release are dropped.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance import __version__
from appliance.logging import Logger

ENTRIES_MAX = 1000
"""The oldest go first; each takes some 300 bytes of an order to a worker."""
TEXT_MAX = 400


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One of them."""

    source: str
    """Hash of name, interface and code, 64 hex digits."""
    name: str
    reason: str
    at_ms: int
    """Milliseconds since the epoch."""


class Quarantine:
    """All of them. From one thread; `entries` is replaced, never changed in place, and may be read from any."""

    def __init__(self, path: Path, log: Logger) -> None:
        """Read the file, if there is one. A file that cannot be read is logged and counts as empty."""
        self._path = path
        self._log = log
        self.entries: dict[str, Quarantined] = {}
        try:
            self.entries = _read(path.read_bytes())
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.error("Quarantine Not Read", path=str(path), error=str(error))

    def add(self, source: str, name: str, reason: str) -> Quarantined:
        """Put a definition in. Blocking; that the file cannot be written is logged, and it holds for this run."""
        entry = Quarantined(source, name[:TEXT_MAX], reason[:TEXT_MAX], time.time_ns() // 1_000_000)
        entries = {**self.entries, source: entry}
        while len(entries) > ENTRIES_MAX:
            entries.pop(next(iter(entries)))
        self.entries = entries
        try:
            self._write()
        except OSError as error:
            self._log.error("Quarantine Not Written", path=str(self._path), error=str(error))
        return entry

    def reasons(self) -> list[tuple[str, str]]:
        """Source hash and reason of each, as compilers and workers are told."""
        return [(entry.source, entry.reason) for entry in self.entries.values()]

    def _write(self) -> None:
        text = json.dumps({"release": __version__, "entries": [asdict(entry) for entry in self.entries.values()]})
        temporary = self._path.with_suffix(".tmp")
        try:
            with open(temporary, "w", opener=_private, encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _read(data: bytes) -> dict[str, Quarantined]:
    document = json.loads(data)
    if document["release"] != __version__:
        return {}
    entries = [Quarantined(**entry) for entry in document["entries"][-ENTRIES_MAX:]]
    for entry in entries:
        if len(bytes.fromhex(entry.source)) != 32 or not isinstance(entry.name + entry.reason, str):
            raise ValueError("an entry without a source hash")
    return {entry.source: entry for entry in entries}
