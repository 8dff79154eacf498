"""Load from grpcio while something is done to the appliance; every reply is checked byte for byte."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import grpc

from appliance.pb import avap_pb2
from tests.appliance.process import KEY

GET = "/avap.DefinitionEngine/GetCommand"
SYNC = "/avap.DefinitionEngine/SyncCatalog"
CHANNEL_OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 20),
    ("grpc.max_reconnect_backoff_ms", 100),
]


def open_channel(address: str, *extra: tuple[str, object]) -> grpc.Channel:
    """A channel with one connection of its own."""
    return grpc.insecure_channel(address, options=[*CHANNEL_OPTIONS, *extra])


def get_raw(channel: grpc.Channel, name: str, key: str | None = KEY, timeout: float = 10) -> tuple[bytes, str]:
    """GetCommand as bytes, and its `avap-catalog-version`. Raises grpc.RpcError."""
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(GET)
    metadata = (("x-avap-auth", key),) if key is not None else ()
    request = avap_pb2.CommandRequest(name=name).SerializeToString()
    reply, done = call.with_call(request, metadata=metadata, timeout=timeout, wait_for_ready=True)
    return reply, str(dict(done.initial_metadata())["avap-catalog-version"])


def sync_raw(channel: grpc.Channel, timeout: float = 30) -> bytes:
    """SyncCatalog as bytes. Raises grpc.RpcError."""
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(SYNC)
    return call(b"", metadata=(("x-avap-auth", KEY),), timeout=timeout)


@dataclass
class Failure:
    """A call that failed, and when (monotonic seconds)."""

    at: float
    connection: int
    code: grpc.StatusCode
    details: str


@dataclass
class Load:
    """Threads that call GetCommand one after the other, each on its own connection, until stopped.

    `versions` maps a digest to the records of that version by name; entries may be added while it runs, before the
    version is announced. `unknown` collects replies of a digest that nobody has told us yet, checked at the end.
    """

    address: str
    versions: Mapping[str, Mapping[str, bytes]]
    names: list[str]
    connections: int = 4
    calls: int = 0
    failures: list[Failure] = field(default_factory=list)
    mismatches: list[str] = field(default_factory=list)
    backwards: list[str] = field(default_factory=list)
    unknown: list[tuple[str, str, bytes]] = field(default_factory=list)
    longest_s: float = 0.0

    def __enter__(self) -> Load:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(self.connections)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a call hangs"

    def check(self) -> None:
        """Assert that all replies were right, now that every version is known."""
        for digest, name, reply in self.unknown:
            if digest not in self.versions:
                self.mismatches.append(f"{name}: digest {digest} was never announced")
            elif self.versions[digest][name] != reply:
                self.mismatches.append(f"{name}: not the record of {digest}")
        assert self.mismatches == []
        assert self.backwards == []

    def _run(self, connection: int) -> None:
        chooser = random.Random(connection)
        last_generation = 0
        with open_channel(self.address) as channel:
            while not self._stop.is_set():
                name = chooser.choice(self.names)
                started = time.monotonic()
                try:
                    reply, version = get_raw(channel, name)
                except grpc.RpcError as error:
                    with self._lock:
                        self.failures.append(Failure(time.monotonic(), connection, error.code(), str(error.details())))
                    continue
                generation, digest = version.split("-")
                with self._lock:
                    self.calls += 1
                    self.longest_s = max(self.longest_s, time.monotonic() - started)
                    if int(generation) < last_generation:
                        self.backwards.append(f"connection {connection}: {last_generation} then {generation}")
                    if digest not in self.versions:
                        self.unknown.append((digest, name, reply))
                    elif self.versions[digest][name] != reply:
                        self.mismatches.append(f"{name}: not the record of {digest}")
                last_generation = int(generation)
