"""Making and unlinking this instance's shared memory.

Segments are made through `multiprocessing.shared_memory`, because its resource tracker, a small process that outlives
the supervisor, unlinks whatever the supervisor could not when it is killed. The mapping that Python makes is
closed at once: the native half opens segments by name.
"""

from __future__ import annotations

import contextlib
import errno
import signal
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

from appliance.errors import OsRefusedError

FOLDER = Path("/dev/shm")


class SharedMemoryArea:
    """Everything that one instance has in /dev/shm, by short name (`announce`, `slots`, a segment id)."""

    def __init__(self, instance: str) -> None:
        """Start with an empty area: what a killed predecessor of this instance left is unlinked.

        The caller holds the lock of the state directory, so nobody else uses these names.
        """
        self.prefix = f"avap-{instance}-"
        self._held: dict[str, SharedMemory] = {}
        self.leftovers = sorted(path.name for path in FOLDER.glob(f"{self.prefix}*"))
        for name in self.leftovers:
            (FOLDER / name).unlink(missing_ok=True)

    def create(self, short_name: str, size: int) -> str:
        """Make `size` zero bytes and return the whole name. Raises OsRefusedError."""
        name = self.prefix + short_name
        # The first SharedMemory of a process starts the resource tracker, which unblocks SIGINT and SIGTERM
        # in the calling thread (multiprocessing/resource_tracker.py, ensure_running).
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        try:
            memory = SharedMemory(name, create=True, size=size)
        except OSError as error:
            hint = "; free some space there or make it larger" if error.errno == errno.ENOSPC else ""
            raise OsRefusedError(f"cannot create {FOLDER / name}: {error.strerror}{hint}") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        memory.close()
        self._held[short_name] = memory
        return name

    def unlink(self, short_name: str) -> None:
        """Remove the name; whoever has it mapped keeps it."""
        memory = self._held.pop(short_name)
        with contextlib.suppress(FileNotFoundError):  # somebody tidied /dev/shm by hand
            memory.unlink()

    def close(self) -> None:
        """Unlink all that is left."""
        for short_name in list(self._held):
            self.unlink(short_name)
