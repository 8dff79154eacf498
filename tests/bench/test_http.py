"""`bench.http`: wrk's answers are all checked, CPU is that of every process, what is over the limit fails."""

from __future__ import annotations

import shutil
from argparse import Namespace
from pathlib import Path

import pytest

from bench.http import run
from bench.verdict import BenchError, MissingToolError
from bench.wrk import find_wrk, read_counted

SAID = """\
Running 1s test @ http://127.0.0.1:1
  1 threads and 32 connections
counted requests=1000 right=1002 wrong_status=0 wrong_body=0 lost=0 duration_us=2000000 p50_us=300 p99_us=900
"""


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
