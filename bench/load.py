"""The load generator of the native half, typed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance._native import run_load
from bench.verdict import BenchError


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a run came to; `raw` is all of it (bench/src/report.rs), each thread's CPU time among it. Latencies are
    microseconds."""

    rate: float
    p50_us: float
    p99_us: float
    measured: int
    not_started: int
    raw: dict[str, Any]


def make_load(
    target: str,
    key: str,
    versions: Mapping[str, Path],
    *,
    connections: int,
    streams: int,
    duration_s: float,
    rate: float | None = None,
    warmup_s: float = 0.5,
    names: Sequence[str] = (),
    samples: Path | None = None,
    knobs: Mapping[str, Any] | None = None,
) -> LoadReport:
    """Make load on `target` and check every reply against `versions` (digest to a file with its catalogue).

    `rate` in requests a second makes it an open loop. `knobs`: further fields of the plan (bench/src/plan.rs), as
    `threads`, `arrivals` (`even` or `poisson`), `method` and, of the method `Execute`, `http`; that one needs no
    `versions`. Raises BenchError when a single reply is wrong or missing.
    """
    plan: dict[str, Any] = {
        "target": target,
        "key": key,
        "versions": [{"digest": digest, "catalog": str(path)} for digest, path in versions.items()],
        "connections": connections,
        "streams": streams,
        "duration_s": duration_s,
        "rate": rate,
        "warmup_s": warmup_s,
        "names": list(names),
        "samples": None if samples is None else str(samples),
        **(knobs or {}),
    }
    try:
        raw = json.loads(run_load(json.dumps(plan)))
    except (OSError, ValueError) as error:
        raise BenchError(str(error)) from error
    if not raw["clean"]:
        failures = {kind: count for kind, count in raw["failures"].items() if count}
        raise BenchError(f"replies are not what they must be: {failures}; {'; '.join(raw['notes'])}")
    latency = raw["latency_us"]
    not_started = raw["not_started_busy"] + raw["not_started_late"]
    return LoadReport(raw["rate"], latency["p50"], latency["p99"], raw["measured"], not_started, raw)
