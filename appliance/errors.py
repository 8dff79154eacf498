"""Every error that the appliance raises on purpose, and the exit code that `avap` makes of it.

One flat hierarchy. A message says what happened, where, and what to do, in that order; the offending value comes
last. Programs match on the class or on `code`; people read the message. Exit codes follow sysexits.h where it has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

EXIT_OK = 0
EXIT_NO = 1
"""The answer is no: unknown command, not serving, problems found."""
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class AvapError(Exception):
    """Base of all errors below. As such it means a fault of our own."""

    code: ClassVar[str] = "internal"
    """Stable name of the kind of error, for programs and logs."""
    exit_code: ClassVar[int] = 70
    """What `avap` exits with when this error ends it."""


class NotFoundError(AvapError):
    """What was asked for does not exist; the question itself was fine."""

    code = "not_found"
    exit_code = EXIT_NO


class RefusedError(AvapError):
    """The appliance understood the order and declined it, for example because of a gate or a pin."""

    code = "refused"
    exit_code = EXIT_NO


class UsageError(AvapError):
    """The caller gave an argument that can never work."""

    code = "usage"
    exit_code = EXIT_USAGE


class UnavailableError(AvapError):
    """Something that must answer cannot be reached: the appliance, its admin socket, the database."""

    code = "unavailable"
    exit_code = 69


class PortTakenError(AvapError):
    """A port that the appliance wants to listen on belongs to another process."""

    code = "port_taken"
    exit_code = 69


class InternalError(AvapError):
    """A fault of our own or of the peer's, which no setting can mend."""

    code = "internal"
    exit_code = 70


class OsRefusedError(AvapError):
    """The operating system refused a resource, for example room in /dev/shm."""

    code = "os_refused"
    exit_code = 71


class StateDirectoryError(AvapError):
    """The state directory cannot be created, read or written."""

    code = "state_directory"
    exit_code = 73


class InstanceRunningError(AvapError):
    """Another instance holds the lock of this state directory."""

    code = "instance_running"
    exit_code = 75


class SecretError(AvapError):
    """A key or secret file cannot be read, holds nothing usable, or the key was refused."""

    code = "secret"
    exit_code = 77


class ConfigError(AvapError):
    """The configuration is wrong. Holds every problem found, not only the first."""

    code = "config"
    exit_code = 78

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        """One sentence each: the setting, where its value came from, what is allowed, what was found."""
        count = len(self.problems)
        head = "the configuration has a problem" if count == 1 else f"the configuration has {count} problems"
        super().__init__("\n  ".join((head + ":", *self.problems)))
