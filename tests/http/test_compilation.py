"""Definitions are compiled beside everything that serves: whatever a row does to it, only its command suffers."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from appliance._native import SegmentError, code_progress
from tests.appliance.load import get_raw, open_channel
from tests.appliance.process import Appliance, serving
from tests.appliance.test_start_faults import in_namespace
from tests.http.client import post
from tests.http.conftest import HTTP
from tests.waiting import wait_until

INTERFACE = '# /// command\n# interface = [{ item = "target", type = "variable" }]\n# ///\n'
GOOD = 'self.conector.variables[task["properties"]["target"]] = 1\n'
LONG = "".join(f"value_{number} = [{number}, 'text {number}', {{'key': {number}}}]\n" for number in range(4500))
"""Compiles, and takes some tens of milliseconds and MiB for it."""

PATIENCE_S = 240
"""Compiling has only the time that others leave, which on a full host is little."""


def write(folder: Path, **codes: str) -> None:
    """Put commands into an operator's folder."""
    folder.mkdir(exist_ok=True)
    for name, code in codes.items():
        (folder / f"{name}.py").write_text(INTERFACE + code)


def run(appliance: Appliance, command: str) -> Any:
    """Answer of a script that calls one command."""
    return post(appliance.http_address, "/api/v1/execute", {"script": f"{command}(x)\naddResult(x)"})


def compiled(appliance: Appliance, count: int = 1) -> dict[str, Any]:
    """Wait until so many versions have their code."""
    return appliance.wait_logged("Code Broadcasted", count, timeout_s=PATIENCE_S)


def taken(appliance: Appliance, count: int = 1) -> None:
    """Wait until the HTTP worker has the code, so many times."""
    appliance.wait_logged("Code Taken", count, timeout_s=PATIENCE_S)


def compiler_pid(appliance: Appliance) -> int:
    """Pid of the compiler that runs now; 0 for none."""
    for pid in appliance.processes():
        try:
            title = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"appliance.compiler" in title or title.startswith(b"avap: compiler"):
            return pid
    # It leads a group of its own, in the appliance's session.
    return 0


def row_under_way(appliance: Appliance) -> bool:
    """Whether a compiler is in the middle of a definition."""
    numbers = [int(name.rpartition("-")[2]) for name in appliance.shared_memory() if name[-1].isdigit()]
    try:
        return code_progress(f"avap-{appliance.instance}-{max(numbers)}")[1] is not None
    except (SegmentError, ValueError):
        return False


def stop_a_compiler(appliance: Appliance, begin: Callable[[], object], *, at_row: bool = False) -> int:
    """Do what makes a compiler start, and stop it before it is done, in the middle of a definition if `at_row`.

    Returns its pid.
    """
    # A reload is answered when the workers serve it: a compiler may be done by then.
    with ThreadPoolExecutor(1) as beside:
        begun = beside.submit(begin)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            pid = compiler_pid(appliance)
            if pid and (not at_row or row_under_way(appliance)):
                os.kill(pid, signal.SIGSTOP)
                if not at_row or row_under_way(appliance):
                    begun.result()
                    return pid
                os.kill(pid, signal.SIGCONT)
        raise AssertionError("no compiler was seen")


def test_workers_take_definitions_from_the_code_segment_and_compile_none(tmp_path: Path) -> None:
    with serving(tmp_path / "state", HTTP) as appliance:
        assert compiled(appliance)["definitions"] == 30
        taken(appliance)
        reply = post(appliance.http_address, "/api/v1/execute", {"script": "addVar(x, 1)\naddResult(x)"})
        assert reply.json()["result"] == {"x": 1}

        def counted() -> bool:
            metrics = appliance.metrics()
            assert metrics['avap_definitions_loaded_total{origin="compiled"}'] == 0
            return metrics['avap_definitions_loaded_total{origin="code_segment"}'] == 2

        wait_until(counted, 10, "two definitions to be counted")
        metrics = appliance.metrics()
        assert metrics["avap_code_announced"] == 1
        assert metrics['avap_definitions{state="compiled"}'] == 30
        assert metrics['avap_compiler_runs_total{outcome="done"}'] == 1
        wait_until(lambda: not compiler_pid(appliance), 10, "the compiler to be gone")


def test_unchanged_definitions_are_copied_and_not_compiled_again(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    write(folder, mine=GOOD, other=GOOD)
    with serving(tmp_path / "state", {**HTTP, "AVAP_CATALOG_DIR": str(folder)}) as appliance:
        compiled(appliance)
        taken(appliance)
        assert run(appliance, "mine").json()["result"] == {"x": 1}
        write(folder, mine=GOOD.replace("= 1", "= 2"))
        assert appliance.reload().outcome == "announced"
        compiled(appliance, 2)
        taken(appliance, 2)
        assert run(appliance, "mine").json()["result"] == {"x": 2}
        first, second = appliance.logged("Code Compiled")
        assert (first["compiled"], first["reused"]) == (32, 0)
        assert (second["compiled"], second["reused"]) == (1, 31)
        assert appliance.metrics()['avap_definitions_compiled_total{how="reused"}'] == 31
        # Back again: the code is there already, and is announced with the version.
        assert appliance.run_avap("catalog", "rollback").returncode == 0
        taken(appliance, 3)
        wait_until(lambda: run(appliance, "mine").json()["result"] == {"x": 1}, 10, "the older definition")
        assert len(appliance.logged("Code Compiled")) == 2


HOSTILE = {
    "nested": ("x = " + "(" * 100_000 + "1" + ")" * 100_000, "nested too deep"),
    "literal": (f"x = '{'a' * (10 << 20)}'", "bytes"),
    "classy": ("x = 1\nclass A: pass", "line 2, column 1"),
    "broken": ("x = (", "line 1"),
}


def test_hostile_rows_disturb_nothing_and_are_listed(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    write(folder, mine=GOOD, endless="while True:\n    pass\n", importing="import subprocess\n")
    write(folder, **{name: code for name, (code, _) in HOSTILE.items()})
    (folder / "unreadable.py").write_bytes(INTERFACE.encode() + b"x = '\xff\xfe'\n")
    with serving(tmp_path / "state", {**HTTP, "AVAP_CATALOG_DIR": str(folder)}) as appliance:
        broadcast = compiled(appliance)
        taken(appliance)
        assert broadcast["refused"] >= len(HOSTILE)
        assert broadcast["quarantined"] == 0
        listed = appliance.run_avap("catalog", "check")
        assert listed.returncode == 1
        for name, (_, words) in HOSTILE.items():
            reply = run(appliance, name)
            assert (reply.status, reply.json()["code"]) == (400, "command_unavailable"), reply.body[:300]
            assert words in reply.json()["error"]
            (line,) = [line for line in listed.stdout.splitlines() if line.startswith(f"{name}: ")]
            assert "line " in line
            assert "column " in line
        assert run(appliance, "endless").status == 504
        assert run(appliance, "importing").status >= 400
        assert run(appliance, "unreadable").status >= 400
        assert run(appliance, "mine").json()["result"] == {"x": 1}
        with open_channel(appliance.grpc_address) as channel:
            for name in ("nested", "classy", "mine"):
                get_raw(channel, name)
        assert not appliance.logged("Compiler Died")
        assert not appliance.logged("Worker Died")
        found = json.loads(appliance.run_avap("catalog", "check", "--json").stdout)
        assert {one["name"] for one in found["failures"]} >= set(HOSTILE)


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [("AVAP_VM_COMPILER_CPU_MS", "20", "CPU time"), ("AVAP_VM_COMPILER_MEMORY_MB", "20", "MiB")],
)
def test_a_row_that_takes_too_much_is_quarantined_and_all_else_is_compiled(
    tmp_path: Path, setting: str, value: str, words: str
) -> None:
    folder, state = tmp_path / "commands", tmp_path / "state"
    long = LONG if "CPU" not in setting else LONG * 2
    long = long[: 250 << 10].rpartition("\n")[0] + "\n"
    write(folder, greedy=long, mine=GOOD)
    environ = {**HTTP, "AVAP_CATALOG_DIR": str(folder), setting: value}
    with serving(state, environ) as appliance:
        assert compiled(appliance)["quarantined"] == 1
        taken(appliance)
        (death,) = appliance.logged("Compiler Died")
        assert death["command"] == "greedy"
        (entry,) = appliance.logged("Definition Quarantined")
        assert entry["command"] == "greedy"
        assert words in entry["reason"]
        reply = run(appliance, "greedy")
        assert (reply.status, reply.json()["code"]) == (400, "command_unavailable")
        assert words in reply.json()["error"]
        assert run(appliance, "mine").json()["result"] == {"x": 1}
        status = appliance.run_avap("status").stdout
        assert "quarantined: greedy" in status
        assert words in status
        assert "greedy: quarantined: " in appliance.run_avap("catalog", "check").stdout
        metrics = appliance.metrics()
        assert metrics["avap_quarantined_definitions"] == 1
        assert metrics['avap_definitions{state="quarantined"}'] == 1
        assert metrics['avap_compiler_runs_total{outcome="died"}'] == 1
        # Another version does not find it out again, and an edit takes it out.
        write(folder, another=GOOD)
        assert appliance.reload().outcome == "announced"
        compiled(appliance, 2)
        assert len(appliance.logged("Compiler Died")) == 1
    with serving(state, environ) as appliance:
        assert compiled(appliance)["quarantined"] == 1
        assert not appliance.logged("Compiler Died"), "it is known from before"
        write(folder, greedy=GOOD)
        assert appliance.reload().outcome == "announced"
        assert compiled(appliance, 2)["quarantined"] == 0
        taken(appliance, 2)
        wait_until(lambda: run(appliance, "greedy").json().get("result") == {"x": 1}, 10, "the edited definition")


def test_a_killed_compiler_is_followed_by_another_and_nobody_is_blamed(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    write(folder, mine=GOOD, slow=LONG)
    with serving(tmp_path / "state", {**HTTP, "AVAP_CATALOG_DIR": str(folder)}) as appliance:
        compiled(appliance)

        def edit() -> None:
            write(folder, mine=GOOD.replace("= 1", "= 2"), slow=LONG + "value = 1\n")
            assert appliance.reload().outcome == "announced"

        pid = stop_a_compiler(appliance, edit, at_row=True)
        with open_channel(appliance.grpc_address) as channel:
            get_raw(channel, "mine")
        # No code for this version yet: what is new is compiled by the worker, the rest taken from the older code.
        wait_until(lambda: run(appliance, "mine").json()["result"] == {"x": 2}, 20, "the edited definition")
        os.kill(pid, signal.SIGKILL)
        assert compiled(appliance, 2)["quarantined"] == 0
        (death,) = appliance.logged("Compiler Died")
        assert death["signal"] == "SIGKILL"
        assert death["command"] in ("mine", "slow")
        assert not appliance.logged("Definition Quarantined")
        assert run(appliance, "mine").json()["result"] == {"x": 2}


def test_a_compiler_that_stands_still_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    write(folder, mine=GOOD)
    environ = {**HTTP, "AVAP_CATALOG_DIR": str(folder), "AVAP_VM_COMPILER_WALL_S": "5"}
    with serving(tmp_path / "state", environ) as appliance:
        compiled(appliance)

        def edit() -> None:
            write(folder, mine=GOOD.replace("= 1", "= 2"))
            assert appliance.reload().outcome == "announced"

        pid = stop_a_compiler(appliance, edit)
        compiled(appliance, 2)
        assert compiler_pid(appliance) != pid
        assert "no progress" in appliance.logged("Compiler Died")[0]["fault"]
        assert appliance.metrics()['avap_compiler_runs_total{outcome="stood_still"}'] >= 1
        assert not appliance.logged("Definition Quarantined")


def test_versions_that_come_while_one_is_compiled_are_served_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    write(folder, mine=GOOD, slow=LONG)
    with serving(tmp_path / "state", {**HTTP, "AVAP_CATALOG_DIR": str(folder)}) as appliance:
        for number in range(2, 12):
            write(folder, mine=GOOD.replace("= 1", f"= {number}"))
            assert appliance.reload().outcome == "announced"
            wait_until(
                lambda number=number: run(appliance, "mine").json()["result"] == {"x": number},  # type: ignore[misc]
                10,
                "the edited definition",
            )
        wait_until(lambda: appliance.status().code.state == "compiled", PATIENCE_S, "the last version's code")
        assert run(appliance, "mine").json()["result"] == {"x": 11}
        # At most keep_generations + 1 versions, each with at most one code segment, and one that is being made.
        assert len([name for name in appliance.shared_memory() if name[-1].isdigit()]) <= 9


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_an_end_during_a_compilation_leaves_nothing(tmp_path: Path, signum: signal.Signals) -> None:
    with Appliance(tmp_path / "state", HTTP) as appliance:
        pid = stop_a_compiler(appliance, lambda: None)
        if signum == signal.SIGTERM:
            appliance.wait_ready()
        appliance.signal(signum)
        assert appliance.wait() == (0 if signum == signal.SIGTERM else -signum)
        if signum == signal.SIGKILL:
            os.kill(pid, signal.SIGCONT)  # a stopped process does not see that its channel ended
        wait_until(lambda: not appliance.processes(), 10, "every process to be gone")
        wait_until(lambda: not appliance.shared_memory(), 10, "shared memory to be unlinked")


def test_a_full_dev_shm_costs_the_code_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    write(folder, mine=GOOD, long=LONG)
    # The records take 250 KB, and so does their code.
    script = "mount -t tmpfs -o size=420k tmpfs /dev/shm"
    environ = {**HTTP, "AVAP_CATALOG_DIR": str(folder), "AVAP_CATALOG_RESERVE_BYTES": "0"}
    with Appliance(tmp_path / "state", environ, command=in_namespace(script)) as appliance:
        appliance.wait_ready()
        state = appliance.wait_logged("Code Not Compiled", timeout_s=PATIENCE_S)
        assert state["reason"] == "no_room"
        assert run(appliance, "mine").json()["result"] == {"x": 1}
        assert "/dev/shm" in appliance.run_avap("status").stdout
        checked = appliance.run_avap("catalog", "check")
        assert checked.returncode == 1
        assert "not checked" in checked.stdout
        assert appliance.stop() == 0


def test_without_http_workers_nothing_is_compiled_until_somebody_asks(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    write(folder, broken="x = (\n")
    with serving(tmp_path / "state", {"AVAP_CATALOG_DIR": str(folder)}) as appliance:
        assert appliance.status().code.state == "none"
        checked = appliance.run_avap("catalog", "check")
        assert checked.returncode == 1
        assert "broken: line 2, column 1: " in checked.stdout
        assert "30 of 31 definitions compile" in checked.stdout
        assert len(appliance.logged("Code Compiled")) == 1
