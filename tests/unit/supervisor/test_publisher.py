"""Finding, retiring and keeping versions."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance.errors import NotFoundError
from supervisor.publisher import DIGEST_PREFIX_MIN
from tests.unit.supervisor.parts import Parts, opened


def announce_versions(parts: Parts, count: int) -> None:
    """Versions 1 to `count`, each its own generation."""

    async def run() -> None:
        refresh = parts.refresh()
        for number in range(count):
            parts.source.rows["counter"] = str(number)
            await refresh.look(force=False, only_if_changed=False)
        await refresh.stop(5)

    asyncio.run(run())


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_at_most_keep_generations_and_the_current_one_exist(tmp_path: Path, keep: int) -> None:
    with opened(tmp_path, keep_generations=keep) as parts:
        announce_versions(parts, 5)
        assert [version.generation for version in parts.publisher.versions] == list(range(5 - keep, 6))
        assert len(parts.segments()) == keep + 1
        assert len(parts.logged("Version Retired")) == 4 - keep


def test_a_version_is_found_by_generation_by_digest_or_as_the_one_before(tmp_path: Path) -> None:
    with opened(tmp_path) as parts:
        announce_versions(parts, 3)
        first, second, third = parts.publisher.versions
        assert parts.publisher.find("") is second
        assert parts.publisher.find("1") is first
        assert parts.publisher.find(third.digest) is third
        assert parts.publisher.find(second.digest[:DIGEST_PREFIX_MIN].upper()) is second


def test_a_generation_that_is_gone_is_not_taken_for_a_digest(tmp_path: Path) -> None:
    with opened(tmp_path, keep_generations=1) as parts:
        announce_versions(parts, 4)
        held = parts.publisher.versions
        for to in ("1", "2", *(version.digest[:1] for version in held), "fffffff", "nonsense"):
            if to not in {str(version.generation) for version in held}:
                with pytest.raises(NotFoundError, match="no version that is still held"):
                    parts.publisher.find(to)


def test_there_is_nothing_before_the_first(tmp_path: Path) -> None:
    with opened(tmp_path) as parts:
        announce_versions(parts, 1)
        with pytest.raises(NotFoundError, match="no version before"):
            parts.publisher.find("")


def test_a_pin_that_no_snapshot_brought_back_is_dropped_with_a_word(tmp_path: Path) -> None:
    with opened(tmp_path) as parts:
        announce_versions(parts, 1)
        parts.state.ledger.pin("0" * 32)
        parts.publisher.settle_pin()
        assert not parts.publisher.pinned
        assert len(parts.logged("Pin Lost")) == 1
        parts.publisher.pin(parts.publisher.current)
        parts.publisher.settle_pin()
        assert parts.publisher.pinned


def test_a_snapshot_taken_away_is_written_again(tmp_path: Path) -> None:
    with opened(tmp_path) as parts:
        announce_versions(parts, 1)
        current = parts.publisher.current
        assert current is not None
        parts.state.snapshot.unlink()
        parts.publisher.keep_snapshot(current)
        written = parts.state.snapshot.stat().st_mtime_ns
        parts.publisher.keep_snapshot(current)
        assert parts.state.snapshot.stat().st_mtime_ns == written, "what is there is left alone"


def test_a_snapshot_that_cannot_be_written_is_told_and_stops_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as parts:
        parts.publisher.snapshot_path = tmp_path / "no" / "folder" / "catalog.snapshot"
        announce_versions(parts, 1)
        assert parts.publisher.current is not None
        assert parts.publisher.snapshot_error
        assert not parts.publisher.snapshot_ok
        assert parts.logged("Snapshot Not Written")
