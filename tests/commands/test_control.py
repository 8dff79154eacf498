"""if, the markers, startLoop, try and exception."""

from __future__ import annotations

from typing import Any

import pytest

from .connector import Connector, error_of, run


def taken(left: Any, right: Any, comparator: Any, **variables: Any) -> str:
    """Which branch of an if ran, by the node that it handed to process_step."""
    nodes: list[Any] = []
    connector = Connector(variables=variables)
    branches = {"true": ["yes"], "false": ["no"]}
    run(connector, "if", left, right, comparator, branches=branches, process_step=nodes.append)
    assert len(nodes) == 1
    return str(nodes[0])


@pytest.mark.parametrize(
    ("left", "right", "comparator", "branch"),
    [
        ("a", 5, "=", "yes"),
        ("a", 5, "==", "yes"),
        ("a", 5, "!=", "no"),
        ("a", 6, "!=", "yes"),
        ("a", 5.0, "=", "no"),
        ("a", "05", "=", "yes"),
        ("padded", 7, "=", "yes"),
        ("quoted", "hi", "=", "yes"),
        ("a", "5", "<", "no"),
        ("a", "5", "<=", "yes"),
        ("a", 4, ">", "yes"),
        ("a", 5, ">=", "yes"),
        ("a", 5.5, "<", "yes"),
        ("flag", "True", "=", "yes"),
        ("flag", "true", "=", "no"),
        ("nothing", "None", "=", "yes"),
        ("xs", "[1, 'b']", "=", "yes"),
        ("ghost", "ghost", "=", "yes"),
        ("", "", "=", "yes"),
        ("1.50", 1.5, "=", "yes"),
        ("1e3", 1000, "=", "no"),
        ("1_0", 10, "=", "yes"),
        ("a", 5, "in", "no"),
        ("a", 5, " = ", "yes"),
        ("a", 5, '"=="', "yes"),
        ("a", 5, ' "==" ', "yes"),
        ("a", " '5' ", "=", "yes"),
        ("a", 5, "`a > 41", "no"),
        ("a", 5, "0a > 4`", "no"),
        ("a", 5, 7, "no"),
        ("a", 5, "", "no"),
    ],
)
def test_if_compares(left: Any, right: Any, comparator: Any, branch: str) -> None:
    variables = {"a": 5, "padded": " 07 ", "quoted": "\"'hi'\"", "flag": True, "nothing": None, "xs": [1, "b"]}

    assert taken(left, right, comparator, **variables) == branch


@pytest.mark.parametrize(
    ("expression", "branch"),
    [
        ("a > 3 and not (a == 9)", "yes"),
        ("a > 9", "no"),
        (" a > 3", "yes"),
        ("xs", "no"),
        ("ghost > 1", "no"),
        ("len(xs) == 0", "no"),
        ("a >", "no"),
        ("", "no"),
        ("__import__('os')", "no"),
        ("[q for q in [1] if q < a]", "no"),
        ("[q for q in [a]]", "yes"),
        ("s == 'x'", "yes"),
    ],
)
def test_if_evaluates_an_expression(expression: str, branch: str) -> None:
    assert taken("None", "None", f"`{expression}`", a=5, xs=[], s="x") == branch


def test_if_expression_cannot_change_variables() -> None:
    connector = Connector(variables={"a": 1})
    run(connector, "if", "None", "None", "`(a := 2)`")

    assert connector.variables == {"a": 1}


@pytest.mark.parametrize("arguments", [[], ["a"], ["a", 1]])
def test_if_needs_three_arguments(arguments: list[Any]) -> None:
    assert error_of("if", *arguments) == "'comparator'"


@pytest.mark.parametrize(
    ("left", "right", "error"),
    [
        ("word", 1, "could not convert string to float: 'word'"),
        (1, "x y", "could not convert string to float: 'x y'"),
        ("nothing", 1, "could not convert string to float: 'None'"),
        (1, "", "could not convert string to float: ''"),
    ],
)
def test_if_orders_numbers_only(left: Any, right: Any, error: str) -> None:
    assert error_of("if", left, right, "<", variables={"nothing": None}) == error


def test_if_runs_all_statements_of_the_branch_in_order() -> None:
    nodes: list[Any] = []
    run(Connector(), "if", 1, 1, "=", branches={"true": [1, 2, 3], "false": [4]}, process_step=nodes.append)

    assert nodes == [1, 2, 3]


def test_if_without_branches_runs_nothing() -> None:
    connector = Connector()
    run(connector, "if", 1, 1, "=", context="r", process_step=pytest.fail)

    assert connector.variables == {}


@pytest.mark.parametrize("name", ["else", "end", "endLoop"])
def test_markers_do_nothing(name: str) -> None:
    connector = Connector(variables={"a": 1})
    run(connector, name, "surplus", context="r", process_step=pytest.fail)

    assert (connector.variables, connector.results, connector.try_level) == ({"a": 1}, {}, 0)


def turns(*arguments: Any, values: list[Any], **variables: Any) -> tuple[list[Any], dict[Any, Any]]:
    """(node, counter) of each child that startLoop ran, its children giving `values`, and the variables after it."""
    seen: list[Any] = []
    connector = Connector(variables=variables)

    def step(node: int) -> Any:
        seen.append((node, connector.variables["i"]))
        return values[node]

    run(connector, "startLoop", *arguments, sequence=list(range(len(values))), process_step=step)
    return seen, connector.variables


@pytest.mark.parametrize(
    ("first", "last", "counters"),
    [
        (1, 3, [1, 2, 3]),
        ("lo", "hi", [2, 3]),
        ("1.9", 2, [1, 2]),
        ("word", 0, [0]),
        (3, 2, []),
        ('"2"', "'2'", [2]),
        (' "2" ', 2, [2]),
    ],
)
def test_startloop_counts(first: Any, last: Any, counters: list[int]) -> None:
    seen, variables = turns("i", first, last, values=[True], lo=2, hi="3")

    assert [counter for _, counter in seen] == counters
    assert variables["i"] == (counters[-1] + 1 if counters else 3)


def test_startloop_leaves_a_pass_at_the_first_falsy_child() -> None:
    seen, _ = turns("i", 1, 2, values=[1, None, 1])

    assert seen == [(0, 1), (1, 1), (0, 2), (1, 2)]


@pytest.mark.parametrize(("arguments", "error"), [([], "'varName'"), (["i"], "'to'"), (["i", 1], "'to'")])
def test_startloop_needs_three_arguments(arguments: list[Any], error: str) -> None:
    assert error_of("startLoop", *arguments) == error


def test_try_and_exception_count() -> None:
    connector = Connector()
    run(connector, "try")
    run(connector, "try")
    assert connector.try_level == 2
    for _ in range(3):
        run(connector, "exception")

    assert connector.try_level == -1


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "No error detected"),
        ({"__last_error__": ""}, "No error detected"),
        ({"__last_error__": "boom"}, "boom"),
    ],
)
def test_exception_stores_the_last_error(variables: dict[str, Any], message: str) -> None:
    connector = Connector(variables=variables)
    run(connector, "exception", "e", context="r")

    assert (connector.variables["e"], connector.variables["r"]) == (message, message)


@pytest.mark.parametrize("arguments", [[], [5], [""], [None]])
def test_exception_argument_that_is_no_text_names_nothing(arguments: list[Any]) -> None:
    connector = Connector()
    run(connector, "exception", *arguments)

    assert connector.variables == {}
