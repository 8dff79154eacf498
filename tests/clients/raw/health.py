"""The standard health probe, in bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio

if TYPE_CHECKING:
    Check = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
    Watch = grpc.aio.UnaryStreamMultiCallable[bytes, bytes]

_STATUSES = {b"": "UNKNOWN", b"\x08\x01": "SERVING", b"\x08\x02": "NOT_SERVING", b"\x08\x03": "SERVICE_UNKNOWN"}
_REQUESTS = {"": b"", "avap.DefinitionEngine": b"\x0a\x15avap.DefinitionEngine"}


async def probe(channel: grpc.aio.Channel, timeout_s: float) -> dict[str, str]:
    """{service: status, "watch": status}; a status is "SERVING" or what went wrong."""
    answers = {}
    check: Check = channel.unary_unary("/grpc.health.v1.Health/Check")
    for service, request in _REQUESTS.items():
        try:
            answers[service] = _status(await check(request, timeout=timeout_s))
        except grpc.aio.AioRpcError as error:
            answers[service] = error.details() or error.code().name
    watch: Watch = channel.unary_stream("/grpc.health.v1.Health/Watch")
    stream = watch(b"", timeout=timeout_s)
    try:
        first = await stream.read()
        answers["watch"] = _status(first) if isinstance(first, bytes) else "ended without a message"
    except grpc.aio.AioRpcError as error:
        answers["watch"] = error.details() or error.code().name
    stream.cancel()
    return answers


def _status(reply: bytes) -> str:
    return _STATUSES.get(reply, f"unreadable: {reply.hex()}")
