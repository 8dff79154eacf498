"""Which core a worker gets."""

from __future__ import annotations

import os
import queue
import subprocess
import threading

import pytest

from supervisor.pinning import beside, lending, plan_pinning
from tests.waiting import wait_until


def test_auto_gives_each_worker_a_core_of_its_own_from_the_far_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 5, 7})
    assert plan_pinning("auto", 1) == [[7]]
    assert plan_pinning("auto", 3) == [[2], [5], [7]]
    assert plan_pinning("auto", 4) == [[0], [2], [5], [7]]


def test_auto_pins_nobody_when_there_are_more_workers_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    assert plan_pinning("auto", 3) == [None, None, None]


def test_off_pins_nobody_and_a_list_is_used_in_turn() -> None:
    assert plan_pinning("off", 2) == [None, None]
    assert plan_pinning((3, 1), 3) == [[3], [1], [3]]


def test_the_rest_of_the_appliance_runs_beside_pinned_workers_and_gets_its_cores_back() -> None:
    before = os.sched_getaffinity(0)
    worker = max(before)
    with beside([[worker]]):
        assert os.sched_getaffinity(0) == (before - {worker} or before)
    assert os.sched_getaffinity(0) == before


def test_nobody_moves_when_no_worker_is_pinned_or_no_core_is_left() -> None:
    before = os.sched_getaffinity(0)
    for plan in ([None, None], [[core] for core in before]):
        with beside(plan):
            assert os.sched_getaffinity(0) == before


def test_not_being_allowed_to_move_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, cores: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    with beside([[1]]):
        pass


def test_work_that_yields_may_use_the_core_of_a_worker_that_does_nothing_and_leaves_it_afterwards() -> None:
    """A worker at work keeps its core: see the tests beside `appliance/src/idle_cores.rs`."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        pytest.skip("one core: there is none to lend")
    own, of_worker = {cores[0]}, cores[-1]
    thread_id, done = queue.SimpleQueue[int](), threading.Event()

    def work() -> None:
        os.sched_setaffinity(0, own)
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        thread_id.put(threading.get_native_id())
        done.wait()

    worker = subprocess.Popen(["sleep", "60"])
    thread = threading.Thread(target=work)
    thread.start()
    working = thread_id.get()
    try:
        with beside([[core] for core in cores[1:]]), lending([(worker.pid, [of_worker])]):
            wait_until(lambda: os.sched_getaffinity(working) == own | {of_worker}, 20, "the core is lent")
            assert os.sched_getaffinity(0) == own, "who does not yield stays"
        assert os.sched_getaffinity(working) == own
    finally:
        done.set()
        thread.join()
        worker.kill()
        worker.wait()
