"""Ctrl-C and TERM end a benchmark between two steps and never in the middle of one that must be whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

EXIT_TERMINATED = 143
_UNWINDING = (signal.SIGTERM, signal.SIGHUP)
_HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def terminable() -> Iterator[None]:
    """Let TERM and HUP (the terminal is gone) unwind as Ctrl-C does, so that what was started is stopped.

    Raises SystemExit, 128 + the signal's number, where it strikes. Main thread only.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    # What nohup ignores stays ignored.
    heard = [number for number in _UNWINDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C, TERM and HUP back to the end of the block: while a process is started or stopped.

    In another thread than the main one, where signals do not strike, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before: dict[int, Any] = {number: signal.signal(number, lambda got, _: held.append(got)) for number in _HELD}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in held[:1]:
            signal.raise_signal(number)
