"""addVar, addResult, addParam and getQueryParamList."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from .connector import Connector, after, error_of, run, same


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("12", 12),
        ("007", 7),
        ("-3", "-3"),
        ("1.5", "1.5"),
        (1.5, 1.5),
        ("", ""),
        ("free text", "free text"),
        ("`v${x}`", "`v${x}`"),
        (None, None),
        (True, True),
        ("known", [1]),
        ("nothing", None),
    ],
)
def test_addvar_stores(value: Any, stored: Any) -> None:
    variables = {"known": [1], "nothing": None}

    assert same(after("addVar", "t", value, variables=variables)["t"], stored)


def test_addvar_numeric_target_captures_equal_numbers() -> None:
    variables = after("addVar", 5, "caught")
    assert variables == {5: "caught"}

    assert after("addVar", "t", 5.0, variables=variables)["t"] == "caught"


def test_addvar_ignores_surplus_arguments() -> None:
    assert after("addVar", "t", 1, 2, 3) == {"t": 1}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "'targetVarName'"),
        (["t"], "'varValue'"),
        (["t", [1]], "unhashable type: 'list'"),
        (["t", {"a": 1}], "unhashable type: 'dict'"),
        (["t", "²"], "invalid literal for int() with base 10: '²'"),
    ],
)
def test_addvar_fails(arguments: list[Any], error: str) -> None:
    assert error_of("addVar", *arguments) == error


def test_addresult_copies_values_and_keeps_the_first_place() -> None:
    connector = Connector(variables={"a": 1, "b": [2]})
    for name in ("b", "ghost", "a"):
        run(connector, "addResult", name)
    connector.variables["b"] = 3
    run(connector, "addResult", "b")

    assert list(connector.results.items()) == [("b", 3), ("ghost", None), ("a", 1)]


def test_addresult_shares_the_value() -> None:
    connector = Connector(variables={"xs": [1]})
    run(connector, "addResult", "xs")
    connector.variables["xs"].append(2)

    assert connector.results == {"xs": [1, 2]}


def test_addresult_needs_a_name() -> None:
    assert error_of("addResult") == "'sourceVariable'"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("15", 15),
        ("0015", 15),
        ("-3", -3.0),
        ("1e2", 100.0),
        (" 5 ", 5.0),
        ("1_0", 10.0),
        ("", None),
        (" ", " "),
        ("word", "word"),
        ("true", True),
        ("True", "True"),
        ("null", None),
        ("None", "None"),
        ("[1, 2]", [1, 2]),
        ('{"k": "v"}', {"k": "v"}),
        ('"q"', "q"),
        ("{'k': 1}", "{'k': 1}"),
        ("²", "²"),
        ("ñ", "ñ"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_addparam_reads_the_query(text: str, value: Any) -> None:
    assert same(after("addParam", "a", "x", query={"a": text})["x"], value)


@pytest.mark.parametrize("text", ["nan", "NaN"])
def test_addparam_reads_not_a_number(text: str) -> None:
    assert math.isnan(after("addParam", "a", "x", query={"a": text})["x"])


def test_addparam_reads_infinity() -> None:
    assert after("addParam", "a", "x", query={"a": "-inf"})["x"] == -math.inf


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (7, 7),
        (-7, -7.0),
        (3.0, 3.0),
        ("15", 15),
        (True, "True"),
        (None, None),
        ([1, 2], [1, 2]),
        (["a"], "['a']"),
        ({"k": 1}, "{'k': 1}"),
        ({}, {}),
        ([True], "[True]"),
        ("", None),
    ],
)
def test_addparam_reads_the_body(value: Any, stored: Any) -> None:
    assert same(after("addParam", "a", "x", body=json.dumps({"a": value}).encode())["x"], stored)


def test_addparam_looks_into_query_then_body_then_form() -> None:
    everywhere: dict[str, Any] = {
        "query": {"a": "1"},
        "body": b'{"a": 2, "b": 2}',
        "form": {"a": "3", "b": "3", "c": "3"},
    }

    assert [after("addParam", name, "x", **everywhere)["x"] for name in "abc"] == [1, 2, 3]


@pytest.mark.parametrize("key", ['"a"', "'a'", "a"])
def test_addparam_drops_quotes_from_query_names(key: str) -> None:
    assert after("addParam", "a", "x", query={key: "5"}) == {"x": 5}


def test_addparam_takes_the_first_of_names_that_differ_in_quotes() -> None:
    assert after("addParam", "a", "x", query={"'a'": "1", "a": "2"}) == {"x": 1}


def test_addparam_takes_the_first_value() -> None:
    assert after("addParam", "a", "x", query={"a": ["one", "two"]}) == {"x": "one"}


@pytest.mark.parametrize("body", [b"", b"not json", b'"a"', b'["a"]', b"7", b"\xff", b"null"])
def test_addparam_of_a_body_without_names_is_null(body: bytes) -> None:
    assert after("addParam", "a", "x", body=body) == {"x": None}


def test_addparam_with_one_argument_stores_under_the_parameter_name() -> None:
    assert after("addParam", "age", query={"age": "30"}) == {"age": 30}


@pytest.mark.parametrize("arguments", [[], ["a", ""], ["a", 0], ["a", None]])
def test_addparam_without_a_usable_target_does_nothing(arguments: list[Any]) -> None:
    assert after("addParam", *arguments, query={"a": "1"}) == {}


def test_addparam_prints_bytes_that_are_not_utf8() -> None:
    connector = Connector()
    connector.req.request.query_arguments = {"a": [b"\xff"]}
    run(connector, "addParam", "a", "x")

    assert connector.variables == {"x": "b'\\xff'"}


def test_getqueryparamlist_lists_first_values_in_order() -> None:
    variables = after("getQueryParamList", "q", query={"b": "2", "a": ["1", "9"], "e": ""})

    assert variables == {"q": [{"b": "2"}, {"a": "1"}, {"e": ""}]}


@pytest.mark.parametrize(("arguments", "target"), [([], "None"), ([" q "], "q"), ([5], "5")])
def test_getqueryparamlist_target(arguments: list[Any], target: str) -> None:
    assert after("getQueryParamList", *arguments) == {target: []}
