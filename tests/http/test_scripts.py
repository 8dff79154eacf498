"""How scripts are run: limits, fairness, overload, statuses that scripts choose, and many at once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.appliance.process import Appliance, serving
from tests.http.client import Reply, bare, connected, exchange_bytes, post, send, statuses
from tests.http.conftest import HTTP
from tests.waiting import wait_until

ENDLESS = "startLoop(i, 0, 1000000000)\n  x = i\nendLoop()"
SHORT = "addVar(x, 1)\naddResult(x)"
LIMIT_MS = 800


def run(appliance: Appliance, script: str, **more: object) -> Reply:
    """Run a script."""
    return post(appliance.http_address, "/api/v1/execute", {"script": script, **more})


def test_an_answer_has_the_predecessors_shape_and_charset(appliance: Appliance) -> None:
    reply = run(appliance, 'addVar(x, "ñ </b>")\naddResult(x)')
    assert reply.headers["content-type"] == "application/json; charset=UTF-8"
    assert list(reply.json()) == ["success", "result", "variables", "logs"]
    assert b'{"x": "\\u00f1 <\\/b>"}' in reply.body
    (first, second) = reply.json()["logs"]
    assert (first["command"], first["success"], second["command"]) == ("addVar", True, "addResult")
    assert first["duration_ms"] >= 0


def test_an_error_says_where(appliance: Appliance) -> None:
    reply = run(appliance, "addVar(x, 1)\n  nothing(x)")
    assert reply.status == 400
    found = reply.json()
    assert (found["success"], found["error"]) == (False, "Command not found: nothing")
    assert (found["code"], found["line"]) == ("command_not_found", 2)


@pytest.mark.parametrize(("status", "sent"), [("201", 201), ("404", 404), ("599", 599), ("418.9", 418), ("600", 200)])
def test_a_script_may_choose_the_status(appliance: Appliance, status: str, sent: int) -> None:
    reply = run(appliance, f"_status = {status}\naddVar(x, 1)\naddResult(x)")
    assert (reply.status, reply.json()["result"]) == (sent, {"x": 1})


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body_have_none_and_the_connection_goes_on(appliance: Appliance, status: int) -> None:
    with connected(appliance.http_address) as connection:
        body = json.dumps({"script": f"_status = {status}"}).encode()
        reply = send(connection, "POST", "/api/v1/execute", body)
        assert (reply.status, reply.body) == (status, b"")
        assert "x-request-id" in reply.headers
        assert send(connection, "GET", "/health").status == 200


@pytest.mark.parametrize("status", [100, 101, 150, 199])
def test_an_informational_status_is_the_last_word_of_its_connection(appliance: Appliance, status: int) -> None:
    body = json.dumps({"script": f"_status = {status}"}).encode()
    answer = exchange_bytes(
        appliance.http_address,
        b"POST /api/v1/execute HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body),
    )
    assert statuses(answer) == [status]
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert rest == b""
    assert b"x-catalog-version" in head


def test_a_script_that_takes_too_long_is_ended_in_time(appliance: Appliance) -> None:
    started = time.monotonic()
    reply = run(appliance, ENDLESS)
    took_ms = (time.monotonic() - started) * 1000
    assert reply.status == 504
    assert reply.json()["error"] == "Script Execution Timeout (Isolation)"
    assert reply.json()["code"] == "deadline_exceeded"
    assert LIMIT_MS * 0.9 < took_ms < LIMIT_MS * 1.5  # the figure is a benchmark's; this holds on a busy host
    assert run(appliance, SHORT).status == 200


def test_a_client_may_ask_for_less_time(appliance: Appliance) -> None:
    started = time.monotonic()
    assert run(appliance, ENDLESS, timeout_ms=100).status == 504
    assert time.monotonic() - started < 0.6


def test_short_scripts_are_answered_while_endless_ones_hold_every_thread(appliance: Appliance) -> None:
    done = threading.Event()
    replies: list[int] = []

    def endless() -> None:
        while not done.is_set():
            replies.append(run(appliance, ENDLESS).status)

    threads = [threading.Thread(target=endless) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: appliance.metrics()["avap_scripts_running"] >= 6, 10, "endless scripts to run")
        longer = "startLoop(i, 0, 3000)\n  x = i\nendLoop()\naddResult(x)"  # some slices
        for _ in range(20):
            assert run(appliance, SHORT).status == 200
            assert run(appliance, longer).json()["result"] == {"x": 3000}
    finally:
        done.set()
        for thread in threads:
            thread.join(20)
    assert set(replies) <= {504, 503}


def test_more_than_can_be_done_is_refused_at_once(tmp_path: Path) -> None:
    with serving(tmp_path / "state", {**HTTP, "AVAP_VM_TIMEOUT_MS": "3000"}) as appliance:
        assert run(appliance, SHORT).status == 200  # its commands are compiled from now on
        connections = []
        body = json.dumps({"script": ENDLESS}).encode()
        head = b"POST /api/v1/execute HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(
            body
        )
        with ExitStack() as stack:
            for _ in range(200):
                connection = stack.enter_context(bare(appliance.http_address))
                connection.sendall(head + body)
                connections.append(connection)
            started = time.monotonic()
            refused = 0
            for connection in reversed(connections):
                connection.settimeout(0.5)
                try:
                    answer = connection.recv(65536)
                except TimeoutError:
                    continue
                assert statuses(answer) == [503]
                assert b"retry-after: 1" in answer
                assert b"Server Overloaded: Try again in miliseconds" in answer
                refused += 1
                if refused >= 20:
                    break
            assert refused >= 20
            assert time.monotonic() - started < 3
            assert run(appliance, SHORT).status == 200  # it needs no thread
        wait_until(lambda: appliance.metrics()["avap_scripts_running"] == 0, 15, "scripts whose client is gone to end")
        assert appliance.metrics()['avap_script_runs_total{outcome="refused"}'] >= refused


@pytest.fixture(scope="module")
def threads_4(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """Two workers with four VM threads each."""
    environ = {**HTTP, "AVAP_HTTP_WORKERS": "2", "AVAP_VM_THREADS": "4", "AVAP_VM_TIMEOUT_MS": "20000",
               "AVAP_WORKER_HEARTBEAT_TIMEOUT_S": "30"}  # fmt: skip
    with serving(tmp_path_factory.mktemp("threads") / "state", environ) as running:
        yield running


def test_many_at_once_never_see_each_other(threads_4: Appliance) -> None:
    rounds, callers = 40, 64
    wrong: list[str] = []
    script = (
        "function double(v) {\n  w = v + v\n  return w\n}\n"
        "startLoop(i, 1, %d)\n  y = token\n"
        "  if(i, 2, >)\n    AddvariableToJSON(last, token, seen)\n  end()\nendLoop()\n"
        "d = double(token)\naddResult(y)\naddResult(d)\naddResult(seen)"
    )

    def call(number: int) -> None:
        with connected(threads_4.http_address) as connection:
            for round_number in range(rounds):
                token = f"t{number}x{round_number}"
                loops = (number * 7 + round_number * 131) % 900 + 3
                body = {"script": script % loops, "variables": {"token": token}}
                reply = send(connection, "POST", "/api/v1/execute", json.dumps(body).encode())
                expected = {"y": token, "d": token + token, "seen": {"last": token}}
                if reply.status != 200 or reply.json()["result"] != expected:
                    wrong.append(f"{token}: {reply.status} {reply.body[:300]!r}")

    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert wrong == []


def test_check_says_what_will_surprise_and_runs_nothing(appliance: Appliance) -> None:
    reply = post(appliance.http_address, "/api/v1/check", {"script": "x += 1\n" + ENDLESS})
    assert reply.status == 200
    found = reply.json()
    first = found["diagnostics"][0]
    assert (first["code"], first["line"], first["severity"]) == ("compound-assignment", 1, "warning")
    assert set(first) == {"code", "severity", "strict", "line", "column", "happens", "meant"}
    assert (found["left_out"], found["strict"]) == (0, False)


def test_compile_keeps_its_shape_and_stores_nothing(appliance: Appliance) -> None:
    body = {"name": "fresh", "script": "x = 1 + 2\n"}
    reply = post(appliance.http_address, "/api/v1/compile", body)
    assert reply.status == 200
    found = reply.json()
    assert (found["status"], found["name"], found["original_chars"]) == ("optimized & compiled", "fresh", 10)
    assert found["optimized_chars"] > 0
    assert found["diagnostics"] == []
    wrong = post(appliance.http_address, "/api/v1/compile", {"name": "n", "script": "import subprocess\nclass A: pass"})
    assert wrong.status == 200
    assert wrong.json()["diagnostics"][0]["line"] in (1, 2)
    missing = post(appliance.http_address, "/api/v1/compile", {"name": "n"})
    assert (missing.status, missing.json()) == (400, {"error": "Missing name or script"})
    assert run(appliance, "fresh()").json()["error"] == "Command not found: fresh"
