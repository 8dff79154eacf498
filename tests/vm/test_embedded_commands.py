"""Every embedded command that works in a script alone gives on the VM what it gives on CPython, errors among it."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.commands.connector import CATALOG
from tests.commands.reference import execute

from .test_definitions import machine
from .test_script_expressions import told

__all__ = ["machine"]

COMMANDS = {
    name: {"code": command.code, "items": [entry["item"] for entry in json.loads(command.interface_json)]}
    for name, command in CATALOG.items()
}
VARIABLES = {"s": "order 66, order 7", "n": 3, "f": 2.5, "xs": [1, "two", None], "d": {"k": 1, "l": [2]}, "t": "[4, 5]"}
SOURCES = ("s", "n", "f", "xs", "d", "t", "nothing", '""', "7")
LINES = {
    "addVar": ["addVar(r, {0})", "addVar({0})", "r = addVar(r, {0})"],
    "addResult": ["addResult({0})"],
    "addParam": ["addParam({0}, r)", "addParam(variables, r)", "addParam({0})"],
    "if": ["if({0}, 3, =)\naddVar(r, 1)\nelse()\naddVar(r, 2)\nend()", "if({0}, n, <)\naddVar(r, 1)\nend()"],
    "try": ["try()\nnone({0})\nexception(e)"],
    "exception": ["exception({0})", "e = exception()"],
    "randomString": ["randomString(abc, {0}, r)", "randomString(ab, 2)"],
    "encodeSHA256": ["encodeSHA256({0}, r)", "encodeSHA256({0})"],
    "encodeMD5": ["encodeMD5({0}, r)", "encodeMD5(`a ${{s}} {0}`, r)"],
    "replace": ["replace({0}, order, x, r)", "replace(s, {0}, x, r)", "replace(s, o, {0}, r)", "replace({0})"],
    "getTimeStamp": ['getTimeStamp({0}, "%Y", 0, r)', 'getTimeStamp(2024, "%Y", {0}, r)'],
    "getRegex": ["getRegex({0}, order, r)", "getRegex(s, {0}, r)", "getRegex({0})"],
    "getDateTime": ["getDateTime(fixed, {0}, current, r)", "getDateTime(fixed, 0, {0}, r)"],
    "stampToDatetime": ['stampToDatetime({0}, "%Y", 0, r)', 'stampToDatetime(86400, "%d", {0}, r)'],
    "getQueryParamList": ["getQueryParamList({0})", "getQueryParamList()"],
    "getListLen": ["getListLen({0}, r)", "getListLen({0})"],
    "itemFromList": ["itemFromList({0}, 0, r)", "itemFromList(xs, {0}, r)", "itemFromList({0}, -1)"],
    "AddvariableToJSON": [
        "AddvariableToJSON({0}, v, r)", "AddvariableToJSON(k, {0}, r)", "AddvariableToJSON(k, 1, {0})",
    ],
    "variableFromJSON": ["variableFromJSON({0}, k, r)", "variableFromJSON(d, {0}, r)", "variableFromJSON({0})"],
    "variableToList": ["variableToList({0}, r)", "variableToList(1, {0})", "variableToList({0})"],
    "go": ["r = go({0})", "go({0}, 1)"],
    "gather": ["r = gather({0}, 10)", "gather()"],
}  # fmt: skip
ELSEWHERE = {"RequestGet", "RequestPost", "ormDirect", "ormCheckTable"}
"""What they reach is not there on the VM."""
MARKERS = {"else", "end", "startLoop", "endLoop"}
"""The language's own."""


def test_every_command_is_looked_at() -> None:
    assert set(LINES) | ELSEWHERE | MARKERS == set(CATALOG)


@pytest.mark.parametrize("units", [4000, 7, 1])
@pytest.mark.parametrize("name", LINES)
def test_a_command_does_what_it_does_on_cpython(machine: subprocess.Popen[str], name: str, units: int) -> None:
    assert machine.stdin is not None
    assert machine.stdout is not None
    for line in LINES[name]:
        for source in SOURCES:
            script = line.format(source)
            body = {"script": script, "variables": VARIABLES}
            request = {"commands": COMMANDS, "body": json.dumps(body), "units": units, "collect": units < 4000}
            machine.stdin.write(json.dumps(request) + "\n")
            machine.stdin.flush()
            answer = json.loads(machine.stdout.readline())
            wanted = told(*execute(json.loads(json.dumps(body)), {}))
            assert told(answer["status"], json.loads(answer["body"])) == wanted, script
