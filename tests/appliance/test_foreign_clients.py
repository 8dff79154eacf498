"""Clients that are not ours: grpc-js, grpc-go, tonic, grpcio without a .proto. Every byte of every reply is checked.

20,000 mixed calls each; `make soak` sets SOAK_CALLS to a million.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from appliance._native import Segment
from tests.appliance.catalog import embedded_names, sync_body, write_version
from tests.appliance.process import KEY, Appliance, serving
from tests.clients import KINDS, ClientKind, ClientRun, run_client
from tests.waiting import wait_until_grown

CALLS = int(os.environ.get("SOAK_CALLS", "20000"))
MIX = {"hit": 0.7, "miss": 0.15, "wrong_key": 0.1, "sync": 0.05}


def plan(appliance: Appliance, versions: list[dict[str, object]], **changes: object) -> dict[str, object]:
    """What a client is told."""
    return {
        "target": appliance.grpc_address,
        "key": KEY,
        "calls": CALLS,
        "seed": 1,
        "connections": 8,
        "concurrency": 32,
        "wire": "standard",
        "mix": MIX,
        "versions": versions,
        "deadline_s": 120 + CALLS // 500,
        **changes,
    }


def expected(digest: str, records: dict[str, bytes], body: bytes) -> dict[str, object]:
    """A version as the clients take it."""
    return {
        "digest": digest,
        "commands": {name: base64.b64encode(data).decode() for name, data in records.items()},
        "sync_body": base64.b64encode(body).decode(),
    }


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_mixed_calls_are_answered_to_the_byte(tmp_path: Path, kind: ClientKind, workers: int) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()
    records = write_version(folder, 1, sorted(embedded_names(), key=str.encode), padding=500)
    environ = {"AVAP_GRPC_WORKERS": str(workers), "AVAP_CATALOG_DIR": str(folder)}
    with serving(tmp_path / "state", environ) as appliance:
        version = expected(appliance.status().catalog.digest, records, sync_body(records))
        report = run_client(kind, plan(appliance, [version]))
        assert (report["errors"], report["mismatches"], report["generation_went_back"]) == ([], [], 0)
        assert report["calls"] == CALLS
        assert report["hit"] + report["miss"] + report["wrong_key"] + report["sync"] == CALLS
        assert min(report["hit"], report["miss"], report["wrong_key"], report["sync"]) > CALLS * 0.02
        counted = {k: v for k, v in appliance.metrics().items() if k.startswith("avap_requests_total")}
        served = sum(value for name, value in counted.items() if "Health" not in name)
        assert served == CALLS


@pytest.mark.parametrize("kind", KINDS)
def test_the_deployed_form_is_served_to_the_byte(tmp_path: Path, kind: ClientKind) -> None:
    environ = {"AVAP_GRPC_WIRE": "lite", "AVAP_SIGNING_KEY": "a-signing-key"}
    with serving(tmp_path / "state", environ) as appliance:
        names = [name for name in appliance.shared_memory() if name.rsplit("-", 1)[1].isdigit()]
        segment = Segment.open(names[0])
        records = {name: segment.get(name.encode()) or b"" for name in segment.names()}
        version = expected(segment.digest, records, segment.sync_body())
        segment.close()
        report = run_client(kind, plan(appliance, [version], wire="lite", calls=2000))
        assert (report["errors"], report["mismatches"], report["calls"]) == ([], [], 2000)


@pytest.mark.timeout(900)  # a version is built under SCHED_IDLE: twenty of them take minutes where the host is busy
@pytest.mark.parametrize("kind", KINDS)
def test_foreign_clients_go_through_swaps_without_noticing(tmp_path: Path, kind: ClientKind) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()
    names = sorted(embedded_names(), key=str.encode)
    environ = {"AVAP_GRPC_WORKERS": "2", "AVAP_CATALOG_DIR": str(folder), "AVAP_CATALOG_REFRESH_S": "3600"}
    contents = [write_version(folder, number, names) for number in (1, 2)]
    with serving(tmp_path / "state", environ) as appliance:
        versions = [expected(appliance.status().catalog.digest, contents[1], sync_body(contents[1]))]
        write_version(folder, 1, names)
        versions.append(expected(appliance.reload().digest, contents[0], sync_body(contents[0])))
        with ClientRun(kind, plan(appliance, versions, until_stdin_closes=True, calls=500, deadline_s=800)) as run:
            served = 'avap_requests_total{method="GetCommand",status="200"}'
            for number in range(20):
                write_version(folder, 2 if number % 2 == 0 else 1, names)
                assert appliance.reload().outcome == "announced"
                wait_until_grown(lambda: appliance.metrics().get(served, 0), 50, "calls to flow")
            report = run.finish()
        assert (report["errors"], report["mismatches"], report["generation_went_back"]) == ([], [], 0)
        assert len(report["digests"]) == 2
