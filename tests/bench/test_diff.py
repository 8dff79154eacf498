"""`avap bench diff`: sees a slow-down of 10 %, calls two runs of one build the same, and says when it cannot tell."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from bench import diff_command
from bench.diff import Answer, Comparison, NotComparableError, compare
from bench.results import RUNS_MAX, Results
from tests.bench.noise import SHAPES, answer, error_shares, error_shares_in_turn, results, slowed, steady, two_speeds

RUNS = 20
TRIES = 200
IN_TURN_FOUND = {"spoilt": 0.85}
"""90 % in the long run: a spoilt run takes its pair with it, which then has a high rank."""

APP = typer.Typer()
APP.callback()(lambda: None)
diff_command.register(APP)


def command(*arguments: object) -> Result:
    return CliRunner().invoke(APP, ["diff", *map(str, arguments)])


def only(a: Results, b: Results, **limits: Any) -> Comparison:
    (comparison,) = compare(a, b, **limits).comparisons
    return comparison


def measurement(runs: list[float], **changes: Any) -> Results:
    whole = results({"m": runs})
    return replace(whole, measurements=(replace(whole.measurements[0], **changes),))


def two_files(tmp_path: Path, a: Results, b: Results) -> tuple[Path, Path]:
    paths = tmp_path / "a.json", tmp_path / "b.json"
    for path, content in zip(paths, (a, b), strict=True):
        content.write(path)
    return paths


# ---- what it must see, and what it must not ------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_one_build_is_no_difference_in_19_of_20_tries_and_ten_percent_are_found_in_9_of_10(shape: str) -> None:
    wrong, found = error_shares(SHAPES[shape], RUNS, TRIES, Random(1))
    assert wrong <= 1 / 20
    assert found >= 9 / 10


def test_a_file_of_many_measurements_is_judged_as_one() -> None:
    chance = Random(2)
    names = [f"m{number}" for number in range(8)]
    wrong = found = 0
    for _ in range(100):
        a, b = ({name: steady(chance, RUNS) for name in names} for _ in "AB")
        wrong += compare(results(a), results(b)).exit_code != 0
        report = compare(results(a), results({**b, "m3": slowed(b["m3"])}))
        found += [c.name for c in report.comparisons if c.answer is Answer.SLOWER] == ["m3"]
    assert wrong <= 5
    assert found >= 90


def test_the_chance_of_a_false_alarm_is_that_of_the_whole_file() -> None:
    chance = Random(21)
    alarms = 0
    for _ in range(100):
        a, b = ({f"m{number}": steady(chance, RUNS) for number in range(8)} for _ in "AB")
        alarms += any(
            comparison.answer in (Answer.SLOWER, Answer.FASTER)
            for comparison in compare(results(a), results(b), effect_min=0.0).comparisons
        )
    assert alarms <= 8  # 5 in the long run; uncorrected it would be 33


def test_a_rate_that_sinks_is_slower_and_one_that_rises_is_faster() -> None:
    chance = Random(3)
    a, b = steady(chance, RUNS), steady(chance, RUNS)
    lower = only(measurement(a, better="higher"), measurement([run * 0.8 for run in b], better="higher"))
    assert lower.answer is Answer.SLOWER
    assert lower.change == pytest.approx(0.2, abs=0.04)
    assert lower.interval[0] < lower.change < lower.interval[1]
    higher = only(measurement(a, better="higher"), measurement([run * 1.25 for run in b], better="higher"))
    assert higher.answer is Answer.FASTER
    assert only(results({"m": slowed(a)}), results({"m": b})).answer is Answer.FASTER


def test_the_answer_does_not_depend_on_the_unit() -> None:
    chance = Random(4)
    a, b = steady(chance, RUNS), slowed(steady(chance, RUNS))
    small, large = (
        only(results({"m": a}), results({"m": b})),
        only(results({"m": [run * 1e6 for run in a]}), results({"m": [run * 1e6 for run in b]})),
    )
    assert small.answer is large.answer is Answer.SLOWER
    assert small.change == pytest.approx(large.change)


def test_a_sure_but_small_difference_does_not_matter() -> None:
    chance = Random(5)
    a = [chance.lognormvariate(0, 0.001) for _ in range(RUNS)]
    comparison = only(results({"m": a}), results({"m": slowed(a, 0.02)}))
    assert comparison.answer is Answer.SAME
    assert "that matters (2.0 % slower" in comparison.words
    assert only(results({"m": a}), results({"m": slowed(a, 0.02)}), effect_min=0.01).answer is Answer.SLOWER


def test_noise_that_could_hide_a_slow_down_is_mentioned() -> None:
    chance = Random(6)
    a, b = ([chance.lognormvariate(0, 0.3) for _ in range(8)] for _ in "AB")
    comparison = only(results({"m": a}), results({"m": b}))
    assert comparison.answer is Answer.SAME
    assert "could hide" in comparison.words


def test_a_great_slow_down_is_said_in_times() -> None:
    chance = Random(7)
    a = steady(chance, RUNS)
    assert "2.5 times as slow" in only(results({"m": a}), results({"m": slowed(a, 1.5)})).words
    assert "101 times as slow" in only(results({"m": a}), results({"m": slowed(a, 100)})).words


def test_equal_runs_are_no_difference() -> None:
    comparison = only(results({"m": [5.0] * RUNS}), results({"m": [5.0] * RUNS}))
    assert (comparison.answer, comparison.p, comparison.change) == (Answer.SAME, 1.0, 0.0)


# ---- when it cannot tell -------------------------------------------------------------------------


def test_too_few_runs_are_said_with_how_many_are_needed() -> None:
    a, b = [1.0, 1.01, 1.02, 1.03], [2.0, 2.01, 2.02, 2.03]
    comparison = only(results({"m": a}), results({"m": b}))
    assert comparison.answer is Answer.TOO_FEW
    assert "4 and 4; 5 each are needed" in comparison.words
    seven = {f"m{number}": [*a, 1.04] for number in range(7)}  # of 7 measurements, 5 runs can never be sure of one
    report = compare(results(seven), results({name: slowed(runs, 1) for name, runs in seven.items()}))
    assert {comparison.answer for comparison in report.comparisons} == {Answer.TOO_FEW}
    assert "6 each are needed" in report.comparisons[0].words
    assert report.exit_code == 2


def test_five_runs_that_do_not_overlap_are_enough() -> None:
    a = [1.0, 1.01, 1.02, 1.03, 1.005]
    assert only(results({"m": a}), results({"m": slowed(a)})).answer is Answer.SLOWER


def test_a_drift_through_both_files_is_not_put_down_to_the_build() -> None:
    chance = Random(8)
    wrong = told = 0
    for _ in range(100):
        runs = [run**0.4 * math.exp(0.2 * n / (2 * RUNS)) for n, run in enumerate(steady(chance, 2 * RUNS))]
        given = answer(runs[:RUNS], runs[RUNS:])
        wrong += given is Answer.SLOWER
        told += given is Answer.DRIFT
    assert wrong <= 5
    assert told >= 90


def test_files_measured_in_turn_may_drift_together() -> None:
    chance = Random(9)
    found = wrong = 0
    for _ in range(100):
        drift = [math.exp(0.1 * n / (2 * RUNS)) for n in range(2 * RUNS)]
        runs = [a * b for a, b in zip(steady(chance, 2 * RUNS), drift, strict=True)]
        times = [float(n) for n in range(2 * RUNS)]
        a, b = (results({"m": runs[::2]}, times[::2]), results({"m": runs[1::2]}, times[1::2]))
        slow = results({"m": slowed(runs[1::2])}, times[1::2])
        wrong += only(a, b).answer is not Answer.SAME
        found += only(a, slow).answer is Answer.SLOWER
    assert wrong <= 5
    assert found >= 90


@pytest.mark.parametrize("shape", [*SHAPES, "two_speeds"])
def test_in_turn_both_hold_even_on_a_host_that_changes_its_speed(shape: str) -> None:
    shapes = {**SHAPES, "two_speeds": two_speeds}
    wrong, found = error_shares_in_turn(shapes[shape], RUNS, TRIES, Random(1))
    assert wrong <= 1 / 20
    assert found >= IN_TURN_FOUND.get(shape, 9 / 10)


def test_folders_of_files_made_in_turn_are_compared_pair_by_pair(tmp_path: Path) -> None:
    chance = Random(22)
    for number, run in enumerate(two_speeds(chance, 2 * RUNS)):
        side = "ab"[number % 2]
        (tmp_path / side).mkdir(exist_ok=True)
        value = run * 1.1 if side == "b" else run
        results({"m": [value]}, [float(number)]).write(tmp_path / side / f"{number}.json")
    result = command(tmp_path / "a", tmp_path / "b")
    assert result.exit_code == 1, result.output
    assert command(tmp_path / "a", tmp_path / "a").exit_code == 0


def test_a_slow_down_far_above_the_drift_is_found() -> None:
    chance = Random(10)
    runs = [run * math.exp(0.01 * n) for n, run in enumerate(steady(chance, 2 * RUNS))]
    assert answer(runs[:RUNS], slowed(runs[RUNS:], 1.0)) is Answer.SLOWER


def test_a_measurement_of_one_file_alone_is_said() -> None:
    chance = Random(11)
    runs = steady(chance, RUNS)
    report = compare(results({"m": runs, "old": runs}), results({"m": runs, "new": runs}))
    assert [(c.name, c.words) for c in report.comparisons[1:]] == [("old", "only in A"), ("new", "only in B")]
    assert report.exit_code == 2


def test_the_largest_files_can_be_compared() -> None:
    chance = Random(12)
    a, b = steady(chance, RUNS_MAX), slowed(steady(chance, RUNS_MAX), 0.06)
    assert answer(a, b) is Answer.SLOWER


# ---- what it refuses -----------------------------------------------------------------------------


def test_other_hosts_are_refused_unless_forced() -> None:
    runs = steady(Random(13), RUNS)
    a, b = results({"m": runs}), replace(results({"m": runs}), host={"cpu": "another"})
    with pytest.raises(NotComparableError, match=r"hosts differ: cpu \(that of the test and another\)"):
        compare(a, b)
    report = compare(a, b, force=True)
    assert report.exit_code == 0
    assert "hosts differ" in str(report)
    with pytest.raises(NotComparableError, match="mitigations"):
        compare(a, replace(a, host={**a.host, "mitigations": {"spectre": "x" * 100}}))


def test_builds_may_differ_on_a_host() -> None:
    whole = results({"m": steady(Random(14), RUNS)})
    other = replace(whole, host={**whole.host, "revision": "abc+", "appliance": "0.2"})
    assert compare(whole, other).exit_code == 0


def test_another_command_is_refused_and_another_place_for_the_result_is_not() -> None:
    whole = replace(results({"m": steady(Random(15), RUNS)}), command=("/a/avap", "bench", "run", "--json", "a.json"))
    assert compare(whole, replace(whole, command=("avap", "bench", "run", "--json=b.json"))).warnings == ()
    with pytest.raises(NotComparableError, match="commands differ"):
        compare(whole, replace(whole, command=("avap", "bench", "run", "--json", "a.json", "--streams", "2")))


def test_other_units_or_nothing_in_common_are_refused_even_by_force() -> None:
    runs = steady(Random(16), RUNS)
    with pytest.raises(NotComparableError, match="m is µs, lower is better, in A and ms"):
        compare(results({"m": runs}), measurement(runs, unit="ms"), force=True)
    with pytest.raises(NotComparableError, match="no measurement in common"):
        compare(results({"m": runs}), results({"n": runs}), force=True)


def test_a_difference_between_files_that_were_not_made_in_turn_carries_a_warning() -> None:
    runs = steady(Random(23), RUNS)
    times = [float(number) for number in range(2 * RUNS)]
    assert "not measured in turn" in str(compare(results({"m": runs}), results({"m": slowed(runs, 0.5)})))
    in_turn = compare(results({"m": runs}, times[::2]), results({"m": slowed(runs, 0.5)}, times[1::2]))
    assert (in_turn.exit_code, in_turn.warnings) == (1, ())


def test_a_measurement_that_says_little_about_the_server_carries_a_warning() -> None:
    runs = steady(Random(17), RUNS)
    report = compare(results({"m": runs}), measurement(runs, verdict="host-noisy"))
    assert report.warnings == ("m was host-noisy in B",)


# ---- the command ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "exit_code", "said"),
    [(0.0, 0, "B is not slower"), (0.3, 1, "B is slower in 1 of 1 measurements"), (-0.3, 0, "B is not slower")],
)
def test_the_exit_code_says_whether_b_is_slower(tmp_path: Path, by: float, exit_code: int, said: str) -> None:
    chance = Random(18)
    a, b = (results({"m": steady(chance, RUNS)}), results({"m": slowed(steady(chance, RUNS), by)}))
    result = command(*two_files(tmp_path, a, b))
    assert result.exit_code == exit_code, result.output
    assert result.stdout.splitlines()[-1] == said


def test_too_few_runs_exit_2_and_so_do_other_hosts_and_damaged_files(tmp_path: Path) -> None:
    few = results({"m": [1.0, 2.0]})
    a, b = two_files(tmp_path, few, few)
    result = command(a, b)
    assert (result.exit_code, "too few runs to tell" in result.stdout) == (2, True)
    replace(few, host={}).write(b)
    result = command(a, b)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "hosts differ" in result.stderr
    b.write_text("{")
    result = command(a, b)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"avap: {b}: not JSON")
    assert command(a, tmp_path / "none.json").exit_code == 2
    assert command(a).exit_code == 2


def test_the_output_for_programs_is_json_even_where_an_interval_has_no_end(tmp_path: Path) -> None:
    few = results({"m": [1.0, 2.0]})
    result = command(*two_files(tmp_path, few, few), "--json")
    document = json.loads(result.stdout)
    assert document["slower"] is False
    assert document["comparisons"][0]["answer"] == "too few runs to tell"
    assert document["comparisons"][0]["interval"] == [None, None]


def test_the_limits_can_be_set(tmp_path: Path) -> None:
    chance = Random(19)
    a = [chance.lognormvariate(0, 0.001) for _ in range(RUNS)]
    files = two_files(tmp_path, results({"m": a}), results({"m": slowed(a, 0.02)}))
    assert command(*files).exit_code == 0
    assert command(*files, "--effect-min", "1").exit_code == 1
    assert command(*files, "--alpha", "2").exit_code == 2


def test_a_slow_down_in_one_file_alone_counts_more_than_what_could_not_be_compared(tmp_path: Path) -> None:
    runs = steady(Random(20), RUNS)
    files = two_files(tmp_path, results({"m": runs, "old": runs}), results({"m": slowed(runs, 0.5)}))
    assert command(*files).exit_code == 1
