"""One compiler process: from its order to its end, whatever that is.

It compiles the definitions of one version into a code segment and reports through its control channel. It holds itself
to its limits of memory and CPU time; here it is watched for standing still. The end of the channel is its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from supervisor.worker_process import ENVIRON_KEPT

FRAME = struct.Struct("<I")
REPORT_BYTES_MAX = 1 << 20
STDERR_BYTES_MAX = 4096
READ_BYTES = 65536
WATCH_STEPS = 20
"""How often within the time that it may stand still its progress is looked at."""
WATCH_STEP_MIN_S = 0.05

ENVIRON = {
    # Its allocator takes address space as it needs it, and not 1 GiB in advance: that would be no limit.
    "MIMALLOC_ARENA_RESERVE": "0",
    "MIMALLOC_DISALLOW_ARENA_ALLOC": "1",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a compiler process ended."""

    code: int
    """Exit code; negative: the signal that ended it."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """What it said last; empty when it died before."""
    stderr: str = ""
    stood_still: bool = False
    """It was killed because it made no progress."""


async def run(order: Mapping[str, Any], progress: Callable[[], object], wall_s: float) -> Ended:
    """Start a compiler with `order` and see it through to its end.

    It is killed when what `progress` returns does not change for `wall_s`, and when this is cancelled. Raises OSError
    when no process can be made.
    """
    channel, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        process = subprocess.Popen(  # noqa: ASYNC220 - vfork and exec, some 2 ms
            [sys.executable, "-P", "-m", "appliance.compiler", str(far_end.fileno())],
            pass_fds=(far_end.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={name: os.environ[name] for name in ENVIRON_KEPT if name in os.environ} | ENVIRON,
            process_group=0,  # a terminal's Ctrl-C is the supervisor's to handle
        )
    except BaseException:
        channel.close()
        raise
    finally:
        far_end.close()
    try:
        return await _see_through(process, channel, order, progress, wall_s)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        channel.close()
        if process.stderr is not None:
            process.stderr.close()


async def _see_through(
    process: subprocess.Popen[bytes],
    channel: socket.socket,
    order: Mapping[str, Any],
    progress: Callable[[], object],
    wall_s: float,
) -> Ended:
    loop = asyncio.get_running_loop()
    assert process.stderr is not None
    pidfd = os.pidfd_open(process.pid)
    exited: asyncio.Future[None] = loop.create_future()
    loop.add_reader(pidfd, _ended, loop, pidfd, exited)
    channel.setblocking(False)
    os.set_blocking(process.stderr.fileno(), False)
    stderr = bytearray()
    loop.add_reader(process.stderr.fileno(), _collect, loop, process.stderr.fileno(), stderr)
    talk = asyncio.create_task(_talk(loop, channel, order), name="compiler channel")
    try:
        stood_still = await _watch(exited, progress, wall_s)
        if stood_still:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            await exited
        await asyncio.wait([talk], timeout=1.0)
        _collect(loop, process.stderr.fileno(), stderr)
        report = talk.result() if talk.done() and not talk.cancelled() and talk.exception() is None else {}
        return Ended(process.wait(), report, stderr.decode(errors="replace").strip(), stood_still)
    finally:
        talk.cancel()
        loop.remove_reader(pidfd)
        loop.remove_reader(process.stderr.fileno())
        os.close(pidfd)


async def _watch(exited: asyncio.Future[None], progress: Callable[[], object], wall_s: float) -> bool:
    """Wait for the end; True when there is no progress for `wall_s`."""
    loop = asyncio.get_running_loop()
    step_s = max(wall_s / WATCH_STEPS, WATCH_STEP_MIN_S)
    last, since = progress(), loop.time()
    while not exited.done():
        await asyncio.wait([exited], timeout=step_s)
        now = progress()
        if now != last:
            last, since = now, loop.time()
        elif loop.time() - since >= wall_s and not exited.done():
            return True
    return False


async def _talk(loop: asyncio.AbstractEventLoop, channel: socket.socket, order: Mapping[str, Any]) -> dict[str, Any]:
    """Send the order and read the one report; empty when there is none."""
    body = json.dumps(order).encode()
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        await loop.sock_sendall(channel, FRAME.pack(len(body)) + body)
        while len(received) < REPORT_BYTES_MAX and (piece := await loop.sock_recv(channel, READ_BYTES)):
            received += piece
    if len(received) < FRAME.size:
        return {}
    (length,) = FRAME.unpack_from(received)
    report = json.loads(received[FRAME.size : FRAME.size + length])
    return report if isinstance(report, dict) else {}


def _ended(loop: asyncio.AbstractEventLoop, pidfd: int, exited: asyncio.Future[None]) -> None:
    loop.remove_reader(pidfd)
    if not exited.done():
        exited.set_result(None)


def _collect(loop: asyncio.AbstractEventLoop, fd: int, into: bytearray) -> None:
    """Keep the first of what it says on standard error; read the rest, so that it is never held up."""
    with contextlib.suppress(BlockingIOError):
        while piece := os.read(fd, READ_BYTES):
            into += piece[: STDERR_BYTES_MAX - len(into)]
        loop.remove_reader(fd)
