"""Names in /dev/shm: made, unlinked, tidied after a predecessor."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.errors import OsRefusedError
from supervisor.shared_memory import FOLDER, SharedMemoryArea

INSTANCE = "0123unittest"


@pytest.fixture
def area() -> Iterator[SharedMemoryArea]:
    """An empty area."""
    made = SharedMemoryArea(INSTANCE)
    yield made
    made.close()


def names() -> list[str]:
    return sorted(path.name for path in FOLDER.glob(f"avap-{INSTANCE}-*"))


def test_a_segment_is_private_and_gone_after_unlink(area: SharedMemoryArea) -> None:
    name = area.create("1", 4096)
    assert (FOLDER / name).stat().st_mode & 0o777 == 0o600
    area.unlink("1")
    assert names() == []
    area.unlink("1")  # a second one is no error: the loop and the hydration may both tidy


def test_leftovers_are_removed_and_others_names_are_not(tmp_path: Path) -> None:
    left = FOLDER / f"avap-{INSTANCE}-77"
    other = FOLDER / f"avap-{INSTANCE}x-77"
    left.write_bytes(b"x")
    other.write_bytes(b"x")
    try:
        area = SharedMemoryArea(INSTANCE)
        assert area.leftovers == [left.name]
        assert not left.exists()
        assert other.exists()
    finally:
        other.unlink()


def test_what_cannot_be_removed_is_named_and_does_not_end_the_start() -> None:
    planted = FOLDER / f"avap-{INSTANCE}-announce"
    planted.mkdir()  # a folder stands for a file of somebody else, which root could remove
    try:
        area = SharedMemoryArea(INSTANCE)
        assert (area.leftovers, area.foreign) == ([], [planted.name])
        with pytest.raises(OsRefusedError, match="another user"):
            area.create("announce", 4096)
    finally:
        planted.rmdir()


def test_a_name_tidied_by_hand_is_no_error(area: SharedMemoryArea) -> None:
    (FOLDER / area.create("1", 4096)).unlink()
    area.unlink("1")


def test_a_closed_area_makes_nothing_any_more(area: SharedMemoryArea) -> None:
    area.create("1", 4096)
    area.close()
    with pytest.raises(OsRefusedError, match="stopping"):
        area.create("2", 4096)
    assert names() == []


def test_making_the_first_one_leaves_the_signal_mask_alone() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        area = SharedMemoryArea(INSTANCE)
        area.create("1", 4096)
        assert signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        area.close()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
