"""RequestGet and RequestPost against a server on the loopback address."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from .connector import Connector, after, error_of, run
from .http_stub import http_stub

ECHO: dict[str, Any] = {"method": "GET", "args": {}, "x_test": None, "json": None, "raw": "", "ctype": None}


@pytest.fixture(scope="module")
def stub() -> Iterator[str]:
    with http_stub() as url:
        yield url


@pytest.fixture
def nobody() -> Iterator[str]:
    """A base URL where nothing listens: the port is held, and refuses."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.mark.parametrize(
    ("query", "headers", "answer"),
    [
        ("", "", ECHO),
        ("q", "h", ECHO | {"args": {"a": "1", "b": "x y"}, "x_test": "yes"}),
        ("{'a': '2'}", '{"X-Test": "no"}', ECHO | {"args": {"a": "2"}, "x_test": "no"}),
        ("text", "broken {", ECHO | {"args": {"c": "3"}}),
        ("null", "empty", ECHO),
        ({"a": "4"}, {"X-Test": "5"}, ECHO | {"args": {"a": "4"}, "x_test": "5"}),
        (" q ", "apostrophe", ECHO | {"args": {"a": "1", "b": "x y"}, "x_test": "it's"}),
    ],
)
def test_requestget_sends(stub: str, query: Any, headers: Any, answer: dict[str, Any]) -> None:
    variables = {
        "q": {"a": "1", "b": "x y"}, "h": {"X-Test": "yes"}, "text": "{'c': 3}", "null": None, "empty": {},
        "apostrophe": {"X-Test": "it's"},
    }  # fmt: skip

    assert after("RequestGet", f"{stub}/echo", query, headers, "r", variables=variables)["r"] == answer


@pytest.mark.parametrize(
    ("path", "result"), [("/text", "plain body"), ("/json", {"id": 7, "userId": 1, "name": "stub", "tags": ["a", "b"]})]
)
def test_requestget_takes_json_or_text(stub: str, path: str, result: Any) -> None:
    assert after("RequestGet", "u", "", "", "r", variables={"u": stub + path})["r"] == result


def test_requestget_prefers_the_assignments_target(stub: str) -> None:
    variables = after("RequestGet", f"{stub}/text", "", "", "other", context="r")

    assert variables == {"r": "plain body"}


def test_requestget_sees_the_function_frame_behind_the_shared_variables(stub: str) -> None:
    connector = Connector(variables={"both": f"{stub}/text"})
    connector.function_local_vars = {"u": f"{stub}/text", "both": f"{stub}/absent"}
    run(connector, "RequestGet", "u", "", "", " r ")
    run(connector, "RequestGet", "both", "", "", "s")

    assert (connector.variables["r"], connector.variables["s"]) == ("plain body", "plain body")


@pytest.mark.parametrize("body", ["text", '{"a": 1}'])
def test_requests_are_given_up_after_30_seconds(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    waits: list[float] = []

    def refuse(url: str, *, timeout: float, **sent: Any) -> None:
        waits.append(timeout)
        raise requests.Timeout("too slow")

    monkeypatch.setattr(requests, "get", refuse)
    monkeypatch.setattr(requests, "post", refuse)

    assert error_of("RequestGet", "http://host/") == "too slow"
    assert after("RequestPost", "http://host/", "", "", body, "r") == {"r": {"error": "too slow"}}
    assert waits == [30, 30]


def test_requestget_without_any_target_drops_the_result(stub: str) -> None:
    assert after("RequestGet", f"{stub}/text") == {}


def test_requestget_raises_for_an_error_status(stub: str) -> None:
    url = f"{stub}/absent"

    assert error_of("RequestGet", url, "", "", "r") == f"404 Client Error: Not Found for url: {url}"


def test_requestget_raises_for_a_failed_transport(nobody: str) -> None:
    assert "Connection refused" in error_of("RequestGet", nobody, "", "", "r")


def test_requestget_without_a_url_says_so() -> None:
    assert error_of("RequestGet").startswith("Invalid URL 'None'")


def sent_json(value: Any) -> dict[str, Any]:
    return ECHO | {"method": "POST", "json": value, "raw": None, "ctype": "application/json"}


def sent_raw(text: str) -> dict[str, Any]:
    return ECHO | {"method": "POST", "raw": text}


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("d", sent_json({"name": "Ann"})),
        ('{"a": 1}', sent_json({"a": 1})),
        ("{'a': [1, 2]}", sent_json({"a": [1, 2]})),
        ("5", sent_json(5)),
        ("plain words", sent_raw("plain words")),
        ("it's", sent_raw("it's")),
        ("ñ€", sent_raw("ñ€")),
        ("", sent_raw("")),
        ("list", sent_raw("['a']")),
        (5, sent_json(5) | {"ctype": None}),
        (["b"], sent_raw("['b']")),
        ({"k": "v"}, sent_json({"k": "v"})),
        (" d ", sent_json({"name": "Ann"})),
        ("null", sent_raw("")),
    ],
)
def test_requestpost_sends(stub: str, body: Any, answer: dict[str, Any]) -> None:
    variables = {"d": {"name": "Ann"}, "list": ["a"], "null": None}

    assert after("RequestPost", f"{stub}/echo", "", "", body, "r", variables=variables)["r"] == answer


def test_requestpost_sends_query_and_headers(stub: str) -> None:
    variables = {"q": {"a": "1"}, "h": {"X-Test": "yes", "Content-Type": "text/x"}}
    answer = after("RequestPost", f"{stub}/echo", " q ", "h", "b", " r ", variables=variables)["r"]

    assert answer == sent_raw("b") | {"args": {"a": "1"}, "x_test": "yes", "ctype": "text/x"}


def test_requestpost_reads_query_and_headers_from_texts(stub: str) -> None:
    answer = after("RequestPost", f"{stub}/echo", "{'a': '2'}", '{"X-Test": "it"}', "b", "r")["r"]

    assert answer == sent_raw("b") | {"args": {"a": "2"}, "x_test": "it"}


def test_requestpost_takes_a_dict_as_it_is(stub: str) -> None:
    variables = {"q": {"a": "it's"}, "h": {"X-Test": "it's"}}
    answer = after("RequestPost", f"{stub}/echo", "q", "h", "", "r", variables=variables)["r"]

    assert answer == sent_raw("") | {"args": {"a": "it's"}, "x_test": "it's"}


def test_requestpost_does_not_raise_for_an_error_status(stub: str) -> None:
    assert after("RequestPost", f"{stub}/boom", "", "", "x", "r") == {"r": "boom"}


def test_requestpost_gives_a_failed_transport_as_a_value(nobody: str) -> None:
    result = after("RequestPost", nobody, "", "", "x", "r")["r"]

    assert list(result) == ["error"]
    assert "Connection refused" in result["error"]


def test_requestpost_gives_a_body_that_json_cannot_hold_as_a_value(stub: str) -> None:
    result = after("RequestPost", f"{stub}/echo", "", "", "d", "r", variables={"d": {"s": {1}}})["r"]

    assert result == {"error": "Object of type set is not JSON serializable"}


def test_requestpost_prefers_the_assignments_target(stub: str) -> None:
    connector = Connector()
    run(connector, "RequestPost", f"{stub}/boom", "", "", "x", "other", context="r")

    assert connector.variables == {"r": "boom"}
