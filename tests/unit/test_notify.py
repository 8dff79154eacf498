"""The supervisor speaks sd_notify(3) to a real datagram socket, and never waits for it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.notify import Notifier

DATAGRAM_BYTES_MAX = 4096


def fill(flood: socket.socket) -> None:
    """Sends until the receiver's queue is full, which raises BlockingIOError."""
    for _ in range(1_000_000):  # net.unix.max_dgram_qlen is far below
        flood.send(b"NOISE=1")


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    """A socket that listens as systemd does, in the file system and in the abstract namespace."""
    address = (
        str(tmp_path / "notify") if request.param == "path" else f"\0avap-test-{os.getpid()}-{time.monotonic_ns()}"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.setblocking(False)
        yield listener


@pytest.fixture
def notifier(systemd: socket.socket) -> Iterator[Notifier]:
    """A notifier connected to `systemd`."""
    connected = Notifier(address_of(systemd))
    yield connected
    connected.close()


def address_of(listener: socket.socket) -> str:
    """The listener's address as systemd writes it into NOTIFY_SOCKET."""
    name = listener.getsockname()
    return "@" + name[1:].decode() if isinstance(name, bytes) else str(name)


def received(listener: socket.socket) -> list[dict[str, str]]:
    """All messages that have come in, each as its assignments."""
    messages: list[dict[str, str]] = []
    while True:
        try:
            text = listener.recv(DATAGRAM_BYTES_MAX).decode()
        except BlockingIOError:
            return messages
        messages.append(dict(line.split("=", 1) for line in text.split("\n")))


def test_ready_brings_its_status_in_one_message(systemd: socket.socket, notifier: Notifier) -> None:
    notifier.ready("serving 30 commands, generation 7")
    assert received(systemd) == [{"READY": "1", "STATUS": "serving 30 commands, generation 7"}]


def test_states_are_sent_in_the_order_of_a_life(systemd: socket.socket, notifier: Notifier) -> None:
    notifier.ready()
    notifier.watchdog()
    notifier.status("serving")
    notifier.stopping("draining")
    assert received(systemd) == [
        {"READY": "1"},
        {"WATCHDOG": "1"},
        {"STATUS": "serving"},
        {"STOPPING": "1", "STATUS": "draining"},
    ]


def test_reloading_carries_the_monotonic_time_of_its_begin(systemd: socket.socket, notifier: Notifier) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifier.reloading()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    (message,) = received(systemd)
    assert message["RELOADING"] == "1"
    assert before <= int(message["MONOTONIC_USEC"]) <= after


def test_a_status_cannot_bring_assignments_of_its_own(systemd: socket.socket, notifier: Notifier) -> None:
    notifier.status("bad row\nMAINPID=1\r\nREADY=1")
    notifier.status("x" * 10_000)
    first, second = received(systemd)
    assert first == {"STATUS": "bad row MAINPID=1 READY=1"}
    assert second == {"STATUS": "x" * 200}


def test_a_full_queue_blocks_nobody_and_the_state_gets_through_later(
    systemd: socket.socket, notifier: Notifier
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as flood:
        flood.connect(systemd.getsockname())
        with pytest.raises(BlockingIOError):
            fill(flood)
    notifier.reloading()
    notifier.ready()
    notifier.watchdog()
    assert all(message == {"NOISE": "1"} for message in received(systemd))
    notifier.status("serving")
    # The newest state only, before the message that found room again; both are gone from the queue of the notifier.
    assert received(systemd) == [{"READY": "1", "STATUS": "serving"}]
    notifier.watchdog()
    assert received(systemd) == [{"WATCHDOG": "1"}]


def test_a_listener_that_is_gone_for_a_while_misses_no_state(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    notifier = Notifier(address)
    notifier.ready()  # nobody has bound it: systemd re-executes itself
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.setblocking(False)
        notifier.watchdog()
        assert received(listener) == [{"READY": "1", "WATCHDOG": "1"}]
    notifier.close()
    notifier.watchdog()


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative/path"])
def test_without_a_socket_it_can_use_it_does_nothing(address: str) -> None:
    notifier = Notifier.from_environ({"NOTIFY_SOCKET": address})
    assert not notifier.active
    notifier.ready("serving")
    notifier.watchdog()
    notifier.stopping()


def test_the_environment_is_read_once_and_not_left_to_children(systemd: socket.socket) -> None:
    environ = {
        "NOTIFY_SOCKET": address_of(systemd),
        "WATCHDOG_USEC": "20000000",
        "WATCHDOG_PID": str(os.getpid()),
        "PATH": "/bin",
    }
    notifier = Notifier.from_environ(environ)
    assert environ == {"PATH": "/bin"}
    assert notifier.active
    assert notifier.watchdog_s == 20.0
    notifier.ready()
    assert received(systemd) == [{"READY": "1"}]
    notifier.close()


@pytest.mark.parametrize(
    ("watchdog_us", "watchdog_pid", "watchdog_s"),
    [("500000", "", 0.5), ("500000", "1", None), ("", "", None), ("0", "", None), ("soon", "", None)],
)
def test_the_watchdog_is_ours_only_if_it_names_nobody_else(
    watchdog_us: str, watchdog_pid: str, watchdog_s: float | None
) -> None:
    environ = {"WATCHDOG_USEC": watchdog_us, "WATCHDOG_PID": watchdog_pid}
    assert Notifier.from_environ(environ).watchdog_s == watchdog_s


def test_the_socket_is_not_inherited(notifier: Notifier) -> None:
    assert notifier._socket is not None
    assert not notifier._socket.get_inheritable()
