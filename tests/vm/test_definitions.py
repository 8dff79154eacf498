"""Definitions give on the VM what they give on CPython: the same values, the same messages."""

from __future__ import annotations

import builtins
import json
import subprocess
import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.docs.markdown import REPOSITORY

from .definition_texts import SNIPPETS

BUILD_TIMEOUT_S = 600


@pytest.fixture(scope="module")
def machine() -> Iterator[subprocess.Popen[str]]:
    """The example that runs each line's request."""
    build = ["cargo", "build", "--locked", "--quiet", "--package", "vm", "--example", "run_requests"]
    subprocess.run(build, cwd=REPOSITORY, check=True, timeout=BUILD_TIMEOUT_S)
    program = REPOSITORY / "target" / "debug" / "examples" / "run_requests"
    with subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def on_the_vm(machine: subprocess.Popen[str], code: str, units: int) -> Any:
    assert machine.stdin is not None
    assert machine.stdout is not None
    request = {"commands": {"probe": {"code": code, "items": []}}, "body": json.dumps({"script": "probe()"})}
    machine.stdin.write(json.dumps({**request, "units": units, "collect": units < 4000}) + "\n")
    machine.stdin.flush()
    answer = json.loads(json.loads(machine.stdout.readline())["body"])
    return answer["variables"] if answer["success"] else answer


def on_cpython(code: str) -> Any:
    connector = SimpleNamespace(variables={})
    with warnings.catch_warnings():
        # A snippet may call what cannot be called: that is what it shows.
        warnings.simplefilter("ignore", SyntaxWarning)
        compiled = compile(code, "<probe>", "exec", dont_inherit=True)
    exec(
        compiled,
        {"self": SimpleNamespace(conector=connector), "task": {}},
    )
    return json.loads(json.dumps(connector.variables))


@pytest.mark.parametrize("units", [4000, 7, 1])
@pytest.mark.parametrize("name", SNIPPETS)
def test_snippets_agree(machine: subprocess.Popen[str], name: str, units: int) -> None:
    code = f"out = []\n{SNIPPETS[name]}\nself.conector.variables['out'] = out\n"

    assert on_the_vm(machine, code, units) == on_cpython(code)


@pytest.mark.parametrize("name", dir(builtins))
def test_a_built_in_is_there_or_refused_when_compiled(machine: subprocess.Popen[str], name: str) -> None:
    """What is not there must not wait for the run that reaches it."""
    answer = on_the_vm(machine, f"def probe():\n    return {name}\nprobe()\n", 4000)

    if answer:
        assert answer["code"] == "command_unavailable"
        assert "(line 2, column 12: " in answer["error"]
        assert f"{name} is not " in answer["error"]
