"""What must survive a restart and a full disk: the generation, the last segment id and the pin.

The file holds two records of 512 bytes, written in turn. A record is never extended and its blocks exist from
the first start on, so an update needs no free space: a full disk cannot make the generation repeat. A record cut
short by a power failure fails its checksum and the other one, at most one update older, counts.

    record = JSON, padded with blanks to 504 bytes | CRC-32 of those as 8 hex digits
"""

from __future__ import annotations

import errno
import json
import os
import threading
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
        self._lock = threading.Lock()  # versions and their code take ids on threads of their own
        self._path = path
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            data = os.pread(self._fd, 2 * RECORD_BYTES, 0)
        except OSError as error:
            raise StateDirectoryError(f"cannot open the ledger {path}: {error.strerror}") from error
        found = [entry for entry in (_decode(data[:RECORD_BYTES]), _decode(data[RECORD_BYTES:])) if entry]
        if data and not found:
            os.close(self._fd)
            raise StateDirectoryError(
                f"both records of the ledger {path} are damaged, so the last generation is not known; "
                "restore the file, or remove it if no client remembers a generation of this instance"
            )
        self._entry = max(found, key=lambda entry: entry.sequence, default=Entry())
        try:
            if len(found) < 2:  # both records get their blocks now, while there is room
                self._write(self._entry)
                self._write(self._entry)
                self._sync_folder()
        except BaseException:
            os.close(self._fd)
            raise

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
        with self._lock:
            self._entry = replace(self._entry, segment_id=self._entry.segment_id + 1)  # used up, written or not
            self._write(self._entry)
            return self._entry.segment_id

    def next_generation(self, pinned: str | None = None) -> int:
        """Take the next generation, and the pin to a digest with it in one write (None leaves the pin as it is).

        On disk before it is returned; raises StateDirectoryError when it cannot be, and nothing has changed then.
        """
        with self._lock:
            pinned = self._entry.pinned if pinned is None else pinned
            self._write(replace(self._entry, generation=self._entry.generation + 1, pinned=pinned))
            return self._entry.generation

    def pin(self, digest: str) -> None:
        """Remember the pin to `digest`; an empty text ends it."""
        with self._lock:
            self._write(replace(self._entry, pinned=digest))

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _write(self, entry: Entry) -> None:
        entry = replace(entry, sequence=self._entry.sequence + 1)
        text = json.dumps(asdict(entry)).encode().ljust(TEXT_BYTES)
        record = text + b"%08x" % zlib.crc32(text)
        try:
            written = os.pwrite(self._fd, record, RECORD_BYTES * (entry.sequence % 2))
            if written != RECORD_BYTES:  # the disk filled up in the middle
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fdatasync(self._fd)
        except OSError as error:
            raise StateDirectoryError(f"cannot write the ledger {self._path}: {error.strerror}") from error
        self._entry = entry

    def _sync_folder(self) -> None:
        """A new file whose name a power failure takes away would begin again with generation 1."""
        try:
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StateDirectoryError(
                f"cannot sync the state directory {self._path.parent}: {error.strerror}"
            ) from error


def _decode(record: bytes) -> Entry | None:
    text, checksum = record[:TEXT_BYTES], record[TEXT_BYTES:]
    if len(record) != RECORD_BYTES or checksum != b"%08x" % zlib.crc32(text):
        return None
    try:
        return Entry(**json.loads(text))
    except (TypeError, ValueError):  # whole, but of a release that keeps something else in it
        return None
