"""An appliance that serves HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.appliance.process import Appliance, serving

HTTP = {"AVAP_HTTP_WORKERS": "1"}


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """One appliance for the tests of a module that leave it as it was."""
    with serving(tmp_path_factory.mktemp("http") / "state", HTTP) as running:
        yield running
