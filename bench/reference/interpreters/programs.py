"""The programs of `avap bench vm` on CPython: lines in, lines out; see bench/reference/README.md."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

EMPTY = compile("", "empty", "exec")


def empty(n: int) -> int:
    exec(EMPTY, {})
    return 0


def additions(n: int) -> int:
    t = 0
    for i in range(n):
        t = t + i
    return t


def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def texts(n: int) -> str:
    t = ""
    for i in range(n):
        t = "T-" + str(i)
    return t


PROGRAMS: dict[str, Callable[[int], int | str]] = {
    "empty": empty,
    "additions": additions,
    "fibonacci": fibonacci,
    "texts": texts,
}

for line in sys.stdin:
    name, given, turns = line.split()
    program, n = PROGRAMS[name], int(given)
    result = program(n)
    start = time.thread_time_ns()
    for _ in range(int(turns)):
        result = program(n)
    print(time.thread_time_ns() - start, result, flush=True)
