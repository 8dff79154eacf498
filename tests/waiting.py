"""Waiting for a condition, with a deadline: the only way that tests wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

STEP_S = 0.005


def wait_until(predicate: Callable[[], Value], timeout_s: float, what: str) -> Value:
    """Return the first true value of `predicate`. Raises AssertionError, naming `what`, after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s in vain for: {what} (last seen: {value!r})")
        time.sleep(STEP_S)


def wait_until_grown(number: Callable[[], float], by: float, what: str, timeout_s: float = 60) -> None:
    """Wait until `number` is more than `by` above what it is now. Raises as `wait_until`."""
    before = number()
    wait_until(lambda: number() > before + by, timeout_s, what)
