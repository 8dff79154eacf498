"""Every attack ends: its budget is counted, and the connection is closed with the error that says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from bench.hostile import ATTACKS, CALM, Attack, Heard, run
from tests.appliance.catalog import write_version
from tests.appliance.process import KEY, Appliance, serving
from tests.waiting import wait_until

COUNTER = "avap_limits_reached_total"
SLOW_S = 8.0
"""An attack that may last longer is one of those who take their time; they are waited for together."""
QUICK = [name for name, attack in ATTACKS.items() if attack.budgets and attack.ends_s <= SLOW_S]
SLOW = [name for name, attack in ATTACKS.items() if attack.budgets and attack.ends_s > SLOW_S]


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """One worker for the file, with a catalogue that no socket buffer holds: 4 MB."""
    folder = tmp_path_factory.mktemp("commands")
    write_version(folder, 1, [f"command{number}" for number in range(200)], padding=20_000)
    environ = {"AVAP_CATALOG_DIR": str(folder), "AVAP_CATALOG_REFRESH_S": "3600"}
    with serving(tmp_path_factory.mktemp("attacked") / "state", environ) as running:
        yield running
        assert running.metrics()["avap_worker_panics_total"] == 0


def exceeded(appliance: Appliance, attack: Attack) -> float:
    """How often the budgets of an attack were exceeded so far."""
    counted = appliance.metrics()
    names = [f'{COUNTER}{{limit="{budget}"}}' for budget in attack.budgets]
    missing = [name for name in names if name not in counted]
    assert not missing, f"there is no {missing[0]}"
    return sum(counted[name] for name in names)


@pytest.mark.parametrize("name", QUICK)
def test_an_attack_is_counted_and_ended_with_the_right_error(attacked: Appliance, name: str) -> None:
    attack = ATTACKS[name]
    before = exceeded(attacked, attack)
    heard = run(attack, attacked.grpc_address, KEY, time.monotonic() + attack.ends_s)
    wait_until(lambda: exceeded(attacked, attack) > before, 5, f"one of {sorted(attack.budgets)} to be counted")
    for one in heard:
        if attack.codes:
            assert one.closed
            assert one.goaway in attack.codes, f"GOAWAY {one.goaway}"
        else:
            assert one.goaway in (None, CALM)


@pytest.mark.timeout(180)
def test_those_who_take_their_time_are_counted_too(attacked: Appliance) -> None:
    """A silent preface, a header block and a message that are not finished, and replies that nobody takes."""
    before = {name: exceeded(attacked, ATTACKS[name]) for name in SLOW}
    heard: dict[str, list[Heard]] = {}

    def attack(name: str) -> None:
        heard[name] = run(ATTACKS[name], attacked.grpc_address, KEY, time.monotonic() + ATTACKS[name].ends_s)

    threads = [threading.Thread(target=attack, args=(name,)) for name in SLOW]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name for name in SLOW if exceeded(attacked, ATTACKS[name]) == before[name]} == set()
    assert all(one.closed for one in heard["slow_preface"]), "a silent peer keeps its descriptor"
    assert all(one.closed for one in heard["slow_headers"]), "an unfinished block keeps its connection"
