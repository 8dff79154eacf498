"""One connection to an appliance, and the calls over it."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self, cast

import grpc

from appliance.client.catalog import Catalog, Command, Wire, command_of
from appliance.client.errors import (
    MEANINGS,
    ClientError,
    CommandNotFound,
    IntegrityError,
    InvalidRequest,
    Unavailable,
)
from appliance.client.package import is_package, signed_with, source_of
from appliance.client.version import Version
from appliance.errors import SecretError, UsageError
from appliance.keys import find_key, key_fault
from appliance.pb import avap_lite_pb2, avap_pb2, health_pb2

DEFAULT_PORT = 50051
NAME_BYTES_MAX = 256
AUTH_HEADER = "x-avap-auth"
VERSION_HEADER = "avap-catalog-version"

BACKOFF_FIRST_S = 0.05
BACKOFF_MAX_S = 1.0
CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", -1),  # a catalogue is one message, and grpcio's default limit is 4 MB
    ("grpc.max_send_message_length", 64 * 1024),  # the appliance refuses more
    # Finds a dead peer within 40 s also while a sync without a deadline waits. Sent during calls only: servers
    # count pings on idle connections as abuse.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 0),
    # A worker that died is replaced within a quarter of a second; grpcio's own first pause is a whole one.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.enable_retries", 0),  # retried here, where it is bounded by the caller's timeout
    ("grpc.use_local_subchannel_pool", 1),  # two clients are two connections
    ("grpc.enable_http_proxy", 0),  # `http_proxy` in the environment is not meant for a service on this network
    ("grpc.service_config_disable_resolution", 1),  # no TXT look-ups
)


class Client:
    """A connection to an appliance. Usable from any number of threads; close it, or use it in a `with` block."""

    def __init__(
        self,
        target: str = f"127.0.0.1:{DEFAULT_PORT}",
        key: str | None = None,
        *,
        wire: Wire = "standard",
        timeout_s: float | None = 5.0,
        sync_timeout_s: float | None = None,
        retries: int = 3,
        verify_hash: bool = True,
        signing_keys: Sequence[bytes] = (),
        options: Sequence[tuple[str, int | str]] = (),
    ) -> None:
        """Prepare a client; nothing is sent yet.

        `target`: `host:port`, `host` (port 50051), `[ipv6]:port` or `unix:/path`.
        `key`: sent as `x-avap-auth`; None uses API_KEY or API_KEY_FILE, an empty string sends none.
        `wire`: the form that the appliance serves. `timeout_s` bounds a call with all its retries, None is for ever;
        `sync_timeout_s` is the same for `sync`. `retries`: further tries after UNAVAILABLE.
        `verify_hash`: check every command against its hash; the predecessor sent a constant instead of a hash.
        `signing_keys`: when given, every command must come as a package signed with one of them.
        `options`: further gRPC channel options, which win over CHANNEL_OPTIONS.

        Raises SecretError when the key cannot be used, UsageError for other arguments.
        """
        if wire not in ("standard", "lite"):
            raise UsageError(f"wire is standard or lite; found {wire!r}")
        if retries < 0:
            raise UsageError(f"retries is 0 or more; found {retries}")
        self.target = _target(target)
        self._wire: Wire = wire
        self._timeout_s = timeout_s
        self._sync_timeout_s = sync_timeout_s
        self._retries = retries
        self._verify_hash = verify_hash
        self._signing_keys = tuple(signing_keys)
        self._metadata = _auth(key)
        self._version: Version | None = None
        self._closed = threading.Event()
        merged = dict(CHANNEL_OPTIONS) | dict(options)
        self._channel = grpc.insecure_channel(self.target, options=list(merged.items()))
        messages: Any = avap_pb2 if wire == "standard" else avap_lite_pb2
        self._messages = messages
        self._get = self._method("/avap.DefinitionEngine/GetCommand", messages.CommandRequest, _reply(messages, "get"))
        self._sync = self._method("/avap.DefinitionEngine/SyncCatalog", messages.Empty, _reply(messages, "sync"))
        self._check = self._method(
            "/grpc.health.v1.Health/Check", health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
        )

    # -- calls ---------------------------------------------------------------------------------

    def get(self, name: str, *, timeout_s: float | None = None) -> Command:
        """Return one command. `timeout_s` overrides the client's.

        Raises CommandNotFound, InvalidRequest, InvalidKey, Unavailable, DeadlineExceeded, IntegrityError, ServerFault.
        """
        try:
            encoded = name.encode()
        except UnicodeEncodeError as error:
            raise InvalidRequest("a command's name must be valid Unicode; this one holds half a character") from error
        if not 1 <= len(encoded) <= NAME_BYTES_MAX:
            raise InvalidRequest(f"a command's name has 1 to {NAME_BYTES_MAX} bytes; this one has {len(encoded)}")
        request = self._messages.CommandRequest(name=name)
        reply, version = self._call(self._get, request, timeout_s if timeout_s is not None else self._timeout_s)
        self._verify(reply)
        return command_of(reply, version, self._wire)

    def sync(self, *, timeout_s: float | None = None) -> Catalog:
        """Return the whole catalogue, read in one call from one version. `timeout_s` overrides the client's.

        Raises InvalidKey, Unavailable, DeadlineExceeded, IntegrityError, ServerFault.
        """
        limit_s = timeout_s if timeout_s is not None else self._sync_timeout_s
        reply, version = self._call(self._sync, self._messages.Empty(), limit_s)
        for record in reply.commands:
            self._verify(record)
        if self._wire == "lite" and reply.total_count != len(reply.commands):
            raise IntegrityError(f"the catalogue names {reply.total_count} commands and holds {len(reply.commands)}")
        return Catalog(reply.commands, version, self._wire)

    def health(self, service: str = "", *, timeout_s: float | None = None) -> str:
        """Return `SERVING`, `NOT_SERVING`, `UNKNOWN` or `SERVICE_UNKNOWN`. Needs no key and is not retried.

        Raises Unavailable, DeadlineExceeded, NotImplementedByServer.
        """
        request = health_pb2.HealthCheckRequest(service=service)
        limit_s = timeout_s if timeout_s is not None else self._timeout_s
        try:
            reply, _ = self._call(self._check, request, limit_s, retries=0, metadata=())
        except CommandNotFound:  # the health protocol's answer for a service that it does not know
            return "SERVICE_UNKNOWN"
        return health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)

    @property
    def version(self) -> Version | None:
        """What the last reply, also an error, said of the catalogue's version; None before the first.

        Calls of all threads share it; `Command.version` and `Catalog.version` belong to their own reply.
        """
        return self._version

    def close(self) -> None:
        """Close the connection; calls in flight fail. May be called twice."""
        self._closed.set()
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- one call ------------------------------------------------------------------------------

    def _method(self, path: str, request: Any, reply: Any) -> Callable[..., Any]:
        method = self._channel.unary_unary(
            path, request_serializer=request.SerializeToString, response_deserializer=reply.FromString
        )
        return cast(Callable[..., Any], method.with_call)

    def _call(
        self,
        method: Callable[..., Any],
        request: object,
        timeout_s: float | None,
        *,
        retries: int | None = None,
        metadata: tuple[tuple[str, str], ...] | None = None,
    ) -> tuple[Any, Version | None]:
        """Make a call, again after UNAVAILABLE: every call of ours is idempotent. All within `timeout_s`."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        tries = 1 + (self._retries if retries is None else retries)
        sent = self._metadata if metadata is None else metadata
        for number in range(tries):
            if self._closed.is_set():
                raise Unavailable("this client was closed; make a new one")
            left_s = None if deadline is None else max(0.001, deadline - time.monotonic())
            try:
                reply, call = method(request, timeout=left_s, metadata=sent)
            except grpc.RpcError as error:
                pause_s = _pause_s(number)
                late = deadline is not None and time.monotonic() + pause_s >= deadline
                if error.code() is not grpc.StatusCode.UNAVAILABLE or number == tries - 1 or late:
                    raise self._translate(error, timeout_s) from error
                self._closed.wait(pause_s)
            except ValueError as error:  # grpcio's word for a channel closed meanwhile
                raise Unavailable("this client was closed; make a new one") from error
            else:
                version = _version_of(call)
                self._version = version or self._version
                return reply, version
        raise AssertionError("the last try returns or raises")

    def _translate(self, error: Any, timeout_s: float | None) -> ClientError:
        status: grpc.StatusCode = error.code()
        # The last words of "failed to connect to all addresses; last error: UNKNOWN: …: Connection refused" say it.
        details = (error.details() or "").strip().rpartition("Failed to connect to remote host: ")[2]
        kind, advice = MEANINGS.get(status, (ClientError, "the call failed with {status}"))
        said = advice.format(target=self.target, wire=self._wire, status=status.name, timeout=timeout_s)
        if status is grpc.StatusCode.UNAUTHENTICATED and not self._metadata:
            said = f"{self.target} wants a key and none was sent; set API_KEY or API_KEY_FILE"
        if status is grpc.StatusCode.NOT_FOUND and details:
            translated = kind(details)
        else:
            translated = kind(f"{said} ({details})" if details else said)
        translated.status = status
        translated.version = _version_of(error)
        self._version = translated.version or self._version
        return translated

    def _verify(self, record: Any) -> None:
        package: bytes = record.package if self._wire == "standard" else record.code
        if self._wire == "lite" and not is_package(package):
            raise IntegrityError(
                f"command {record.name!r} did not come as a package; is the other side's wire standard?"
            )
        if self._signing_keys and not any(signed_with(package, key) for key in self._signing_keys):
            raise IntegrityError(f"command {record.name!r} is not signed with a key that is known here; do not run it")
        if self._signing_keys and self._wire == "standard" and source_of(package) != record.code.encode():
            raise IntegrityError(f"command {record.name!r} differs from its signed package; do not run it")
        if not self._verify_hash:
            return
        source = record.code.encode() if self._wire == "standard" else source_of(package)
        if hashlib.sha256(source).hexdigest() != record.hash:
            raise IntegrityError(
                f"command {record.name!r} does not match its hash; "
                f"is the other side's wire form really {self._wire}? {record.hash[:64]!r}"
            )


def _target(target: str) -> str:
    text = target.strip()
    if not text:
        raise UsageError("the target is empty; give host:port or unix:/path")
    if "://" in text or text.startswith(("unix:", "unix-abstract:", "dns:", "ipv4:", "ipv6:", "vsock:")):
        if text.startswith(("http://", "https://")):
            raise UsageError(f"the target is host:port without a scheme; found {target!r}")
        return text
    host, colon, port = text.rpartition(":")
    bracketed = text.startswith("[")
    if bracketed and text.endswith("]"):
        return f"{text}:{DEFAULT_PORT}"
    if not colon:
        return f"{text}:{DEFAULT_PORT}"
    if ":" in host and not bracketed:
        return f"[{text}]:{DEFAULT_PORT}"  # a bare IPv6 address
    if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise UsageError(f"the target's port is 1 to 65535; found {target!r}")
    return text


def _auth(key: str | None) -> tuple[tuple[str, str], ...]:
    if key is None:
        found = find_key(os.environ)
        key = found.values[0] if found is not None else ""
    if not key:
        return ()
    fault = key_fault(key)
    if fault is not None:
        raise SecretError(f"the key cannot be used: {fault}")
    return ((AUTH_HEADER, key),)


def _reply(messages: Any, call: str) -> Any:
    if messages is avap_pb2:
        return avap_pb2.CommandDefinition if call == "get" else avap_pb2.Catalog
    return avap_lite_pb2.CommandResponse if call == "get" else avap_lite_pb2.CatalogResponse


def _pause_s(number: int) -> float:
    """Exponential with full spread below it, so that clients of a restarted appliance do not come back in step."""
    ceiling = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** (number + 1))
    return random.uniform(BACKOFF_FIRST_S, ceiling)


def _version_of(call: Any) -> Version | None:
    """A reply has the header in front, an error that came alone has it in its trailers."""
    for metadata in (call.initial_metadata(), call.trailing_metadata()):
        for name, value in metadata or ():
            if name == VERSION_HEADER:
                return Version.parse(value if isinstance(value, str) else value.decode("latin-1"))
    return None
