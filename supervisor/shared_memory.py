"""Making and unlinking this instance's shared memory.

Segments are made through `multiprocessing.shared_memory`, because its resource tracker, a small process that outlives
the supervisor, unlinks whatever the supervisor could not when it is killed. The mapping that Python makes is
closed at once: the native half opens segments by name.
"""

from __future__ import annotations

import errno
import signal
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

from appliance.errors import OsRefusedError

FOLDER = Path("/dev/shm")

_HINTS = {
    errno.ENOSPC: "; free some space there or make it larger",
    errno.EEXIST: "; it belongs to another user, who must remove it",
}


class SharedMemoryArea:
    """Everything that one instance has in /dev/shm, by short name (`announce`, `slots`, a segment id)."""

    def __init__(self, instance: str) -> None:
        """Start with an empty area: what a killed predecessor of this instance left is unlinked.

        The caller holds the lock of the state directory, so nobody else uses these names.
        """
        self.prefix = f"avap-{instance}-"
        self._held: dict[str, SharedMemory] = {}
        self._closed = False
        self.leftovers: list[str] = []
        self.foreign: list[str] = []  # ours by name, but of a user who does not let us remove them
        for path in sorted(FOLDER.glob(f"{self.prefix}*")):
            try:
                path.unlink(missing_ok=True)
                self.leftovers.append(path.name)
            except OSError:
                self.foreign.append(path.name)

    def create(self, short_name: str, size: int) -> str:
        """Make `size` zero bytes and return the whole name. Raises OsRefusedError."""
        name = self.prefix + short_name
        if self._closed:
            raise OsRefusedError(f"cannot create {FOLDER / name}: the appliance is stopping")
        # The first SharedMemory of a process starts the resource tracker, which unblocks SIGINT and SIGTERM
        # in the calling thread (multiprocessing/resource_tracker.py, ensure_running).
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        try:
            memory = SharedMemory(name, create=True, size=size)
        except OSError as error:
            hint = _HINTS.get(error.errno or 0, "")
            raise OsRefusedError(f"cannot create {FOLDER / name}: {error.strerror}{hint}") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        memory.close()
        self._held[short_name] = memory
        if self._closed:  # closed by the loop's thread meanwhile
            self.unlink(short_name)
            raise OsRefusedError(f"cannot create {FOLDER / name}: the appliance is stopping")
        return name

    def unlink(self, short_name: str) -> None:
        """Remove the name; whoever has it mapped keeps it. Nothing happens when it was removed before."""
        memory = self._held.pop(short_name, None)
        if memory is None:
            return
        try:
            memory.unlink()
        except FileNotFoundError:  # somebody tidied /dev/shm by hand; without this the tracker would complain at exit
            resource_tracker.unregister(f"/{memory.name}", "shared_memory")

    def close(self) -> None:
        """Unlink all that is left; nothing can be created any more. From any thread."""
        self._closed = True
        for short_name in list(self._held):
            self.unlink(short_name)
