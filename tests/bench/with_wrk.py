"""`bench.http` with wrk itself (`make test-wrk`): wrong answers are seen, and the appliance is measured."""

from __future__ import annotations

import subprocess
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.http import APPLIANCE, ECHO, EXPECTED, Server, measure_once, run
from bench.references import program_server, rust_program
from bench.verdict import BenchError
from bench.wrk import Post, run_wrk


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[str, Post]]:
    """hyper alone, and a request that it answers right."""
    with program_server(ECHO, [str(rust_program("hyper_echo"))]) as (address, _):
        yield address, Post("/", "key", Path(__file__), Path(__file__), whole=True)


def test_wrong_bodies_and_statuses_are_seen(echo: tuple[str, Post], tmp_path: Path) -> None:
    address, right = echo
    assert run_wrk(address, right, connections=4, seconds=1).requests > 0
    beginning = tmp_path / "beginning"
    beginning.write_bytes(right.body.read_bytes()[:100])
    run_wrk(address, replace(right, expected=beginning, whole=False), connections=4, seconds=1)
    with pytest.raises(BenchError, match="wrong_body"):
        run_wrk(address, replace(right, expected=beginning), connections=4, seconds=1)
    beginning.write_text(EXPECTED)
    with pytest.raises(BenchError, match="wrong_body"):
        run_wrk(address, replace(right, expected=beginning, whole=False), connections=4, seconds=1)


def test_a_server_whose_processes_change_is_not_measured(echo: tuple[str, Post]) -> None:
    address, post = echo
    lives = iter([[1], [1, 2]])
    with pytest.raises(BenchError, match="processes of s changed"):
        measure_once(Server("s", address, post, lambda: next(lives)), 1)


def test_the_appliance_is_measured_beside_the_echo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(tmp_path, Namespace(rounds=1, seconds=1.0))
    assert len(result.checks) == 1
    for name in (APPLIANCE, ECHO):
        assert len(result.figures[f"{name} cpu_us"]) == 1
        assert result.figures[f"{name} cpu_us"][0] > 0
    printed = capsys.readouterr().out
    assert ("pass  a two-command script" in printed) == result.passed
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in left
