"""The catalogue's bytes over bare TCP: what the kernel carries at most, to the sink that SyncCatalog is measured with.

python -m bench.raw_tcp FILE        sends FILE by writev for each byte that comes; prints its address first
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.cores import on
from bench.hostile import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PREFACE,
    SETTINGS,
    SYNC,
    WINDOW_MAX,
    WINDOW_UPDATE,
    call_block,
    frame,
)
from bench.verdict import BenchError

SLICE_BYTES = 16_384
SLICES_MAX = 1024  # IOV_MAX
READ_BYTES = 1 << 20
TIMEOUT_S = 60.0
DEFAULT_WINDOW = 65_535


class Sink:
    """Reads frames up to one that ends a stream and looks at nothing else; the same code for both senders."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(READ_BYTES)
        self._view = memoryview(self._buffer)
        self._head = b""
        self._skipped = 0
        """Of the next bytes: what of a payload is still to come."""

    def swallow(self, keep: list[bytes] | None = None) -> int:
        """Read to the end of a stream, and what came with it; how many bytes that were. `keep` is given them.

        Raises BenchError.
        """
        total = 0
        ended = False
        while not ended:
            length = self.socket.recv_into(self._buffer)
            if not length:
                raise BenchError("the connection ended in the middle of a catalogue")
            total += length
            if keep is not None:
                keep.append(bytes(self._view[:length]))
            at = self._skipped
            while at < length:
                missing = 9 - len(self._head)
                self._head += self._view[at : at + missing]
                at += missing
                if len(self._head) < 9:
                    at = length
                    break
                kind, flags, stream = self._head[3], self._head[4], self._head[5:]
                ended |= kind in (DATA, HEADERS) and bool(flags & END_STREAM) and stream != bytes(4)
                at += int.from_bytes(self._head[:3], "big")
                self._head = b""
            self._skipped = at - length
        while self._skipped:  # the last frame's own rest
            length = self.socket.recv_into(self._view[: min(self._skipped, READ_BYTES)])
            if not length:
                raise BenchError("the connection ended in the middle of a catalogue")
            total += length
            self._skipped -= length
            if keep is not None:
                keep.append(bytes(self._view[:length]))
        return total

    def close(self) -> None:
        """Close."""
        self.socket.close()


class Synchronising(Sink):
    """A sink that asks for the catalogue over HTTP/2, with all the window there is."""

    def __init__(self, address: str, key: str) -> None:
        super().__init__(address)
        self._block = call_block(SYNC, key)
        self._stream = 1
        self._granted = DEFAULT_WINDOW
        window = INITIAL_WINDOW_SIZE.to_bytes(2, "big") + WINDOW_MAX.to_bytes(4, "big")
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0, window) + frame(SETTINGS, 1, 0))

    def ask(self, expected_bytes: int) -> None:
        """Ask once; `expected_bytes` of window are given back beforehand."""
        grant = min(2 * expected_bytes, WINDOW_MAX - self._granted)
        self._granted += grant - expected_bytes
        update = frame(WINDOW_UPDATE, 0, 0, grant.to_bytes(4, "big")) if grant > 0 else b""
        request = frame(HEADERS, END_HEADERS, self._stream, self._block) + frame(
            DATA, END_STREAM, self._stream, bytes(5)
        )
        self.socket.sendall(update + request)
        self._stream += 2


def record(address: str, key: str, catalog_bytes: int) -> bytes:
    """The bytes with which a server answers SyncCatalog: frames, headers, trailers and all. Raises BenchError."""
    sink = Synchronising(address, key)
    try:
        kept: list[bytes] = []
        for _ in range(2):  # what comes first holds the server's SETTINGS
            kept.clear()
            sink.ask(catalog_bytes)
            sink.swallow(kept)
        return b"".join(kept)
    finally:
        sink.close()


def sync_rate(address: str, key: str, catalog_bytes: int, seconds: float) -> float:
    """Bytes of SyncCatalog's replies a second, one at a time. Raises BenchError."""
    sink = Synchronising(address, key)
    try:
        return _rate(lambda: sink.ask(catalog_bytes), sink, seconds)
    finally:
        sink.close()


def raw_rate(address: str, seconds: float) -> float:
    """The same of the bare sender."""
    sink = Sink(address)
    try:
        return _rate(lambda: sink.socket.sendall(b"x"), sink, seconds)
    finally:
        sink.close()


def _rate(ask: Callable[[], None], sink: Sink, seconds: float) -> float:
    ask()
    sink.swallow()
    total = 0
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        ask()
        total += sink.swallow()
    return total / (time.monotonic() - began)


@contextmanager
def raw_sender(file: Path, cores: Sequence[int]) -> Iterator[str]:
    """The address of a bare sender for the length of the block. Raises BenchError."""
    with (
        on(cores),
        subprocess.Popen(
            [sys.executable, "-m", "bench.raw_tcp", str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        if not address:
            raise BenchError("the raw sender did not start")
        try:
            yield address
        finally:
            process.kill()


def main() -> None:
    """Serve one connection after the other."""
    view = memoryview(Path(sys.argv[1]).read_bytes())
    slices = [view[start : start + SLICE_BYTES] for start in range(0, len(view), SLICE_BYTES)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("{}:{}".format(*listener.getsockname()), flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    while asked := connection.recv(64):
                        for _ in asked:
                            _send(connection.fileno(), slices)
                except OSError:
                    continue  # the sink has what it wanted


def _send(descriptor: int, slices: Sequence[memoryview]) -> None:
    at = skip = 0
    while at < len(slices):
        sent = os.writev(descriptor, [slices[at][skip:], *slices[at + 1 : at + SLICES_MAX]]) + skip
        while at < len(slices) and sent >= len(slices[at]):
            sent -= len(slices[at])
            at += 1
        skip = sent


if __name__ == "__main__":
    main()
