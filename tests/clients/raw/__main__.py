"""Makes the calls over grpcio's generic channel and prints one JSON object."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc.aio

from .health import probe
from .judge import Version, judge_hit, judge_sync, parse_version, read_versions
from .plan import Call, Plan
from .report import GenerationWatch, Report

if TYPE_CHECKING:
    Method = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]

EXIT_DEADLINE: Final = 3
ERROR_PAUSE_S: Final = 0.01  # a server that is away is not asked in a tight loop
AUTH: Final = "x-avap-auth"
VERSION: Final = "avap-catalog-version"
CHANNEL_OPTIONS: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),  # otherwise all channels to one target share one connection
    ("grpc.enable_http_proxy", 0),
)
# Statuses with which the appliance answers; with any other the call did not get an answer.
ANSWERS: Final = frozenset({"OK", "NOT_FOUND", "UNAUTHENTICATED", "INVALID_ARGUMENT", "UNIMPLEMENTED"})


class Caller:
    """Makes calls on its connections and enters each outcome in the report."""

    def __init__(self, data: dict[str, Any], report: Report) -> None:
        self.report = report
        self.wire: str = data.get("wire", "standard")
        self.wait_for_ready = bool(data.get("wait_for_ready"))
        self.timeout_s = float(data.get("call_timeout_s", 10))
        self.versions = read_versions(data["versions"])
        self.channels = [
            grpc.aio.insecure_channel(data["target"], options=CHANNEL_OPTIONS) for _ in range(data["connections"])
        ]
        self._get = [_method(channel, "GetCommand") for channel in self.channels]
        self._sync = [_method(channel, "SyncCatalog") for channel in self.channels]

    async def connect(self) -> None:
        """Connects every channel, as far as the target answers within the call timeout."""
        ready = [asyncio.create_task(channel.channel_ready()) for channel in self.channels]
        _, pending = await asyncio.wait(ready, timeout=self.timeout_s)
        for task in pending:
            task.cancel()
        self.watch = GenerationWatch(len(self.channels), self.report)

    async def make(self, call: Call, connection: int) -> bool:
        """Makes one call on one connection; whether it was answered."""
        sync = call.kind == "sync"
        method = (self._sync if sync else self._get)[connection]
        metadata = () if call.key is None else ((AUTH, call.key),)
        begun = self.watch.begin(connection)
        self.report.calls += 1
        request = b"" if sync else _request(call.name)
        pending = method(request, metadata=metadata, timeout=self.timeout_s, wait_for_ready=self.wait_for_ready)
        reply, code, message = b"", "OK", ""
        try:
            reply = await pending
            version = _version(await pending.initial_metadata())
        except grpc.aio.AioRpcError as error:
            code, message = error.code().name, error.details() or ""
            # A reply of trailers alone carries the header in them.
            version = _version(error.initial_metadata()) or _version(error.trailing_metadata())
        if code not in ANSWERS:
            self.report.error(call.kind, code, message)
            return False
        named = parse_version(version)
        if named is not None:
            self.report.version(*named)
            self.watch.end(connection, begun, named[0])
        announced = self.versions.get(named[1]) if named else None
        if announced is None:
            fault: str | None = f"{VERSION} is {version!r}, of no version in the input"
        elif code == "OK":
            fault = self._judge_reply(call, announced, reply)
        else:
            fault = _judge_refusal(call, announced, code, message)
        if fault is None:
            self.report.right[call.kind] += 1
        else:
            self.report.mismatch(call, fault)
        return True

    def _judge_reply(self, call: Call, version: Version, reply: bytes) -> str | None:
        if call.kind == "sync":
            return judge_sync(version, reply, self.wire)
        if call.kind == "hit":
            return judge_hit(version, call.name, reply)
        return "answered OK"


def _method(channel: grpc.aio.Channel, name: str) -> Method:
    """A call that takes the request's bytes and gives the reply's."""
    return channel.unary_unary(f"/avap.DefinitionEngine/{name}")


def _judge_refusal(call: Call, version: Version, code: str, message: str) -> str | None:
    expected = ("OK", "")
    if call.kind == "wrong_key":
        expected = ("UNAUTHENTICATED", "Invalid Credentials")
    elif call.kind == "miss" or (call.kind == "hit" and call.name not in version.commands):
        expected = ("NOT_FOUND", f"Command '{call.name}' not found")
    return None if (code, message) == expected else f"{code} {message!r}"


def _request(name: str) -> bytes:
    """A CommandRequest; a name of more than 127 bytes needs a second length byte."""
    encoded = name.encode()
    size = len(encoded)
    length = bytes([size]) if size < 0x80 else bytes([size & 0x7F | 0x80, size >> 7])
    return b"\x0a" + length + encoded


def _version(metadata: grpc.aio.Metadata | None) -> str | None:
    for name, value in metadata or ():
        if name == VERSION:
            return value if isinstance(value, str) else value.decode("latin-1")
    return None


async def _stdin_closed() -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


async def run(data: dict[str, Any], report: Report) -> None:
    """Probes health, connects, and makes the calls of the input."""
    plan = Plan(
        data.get("seed", 1),
        data["mix"],
        data["key"],
        (name for version in data["versions"] for name in version["commands"]),
    )
    caller = Caller(data, report)
    report.health = await probe(caller.channels[0], caller.timeout_s)
    for service, status in report.health.items():
        if status != "SERVING":
            report.error("health", status, service)
    await caller.connect()
    stop = asyncio.create_task(_stdin_closed()) if data.get("until_stdin_closes") else None

    async def lane(connection: int) -> None:
        while report.calls < data["calls"] or (stop is not None and not stop.done()):
            if not await caller.make(plan.call(), connection):
                await asyncio.sleep(ERROR_PAUSE_S)

    async with asyncio.TaskGroup() as group:
        for index in range(data["concurrency"]):
            group.create_task(lane(index % data["connections"]))
    for channel in caller.channels:
        await channel.close()


def main() -> int:
    """Exit code 0 when the calls were made, 3 when the deadline passed before."""
    data = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    report = Report()
    code = 0
    try:
        asyncio.run(asyncio.wait_for(run(data, report), data.get("deadline_s", 120)))
    except TimeoutError:
        code = EXIT_DEADLINE
    print(json.dumps(report.as_json()), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
