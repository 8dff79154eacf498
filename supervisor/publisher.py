"""From a verified segment to an announced version, and on to its retirement.

Unlinking a segment is always safe for readers that have it mapped; a reader that comes too late finds the name gone
and reads the announcement again. So retirement waits for nobody: at most `keep_generations` + 1 segments exist.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from appliance._native import Announcer, SegmentError, SnapshotError, snapshot_probe, snapshot_restore, snapshot_write
from appliance.errors import NotFoundError, OsRefusedError, StateDirectoryError
from appliance.logging import Logger
from supervisor.ledger import Ledger
from supervisor.shared_memory import SharedMemoryArea
from supervisor.version import Code, Rejected, Version

DIGEST_PREFIX_MIN = 6


class Publisher:
    """The versions in shared memory. One caller at a time; blocking calls are marked and may run in a thread.

    `keep_generations`, `versions` and the rest may be read from any thread: they are replaced, never changed in place.
    """

    def __init__(
        self,
        area: SharedMemoryArea,
        ledger: Ledger,
        announcer: Announcer,
        snapshot: Path,
        log: Logger,
        *,
        keep_generations: int,
        notify: Callable[[], None],
    ) -> None:
        """`notify` wakes the workers after an announcement; `snapshot` is the file's path."""
        self.keep_generations = keep_generations
        self.snapshot_path = snapshot
        self.snapshot_error = ""
        self.snapshot_digest = ""  # of the version that the file is known to hold
        self.rejections: Counter[str] = Counter()
        self.last_rejection: tuple[str, str, int] | None = None  # reason, message, ms since the epoch
        self.versions: list[Version] = []  # by announcement, the current one last
        self.on_announce: Callable[[], None] = lambda: None
        self._area = area
        self._ledger = ledger
        self._announcer = announcer
        self._log = log
        self._notify = notify

    @property
    def current(self) -> Version | None:
        """The announced version; None before the first."""
        return self.versions[-1] if self.versions else None

    @property
    def snapshot_ok(self) -> bool:
        """Whether a restart would begin with the announced version."""
        return self.current is not None and self.current.digest == self.snapshot_digest

    @property
    def pinned(self) -> bool:
        """Whether the current version stays, whatever the source says."""
        return bool(self._ledger.pinned)

    def write_snapshot(self, version: Version) -> None:
        """Keep `version` for the next start. Blocking. A failure is logged, shown in the status, and stops nothing."""
        try:
            snapshot_write(version.segment_name, str(self.snapshot_path))
            self.snapshot_error, self.snapshot_digest = "", version.digest
        except SegmentError as error:
            self.snapshot_error = str(error)
            self._log.error("Snapshot Not Written", path=str(self.snapshot_path), error=str(error))

    def keep_snapshot(self, version: Version) -> None:
        """Write the snapshot of `version` unless the file is there and holds it. Blocking."""
        try:
            if snapshot_probe(str(self.snapshot_path)).digest == version.digest == self.snapshot_digest:
                return
        except SegmentError:
            pass  # whatever is wrong with it is written over
        self.write_snapshot(version)

    def restore_snapshot(self, wire: str, reserve_bytes: int) -> Version | None:
        """Bring the snapshot back as a segment. Blocking. None, with a log line, when none can be used.

        Raises StateDirectoryError when the ledger cannot be written.
        """
        segment_id = self._ledger.next_segment_id()
        try:
            if snapshot_probe(str(self.snapshot_path)).wire != wire:
                self._log.warning("Snapshot Ignored", reason=f"it is not in the wire form {wire!r}")
                return None
            name = self._area.create(str(segment_id), 4096)
        except (SegmentError, OsRefusedError) as error:
            if not (isinstance(error, SnapshotError) and error.code == "missing"):
                self._refuse_snapshot(error)
            return None
        try:
            info = snapshot_restore(str(self.snapshot_path), name, segment_id, reserve_bytes)
        except BaseException as error:
            self._area.unlink(str(segment_id))
            if not isinstance(error, SegmentError):
                raise
            self._refuse_snapshot(error)
            return None
        self.snapshot_digest = info.digest
        return Version(
            segment_id, name, info.digest, info.commands, info.bytes, info.created_at_ms, "snapshot",
            confirmed_at_ms=info.created_at_ms,
        )  # fmt: skip

    def take_generation(self, pin: Version | None = None) -> int:
        """Take the next generation, and pin a version in the same write. Blocking. Raises Rejected."""
        try:
            return self._ledger.next_generation(pin.digest if pin else None)
        except StateDirectoryError as error:
            raise Rejected("state", str(error)) from error

    def announce(self, version: Version, generation: int) -> None:
        """Make `version` the current one under a generation that was taken for it."""
        code_segment_id = version.code.segment_id if version.code else 0
        self._announcer.announce(generation, version.segment_id, version.bytes, code_segment_id)
        version.generation = generation
        version.announced_at_ms = time.time_ns() // 1_000_000
        self.versions = [other for other in self.versions if other is not version] + [version]
        self._notify()
        self._log.info(
            "Definitions Broadcasted", generation=generation, digest=version.digest, commands=version.commands,
            bytes=version.bytes, origin=version.origin,
        )  # fmt: skip
        self.retire()
        self.on_announce()

    def announce_code(self, version: Version, code: Code) -> bool:
        """Add the compiled definitions of a version. False when it was retired meanwhile: then `code` is unlinked."""
        if version not in self.versions:
            self._area.unlink(str(code.segment_id))
            return False
        version.code = code
        if version is self.current and self._announcer.announce_code(version.generation, code.segment_id):
            self._notify()
        self._log.info(
            "Code Broadcasted", generation=version.generation, digest=version.digest, definitions=code.definitions,
            refused=code.refused, quarantined=code.quarantined, bytes=code.bytes,
        )  # fmt: skip
        return True

    @property
    def newest_code(self) -> Code | None:
        """The compiled definitions of the last version that has any."""
        return next((version.code for version in reversed(self.versions) if version.code), None)

    def discard(self, version: Version) -> None:
        """Unlink a segment that was never announced."""
        self._area.unlink(str(version.segment_id))

    def find(self, to: str) -> Version:
        """The version to roll back to: by generation, by a digest's prefix, or, for an empty text, the one before.

        A prefix has at least DIGEST_PREFIX_MIN digits: a generation that is not held any more must not be taken for
        one. Raises NotFoundError.
        """
        if not to:
            if len(self.versions) < 2:
                raise NotFoundError("there is no version before the current one; see `avap catalog list`")
            return self.versions[-2]
        found = [v for v in self.versions if to == str(v.generation)]
        if not found and len(to) >= DIGEST_PREFIX_MIN:
            found = [v for v in self.versions if v.digest.startswith(to.lower())]
        if len(found) != 1:
            what = "is more than one version" if found else "is no version that is still held"
            raise NotFoundError(f"{to} {what}; see `avap catalog list`")
        return found[0]

    def pin(self, version: Version | None) -> None:
        """Keep to `version`, across restarts too; None follows the source again. Blocking. Raises Rejected."""
        try:
            self._ledger.pin(version.digest if version else "")
        except StateDirectoryError as error:
            raise Rejected("state", str(error)) from error

    def settle_pin(self) -> None:
        """Drop a pin, at start, to a version that no snapshot brought back. Blocking. Raises StateDirectoryError."""
        current = self.current
        if self._ledger.pinned and (current is None or current.digest != self._ledger.pinned):
            self._log.error("Pin Lost", digest=self._ledger.pinned, reason="no snapshot holds the pinned version")
            self._ledger.pin("")

    def reject(self, rejected: Rejected) -> None:
        """Count and log a refusal."""
        self.rejections[rejected.reason] += 1
        self.last_rejection = (rejected.reason, str(rejected), time.time_ns() // 1_000_000)
        self._log.error("Version Rejected", reason=rejected.reason, error=str(rejected))

    def retire(self) -> None:
        """Unlink what is beyond `keep_generations`."""
        kept = self.keep_generations + 1
        retired, self.versions = self.versions[:-kept], self.versions[-kept:]
        for version in retired:
            self._area.unlink(str(version.segment_id))
            if version.code is not None:
                self._area.unlink(str(version.code.segment_id))
            self._log.info("Version Retired", generation=version.generation, digest=version.digest)

    def _refuse_snapshot(self, error: Exception) -> None:
        self.snapshot_error = str(error)
        code = error.code if isinstance(error, SnapshotError) else "no_room"
        self._log.error("Snapshot Refused", path=str(self.snapshot_path), reason=code, error=str(error))
