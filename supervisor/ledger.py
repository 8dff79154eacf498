"""What must survive a restart and a full disk: the generation, the last segment id and the pin.

The file holds two records of 512 bytes, written in turn. A record is never extended and its blocks exist from
the first start on, so an update needs no free space: a full disk cannot make the generation repeat. A record cut
short by a power failure fails its checksum and the other one, at most one update older, counts.

    record = JSON, padded with blanks to 504 bytes | CRC-32 of those as 8 hex digits
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from appliance.errors import StateDirectoryError

RECORD_BYTES = 512
TEXT_BYTES = RECORD_BYTES - 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One state of the ledger. `pinned` is the digest of the pinned version, or empty."""

    sequence: int = 0
    generation: int = 0
    segment_id: int = 0
    pinned: str = ""


class Ledger:
    """The open ledger file of a state directory; the caller holds the directory's lock."""

    def __init__(self, path: Path) -> None:
        """Open or create the file `path`. Raises StateDirectoryError when it cannot be read and written."""
        self._path = path
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            data = os.pread(self._fd, 2 * RECORD_BYTES, 0)
        except OSError as error:
            raise StateDirectoryError(f"cannot open the ledger {path}: {error.strerror}") from error
        found = [entry for entry in (_decode(data[:RECORD_BYTES]), _decode(data[RECORD_BYTES:])) if entry]
        if data and not found:
            raise StateDirectoryError(
                f"both records of the ledger {path} are damaged, so the last generation is not known; "
                "restore the file, or remove it if no client remembers a generation of this instance"
            )
        self._entry = max(found, key=lambda entry: entry.sequence, default=Entry())
        if len(data) < 2 * RECORD_BYTES:  # both records get their blocks now, while there is room
            self._write(self._entry)
            self._write(self._entry)

    @property
    def generation(self) -> int:
        """The highest generation ever announced (0: none)."""
        return self._entry.generation

    @property
    def pinned(self) -> str:
        """Digest of the pinned version, or empty."""
        return self._entry.pinned

    def next_segment_id(self) -> int:
        """Give an id that no segment of this instance has had."""
        self._entry = replace(self._entry, segment_id=self._entry.segment_id + 1)
        self._write(self._entry)
        return self._entry.segment_id

    def next_generation(self) -> int:
        """Take the next generation. On disk before it is returned; raises StateDirectoryError when it cannot be."""
        self._write(replace(self._entry, generation=self._entry.generation + 1))
        return self._entry.generation

    def pin(self, digest: str) -> None:
        """Remember the pin to `digest`; an empty text ends it."""
        self._write(replace(self._entry, pinned=digest))

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _write(self, entry: Entry) -> None:
        entry = replace(entry, sequence=self._entry.sequence + 1)
        text = json.dumps(asdict(entry)).encode().ljust(TEXT_BYTES)
        record = text + b"%08x" % zlib.crc32(text)
        try:
            os.pwrite(self._fd, record, RECORD_BYTES * (entry.sequence % 2))
            os.fdatasync(self._fd)
        except OSError as error:
            raise StateDirectoryError(f"cannot write the ledger {self._path}: {error.strerror}") from error
        self._entry = entry


def _decode(record: bytes) -> Entry | None:
    text, checksum = record[:TEXT_BYTES], record[TEXT_BYTES:]
    if len(record) != RECORD_BYTES or checksum != b"%08x" % zlib.crc32(text):
        return None
    return Entry(**json.loads(text))
