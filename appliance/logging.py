"""The supervisor's log: one JSON object a line on standard error, never waited for.

    log = Logger("supervisor", level="info")
    log.info("Definitions Broadcasted", generation=7, commands=30)
    {"ts":"2026-01-23T10:00:00.000Z","level":"INFO","msg":"Definitions Broadcasted","pid":22,"role":"supervisor",…}

Callers put a line in a bounded queue; one thread writes. When the reader of standard error (journal, container
runtime) stalls, the queue fills, lines are dropped and counted, and one line says how many once writing goes on.
The queue is a `SimpleQueue`, whose `put` may interrupt itself (a finaliser that logs inside a log call).
"""

from __future__ import annotations

import contextlib
import logging as stdlib
import os
import queue
import select
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import orjson

from appliance.redaction import Redactor
from appliance.repeats import Record, RepeatLimit

QUEUE_LINES_MAX = 8192
QUEUE_BYTES_MAX = 8 * 1024 * 1024
LINE_BYTES_MAX = 16 * 1024
"""A longer line has its strings cut. Journald splits at 48 KiB, container runtimes at 16 KiB."""
CUT_CHARS = 1024
BATCH_BYTES = 64 * 1024
"""Written at once: a pipe's usual capacity."""

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "fatal": 50}
NAMES = {10: "DEBUG", 20: "INFO", 30: "WARN", 40: "ERROR", 50: "FATAL"}
_OWN = ("ts", "level", "msg", "pid", "role")
_JSON = orjson.OPT_NON_STR_KEYS


class Logger:
    """Writes records as JSON lines to a file descriptor, from its own thread. Thread-safe; no call raises or waits."""

    def __init__(
        self,
        role: str = "supervisor",
        *,
        level: str = "info",
        fd: int = 2,
        queue_lines_max: int = QUEUE_LINES_MAX,
        repeats: RepeatLimit | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`level` is one of LEVELS; `fd` stays the caller's to close."""
        self._threshold = LEVELS[level]
        self._role = role
        self._fd = fd
        self._lines_max = queue_lines_max
        self._monotonic = monotonic
        self._redactor = Redactor()
        self._repeats = repeats or RepeatLimit()
        self._repeats_lock = threading.RLock()
        self._count_lock = threading.RLock()
        self._queue: queue.SimpleQueue[bytes | threading.Event | None] = queue.SimpleQueue()
        self._queued_bytes = 0
        self._dropped = 0
        self._written_lines = 0
        self._closed = False
        self._abandoned = False
        self._thread = threading.Thread(target=self._write_all, name="log writer", daemon=True)
        self._thread.start()

    # -- records -------------------------------------------------------------------------------

    def debug(self, message: str, /, **fields: object) -> None:
        """Write a record that only somebody who looks for a fault wants."""
        self.log("debug", message, **fields)

    def info(self, message: str, /, **fields: object) -> None:
        """Write a record of normal life."""
        self.log("info", message, **fields)

    def warning(self, message: str, /, **fields: object) -> None:
        """Write a record of something an operator should look at by day. Repeats are limited and counted."""
        self.log("warning", message, **fields)

    def error(self, message: str, /, **fields: object) -> None:
        """Write a record of something that failed. Repeats are limited and counted."""
        self.log("error", message, **fields)

    def fatal(self, message: str, /, **fields: object) -> None:
        """Write the record of what ends this process."""
        self.log("fatal", message, **fields)

    def exception(self, message: str, error: BaseException, /, **fields: object) -> None:
        """Write an error with its class, text and traceback."""
        self.log("error", message, **fields, **_error_fields(error))

    def log(self, level: str, message: str, /, **fields: object) -> None:
        """Write one record. A field that is called like one of our own (`pid`) gets a `_` behind its name."""
        rank = LEVELS[level]
        if rank < self._threshold:
            return
        record: Record = {
            "ts": timestamp(),
            "level": NAMES[rank],
            "msg": message,
            "pid": os.getpid(),
            "role": self._role,
        }
        record.update((f"{name}_" if name in _OWN else name, value) for name, value in fields.items())
        if rank < LEVELS["warning"]:
            self._put_record(record)
            return
        with self._repeats_lock:
            holding = self._repeats.holding
            admitted = self._repeats.admit(NAMES[rank], message, record, self._monotonic())
            if self._repeats.holding > holding:
                self._queue.put(threading.Event())  # the writer must learn that a summary will be due
        for due in admitted:
            self._put_record(due)

    def emit_raw(self, lines: bytes) -> None:
        """Write ready-made lines, as workers send them. What is not a JSON object is wrapped in one."""
        for line in lines.splitlines():
            text = line.strip()
            if not text:
                continue
            if (
                text[:1] == b"{"
                and text[-1:] == b"}"
                and len(text) <= LINE_BYTES_MAX
                and not self._redactor.touches(text)
            ):
                self._put(text + b"\n")
            else:
                self._put_record(self._foreign(text))

    # -- control -------------------------------------------------------------------------------

    @property
    def dropped(self) -> int:
        """Lines lost so far because the queue was full or writing failed. Never goes back."""
        return self._dropped

    @property
    def level(self) -> str:
        """The least level that is written."""
        return next(name for name, rank in LEVELS.items() if rank == self._threshold)

    def set_level(self, level: str) -> None:
        """Change the least level that is written."""
        self._threshold = LEVELS[level]

    def protect(self, secrets: Iterable[str]) -> None:
        """Replace these by `***` in all that is written from now on."""
        self._redactor.register(secrets)

    def flush(self, timeout_s: float = 1.0) -> bool:
        """Wait until what was logged before is written. Return False when that took longer than `timeout_s`."""
        with self._repeats_lock:
            held = self._repeats.flush()
        for record in held:
            self._put_record(record)
        if self._closed or not self._thread.is_alive():
            return self._queue.empty()
        done = threading.Event()
        self._queue.put(done)
        return done.wait(timeout_s)

    def close(self, timeout_s: float = 1.0) -> None:
        """Write what is left, for at most `timeout_s`, and stop. What is logged after this is dropped and counted."""
        if self._closed:
            return
        written = self.flush(timeout_s)
        self._closed = True
        self._abandoned = not written
        self._queue.put(None)
        self._thread.join(min(timeout_s, 0.1))

    # -- queue ---------------------------------------------------------------------------------

    def _put_record(self, record: Record) -> None:
        self._put(self._encode(record))

    def _put(self, line: bytes) -> None:
        full = self._queue.qsize() >= self._lines_max or self._queued_bytes + len(line) > QUEUE_BYTES_MAX
        with self._count_lock:
            if full or self._closed:
                self._dropped += 1
                return
            self._queued_bytes += len(line)
        self._queue.put(line)

    def _encode(self, record: Record) -> bytes:
        line = _dump(record)
        if self._redactor.touches(line):
            record = {
                name: value if name in _OWN and name != "msg" else self._clean(value) for name, value in record.items()
            }
            line = _dump(record)
        if len(line) > LINE_BYTES_MAX:
            line = _dump({name: _cut(value) for name, value in record.items()} | {"truncated": True})
        if len(line) > LINE_BYTES_MAX:
            line = _dump({name: _cut(record.get(name)) for name in _OWN} | {"truncated": True})
        return line

    def _clean(self, value: object) -> object:
        """Mask a field as it will look in JSON, so that an object's `str` is covered too."""
        return self._redactor.value(orjson.loads(_dump({"v": value}))["v"])

    def _foreign(self, text: bytes) -> Record:
        with contextlib.suppress(orjson.JSONDecodeError):
            parsed = orjson.loads(text)
            if isinstance(parsed, dict):
                return parsed
        return {
            "ts": timestamp(),
            "level": "WARN",
            "msg": "Worker Output",
            "pid": os.getpid(),
            "role": self._role,
            "text": self._redactor.line(text).decode("utf-8", "backslashreplace"),
        }

    # -- the writer thread ---------------------------------------------------------------------

    def _write_all(self) -> None:
        reported = 0
        while True:
            batch, waiters, ended = self._next_batch()
            if batch:
                lines, size = len(batch), sum(map(len, batch))
                lost = lines if not self._write(b"".join(batch)) else 0
                with self._count_lock:
                    self._queued_bytes -= size
                    self._dropped += lost
                    self._written_lines += lines - lost
            if self._dropped > reported and self._queue.empty() and not self._abandoned:
                reported, before = self._dropped, reported
                self._write(self._encode(self._drop_record(reported - before)))
            for waiter in waiters:
                waiter.set()
            if ended or self._abandoned:
                return

    def _next_batch(self) -> tuple[list[bytes], list[threading.Event], bool]:
        """Wait for something to do. Sleeps without a timer unless a repeated record is held back."""
        with self._repeats_lock:
            pause_s = self._repeats.next_due_s(self._monotonic())
        batch: list[bytes] = []
        waiters: list[threading.Event] = []
        size = 0
        try:
            item = self._queue.get(timeout=None if pause_s is None else pause_s + 0.5)
            while True:
                if item is None:
                    return batch, waiters, True
                if isinstance(item, threading.Event):
                    waiters.append(item)
                    return batch, waiters, False
                batch.append(item)
                size += len(item)
                if size >= BATCH_BYTES:
                    return batch, waiters, False
                item = self._queue.get_nowait()
        except queue.Empty:
            pass
        with self._repeats_lock:
            due = self._repeats.due(self._monotonic())
        for record in due:
            self._put_record(record)
        return batch, waiters, False

    def _drop_record(self, count: int) -> Record:
        return {
            "ts": timestamp(),
            "level": "WARN",
            "msg": "Log Lines Dropped",
            "pid": os.getpid(),
            "role": self._role,
            "dropped": count,
            "dropped_total": self._dropped,
        }

    def _write(self, data: bytes) -> bool:
        """Write all of `data`; this thread may wait, nobody else does. False when the descriptor is dead."""
        view = memoryview(data)
        while view:
            if self._abandoned:
                return False
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:  # somebody made it non-blocking; it is shared with our parent
                select.select([], [self._fd], [], 0.5)
            except OSError:
                return False
        return True


class _Forward(stdlib.Handler):
    """Takes what libraries log through the standard library's `logging`."""

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: stdlib.LogRecord) -> None:
        rank = min(50, max(10, record.levelno // 10 * 10))
        try:
            message = record.getMessage()
        except Exception as error:  # a library's mistake in its format string
            message = f"{record.msg!r} ({type(error).__name__} while formatting)"
        level = next(name for name, value in LEVELS.items() if value == rank)
        cause = record.exc_info[1] if record.exc_info else None
        self._logger.log(level, message, logger=record.name, **(_error_fields(cause) if cause is not None else {}))


def capture_stdlib(logger: Logger, level: str = "info") -> None:
    """Send all records of the standard library's `logging`, and Python's warnings, to `logger`."""
    root = stdlib.getLogger()
    root.handlers = [_Forward(logger)]
    root.setLevel(LEVELS[level])
    stdlib.captureWarnings(True)


def timestamp() -> str:
    """The time as RFC 3339 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _error_fields(error: BaseException) -> dict[str, object]:
    return {
        "error": str(error) or type(error).__name__,
        "error_type": type(error).__name__,
        "traceback": "".join(traceback.format_exception(error)),
    }


def _dump(record: Record) -> bytes:
    try:
        return orjson.dumps(record, default=_plain, option=_JSON) + b"\n"
    except (TypeError, ValueError, RecursionError):  # a huge int, half a surrogate pair, a cycle
        safe = {str(name): _printable(value) for name, value in record.items()}
        return orjson.dumps(safe) + b"\n"


def _plain(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return _printable(value)


def _printable(value: object) -> object:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    try:
        return str(value).encode("utf-8", "backslashreplace").decode()
    except Exception:  # a broken __str__ must not break the log
        return f"<{type(value).__name__}>"


def _cut(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else str(_printable(value))
    return text if len(text) <= CUT_CHARS else text[:CUT_CHARS] + "…"
