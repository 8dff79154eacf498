"""Finding the appliance that a command means: its settings, its admin socket, its address and key."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from appliance.errors import (
    AvapError,
    InternalError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    UsageError,
)

if TYPE_CHECKING:
    from appliance.client import Client
    from appliance.config import Loaded
    from appliance.pb import admin_pb2

STATUS_TIMEOUT_S = 5.0
LOOK_TIMEOUT_S = 1.0
"""For asking the admin socket where the appliance listens, before a command's real work."""
SYSTEM_STATE_DIR = Path("/var/lib/avap")


def load_settings(config_file: Path | None, state_dir: Path | None = None, **flags: object) -> Loaded:
    """Load the configuration for a command. `flags` are keys with `__` for the dot. Raises ConfigError, SecretError."""
    from appliance.config import load

    given = {name.replace("__", "."): value for name, value in flags.items()}
    return load({"state_dir": state_dir} | given, os.environ, config_file)


def find_state_dir(config_file: Path | None, state_dir: Path | None) -> Path:
    """The state directory that is meant. When it is named, a wrong configuration is no hindrance."""
    if state_dir is not None:
        return state_dir.expanduser().absolute()
    return load_settings(config_file).settings.state_dir


class Admin:
    """The admin service of the appliance on a state directory."""

    def __init__(self, state_dir: Path) -> None:
        """Connect. Raises UnavailableError, with the reason, when nothing answers there."""
        path = state_dir / "admin.sock"
        _probe(path, state_dir)
        import grpc

        from appliance.pb import admin_pb2_grpc

        self._path = path
        options = [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", -1)]
        # gRPC reads the path of a `unix:` target as part of a URI, so a `%` in it must be written as one.
        self._channel = grpc.insecure_channel(f"unix:{quote(os.fspath(path))}", options=options)
        make_stub: Callable[[grpc.Channel], Any] = admin_pb2_grpc.AdminStub  # generated without types
        self.stub = make_stub(self._channel)

    def ask(self, method: Callable[..., Any], request: object, timeout_s: float) -> Any:
        """Make one call. Raises NotFoundError, RefusedError, UsageError, UnavailableError, InternalError."""
        import grpc

        try:
            return method(request, timeout=timeout_s)
        except grpc.RpcError as error:
            raise self._translate(error, timeout_s) from error

    def status(self, timeout_s: float = STATUS_TIMEOUT_S) -> admin_pb2.StatusReply:
        """Ask for everything it knows of itself."""
        from appliance.pb import admin_pb2

        reply: admin_pb2.StatusReply = self.ask(self.stub.Status, admin_pb2.StatusRequest(), timeout_s)
        return reply

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def __enter__(self) -> Admin:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _translate(self, error: Any, timeout_s: float) -> AvapError:
        from grpc import StatusCode

        status, said = error.code(), error.details() or "no reason given"
        if status is StatusCode.NOT_FOUND:
            return NotFoundError(said)
        if status is StatusCode.FAILED_PRECONDITION:
            return RefusedError(said)
        if status is StatusCode.INVALID_ARGUMENT:
            return UsageError(said)
        if status is StatusCode.DEADLINE_EXCEEDED:
            return UnavailableError(
                f"the appliance did not answer within {timeout_s:g} s; look at its log: {self._path}"
            )
        if status in (StatusCode.UNAVAILABLE, StatusCode.CANCELLED):
            return UnavailableError(f"the appliance went away while it was asked ({said}): {self._path}")
        return InternalError(f"the appliance met a fault of its own ({status.name}): {said}")


def running(state_dir: Path) -> admin_pb2.StatusReply | None:
    """The status of the appliance on a state directory, None when none answers in a second."""
    try:
        with Admin(state_dir) as admin:
            return admin.status(LOOK_TIMEOUT_S)
    except AvapError:
        return None


def connect(
    config_file: Path | None,
    state_dir: Path | None,
    target: str | None,
    key_file: Path | None,
    wire: Literal["standard", "lite"] | None,
    timeout_s: float,
    *,
    sync_timeout_s: float | None = None,
    needs_key: bool = True,
) -> Client:
    """Make a client of the appliance that is meant.

    Its address: `target`, else where the appliance on the state directory says that it listens, else the settings'.
    Raises ConfigError, SecretError, UsageError; the connection itself is made by the first call.
    """
    from appliance.client import Client
    from appliance.config import read_keys
    from appliance.keys import find_key, read_key_file

    settings = load_settings(config_file, state_dir).settings
    if target is None:
        status = running(settings.state_dir)
        if status is not None and status.grpc_address:
            target = reachable(status.grpc_address)
            wire = wire or ("lite" if status.wire == "lite" else "standard")
        elif settings.grpc.port == 0:
            raise UnavailableError(
                f"no appliance runs on the state directory {settings.state_dir}, "
                "and the settings name no port; give --target"
            )
        else:
            target = reachable(f"[{settings.bind}]" if ":" in settings.bind else settings.bind, settings.grpc.port)
        wire = wire or settings.grpc.wire
    keys: tuple[str, ...] = ()
    if key_file is not None:
        keys = read_key_file(key_file, "the key file")
    elif needs_key:
        found = find_key(os.environ)
        keys = found.values if found is not None else read_keys(settings)
    return Client(
        target,
        keys[0] if keys else "",
        wire=wire or "standard",
        timeout_s=timeout_s,
        sync_timeout_s=sync_timeout_s,
    )


def reachable(address: str, port: int | None = None) -> str:
    """An address to connect to, from one to listen on: nobody connects to 0.0.0.0."""
    host, given = (address, str(port)) if port is not None else (address.rpartition(":")[0], address.rpartition(":")[2])
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    return f"{host}:{given}"


def _probe(path: Path, state_dir: Path) -> None:
    """Find out why a unix socket does not answer; gRPC's own words do not say."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.settimeout(STATUS_TIMEOUT_S)
        try:
            probe.connect(os.fspath(path))
        except OSError as error:
            raise UnavailableError(_why(error, path, state_dir)) from error


def _why(error: OSError, path: Path, state_dir: Path) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"only the user that runs the appliance (or root) may ask it; use `sudo avap …`: {path}"
    if error.errno in (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR):
        hint = "start one with `avap serve`, or name its directory with --state-dir"
        if error.errno == errno.ENOENT and state_dir != SYSTEM_STATE_DIR and os.path.lexists(SYSTEM_STATE_DIR):
            hint += f"; the one that systemd runs is on {SYSTEM_STATE_DIR}"
        return f"no appliance runs on this state directory; {hint}: {state_dir}"
    return f"cannot reach the appliance: {error.strerror or error}: {path}"
