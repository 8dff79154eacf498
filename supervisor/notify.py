"""What the supervisor tells systemd: sd_notify(3) over the datagram socket that `NOTIFY_SOCKET` names.

Without that variable (not started by systemd) every method does nothing. No method blocks or raises: the supervisor
must go on when systemd does not read. A change of state that did not get through is sent again before the next message,
because a lost READY=1 would make systemd end a healthy appliance.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping

_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_STATUS_CHARS_MAX = 200


class Notifier:
    """One connection to systemd's notification socket."""

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        """`address` as in NOTIFY_SOCKET: a path, `@` and a name in the abstract namespace, or empty for nobody."""
        self.watchdog_s = watchdog_s
        """The time after which systemd ends a service that sends no `watchdog()`; None: it does not look."""
        self._pending = ""
        self._socket: socket.socket | None = None
        if address.startswith(("/", "@")):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            self._address = "\0" + address[1:] if address.startswith("@") else address

    @classmethod
    def from_environ(cls, environ: MutableMapping[str, str] | None = None) -> Notifier:
        """The notifier that systemd asks for. Takes its variables out, so that no child speaks in our name."""
        environ = os.environ if environ is None else environ
        address, watchdog_us, watchdog_pid = (environ.pop(name, "") for name in _VARIABLES)
        watched = watchdog_us.isdecimal() and int(watchdog_us) > 0 and watchdog_pid in ("", str(os.getpid()))
        return cls(address, int(watchdog_us) / 1e6 if watched else None)

    @property
    def active(self) -> bool:
        """Whether somebody listens."""
        return self._socket is not None

    def ready(self, status: str = "") -> None:
        """Start-up or a reload is over."""
        self._change_state("READY=1", status)

    def reloading(self) -> None:
        """A reload begins; `ready()` ends it."""
        # Type=notify-reload (systemd 253) tells an old RELOADING from the answer to its own signal by this time stamp.
        self._change_state(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self, status: str = "") -> None:
        """The drain begins."""
        self._change_state("STOPPING=1", status)

    def extend_start(self, timeout_s: float) -> None:
        """Start-up goes on for so much longer than systemd was told to wait."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(timeout_s * 1e6)}")

    def watchdog(self) -> None:
        """The supervisor is alive and well."""
        self._send("WATCHDOG=1")

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(_status_line(status))

    def close(self) -> None:
        """Closes the socket; nothing is sent any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _change_state(self, state: str, status: str = "") -> None:
        # The newest state supersedes one that did not get through.
        self._pending = f"{state}\n{_status_line(status)}" if status else state
        self._send("")

    def _send(self, message: str) -> None:
        if self._socket is None:
            return
        text = "\n".join(filter(None, (self._pending, message)))
        try:
            self._socket.sendto(text.encode("utf-8", "replace"), self._address)
        except OSError:
            return  # queue full, or systemd is re-executing itself
        self._pending = ""


def _status_line(status: str) -> str:
    """A status may not bring assignments of its own."""
    return "STATUS=" + " ".join(status.split())[:_STATUS_CHARS_MAX]
