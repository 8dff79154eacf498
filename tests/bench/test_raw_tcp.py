"""The sink that catalogues are measured with, the bare sender beside it, and who may not be attacked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.commands import CommandSet
from bench.hostile import DATA, Hostile
from bench.raw_tcp import Sink, Synchronising, raw_rate, raw_sender, record, sync_rate
from bench.references import reference
from bench.target import Target
from bench.verdict import BenchError

KEY = "reference-key-0123"
VERSION = "7-" + "0123456789abcdef" * 2
COMMANDS = 3_000  # two megabytes: many reads, and frames that lie across them


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return CommandSet(COMMANDS, 700).write_catalog(tmp_path_factory.mktemp("catalog") / "catalog")


@pytest.fixture(scope="module")
def target(catalog: Path) -> Iterator[Target]:
    with reference("tonic", catalog, VERSION, KEY, workers=1, cores=None) as served:
        yield served


def data_of(frames: bytes) -> bytes:
    """What the DATA frames among these carry."""
    found = b""
    while frames:
        length = int.from_bytes(frames[:3], "big")
        if frames[3] == DATA:
            found += frames[9 : 9 + length]
        frames = frames[9 + length :]
    return found


def test_what_is_recorded_is_a_whole_reply(target: Target, catalog: Path) -> None:
    body = catalog.read_bytes()
    assert data_of(record(target.address, KEY, len(body))) == b"\0" + len(body).to_bytes(4, "big") + body


def test_the_bare_sender_sends_it_again_and_again(target: Target, catalog: Path, tmp_path: Path) -> None:
    sent = record(target.address, KEY, catalog.stat().st_size)
    (tmp_path / "sent").write_bytes(sent)
    with raw_sender(tmp_path / "sent", sorted(os.sched_getaffinity(0))) as address:
        sink = Sink(address)
        for _ in range(3):
            kept: list[bytes] = []
            sink.socket.sendall(b"x")
            assert sink.swallow(kept) == len(sent)
            assert b"".join(kept) == sent
        sink.close()
        assert raw_rate(address, 0.1) > 0


def test_catalogues_follow_each_other_on_one_connection(target: Target, catalog: Path) -> None:
    size = catalog.stat().st_size
    sink = Synchronising(target.address, KEY)
    for _ in range(5):
        sink.ask(size)
        assert sink.swallow() > size
    sink.close()
    assert sync_rate(target.address, KEY, size, 0.1) > 0


def test_a_server_that_goes_away_is_an_error(target: Target) -> None:
    sink = Sink(target.address)
    sink.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(BenchError, match="ended in the middle"):
        sink.swallow()
    sink.close()


@pytest.mark.parametrize("address", ["192.0.2.1:80", "10.0.0.1:50051"])
def test_only_loopback_is_attacked(address: str) -> None:
    with pytest.raises(BenchError, match="loopback only"):
        Hostile(address)
