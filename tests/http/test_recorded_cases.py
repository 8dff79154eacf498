"""Every recorded case over the wire, from the embedded commands and again from PostgreSQL."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from supervisor import database
from tests.appliance.process import Appliance, serving
from tests.http.client import Reply, call
from tests.http.conftest import HTTP
from tests.postgres_server import PostgresServer

CONNECT_TIMEOUT_S = 10.0

CASES = [
    case
    for case in json.loads((Path(__file__).parents[1] / "cases" / "language.json").read_text(encoding="utf-8"))
    if "http_stub" not in case["tags"]  # outbound requests need an allow-list, which is not built
]


@pytest.fixture(scope="module", params=["embedded", "postgres"])
def catalogue(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """An appliance over one of the sources."""
    state = tmp_path_factory.mktemp("cases") / "state"
    with contextlib.ExitStack() as stack:
        environ = dict(HTTP)
        if request.param == "postgres":
            url = stack.enter_context(PostgresServer()).url()
            database.init(url, CONNECT_TIMEOUT_S)
            database.seed(url, CONNECT_TIMEOUT_S)
            environ["DATABASE_URL"] = url
        appliance = stack.enter_context(serving(state, environ))
        assert appliance.status().source.kind == request.param
        yield appliance


def ask(appliance: Appliance, case: dict[str, Any]) -> Reply:
    """Send a case."""
    body = case["body"] if isinstance(case["body"], str) else json.dumps(case["body"])
    query = f"?{urlencode(case['query'], doseq=True)}" if case["query"] else ""
    headers = {"Content-Type": "application/json"}
    if case["method"] == "GET":
        return call(appliance.http_address, "GET", case["path"] + query)
    return call(appliance.http_address, case["method"], case["path"] + query, body.encode(), headers)


def same(found: object, expected: object) -> bool:
    """Equal as JSON shows them: 3 and 3.0 differ, and so do 1 and true."""
    return json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_answer_is_as_recorded(catalogue: Appliance, case: dict[str, Any]) -> None:
    reply = ask(catalogue, case)
    assert reply.status == case["expected_status"], reply.body
    assert reply.headers["content-type"] == "application/json; charset=UTF-8"
    found = reply.json()
    if case["expected_json"] is not None:
        assert found == case["expected_json"]
    if case["expected_body_contains"] is not None:
        assert case["expected_body_contains"] in reply.body.decode()
    if case["error_compare"] is not None:
        assert found["success"] is False
        if case["error_compare"] == "exact":
            assert found["error"] == case["expected_error"]
        return
    if case["expected_result"] is not None:
        assert same(found["result"], case["expected_result"])
    for name, value in case["expected_variables_subset"].items():
        assert same(found["variables"][name], value), name
    if case["expected_logs"] is not None:
        assert [{"command": one["command"], "success": one["success"]} for one in found["logs"]] == case[
            "expected_logs"
        ]
