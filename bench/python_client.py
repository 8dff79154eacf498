"""The predecessor's scenario: Python grpcio, 50 threads, as a language server calls. A process of its own.

    python -m bench.python_client   reads a plan (JSON, one line) on standard input, connects, warms up, says `ready`,
                                    waits for a second line, makes the load, and prints a report (JSON, one line)

The report has the fields of bench/src/report.rs that are read here. Each reply is compared with the bytes that it must
have and then parsed as a client parses it.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.interruption import uninterrupted
from bench.load import LoadReport
from bench.shape import Load, Shape
from bench.target import GET, SYNC, VERSION_HEADER, Target
from bench.verdict import BenchError

PYTHON_SHAPE = Shape(1, 50)
"""One channel, as a process has, and 50 threads on it."""
THREADS_MAX = 1000
START_TIMEOUT_S = 60.0
NOTES_MAX = 5
JOIN_TIMEOUT_S = 90.0


class PythonGenerator:
    """Makes load with `python -m bench.python_client`, on one core: its threads hold one lock."""

    def __init__(self) -> None:
        self.pid: int | None = None

    @contextmanager
    def prepared(self, target: Target, load: Load) -> Iterator[Callable[[], LoadReport]]:
        """Start the process and wait until it is warm. Raises BenchError."""
        if load.rate is not None or load.method == "Execute":
            raise BenchError("the Python client makes a closed loop of GetCommand or SyncCatalog only")
        if load.shape.connections * load.shape.streams > THREADS_MAX:
            raise BenchError(f"the Python client has a thread for each stream, at most {THREADS_MAX}")
        core = min(os.sched_getaffinity(0))
        plan = {
            "target": target.address, "key": target.key, "method": load.method,
            "connections": load.shape.connections, "streams": load.shape.streams, "names": load.names,
            "versions": {digest: str(path) for digest, path in target.versions.items()}, "core": core,
            "duration_s": load.duration_s, "warmup_s": load.warmup_s, "timeout_s": load.timeout_s, "seed": load.seed,
        }  # fmt: skip
        process = None
        try:
            with uninterrupted():
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "bench.python_client"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, text=True, start_new_session=True,
                )  # fmt: skip
            self.pid = process.pid
            _tell(process, json.dumps(plan))
            if _hear(process) != "ready":
                raise BenchError("the Python client said something else than that it is ready")
            yield lambda: _load(process)
        finally:
            self.pid = None
            if process is not None:
                with uninterrupted():
                    process.kill()
                    process.communicate()


def _load(process: subprocess.Popen[str]) -> LoadReport:
    _tell(process, "go")
    raw: dict[str, Any] = json.loads(_hear(process))
    if raw["notes"]:
        raise BenchError(f"replies are not what they must be: {raw['failed']} failed; {'; '.join(raw['notes'])}")
    latency = raw["latency_us"]
    return LoadReport(raw["rate"], latency["p50"], latency["p99"], raw["measured"], 0, raw)


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        return  # what it died of is heard next


def _hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline().strip()
    if not line:
        last = process.stderr.read().strip().splitlines()[-1:]
        raise BenchError(f"the Python client ended: {''.join(last) or 'without a word'}")
    return line


# ---- in the process itself ---------------------------------------------------------------------


@dataclass(slots=True)
class _Tally:
    """What one thread saw."""

    latencies_s: list[float] = field(default_factory=list)
    failed: int = 0
    notes: list[str] = field(default_factory=list)


class _Client:
    """Threads that call one after the other, each on the channel that is its."""

    def __init__(self, plan: dict[str, Any]) -> None:
        import grpc

        from appliance.pb import avap_pb2

        self._plan = plan
        self._errors = grpc.RpcError
        self._sync = plan["method"] == "SyncCatalog"
        self._parse: Callable[[bytes], object] = (
            avap_pb2.Catalog.FromString if self._sync else avap_pb2.CommandDefinition.FromString
        )
        self._expected: dict[str, dict[str, bytes]] = {}
        self._names: list[str] = list(plan["names"])
        for digest, path in plan["versions"].items():
            synced = Path(path).read_bytes()
            commands = avap_pb2.Catalog.FromString(synced).commands
            self._names = self._names or [command.name for command in commands]
            self._expected[digest] = (
                {"": synced} if self._sync else {command.name: command.SerializeToString() for command in commands}
            )
        self._messages = {name: avap_pb2.CommandRequest(name=name).SerializeToString() for name in self._names}
        # A pool of its own for each: channels of one target share a connection otherwise.
        options = [
            ("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1),
            ("grpc.enable_http_proxy", 0),
        ]  # fmt: skip
        channels = [grpc.insecure_channel(plan["target"], options) for _ in range(plan["connections"])]
        self._calls: list[Any] = [channel.unary_unary(SYNC if self._sync else GET) for channel in channels]
        self._metadata = (("x-avap-auth", plan["key"]),) if plan["key"] else ()

    def start(self) -> None:
        """Start the threads. They stay to the end of the process: of one that is gone, CPU time cannot be seen."""
        self._count: int = self._plan["connections"] * self._plan["streams"]
        self._barrier = threading.Barrier(self._count + 1)
        for number in range(self._count):
            threading.Thread(target=self._thread, args=(number,), daemon=True).start()

    def run(self, duration_s: float) -> tuple[list[_Tally], float]:
        """Call for so long on all threads; what each saw, and the seconds that it took."""
        self._tallies = [_Tally() for _ in range(self._count)]
        began_s = time.perf_counter()
        self._end_s = began_s + duration_s
        self._barrier.wait(JOIN_TIMEOUT_S)
        self._barrier.wait(duration_s + JOIN_TIMEOUT_S)
        return self._tallies, time.perf_counter() - began_s

    def _thread(self, number: int) -> None:
        call = self._calls[number % len(self._calls)]
        chance = random.Random(self._plan["seed"] * THREADS_MAX + number)
        while True:
            self._barrier.wait()
            self._make_calls(call, chance, self._tallies[number])
            self._barrier.wait()

    def _make_calls(self, call: Any, chance: random.Random, tally: _Tally) -> None:
        began_s = time.perf_counter()
        while began_s < self._end_s:
            name = "" if self._sync else chance.choice(self._names)
            problem = self._call(call, name)
            ended_s = time.perf_counter()
            if problem:
                tally.failed += 1
                tally.notes.append(problem)
                if tally.failed >= NOTES_MAX:
                    return
            elif ended_s < self._end_s:
                tally.latencies_s.append(ended_s - began_s)
            began_s = ended_s

    def _call(self, call: Any, name: str) -> str:
        """One call; what is wrong with its answer."""
        try:
            message = b"" if self._sync else self._messages[name]
            reply, made = call.with_call(message, timeout=self._plan["timeout_s"], metadata=self._metadata)
        except self._errors as error:
            # Of a name that no version holds, this is the right answer.
            unknown = error.code().name == "NOT_FOUND" and not any(name in held for held in self._expected.values())
            return "" if unknown else f"{name!r}: {error.code().name} {error.details()}"
        version = next((value for key, value in made.initial_metadata() if key == VERSION_HEADER), "")
        held = self._expected.get(version.partition("-")[2])
        if held is None:
            return f"{name!r}: from a version nobody expects {version!r}"
        if held.get(name) != reply:
            return f"{name!r}: bytes that this version does not hold"
        self._parse(reply)
        return ""


def report(tallies: Sequence[_Tally], elapsed_s: float, duration_s: float, cpu_s: float) -> dict[str, Any]:
    """The fields of bench/src/report.rs that are read here."""
    latencies_us = sorted(latency_s * 1e6 for tally in tallies for latency_s in tally.latencies_s)
    count = len(latencies_us)

    def quantile(share: float) -> float:
        return latencies_us[min(count - 1, int(share * count))] if count else 0.0

    return {
        "verified": count,
        "measured": count,
        "rate": count / duration_s,
        "due": 0,
        "not_started_busy": 0,
        "not_started_late": 0,
        "failed": sum(tally.failed for tally in tallies),
        "notes": [note for tally in tallies for note in tally.notes][:NOTES_MAX],
        "latency_us": {
            "mean": sum(latencies_us) / count if count else 0.0,
            "p50": quantile(0.5),
            "p99": quantile(0.99),
            "p999": quantile(0.999),
        },
        "generator_cpu_s": cpu_s,
        "elapsed_s": elapsed_s,
    }


def main() -> None:
    """Follow the two lines of standard input."""
    plan = json.loads(sys.stdin.readline())
    os.sched_setaffinity(0, [plan["core"]])
    client = _Client(plan)
    client.start()
    client.run(plan["warmup_s"])
    print("ready", flush=True)
    if not sys.stdin.readline():
        return
    began_cpu_s = time.process_time()
    tallies, elapsed_s = client.run(plan["duration_s"])
    print(json.dumps(report(tallies, elapsed_s, plan["duration_s"], time.process_time() - began_cpu_s)), flush=True)


if __name__ == "__main__":
    main()
