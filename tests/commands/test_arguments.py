"""What fifteen commands do alike: arguments stripped and printed, and the stand-in for one that is missing.

Arguments stand in `properties` twice, under their index and under the interface's item, and a command takes the k-th
value where its k-th item is missing or falsy. So a falsy argument stands for itself, and with n arguments the missing
one is number k - n, or the text `None` when there is no such argument.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from .connector import after, error_of

D = "1970-01-01"
MD5_NONE = hashlib.md5(b"None").hexdigest()
SHA_NONE = hashlib.sha256(b"None").hexdigest()


@pytest.mark.parametrize(
    ("name", "arguments", "variables", "changed"),
    [
        ("getListLen", [" v ", " t "], {"v": [1]}, {"t": 1}),
        ("itemFromList", [" v ", " 0 ", " t "], {"v": [7]}, {"t": 7}),
        ("itemFromList", [" v ", " i ", " t "], {"v": [7], "i": 0}, {"t": 7}),
        ("variableToList", [" v ", " t "], {"v": 1}, {"t": [1]}),
        ("AddvariableToJSON", [" `k` ", " `v` ", " t "], {}, {"t": {"k": "v"}}),
        ("variableFromJSON", [" v ", " k ", " t "], {"v": {"k": 1}}, {"t": 1}),
        ("replace", [" v ", " a ", " b ", " t "], {"v": "a"}, {"t": "b"}),
        ("getRegex", [" v ", " a ", " t "], {"v": "ba"}, {"t": "a"}),
        ("encodeSHA256", [" None ", " t "], {}, {"t": SHA_NONE}),
        ("encodeMD5", [" None ", " t "], {}, {"t": MD5_NONE}),
        ("getDateTime", [" x ", " 0 ", " current ", " t "], {}, {"t": "x"}),
        ("getTimeStamp", [" d ", " %Y-%m-%d ", "  ", " t "], {"d": D}, {"t": 0.0}),
        ("stampToDatetime", [" s ", " %Y-%m-%d ", "  ", " t "], {"s": 0}, {"t": D}),
        ("stampToDatetime", [" 0 ", "  ", " 1 ", " t "], {}, {"t": 1.0}),
        ("ormDirect", [" q ", " t "], {"q": ""}, {"t": {"error": "no SQL connection is configured"}}),
        ("addParam", [" p ", " t "], {}, {"t": 1}),
        ("getQueryParamList", [" t "], {}, {"t": [{"p": "1"}]}),
    ],
)
def test_arguments_are_stripped(
    name: str, arguments: list[Any], variables: dict[str, Any], changed: dict[str, Any]
) -> None:
    before = dict(variables)

    assert after(name, *arguments, variables=variables, query={"p": "1"}) == before | changed


@pytest.mark.parametrize(
    ("name", "arguments", "changed"),
    [
        ("getListLen", ["", "t"], {"t": 2}),
        ("getListLen", [0, "t"], {"t": 3}),
        ("itemFromList", ["", 0, "t"], {"t": 7}),
        ("variableToList", ["", "t"], {"t": [[7, 8]]}),
        ("AddvariableToJSON", [0, "k", "t"], {"t": {"abc": "k"}}),
        ("AddvariableToJSON", ["k", 0, "t"], {"t": {"k": "abc"}}),
        ("variableFromJSON", ["d", 0, "t"], {"t": 1}),
        ("variableFromJSON", [0, "k", "t"], {"t": None}),
        ("replace", [0, "b", "", "t"], {"t": "a[7, 8]c"}),
        ("getRegex", [0, "b", "t"], {"t": "b"}),
        ("getRegex", ["w", 0, "t"], {"t": "abc"}),
        ("encodeMD5", [0, "t"], {"t": hashlib.md5(b"0").hexdigest()}),
        ("encodeSHA256", [0, "t"], {"t": hashlib.sha256(b"abc").hexdigest()}),
        ("stampToDatetime", ["one", "", 0, "t"], {"t": 1.0}),
        ("addParam", [0, "t"], {"t": 9}),
        ("addParam", ["", "t"], {"t": 8}),
    ],
)
def test_falsy_arguments_stand_for_themselves(name: str, arguments: list[Any], changed: dict[str, Any]) -> None:
    variables = {"": [7, 8], "0": "abc", "d": {"0": 1}, "one": 1, "w": "zabc"}

    assert after(name, *arguments, variables=dict(variables), query={"0": "9", "": "8"}) == variables | changed


@pytest.mark.parametrize(
    ("name", "arguments", "variables", "left"),
    [
        ("getListLen", [], {}, {"None": 0}),
        ("getListLen", ["v"], {"v": [1]}, {"v": 1}),
        ("variableToList", [], {}, {"None": ["self"]}),
        ("variableToList", ["v"], {"v": [0]}, {"v": [0, "self"]}),
        ("AddvariableToJSON", ["k"], {}, {"None": {"k": "k"}}),
        ("variableFromJSON", ["v", "k"], {"v": {"k": 1}}, {"v": 1}),
        ("replace", [], {}, {"None": "None"}),
        ("replace", ["v"], {"v": "ab"}, {"v": "ab", "None": "None"}),
        ("replace", ["v", "a"], {"v": "ab"}, {"v": "ab", "a": "abb"}),
        ("replace", ["v", "a", "c"], {"v": "ab"}, {"v": "cb"}),
        ("getRegex", [], {}, {"None": "None"}),
        ("getRegex", ["v"], {}, {"None": "v"}),
        ("getRegex", ["v", "a"], {"v": "ab"}, {"v": "a"}),
        ("encodeSHA256", [], {}, {"None": SHA_NONE}),
        ("encodeMD5", [], {}, {"None": MD5_NONE}),
        ("encodeMD5", ["None"], {}, {"None": MD5_NONE}),
        ("getDateTime", ["x", 0], {}, {"0": "x"}),
        ("getDateTime", ["x", 0, "UTC"], {}, {"x": "x"}),
        ("getTimeStamp", ["1970", "%Y", 5], {}, {"1970": 5.0}),
        ("stampToDatetime", [5, "%S"], {}, {"%S": "10"}),
        ("stampToDatetime", [5, "x", 7], {}, {"5": "x"}),
        ("ormDirect", [], {}, {"None": {"error": "no SQL connection is configured"}}),
        ("ormDirect", ["q"], {}, {"q": {"error": "no SQL connection is configured"}}),
        ("addParam", ["p"], {}, {"p": 1}),
        ("getQueryParamList", [], {}, {"None": [{"p": "1"}]}),
    ],
)
def test_missing_arguments(name: str, arguments: list[Any], variables: dict[str, Any], left: dict[str, Any]) -> None:
    assert plain(after(name, *arguments, variables=variables, query={"p": "1"})) == left


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("AddvariableToJSON", [], "unhashable type: 'dict'"),
        ("AddvariableToJSON", ["k", "v"], "unhashable type: 'dict'"),
        ("variableFromJSON", [], "'None'"),
        ("variableFromJSON", ["ghost"], "'ghost'"),
        ("itemFromList", [], "invalid literal for int() with base 10: 'None'"),
        ("itemFromList", ["word"], "invalid literal for int() with base 10: 'word'"),
        ("getDateTime", [], "invalid literal for int() with base 10: 'None'"),
        ("getTimeStamp", [], "invalid literal for int() with base 10: 'None'"),
        ("getTimeStamp", ["1970"], "invalid literal for int() with base 10: 'None'"),
        ("stampToDatetime", [], "could not convert string to float: 'None'"),
        ("stampToDatetime", ["5"], "invalid literal for int() with base 10: 'None'"),
    ],
)
def test_missing_arguments_that_fail(name: str, arguments: list[Any], error: str) -> None:
    assert error_of(name, *arguments) == error


def plain(made: Any) -> Any:
    """The variables with each list or dict inside itself shown as the text `self`."""

    def shown(value: Any, outer: Any) -> Any:
        return "self" if value is outer else value

    def flat(value: Any) -> Any:
        if isinstance(value, list):
            return [shown(item, value) for item in value]
        if isinstance(value, dict):
            return {shown(key, value): shown(item, value) for key, item in value.items()}
        return value

    return {name: flat(value) for name, value in made.items()}
