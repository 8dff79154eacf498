"""Every recorded script gives the recorded answer when its commands are the embedded definitions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .connector import same
from .http_stub import http_stub
from .reference import execute

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent.parent / "cases" / "language.json").read_text("utf-8"))
EXECUTE = [case for case in CASES if case["path"] == "/api/v1/execute"]
RECORDED = 136


@pytest.fixture(scope="module")
def stub() -> Iterator[str]:
    with http_stub() as url:
        yield url


def test_no_recorded_case_is_missing() -> None:
    assert len(EXECUTE) == RECORDED
    assert len({case["name"] for case in EXECUTE}) == RECORDED


@pytest.mark.parametrize("recorded", EXECUTE, ids=lambda case: case["name"])
def test_answers_as_recorded(recorded: dict[str, Any], stub: str) -> None:
    case: dict[str, Any] = json.loads(json.dumps(recorded).replace("{{STUB}}", stub))
    status, answer = execute(case["body"], case["query"])

    assert status == case["expected_status"], answer
    if case["error_compare"] == "exact":
        assert answer["error"] == case["expected_error"]
    if case["error_compare"] is not None:
        assert answer["success"] is False
        return
    assert answer["success"] is True
    if case["expected_result"] is not None:
        assert same(answer["result"], case["expected_result"]), answer["result"]
    for name, value in case["expected_variables_subset"].items():
        assert name in answer["variables"]
        assert same(answer["variables"][name], value), name
    if case["expected_logs"] is not None:
        assert answer["logs"] == case["expected_logs"]


def test_the_worked_example() -> None:
    script = """
        addParam(qty, units)
        price = 12.5
        net = price * units
        function gross(amount) {
            total = amount * (1 + vat)
            return total
        }
        due = gross(net)
        if(due, 40, >)
            AddvariableToJSON(note, `over by ${units} units`, bill)
        else()
            AddvariableToJSON(note, small, bill)
        end()
        AddvariableToJSON(due, due, bill)
        addResult(bill)
    """
    bill = {"note": "over by 3 units", "45.375": 45.375}

    status, answer = execute({"script": script, "variables": {"vat": 0.21}}, {"qty": "3"})

    assert status == 200
    assert same(answer["result"], {"bill": bill})
    expected = {"vat": 0.21, "units": 3, "price": 12.5, "net": 37.5, "total": 45.375, "due": 45.375, "bill": bill}
    assert same(answer["variables"], expected)
