"""Generated definitions give on the VM what they give on CPython: the same values, variables and messages.

``make differential`` runs more of them (``DIFFERENTIAL=n`` times as many).
"""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from .definition_programs import definition
from .test_definitions import machine, on_cpython, on_the_vm

__all__ = ["machine"]

PROGRAMS_A_TIME = 5
TIMES = 12 * int(os.environ.get("DIFFERENTIAL", "1"))


def by_statement(noted: list[Any]) -> dict[int, list[Any]]:
    """What each statement noted: its number stands before it."""
    parts: dict[int, list[Any]] = {}
    for entry in noted:
        if type(entry) is int:
            parts[entry] = []
        else:
            parts[max(parts)].append(entry)
    return parts


def check(machine: subprocess.Popen[str], seed: int, units: int) -> None:
    code = definition(seed)
    found = on_the_vm(machine, code, units)
    wanted = on_cpython(code)
    if found == wanted:
        return
    assert found.keys() == wanted.keys(), f"seed {seed}: {found}\n{code}"
    parts = by_statement(found["out"])
    for number, noted in by_statement(wanted["out"]).items():
        statement = code.partition(f"out.append({number})\n")[2].partition(f"out.append({number + 1})\n")[0]
        assert parts.get(number) == noted, f"seed {seed}, statement {number}:\n{statement}"


@settings(max_examples=TIMES, deadline=None)
@given(seed=st.integers(0, 2**64), units=st.sampled_from([4000, 4000, 1000]))
@example(seed=0, units=300)
def test_generated_definitions_agree(machine: subprocess.Popen[str], seed: int, units: int) -> None:
    for more in range(PROGRAMS_A_TIME):
        check(machine, seed + more, units)


@pytest.mark.parametrize("seed", [41, 43, 75, 125, 1090])
def test_definitions_that_once_differed_agree(machine: subprocess.Popen[str], seed: int) -> None:
    check(machine, seed, 4000)
