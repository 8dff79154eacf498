"""An appliance and the tonic server beside it, with the same catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.references import reference
from bench.target import fetch
from tests.appliance.catalog import write_version
from tests.appliance.process import KEY, Appliance, serving

SMALL, LARGE = "small", "large"
NAMES = ("addVar", "añadir %41", "b")
LARGE_BYTES = 40_000
"""Three frames of the default size, and still within the first window."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The server under test and the oracle."""

    appliance: Appliance
    oracle: str


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Commands of a few sizes."""
    found = tmp_path_factory.mktemp("commands")
    write_version(found, 1, [*NAMES, SMALL])
    write_version(found, 1, [LARGE], padding=LARGE_BYTES)
    return found


@pytest.fixture(scope="package")
def appliance(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Appliance]:
    """One appliance for the package: one worker, which has to live through all of it."""
    environ = {"AVAP_CATALOG_DIR": str(folder), "AVAP_CATALOG_REFRESH_S": "3600"}
    with serving(tmp_path_factory.mktemp("conformance") / "state", environ) as running:
        pid = running.worker_pids()[0]
        yield running
        assert running.worker_pids() == [pid], "the worker did not live on"
        assert not running.logged("Worker Died")
        assert running.metrics()["avap_worker_panics_total"] == 0


@pytest.fixture(scope="package")
def pair(appliance: Appliance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The appliance and tonic."""
    version, catalog = fetch(appliance.grpc_address, KEY)
    path = tmp_path_factory.mktemp("oracle") / "catalog"
    path.write_bytes(catalog)
    with reference("tonic", path, version, KEY, workers=1, cores=None) as target:
        yield Pair(appliance, target.address)
