"""Requests that no honest client sends: the status of the table, and the worker lives on."""

from __future__ import annotations

import gzip
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appliance.frames import RawConnection
from tests.appliance.load import GET, SYNC, get_raw, open_channel
from tests.appliance.process import KEY, Appliance, serving

OK, INVALID_ARGUMENT, DEADLINE, NOT_FOUND, EXHAUSTED, UNIMPLEMENTED, UNAUTHENTICATED = (
    "0",
    "3",
    "4",
    "5",
    "8",
    "12",
    "16",
)
ADD_VAR = b"\x0a\x06addVar"


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """One appliance for the file: it has to live through all of it."""
    with serving(tmp_path_factory.mktemp("hostile") / "state") as running:
        pid = running.worker_pids()[0]
        yield running
        assert running.worker_pids() == [pid], "the worker did not live on"
        assert not running.logged("Worker Died")
        assert not [line for line in running.log if "panic" in str(line).lower()]


@pytest.fixture
def connection(appliance: Appliance) -> Iterator[RawConnection]:
    """A connection of its own."""
    found = RawConnection(appliance.grpc_address, receive_buffer=1 << 20)
    yield found
    found.close()


def name_message(name: bytes) -> bytes:
    """A CommandRequest with any bytes as name."""
    length = len(name)
    varint = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
    return b"\x0a" + varint + name


NAMES = {
    "missing": (b"", INVALID_ARGUMENT),
    "empty": (b"\x0a\x00", INVALID_ARGUMENT),
    "256 bytes": (name_message(b"x" * 256), NOT_FOUND),
    "257 bytes": (name_message(b"x" * 257), INVALID_ARGUMENT),
    "not UTF-8": (name_message(b"\xff\xfe"), INVALID_ARGUMENT),
    "with NUL": (name_message(b"add\0Var"), NOT_FOUND),
    "non-ASCII": (name_message("añadir".encode()), NOT_FOUND),
    "line break": (name_message(b"add\r\nVar"), NOT_FOUND),
    "truncated": (b"\x0a\x06add", INVALID_ARGUMENT),
    "wrong wire type": (b"\x08\x01", INVALID_ARGUMENT),
    "length beyond everything": (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", INVALID_ARGUMENT),
    "endless varint": (b"\x0a" + b"\xff" * 20, INVALID_ARGUMENT),
    "unknown field too": (ADD_VAR + b"\x12\x03abc", OK),
    "last one wins": (b"\x0a\x03foo" + ADD_VAR, OK),
    "group": (b"\x0b\x0c", INVALID_ARGUMENT),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_and_messages(connection: RawConnection, name: str) -> None:
    message, expected = NAMES[name]
    fields, body = connection.call(GET, KEY, message)
    assert fields["grpc-status"] == expected
    assert "avap-catalog-version" in fields
    assert bool(body) == (expected == OK)


KEYS = {
    "missing": None,
    "empty": "",
    "prefix": KEY[:-1],
    "longer": KEY + "x",
    "huge": "k" * 8000,
    "other case": KEY.upper(),
}


@pytest.mark.parametrize("name", KEYS)
def test_keys(connection: RawConnection, name: str) -> None:
    for path in (GET, SYNC):
        fields, body = connection.call(path, KEYS[name], ADD_VAR)
        assert (fields["grpc-status"], fields["grpc-message"]) == (UNAUTHENTICATED, "Invalid Credentials")
        assert body == b""


BODIES = {
    "no bytes at all": (b"", INVALID_ARGUMENT),
    "half a prefix": (b"\0\0\0", INVALID_ARGUMENT),
    "prefix alone": (b"\0\0\0\0\x08", INVALID_ARGUMENT),
    "message cut short": (b"\0\0\0\0\x08" + ADD_VAR[:-1], INVALID_ARGUMENT),
    "bytes after the message": (b"\0\0\0\0\x08" + ADD_VAR + b"more", INVALID_ARGUMENT),
    "four gigabytes announced": (b"\0\xff\xff\xff\xff" + ADD_VAR, EXHAUSTED),
    "just over the limit": (b"\0\0\1\0\1" + b"x" * 65537, EXHAUSTED),
    "unknown flag": (b"\7\0\0\0\x08" + ADD_VAR, INVALID_ARGUMENT),
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies(connection: RawConnection, name: str) -> None:
    body, expected = BODIES[name]
    fields, _ = connection.reply(connection.request_body(GET, KEY, body))
    assert fields["grpc-status"] == expected


def test_gzip_is_understood_and_its_bombs_are_not(connection: RawConnection) -> None:
    good = gzip.compress(ADD_VAR)
    fields, body = connection.reply(connection.request(GET, KEY, good, compressed=1, grpc_encoding="gzip"))
    assert fields["grpc-status"] == OK
    assert len(body) > 100
    bomb = gzip.compress(b"\0" * 50_000_000)
    fields, _ = connection.reply(connection.request(GET, KEY, bomb, compressed=1, grpc_encoding="gzip"))
    assert fields["grpc-status"] == EXHAUSTED
    fields, _ = connection.reply(connection.request(GET, KEY, good[:-9], compressed=1, grpc_encoding="gzip"))
    assert fields["grpc-status"] == INVALID_ARGUMENT


def test_unknown_compression_is_told_what_is_known(connection: RawConnection) -> None:
    fields, _ = connection.reply(connection.request(GET, KEY, ADD_VAR, compressed=1, grpc_encoding="zstd"))
    assert fields["grpc-status"] == UNIMPLEMENTED
    assert set(fields["grpc-accept-encoding"].replace(" ", "").split(",")) == {"identity", "gzip"}


@pytest.mark.parametrize("path", ["/avap.DefinitionEngine/Nothing", "/other.Service/GetCommand", "/", "/a" * 2000])
def test_unknown_methods(connection: RawConnection, path: str) -> None:
    fields, _ = connection.call(path, KEY, ADD_VAR)
    assert fields["grpc-status"] == UNIMPLEMENTED


def test_what_is_not_grpc_gets_a_plain_answer(connection: RawConnection) -> None:
    stream = connection.h2.get_next_available_stream_id()
    headers = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "test")]
    connection.h2.send_headers(stream, headers, end_stream=True)
    connection.flush()
    fields, _ = connection.reply(stream)
    assert fields[":status"] in ("404", "405", "415")


def test_a_deadline_that_has_passed_while_the_body_was_awaited(connection: RawConnection) -> None:
    stream = connection.h2.get_next_available_stream_id()
    connection.h2.send_headers(stream, connection.headers(GET, KEY, grpc_timeout="50m"), end_stream=False)
    connection.flush()
    fields, _ = connection.reply(stream)
    assert fields["grpc-status"] == DEADLINE


def test_bytes_that_are_not_http2_at_all(appliance: Appliance) -> None:
    host, port = appliance.grpc_address.split(":")
    chooser = random.Random(7)
    for number in range(200):
        with socket.create_connection((host, int(port)), timeout=10) as rude:
            junk = chooser.randbytes(chooser.randrange(1, 400))
            preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" if number % 2 else b""
            rude.sendall(preface + junk)
    with open_channel(appliance.grpc_address) as channel:
        get_raw(channel, "addVar")


def test_mutated_conversations_hurt_nobody_else(appliance: Appliance) -> None:
    """A recorded, legal conversation with random bytes changed, a few hundred times."""
    recorded = recorded_conversation()
    host, port = appliance.grpc_address.split(":")
    chooser = random.Random(11)
    with open_channel(appliance.grpc_address) as healthy:
        for _ in range(300):
            mutated = bytearray(recorded)
            for _ in range(chooser.randrange(1, 8)):
                mutated[chooser.randrange(24, len(mutated))] = chooser.randrange(256)
            with socket.create_connection((host, int(port)), timeout=10) as rude:
                rude.sendall(mutated)
            get_raw(healthy, "addVar")


def recorded_conversation() -> bytes:
    """What a client sends for three calls."""
    listener = socket.create_server(("127.0.0.1", 0))
    client = RawConnection(f"127.0.0.1:{listener.getsockname()[1]}")
    for path in (GET, SYNC, GET):
        client.request(path, KEY, ADD_VAR)
    server, _ = listener.accept()
    client.close()
    data = b""
    while piece := server.recv(65536):
        data += piece
    server.close()
    listener.close()
    return data


def test_statuses_are_counted_under_their_labels(appliance: Appliance, connection: RawConnection) -> None:
    before = appliance.metrics()
    connection.call(GET, KEY, ADD_VAR)
    connection.call(GET, "wrong", ADD_VAR)
    connection.call(GET, KEY, name_message(b"nobody"))
    connection.call(GET, KEY, b"")
    after = appliance.metrics()
    for status in ("200", "401", "404", "400"):
        name = f'avap_requests_total{{method="GetCommand",status="{status}"}}'
        assert after[name] == before.get(name, 0) + 1


def test_many_idle_connections_leave_room_for_one_more(appliance: Appliance) -> None:
    host, port = appliance.grpc_address.split(":")
    idle = [socket.create_connection((host, int(port)), timeout=10) for _ in range(500)]
    try:
        with open_channel(appliance.grpc_address) as channel:
            get_raw(channel, "addVar")
    finally:
        for one in idle:
            one.close()


def test_the_message_of_an_unknown_command_is_percent_encoded(connection: RawConnection) -> None:
    fields, _ = connection.call(GET, KEY, name_message("añadir%".encode()))
    assert fields["grpc-message"] == "Command 'a%C3%B1adir%25' not found"


def test_a_state_without_a_catalogue_is_unavailable(tmp_path: Path) -> None:
    environ = {"DATABASE_URL": "postgresql://nobody:none@127.0.0.1:1/none"}
    with serving(tmp_path / "state", environ) as empty:
        connection = RawConnection(empty.grpc_address)
        assert connection.call(GET, KEY, ADD_VAR)[0]["grpc-status"] == "14"
        assert connection.call(GET, "wrong", ADD_VAR)[0]["grpc-status"] == UNAUTHENTICATED
        connection.close()
