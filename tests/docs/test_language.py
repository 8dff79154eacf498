"""The examples of docs/language.md and docs/definitions.md give what stands below them, on CPython and over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from supervisor.sources.command_file import parse_command
from tests.appliance.process import Appliance, serving
from tests.commands.connector import CATALOG, same
from tests.commands.reference import execute
from tests.docs.markdown import read
from tests.http.client import call

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


EXAMPLES = pytest.mark.parametrize(
    "example",
    [example for document in DOCUMENTS for example in examples(document)],
    ids=lambda example: example.script[:40],
)


def check(example: Example, status: int, answer: dict[str, Any]) -> None:
    """Compare an answer with what stands below its script."""
    assert example.result.keys() <= {"status", "result", "variables", "error"}
    assert example.request.keys() <= {"variables", "query"}
    wanted = {"status": 400 if "error" in example.result else 200, **example.result}
    for key, value in wanted.items():
        assert same(status if key == "status" else answer.get(key), value), answer


@EXAMPLES
def test_example_on_cpython(example: Example) -> None:
    body = {"script": example.script, "variables": example.request.get("variables", {})}
    check(example, *execute(body, example.request.get("query", {})))


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """One that serves the commands of the documents too."""
    folder = tmp_path_factory.mktemp("commands")
    for name, content in COMMAND.findall(read("docs/definitions.md")):
        (folder / f"{name}.py").write_text(content, encoding="utf-8")
    environ = {"AVAP_HTTP_WORKERS": "1", "AVAP_CATALOG_DIR": str(folder)}
    with serving(tmp_path_factory.mktemp("language") / "state", environ) as appliance:
        yield appliance


@EXAMPLES
def test_example_over_http(example: Example, appliance: Appliance) -> None:
    query = urlencode(example.request.get("query", {}), doseq=True)
    body = {"script": example.script, "variables": example.request.get("variables", {})}
    reply = call(appliance.http_address, "POST", f"/api/v1/execute?{query}", json.dumps(body).encode())
    check(example, reply.status, reply.json())
