"""An operator's folder with files that are no commands: the others are served, and each of these says why not."""

from __future__ import annotations

import json
import os
from pathlib import Path

from supervisor.hydration import BAD_ROWS_SHOWN
from tests.appliance.process import serving
from tests.http.client import get
from tests.http.conftest import HTTP
from tests.http.test_compilation import GOOD
from tests.http.test_hostile_rows import assert_served, assert_unavailable, run
from tests.waiting import wait_until

PROMPTLY_S = 10.0
"""Workers take a new version, and what was left out of it, a moment after a reload is answered."""

HEAD = '# /// command\n# interface = [{ item = "target", type = "variable" }]\n# ///\n'
BAD: dict[str, tuple[bytes, str]] = {
    "latin": (HEAD.encode() + b"x = '\xe4'\n", "latin.py: not UTF-8: "),
    "plain": (GOOD.encode(), "plain.py: no command block"),
    "open": (HEAD.replace("# ///\n", "").encode(), "open.py: the command block is not closed"),
    "empty": (b"", "empty.py: no command block"),
    "if": (b"broken", "if.py: no command block"),
}


def test_a_file_that_is_no_command_says_why_where_it_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()
    (folder / "mine.py").write_text(HEAD + GOOD)
    for name, (content, _) in BAD.items():
        (folder / f"{name}.py").write_bytes(content)
    (folder / os.fsdecode(b"\xff.py")).write_text(HEAD + GOOD)
    with serving(tmp_path / "state", {**HTTP, "AVAP_CATALOG_DIR": str(folder)}) as appliance:
        catalog = appliance.status().catalog
        assert (catalog.commands, catalog.bad_rows) == (31, len(BAD) + 1)
        assert_served(appliance, "mine")
        wait_until(lambda: "code" in run(appliance, "plain").json(), PROMPTLY_S, "the workers are told")
        for name in BAD.keys() - {"if"}:
            assert_unavailable(appliance, name, BAD[name][1])
            assert str(tmp_path) not in run(appliance, name).body.decode()
            assert get(appliance.http_address, f"/api/v1/commands/{name}").status == 404
        # The packaged command is what the broken one did not replace.
        reply = run(appliance, "if")
        assert reply.json().get("code") != "command_unavailable", reply.body[:300]

        metrics = appliance.metrics()
        assert metrics["avap_catalog_bad_rows"] == len(BAD) + 1
        listed = appliance.run_avap("catalog", "check")
        assert listed.returncode == 1
        lines = listed.stdout.splitlines()
        for name, (_, words) in BAD.items():
            assert [line for line in lines if line.startswith(f"{name}: a file is left out: {words}")], lines
        assert [line for line in lines if line.startswith("no name: a file is left out: \\xff.py: ")], lines
        assert (
            len(json.loads(appliance.run_avap("catalog", "check", "--json").stdout)["bad_rows_shown"]) == len(BAD) + 1
        )

        # Corrected, it is a command like any other, for the same script too; broken again, it is none.
        (folder / "plain.py").write_text(HEAD + GOOD)
        assert appliance.reload().outcome == "announced"
        wait_until(lambda: run(appliance, "plain").json().get("result") == {"x": 1}, PROMPTLY_S, "it is served")
        (folder / "plain.py").write_text(GOOD)
        assert appliance.reload().outcome == "announced"
        wait_until(lambda: "code" in run(appliance, "plain").json(), PROMPTLY_S, "it is none again")
        assert_unavailable(appliance, "plain", BAD["plain"][1])

        # A file that is no command changes nothing of the version, and is told of all the same.
        (folder / "late.py").write_text("")
        assert appliance.reload().outcome == "unchanged"
        wait_until(
            lambda: run(appliance, "late").json()["code"] != "command_not_found", PROMPTLY_S, "the workers are told"
        )
        assert_unavailable(appliance, "late", "late.py: no command block")
        (folder / "late.py").unlink()
        assert appliance.reload().outcome == "unchanged"
        wait_until(
            lambda: run(appliance, "late").json()["code"] == "command_not_found", PROMPTLY_S, "the workers forget it"
        )


def test_reasons_beyond_the_first_hundred_are_counted_and_said_to_be_missing(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()
    for number in range(BAD_ROWS_SHOWN + 2):
        (folder / f"bad{number:03}.py").write_text("")
    with serving(tmp_path / "state", {**HTTP, "AVAP_CATALOG_DIR": str(folder)}) as appliance:
        catalog = appliance.status().catalog
        assert (catalog.commands, catalog.bad_rows) == (30, BAD_ROWS_SHOWN + 2)
        lines = appliance.run_avap("catalog", "check").stdout.splitlines()
        assert len([line for line in lines if ": a file is left out: " in line]) == BAD_ROWS_SHOWN
        assert [line for line in lines if line.startswith("and 2 more ") and "command_not_found" in line], lines
        last = f"bad{BAD_ROWS_SHOWN - 1:03}"
        wait_until(lambda: run(appliance, last).json()["code"] == "command_unavailable", PROMPTLY_S, "workers are told")
        assert run(appliance, f"bad{BAD_ROWS_SHOWN:03}").json()["code"] == "command_not_found"
