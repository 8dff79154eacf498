"""The public conformance suite, h2spec, against the path that clients call."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.appliance.load import GET
from tests.appliance.process import serving
from tests.clients.toolchain import build_go

H2SPEC = Path(__file__).resolve().parent / "h2spec"
CASES = 146
ANSWER_TIMEOUT_S = 2
"""What h2spec gives a server for each answer; a case that must not be answered takes this long."""


@pytest.mark.timeout(600)
def test_every_case_of_h2spec_passes_and_none_is_skipped(tmp_path: Path) -> None:
    program = build_go(H2SPEC, "h2spec")
    with serving(tmp_path / "state") as appliance:
        pid = appliance.worker_pids()[0]
        command = [str(program), appliance.grpc_address, GET, str(ANSWER_TIMEOUT_S)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        report = json.loads(done.stdout)
        assert report["failed"] == [], json.dumps(report["failed"], indent=2)
        assert report["skipped"] == [], json.dumps(report["skipped"], indent=2)
        assert report["passed"] == CASES
        assert appliance.worker_pids() == [pid], "the worker did not live on"
