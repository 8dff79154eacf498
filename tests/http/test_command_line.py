"""`avap exec` and `avap check` against a running appliance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.cli.script import SCRIPT_BYTES_MAX
from tests.appliance.process import Appliance


def write(folder: Path, text: str) -> str:
    """A script file."""
    path = folder / "script.avap"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_exec_prints_the_result(appliance: Appliance, tmp_path: Path) -> None:
    file = write(tmp_path, "addResult(units)\naddResult(names)\naddResult(text)")
    given = ["--var", "units=3", "--var", 'names=["a"]', "--var", "text=a=b"]
    done = appliance.run_avap("exec", file, *given)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"units": 3, "names": ["a"], "text": "a=b"}


def test_exec_traces_statements(appliance: Appliance, tmp_path: Path) -> None:
    done = appliance.run_avap("exec", write(tmp_path, "try()\nnothing()\nexception(e)\naddVar(x, 1)"), "--trace")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["statement", "command", "ms", "end", "error"]
    assert lines[2].split()[1] == "nothing"
    assert "Command not found: nothing" in lines[2]


def test_exec_shows_where_a_script_fails(appliance: Appliance, tmp_path: Path) -> None:
    file = write(tmp_path, "x = 1\n\tnothing(x)\n")
    done = appliance.run_avap("exec", file)
    assert done.returncode == 1
    assert f"{file}:2:2: error: Command not found: nothing" in done.stderr
    assert "  |  ^" in done.stderr
    assert json.loads(appliance.run_avap("exec", file, "--json").stdout)["code"] == "command_not_found"


def test_check_lists_surprises_and_runs_nothing(appliance: Appliance, tmp_path: Path) -> None:
    file = write(tmp_path, "x = 1\nx += 1\n")
    done = appliance.run_avap("check", file)
    assert done.returncode == 1
    assert f"{file}:2:1: warning: " in done.stdout
    assert "[compound-assignment]" in done.stdout
    assert appliance.run_avap("check", write(tmp_path, "x = 1\n")).returncode == 0


def test_a_byte_order_mark_and_carriage_returns_are_no_part_of_a_script(appliance: Appliance, tmp_path: Path) -> None:
    file = tmp_path / "windows.avap"
    file.write_bytes(b"\xef\xbb\xbfaddVar(x, 1)\r\naddResult(x)\r\n")
    assert json.loads(appliance.run_avap("exec", str(file)).stdout) == {"x": 1}
    assert appliance.run_avap("check", str(file)).returncode == 0


def test_a_script_that_is_too_large_is_said_to_be_so(appliance: Appliance, tmp_path: Path) -> None:
    file = tmp_path / "large.avap"
    # Cut behind the limit, its last character is half a one.
    file.write_text("é" * (SCRIPT_BYTES_MAX // 2 + 1), encoding="utf-8")
    done = appliance.run_avap("exec", str(file))
    assert done.returncode == 2
    assert f"the script is larger than {SCRIPT_BYTES_MAX} bytes" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("exec", "/nonexistent/file"), 2, "cannot read the script"),
        (("exec", "SCRIPT", "--var", "novalue"), 2, "NAME=VALUE"),
        (("exec", "SCRIPT", "--target", "127.0.0.1:1"), 69, "does not answer"),
        (("check", "SCRIPT", "--state-dir", "/nonexistent"), 69, "no appliance runs"),
    ],
)
def test_wrong_calls_say_what_to_do(
    appliance: Appliance, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    file = write(tmp_path, "x = 1")
    done = appliance.run_avap(*(file if one == "SCRIPT" else one for one in arguments))
    assert done.returncode == code
    assert said in done.stderr
