"""A sink that keeps what a source gives it, and a call that runs beside the test."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

COPY_SIGNATURE = b"PGCOPY\n\xff\r\n\0"

CopyRow = tuple[int, bytes | None, bytes | None, bytes | None, bytes | None]
"""(id, name, code, type, interface)"""


class RecordingSink:
    """A `RowSink`. With `gate`, `feed_copy` waits for it once it holds the first bytes."""

    def __init__(self, gate: threading.Event | None = None) -> None:
        self.stream = bytearray()
        self.calls = 0
        self._gate = gate

    def push(
        self, id: int, name: bytes | None, code: bytes | None, type: bytes | None = None, interface: bytes | None = None
    ) -> None:
        raise AssertionError("a source of COPY bytes pushes no rows")

    def feed_copy(self, chunk: bytes | memoryview) -> int:
        self.stream += chunk
        self.calls += 1
        if self._gate is not None:
            assert self._gate.wait(60)
        return 0

    @property
    def rows(self) -> list[CopyRow]:
        """The rows of the whole stream; fails if it is not a complete one."""
        return list(decode_copy(bytes(self.stream)))


def decode_copy(stream: bytes) -> Iterator[CopyRow]:
    """Rows of a binary COPY of (int8, text, text, text, text) (PostgreSQL manual, COPY, "Binary Format")."""
    assert stream.startswith(COPY_SIGNATURE)
    at = len(COPY_SIGNATURE) + 8
    while (count := struct.unpack_from(">h", stream, at)[0]) != -1:
        assert count == 5
        at += 2
        fields: list[bytes | None] = []
        for _ in range(count):
            (length,) = struct.unpack_from(">i", stream, at)
            at += 4
            fields.append(None if length < 0 else stream[at : at + length])
            at += max(length, 0)
        assert fields[0] is not None
        yield (struct.unpack(">q", fields[0])[0], fields[1], fields[2], fields[3], fields[4])
    assert at + 2 == len(stream), "bytes behind the trailer"


def beside(call: Callable[[], None]) -> Future[None]:
    """Run `call` in a thread of its own."""
    future: Future[None] = Future()

    def run() -> None:
        try:
            call()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(None)

    threading.Thread(target=run, name="beside", daemon=True).start()
    return future
