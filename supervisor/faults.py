"""Exceptions that nobody expected: logged with their traceback, counted, and never the end of the appliance."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from appliance.logging import Logger

PLACES = ("refresh", "reload", "workers", "heartbeats", "monitor", "ready", "compilation")
"""The label values of `avap_supervisor_faults_total{place}`."""
PAUSE_S = 1.0


class Faults:
    """Counts them by place."""

    def __init__(self, log: Logger) -> None:
        """`log` gets each with its traceback."""
        self.counts: Counter[str] = Counter()
        self._log = log

    def caught(self, place: str, error: Exception) -> None:
        """Log and count one."""
        self.counts[place] += 1
        self._log.exception("Supervisor Fault", error, place=place)

    async def keep_going(self, place: str, run: Callable[[], Awaitable[None]]) -> None:
        """Await `run()`, and again after a pause when it fails, until it ends by itself or is cancelled."""
        while True:
            try:
                return await run()
            except Exception as error:
                self.caught(place, error)
            await asyncio.sleep(PAUSE_S)
