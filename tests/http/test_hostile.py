"""Bytes that no honest client sends. After each the worker is the same process and answers as before."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appliance.process import Appliance, serving
from tests.http.client import bare, exchange_bytes, get, parts, post, read_to_end, statuses
from tests.http.conftest import HTTP
from tests.waiting import wait_until

OK_SCRIPT = {"script": "addVar(x, 1)\naddResult(x)"}


def http_pid(appliance: Appliance) -> int:
    """Pid of the HTTP worker."""
    (pid,) = [worker.pid for worker in appliance.status().workers if worker.role == "http"]
    return pid


@pytest.fixture(autouse=True)
def lives_on(appliance: Appliance) -> Iterator[None]:
    """The worker outlives every test, and answers."""
    pid = http_pid(appliance)
    yield
    assert http_pid(appliance) == pid, "the worker did not live on"
    assert appliance.metrics()["avap_worker_panics_total"] == 0
    assert post(appliance.http_address, "/api/v1/execute", OK_SCRIPT).json()["result"] == {"x": 1}


def request(head: str, body: bytes = b"") -> bytes:
    """A request from its lines."""
    return head.strip().replace("\n", "\r\n").encode() + b"\r\n\r\n" + body


SMUGGLED = b"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n"

CHECK = "POST /api/v1/check HTTP/1.1\nHost: a\n"
CHUNKS = b"0\r\n\r\n" + SMUGGLED

AMBIGUOUS = {
    "both lengths": request(CHECK + "Content-Length: 4\nTransfer-Encoding: chunked", CHUNKS),
    "both lengths, other order": request(CHECK + "Transfer-Encoding: chunked\nContent-Length: 4", CHUNKS),
    "two lengths": request(CHECK + "Content-Length: 0\nContent-Length: 33", SMUGGLED),
    "a list of lengths": request(CHECK + "Content-Length: 0, 33", SMUGGLED),
    "a signed length": request(CHECK + "Content-Length: +2", b"{}" + SMUGGLED),
    "a coding that is not chunked": request(CHECK + "Transfer-Encoding: xchunked", CHUNKS),
    "chunked is not the last coding": request(CHECK + "Transfer-Encoding: chunked, gzip", CHUNKS),
    "space before the colon": request(CHECK + "Content-Length : 33", SMUGGLED),
    "a folded header": request("GET /health HTTP/1.1\nHost: a\nX-A: b\n Content-Length: 33", SMUGGLED),
    "no host": request("GET /health HTTP/1.1\nAccept: */*"),
    "two hosts": request("GET /health HTTP/1.1\nHost: a\nHost: b"),
    "a NUL in a header": request("GET /health HTTP/1.1\nHost: a\nX-A: b\0c"),
    "no version": b"GET /health\r\n\r\n",
    "a future version": request("GET /health HTTP/3.0\nHost: a"),
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
    "noise": bytes(range(256)) * 4,
}


@pytest.mark.parametrize("sent", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_what_two_readers_could_understand_differently_is_refused_and_ends_the_connection(
    appliance: Appliance, sent: bytes
) -> None:
    with bare(appliance.http_address) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        found = statuses(read_to_end(connection))
    assert len(found) <= 1, "what was hidden in the first request was answered"
    assert all(400 <= status < 500 for status in found)


@pytest.mark.parametrize("first", ["Content-Length: 4", "Transfer-Encoding: chunked"])
def test_of_two_lengths_the_chunks_count_and_the_connection_ends(appliance: Appliance, first: str) -> None:
    lines = sorted(["Content-Length: 4", "Transfer-Encoding: chunked"], key=lambda line: line != first)
    body = b'{"script": "x = 1"}'
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    sent = request("\n".join([CHECK.strip(), *lines]), chunks + SMUGGLED)
    with bare(appliance.http_address) as connection:
        connection.sendall(sent)
        answer = read_to_end(connection)
    assert statuses(answer) == [200], "what was hidden behind the length was answered"


def test_a_body_in_another_coding_is_refused_and_ends_the_connection(appliance: Appliance) -> None:
    sent = request(CHECK + "Transfer-Encoding: gzip, chunked", b'13\r\n{"script": "x = 1"}\r\n' + CHUNKS)
    with bare(appliance.http_address) as connection:
        connection.sendall(sent)
        assert statuses(read_to_end(connection)) == [501]


def test_a_bad_chunk_is_refused(appliance: Appliance) -> None:
    head = "POST /api/v1/check HTTP/1.1\nHost: a\nTransfer-Encoding: chunked"
    long_extension = b"2;" + b"x" * 20_000 + b"\r\n{}\r\n0\r\n\r\n"
    for chunks in (b"zz\r\n{}\r\n0\r\n\r\n", long_extension, b"ffffffffffffffff1\r\n{}", b"2\r\n{}XX0\r\n\r\n"):
        found = statuses(exchange_bytes(appliance.http_address, request(head, chunks)))
        assert found == [400], chunks[:20]


def test_a_head_over_the_limit_is_refused(appliance: Appliance) -> None:
    many = "\n".join(f"X-{number}: a" for number in range(200))
    for lines in ("X-Long: " + "a" * 100_000, many):
        found = statuses(exchange_bytes(appliance.http_address, request(f"GET /health HTTP/1.1\nHost: a\n{lines}")))
        assert found == [431]
    target = "/" + "a" * 100_000
    assert statuses(exchange_bytes(appliance.http_address, request(f"GET {target} HTTP/1.1\nHost: a"))) in (
        [414],
        [431],
    )


def test_a_body_over_the_limit_is_refused_before_it_is_sent(appliance: Appliance) -> None:
    head = "POST /api/v1/execute HTTP/1.1\nHost: a\nContent-Length: 99999999999"
    answer = exchange_bytes(appliance.http_address, request(head))
    assert statuses(answer) == [413]
    assert b'"field":"body"' in answer
    waiting = "POST /api/v1/execute HTTP/1.1\nHost: a\nContent-Length: 99999999\nExpect: 100-continue"
    assert statuses(exchange_bytes(appliance.http_address, request(waiting))) == [413]


def test_who_sends_too_much_all_the_same_reads_why(appliance: Appliance) -> None:
    body = b'{"script": "' + b"a" * (9 << 20) + b'"}'
    head = f"POST /api/v1/execute HTTP/1.1\nHost: a\nContent-Length: {len(body)}"
    assert statuses(exchange_bytes(appliance.http_address, request(head, body))) == [413]
    pieces = b"".join(b"%x\r\n%s\r\n" % (65536, b"a" * 65536) for _ in range(140))
    chunked = "POST /api/v1/execute HTTP/1.1\nHost: a\nTransfer-Encoding: chunked"
    assert statuses(exchange_bytes(appliance.http_address, request(chunked, pieces + b"0\r\n\r\n"))) == [413]


def test_slow_peers_are_let_go_of(appliance: Appliance) -> None:
    before = appliance.metrics()["avap_connection_timeouts_total"]
    with bare(appliance.http_address) as silent, bare(appliance.http_address) as dripping:
        started = time.monotonic()
        silent.settimeout(30)
        dripping.settimeout(0.2)
        ended = False
        while not ended and time.monotonic() - started < 25:
            try:
                dripping.sendall(b"G")
                ended = dripping.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True
        assert ended, "a head that comes byte by byte was waited for"
        assert read_to_end(silent) == b""
        assert time.monotonic() - started < 20
    assert appliance.metrics()["avap_connection_timeouts_total"] == before + 2


def test_a_body_that_does_not_come_is_not_waited_for_longer_than_half_a_minute(appliance: Appliance) -> None:
    with bare(appliance.http_address) as slow:
        slow.settimeout(60)
        started = time.monotonic()
        slow.sendall(request("POST /api/v1/execute HTTP/1.1\nHost: a\nContent-Length: 100", b"{"))
        answer = read_to_end(slow)
    assert statuses(answer) == [408]
    assert b'"code":"slow_body"' in answer
    assert 29 < time.monotonic() - started < 45


BROKEN = {
    "nothing": (b"", "body"),
    "not UTF-8": (b'{"script": "\xff"}', "body"),
    "cut off": (b'{"script": "x', "body"),
    "a list": (b"[1]", "body"),
    "two values": (b'{"script": "x"} {}', "body"),
    "a number for the script": (b'{"script": 5}', "script"),
    "an object for the script": (b'{"script": {"a": "b"}}', "script"),
    "a list of variables": (b'{"script": "x = 1", "variables": [1]}', "variables"),
    "null variables": (b'{"script": "x = 1", "variables": null}', "variables"),
    "a text for the timeout": (b'{"script": "x = 1", "timeout_ms": "1"}', "timeout_ms"),
    "a timeout of nothing": (b'{"script": "x = 1", "timeout_ms": 0}', "timeout_ms"),
    "a dialect that is not there": (b'{"script": "x = 1", "dialect": "strict"}', "dialect"),
    "no script": (b'{"variables": {}}', "script"),
    "too deep": (b'{"script": "x = 1", "variables": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}", "body"),
    "too deep objects": (b'{"a":' * 100_000, "body"),
    "a control character": (b'{"script": "a\nb"}', "body"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "field"), BROKEN.values(), ids=BROKEN.keys())
def test_a_wrong_body_names_the_field(appliance: Appliance, body: bytes, field: str) -> None:
    started = time.monotonic()
    reply = post(appliance.http_address, "/api/v1/execute", body)
    assert reply.status == 400
    found = reply.json()
    assert (found["success"], found["field"]) == (False, field)
    assert found["error"]
    assert time.monotonic() - started < 2


def test_extra_keys_are_legal_and_the_last_of_equal_ones_counts(appliance: Appliance) -> None:
    script = "addParam(extra2, y)\\naddResult(y)"
    body = f'{{"script": "x = 1", "extra": {{"deep": [1, NaN]}}, "script": "{script}", "extra2": 7}}'
    assert post(appliance.http_address, "/api/v1/execute", body).json()["result"] == {"y": 7}


def test_a_compressed_body_is_refused(appliance: Appliance) -> None:
    reply = post(appliance.http_address, "/api/v1/execute", OK_SCRIPT, {"Content-Encoding": "gzip"})
    assert reply.status == 415


def test_pipelined_requests_are_answered_in_order(appliance: Appliance) -> None:
    scripts = [f'{{"script": "addVar(x, {number})\\naddResult(x)"}}'.encode() for number in range(20)]
    with bare(appliance.http_address) as connection:
        for body in scripts:
            head = f"POST /api/v1/execute HTTP/1.1\nHost: a\nContent-Length: {len(body)}"
            connection.sendall(request(head, body))
        connection.sendall(request("GET /health HTTP/1.1\nHost: a\nConnection: close"))
        answers = read_to_end(connection)
    assert statuses(answers) == [200] * 21
    places = [answers.index(b'"result": {"x": %d}' % number) for number in range(20)]
    assert places == sorted(places)


def test_a_client_that_says_no_more_still_reads_its_answer(appliance: Appliance) -> None:
    body = b'{"script": "addVar(x, 1)\\naddResult(x)"}'
    with bare(appliance.http_address) as connection:
        head = f"POST /api/v1/execute HTTP/1.1\nHost: a\nContent-Length: {len(body)}"
        connection.sendall(request(head, body))
        connection.shutdown(socket.SHUT_WR)
        assert statuses(read_to_end(connection)) == [200]


def test_many_silent_connections_leave_room_for_others(appliance: Appliance) -> None:
    connections = [socket.create_connection(parts(appliance.http_address)) for _ in range(500)]
    try:
        assert get(appliance.http_address, "/health").status == 200
    finally:
        for connection in connections:
            connection.close()
    wait_until(lambda: appliance.metrics()["avap_connections"] == 0, 10, "the connections to be gone")


def test_bodies_that_never_come_do_not_fill_the_memory(tmp_path: Path) -> None:
    with serving(tmp_path / "state", HTTP) as appliance:
        pid = http_pid(appliance)
        connections = []
        piece = b"a" * (4 << 20)
        head = request("POST /api/v1/execute HTTP/1.1\nHost: a\nContent-Length: 8000000")
        try:
            for _ in range(40):
                connection = socket.create_connection(parts(appliance.http_address))
                connection.settimeout(5)
                connections.append(connection)
                try:
                    connection.sendall(head + piece)
                except OSError:
                    continue
            status = Path(f"/proc/{pid}/status").read_text()
            (line,) = [line for line in status.splitlines() if line.startswith("RssAnon")]
            assert int(line.split()[1]) < 200 * 1024
            assert get(appliance.http_address, "/health").status == 200
        finally:
            for connection in connections:
                connection.close()
