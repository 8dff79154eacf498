"""One incarnation of a worker: the process, its control channel, its log pipe.

Frames on the control channel, both ways: u32 little-endian length, then UTF-8 JSON. Everything secret or per-instance
travels here, so that argv and environ of a worker tell nothing. The worker takes the channel's end
as the supervisor's death.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

LOG_PIPE_BYTES = 1 << 20  # what a burst may hold before lines are dropped
LOG_LINE_BYTES_MAX = 64 << 10
EXIT_TIMEOUT_S = 5.0  # from the end of the control channel to the end of the process
FRAME = struct.Struct("<I")
FRAME_BYTES_MAX = 1 << 20

# Worker processes inherit no secret: the supervisor's environment may hold API_KEY and DATABASE_URL.
ENVIRON_KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "RUST_BACKTRACE",
)


class WorkerProcess:
    """A running worker. Await `ready`, then `exited`; both are futures."""

    def __init__(self, process: subprocess.Popen[bytes], pidfd: int, channel: socket.socket, log_fd: int) -> None:
        """Take over the ends of the pipes that belong to the supervisor; use `start`."""
        loop = asyncio.get_running_loop()
        self.pid = process.pid
        self.started_at = time.time()
        self.started_monotonic = time.monotonic()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.exited: asyncio.Future[int] = loop.create_future()
        self.acked_generation = 0
        self.stale_checks = 0
        self.fault = ""  # what made us kill it, if we had to
        self._process = process
        self._pidfd = pidfd
        self._channel = channel
        self._log_fd = log_fd
        self._log_pipe: asyncio.ReadTransport | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._writer: asyncio.StreamWriter | None = None

    @classmethod
    async def start(
        cls,
        config: Mapping[str, Any],
        inherited_fds: Sequence[int],
        on_log: Callable[[bytes], None],
        on_ack: Callable[[int], None],
    ) -> WorkerProcess:
        """Start a worker and send it `config`. Raises OSError when no process can be made."""
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            channel, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            ours.callback(channel.close)
            theirs.callback(far_end.close)
            log_read, log_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            ours.callback(os.close, log_read)
            theirs.callback(os.close, log_write)
            with contextlib.suppress(OSError):  # above fs.pipe-max-size or pipe-user-pages-soft: the default will do
                fcntl.fcntl(log_read, fcntl.F_SETPIPE_SZ, LOG_PIPE_BYTES)
            process = subprocess.Popen(  # noqa: ASYNC220 - vfork and exec, some 2 ms
                # -P: the folder that the appliance was started in is no place to import from.
                [sys.executable, "-P", "-m", "appliance.worker", str(far_end.fileno())],
                pass_fds=(far_end.fileno(), log_write, *inherited_fds),
                stdin=subprocess.DEVNULL,
                env={name: os.environ[name] for name in ENVIRON_KEPT if name in os.environ},
                process_group=0,  # a terminal's Ctrl-C is the supervisor's to handle
            )
            try:
                worker = cls(process, os.pidfd_open(process.pid), channel, log_read)
            except BaseException:
                process.kill()
                process.wait()
                raise
            ours.pop_all()  # the worker's from now on
        try:
            await worker._connect({**config, "log_fd": log_write}, on_log, on_ack)
        except BaseException:
            worker._abandon()
            raise
        return worker

    def send(self, frame: Mapping[str, Any]) -> None:
        """Queue one frame; a worker that is gone ignores it."""
        if self._writer is None or self._writer.is_closing():
            return
        body = json.dumps(frame).encode()
        self._writer.write(FRAME.pack(len(body)) + body)

    async def ready_or_exited(self, timeout_s: float) -> None:
        """Wait for whichever comes first, at most `timeout_s`."""
        futures: list[asyncio.Future[Any]] = [self.ready, self.exited]
        await asyncio.wait(futures, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)

    def kill(self, signum: signal.Signals) -> None:
        """Send a signal to exactly this process, which cannot have been reaped while its pidfd is open."""
        if not self.exited.done():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signum)

    async def close(self) -> None:
        """Read what is left of its log and free its descriptors. The process must have exited."""
        await asyncio.wait(self._tasks, timeout=1.0)
        for task in self._tasks:
            task.cancel()
        if self._writer is not None:
            self._writer.close()
        if self._log_pipe is not None:
            self._log_pipe.close()  # uvloop keeps it open behind its end
        os.close(self._pidfd)

    async def _connect(
        self, config: Mapping[str, Any], on_log: Callable[[bytes], None], on_ack: Callable[[int], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._pidfd, self._reap)
        reader, self._writer = await asyncio.open_unix_connection(sock=self._channel)
        log_reader = asyncio.StreamReader(limit=LOG_LINE_BYTES_MAX)
        self._log_pipe, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(log_reader), os.fdopen(self._log_fd, "rb", buffering=0)
        )
        self._tasks = [
            asyncio.create_task(self._read_frames(reader, on_ack), name=f"frames of {self.pid}"),
            asyncio.create_task(_read_lines(log_reader, on_log), name=f"log of {self.pid}"),
        ]
        self.send(config)

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        code = self._process.wait()
        if not self.exited.done():
            self.exited.set_result(code)

    def _abandon(self) -> None:
        """End a process that never became a worker, before anybody knows of it."""
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self._process.kill()
        self._process.wait()
        for task in self._tasks:
            task.cancel()
        if self._log_pipe is not None:
            self._log_pipe.close()
        if self._writer is not None:
            self._writer.close()
        self._channel.close()
        os.close(self._pidfd)

    async def _read_frames(self, reader: asyncio.StreamReader, on_ack: Callable[[int], None]) -> None:
        try:
            while True:
                (length,) = FRAME.unpack(await reader.readexactly(FRAME.size))
                if length > FRAME_BYTES_MAX:
                    raise ValueError(f"a frame of {length} bytes")
                self._take(json.loads(await reader.readexactly(length)), on_ack)
        except (asyncio.IncompleteReadError, ConnectionError):
            # Without its channel it can neither be told new keys nor be drained.
            await asyncio.wait([self.exited], timeout=EXIT_TIMEOUT_S)
            self.fault = "" if self.exited.done() else "it closed its control channel"
        except (ValueError, KeyError, TypeError) as error:
            self.fault = f"it sent a frame that cannot be read: {error!r}"
        if self.fault:
            self.kill(signal.SIGKILL)

    def _take(self, frame: Mapping[str, Any], on_ack: Callable[[int], None]) -> None:
        if frame["type"] == "ready" and not self.ready.done():
            self.ready.set_result(None)
        elif frame["type"] == "acked":
            self.acked_generation = int(frame["generation"])
            on_ack(self.acked_generation)


async def _read_lines(reader: asyncio.StreamReader, on_log: Callable[[bytes], None]) -> None:
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return
        except asyncio.LimitOverrunError:
            await reader.read(LOG_LINE_BYTES_MAX)
            continue
        on_log(line)
