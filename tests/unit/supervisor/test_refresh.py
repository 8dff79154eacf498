"""Every outcome of a look at the source, on real shared memory."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from appliance._native import Segment
from appliance.errors import StateDirectoryError
from supervisor.hydration import Gate
from supervisor.refresh import Outcome, Refresh
from supervisor.sources import SourceError
from tests.unit.supervisor.parts import ROWS, FakeSource, Parts, opened
from tests.waiting import wait_until


async def look(refresh: Refresh, *, force: bool = False, only_if_changed: bool = False) -> Outcome:
    return await refresh.look(force=force, only_if_changed=only_if_changed)


def failing_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)


def test_a_change_is_announced_and_an_unchanged_source_is_not_read(tmp_path: Path) -> None:
    async def run(parts: Parts) -> None:
        refresh = parts.refresh()
        assert (await look(refresh, only_if_changed=True)).outcome == "announced"
        current = parts.publisher.current
        assert current is not None
        assert (current.generation, current.commands, current.origin) == (1, 10, "fake")
        assert not refresh.stale
        assert parts.publisher.snapshot_ok
        assert (await look(refresh, only_if_changed=True)).outcome == "unchanged"
        assert parts.source.hydrations == 1
        assert (await look(refresh)).outcome == "unchanged"  # asked for: read, but the same
        assert (parts.source.hydrations, current.generation, parts.notified) == (2, 1, 1)
        assert len(parts.segments()) == 1
        assert await refresh.stop(5)
        assert parts.source.closed

    with opened(tmp_path) as parts:
        asyncio.run(run(parts))


@pytest.mark.parametrize(
    ("rows", "gate", "reason"),
    [
        ({}, None, "empty"),
        ({"one": "x"}, None, "shrink"),
        ({"big": "x" * 9_000_000}, Gate("standard", None, 1.0, 1 << 20, 0), "too_large"),
        ({"one": "x"}, Gate("standard", None, 1.0, 1 << 24, 1 << 60), "no_room"),
    ],
)
def test_a_refused_version_leaves_the_old_one_and_no_segment_and_is_stale(
    tmp_path: Path, rows: dict[str, str], gate: Gate | None, reason: str
) -> None:
    async def run(parts: Parts) -> None:
        refresh = parts.refresh()
        await look(refresh)
        before = parts.segments()
        confirmed = parts.publisher.versions[0].confirmed_at_ms
        parts.source.rows = rows
        refresh.gate = gate or refresh.gate
        assert (await look(refresh)).outcome == "rejected"
        assert parts.publisher.rejections == {reason: 1}
        assert parts.segments() == before
        assert refresh.state.up
        assert refresh.stale, "what is served is not what the source holds"
        assert parts.publisher.versions[0].confirmed_at_ms == confirmed
        parts.source.rows = dict(ROWS)
        refresh.gate = Gate("standard", None, 0.5, 1 << 24, 0)
        assert (await look(refresh, only_if_changed=True)).outcome == "unchanged"
        assert not refresh.stale
        await refresh.stop(5)

    with opened(tmp_path) as parts:
        asyncio.run(run(parts))


def test_force_lets_commands_vanish(tmp_path: Path) -> None:
    async def run(parts: Parts) -> None:
        refresh = parts.refresh()
        await look(refresh)
        parts.source.rows = {"one": "x"}
        assert (await look(refresh, force=True)).outcome == "announced"
        await refresh.stop(5)

    with opened(tmp_path) as parts:
        asyncio.run(run(parts))


def test_a_source_that_fails_is_told_and_backs_off_and_recovers(tmp_path: Path) -> None:
    async def run(parts: Parts) -> None:
        refresh = parts.refresh()
        await look(refresh)
        parts.source.error = SourceError("unreachable", "no route")
        for failures in (1, 2, 3):
            assert await look(refresh, only_if_changed=True) == Outcome("failed", "no route")
            assert (refresh.state.failures, refresh.state.last_error_kind) == (failures, "unreachable")
            assert 0.5 * 2 ** (failures - 1) <= refresh._delay_s() <= 2 ** (failures - 1)
        assert refresh.stale
        refresh.state.failures = 50
        assert refresh._delay_s() <= 60
        parts.source.error = None
        assert (await look(refresh, only_if_changed=True)).outcome == "unchanged"
        assert not refresh.stale
        assert len(parts.logged("Source Recovered")) == 1
        await refresh.stop(5)

    with opened(tmp_path) as parts:
        asyncio.run(run(parts))


def test_an_exception_nobody_expected_is_logged_and_counted_and_ends_nothing(tmp_path: Path) -> None:
    async def run(parts: Parts) -> None:
        refresh = parts.refresh()
        await look(refresh)
        parts.source.error = ZeroDivisionError("surprise")
        outcome = await look(refresh)
        assert outcome.outcome == "failed"
        assert "surprise" in outcome.message
        assert parts.faults.counts == {"refresh": 1}
        assert "ZeroDivisionError" in parts.logged("Supervisor Fault")[0]["traceback"]
        assert refresh.state.last_error_kind == "internal"
        assert len(parts.segments()) == 1
        parts.source.error = None
        assert (await look(refresh)).outcome == "unchanged"
        await refresh.stop(5)

    with opened(tmp_path) as parts:
        asyncio.run(run(parts))


def test_a_ledger_that_cannot_be_written_refuses_versions_and_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(parts: Parts) -> None:
        refresh = parts.refresh()
        await look(refresh)
        parts.source.rows["new"] = "x"
        with monkeypatch.context() as patch:
            failing_sync(patch)
            assert (await look(refresh)).outcome == "rejected"
        assert parts.publisher.rejections == {"state": 1}
        assert len(parts.segments()) == 1
        assert (await look(refresh, only_if_changed=True)).outcome == "announced"
        assert parts.publisher.versions[-1].generation == 2
        await refresh.stop(5)

    with opened(tmp_path) as parts:
        asyncio.run(run(parts))


def test_a_generation_that_cannot_be_written_unlinks_the_version_and_the_snapshot_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(parts: Parts) -> None:
        refresh = parts.refresh()
        await look(refresh)
        parts.source.rows["new"] = "x"
        with monkeypatch.context() as patch:
            patch.setattr(parts.state.ledger, "next_generation", refuse)
            assert (await look(refresh)).outcome == "rejected"
        assert len(parts.segments()) == 1
        assert not parts.publisher.snapshot_ok, "the file holds what was never announced"
        del parts.source.rows["new"]
        assert (await look(refresh)).outcome == "unchanged"
        assert parts.publisher.snapshot_ok
        await refresh.stop(5)

    def refuse(pinned: str | None = None) -> int:
        raise StateDirectoryError("cannot write the ledger")

    with opened(tmp_path) as parts:
        asyncio.run(run(parts))


def test_a_reload_whose_caller_hangs_up_goes_on_to_its_end_and_leaks_no_segment(tmp_path: Path) -> None:
    async def run(parts: Parts) -> None:
        refresh = parts.refresh()
        parts.source.gate = threading.Event()
        asked = asyncio.create_task(look(refresh))
        await asyncio.to_thread(wait_until, parts.source.entered.is_set, 5, "the hydration to begin")
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert refresh.busy
        later = asyncio.create_task(look(refresh, only_if_changed=True))  # a second one waits for the first
        parts.source.gate.set()
        assert (await later).outcome == "unchanged"
        assert parts.publisher.versions[-1].generation == 1
        assert len(parts.segments()) == 1
        await refresh.stop(5)

    with opened(tmp_path) as parts:
        asyncio.run(run(parts))


def test_stopping_in_the_middle_of_a_hydration_ends_it_and_leaves_no_segment(tmp_path: Path) -> None:
    async def run(parts: Parts) -> None:
        refresh = parts.refresh()
        gate = parts.source.gate = threading.Event()
        asked = asyncio.create_task(look(refresh))
        await asyncio.to_thread(wait_until, parts.source.entered.is_set, 5, "the hydration to begin")
        refresh.interrupt()
        gate.set()
        assert (await asked).outcome == "failed"
        assert parts.segments() == []
        assert parts.logged("Source Failed") == []  # nobody is to be paged for a stop
        assert (await look(refresh)).message == "the appliance is stopping"
        assert await refresh.stop(5)

    with opened(tmp_path) as parts:
        asyncio.run(run(parts))


def test_a_source_that_hangs_is_given_up_in_bounded_time(tmp_path: Path) -> None:
    async def run(parts: Parts) -> None:
        refresh = parts.refresh()
        parts.source.gate = hang
        asked = asyncio.create_task(look(refresh))
        await asyncio.to_thread(wait_until, parts.source.entered.is_set, 5, "the hydration to begin")
        assert not await asyncio.wait_for(refresh.stop(0.2), 5)
        hang.set()
        await asked

    hang = threading.Event()
    with opened(tmp_path) as parts:
        asyncio.run(run(parts))


def test_a_rollback_pins_and_generations_only_rise(tmp_path: Path) -> None:
    async def run(parts: Parts) -> None:
        refresh = parts.refresh()
        await look(refresh)
        first = parts.publisher.versions[-1]
        parts.source.rows["new"] = "x"
        await look(refresh)
        assert await refresh.rollback("") is first
        assert (first.generation, parts.publisher.pinned, parts.publisher.snapshot_ok) == (3, True, True)
        assert refresh.stale
        assert (await look(refresh)).outcome == "pinned"
        assert await refresh.rollback("3") is first  # what is current already is pinned, not announced
        assert first.generation == 3
        assert await refresh.unpin()
        assert (parts.publisher.versions[-1].commands, parts.publisher.versions[-1].generation) == (11, 4)
        assert not await refresh.unpin()
        await refresh.stop(5)

    with opened(tmp_path) as parts:
        asyncio.run(run(parts))


def test_a_restart_restores_pin_and_snapshot_as_stale_until_the_source_confirms(tmp_path: Path) -> None:
    async def before(parts: Parts) -> None:
        refresh = parts.refresh()
        parts.source.rows["more"] = "y"
        await look(refresh)
        await refresh.rollback("1")
        await refresh.stop(5)

    async def after(parts: Parts) -> None:
        refresh = parts.refresh()
        parts.source.rows["more"] = "y"
        await refresh.restore()
        restored = parts.publisher.current
        assert restored is not None
        assert (restored.generation, restored.origin, restored.commands) == (2, "snapshot", 11)
        assert parts.publisher.pinned
        assert refresh.stale
        assert restored.confirmed_at_ms == restored.created_at_ms
        await refresh.unpin()
        assert parts.publisher.current is restored
        assert (restored.origin, restored.generation, refresh.stale) == ("fake", 2, False)
        assert restored.confirmed_at_ms > restored.created_at_ms
        await refresh.stop(5)

    with opened(tmp_path) as parts:
        asyncio.run(before(parts))
    with opened(tmp_path) as parts:
        asyncio.run(after(parts))


def test_a_reload_before_the_snapshot_is_not_overwritten_by_it(tmp_path: Path) -> None:
    async def run(parts: Parts, rows: int) -> None:
        refresh = parts.refresh()
        parts.source.rows = {f"c{number}": "x" for number in range(rows)}
        await look(refresh)
        await refresh.restore()
        assert [version.commands for version in parts.publisher.versions] == [rows]
        await refresh.stop(5)

    for rows in (3, 4):
        with opened(tmp_path) as parts:
            asyncio.run(run(parts, rows))


def test_fewer_kept_generations_are_retired_at_once_and_the_next_look_is_planned_anew(tmp_path: Path) -> None:
    async def run(parts: Parts) -> None:
        refresh = parts.refresh(refresh_s=3600.0)
        following = asyncio.create_task(refresh.run())
        looks = 0

        def count() -> None:
            nonlocal looks
            looks += 1

        refresh.on_look(count)
        for number in range(3):
            parts.source.rows["n"] = str(number)
            await look(refresh)
        assert len(parts.segments()) == 3
        looked = looks
        await refresh.configure(refresh.gate, refresh_s=0.01, keep_generations=1)
        assert len(parts.segments()) == 2
        await asyncio.to_thread(wait_until, lambda: looks > looked + 3, 10, "looks at the new pace")
        following.cancel()
        await refresh.stop(5)

    with opened(tmp_path) as parts:
        asyncio.run(run(parts))


def test_what_was_built_is_what_is_read(tmp_path: Path) -> None:
    async def run(parts: Parts) -> None:
        refresh = parts.refresh()
        await look(refresh)
        version = parts.publisher.versions[-1]
        with Segment.open(version.segment_name) as segment:
            assert segment.names() == sorted(FakeSource().rows)
            assert segment.digest == version.digest
        assert parts.announcer.current() == (1, version.segment_id, version.bytes, 0)
        await refresh.stop(5)

    with opened(tmp_path) as parts:
        asyncio.run(run(parts))
