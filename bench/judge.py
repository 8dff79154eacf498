"""h2load, the judge that is not ours: runs it and reads what it says."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.verdict import BenchError, MissingToolError

RUN_TIMEOUT_S = 300.0
_FINISHED = re.compile(r"^finished in ([\d.]+)(us|ms|s), ([\d.]+) req/s", re.MULTILINE)
_REQUESTS = re.compile(r"^requests: (\d+) total, .* (\d+) succeeded, (\d+) failed, (\d+) errored", re.MULTILINE)
_TRAFFIC = re.compile(r"headers .*?, \S+ \((\d+)\) data$", re.MULTILINE)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One run of h2load. `latencies_us` is empty without a log file."""

    requests: int
    rate: float
    elapsed_s: float
    cpu_s: float
    latencies_us: tuple[int, ...]

    def quantile_us(self, quantile: float) -> float:
        """A quantile of the latencies, by nearest rank."""
        ordered = sorted(self.latencies_us)
        return float(ordered[min(len(ordered) - 1, int(quantile * len(ordered)))])


def find_h2load() -> str:
    """The program. Raises MissingToolError."""
    found = shutil.which("h2load")
    if found is None:
        raise MissingToolError("h2load is not installed: on Debian `apt-get install nghttp2-client`")
    return found


def judge(
    url: str,
    *,
    key: str,
    body: Path,
    requests: int,
    connections: int,
    streams: int,
    reply_bytes: int,
    log: Path | None = None,
    options: Sequence[str] = (),
) -> Judgement:
    """Send `requests` gRPC calls with the framed message in `body`; every reply must carry `reply_bytes` of DATA.

    Raises BenchError when a call failed or the bytes do not add up: h2load itself knows nothing of gRPC.
    """
    command = [
        *(find_h2load(), f"-n{requests}", f"-c{connections}", f"-m{streams}", f"-d{body}", *options),
        *("-H", "content-type: application/grpc", "-H", "te: trailers", "-H", f"x-avap-auth: {key}"),
        *(() if log is None else (f"--log-file={log}",)),
        url,
    ]
    if log is not None:
        log.unlink(missing_ok=True)  # h2load appends
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    finished, counted = _FINISHED.search(done.stdout), _REQUESTS.search(done.stdout)
    traffic = _TRAFFIC.search(done.stdout)
    if done.returncode != 0 or finished is None or counted is None or traffic is None:
        raise BenchError(f"h2load said what cannot be read: {done.stdout}{done.stderr}")
    total, succeeded, failed, errored = map(int, counted.groups())
    data_bytes = int(traffic[1])
    if succeeded != requests or total != requests or failed or errored or data_bytes != requests * reply_bytes:
        raise BenchError(
            f"h2load: {succeeded} of {requests} calls succeeded with {data_bytes} bytes of DATA, expected "
            f"{requests * reply_bytes}"
        )
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    elapsed_s = float(finished[1]) * _SECONDS[finished[2]]
    return Judgement(requests, float(finished[3]), elapsed_s, cpu_s, _latencies(log))


def _latencies(log: Path | None) -> tuple[int, ...]:
    if log is None:
        return ()
    with log.open() as lines:  # start in µs since the epoch, HTTP status, duration in µs
        return tuple(int(line.split("\t")[2]) for line in lines)
