"""A thread for blocking calls: one asks the source and works on its segments, one works on code segments.

One thread each: a source is asked one thing at a time. It is a daemon, and not of a `ThreadPoolExecutor`, whose
threads the interpreter waits for at exit without a limit: a source that hangs must not keep the appliance from ending.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

JOIN_STEP_S = 0.01

Result = TypeVar("Result")


class HydrationThread:
    """Makes blocking calls, in the order they were asked for."""

    def __init__(self, name: str = "hydration") -> None:
        """Start it."""
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Await `function(*arguments)`. Cancelled, it does not end a call that has begun."""
        future: Future[Result] = Future()
        self._calls.put((future, partial(function, *arguments)))
        return await asyncio.wrap_future(future)

    async def end(self, last: Callable[[], object], timeout_s: float) -> bool:
        """Make a `last` call and end the thread. False when it has not ended within `timeout_s`."""
        self._calls.put((Future(), last))
        self._calls.put(None)
        for _ in range(round(timeout_s / JOIN_STEP_S)):
            if not self._thread.is_alive():
                break
            await asyncio.sleep(JOIN_STEP_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._calls.get()) is not None:
            future, call = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = call()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            del item, future, call  # nothing of a version is held while the thread waits
