"""Listening sockets: one group of our own, and nobody else in it."""

from __future__ import annotations

import errno
import os
import resource
import socket

import pytest

from appliance.errors import OsRefusedError, PortTakenError
from supervisor.sockets import address_text, listen_group


def closed(group: list[socket.socket]) -> None:
    for listener in group:
        listener.close()


def test_all_sockets_of_a_group_share_one_free_port() -> None:
    group = listen_group("127.0.0.1", 0, 3, "PORT")
    try:
        assert len({listener.getsockname() for listener in group}) == 1
        for listener in group:
            assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
            assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            assert not listener.getblocking()
            assert not os.get_inheritable(listener.fileno())
    finally:
        closed(group)


def test_ipv6_is_bound_and_shown_in_brackets() -> None:
    group = listen_group("::1", 0, 2, "PORT")
    try:
        port = group[0].getsockname()[1]
        assert address_text(group[0]) == f"[::1]:{port}"
        with socket.create_connection(("::1", port), timeout=5):
            pass
    finally:
        closed(group)


@pytest.mark.parametrize("reuse_port", [False, True])
def test_a_foreign_listener_is_an_error_even_when_the_kernel_would_share(reuse_port: bool) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, reuse_port)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortTakenError, match=f"port {other.getsockname()[1]} "):
            listen_group("127.0.0.1", other.getsockname()[1], 1, "PORT")


def test_a_port_is_free_again_though_connections_are_in_time_wait() -> None:
    group = listen_group("127.0.0.1", 0, 1, "PORT")
    port = group[0].getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    group[0].setblocking(True)
    accepted, _ = group[0].accept()
    accepted.close()  # the side that closes first has the TIME_WAIT
    client.close()
    closed(group)
    closed(listen_group("127.0.0.1", port, 1, "PORT"))


def test_an_address_that_is_not_ours_names_the_setting() -> None:
    with pytest.raises(OsRefusedError, match="AVAP_BIND"):
        listen_group("192.0.2.1", 0, 1, "PORT")


def test_a_family_that_the_kernel_lacks_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(OsRefusedError, match="AVAP_BIND"):
        listen_group("127.0.0.1", 0, 1, "PORT")


def test_running_out_of_descriptors_says_so_and_closes_what_was_opened() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = [int(fd) for fd in os.listdir("/proc/self/fd")]  # noqa: PTH208
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(used) + 3, hard))
    try:
        with pytest.raises(OsRefusedError, match="nofile"):
            listen_group("127.0.0.1", 0, 1000, "PORT")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    left = os.listdir("/proc/self/fd")  # noqa: PTH208
    assert len(left) <= len(used)
