"""The examples of docs/language.md and docs/definitions.md give what stands below them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from supervisor.sources.command_file import parse_command
from tests.commands.connector import CATALOG, same
from tests.commands.reference import execute
from tests.docs.markdown import read
from tests.vm.test_definitions import machine

__all__ = ["machine"]

DOCUMENTS = ("docs/language.md", "docs/definitions.md")
EXAMPLE = re.compile(
    r"^```avap\n(?P<script>.*?)^```\n(?:^```json request\n(?P<request>.*?)^```\n)?"
    r"^```json result\n(?P<result>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
COMMAND = re.compile(r"^```python command (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A script of a document, what comes with its request, and the answer that stands below it."""

    script: str
    request: dict[str, Any]
    result: dict[str, Any]


def examples(document: str) -> Iterator[Example]:
    for found in EXAMPLE.finditer(read(document)):
        yield Example(found["script"], json.loads(found["request"] or "{}"), json.loads(found["result"]))


@pytest.fixture(autouse=True)
def commands_of_the_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in COMMAND.findall(read("docs/definitions.md")):
        monkeypatch.setitem(CATALOG, name, parse_command(name, content.encode()))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_script_has_its_result(document: str) -> None:
    assert len(list(examples(document))) == read(document).count("\n```avap\n") > 5


@pytest.mark.parametrize(
    "example",
    [example for document in DOCUMENTS for example in examples(document)],
    ids=lambda example: example.script[:40],
)
def test_example(example: Example) -> None:
    body = {"script": example.script, "variables": example.request.get("variables", {})}
    check(example, *execute(body, example.request.get("query", {})))


@pytest.mark.parametrize(
    "example",
    [example for document in DOCUMENTS for example in examples(document)],
    ids=lambda example: example.script[:40],
)
def test_example_on_the_vm(machine: subprocess.Popen[str], example: Example) -> None:
    commands = {
        name: {"code": command.code, "items": [entry["item"] for entry in json.loads(command.interface_json)]}
        for name, command in CATALOG.items()
    }
    body = {"script": example.script, "variables": example.request.get("variables", {})}
    request = {"commands": commands, "body": json.dumps(body), "query": example.request.get("query", {})}
    assert machine.stdin is not None
    assert machine.stdout is not None
    machine.stdin.write(json.dumps(request) + "\n")
    machine.stdin.flush()
    answer = json.loads(machine.stdout.readline())
    check(example, answer["status"], json.loads(answer["body"]))


def check(example: Example, status: int, answer: dict[str, Any]) -> None:
    assert example.result.keys() <= {"status", "result", "variables", "error"}
    assert example.request.keys() <= {"variables", "query"}
    wanted = {"status": 400 if "error" in example.result else 200, **example.result}
    for key, value in wanted.items():
        assert same(status if key == "status" else answer.get(key), value), answer
