"""`avap bench vm`: right answers only, the same commands in other words, limits that fail, what may be missing."""

from __future__ import annotations

import ast
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance._native import ScriptTimer
from bench import vm
from bench.cli import app
from bench.definitions import Command, packaged, renamed, segment_of
from bench.interpreters import INTERPRETERS, started
from bench.programs import ADDITIONS, CHAIN, COMPILED, COMPILED_LINES, CONDITIONS, PROBES, PROGRAMS
from bench.results import read
from bench.verdict import BenchError, MissingToolError, Result, UsageError
from bench.vm import Timing, check_answers, first_runs_of, fuel_of, interpreters_of, judge, timings_of


def timer_of(commands: dict[str, Command]) -> ScriptTimer:
    with segment_of(commands) as segment:
        return ScriptTimer(segment)


@pytest.fixture(scope="module")
def ours() -> Iterator[ScriptTimer]:
    """The packaged commands and the probes; nothing of it is left in /dev/shm."""
    before = set(Path("/dev/shm").iterdir())
    yield timer_of({**packaged(), **PROBES})
    assert not [path for path in set(Path("/dev/shm").iterdir()) - before if path.name.startswith("avap-bench-")]


def test_every_program_gives_what_it_must(ours: ScriptTimer) -> None:
    check_answers(ours)


def test_a_command_that_does_something_else_ends_the_benchmark() -> None:
    wrong = replace(PROBES["measureAdditions"], code="self.conector.variables['r'] = 1\n")
    with pytest.raises(BenchError, match=r"wanted \{'r': 499500\}.*got status 200"):
        check_answers(timer_of({**packaged(), **PROBES, "measureAdditions": wrong}))


def test_definitions_in_other_words_do_the_same() -> None:
    commands = {**packaged(), **PROBES}
    other = renamed(commands)
    check_answers(timer_of(other))
    text = other["if"].code
    own = {
        "properties",
        "variables",
        "comparator",
        "operand",
        "item",
        "value",
        "text",
        "holds",
        "left",
        "right",
        "node",
    }
    assert own.isdisjoint(node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name))
    assert text.count("# what this line does") > 20
    assert all(other[name] != commands[name] for name in commands)


def test_fuel_is_held_to_the_work(ours: ScriptTimer) -> None:
    for program in PROGRAMS:
        assert fuel_of(ours, program)[1] <= vm.FUEL_DEVIATION_MAX_PERCENT
    squared = replace(ADDITIONS, work=lambda n: n * n)
    assert fuel_of(ours, squared)[1] > 10
    assert fuel_of(ours, replace(ADDITIONS, script="// nothing"))[1] == 100


def test_what_is_over_its_limit_fails(capsys: pytest.CaptureFixture[str]) -> None:
    fuel = {program.name: (1, 0.0) for program in PROGRAMS}
    timings = [Timing(program.name, vm.OURS, lambda turns: 1, us=[program.limit_us, 1e9, 0.0]) for program in PROGRAMS]
    timings.append(Timing(CONDITIONS.name, vm.RENAMED, lambda turns: 1, us=[CONDITIONS.limit_us, 1e9, 0.0]))
    timings.append(Timing("compile", vm.OURS, lambda turns: 1, us=[41.0, 39.0, 42.0]))
    for timing in timings:
        timing.us[2] = timing.us[2] or 1e-9
    result = Result("vm")
    judge(result, timings, fuel)
    assert not result.passed
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")]
    assert failed == ["FAIL  compile: 41 µs, limit 40"]
    result = Result("vm")
    judge(result, timings, {**fuel, ADDITIONS.name: (1, 1.5)})
    assert [check.name for check in result.checks if not check.passed] == ["compile", f"{ADDITIONS.name}, fuel by work"]


def test_turns_are_as_many_as_take_the_time() -> None:
    timing = Timing("row", "column", lambda turns: turns * 1000)
    timing.calibrate(0.01)
    assert timing.turns == 10_000
    timing.measure()
    assert timing.us == [1.0]
    slow = Timing("row", "column", lambda turns: turns * 1_000_000_000)
    slow.calibrate(0.01)
    assert slow.turns == 1
    endless = Timing("row", "column", lambda turns: 1)
    endless.calibrate(0.01)
    assert endless.turns == vm.TURNS_MAX


def test_the_timer_refuses_what_it_cannot_time(ours: ScriptTimer) -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        ours.turns_ns(b"", 1)
    with pytest.raises(ValueError, match="1 to 1000000 turns; found 0"):
        ours.turns_ns(CHAIN.body(), 0)
    with pytest.raises(ValueError, match="nosuch"):
        ours.turns_ns(b'{"script": "nosuch()"}', 1)
    with pytest.raises(ValueError, match="fuel"):
        # Half of all runs go on for longer.
        ours.turns_ns(b'{"script": "randomString(\\"[ab]\\", 1, r)\\nif(r, a, =)\\naddVar(x, 1)\\nend()"}', 200)
    with pytest.raises(ValueError, match="script_too_large"):
        ours.compile_ns(["// long" + " " * (1 << 20)])


def test_first_runs_cost_more_than_warm_ones() -> None:
    found = first_runs_of(timer_of(packaged()))
    assert found.runs_to_warm > 1
    assert found.first > found.warm
    assert found.extra > 0


def test_the_script_that_is_compiled_has_its_lines_and_runs(ours: ScriptTimer) -> None:
    assert len(COMPILED.split("\n")) == COMPILED_LINES
    assert ours.compile_ns([COMPILED]) > 0


def test_interpreters_are_named_by_their_first_word() -> None:
    assert interpreters_of("all") == list(INTERPRETERS)
    assert interpreters_of("none") == []
    assert interpreters_of("LuaJIT, cpython,luajit") == ["LuaJIT", "CPython 3.11"]
    with pytest.raises(UsageError, match="cpython, lua, luajit, monty, all or none; found perl"):
        interpreters_of("lua,perl")


def test_every_interpreter_gives_what_ours_does(ours: ScriptTimer) -> None:
    # Monty takes ten minutes of CPU to build: `make bench-vm` checks its results too.
    with started([name for name in INTERPRETERS if not name.startswith("Monty")]) as (processes, missing):
        assert "CPython 3.11" not in missing
        for timing in timings_of(ours, ours, processes):
            assert timing.run(1) >= 0
        with pytest.raises(BenchError, match="did not answer to nosuch"):
            processes[0].time("nosuch", 1, 1)


def test_an_interpreter_that_is_not_there_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with started(["Lua 5.4", "LuaJIT"]) as (processes, missing):
        assert processes == []
    assert missing == {
        "Lua 5.4": "no Lua 5.4: on Debian apt-get install lua5.4",
        "LuaJIT": "no LuaJIT: on Debian apt-get install luajit",
    }
    monkeypatch.setattr(sys, "version_info", (3, 12))
    with pytest.raises(MissingToolError, match=r"python3\.11"):
        INTERPRETERS["CPython 3.11"].command()


def test_the_command_prints_a_table_and_verdicts_and_keeps_every_run(tmp_path: Path) -> None:
    path = tmp_path / "vm.json"
    done = CliRunner().invoke(
        app, ["vm", "--with", "cpython", "--rounds", "1", "--seconds", "0.05", "--json", str(path)]
    )
    assert done.exit_code in (0, 1), done.output
    assert (done.exit_code == 1) == ("FAIL  " in done.stdout)
    for program in PROGRAMS:
        assert f"{program.name}: " in done.stdout
    kept = {measurement.name: measurement for measurement in read(path).measurements}
    assert kept[f"{CHAIN.name}: ours"].unit == "µs"
    assert f"{ADDITIONS.name}: CPython 3.11" in kept
    assert all(len(measurement.runs) == 1 for measurement in kept.values())
