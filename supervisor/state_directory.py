"""The state directory: one instance's lock, ledger, snapshot, key and admin socket."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

from appliance.errors import InstanceRunningError, StateDirectoryError
from supervisor.ledger import Ledger

UNIX_PATH_BYTES_MAX = 107  # sun_path less its NUL, unix(7)


class StateDirectory:
    """An open state directory, held by a lock for as long as the object is open.

    `instance` is the first 12 hex digits of the SHA-256 of the directory's real path: two directories
    are two instances, and what an instance left in /dev/shm can be told from everybody else's.
    """

    def __init__(self, path: Path) -> None:
        """Create the directory if needed (0700) and lock it.

        Raises StateDirectoryError when it cannot be created or written, InstanceRunningError when another process
        holds it.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path = path.resolve(strict=True)
        except OSError as error:
            raise StateDirectoryError(
                f"cannot create the state directory {path}: {error.strerror}; "
                "set AVAP_STATE_DIR to a folder that this user may write"
            ) from error
        self.instance = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        if len(os.fsencode(self.admin_socket)) > UNIX_PATH_BYTES_MAX:
            raise StateDirectoryError(
                f"the path of the state directory is too long for a unix socket in it "
                f"({len(os.fsencode(self.admin_socket))} bytes, at most {UNIX_PATH_BYTES_MAX}): {self.path}"
            )
        self._lock_fd = self._take_lock()
        try:
            self.ledger = Ledger(self.path / "ledger")
        except BaseException:
            os.close(self._lock_fd)
            raise

    @property
    def admin_socket(self) -> Path:
        """Where the supervisor answers the `avap` command."""
        return self.path / "admin.sock"

    @property
    def snapshot(self) -> Path:
        """The last announced version, for the next start."""
        return self.path / "catalog.snapshot"

    @property
    def quarantine(self) -> Path:
        """Definitions that ended a compiler."""
        return self.path / "quarantine.json"

    def close(self) -> None:
        """Release the directory for the next instance."""
        self.ledger.close()
        os.close(self._lock_fd)

    def _take_lock(self) -> int:
        path = self.path / "lock"
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateDirectoryError(
                f"the state directory {self.path} is not writable ({error.strerror}); "
                "give it to the user that runs the appliance, or set AVAP_STATE_DIR"
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(fd)
            raise InstanceRunningError(
                f"another instance (pid {holder}) runs on the state directory {self.path}; "
                "stop it, or give this one its own AVAP_STATE_DIR and ports"
            ) from error
        except OSError as error:  # a network file system without locks
            os.close(fd)
            raise StateDirectoryError(
                f"cannot lock {path}: {error.strerror}; put the state directory on a local file system"
            ) from error
        try:
            os.pwrite(fd, str(os.getpid()).encode().ljust(16), 0)
        except OSError as error:
            os.close(fd)
            raise StateDirectoryError(f"cannot write {path}: {error.strerror}; free some space there") from error
        return fd
