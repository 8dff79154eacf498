"""A small server of the protocol on grpcio, right or wrong in one chosen way.

The clients' checks are themselves checked against it: each fault must be noticed by each client. Run as
`python -m tests.clients.reference_server WIRE FAULT [PORT]`; prints its port, ends when its standard input closes.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
import grpc.aio

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[bytes, bytes]

KEY: Final = "reference-key"
FAULT_PERIOD: Final = 50  # every so many calls; a swap of versions too
MORTAL_CALLS: Final = 4 * FAULT_PERIOD
FAULTS: Final = (
    "none",
    "flipped_record",
    "flipped_sync",
    "lost_record",
    "unknown_version",
    "no_version",
    "generation_back",
    "wrong_message",
    "open_door",
    "unavailable",
    "not_serving",
    "silent",
    "mortal",
)


def _field(number: int, value: bytes) -> bytes:
    """A length-delimited field; proto3 leaves the empty one out."""
    if not value:
        return b""
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _record(name: str, code: bytes, wire: str) -> bytes:
    hash_hex = hashlib.sha256(code).hexdigest().encode()
    if wire == "standard":
        fields = (name.encode(), code, hash_hex, b"function", b'[{"item":"a","type":"var"}]')
    else:
        head = b"AVAP" + (1).to_bytes(2, "big") + len(code).to_bytes(4, "big")
        package = head + hmac.digest(b"reference-signing-key", head + code, "sha256") + code
        fields = (name.encode(), b"function", b"[]", package, hash_hex)
    return b"".join(_field(number, value) for number, value in enumerate(fields, 1))


@dataclass(frozen=True, slots=True)
class ReferenceVersion:
    """One content of the catalogue with the digest that stands for it."""

    digest: str
    commands: dict[str, bytes]
    sync_body: bytes


def make_version(number: int, wire: str, commands: int = 30, code_bytes: int = 700) -> ReferenceVersion:
    """A version that differs from every other number's in each record; names are partly not ASCII."""
    digest = hashlib.sha256(f"{number}-{wire}".encode()).hexdigest()[:32]
    records = {}
    for position in range(commands):
        name = f"command {position} ñ" if position % 3 == 0 else f"command{position}"
        records[name] = _record(name, f"# {number} {position}\n".encode().ljust(code_bytes, b"."), wire)
    body = b"".join(_field(1, record) for record in records.values())
    if wire == "lite":
        body += b"\x10" + _varint(commands) + _field(3, f"v-{digest}".encode())
    return ReferenceVersion(digest, records, body)


def as_input(version: ReferenceVersion, *, with_sync_body: bool) -> dict[str, Any]:
    """The version as the clients' input lists it."""
    listed: dict[str, Any] = {
        "digest": version.digest,
        "commands": {name: base64.b64encode(record).decode() for name, record in version.commands.items()},
    }
    if with_sync_body:
        listed["sync_body"] = base64.b64encode(version.sync_body).decode()
    return listed


def _flip(reply: bytes) -> bytes:
    middle = len(reply) // 2
    return reply[:middle] + bytes([reply[middle] ^ 1]) + reply[middle + 1 :]


class Engine(grpc.GenericRpcHandler):
    """DefinitionEngine and health; swaps between two versions all the time."""

    def __init__(self, wire: str, fault: str) -> None:
        self._versions = [make_version(number, wire) for number in (0, 1)]
        self._fault = fault
        self._calls = 0

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """The handler of a method, None for an unknown one."""
        method = handler_call_details.method
        unary: dict[str, Callable[[bytes, Context], Awaitable[bytes]]] = {
            "/avap.DefinitionEngine/GetCommand": self._get,
            "/avap.DefinitionEngine/SyncCatalog": self._sync,
            "/grpc.health.v1.Health/Check": self._check,
        }
        if method in unary:
            return grpc.unary_unary_rpc_method_handler(unary[method])
        return grpc.unary_stream_rpc_method_handler(self._watch) if method.endswith("/Watch") else None

    async def _begin(self, context: Context) -> tuple[ReferenceVersion, str, bool]:
        """Of one call: the version it is answered from, its header's value, whether the fault is due."""
        self._calls += 1
        due = self._calls % FAULT_PERIOD == 0
        if self._fault == "mortal" and self._calls == MORTAL_CALLS:
            os._exit(1)
        if self._fault == "silent" and due:
            await asyncio.Event().wait()
        if self._fault == "unavailable" and due:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "on purpose")
        generation = 1 + self._calls // FAULT_PERIOD
        if self._fault == "generation_back" and due and generation > 2:
            generation -= 2
        version = self._versions[generation % 2]
        digest = "0" * 32 if self._fault == "unknown_version" and due else version.digest
        header = f"{generation}-{digest}"
        if dict(context.invocation_metadata() or ()).get("x-avap-auth") != KEY and not (
            self._fault == "open_door" and due
        ):
            await context.send_initial_metadata((("avap-catalog-version", header),))
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "Invalid Credentials")
        return version, header, due

    async def _get(self, request: bytes, context: Context) -> bytes:
        version, header, due = await self._begin(context)
        name = request[2:].decode()
        record = version.commands.get(name)
        if record is None:
            await self._abort_missing(context, header, name, due)
        await self._send_header(context, header, due)
        return _flip(record) if self._fault == "flipped_record" and due else record

    async def _abort_missing(self, context: Context, header: str, name: str, due: bool) -> NoReturn:
        message = f"Command '{name}' not found"
        if self._fault == "wrong_message" and due:
            message += "!"
        # Without initial metadata this is a reply of trailers alone.
        await context.abort(grpc.StatusCode.NOT_FOUND, message, (("avap-catalog-version", header),))
        raise AssertionError("abort returned")

    async def _send_header(self, context: Context, header: str, due: bool) -> None:
        if not (self._fault == "no_version" and due):
            await context.send_initial_metadata((("avap-catalog-version", header),))

    async def _sync(self, request: bytes, context: Context) -> bytes:
        version, header, due = await self._begin(context)
        await self._send_header(context, header, due)
        body = version.sync_body
        if self._fault == "flipped_sync":
            return _flip(body)
        if self._fault == "lost_record":
            return body[len(_field(1, next(iter(version.commands.values())))) :]
        return body

    async def _check(self, request: bytes, context: Context) -> bytes:
        return b"\x08\x02" if self._fault == "not_serving" else b"\x08\x01"

    async def _watch(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        yield await self._check(request, context)
        await asyncio.Event().wait()


async def _serve(wire: str, fault: str, port: str = "0") -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Engine(wire, fault),))
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    print(bound, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(grace=None)


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
