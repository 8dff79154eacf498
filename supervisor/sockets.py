"""Listening sockets. They belong to the supervisor: a worker that dies takes no queued connection with it."""

from __future__ import annotations

import errno
import os
import socket
from typing import cast

from appliance.errors import OsRefusedError, PortTakenError

Address = tuple[str, int] | tuple[str, int, int, int]

BACKLOG = 4096  # the kernel caps it at net.core.somaxconn


def listen_group(host: str, port: int, count: int, setting: str) -> list[socket.socket]:
    """Open `count` SO_REUSEPORT sockets on one address; `port` 0 takes any free one. `setting` names the port's.

    A socket without SO_REUSEPORT is bound first, because the kernel would share the port silently with a foreign
    group of the same user (socket(7)). Raises PortTakenError, OsRefusedError.
    """
    family, address = _resolve(host, port)
    group: list[socket.socket] = []
    try:
        with _open(family) as probe:
            probe.bind(address)
            if port == 0:
                address = probe.getsockname()
        for _ in range(count):
            listener = _open(family)
            group.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
            listener.setblocking(False)
    except BaseException as error:
        for listener in group:
            listener.close()
        if isinstance(error, OSError):
            raise _refusal(error, host, port, setting) from error
        raise
    return group


def address_text(listener: socket.socket) -> str:
    """`host:port` of a socket, IPv6 in brackets."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise OsRefusedError(
            f"cannot resolve the address to bind, {host!r}: {error.strerror}; check AVAP_BIND"
        ) from error
    family, _, _, _, address = found[0]
    return family, cast("Address", address)


def _open(family: socket.AddressFamily) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections in TIME_WAIT do not hold the port
    return listener


def _refusal(error: OSError, host: str, port: int, setting: str) -> PortTakenError | OsRefusedError:
    if error.errno == errno.EADDRINUSE:
        return PortTakenError(
            f"port {port} on {host} is taken by another process; "
            f"find it with `ss -ltnp 'sport = :{port}'`, or set another {setting}"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return OsRefusedError(f"this user may not bind port {port} on {host}; use a port from 1024 up")
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
        return OsRefusedError(f"no socket to be had for {host}:{port}: {error.strerror}; raise the limit (nofile)")
    return OsRefusedError(f"cannot bind {host}:{port}: {os.strerror(error.errno or 0)}; check AVAP_BIND and {setting}")
