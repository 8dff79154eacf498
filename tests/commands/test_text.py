"""replace, getRegex, encodeSHA256, encodeMD5 and randomString."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

from .connector import Connector, after, error_of, run


@pytest.mark.parametrize(
    ("source", "pattern", "value", "result"),
    [
        ("k=v", "(k).(v)", "\\2:\\1", "v:k"),
        ("a b\tc", " ", "_", "a_b_c"),
        ("a b c", "", "-", "a-b-c"),
        ("a1b22", "[0-9]+", "#", "a#b#"),
        ("a(b", "(", "x", "a(b"),
        ("ab", "(a)", "\\2", "ab"),
        ("¨k¨", "k", "v", '"v"'),
        ("a¨(b", "(", "x", 'a"(b'),
        ("5", "5", "6", "6"),
        (5, 5, 6, "6"),
        ("ab", "b", "", "a"),
    ],
)
def test_replace_of_literals(source: Any, pattern: Any, value: Any, result: str) -> None:
    assert after("replace", source, pattern, value, "r")["r"] == result


def test_replace_looks_up_all_three_and_prints_values() -> None:
    variables = {"s": 505, "p": 0, "v": None}

    assert after("replace", "s", "p", "v", "r", variables=variables)["r"] == "5None5"


def test_replace_takes_a_blank_pattern_variable_as_one_space() -> None:
    assert after("replace", "a b  c", "p", "_", "r", variables={"p": "   "})["r"] == "a_b__c"


@pytest.mark.parametrize(
    ("name", "arguments", "result"), [("replace", ["s", "p", "v", "r"], "xbx"), ("getRegex", ["s", "p", "r"], "aa")]
)
def test_the_function_frame_stands_behind_the_shared_variables(name: str, arguments: list[str], result: str) -> None:
    connector = Connector(variables={"s": "aba"})
    connector.function_local_vars = {"s": "hidden", "p": "a", "v": "x"}
    run(connector, name, *arguments)

    assert connector.variables["r"] == result


def test_replace_without_target_stores_under_its_first_argument() -> None:
    assert after("replace", "s", "a", "b", variables={"s": "aa"}) == {"s": "bb"}


def test_replace_with_an_unknown_group_name_fails() -> None:
    assert error_of("replace", "a", "a", "\\g<ghost>", "r") == "unknown group name 'ghost'"


@pytest.mark.parametrize(
    ("source", "pattern", "result"),
    [
        ("a1b22", "[0-9]+", "122"),
        ("k=v;k=w", "k=(.)", "vw"),
        ("abc", "x", None),
        ("abc", "x*", ""),
        (12, 1, "1"),
        ("s", "p", "2"),
    ],
)
def test_getregex_joins(source: Any, pattern: Any, result: str | None) -> None:
    assert after("getRegex", source, pattern, "r", variables={"s": "p2", "p": "[0-9]"})["r"] == result


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ("(a)(b)", "sequence item 0: expected str instance, tuple found"),
        ("(", "missing ), unterminated subpattern at position 0"),
    ],
)
def test_getregex_fails(pattern: str, error: str) -> None:
    assert error_of("getRegex", "ab", pattern, "r") == error


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("source", "text"),
    [("s", "ñ€"), ("literal", "literal"), (5, "5"), ("p", "from frame"), ("both", "shared"), ("", "")],
)
def test_encodesha256_hashes(source: Any, text: str) -> None:
    variables = {"s": "ñ€", "both": "shared"}
    local = {"p": "from frame", "both": "hidden"}

    assert after("encodeSHA256", source, "h", variables=variables, local_vars=local)["h"] == sha256(text)


@pytest.mark.parametrize(("value", "kind"), [(5, "int"), (None, "NoneType"), ([1], "list")])
def test_encodesha256_fails_for(value: Any, kind: str) -> None:
    assert error_of("encodeSHA256", "v", "h", variables={"v": value}) == f"'{kind}' object has no attribute 'encode'"


def test_encodesha256_without_target_writes_back_into_its_source() -> None:
    assert after("encodeSHA256", "s", variables={"s": "abc"}) == {"s": sha256("abc")}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("s", "s"),
        ("hello world", "hello world"),
        (5, "5"),
        ("`a`", "a"),
        ("`${s}-${s}`", "abc-abc"),
        ("`${s}-${n}-${s2}`", "abc-${n}-${s2}"),
        ("`v${ghost}${s}`", "v${ghost}${s}"),
        ("`${p}`", "from frame"),
        ("${s}", "${s}"),
        ("`${s}", "`${s}"),
        ("${s}`", "${s}`"),
        ("`", ""),
        ("", ""),
    ],
)
def test_encodemd5_hashes(source: Any, text: str) -> None:
    variables = {"s": "abc", "s2": "def", "n": 5}
    digest = hashlib.md5(text.encode()).hexdigest()

    assert after("encodeMD5", source, "h", variables=variables, local_vars={"p": "from frame"})["h"] == digest


# exrex 0.12 imports sre_parse, which CPython 3.11 calls deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("pattern", "count", "shape"),
    [
        ("[a-f]{3}", 1, "[a-f]{3}"),
        ("[0-9]", "8", "[0-9]{8}"),
        ("p", 4, "[xy]{4}"),
        ("n", 2, "77"),
        ("abc", 0, ""),
        ("abc", -1, ""),
        (5, 2, "55"),
    ],
)
def test_randomstring_joins_texts_that_match(pattern: Any, count: Any, shape: str) -> None:
    made = after("randomString", pattern, count, "r", variables={"p": "[xy]", "n": 7})["r"]

    assert re.fullmatch(shape, made)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_randomstring_differs_from_call_to_call() -> None:
    assert after("randomString", "[a-z]", 40, "r") != after("randomString", "[a-z]", 40, "r")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "'Pattern'"),
        (["a"], "'Length'"),
        (["a", 1], "'TargetVariable'"),
        (["a", "n", "r"], "invalid literal for int() with base 10: 'n'"),
        (["(", 1, "r"], "missing ), unterminated subpattern at position 0"),
    ],
)
def test_randomstring_fails(arguments: list[Any], error: str) -> None:
    assert error_of("randomString", *arguments, variables={"n": 3}) == error
