"""`bench.http`: wrk's answers are all checked, CPU is that of every process, what is over the limit fails."""

from __future__ import annotations

import shutil
import subprocess
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.http import APPLIANCE, ECHO, EXPECTED, Server, measure_once, run
from bench.references import program_server, rust_program
from bench.verdict import BenchError, MissingToolError
from bench.wrk import Post, find_wrk, read_counted, run_wrk

SAID = """\
Running 1s test @ http://127.0.0.1:1
  1 threads and 32 connections
counted requests=1000 right=1002 wrong_status=0 wrong_body=0 lost=0 duration_us=2000000 p50_us=300 p99_us=900
"""
WRK = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed: on Debian `apt-get install wrk`")


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[str, Post]]:
    """hyper alone, and a request that it answers right."""
    with program_server(ECHO, [str(rust_program("hyper_echo"))]) as (address, _):
        yield address, Post("/", "key", Path(__file__), Path(__file__), whole=True)


def test_what_wrk_counted_is_read() -> None:
    counted = read_counted(SAID, cpu_s=0.5)
    assert (counted.requests, counted.rate, counted.p50_us, counted.p99_us) == (1000, 500.0, 300.0, 900.0)
    assert counted.busy == 0.25


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("wrong_status=0", "wrong_status=7", "1002 of 1000 answers were right; {'wrong_status': 7}"),
        ("wrong_body=0", "wrong_body=1", "{'wrong_body': 1}"),
        ("lost=0", "lost=2", "{'lost': 2}"),
        ("right=1002", "right=999", "999 of 1000 answers were right"),
        ("requests=1000", "requests=0", "no answer"),
        ("counted", "count", "cannot be read"),
    ],
)
def test_one_wrong_answer_ends_the_benchmark(before: str, after: str, said: str) -> None:
    with pytest.raises(BenchError) as raised:
        read_counted(SAID.replace(before, after), cpu_s=0.5)
    assert said in str(raised.value)


def test_without_wrk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(MissingToolError, match="apt-get install wrk"):
        find_wrk()
    with pytest.raises(MissingToolError):
        run(tmp_path, Namespace(rounds=1, seconds=1.0))


@WRK
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


@WRK
def test_a_server_whose_processes_change_is_not_measured(echo: tuple[str, Post]) -> None:
    address, post = echo
    lives = iter([[1], [1, 2]])
    with pytest.raises(BenchError, match="processes of s changed"):
        measure_once(Server("s", address, post, lambda: next(lives)), 1)


@WRK
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
