"""Latency by short windows."""

from array import array
from pathlib import Path

import pytest

from bench.windows import p99_by_window_us


def _samples(path: Path, requests: list[tuple[float, float]]) -> Path:
    """A file of requests: start in milliseconds, latency in microseconds."""
    times = sorted(
        ((int(start_ms * 1e6), int(start_ms * 1e6 + took_us * 1e3)) for start_ms, took_us in requests),
        key=lambda pair: pair[1],
    )
    path.write_bytes(array("Q", [time for pair in times for time in pair]).tobytes())
    return path


def test_a_stall_is_in_its_own_window_only(tmp_path: Path) -> None:
    requests = [(1000 + i * 0.25, 5000.0 if 110 <= i < 120 else 200.0) for i in range(400)]
    assert p99_by_window_us(_samples(tmp_path / "samples", requests), 0.025) == pytest.approx([200, 5000, 200, 200])


def test_one_request_in_a_hundred_is_left_out(tmp_path: Path) -> None:
    requests = [(i * 0.25, 9000.0 if i == 50 else 300.0 if i == 51 else 200.0) for i in range(100)]
    assert p99_by_window_us(_samples(tmp_path / "samples", requests), 0.025) == pytest.approx([300])


def test_a_window_with_few_requests_is_left_out(tmp_path: Path) -> None:
    requests = [(i * 0.25, 200.0) for i in range(149)]
    assert len(p99_by_window_us(_samples(tmp_path / "samples", requests), 0.025)) == 1


def test_no_requests_are_no_windows(tmp_path: Path) -> None:
    assert p99_by_window_us(_samples(tmp_path / "samples", []), 0.025) == []


def test_of_spans_only_the_windows_that_touch_one_are_told(tmp_path: Path) -> None:
    requests = [(1000 + i * 0.25, 5000.0 if 110 <= i < 120 else 200.0) for i in range(400)]
    samples = _samples(tmp_path / "samples", requests)
    assert p99_by_window_us(samples, 0.025, [(1_030_000_000, 1_031_000_000)]) == pytest.approx([5000])
    assert p99_by_window_us(samples, 0.025, [(1_020_000_000, 1_031_000_000)]) == pytest.approx([200, 5000])
    assert p99_by_window_us(samples, 0.025, []) == []
