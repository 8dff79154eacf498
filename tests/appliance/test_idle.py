"""An appliance that nobody calls costs next to nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.appliance.process import Appliance, serving
from tests.waiting import wait_until

WATCHED_S = 10.0
CORE_SHARE_MAX = 0.01


def cpu_s(appliance: Appliance) -> float:
    """CPU seconds that all its processes have used."""
    ticks = 0
    for pid in appliance.processes():
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def test_idle_costs_less_than_one_percent_of_a_core(tmp_path: Path) -> None:
    with serving(tmp_path / "state", {"AVAP_GRPC_WORKERS": "2", "AVAP_HTTP_WORKERS": "1"}) as appliance:
        started, before = time.monotonic(), cpu_s(appliance)
        wait_until(lambda: time.monotonic() - started >= WATCHED_S, WATCHED_S + 5, "the time to pass")
        used = cpu_s(appliance) - before
        assert used / (time.monotonic() - started) < CORE_SHARE_MAX
