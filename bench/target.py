"""A server to measure: where it listens, what its replies must be, and which processes are its."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from bench.verdict import BenchError, KeyRefusedError, UnreachableError, UsageError

SYNC = "/avap.DefinitionEngine/SyncCatalog"
GET = "/avap.DefinitionEngine/GetCommand"
VERSION_HEADER = "avap-catalog-version"
ASK_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 5.0
KEY_FILE_BYTES_MAX = 128 * 1024
_LISTEN = "0A"  # include/net/tcp_states.h


class RemoteRefusedError(UsageError):
    """A target on another host, and nobody said that it may be loaded."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server. `versions`: digest to the file with the catalogue that replies are checked against."""

    name: str
    address: str
    """address:port, the address in numbers."""
    key: str
    versions: Mapping[str, Path]
    pids: Callable[[], Sequence[int]]
    remote: bool = False

    @property
    def catalog(self) -> Path:
        """The newest version's catalogue."""
        return list(self.versions.values())[-1]

    def answers(self) -> bool:
        """Whether it still takes connections."""
        host, _, port = self.address.rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), ANSWER_TIMEOUT_S):
                return True
        except OSError:
            return False


def resolve(text: str, *, allow_remote: bool) -> tuple[str, bool]:
    """`host:port` as `address:port` in numbers, and whether that is another host.

    Raises RemoteRefusedError for one that is not on loopback, unless allowed, UsageError and UnreachableError.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or not 1 <= int(port) <= 65_535:
        raise UsageError(f"a target is host:port; found {text}")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnreachableError(f"no such host: {error}: {text}") from error
    address = str(found[0][4][0])
    remote = not ipaddress.ip_address(address).is_loopback
    if remote and not allow_remote:
        raise RemoteRefusedError(
            f"{text} is not on loopback, and a load can take a host down; with --yes-remote it is made all the same"
        )
    return (f"[{address}]:{port}" if ":" in address else f"{address}:{port}"), remote


def existing(
    text: str, *, key: str, catalog: Path | None, directory: Path, allow_remote: bool, name: str = ""
) -> Target:
    """A server that runs already. Without `catalog` it is asked for its own, and only agreement with that is checked.

    Raises BenchError.
    """
    address, remote = resolve(text, allow_remote=allow_remote)
    version, synced = fetch(address, key, everything=catalog is None)
    if catalog is None:
        catalog = directory / f"catalog-{address.replace(':', '-')}"
        catalog.write_bytes(synced)
    return Target(name or text, address, key, {_digest(version, address): catalog}, processes(address, remote), remote)


def bare(text: str, *, key: str, allow_remote: bool) -> Target:
    """A server that runs already and holds no catalogue. Raises BenchError."""
    address, remote = resolve(text, allow_remote=allow_remote)
    target = Target(text, address, key, {}, processes(address, remote), remote)
    if not target.answers():
        raise UnreachableError(f"nothing answers at {text}; is the server running, and is this its port?")
    return target


def fetch(address: str, key: str, *, everything: bool = True) -> tuple[str, bytes]:
    """Call a server once: the version that it names, and its catalogue (`everything`) or nothing.

    Raises UnreachableError, KeyRefusedError and BenchError.
    """
    # The answer for a name that is not held names the version too.
    path, request = (SYNC, b"") if everything else (GET, b"\x0a\x01?")
    options = [("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(address, options) as channel:
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
        metadata = (("x-avap-auth", key),) if key else ()
        call = ask.future(request, metadata=metadata, timeout=ASK_TIMEOUT_S)
        error = call.exception()
        if isinstance(error, grpc.RpcError) and (everything or error.code() is not grpc.StatusCode.NOT_FOUND):
            raise _no_answer(address, path, error)
        said = [*(call.initial_metadata() or ()), *(call.trailing_metadata() or ())]
        version = next((str(value) for name, value in said if name == VERSION_HEADER), "")
        return version, call.result() if everything else b""


def read_key(path: Path | None, environ: Mapping[str, str]) -> str:
    """The key to show: the first in the file, else `API_KEY`, else the first in the file `API_KEY_FILE`, else none.

    Raises KeyRefusedError.
    """
    if path is None and environ.get("API_KEY"):
        return environ["API_KEY"]
    if path is None and not environ.get("API_KEY_FILE"):
        return ""
    path = path or Path(environ["API_KEY_FILE"])
    try:
        with path.open("rb") as file:
            lines = file.read(KEY_FILE_BYTES_MAX).decode().splitlines()
    except OSError as error:
        raise KeyRefusedError(f"cannot read the key file: {error.strerror}: {path}") from error
    except UnicodeDecodeError as error:
        raise KeyRefusedError(f"the key file is not text; is it the right file? {path}") from error
    keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not keys:
        raise KeyRefusedError(f"the key file holds no key: {path}")
    return keys[0]


def processes(address: str, remote: bool) -> Callable[[], Sequence[int]]:
    """What tells the processes behind an address, as far as they can be seen from here."""
    return list if remote else lambda: listening(address)


def listening(address: str) -> list[int]:
    """The processes that hold a listening socket on the port of an address of this host, as far as we may see."""
    port = int(address.rpartition(":")[2])
    sockets = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                sockets.add(f"socket:[{fields[9]}]")
    own = os.getpid()
    return [pid for pid in _processes() if pid != own and sockets and _holds(pid, sockets)]


def _no_answer(address: str, path: str, error: grpc.RpcError) -> BenchError:
    status: grpc.StatusCode = error.code()
    said = " ".join(str(error.details()).split())
    if status is grpc.StatusCode.UNAUTHENTICATED:
        return KeyRefusedError(f"{address} refuses the key ({said}); give the right one with --key-file")
    if status is grpc.StatusCode.UNAVAILABLE:
        return UnreachableError(f"nothing answers at {address}; is the server running, and is this its port? ({said})")
    if status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return UnreachableError(f"{address} did not answer {path} within {ASK_TIMEOUT_S:.0f} s")
    return BenchError(f"{address} does not answer {path} as a definition server does: {status.name} {said}")


def _digest(version: str, address: str) -> str:
    _, dash, digest = version.partition("-")
    if not dash:
        raise BenchError(
            f"{address} does not say {VERSION_HEADER} in its replies, so there is nothing to check them by: {version!r}"
        )
    return digest


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _holds(pid: int, sockets: set[str]) -> bool:
    try:
        descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
    for descriptor in descriptors:
        try:
            if str(descriptor.readlink()) in sockets:
                return True
        except OSError:
            continue
    return False
