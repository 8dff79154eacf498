"""Generated definitions give on the VM what they give on CPython: the same values, variables and messages.

``make differential`` runs more of them (``DIFFERENTIAL=n`` times as many).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from .definition_programs import definition
from .test_definitions import machine, on_cpython, on_the_vm

__all__ = ["machine"]

PROGRAMS_A_TIME = 5
LIMITS = ("memory_exceeded", "fuel_exhausted")
# A comprehension is a function of its own to CPython: what is local around it is free in it (vm/limitations.md).
UNBOUND = re.compile(
    r"(?:(?:UnboundLocal|Name)Error: )?cannot access (?:local|free) variable '(\w+)' "
    r"where it is not associated with a value(?: in enclosing scope)?"
)
# The words of a parser of other text are its own.
JSON = re.compile(r"JSONDecodeError: [^\"]*")
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


def plain(variables: dict[str, Any]) -> dict[str, Any]:
    """The variables without what may differ."""
    read: dict[str, Any] = json.loads(JSON.sub("JSON", UNBOUND.sub(r"unbound \1", json.dumps(variables))))
    return read


def check(machine: subprocess.Popen[str], seed: int, units: int) -> None:
    code = definition(seed)
    found = on_the_vm(machine, code, units)
    if found.get("code") in LIMITS:
        return  # CPython has none to compare with.
    found, wanted = plain(found), plain(on_cpython(code))
    if found == wanted:
        return
    assert found.keys() == wanted.keys(), f"seed {seed}: {found}\n{code}"
    parts = by_statement(found["out"])
    for number, noted in by_statement(wanted["out"]).items():
        statement = code.partition(f"out.append({number})\n")[2].partition(f"out.append({number + 1})\n")[0]
        assert parts.get(number) == noted, f"seed {seed}, statement {number}:\n{statement}"


@settings(max_examples=TIMES, deadline=None, derandomize="DIFFERENTIAL" not in os.environ)
@given(seed=st.integers(0, 2**64), units=st.sampled_from([4000, 4000, 1000]))
@example(seed=0, units=300)
def test_generated_definitions_agree(machine: subprocess.Popen[str], seed: int, units: int) -> None:
    for more in range(PROGRAMS_A_TIME):
        check(machine, seed + more, units)
