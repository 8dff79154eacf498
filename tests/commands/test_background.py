"""go and gather, with promises made by hand: starting functions is the executor's part."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from .connector import Connector, after, run


class Promise:
    """What an executor's go leaves under `asynced_functions`: a thread, its variables and its value."""

    def __init__(self, work: Callable[[], object], variables: dict[Any, Any], value: Any) -> None:
        self.conector_variables = variables
        self.result_value = value
        self.completado = False
        self.waits: list[float | None] = []
        self._thread = threading.Thread(target=self._run, args=(work,))
        self._thread.start()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, timeout: float | None = None) -> None:
        self.waits.append(timeout)
        self._thread.join(timeout)

    def _run(self, work: Callable[[], object]) -> None:
        work()
        self.completado = True


def finished(variables: dict[Any, Any], value: Any) -> Promise:
    promise = Promise(lambda: None, variables, value)
    promise.join()
    return promise


def gathered(promise: Promise, *arguments: Any, **variables: Any) -> dict[Any, Any]:
    """The shared variables after `r = gather(…)` with the promise under "p-1"."""
    connector = Connector(variables=variables)
    connector.asynced_functions["p-1"] = promise
    run(connector, "gather", *arguments, context="r")
    return connector.variables


@pytest.mark.parametrize("identity", ["p-1", "job"])
def test_gather_merges_variables_and_gives_the_value(identity: str) -> None:
    promise = finished({"a": 2, "_private": 3, 7: 8}, "done")

    assert gathered(promise, identity, 100, job="p-1", a=1) == {"job": "p-1", "a": 2, 7: 8, "r": "done"}


@pytest.mark.parametrize(
    ("timeout", "seconds"), [([40], 0.04), (["ms"], 0.025), (["50"], 0.05), ([], None), (["word"], None)]
)
def test_gather_waits_milliseconds(timeout: list[Any], seconds: float | None) -> None:
    running = threading.Event()
    promise = Promise(lambda: bool(running.wait(60)), {"a": 1}, "late")
    if seconds is None:
        running.set()
    try:
        variables = gathered(promise, "p-1", *timeout, ms=25)
    finally:
        running.set()
        promise.join()

    if seconds is None:
        assert variables == {"ms": 25, "a": 1, "r": "late"}
    else:
        assert promise.waits[0] == pytest.approx(seconds)
        assert variables == {"ms": 25, "r": None}


@pytest.mark.parametrize("arguments", [[], ["ghost", 10], [5, 10], [None, 10]])
def test_gather_of_an_unknown_promise_is_null(arguments: list[Any]) -> None:
    assert gathered(finished({"a": 1}, 1), *arguments) == {"r": None}


def test_gather_without_a_target_still_merges() -> None:
    connector = Connector()
    connector.asynced_functions["p-1"] = finished({"a": 1}, "done")
    run(connector, "gather", "p-1", 10)

    assert connector.variables == {"a": 1}


def test_go_without_an_executor_that_starts_functions_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert after("go", "work", 1, context="job") == {"job": None}
    assert "work was not run" in capsys.readouterr().out


def test_go_without_a_target_stores_nothing() -> None:
    assert after("go", "work") == {}
