"""The parser of expressions makes the trees that CPython makes, and refuses what CPython refuses."""

from __future__ import annotations

import json
import subprocess
import warnings
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.docs.markdown import REPOSITORY

from .expression_texts import RARE_ATOMS, any_text
from .expression_tree import OutsideTheLanguageError, tree

BUILD_TIMEOUT_S = 600
TEXTS_A_TIME = 200


@pytest.fixture(scope="module")
def parser() -> Iterator[subprocess.Popen[str]]:
    """The example that answers each line with a tree."""
    build = ["cargo", "build", "--locked", "--quiet", "--package", "vm", "--example", "dump_expression"]
    subprocess.run(build, cwd=REPOSITORY, check=True, timeout=BUILD_TIMEOUT_S)
    program = REPOSITORY / "target" / "debug" / "examples" / "dump_expression"
    with subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def parsed(parser: subprocess.Popen[str], text: str) -> str | None:
    """The tree as the VM has it; None when it has none."""
    assert parser.stdin is not None
    assert parser.stdout is not None
    parser.stdin.write(json.dumps(text) + "\n")
    parser.stdin.flush()
    answer: dict[str, str] = json.loads(parser.stdout.readline())
    assert "tree" in answer or answer["error"], "an error has a message"
    return answer.get("tree")


def expected(text: str) -> str | None:
    """The tree as CPython has it; None when it has none, or scripts leave it out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of `1 is 1` and unknown escapes
        try:
            return tree(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OutsideTheLanguageError):
            return None


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**64))
@example(seed=0)
def test_trees_are_cpythons(parser: subprocess.Popen[str], seed: int) -> None:
    random = Random(seed)
    for _ in range(TEXTS_A_TIME):
        text = any_text(random)
        # A continued first line is indented to Python; a script's line cannot begin so.
        if not text.startswith("\\"):
            assert parsed(parser, text) == expected(text), text


@pytest.mark.parametrize("text", RARE_ATOMS)
def test_rare_literals_are_cpythons(parser: subprocess.Popen[str], text: str) -> None:
    assert parsed(parser, text) == expected(text)


@pytest.mark.parametrize("count", [10, 200, 201, 2_800, 5_000])
@pytest.mark.parametrize("shape", ["({})", "[{}]", "{}+a", "{}.b", "{}()", "{} and a", "-{}"])
def test_depth_ends_nothing(parser: subprocess.Popen[str], shape: str, count: int) -> None:
    left, right = shape.split("{}")
    text = left * count + "a" + right * count
    found = parsed(parser, text)
    if count <= 200 or (count == 2_800 and not left):
        assert found is not None
    if count == 5_000 and shape != "{} and a":
        assert found is None
