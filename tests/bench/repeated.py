"""Real repeated measurements to ask `avap bench diff` about: CPU time of a fixed computation, measured in turn.

`python -m tests.bench.repeated` says how often diff finds a real slow-down of 10 % on this host. It is no test: on a
virtual machine whose cores change their speed for seconds at a time, as ours, it found 100 of 100 at best and 80 at
worst. Exits 1 below what diff promises.
"""

from __future__ import annotations

import hashlib
import math
import sys
import time

from bench.diff import Answer, compare
from tests.bench.noise import results

RUNS = 20
PROMISED_SAME, PROMISED_FOUND = 0.95, 0.9
BLOCK = bytes(range(256)) * 64
PASSES, REPETITIONS = 10, 3
"""Of the block through SHA-256: a tenth of a millisecond, thrice. A try takes some 15 ms, so that few of them fall into
a moment in which a core becomes slower."""


def cpu_time_us(passes: int) -> float:
    """Of the fastest of a few repetitions."""
    fastest = math.inf
    for _ in range(REPETITIONS):
        began = time.thread_time_ns()
        for _ in range(passes):
            hashlib.sha256(BLOCK).digest()
        fastest = min(fastest, (time.thread_time_ns() - began) / 1e3)
    return fastest


def measure_in_turn(passes: int) -> Answer:
    """What diff says of a computation with so many passes against one with `PASSES`."""
    files: tuple[list[tuple[float, float]], ...] = ([], [])
    for number in range(RUNS):
        for side in (0, 1) if number % 2 else (1, 0):
            files[side].append((time.time(), cpu_time_us(passes if side else PASSES)))
    a, b = (results({"m": [us for _, us in file]}, [start for start, _ in file]) for file in files)
    (comparison,) = compare(a, b).comparisons
    return comparison.answer


def _main() -> int:
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    cpu_time_us(100 * PASSES)
    same = [measure_in_turn(PASSES) for _ in range(tries)].count(Answer.SAME)
    found = [measure_in_turn(PASSES * 11 // 10) for _ in range(tries)].count(Answer.SLOWER)
    print(f"of {tries} pairs of files of {RUNS} runs, measured in turn on this host:")
    print(f"  {same} of the same computation are called no difference (promised: {PROMISED_SAME:.0%})")
    print(f"  {found} with one that is 10 % longer are called slower (promised: {PROMISED_FOUND:.0%})")
    return 0 if same >= PROMISED_SAME * tries and found >= PROMISED_FOUND * tries else 1


if __name__ == "__main__":
    sys.exit(_main())
