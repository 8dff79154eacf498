"""getListLen, itemFromList, variableToList, AddvariableToJSON and variableFromJSON."""

from __future__ import annotations

from typing import Any

import pytest

from .connector import after, error_of, same


@pytest.mark.parametrize(
    ("value", "length"),
    [
        ([1, 2], 2),
        ({"a": 1}, 1),
        ("", 0),
        ("hello", 5),
        ("[1, 2, 3]", 3),
        ("  [1]", 1),
        ("(1, 2)", 2),
        ("{'a': 1}", 1),
        ("'abc'", 3),
        ("5", 1),
        ("None", 4),
        ("[1, x]", 6),
    ],
)
def test_getlistlen_of(value: Any, length: int) -> None:
    assert after("getListLen", "v", "n", variables={"v": value})["n"] == length


def test_getlistlen_of_an_undefined_variable_is_zero() -> None:
    assert after("getListLen", "ghost", "n") == {"n": 0}


def test_getlistlen_sees_the_function_frame_behind_the_shared_variables() -> None:
    assert after("getListLen", "p", "n", local_vars={"p": [1, 2, 3]}) == {"n": 3}
    assert after("getListLen", "p", "n", variables={"p": [1]}, local_vars={"p": [1, 2, 3]})["n"] == 1


@pytest.mark.parametrize(("value", "kind"), [(5, "int"), (None, "NoneType"), (1.5, "float"), (True, "bool")])
def test_getlistlen_fails_for(value: Any, kind: str) -> None:
    assert error_of("getListLen", "v", "n", variables={"v": value}) == f"object of type '{kind}' has no len()"


def test_getlistlen_without_target_overwrites_its_source() -> None:
    assert after("getListLen", "rows", variables={"rows": [7, 8]}) == {"rows": 2}


@pytest.mark.parametrize(
    ("source", "index", "item"),
    [
        (["a", "b"], 1, "b"),
        (["a", "b"], "1", "b"),
        (["a", "b"], -1, "b"),
        (["a", "b"], "p", "a"),
        ("[7, 8]", 1, 8),
        ("hello", 1, "e"),
        ("(4, 5)", 0, 4),
        ({"k": 3}, "key", 3),
    ],
)
def test_itemfromlist_takes(source: Any, index: Any, item: Any) -> None:
    variables = {"v": source, "p": 0, "key": "k"}

    assert after("itemFromList", "v", index, "x", variables=variables)["x"] == item


def test_itemfromlist_without_target_replaces_its_source() -> None:
    assert after("itemFromList", "rows", 1, variables={"rows": [7, 8]}) == {"rows": 8}


@pytest.mark.parametrize(
    ("source", "index", "error"),
    [
        ([1], 7, "list index out of range"),
        ([1], -2, "list index out of range"),
        ([1], "foo", "invalid literal for int() with base 10: 'foo'"),
        ([1], 1.5, "invalid literal for int() with base 10: '1.5'"),
        ([1], "text", "list indices must be integers or slices, not str"),
        ("ab", 2, "string index out of range"),
        ("5", 0, "'int' object is not subscriptable"),
        (None, 0, "'NoneType' object is not subscriptable"),
        ({"a": 1}, 0, "0"),
    ],
)
def test_itemfromlist_fails(source: Any, index: Any, error: str) -> None:
    assert error_of("itemFromList", "v", index, "x", variables={"v": source, "text": "0"}) == error


def test_itemfromlist_of_an_undefined_variable_names_it() -> None:
    assert error_of("itemFromList", "ghost", 0, "x") == "'ghost'"


@pytest.mark.parametrize(
    ("element", "start", "result"),
    [
        ("red", None, ["red"]),
        (5, None, ["5"]),
        (" red ", None, ["red"]),
        ("n", None, [5]),
        ("null", None, []),
        ("red", ["a"], ["a", "red"]),
        ("red", "text", ["red"]),
        ("", None, [""]),
    ],
)
def test_variabletolist_appends(element: Any, start: Any, result: list[Any]) -> None:
    variables = {"n": 5, "null": None} | ({} if start is None else {"L": start})

    assert same(after("variableToList", element, "L", variables=variables)["L"], result)


def test_variabletolist_appends_to_the_very_list() -> None:
    xs: list[Any] = [1]
    after("variableToList", "a", "L", variables={"L": xs})

    assert xs == [1, "a"]


def test_variabletolist_without_target_makes_a_list_that_holds_itself() -> None:
    made = after("variableToList", "L")["L"]

    assert len(made) == 1
    assert made[0] is made


@pytest.mark.parametrize(
    ("key", "value", "result"),
    [
        ("name", "Alice", {"name": "Alice"}),
        ("age", 30, {"age": "30"}),
        ("k", "n", {"k": 5}),
        ("n", "x", {5: "x"}),
        ("s", "x", {"z": "x"}),
        ("a", "", {"a": ""}),
        ("`k_${s}`", "v", {"k_z": "v"}),
        ("`k_${n}_${s}`", "v", {"k_${n}_${s}": "v"}),
        ("`${s}_${n}`", "v", {"z_${n}": "v"}),
        ("`k_${ghost}!`", "v", {"k_!": "v"}),
        ("k", "`over ${n} of ${s}`", {"k": "over 5 of z"}),
        ("k", "`${null}|${xs}|${ghost}|`", {"k": "None|[1, 'b']||"}),
        ("k", "`a`b`", {"k": "ab"}),
        ("k", "`${s}", {"k": "`${s}"}),
        ("k", "${s}`", {"k": "${s}`"}),
        ("`${s}", "v", {"`${s}": "v"}),
        ("${s}`", "v", {"${s}`": "v"}),
        ("k", "`", {"k": ""}),
        ("k", "`s`", {"k": "z"}),
        ("k", "${n}", {"k": "${n}"}),
        ("k", "`${}`", {"k": ""}),
        ("k", "`${part}`", {"k": "from frame"}),
        ("k", "part", {"k": "part"}),
    ],
)
def test_addvariabletojson_sets(key: Any, value: Any, result: dict[Any, Any]) -> None:
    variables = {"n": 5, "s": "z", "null": None, "xs": [1, "b"]}
    local = {"part": "from frame"}

    assert after("AddvariableToJSON", key, value, "p", variables=variables, local_vars=local)["p"] == result


def test_addvariabletojson_expands_a_template_once_for_each_name_that_it_was_written_with() -> None:
    variables = {"a": "${b}${c}", "b": "x"}

    assert after("AddvariableToJSON", "k", "`${a}${b}`", "p", variables=variables)["p"] == {"k": "x${c}x"}


@pytest.mark.parametrize(("start", "result"), [({"a": 1}, {"a": 1, "k": "v"}), ([1], {"k": "v"}), (None, {"k": "v"})])
def test_addvariabletojson_keeps_a_dict_and_replaces_the_rest(start: Any, result: dict[str, Any]) -> None:
    assert after("AddvariableToJSON", "k", "v", "p", variables={"p": start}) == {"p": result}


def test_addvariabletojson_key_must_be_hashable() -> None:
    assert error_of("AddvariableToJSON", "xs", "v", "p", variables={"xs": [1]}) == "unhashable type: 'list'"


@pytest.mark.parametrize(
    ("source", "key", "value"),
    [
        ({"k": [1, 2]}, "k", [1, 2]),
        ('{"k": 3.0}', "k", 3.0),
        ({"k": 1}, "ghost", None),
        ({5: 1}, 5, None),
        ('{"5": 1}', 5, 1),
        ([1, 2], 0, None),
        ("[1, 2]", 0, None),
        ("plain", "k", None),
        (7, "k", None),
        (None, "k", None),
        ({"name": 1, "k": 2}, "name", 1),
    ],
)
def test_variablefromjson_takes(source: Any, key: Any, value: Any) -> None:
    assert same(after("variableFromJSON", "v", key, "x", variables={"v": source, "name": "k"})["x"], value)


def test_variablefromjson_of_an_undefined_variable_names_it() -> None:
    assert error_of("variableFromJSON", "ghost", "k", "x") == "'ghost'"


def test_variablefromjson_without_target_replaces_its_source() -> None:
    assert after("variableFromJSON", "d", "k", variables={"d": {"k": 1}}) == {"d": 1}


def test_variablefromjson_with_one_argument_stores_under_none() -> None:
    assert after("variableFromJSON", "d", variables={"d": {"d": 1}})["None"] == 1
