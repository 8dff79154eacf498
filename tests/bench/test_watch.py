"""The watch sees what processes used, waited for and took from each other. Work is counted in CPU time, not in time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from bench.watch import Side, Watch

BURN_S = 0.3
BURN = (
    "import sys, time\n"
    "print(flush=True); sys.stdin.readline()\n"
    f"while time.process_time() < {BURN_S}: pass\n"
    "print(flush=True); sys.stdin.readline()"
)


@contextmanager
def burners(count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes on one core, each of which uses `BURN_S` of CPU time, start included, when it is told to."""
    core = min(os.sched_getaffinity(0))
    started = [
        subprocess.Popen([sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            process.stdout.readline()
            os.sched_setaffinity(process.pid, [core])
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def burn(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Let them, and wait until they have."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()


def test_a_busy_server_is_seen_with_what_it_used() -> None:
    with burners(1) as (server,):
        with Watch(lambda: [server.pid]) as watch:
            burn([server])
        assert watch.server_visible
        # Its start is not in the watch: importing takes a tenth of a second at most.
        assert BURN_S - 0.15 < watch.server.run_s < BURN_S + 0.05
        assert watch.server.busy == pytest.approx(watch.server.run_s / watch.wall_s)
        assert watch.server.cores == {min(os.sched_getaffinity(0))}
        # And it is none of the strangers, up to the steps of /proc/stat, a hundredth of a second a core and end.
        cores = len(os.sched_getaffinity(0))
        assert watch.foreign * watch.wall_s < watch.wall_s * cores - watch.server.run_s + 0.05 * cores


def test_a_sleeping_server_uses_nothing() -> None:
    with burners(2) as (server, stranger):
        with Watch(lambda: [server.pid]) as watch:
            burn([stranger])
        assert watch.server.run_s < 0.01
        assert watch.server.waited < 0.2  # a wake-up on a full host
        assert watch.server.cores == frozenset()
        assert watch.shared_busy is None
        assert watch.foreign * watch.wall_s > BURN_S - 0.2, "the stranger's time is foreign"


def test_a_server_that_must_share_its_core_waits_and_its_own_siblings_are_no_noise() -> None:
    with burners(2) as (server, other):
        # Over the same time, so that whatever else the host does is in both.
        with Watch(lambda: [server.pid]) as alone, Watch(lambda: [server.pid, other.pid]) as together:
            burn([server, other])
        assert alone.server.waited > 0.1, "it had half of the core"
        assert together.server.waited < alone.server.waited - 0.1
        assert together.server.busy <= 1.0
        assert alone.foreign > together.foreign


def test_a_generator_in_a_process_of_its_own_is_told_from_strangers() -> None:
    with burners(1) as (generator,):
        with Watch(list, generator.pid) as known, Watch(list) as unknown:
            burn([generator])
        assert not known.server_visible
        assert known.generator.run_s > BURN_S - 0.15
        assert known.foreign < unknown.foreign - 0.1 / known.wall_s


def test_the_calling_thread_is_the_generator_and_no_stranger() -> None:
    with Watch(list) as watch, Watch(list, os.getpid()) as by_pid:
        began_s = time.thread_time()
        while time.thread_time() - began_s < BURN_S:
            pass
    assert BURN_S <= watch.generator.run_s < BURN_S + 0.1
    assert watch.foreign == pytest.approx(by_pid.foreign, abs=0.05), "its own process is not taken off twice"


def test_threads_of_the_generator_that_are_gone_at_the_end_are_counted() -> None:
    def work() -> None:
        began_s = time.thread_time()
        while time.thread_time() - began_s < BURN_S:
            pass

    with Watch(list) as watch:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert watch.generator.run_s >= BURN_S


def test_shared_cores_are_those_of_both_sides() -> None:
    watch = Watch(list)
    watch.wall_s = 2.0
    watch.server, watch.generator = Side(1.0, 0.5, 0.0, frozenset({1})), Side(0.8, 0.4, 0.0, frozenset({0}))
    assert watch.shared_busy is None
    watch.generator = Side(0.8, 0.4, 0.0, frozenset({1}))
    assert watch.shared_busy == pytest.approx(0.9)
    watch.generator = Side(0.8, 0.4, 0.0, frozenset({0, 1}))
    assert watch.shared_busy == pytest.approx(0.45)


def test_processes_that_are_gone_are_not_visible() -> None:
    with burners(1) as (gone,):
        pid = gone.pid
    with Watch(lambda: [pid]) as watch:
        pass
    assert not watch.server_visible
    assert watch.server == Side(0.0, 0.0, 0.0)
