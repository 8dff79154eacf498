"""getDateTime, getTimeStamp and stampToDatetime, on a server in UTC."""

from __future__ import annotations

import datetime
import time
from typing import Any

import pytest

from .connector import after, error_of, same

ISO = "%Y-%m-%dT%H:%M:%S"


def test_getdatetime_is_now() -> None:
    before = time.time()
    stamp = after("getDateTime", "", 0, "", "t")["t"]

    assert isinstance(stamp, float)
    assert before <= stamp <= time.time()


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "current", "", "Nowhere/Land", "UTC"])
def test_getdatetime_epoch_does_not_depend_on_the_zone(zone: str) -> None:
    before = time.time()
    stamp = after("getDateTime", "", 3600, zone, "t")["t"]

    assert before + 3600 <= stamp <= time.time() + 3600


@pytest.mark.parametrize(
    ("zone", "hours", "abbreviation"),
    [("Asia/Tokyo", 9, "JST"), ("UTC", 0, "UTC"), ("current", 0, ""), ("Nowhere/Land", 0, "")],
)
def test_getdatetime_formats_in_the_zone(zone: str, hours: int, abbreviation: str) -> None:
    text, name = after("getDateTime", ISO + " %Z", 60, zone, "t")["t"].split(" ")
    moment = datetime.datetime.strptime(text, ISO).replace(tzinfo=datetime.timezone(datetime.timedelta(hours=hours)))

    assert name == abbreviation
    assert abs(moment.timestamp() - 60 - time.time()) < 30


def test_getdatetime_empty_delta_is_zero() -> None:
    assert abs(after("getDateTime", "", "", "", "t")["t"] - time.time()) < 30


@pytest.mark.parametrize("arguments", [["%Y"], ["%Y", "soon", "", "t"], ["%Y", 1.5, "", "t"]])
def test_getdatetime_delta_is_an_integer(arguments: list[Any]) -> None:
    assert error_of("getDateTime", *arguments).startswith("invalid literal for int() with base 10: ")


def test_getdatetime_with_three_arguments_stores_under_its_format() -> None:
    assert list(after("getDateTime", "year %Y", 0, "t")) == ["year %Y"]


@pytest.mark.parametrize(
    ("date", "pattern", "delta", "stamp"),
    [
        ("d", "%Y-%m-%d", 86400, 1709251200.0),
        ("2024-02-29", "%Y-%m-%d", -1, 1709164799.0),
        ("n", "%Y%m%d", 0, 1709164800.0),
        ("1 Jan 1970 00:00:01", "%d %b %Y %H:%M:%S", "", 1.0),
        (20240229, "%Y%m%d", 0, 1709164800.0),
    ],
)
def test_gettimestamp_parses(date: Any, pattern: str, delta: Any, stamp: float) -> None:
    variables = {"d": "2024-02-29", "n": 20240229}

    assert same(after("getTimeStamp", date, pattern, delta, "t", variables=variables)["t"], stamp)


@pytest.mark.parametrize(
    ("date", "pattern", "delta", "error"),
    [
        ("hello", "%Y", 0, "time data 'hello' does not match format '%Y'"),
        ("2024x", "%Y", 0, "unconverted data remains: x"),
        ("2024", "%Y", "x", "invalid literal for int() with base 10: 'x'"),
        ("2024", "%Q", 0, "'Q' is a bad directive in format '%Q'"),
    ],
)
def test_gettimestamp_fails(date: str, pattern: str, delta: Any, error: str) -> None:
    assert error_of("getTimeStamp", date, pattern, delta, "t") == error


@pytest.mark.parametrize(
    ("stamp", "pattern", "delta", "result"),
    [
        (0, ISO, 0, "1970-01-01T00:00:00"),
        ("1709164800.9", ISO, -1, "2024-02-28T23:59:59"),
        ("s", ISO, 60, "2024-02-29T00:01:00"),
        ("s", "", 60, 1709164860.0),
        ("s", "", "", 1709164800.0),
        (0, "plain", 0, "plain"),
    ],
)
def test_stamptodatetime_formats(stamp: Any, pattern: str, delta: Any, result: Any) -> None:
    assert same(after("stampToDatetime", stamp, pattern, delta, "t", variables={"s": 1709164800})["t"], result)


@pytest.mark.parametrize(
    ("stamp", "error"),
    [
        ("word", "could not convert string to float: 'word'"),
        ("null", "float() argument must be a string or a real number, not 'NoneType'"),
        ("nan", "Invalid value NaN (not a number)"),
    ],
)
def test_stamptodatetime_fails(stamp: str, error: str) -> None:
    assert error_of("stampToDatetime", stamp, ISO, 0, "t", variables={"null": None}) == error
