"""Expressions and arguments of scripts give on the VM what the plain interpreter gives (tests/commands/reference.py).

Answers are compared whole: status, result, variables, how each statement ended, messages. ``make differential`` runs
more of them (``DIFFERENTIAL=n`` times as many).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import warnings
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.commands.connector import CATALOG
from tests.commands.reference import execute

from .script_expressions import VARIABLES, enclosed, fixed, statements
from .test_definitions import machine

__all__ = ["machine"]

COMMANDS = {
    name: {"code": CATALOG[name].code, "items": [entry["item"] for entry in json.loads(CATALOG[name].interface_json)]}
    for name in (
        "addVar", "addResult", "if", "try", "exception", "getListLen", "itemFromList", "AddvariableToJSON", "replace",
        "encodeMD5",
    )
}  # fmt: skip
STATEMENTS_A_SCRIPT = 12
SCRIPTS = 400 * int(os.environ.get("DIFFERENTIAL", "1"))
# The words of the parser of Python are its own.
SYNTAX = re.compile(r"\(<(unknown|expression)>, line \d+\)$")


def on_the_vm(machine: subprocess.Popen[str], body: str, units: int) -> tuple[int, dict[str, Any]]:
    assert machine.stdin is not None
    assert machine.stdout is not None
    request = {"commands": COMMANDS, "body": body, "units": units, "collect": units < 4000}
    machine.stdin.write(json.dumps(request) + "\n")
    machine.stdin.flush()
    answer = json.loads(machine.stdout.readline())
    return answer["status"], json.loads(answer["body"])


def told(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    """What is compared of an answer, by name; texts as JSON has them, for 3 and 3.0 and True and 1 differ."""
    if not answer["success"]:
        return {"status": status, "error": answer["error"]}
    parts = {("status", ""): status, ("logs", ""): [(log["command"], log["success"]) for log in answer["logs"]]}
    for part in ("result", "variables"):
        parts |= {(part, name): value for name, value in answer[part].items()}
    return {" ".join(name): json.dumps(value) for name, value in parts.items()}


def check(machine: subprocess.Popen[str], written: list[str], units: int) -> None:
    """All statements in one script; where that fails as a whole, as by a set in the answer, each in its own."""
    script = enclosed(written)
    body = json.dumps({"script": script, "variables": VARIABLES})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of `1 is 1` and a pattern that may change its meaning
        wanted = told(*execute(body, {}))
    found = told(*on_the_vm(machine, body, units))
    for name in wanted.keys() | found.keys():
        one, other = found.get(name), wanted.get(name)
        if one == other:
            continue
        failed = one not in (None, '"No error detected"')
        if failed and SYNTAX.search(str(other).removesuffix('"')):
            continue
        pytest.fail(f"{name}: {one}, not {other}\n{script}")
    if "error" in wanted and len(written) > 1:
        for statement in written:
            check(machine, [statement], units)


@pytest.mark.parametrize("units", [4000, 7])
def test_every_form_agrees(machine: subprocess.Popen[str], units: int) -> None:
    for written in fixed(STATEMENTS_A_SCRIPT):
        check(machine, written, units)


@settings(max_examples=SCRIPTS, deadline=None, derandomize="DIFFERENTIAL" not in os.environ)
@given(seed=st.integers(0, 2**64), units=st.sampled_from([4000, 4000, 1000]))
@example(seed=0, units=7)
def test_generated_scripts_agree(machine: subprocess.Popen[str], seed: int, units: int) -> None:
    check(machine, statements(seed, STATEMENTS_A_SCRIPT), units)
