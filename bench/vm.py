"""`avap bench vm`: what scripts and definitions cost, beside other interpreters, with limits."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import typer

from appliance._native import ScriptTimer
from bench import options
from bench.cores import on
from bench.definitions import packaged, renamed, segment_of
from bench.interpreters import INTERPRETERS, Process, started
from bench.programs import CHAIN, COMPILED, COMPILED_LINES, CONDITIONS, EMPTY, PROBES, PROGRAMS, Program
from bench.report import check_writable, host_now, version, write
from bench.results import Measurement
from bench.table import figure, print_line, print_notes, print_table, progress
from bench.verdict import EXIT_OVER_LIMIT, BenchError, Result, UsageError, median

LIMIT_COMPILE_US = 40.0
LIMIT_RENAMED = 1.1
"""The same definitions in other words: no slower, and two equal ones differ by so much here at times."""
FUEL_DEVIATION_MAX_PERCENT = 1.0
TURNS_MAX = 100_000
COMPILED_AT_ONCE = 50
FIRST_RUNS = 200
WARM_FACTOR = 1.2
"""A run is warm that takes at most so many times the median of the last ones."""
OURS = "ours"
RENAMED = "other words"
WITH_BODY = "with the body"
NONE = "none"

EPILOG = """\b
Examples:
  avap bench vm
  avap bench vm --rounds 15 --json vm.json
  avap bench vm --with none

Exit code 1 when a figure is over its limit. An interpreter that is not installed is left out, with a note.
"""


@dataclass(slots=True)
class Timing:
    """One thing that is timed in every round: `run` gives the CPU time of so many turns in nanoseconds."""

    row: str
    column: str
    run: Callable[[int], int]
    turns: int = 1
    us: list[float] = field(default_factory=list)
    """Of a turn, in each round."""

    def calibrate(self, seconds: float) -> None:
        """Choose the turns that take about so long."""
        spent_ns = max(1, self.run(1))
        while spent_ns < seconds * 1e8 and self.turns < TURNS_MAX:
            self.turns = min(TURNS_MAX, self.turns * 4)
            spent_ns = max(1, self.run(self.turns))
        self.turns = max(1, min(TURNS_MAX, round(self.turns * seconds * 1e9 / spent_ns)))

    def measure(self) -> None:
        """One round of it."""
        self.us.append(self.run(self.turns) / self.turns / 1e3)


@dataclass(frozen=True, slots=True)
class FirstRuns:
    """What a script costs from its first run on in a worker that has compiled nothing, in µs."""

    first: float
    second: float
    warm: float
    runs_to_warm: int
    extra: float
    """Of all of them above warm ones."""


def main(
    against: Annotated[
        str,
        typer.Option(
            "--with", metavar="LIST",
            help="Interpreters, separated by commas: cpython, lua, luajit, monty; all, or none.",
        ),
    ] = "all",
    rounds: options.Rounds = 9,
    seconds: options.Seconds = 0.05,
    json: options.Json = None,
) -> None:  # fmt: skip
    """Time scripts and definitions beside other interpreters, and judge them by their limits."""
    names = interpreters_of(against)
    check_writable(json)
    host = host_now()
    result = Result("vm")
    with on(sorted(os.sched_getaffinity(0))[-1:]), started(names) as (processes, missing):
        commands = {**packaged(), **PROBES}
        with segment_of(commands) as segment:
            ours, fresh = ScriptTimer(segment), [ScriptTimer(segment) for _ in range(rounds)]
        with segment_of(renamed(commands)) as segment:
            other = ScriptTimer(segment)
        for timer in (ours, other):
            check_answers(timer)
        timings = timings_of(ours, other, processes)
        with progress(rounds, (rounds + 3) * len(timings) * seconds) as step:
            for timing in timings:
                timing.calibrate(seconds)
            for number in range(rounds):
                step(f"round {number + 1}")
                for timing in timings if number % 2 == 0 else reversed(timings):
                    timing.measure()
        first_runs = [first_runs_of(timer) for timer in fresh]
        fuel = {program.name: fuel_of(ours, program) for program in PROGRAMS}
    print_line(f"vm: {len(commands)} commands, CPU time of the thread, medians of {rounds} rounds, µs")
    print_line(f"{host['cpu']}, {len(host['cores_allowed'])} cores, kernel {host['kernel']}; {version(host)}")
    print_line()
    print_figures(timings, [process.name for process in processes], fuel)
    print_first_runs(first_runs)
    if missing:
        print_notes([(name, f"not measured: {reason}") for name, reason in missing.items()])
        print_line()
    judge(result, timings, fuel)
    if json is not None:
        write(json, host, measurements_of(timings))
    if not result.passed:
        raise typer.Exit(EXIT_OVER_LIMIT)


def interpreters_of(text: str) -> list[str]:
    """The interpreters of a list. Raises UsageError."""
    short = {name.split()[0].lower(): name for name in INTERPRETERS}
    if text in ("all", NONE):
        return list(INTERPRETERS) if text == "all" else []
    found = []
    for part in (part.strip().lower() for part in text.split(",")):
        if part not in short:
            raise UsageError(f"--with wants {', '.join(short)}, all or {NONE}; found {part or 'nothing'}")
        found.append(short[part])
    return list(dict.fromkeys(found))


def check_answers(timer: ScriptTimer) -> None:
    """That every program gives what it must, for the input that is measured and for another. Raises BenchError."""
    for program in PROGRAMS:
        for n in {program.n, max(2, program.n // 2)}:
            status, body, _ = timer.run(program.body(n))
            wrong = program.check(n, status, body)
            if wrong is not None:
                raise BenchError(wrong)


def timings_of(ours: ScriptTimer, other: ScriptTimer, processes: Sequence[Process]) -> list[Timing]:
    """Everything that is timed: each program of ours and, right after it, the same of the others."""
    timings = []
    for program in PROGRAMS:
        body = program.body()
        timings.append(Timing(program.name, OURS, lambda turns, body=body: ours.turns_ns(body, turns)))  # type: ignore[misc]
        if program is CONDITIONS:
            timings.append(Timing(program.name, RENAMED, lambda turns: other.turns_ns(CONDITIONS.body(), turns)))
        if program in (EMPTY, CHAIN):
            timings.append(
                Timing(program.name, WITH_BODY, lambda turns, body=body: ours.turns_with_body_ns(body, turns))  # type: ignore[misc]
            )
        for process in processes if program.compared else ():
            if program is EMPTY and process.name.startswith("Lua"):
                continue  # calling a function is all that there would be
            timings.append(Timing(program.name, process.name, _comparison(process, program)))
    timings.append(Timing(f"cold compile of {COMPILED_LINES} lines", OURS, Compilation(ours).run))
    return timings


def _comparison(process: Process, program: Program) -> Callable[[int], int]:
    def run(turns: int) -> int:
        spent_ns, result = process.time(program.compared, program.n, turns)
        if result != program.compared_result(program.n):
            wanted = program.compared_result(program.n)
            raise BenchError(f"{process.name}, {program.compared}: wanted {wanted}; got {result}")
        return spent_ns

    return run


class Compilation:
    """Compiles a script that is new each time."""

    def __init__(self, timer: ScriptTimer) -> None:
        """What the cache holds is full of others, as in a worker that has run for a while."""
        self._timer = timer
        self._made = 0

    def run(self, turns: int) -> int:
        """CPU time of so many compilations in nanoseconds."""
        spent_ns, left = 0, turns
        while left > 0:
            scripts = [f"{COMPILED}\n// {self._made + number}" for number in range(min(left, COMPILED_AT_ONCE))]
            spent_ns += self._timer.compile_ns(scripts)
            self._made += len(scripts)
            left -= len(scripts)
        return spent_ns


def first_runs_of(timer: ScriptTimer) -> FirstRuns:
    """Of the chain, with a timer that has run nothing."""
    us = [spent_ns / 1e3 for spent_ns in timer.each_ns(CHAIN.body(), FIRST_RUNS)]
    warm = median(us[FIRST_RUNS // 2 :])
    cold = next(number for number, spent in enumerate(us) if spent <= WARM_FACTOR * warm)
    return FirstRuns(us[0], us[1], warm, cold + 1, sum(us[:cold]) - cold * warm)


def fuel_of(timer: ScriptTimer, program: Program) -> tuple[int, float]:
    """Fuel of the input that is measured, and by how many per cent it is not proportional to the work."""
    used = timer.run(program.body())[2]
    if program.work is None:
        return used, 0.0
    fuel = [timer.run(program.body(n))[2] for n in program.fuel_inputs]
    work = [program.work(n) for n in program.fuel_inputs]
    near, far = ((fuel[i + 1] - fuel[i]) / (work[i + 1] - work[i]) for i in (0, 1))
    return used, abs(far / near - 1) * 100 if near > 0 else 100.0


def judge(result: Result, timings: Sequence[Timing], fuel: Mapping[str, tuple[int, float]]) -> None:
    """Every figure that has a limit against it."""
    found = {(timing.row, timing.column): timing for timing in timings}
    for program in PROGRAMS:
        result.check(program.name, median(found[program.name, OURS].us), program.limit_us, "µs")
    compiled = next(timing for timing in timings if timing.row not in fuel)
    result.check(compiled.row, median(compiled.us), LIMIT_COMPILE_US, "µs")
    plain, other = (found[CONDITIONS.name, column].us for column in (OURS, RENAMED))
    ratio = median([b / a for a, b in zip(plain, other, strict=True)])
    result.check(f"{CONDITIONS.name}, definitions in other words", ratio, LIMIT_RENAMED, "×")
    for program in PROGRAMS:
        if program.work is not None:
            deviation = fuel[program.name][1]
            result.check(f"{program.name}, fuel by work", deviation, FUEL_DEVIATION_MAX_PERCENT, "% from proportional")


def print_figures(timings: Sequence[Timing], others: Sequence[str], fuel: Mapping[str, tuple[int, float]]) -> None:
    """The table: a row for each program, a column for each interpreter."""
    found = {(timing.row, timing.column): median(timing.us) for timing in timings}
    columns = [OURS, RENAMED, WITH_BODY, *others]
    rows = [
        (row, *(figure(found.get((row, column))) for column in columns), figure(fuel[row][0]) if row in fuel else "–")
        for row in dict.fromkeys(timing.row for timing in timings)
    ]
    print_table(("program", *columns, "fuel"), rows)
    print_line()


def print_first_runs(runs: Sequence[FirstRuns]) -> None:
    """What a script costs before it is warm."""
    first, second, warm, extra = (
        figure(median([getattr(one, name) for one in runs])) for name in ("first", "second", "warm", "extra")
    )
    to_warm = figure(median([one.runs_to_warm for one in runs]))
    print_line(
        f"{CHAIN.name}, in a worker that has compiled nothing: first run {first} µs, with the compilation of its "
        f"definitions; second {second}; warm {warm}, from run {to_warm} on; those before cost {extra} more than it"
    )
    print_line()


def measurements_of(timings: Sequence[Timing]) -> list[Measurement]:
    """Every figure, for a results file."""
    return [
        Measurement(f"{timing.row}: {timing.column}", "µs", "lower", tuple(timing.us), "CPU time of a thread")
        for timing in timings
    ]
