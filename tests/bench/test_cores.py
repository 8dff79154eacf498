"""Cores are divided so that neither side is measured through the other, where that is possible."""

from __future__ import annotations

import os

import pytest

from bench.cores import Cores, divide, on


@pytest.mark.parametrize(
    ("allowed", "workers", "wanted", "cores"),
    [
        ([0, 1], 1, "auto", Cores((0,), (1,))),
        ([0, 1, 2, 3], 1, "auto", Cores((0, 1, 2), (3,))),
        ([4, 6, 5], 2, "auto", Cores((4,), (5, 6))),
        ([0, 1], 2, "auto", Cores((0, 1), (0, 1))),
        ([0], 1, "auto", Cores((0,), (0,))),
        ([0, 1], 1, "off", Cores((0, 1), (0, 1))),
        ([0, 1, 2], 1, "2", Cores((2,), (0, 1))),
        ([0, 1, 2], 1, "2,0,2", Cores((0, 2), (1,))),
        ([0, 1], 1, "0,1", Cores((0, 1), (0, 1))),
    ],
)
def test_the_last_cores_are_the_servers(allowed: list[int], workers: int, wanted: str, cores: Cores) -> None:
    assert divide(allowed, workers, wanted) == cores


@pytest.mark.parametrize("wanted", ["", "7", "0,7", "a", "0-1", "-1", "0,"])
def test_what_is_no_list_of_allowed_cores_is_refused(wanted: str) -> None:
    with pytest.raises(ValueError, match="cores to choose from are 0,1"):
        divide([0, 1], 1, wanted)


def test_it_says_whether_they_are_apart() -> None:
    assert divide([0, 1], 1, "auto").apart
    assert str(divide([0, 1], 1, "auto")) == "server on 1, generator on 0"
    assert not divide([0, 1], 1, "off").apart
    assert str(divide([0, 1], 1, "off")) == "both sides on cores 0,1"


def test_a_thread_is_back_on_all_its_cores_after_the_block() -> None:
    before = os.sched_getaffinity(0)

    def fail() -> None:
        with on([min(before)]):
            assert os.sched_getaffinity(0) == {min(before)}
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert os.sched_getaffinity(0) == before
