"""The parser of scripts makes what an independent, plain parser makes (tests/commands/reference.py)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.commands.reference import Node, Parser
from tests.docs.markdown import REPOSITORY

from .script_texts import any_script

BUILD_TIMEOUT_S = 600
SCRIPTS_A_TIME = 100


@pytest.fixture(scope="module")
def parser() -> Iterator[subprocess.Popen[str]]:
    """The example that answers each line with a tree."""
    build = ["cargo", "build", "--locked", "--quiet", "--package", "vm", "--example", "dump_script"]
    subprocess.run(build, cwd=REPOSITORY, check=True, timeout=BUILD_TIMEOUT_S)
    program = REPOSITORY / "target" / "debug" / "examples" / "dump_script"
    with subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def parsed(parser: subprocess.Popen[str], script: str) -> dict[str, Any]:
    assert parser.stdin is not None
    assert parser.stdout is not None
    parser.stdin.write(json.dumps(script) + "\n")
    parser.stdin.flush()
    answer: dict[str, Any] = json.loads(parser.stdout.readline())
    return answer


class PlainParser(Parser):
    """A function's body is a program too: blank lines at its end are not its last line."""

    def _block(self, lines: list[str]) -> list[Node]:
        return super()._block("\n".join(lines).strip().split("\n"))


def expected(script: str) -> dict[str, Any]:
    """The tree of the plain parser in the same form."""
    plain = PlainParser()
    try:
        program = plain.parse(script)
    except KeyError as error:
        return {"error": str(error)}
    names = set(plain.functions)
    functions = {
        name: [function.parameters, [node(one, names) for one in function.body]]
        for name, function in plain.functions.items()
    }
    return {"program": [node(one, names) for one in program], "functions": functions}


def node(one: Node, functions: set[str]) -> list[Any]:
    kind, arguments = one["type"], [argument(value) for value in one["properties"]]
    target = one["context"]
    if kind == "if" and "branches" in one:
        branches = one["branches"]
        return [
            kind,
            target,
            arguments,
            *([node(child, functions) for child in branches[key]] for key in ("true", "false")),
        ]
    if kind == "startLoop":
        return [kind, None, arguments, [node(child, functions) for child in one.get("sequence", [])]]
    if kind == "return":
        return [kind, None, arguments[:1]]
    if kind == "assign":
        text = one["properties"][0]
        name = text.partition("(")[0].strip()
        if "(" in text and ")" in text and name in functions:
            inner = text[text.index("(") + 1 : text.rindex(")")].strip()
            return [kind, target, [{"function": name, "argument": inner}]]
    return [kind, target, arguments]


def argument(value: object) -> object:
    match value:
        case int():
            return {"integer": str(value)}
        case float():
            return {"float": repr(value)}
        case _:
            return value


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**64))
@example(seed=0)
def test_trees_are_those_of_the_plain_parser(parser: subprocess.Popen[str], seed: int) -> None:
    random = Random(seed)
    for _ in range(SCRIPTS_A_TIME):
        script = any_script(random)
        assert parsed(parser, script) == expected(script), script
