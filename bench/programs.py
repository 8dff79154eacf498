"""The programs of `avap bench vm`: what each does, with which input, what must come out, and how long it may take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.definitions import Command

N = 1000
FIBONACCI_N = 27


@dataclass(frozen=True, slots=True)
class Program:
    """A script over the catalogue, its input in the request."""

    name: str
    script: str
    limit_us: float
    n: int = 0
    """Its input: the variable `n` of the request."""
    work: Callable[[int], int] | None = None
    """Turns or calls that it makes for an input, which its fuel must be proportional to."""
    fuel_inputs: tuple[int, int, int] = (N, 2 * N, 3 * N)
    variables: Mapping[str, Any] | None = None
    """More variables of the request."""
    expected: Callable[[int], Mapping[str, Any]] = lambda n: {}
    """What of the answer's `variables` is checked, by input."""
    results: Mapping[str, Any] | None = None
    """What the answer's `result` must be, where that is checked."""
    compared: str = ""
    """The program of the other interpreters that does the same."""
    compared_result: Callable[[int], str] = lambda n: "0"

    def body(self, n: int | None = None) -> bytes:
        """The request."""
        variables = {"n": self.n if n is None else n, **(self.variables or {})}
        return json.dumps({"script": self.script, "variables": variables}).encode()

    def check(self, n: int, status: int, body: str) -> str | None:
        """What is wrong with an answer."""
        answer = json.loads(body) if status == 200 else {}
        wanted = dict(self.expected(n))
        got = {name: answer.get("variables", {}).get(name) for name in wanted}
        if status != 200 or answer.get("success") is not True or got != wanted:
            return f"{self.name}: wanted {wanted}, status 200; got status {status}, {body[:500]}"
        if self.results is not None and answer["result"] != self.results:
            return f"{self.name}: wanted the result {dict(self.results)}; got {answer['result']}"
        return None


def fibonacci(n: int) -> int:
    """The nth Fibonacci number."""
    last, this = 0, 1
    for _ in range(n):
        last, this = this, last + this
    return last


def _sum_below(n: int) -> int:
    return n * (n - 1) // 2


# What a definition does: read its input from the shared variables, work on variables of its own, set the result.
PROBES: Mapping[str, Command] = {
    "measureAdditions": Command(
        "t = 0\nfor i in range(self.conector.variables['n']):\n    t = t + i\nself.conector.variables['r'] = t\n"
    ),
    "measureFibonacci": Command(
        "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n\n"
        "self.conector.variables['r'] = fib(self.conector.variables['n'])\n"
    ),
    "measureTexts": Command(
        "t = ''\nfor i in range(self.conector.variables['n']):\n    t = 'T-' + str(i)\n"
        "self.conector.variables['r'] = t\n"
    ),
}

EMPTY = Program("empty program", "// nothing", 0.5, compared="empty")
ADDITIONS = Program(
    "definition: 1000 × t = t + i", "measureAdditions()", 8.0, N, lambda n: n,
    expected=lambda n: {"r": _sum_below(n)}, compared="additions", compared_result=lambda n: str(_sum_below(n)),
)  # fmt: skip
FIBONACCI = Program(
    f"definition: fib({FIBONACCI_N})", "measureFibonacci()", 20_000.0, FIBONACCI_N,
    lambda n: 2 * fibonacci(n + 1) - 1, (12, 16, 20),
    expected=lambda n: {"r": fibonacci(n)}, compared="fibonacci", compared_result=lambda n: str(fibonacci(n)),
)  # fmt: skip
TEXTS = Program(
    'definition: 1000 × "T-" + str(i)', "measureTexts()", 60.0, N, lambda n: n,
    expected=lambda n: {"r": f"T-{n - 1}"}, compared="texts", compared_result=lambda n: f"T-{n - 1}",
)  # fmt: skip
SCRIPT_ADDITIONS = Program(
    "script: 1000 × t = t + i", "t = 0\nstartLoop(i, 1, n)\nt = t + i\nendLoop()", 60.0, N, lambda n: n,
    expected=lambda n: {"t": _sum_below(n + 1)},
)  # fmt: skip
CONDITIONS = Program(
    "script: 1000 × if / addVar / end", "startLoop(i, 1, n)\nif(i, n, <)\naddVar(x, i)\nend()\nendLoop()", 400.0, N,
    lambda n: n, expected=lambda n: {"x": n - 1},
)  # fmt: skip
CHAIN = Program(
    "script: chain of 10 commands",
    "addVar(a, x)\naddVar(b, a)\naddResult(a)\naddResult(b)\nif(a, x, =)\naddVar(c, 2)\nend()\n"
    "encodeSHA256(name, h)\nvariableToList(a, l)\ngetListLen(l, k)\naddResult(k)",
    10.0, variables={"x": 41, "name": "Ada"},
    expected=lambda n: {"b": 41, "c": 2, "h": hashlib.sha256(b"Ada").hexdigest(), "l": [41], "k": 1},
    results={"a": 41, "b": 41, "k": 1},
)  # fmt: skip
PROGRAMS = (EMPTY, ADDITIONS, FIBONACCI, TEXTS, SCRIPT_ADDITIONS, CONDITIONS, CHAIN)

COMPILED_LINES = 20
COMPILED = """\
// what an order comes to
addVar(rate, 21)
total = 0
startLoop(i, 1, n)
addVar(price, i)
total = total + price * 2
endLoop()
if(total, 100, >)
addVar(rate, 19)
else()
addVar(rate, 23)
end()
tax = total * rate / 100
addVar(currency, "EUR")
encodeSHA256(name, token)
variableToList(total, amounts)
getListLen(amounts, count)
addResult(total)
addResult(tax)
addResult(token)"""
"""A script of 20 lines whose compilation is timed."""
