"""What tests of hostile scripts ask of a worker before, between and behind them."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

from tests.appliance.process import Appliance
from tests.http.client import Reply, send
from tests.http.script_attacks import loop

JSON = {"Content-Type": "application/json"}
INLINE = {"script": "addVar(x, 1)\naddResult(x)"}
ON_THE_THREAD = {"script": f"{loop(2_000, 'x = i')}\naddResult(x)"}


def http_pid(appliance: Appliance) -> int:
    """Of the HTTP worker."""
    return next(worker.pid for worker in appliance.status().workers if worker.role == "http")


def ask(connection: http.client.HTTPConnection, body: bytes) -> Reply:
    """One script over a kept connection."""
    return send(connection, "POST", "/api/v1/execute", body, JSON)


def assert_clean(connection: http.client.HTTPConnection) -> None:
    """An ordinary request is answered as ever, at once and on the VM thread."""
    for request, expected in ((INLINE, 1), (ON_THE_THREAD, 2_000)):
        reply = ask(connection, json.dumps(request).encode())
        assert reply.status == 200
        found = reply.json()
        assert found["result"] == {"x": expected}
        assert set(found["variables"]) <= {"x", "i"}
        assert all(entry["success"] for entry in found["logs"])


def cpu_ms(pid: int) -> float:
    """CPU time that the threads of a process have used; exact while they sleep (schedstat, proc(5))."""
    spent = [(thread / "schedstat").read_text().split()[0] for thread in Path(f"/proc/{pid}/task").iterdir()]
    return sum(map(int, spent)) / 1e6
