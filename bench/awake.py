"""Keep cores from going idle while latency is measured.

An idle core of a virtual machine is given away by its host and comes back late. On a shared host a lightly loaded
server was three times *slower* (p99) when nothing else ran than beside a flood that kept its core awake; with this,
which has the effect of the kernel's `idle=poll`, both waited alike.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SPIN = """
import os, sys
core, parent = map(int, sys.argv[1:])
os.sched_setaffinity(0, {core})
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
while os.getppid() == parent:
    for _ in range(100_000):
        pass
"""


@contextmanager
def cores_awake() -> Iterator[None]:
    """Let one process of class SCHED_IDLE spin on each allowed core; whatever wakes preempts it at once (sched(7))."""
    spinning: list[subprocess.Popen[bytes]] = []
    try:
        for core in sorted(os.sched_getaffinity(0)):
            process = subprocess.Popen([sys.executable, "-c", _SPIN, str(core), str(os.getpid())])
            spinning.append(process)
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()
