"""Scripts made to harm get their answers in time, what comes after them is as ever, and nothing stays in the worker."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appliance.catalog import write_command
from tests.appliance.process import Appliance, serving
from tests.http.client import bare, connected, read_to_end, send, statuses
from tests.http.conftest import HTTP
from tests.http.executions import JSON, ask, assert_clean, http_pid
from tests.http.script_attacks import ATTACKS, LIMIT_MS, Attack, loop
from tests.waiting import wait_until

IN_TIME_S = LIMIT_MS / 1000 * 1.1 + 0.6
"""What is more than the limit and a tenth of it is the way of 1 MB there and back on a busy host."""
GROWTH_MAX_KB = 8 << 10
QUIET_S = 10.0
STEADY_LOOKS = 400
"""At 5 ms each and more: idle workers give memory back about once a second."""
SETTLE_TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """One worker with one VM thread, which may run a script for longer than most here ask for."""
    environ = {**HTTP, "AVAP_VM_THREADS": "1", "AVAP_VM_TIMEOUT_MS": "20000"}
    with serving(tmp_path_factory.mktemp("attacked") / "state", environ) as running:
        yield running


@pytest.fixture(scope="module")
def kept(attacked: Appliance) -> Iterator[http.client.HTTPConnection]:
    """The one connection that all attacks and what comes after them go over."""
    with connected(attacked.http_address) as connection:
        yield connection


@pytest.fixture(scope="module")
def at_first(attacked: Appliance, kept: http.client.HTTPConnection) -> tuple[int, int]:
    """Pid of the HTTP worker, and its RssAnon once it has answered ordinary scripts."""
    work_as_ever(kept)
    pid = http_pid(attacked)
    return pid, settled_kb(pid)


def work_as_ever(connection: http.client.HTTPConnection) -> None:
    """Ordinary scripts, which fill the cache of compiled ones."""
    lines = [f"c{line} = {line}\naddVar(v{line}, c{line})" for line in range(800)]
    for number in range(50):
        assert ask(connection, json.dumps({"script": "\n".join([f"n = {number}", *lines])}).encode()).status == 200
    assert_clean(connection)


def anonymous_kb(pid: int) -> int:
    """RssAnon of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1])


def settled_kb(pid: int) -> int:
    """RssAnon once it stays: what compiling took goes back some time after it is done."""
    seen: list[int] = []

    def stays() -> bool:
        seen.append(anonymous_kb(pid))
        return len(seen) > STEADY_LOOKS and len(set(seen[-STEADY_LOOKS:])) == 1

    wait_until(stays, SETTLE_TIMEOUT_S, "the worker's memory to stay as it is")
    return seen[-1]


@pytest.mark.usefixtures("at_first")
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_gets_its_answer_in_time_and_the_next_request_is_clean(
    kept: http.client.HTTPConnection, attack: Attack
) -> None:
    started = time.monotonic()
    reply = ask(kept, attack.body)
    took_s = time.monotonic() - started
    text = reply.body.decode("ascii")  # all else is escaped
    found = reply.json()
    assert (reply.status, found.get("code")) in attack.outcomes, text[:300]
    assert found["success"] is (reply.status == 200)
    assert attack.shows in text
    assert not [hidden for hidden in attack.hides if hidden in text]
    assert took_s < IN_TIME_S
    assert_clean(kept)


@pytest.mark.usefixtures("at_first")
def test_fuel_ends_what_has_time_enough(kept: http.client.HTTPConnection) -> None:
    script = 'x = "a" * 4000000\n' + loop(10**9, "if(0, 0, `x == x + x`)", "end()")
    reply = ask(kept, json.dumps({"script": script}).encode())
    assert (reply.status, reply.json()["code"]) == (400, "fuel_exhausted")
    assert reply.json()["error"] == "Script Instruction Limit Exceeded"
    assert_clean(kept)


def test_after_all_of_them_the_worker_is_the_same_and_as_small_as_before(
    attacked: Appliance, at_first: tuple[int, int], kept: http.client.HTTPConnection
) -> None:
    pid, before_kb = at_first
    work_as_ever(kept)
    wait_until(
        lambda: anonymous_kb(pid) < before_kb + GROWTH_MAX_KB, QUIET_S, f"no more than 8 MB beyond {before_kb} kB"
    )
    assert http_pid(attacked) == pid
    metrics = attacked.metrics()
    assert metrics['avap_worker_restarts_total{role="http",slot="0"}'] == 0
    assert metrics["avap_worker_panics_total"] == 0
    assert not attacked.logged("Worker Died")


WRONG_BODIES = {
    "broken": (b'{"script": "x', "bad_json"),
    "not UTF-8": (b'{"script": "\xff"}', "bad_json"),
    "a list": (b"[]", "bad_request"),
    "a number": (b"1" * 100_000, "bad_request"),
    "a script that is a number": (b'{"script": 5}', "bad_request"),
    "a script that is a list": (b'{"script": ["x = 1"]}', "bad_request"),
    "a script that is nothing": (b'{"script": null}', "empty_script"),
    "variables in a list": (b'{"script": "x = 1", "variables": [1]}', "bad_request"),
    "deep variables": (b'{"script": "x = 1", "variables": {"a":' + b"[" * 1_000_000, "too_deep"),
    "an escape cut off": (b'{"script": "\\u12"}', "bad_json"),
}


@pytest.mark.parametrize(("body", "code"), WRONG_BODIES.values(), ids=WRONG_BODIES.keys())
@pytest.mark.parametrize("path", ["/api/v1/execute", "/api/v1/check"])
def test_a_body_that_is_wrong_has_its_code(kept: http.client.HTTPConnection, path: str, body: bytes, code: str) -> None:
    if path.endswith("check") and b"variables" in body and code == "bad_request":
        pytest.skip("nobody looks at variables there")
    reply = send(kept, "POST", path, body, JSON)
    assert (reply.status, reply.json()["code"]) == (400, code)
    assert_clean(kept)


def test_scripts_that_fill_the_cache_take_a_bounded_amount(tmp_path: Path) -> None:
    with serving(tmp_path / "state", HTTP) as appliance, connected(appliance.http_address) as connection:
        assert_clean(connection)
        pid = http_pid(appliance)
        before_kb = anonymous_kb(pid)
        for number in range(60):  # 1.7 MB of text, of which the cache takes 1
            reply = ask(connection, json.dumps({"script": f"n = {number}\n" + "a=b\n" * 7_000}).encode())
            assert reply.status == 200
        bodies = [json.dumps({"script": f"addVar(x, {number})\naddResult(x)"}).encode() for number in range(1_100)]
        head = "POST /api/v1/execute HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n{}\r\n"
        with bare(appliance.http_address) as pipeline:  # more than it keeps
            for body in bodies:
                last = "Connection: close\r\n" if body is bodies[-1] else ""
                pipeline.sendall(head.format(len(body), last).encode() + body)
            assert statuses(read_to_end(pipeline)) == [200] * len(bodies)
        wait_until(lambda: anonymous_kb(pid) < before_kb + (64 << 10), QUIET_S, "the cache to be bounded")
        assert http_pid(appliance) == pid


DEFINITIONS = {
    "parentheses": "x = " + "(" * 100_000 + "1" + ")" * 100_000,
    "a_literal_of_a_megabyte": "x = '" + "a" * 1_000_000 + "'",
    "indents": "".join(" " * depth + "if 1:\n" for depth in range(99)) + " " * 99 + "x = " + "(" * 90 + "1" + ")" * 90,
    "signs": "x = " + "-" * 50_000 + "1",
    "too_many_registers": "x = f(" + ", ".join(f"a{n} := {n}" for n in range(40_000)) + ")",
    "copies_of_finally": "while 1:\n try:\n" + "  if a: continue\n" * 10 + " finally:\n" + "  a=1\n" * 30_000,
    "a_class": "class A:\n    pass",
    "no_python": "this is no Python",
}
RUNNING = {
    "endless": ("while True:\n    pass", (504, "deadline_exceeded")),
    "itself": ("def f(n):\n    return f(n + 1)\nf(0)", (400, "recursion")),
    "keys": ("d = {}\nfor i in range(50000):\n    d[i * (2**61 - 1)] = i", (200, None)),
    "list_in_itself": ("x = []\nx.append(x)\nself.conector.results['x'] = x", (400, "not_serializable")),
    "compared": ("x = []\nx.append(x)\ny = []\ny.append(y)\nz = x == y", (400, "recursion")),
    "globals_of": ("self.conector.variables['x'] = str(globals())", (200, None)),
    "importing": ("import subprocess", (400, "script_error")),
    "joined": ("x = ('a' * 10**5).join(['b'] * 10**5)", (400, "memory_exceeded")),
}


@pytest.fixture(scope="module")
def over_hostile_definitions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """The embedded commands and beside them those that nobody should have let in."""
    folder = tmp_path_factory.mktemp("definitions")
    for name, code in [*DEFINITIONS.items(), *((name, code) for name, (code, _) in RUNNING.items())]:
        write_command(folder, name, code + "\n")
    environ = {**HTTP, "AVAP_CATALOG_DIR": str(folder), "AVAP_VM_THREADS": "1"}
    with serving(tmp_path_factory.mktemp("definitions") / "state", environ) as running:
        yield running


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_definition_over_a_limit_costs_no_other_command_anything(
    over_hostile_definitions: Appliance, name: str
) -> None:
    with connected(over_hostile_definitions.http_address) as connection:
        started = time.monotonic()
        reply = ask(connection, json.dumps({"script": f"addVar(x, 1)\n{name}(x)"}).encode())
        assert time.monotonic() - started < IN_TIME_S
        assert (reply.status, reply.json()["code"]) == (400, "command_unavailable")
        assert "line" in reply.json()["error"]
        assert_clean(connection)


@pytest.mark.parametrize("name", RUNNING)
def test_what_a_definition_does_is_bounded_as_what_a_script_does(
    over_hostile_definitions: Appliance, name: str
) -> None:
    with connected(over_hostile_definitions.http_address) as connection:
        started = time.monotonic()
        reply = ask(connection, json.dumps({"script": f"{name}(x)"}).encode())
        assert time.monotonic() - started < IN_TIME_S
        assert (reply.status, reply.json().get("code")) == RUNNING[name][1], reply.body[:300]
        assert_clean(connection)
