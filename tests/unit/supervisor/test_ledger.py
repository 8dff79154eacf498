"""The ledger: what is told is on disk, and what is on disk is never told twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.errors import StateDirectoryError
from supervisor.ledger import RECORD_BYTES, Ledger


def reopened(path: Path) -> tuple[int, int, str]:
    """Generation, next segment id and pin as the next start finds them."""
    ledger = Ledger(path)
    try:
        return ledger.generation, ledger.next_segment_id(), ledger.pinned
    finally:
        ledger.close()


def test_everything_survives_a_reopening(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(path)
    assert [ledger.next_generation() for _ in range(3)] == [1, 2, 3]
    assert [ledger.next_segment_id() for _ in range(2)] == [1, 2]
    ledger.pin("abc")
    ledger.close()
    assert reopened(path) == (3, 3, "abc")
    assert path.stat().st_size == 2 * RECORD_BYTES
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_generation_and_its_pin_are_one_write(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(path)
    before = path.read_bytes()
    ledger.next_generation("abc")
    ledger.close()
    after = path.read_bytes()
    changed = [half for half in (0, 1) if before[half * 512 : half * 512 + 512] != after[half * 512 : half * 512 + 512]]
    assert len(changed) == 1
    assert reopened(path)[::2] == (1, "abc")


@pytest.mark.parametrize("cut", [1, 100, RECORD_BYTES - 1])
def test_a_torn_write_costs_at_most_that_write(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(path)
    for _ in range(5):
        ledger.next_generation()
    before = path.read_bytes()
    ledger.next_generation()
    after = path.read_bytes()
    ledger.close()
    half = next(
        half for half in (0, 1) if before[half * 512 : half * 512 + 512] != after[half * 512 : half * 512 + 512]
    )
    torn = bytearray(before)
    torn[half * 512 : half * 512 + cut] = after[half * 512 : half * 512 + cut]
    path.write_bytes(torn)
    generation, _, _ = reopened(path)
    assert generation in (5, 6)
    ledger = Ledger(path)
    assert ledger.next_generation() == generation + 1  # the sixth was never announced if it is not there
    ledger.close()


def test_both_records_are_whole_again_after_a_torn_one_was_found(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(path)
    ledger.next_generation()
    ledger.close()
    damaged = bytearray(path.read_bytes())
    damaged[:RECORD_BYTES] = bytes(RECORD_BYTES)
    path.write_bytes(damaged)
    Ledger(path).close()
    for half in (0, 1):  # either one can go now
        whole = bytearray(path.read_bytes())
        whole[half * RECORD_BYTES : (half + 1) * RECORD_BYTES] = bytes(RECORD_BYTES)
        copy = tmp_path / f"copy{half}"
        copy.write_bytes(whole)
        assert reopened(copy)[0] == 1


def test_a_failing_sync_gives_no_generation_and_repeats_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(path)
    assert ledger.next_generation() == 1

    def fail(fd: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(StateDirectoryError, match="Input/output error"):
            ledger.next_generation("pinned")
        assert (ledger.generation, ledger.pinned) == (1, "")
        with pytest.raises(StateDirectoryError):
            ledger.next_segment_id()
    assert ledger.next_segment_id() == 2, "an id whose write failed may have been used"
    assert ledger.next_generation() == 2
    ledger.close()
    assert reopened(path)[0] == 2


def test_a_write_cut_short_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path / "ledger")
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: 100)
    with pytest.raises(StateDirectoryError, match="No space left"):
        ledger.next_generation()
    assert ledger.generation == 0
    ledger.close()


def test_a_damaged_or_foreign_ledger_is_refused_and_no_descriptor_leaks(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_bytes(b"x" * 2 * RECORD_BYTES)
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    with pytest.raises(StateDirectoryError, match="damaged"):
        Ledger(path)
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208
