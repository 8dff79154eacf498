"""wrk, the judge of HTTP that is not ours: runs it with wrk.lua and reads what that counted."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.verdict import BenchError, MissingToolError

SCRIPT = Path(__file__).resolve().with_suffix(".lua")
STOP_TIMEOUT_S = 30.0
_COUNTED = re.compile(r"^counted ((?:\w+=\d+ ?)+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Post:
    """A request, and what every answer to it must be: status 200 and this body, or its beginning."""

    path: str
    key: str
    body: Path
    expected: Path
    whole: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """One run of wrk; every answer was right."""

    requests: int
    rate: float
    p50_us: float
    p99_us: float
    busy: float
    """How much of a core wrk took: near 1, it was what limited the rate."""


def find_wrk() -> str:
    """The program. Raises MissingToolError."""
    found = shutil.which("wrk")
    if found is None:
        raise MissingToolError("wrk is not installed: on Debian `apt-get install wrk`")
    return found


def run_wrk(address: str, post: Post, *, connections: int, seconds: float) -> Counted:
    """Send a request again and again on kept connections. Raises BenchError when an answer is wrong or missing.

    `seconds` is cut to whole ones, which is what wrk takes, and at least one.
    """
    command = [
        *(find_wrk(), "-t1", f"-c{connections}", f"-d{max(1, int(seconds))}s", f"-s{SCRIPT}", f"http://{address}"),
        *("--", post.path, post.key, str(post.body), str(post.expected), "whole" if post.whole else "beginning"),
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + STOP_TIMEOUT_S, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return read_counted(done.stdout + done.stderr, cpu_s)


def read_counted(said: str, cpu_s: float) -> Counted:
    """What wrk said. Raises BenchError."""
    found = _COUNTED.search(said)
    if found is None:
        raise BenchError(f"wrk said what cannot be read: {said}")
    counted = {name: int(number) for name, _, number in (part.partition("=") for part in found[1].split())}
    wrong = {name: counted[name] for name in ("wrong_status", "wrong_body", "lost") if counted[name]}
    requests = counted["requests"]
    # Answers that arrived after the end are counted by the script alone.
    if wrong or counted["right"] < requests or not requests:
        raise BenchError(f"wrk: {counted['right']} of {requests} answers were right; {wrong or 'no answer'}")
    elapsed_s = counted["duration_us"] / 1e6
    return Counted(requests, requests / elapsed_s, counted["p50_us"], counted["p99_us"], cpu_s / elapsed_s)
