"""One load on one server, as a process of its own: `bench.tuning` starts it in the server's network namespace.

Takes a JSON object as its argument and prints one: see `Load` and `Outcome`.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from bench.bound import Observation
from bench.judge import judge
from bench.load import make_load
from bench.watch import Watch

PREFIX_BYTES = 5
"""Of a gRPC message: a flag and four bytes of length."""
WINDOWS = ("-w30", "-W30")
"""h2load's: 2^30-1 bytes for a stream and for the connection, so that flow control is not what is measured."""
WARMUP_S = 0.2
CONNECTS_TIMEOUT_S = 10.0
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"  # and empty SETTINGS, RFC 9113 §3.4


@dataclass(frozen=True, slots=True)
class Load:
    """What to do. `get`: GetCommand of every name; `sync`: SyncCatalog, one at a time; `calls`: one GetCommand after
    the other, spread over `connections`; `connects`: only connect, all at once, and wait for the server's SETTINGS.
    """

    kind: Literal["get", "sync", "calls", "connects"]
    connections: int = 8
    streams: int = 10
    seconds: float = 1.5
    rate: float | None = None
    """Requests a second of an open loop; absent: closed loop."""
    requests: int = 0
    """Of `sync` and `calls`."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom to do it to. `catalog`: a file with what SyncCatalog replies; `request`: one with a framed GetCommand;
    `cores`: the generator's.
    """

    address: str
    key: str
    digest: str
    catalog: str
    request: str
    reply_bytes: int
    pids: tuple[int, ...]
    cores: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`requests`: done, of whatever kind, for `server_cpu_s` of the server's time. `worst_ms`: until the last of the
    `connects` was answered. What does not apply is 0. `seen`: an `Observation`, for the verdict.
    """

    requests: int
    server_cpu_s: float
    seen: dict[str, Any]
    rate: float = 0.0
    p50_us: float = 0.0
    p99_us: float = 0.0
    worst_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class _Done:
    """What the generator says of itself."""

    requests: int
    elapsed_s: float
    cpu_s: float
    rate: float
    p50_us: float = 0.0
    p99_us: float = 0.0
    mean_us: float = 0.0
    late: float = 0.0
    worst_ms: float = 0.0
    own_process: bool = True
    """Whether `cpu_s` was spent in this process, which the watch knows, or in another, which it takes for foreign."""


def run(load: Load, subject: Subject) -> Outcome:
    """Do it. Raises BenchError when a reply is wrong or missing."""
    os.sched_setaffinity(0, subject.cores)
    with Watch(lambda: subject.pids, os.getpid()) as watch:
        done = _KINDS[load.kind](load, subject)
    # The watch saw more than the load: expected replies were read before it.
    stretch = watch.wall_s / done.elapsed_s
    foreign = watch.foreign - (0.0 if done.own_process else done.cpu_s / watch.wall_s)
    seen = Observation(
        rate=done.rate,
        latency_us=done.mean_us,
        generator_busy=done.cpu_s / done.elapsed_s,
        generator_waited=watch.generator.waited,
        server_busy=min(1.0, watch.server.busy * stretch),
        server_waited=watch.server.waited,
        steal=watch.steal,
        foreign=max(0.0, foreign),
        late=done.late,
    )
    figures = {name: value for name, value in asdict(seen).items() if isinstance(value, float)}
    return Outcome(
        done.requests, watch.server.run_s, figures, done.rate, done.p50_us, done.p99_us, done.worst_ms
    )  # fmt: skip


def _get(load: Load, subject: Subject) -> _Done:
    report = make_load(
        subject.address, subject.key, {subject.digest: Path(subject.catalog)}, connections=load.connections,
        streams=load.streams, duration_s=load.seconds, rate=load.rate, warmup_s=WARMUP_S,
    )  # fmt: skip
    raw = report.raw
    return _Done(
        int(raw["verified"]), float(raw["elapsed_s"]), float(raw["generator_cpu_s"]), report.rate, report.p50_us,
        report.p99_us, float(raw["latency_us"]["mean"]), raw["not_started_late"] / max(1, raw["due"]),
    )  # fmt: skip


def _h2load(load: Load, subject: Subject) -> _Done:
    sync = load.kind == "sync"
    empty = Path(subject.request).with_name("empty")
    empty.write_bytes(bytes(PREFIX_BYTES))
    verdict = judge(
        f"http://{subject.address}/avap.DefinitionEngine/{'SyncCatalog' if sync else 'GetCommand'}",
        key=subject.key,
        body=empty if sync else Path(subject.request),
        requests=load.requests,
        connections=load.connections,
        streams=load.streams,
        reply_bytes=PREFIX_BYTES + Path(subject.catalog).stat().st_size if sync else subject.reply_bytes,
        options=WINDOWS if sync else (),
    )
    return _Done(verdict.requests, verdict.elapsed_s, verdict.cpu_s, verdict.rate, own_process=False)


def _connects(load: Load, subject: Subject) -> _Done:
    """Only the server's first bytes prove a connection: the kernel completes the handshake without being accepted."""
    host, _, port = subject.address.rpartition(":")
    selector = selectors.DefaultSelector()
    began, began_cpu = time.monotonic(), time.process_time()
    sockets = []
    for _ in range(load.connections):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((host, int(port)))
        selector.register(client, selectors.EVENT_WRITE)
        sockets.append(client)
    waiting, answered, last_s = len(sockets), 0, 0.0
    while waiting and time.monotonic() - began < CONNECTS_TIMEOUT_S:
        for key, events in selector.select(timeout=0.1):
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            try:
                if events & selectors.EVENT_WRITE:
                    ready.sendall(HTTP2_PREFACE)
                    selector.modify(ready, selectors.EVENT_READ)
                    continue
                answered += bool(ready.recv(64))
            except OSError:
                pass
            waiting -= 1
            selector.unregister(ready)
            last_s = time.monotonic() - began
    elapsed_s, cpu_s = time.monotonic() - began, time.process_time() - began_cpu
    for opened in sockets:
        opened.close()
    # Those that were never answered were waited for to the end.
    worst_s = elapsed_s if waiting else last_s
    return _Done(answered, elapsed_s, cpu_s, answered / elapsed_s, worst_ms=worst_s * 1e3)


_KINDS = {"get": _get, "sync": _h2load, "calls": _h2load, "connects": _connects}


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    print(json.dumps(asdict(run(Load(**asked["load"]), Subject(**asked["subject"])))))
