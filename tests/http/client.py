"""HTTP as somebody else speaks it: Python's own client for ordinary requests, a bare socket for the others."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TIMEOUT_S = 20.0
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([0-9]{3}) [A-Za-z -]*\r\n")


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def parts(address: str) -> tuple[str, int]:
    """Host and port of an address."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


@contextlib.contextmanager
def connected(address: str) -> Iterator[http.client.HTTPConnection]:
    """A connection that is kept."""
    connection = http.client.HTTPConnection(*parts(address), timeout=TIMEOUT_S)
    try:
        yield connection
    finally:
        connection.close()


def send(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One request over a kept connection."""
    connection.request(method, path, body, dict(headers or {}))
    reply = connection.getresponse()
    return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())


def call(
    address: str,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One request over a connection of its own."""
    with connected(address) as connection:
        return send(connection, method, path, body, headers)


def get(address: str, path: str, headers: Mapping[str, str] | None = None) -> Reply:
    """GET."""
    return call(address, "GET", path, None, headers)


def post(address: str, path: str, value: object, headers: Mapping[str, str] | None = None) -> Reply:
    """POST a JSON value; bytes and text go as they are."""
    body = (
        value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else json.dumps(value).encode()
    )
    return call(address, "POST", path, body, {"Content-Type": "application/json", **(headers or {})})


@contextlib.contextmanager
def bare(address: str) -> Iterator[socket.socket]:
    """A socket without a client."""
    with socket.create_connection(parts(address), timeout=TIMEOUT_S) as connection:
        yield connection


def read_to_end(connection: socket.socket) -> bytes:
    """Everything up to the end of the connection, or its reset."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            found += piece
    return found


def exchange_bytes(address: str, sent: bytes) -> bytes:
    """Send these bytes and read until the appliance closes. Raises TimeoutError when it does not."""
    with bare(address) as connection:
        with contextlib.suppress(ConnectionError):  # it may close before it has read all
            connection.sendall(sent)
        return read_to_end(connection)


def statuses(answer: bytes) -> list[int]:
    """Status codes of the answers in a byte stream, by their status lines."""
    return [int(status) for status in STATUS_LINE.findall(answer)]
