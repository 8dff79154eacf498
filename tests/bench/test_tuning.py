"""The trials behind tuning.md: a small real one from the appliances to the table."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from bench.results import read
from bench.tuning import TRIALS, Trial, Variant, results, run, show
from bench.tuning_load import HTTP2_PREFACE, Load, Subject
from bench.tuning_load import run as run_load
from bench.verdict import BenchError


def test_a_trial_measures_each_variant_in_turn_and_says_what_bounded_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = Trial(
        {"off": Variant({"AVAP_PIN": "off"}), "auto": Variant(), "few calls": Variant(load=Load("get", 1, 1, 0.1))},
        {"get 2×4": Load("get", 2, 4, seconds=0.1)},
        catalog_bytes=100_000,
    )
    series = run(trial, 2, tmp_path)
    starts = sorted((start, name) for (name, measurement), runs in series.items() for start in set(runs.started_s))
    order = [name for _, name in starts][:: len(starts) // 6]
    assert order == ["off", "auto", "few calls", "auto", "few calls", "off"]
    assert all(value > 0 for runs in series.values() for value in runs.values)
    files = {name: results(series, name, ("trial",)) for name in trial.variants}
    files["off"].write(tmp_path / "off.json")
    assert read(tmp_path / "off.json") == files["off"]
    assert {m.name: (m.unit, m.better) for m in files["off"].measurements} == {
        "get 2×4: CPU": ("µs a request", "lower"),
        "get 2×4: rate": ("req/s", "higher"),
        "get 2×4: p50": ("µs", "lower"),
        "get 2×4: p99": ("µs", "lower"),
    }
    show(trial, series, files)
    table = capsys.readouterr().out
    for name in trial.variants:
        assert series[name, "get 2×4: p99, µs"].bound.verdict in table
    assert "too few runs to tell (2 and 2" in table


def test_a_variant_that_does_not_start_ends_the_trial_with_its_log(tmp_path: Path) -> None:
    trial = Trial({"wrong": Variant({"AVAP_GRPC_WORKERS": "none"})}, {"get": Load("get")}, catalog_bytes=100_000)
    with pytest.raises(BenchError, match="AVAP_GRPC_WORKERS"):
        run(trial, 1, tmp_path)


def test_connects_counts_those_that_the_server_speaks_to() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:

        def serve() -> None:
            clients = [server.accept()[0] for _ in range(10)]
            for number, client in enumerate(clients):
                assert client.recv(len(HTTP2_PREFACE), socket.MSG_WAITALL) == HTTP2_PREFACE
                if number != 3:
                    client.sendall(b"\0\0\0\4\0\0\0\0\0")
                client.close()

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        subject = Subject(address, "", "", "", "", 0, pids=(), cores=tuple(os.sched_getaffinity(0)))
        outcome = run_load(Load("connects", connections=10), subject)
        thread.join()
    assert outcome.requests == 9
    assert outcome.worst_ms > 0


def test_every_trial_has_something_to_compare() -> None:
    for name, trial in TRIALS.items():
        assert len(trial.variants) > 1, name
