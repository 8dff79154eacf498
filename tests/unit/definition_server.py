"""A definition engine on grpcio for tests of the client: right by default, and failing in chosen ways.

It implements the status table of the data plane: key, names, missing commands, version headers on every reply.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from appliance.pb import avap_lite_pb2, avap_pb2, health_pb2

KEY = "unit-test-key"
SIGNING_KEY = b"unit-test-signing-key"
DIGEST = "0123456789abcdef0123456789abcdef"
INTERFACE = '[{"item": "a", "type": "var"}]'


def package(code: bytes, key: bytes = SIGNING_KEY) -> bytes:
    """A signed package, written from the specification and not with the code under test."""
    head = b"AVAP\x00\x01" + len(code).to_bytes(4, "big")
    return head + hmac.new(key, head + code, hashlib.sha256).digest() + code


@dataclass
class Engine:
    """What the server holds and how it errs. Tests change it while it runs."""

    commands: dict[str, str] = field(default_factory=dict)
    wire: str = "standard"
    signed: bool = False
    generation: int = 1
    hydrated: bool = True
    fail: list[grpc.StatusCode] = field(default_factory=list)
    """Statuses for the next calls, in order."""
    wrong_hash: str | None = None
    tampered: bool = False
    stall: Callable[[], object] | None = None
    calls: int = 0
    keys_seen: list[str | None] = field(default_factory=list)

    def get(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """GetCommand."""
        self._begin(context)
        messages: Any = avap_pb2 if self.wire == "standard" else avap_lite_pb2
        name = messages.CommandRequest.FromString(request).name
        if not name or len(name.encode()) > 256:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Invalid Name")
        if name not in self.commands:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Command '{name}' not found")
        return bytes(self._record(name).SerializeToString())

    def sync(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """SyncCatalog."""
        self._begin(context)
        records = [self._record(name) for name in self.commands]
        if self.wire == "standard":
            return avap_pb2.Catalog(commands=records).SerializeToString()
        count = len(records) + (1 if self.tampered else 0)
        return avap_lite_pb2.CatalogResponse(
            commands=records, total_count=count, version_hash=f"v-{DIGEST}"
        ).SerializeToString()

    def check(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Health, which needs no key."""
        if health_pb2.HealthCheckRequest.FromString(request).service not in ("", "avap.DefinitionEngine"):
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        serving = health_pb2.HealthCheckResponse.SERVING
        status = serving if self.hydrated else health_pb2.HealthCheckResponse.NOT_SERVING
        return health_pb2.HealthCheckResponse(status=status).SerializeToString()

    def _begin(self, context: grpc.ServicerContext) -> None:
        self.calls += 1
        if self.stall is not None:
            self.stall()
        key = dict(context.invocation_metadata()).get("x-avap-auth")
        self.keys_seen.append(key if isinstance(key, str) or key is None else key.decode())
        version = (("avap-catalog-version", f"{self.generation}-{DIGEST}"),)
        if self.fail:
            context.set_trailing_metadata(version)
            context.abort(self.fail.pop(0), "on purpose")
        if not self.hydrated:
            context.abort(grpc.StatusCode.UNAVAILABLE, "nothing hydrated yet")
        if key != KEY:
            context.set_trailing_metadata(version)
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "Invalid Credentials")
        context.send_initial_metadata(version)

    def _record(self, name: str) -> Any:
        code = self.commands[name]
        sha = self.wrong_hash or hashlib.sha256(code.encode()).hexdigest()
        packed = package(code.encode())
        if self.tampered:
            packed = packed[:-1] + b"!"
        if self.wire == "lite":
            return avap_lite_pb2.CommandResponse(
                name=name, type="function", interface_json=INTERFACE, code=packed, hash=sha
            )
        return avap_pb2.CommandDefinition(
            name=name,
            type="function",
            interface_json=INTERFACE,
            code=code,
            hash=sha,
            package=packed if self.signed else b"",
        )


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, engine: Engine) -> None:
        self._methods = {
            "/avap.DefinitionEngine/GetCommand": engine.get,
            "/avap.DefinitionEngine/SyncCatalog": engine.sync,
            "/grpc.health.v1.Health/Check": engine.check,
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        method = self._methods.get(handler_call_details.method)
        return None if method is None else grpc.unary_unary_rpc_method_handler(method)


@contextmanager
def serving(
    engine: Engine, address: str = "127.0.0.1:0", handlers: Sequence[grpc.GenericRpcHandler] = ()
) -> Iterator[str]:
    """Serve `engine` (and further handlers) until the block ends; yields its address."""
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_Handlers(engine), *handlers))
    port = server.add_insecure_port(address)
    server.start()
    try:
        yield address if address.startswith("unix:") else f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()
