"""Every limit that a request can reach: its answer, the CPU time that it costs the worker, a clean request behind it.

CPU time of the worker, not time on the clock: others are at work on the same cores. The bounds are twice to fifty
times what was measured, and the median of five runs has to keep them, after one that is not counted.
"""

from __future__ import annotations

import http.client
import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.appliance.process import Appliance, serving
from tests.http.client import Reply, connected, send
from tests.http.conftest import HTTP
from tests.http.executions import JSON, ask, assert_clean, cpu_ms, http_pid
from tests.http.script_attacks import IDENTITY, loop, nested
from tests.waiting import wait_until

RUNS = 5
REFUSED_MS = 100.0
"""What cannot be run is refused before anybody else would notice."""
QUIET_S = 10.0


@dataclass(frozen=True)
class Case:
    """A request that reaches a limit, and what it may cost."""

    script: str
    status: int
    code: str
    cpu_ms_max: float = REFUSED_MS
    variables: str = "{}"
    timeout_ms: int = 10_000

    @property
    def body(self) -> bytes:
        """The request's body."""
        script = json.dumps(self.script)
        return f'{{"script": {script}, "variables": {self.variables}, "timeout_ms": {self.timeout_ms}}}'.encode()


LIMITS = {
    "bytes of a script": Case("x = 1\n" + "a" * (1 << 20), 400, "script_too_large"),
    "statements": Case("a=b\n" * 250_000, 400, "script_too_large"),
    "tokens": Case("x = [" + "a, " * 300_000 + "]", 400, "script_too_large"),
    "tokens in a chain": Case("x = a" + " < a" * 200_000, 400, "script_too_large"),
    "arguments": Case("addVar(" + "a," * 500_000 + ")", 400, "script_too_large"),
    "instructions": Case("addVar(a, b, c, d, e)\n" * 20_000, 400, "script_too_large"),
    "work of the verifier": Case(
        "startLoop(i, 1, 1)\n" * 3_000 + "t = 1\n" * 16_000, 400, "script_too_large", 2 * REFUSED_MS
    ),
    "calls in calls": Case(IDENTITY + f"addVar(x, {nested('f(', 300_000, '1', ')')})", 400, "recursion"),
    "frames": Case("function f(v) {\n  f(v)\n}\nf(1)", 400, "recursion"),
    "blocks in blocks": Case("if(1, 1, =)\n" * 20_000, 400, "recursion", 2 * REFUSED_MS),
    "fuel": Case(
        'x = "a" * 4000000\n' + loop(10**9, "if(0, 0, `x == x + x`)", "end()"), 400, "fuel_exhausted", 5_000.0
    ),
    "time": Case(loop(10**9, "x = i"), 504, "deadline_exceeded", 500.0, timeout_ms=400),
    "memory, by doubling": Case('x = "ab"\n' + loop(100, "x = x + x"), 400, "memory_exceeded"),
    "memory, at once": Case('x = "ab" * 10000000000', 400, "memory_exceeded"),
    "bits of an int": Case("x = 1 << 10 ** 12", 400, "memory_exceeded"),
    "digits of an int": Case("addVar(x, " + "9" * 5_000 + ")", 400, "script_error"),
    "digits of an int in an answer": Case("x = 10 ** 100000\naddResult(x)", 400, "not_serializable"),
    "bytes of an answer": Case('x = "ñ" * 3000000\naddResult(x)', 400, "output_exceeded", 5 * REFUSED_MS),
    "levels of an answer": Case(loop(5_000, "y = [x]", "x = y") + "\naddResult(x)", 400, "not_serializable"),
    "levels of variables": Case("x = 1", 400, "too_deep", variables=f'{{"a": {nested("[", 200, "", "]")}}}'),
    "texts for conditions": Case("".join(f"if(0, 0, `{n} == 1`)\nend()\n" for n in range(300)), 400, "memory_exceeded"),
    "bytes of a condition": Case(f"if(0, 0, `1{' ' * 300_000}`)\nend()", 400, "memory_exceeded"),
    "steps of a search": Case(
        "getRegex(s, p, x)", 400, "fuel_exhausted", variables=json.dumps({"s": "a" * 60 + "b", "p": "(a+)+$"})
    ),
    "bytes of a pattern": Case(
        "getRegex(s, p, x)", 400, "script_error", variables=json.dumps({"s": "a", "p": "a" * 10**6})
    ),
    "groups in groups": Case(
        "getRegex(s, p, x)", 400, "recursion", variables=json.dumps({"s": "a", "p": "(" * 50_000})
    ),
}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """One worker with one VM thread, which may run a script as long as a case asks for."""
    environ = {**HTTP, "AVAP_VM_THREADS": "1", "AVAP_VM_TIMEOUT_MS": "20000"}
    with serving(tmp_path_factory.mktemp("limited") / "state", environ) as running:
        yield running


@pytest.fixture(scope="module")
def kept(limited: Appliance) -> Iterator[http.client.HTTPConnection]:
    """The one connection that all cases and what comes behind them go over."""
    with connected(limited.http_address) as connection:
        yield connection


def settled_cpu_ms(pid: int) -> float:
    """CPU time of a worker once all its threads sleep."""
    seen = [-1.0, cpu_ms(pid)]

    def sleeps() -> bool:
        seen.append(cpu_ms(pid))
        return seen[-1] == seen[-2]

    wait_until(sleeps, QUIET_S, "the worker to have nothing to do")
    return seen[-1]


def cost(pid: int, connection: http.client.HTTPConnection, body: bytes) -> tuple[Reply, float]:
    """An answer, and the CPU time that the worker took for it."""
    before_ms = settled_cpu_ms(pid)
    reply = ask(connection, body)
    return reply, settled_cpu_ms(pid) - before_ms


@pytest.mark.parametrize("case", LIMITS.values(), ids=LIMITS.keys())
def test_a_limit_costs_little_and_the_next_request_is_clean(
    limited: Appliance, kept: http.client.HTTPConnection, case: Case
) -> None:
    pid = http_pid(limited)
    runs = RUNS if case.cpu_ms_max < 1_000 else 1
    costs = []
    for _ in range(runs + 1):
        reply, cost_ms = cost(pid, kept, case.body)
        found = reply.json()
        assert (reply.status, found.get("code"), found["success"]) == (case.status, case.code, False), reply.body[:300]
        assert_clean(kept)
        costs.append(cost_ms)
    assert statistics.median(costs[1:]) < case.cpu_ms_max, costs
    assert http_pid(limited) == pid


def test_a_body_over_the_limit_is_refused_unread(limited: Appliance) -> None:
    pid = http_pid(limited)
    before_ms = settled_cpu_ms(pid)
    with connected(limited.http_address) as connection:
        connection.putrequest("POST", "/api/v1/execute")
        for name, value in {**JSON, "Content-Length": str(8 << 30)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        reply = connection.getresponse()
        assert (reply.status, json.loads(reply.read())["code"]) == (413, "too_large")
    assert settled_cpu_ms(pid) - before_ms < REFUSED_MS


def test_logs_end_and_the_script_goes_on(kept: http.client.HTTPConnection) -> None:
    body = json.dumps({"script": "a=1\n" * 10_500 + "addResult(a)"}).encode()
    reply = send(kept, "POST", "/api/v1/execute", body, JSON)
    assert reply.status == 200
    assert (len(reply.json()["logs"]), reply.json()["result"]) == (10_000, {"a": 1})
    assert_clean(kept)
