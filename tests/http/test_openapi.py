"""The OpenAPI document says what the service does: live answers of every operation fit it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.appliance.process import Appliance, serving
from tests.http.client import Reply, call
from tests.http.conftest import HTTP

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text(encoding="utf-8"))
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
KEYWORDS = {"type", "properties", "required", "additionalProperties", "items", "const", "enum", "anyOf", "description",
            "minLength", "minimum", "maximum", "default"}  # fmt: skip


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, its reference followed."""
    while "$ref" in schema:
        found: Any = DOCUMENT
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def mistakes(value: object, schema: dict[str, Any], where: str = "$") -> list[str]:
    """What of a value does not fit a schema. Knows the keywords that the document uses, and fails on others."""
    schema = resolved(schema)
    assert set(schema) <= KEYWORDS, f"{where}: {set(schema) - KEYWORDS}"
    if "anyOf" in schema:
        return [] if any(not mistakes(value, one, where) for one in schema["anyOf"]) else [f"{where}: none of anyOf"]
    if "const" in schema and value != schema["const"]:
        return [f"{where}: {value!r} is not {schema['const']!r}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where}: {value!r} is none of {schema['enum']}"]
    types = schema.get("type", [])
    types = types if isinstance(types, list) else [types]
    if types and not any(
        isinstance(value, TYPES[one]) and (one == "boolean") == isinstance(value, bool) for one in types
    ):
        return [f"{where}: {value!r} is no {types}"]
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found = [f"{where}: {name} is missing" for name in schema.get("required", []) if name not in value]
        if schema.get("additionalProperties") is False:
            found += [f"{where}: {name} is not described" for name in value if name not in properties]
        for name, inner in properties.items():
            found += mistakes(value[name], inner, f"{where}.{name}") if name in value else []
        return found
    if isinstance(value, list) and "items" in schema:
        return [one for index, item in enumerate(value) for one in mistakes(item, schema["items"], f"{where}[{index}]")]
    return []


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """An appliance that asks for keys."""
    with serving(tmp_path_factory.mktemp("keyed") / "state", {**HTTP, "AVAP_HTTP_AUTH": "on"}) as running:
        yield running


ENDLESS = "startLoop(i, 0, 99999999)\nx = i\nendLoop()"
ASKED: list[tuple[str, str, str, object, dict[str, str], int]] = [
    # operation, method, path, body, headers, status
    ("execute", "POST", "/api/v1/execute?a=1", {"script": "addParam(a, x)\naddResult(x)"}, {}, 200),
    ("execute", "POST", "/api/v1/execute", {"script": "try()\nnone()\nexception(e)\nx = [2.5]\naddResult(x)"}, {}, 200),
    ("execute", "POST", "/api/v1/execute", {"script": "_status = 201"}, {}, 201),
    *(("execute", "POST", f"/api/v1/execute?{status}", {"script": f"_status = {status}"}, {}, status)
      for status in (204, 304, 400, 401, 408, 413, 415, 500, 503, 504, 599)),
    ("execute", "POST", "/api/v1/execute", {"script": "nothing(1)"}, {}, 400),
    ("execute", "POST", "/api/v1/execute", {"script": 5}, {}, 400),
    ("execute", "POST", "/api/v1/execute", {"script": "x = 1"}, {"Content-Encoding": "gzip"}, 415),
    ("execute", "POST", "/api/v1/execute", {"script": "x" * (9 << 20)}, {}, 413),
    ("execute", "POST", "/api/v1/execute", {"script": ENDLESS, "timeout_ms": 50}, {}, 504),
    ("check", "POST", "/api/v1/check", {"script": "x += 1\nhello"}, {}, 200),
    ("check", "POST", "/api/v1/check", [], {}, 400),
    ("compile", "POST", "/api/v1/compile", {"name": "n", "script": "x = 1"}, {}, 200),
    ("compile", "POST", "/api/v1/compile", {"name": "n", "script": "class A: pass"}, {}, 200),
    ("compile", "POST", "/api/v1/compile", {"name": "n"}, {}, 400),
    ("compile", "POST", "/api/v1/compile", {"name": 1}, {}, 400),
    ("listCommands", "GET", "/api/v1/commands?limit=3", None, {}, 200),
    ("listCommands", "GET", "/api/v1/commands?limit=1000", None, {}, 200),
    ("listCommands", "GET", "/api/v1/commands", None, {"If-None-Match": "*"}, 304),
    ("listCommands", "GET", "/api/v1/commands?limit=0", None, {}, 400),
    ("getCommand", "GET", "/api/v1/commands/if", None, {}, 200),
    ("getCommand", "GET", "/api/v1/commands/if", None, {"If-None-Match": "*"}, 304),
    ("getCommand", "GET", "/api/v1/commands/none", None, {}, 404),
    ("getCommand", "GET", "/api/v1/commands/%ff", None, {}, 400),
    ("openapi", "GET", "/api/v1/openapi.json", None, {}, 200),
    ("metrics", "GET", "/metrics", None, {}, 200),
    ("metricsOfApi", "GET", "/api/v1/metrics", None, {}, 200),
    ("health", "GET", "/health", None, {}, 200),
    ("ready", "GET", "/ready", None, {}, 200),
]  # fmt: skip


def operations() -> dict[str, dict[str, Any]]:
    """Operations by id."""
    return {one["operationId"]: one for path in DOCUMENT["paths"].values() for one in path.values()}


def check(reply: Reply, operation: dict[str, Any], status: int) -> None:
    """An answer is one that its operation describes."""
    assert reply.status == status, reply.body[:300]
    described = operation["responses"].get(str(status)) or operation["responses"]["default"]
    for name, header in described.get("headers", {}).items():
        assert name.lower() in reply.headers or not resolved(header).get("required"), name
    if "content" not in described:
        assert reply.body == b""
        return
    ((media_type, content),) = described["content"].items()
    assert reply.headers["content-type"].startswith(media_type)
    value = reply.json() if media_type == "application/json" else reply.body.decode()
    assert mistakes(value, content["schema"]) == []


@pytest.mark.parametrize(
    ("operation", "method", "path", "body", "headers", "status"),
    ASKED,
    ids=[f"{one[0]}-{one[5]}-{one[2]}"[:60] for one in ASKED],
)
def test_live_answers_fit_the_document(
    appliance: Appliance, operation: str, method: str, path: str, body: object, headers: dict[str, str], status: int
) -> None:
    sent = None if body is None else json.dumps(body).encode()
    check(call(appliance.http_address, method, path, sent, headers), operations()[operation], status)


def test_each_operation_says_whether_it_needs_a_key(keyed: Appliance) -> None:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            body = b"{}" if "requestBody" in operation else None
            reply = call(keyed.http_address, method.upper(), path.replace("{name}", "if"), body)
            if operation["security"]:
                check(reply, operation, 401)
            else:
                assert reply.status == 200


def test_every_operation_is_asked_and_the_document_is_served_as_it_lies_in_the_tree(appliance: Appliance) -> None:
    assert {one[0] for one in ASKED} == set(operations())
    assert call(appliance.http_address, "GET", "/api/v1/openapi.json").json() == DOCUMENT


def test_the_checker_finds_mistakes() -> None:
    """The test of the tests: a checker that accepts everything would pass all of the above."""
    schema = {"$ref": "#/components/schemas/LogEntry"}
    fine = {"command": "a", "duration_ms": 1.5, "success": True}
    assert mistakes(fine, schema) == []
    broken: list[object] = [{**fine, "more": 1}, {"command": "a"}, {**fine, "success": 1}, {**fine, "duration_ms": "1"}]
    for wrong in [*broken, [], None]:
        assert mistakes(wrong, schema), wrong
