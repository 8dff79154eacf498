"""A loopback TCP proxy that can go silent, slow or away while connections run through it."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from typing import Literal

Mode = Literal["pass", "black-hole", "slow", "refuse"]

SLOW_TICK_S = 0.02
SLOW_BURST_S = 0.1
PIECE_BYTES = 65536


class _Pipe:
    """One direction of one connection."""

    def __init__(self, source: socket.socket, target: socket.socket, throttled: bool) -> None:
        self.source = source
        self.target = target
        self.throttled = throttled
        self.pending = b""
        self.allowance = 0.0


class TcpProxy:
    """Forwards `127.0.0.1:port` to `target_port`. `switch` changes all connections, live and new:

    * pass: forwards.
    * black-hole: takes connections and bytes to the kernel's limit, forwards none. What was held arrives after a
      return to `pass`.
    * slow: `bytes_per_s` from the target to the client, for each connection.
    * refuse: new connections are refused, live ones reset.
    """

    def __init__(self, target_port: int) -> None:
        self.bytes_forwarded = 0
        """Bytes from the target to clients so far."""
        self.connections = 0
        """Connections taken so far."""
        self._target_port = target_port
        self._mode: Mode = "pass"
        self._bytes_per_s = 0
        self._black_hole_after: int | None = None
        self._listener: socket.socket | None = _listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._pipes: list[_Pipe] = []
        self._changed, self._change = socket.socketpair()
        self._lock = threading.Lock()
        self._stopping = False
        self._earned_at = 0.0
        self._thread = threading.Thread(target=self._run, name="tcp-proxy", daemon=True)
        self._thread.start()

    def __enter__(self) -> TcpProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def switch(self, mode: Mode, bytes_per_s: int = 0) -> None:
        """Switch. In force when this returns."""
        with self._lock:
            self._mode = mode
            self._bytes_per_s = bytes_per_s
            self._black_hole_after = None
            if mode == "refuse":
                self._close_all()
                if self._listener is not None:
                    self._listener.close()
                    self._listener = None
            elif self._listener is None:
                self._listener = _listen(self.port)
        self._change.send(b"x")

    def black_hole_after(self, bytes_more: int) -> None:
        """Go silent once this many bytes more came from the target."""
        with self._lock:
            self._black_hole_after = self.bytes_forwarded + bytes_more

    @property
    def mode(self) -> Mode:
        """The mode in force."""
        return self._mode

    def close(self) -> None:
        """End the thread and reset every connection."""
        self._stopping = True
        self._change.send(b"x")
        self._thread.join()
        with self._lock:
            self._close_all()
            if self._listener is not None:
                self._listener.close()
        self._changed.close()
        self._change.close()

    def _run(self) -> None:
        while not self._stopping:
            with self._lock:
                readers: list[socket.socket] = [self._changed]
                writers: list[socket.socket] = []
                if self._listener is not None:
                    readers.append(self._listener)
                if self._mode in ("pass", "slow"):
                    readers += [p.source for p in self._pipes if not p.pending and not self._waits(p)]
                    writers += [p.target for p in self._pipes if p.pending]
            # A socket closed by another thread between here and there: ask again.
            with contextlib.suppress(OSError, ValueError):
                readable, writable, _ = select.select(
                    readers, writers, [], SLOW_TICK_S if self._mode == "slow" else None
                )
                with self._lock:
                    self._turn(set(readable), set(writable))

    def _turn(self, readable: set[socket.socket], writable: set[socket.socket]) -> None:
        if self._changed in readable:
            self._changed.recv(4096)
        if self._listener is not None and self._listener in readable:
            self._accept(self._listener)
        now = time.monotonic()
        self._earn(now)
        for pipe in list(self._pipes):
            if self._mode not in ("pass", "slow"):
                return
            try:
                if pipe.pending and pipe.target in writable:
                    self._send(pipe)
                elif pipe.source in readable and not self._waits(pipe):
                    self._receive(pipe)
            except OSError:
                self._end(pipe)

    def _earn(self, now: float) -> None:
        elapsed = min(now - self._earned_at, SLOW_BURST_S)  # a pause earns no burst
        self._earned_at = now
        if self._mode == "slow":
            for pipe in self._pipes:
                if pipe.throttled:
                    pipe.allowance = min(
                        pipe.allowance + elapsed * self._bytes_per_s, max(1.0, SLOW_BURST_S * self._bytes_per_s)
                    )

    def _waits(self, pipe: _Pipe) -> bool:
        return self._mode == "slow" and pipe.throttled and pipe.allowance < 1

    def _receive(self, pipe: _Pipe) -> None:
        limit = PIECE_BYTES
        if pipe.throttled and self._mode == "slow":
            limit = min(limit, int(pipe.allowance))
        pipe.pending = pipe.source.recv(limit)
        if pipe.pending:
            self._send(pipe)
        else:
            self._end(pipe)

    def _send(self, pipe: _Pipe) -> None:
        with contextlib.suppress(BlockingIOError):
            sent = pipe.target.send(pipe.pending)
            pipe.pending = pipe.pending[sent:]
            if pipe.throttled:
                pipe.allowance -= sent
                self.bytes_forwarded += sent
                if self._black_hole_after is not None and self.bytes_forwarded >= self._black_hole_after:
                    self._mode = "black-hole"

    def _accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        try:
            target = socket.create_connection(("127.0.0.1", self._target_port), timeout=5)
        except OSError:
            client.close()
            return
        for end in (client, target):
            end.setblocking(False)
        self.connections += 1
        self._pipes += [_Pipe(target, client, throttled=True), _Pipe(client, target, throttled=False)]

    def _end(self, pipe: _Pipe) -> None:
        """One side hung up: close both, as a proxy without half-closed connections does."""
        for other in [p for p in self._pipes if p.source in (pipe.source, pipe.target)]:
            self._pipes.remove(other)
            other.source.close()

    def _close_all(self) -> None:
        for pipe in self._pipes:
            with contextlib.suppress(OSError):  # RST rather than FIN
                pipe.source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            pipe.source.close()
        self._pipes.clear()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Small buffers, inherited by accepted sockets: "slow" is then slow for the server too, not absorbed by the kernel.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE_BYTES)
    listener.bind(("127.0.0.1", port))
    listener.listen(64)
    listener.setblocking(False)
    return listener
