"""The arena as Python sees it: what `appliance/_native.pyi` promises of types, errors and threads."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable, Iterator
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import pytest

from appliance import _native

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_END = b"\xff\xff"

NewSegment = Callable[[int], str]


@pytest.fixture
def new_segment() -> Iterator[NewSegment]:
    """Makes segments of a size, as the supervisor does, and unlinks them in the end."""
    made: list[SharedMemory] = []

    def create(size: int) -> str:
        segment = SharedMemory(f"avap-unittest-py-{os.getpid()}-{len(made)}", create=True, size=size)
        segment.close()
        made.append(segment)
        return segment.name

    yield create
    for segment in made:
        segment.unlink()


def copy_row(id: int, *columns: bytes | None) -> bytes:
    values = (struct.pack(">q", id), *columns)
    lengths = (struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value for value in values)
    return struct.pack(">h", len(values)) + b"".join(lengths)


def test_pushed_rows_are_served(new_segment: NewSegment) -> None:
    name = new_segment(1)
    builder = _native.SegmentBuilder(name, 5, "standard")
    builder.push(1, b"if", b"old")
    builder.push(2, None, b"no name")
    builder.push(3, b"if", b"new", b"kind", b"[1]")
    builder.push(4, "año".encode(), None)
    report = builder.finish()
    assert (report.commands, report.rows, report.duplicates, report.bad_rows) == (2, 4, 1, 1)
    assert (report.duplicate_names, report.bad_rows_shown) == (["if"], [(2, "", "name is NULL")])

    with _native.Segment.open(name) as segment:
        segment.verify()
        assert segment.names() == ["año", "if"]
        record = segment.get(b"if")
        assert record is not None
        assert record.startswith(b"\x0a\x02if\x12\x03new\x1a\x40")
        assert record in segment.sync_body()
        assert segment.get(b"IF") is None
        assert (segment.commands, segment.segment_id, segment.wire) == (2, 5, "standard")
        assert (segment.digest, segment.bytes) == (report.digest, report.bytes)
        assert report.records_bytes == len(segment.sync_body())
    with pytest.raises(_native.SegmentError) as caught:
        segment.names()
    assert caught.value.code == "closed"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_copy_stream_gives_the_same_segment_as_pushed_rows(
    new_segment: NewSegment, kind: Callable[[bytes], bytes | bytearray | memoryview]
) -> None:
    rows = [(id, b"command %d" % (id % 900), b"x" * id, None, b"[]") for id in range(1000)]
    pushed = _native.SegmentBuilder(new_segment(1), 1, "lite", b"key")
    for row in rows:
        pushed.push(*row)
    fed = _native.SegmentBuilder(new_segment(1), 1, "lite", b"key")
    stream = COPY_HEADER + b"".join(copy_row(*row) for row in rows) + COPY_END
    seen = [fed.feed_copy(kind(stream[at : at + 10_007])) for at in range(0, len(stream), 10_007)]
    report = fed.finish()
    assert seen == sorted(seen)
    assert report.digest == pushed.finish().digest
    assert (report.rows, report.duplicates) == (1000, 100)


def test_errors_have_a_type_and_a_stable_code(new_segment: NewSegment, tmp_path: Path) -> None:
    name = new_segment(1)
    with pytest.raises(ValueError, match='"standard" or "lite"'):
        _native.SegmentBuilder(name, 1, "heavy")
    with pytest.raises(_native.SegmentError, match="needs a signing key") as caught:
        _native.SegmentBuilder(name, 1, "lite")
    assert caught.value.code == "signing_key"
    with pytest.raises(_native.GoneError) as gone:
        _native.Segment.open("avap-unittest-none")
    assert gone.value.code == "gone"
    with pytest.raises(_native.SegmentError, match="too few") as damaged:
        _native.Segment.open(name)
    assert damaged.value.code == "damaged"
    with pytest.raises(_native.SnapshotError) as missing:
        _native.snapshot_probe(tmp_path / "none")
    assert missing.value.code == "missing"
    assert _native.NoRoomError.__module__ == "appliance._native"


def test_no_room_says_how_much_is_missing_and_where(new_segment: NewSegment) -> None:
    builder = _native.SegmentBuilder(new_segment(1), 1, "standard", reserve_bytes=1 << 60)
    with pytest.raises(_native.NoRoomError) as caught:
        builder.push(1, b"large", b"x" * 1_000_000)
    error = caught.value
    assert (error.code, error.available, error.where in {"memory", "cgroup"}) == ("no_room", 0, True)
    assert error.needed >= 1_000_000
    builder.abandon()


def test_a_catalogue_over_the_limit_is_a_limit_error(new_segment: NewSegment) -> None:
    builder = _native.SegmentBuilder(new_segment(1), 1, "standard", max_bytes=50_000)
    with pytest.raises(_native.LimitError) as caught:
        builder.push(1, b"large", b"x" * 50_000)
    assert caught.value.code == "too_large"


def test_an_error_inside_a_copy_stream_comes_out_and_closes_the_builder(new_segment: NewSegment) -> None:
    builder = _native.SegmentBuilder(new_segment(1), 1, "standard")
    with pytest.raises(_native.SegmentError, match="not a binary COPY stream") as caught:
        builder.feed_copy(b"id,name\n" * 1_000_000)
    assert caught.value.code == "copy_stream"
    for after in (builder.finish, lambda: builder.feed_copy(b"x"), lambda: builder.push(1, b"a", b"b")):
        with pytest.raises(_native.SegmentError) as closed:
            after()
        assert closed.value.code == "closed"
    builder.abandon()


def test_a_stream_without_its_end_is_not_a_catalogue(new_segment: NewSegment) -> None:
    builder = _native.SegmentBuilder(new_segment(1), 1, "standard")
    builder.feed_copy(COPY_HEADER + copy_row(1, b"a", b"b", None, None))
    with pytest.raises(_native.SegmentError, match="without its end mark"):
        builder.finish()


def test_an_abandoned_segment_holds_no_memory(new_segment: NewSegment) -> None:
    name = new_segment(1)
    builder = _native.SegmentBuilder(name, 1, "standard")
    builder.feed_copy(COPY_HEADER + b"".join(copy_row(id, b"c%d" % id, b"x" * 1000, None, None) for id in range(2000)))
    builder.abandon()
    assert Path("/dev/shm", name).stat().st_size == 0


def test_other_threads_run_while_a_segment_is_built(new_segment: NewSegment) -> None:
    chunk = b"".join(copy_row(id, b"c%d" % id, b"x" * 1000, None, None) for id in range(20_000))
    name, turns, done = new_segment(1), 0, threading.Event()

    def count() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1

    counter = threading.Thread(target=count)
    builder = _native.SegmentBuilder(name, 1, "standard")
    builder.feed_copy(COPY_HEADER)
    counter.start()
    try:
        before = turns
        builder.feed_copy(chunk)
        builder.feed_copy(COPY_END)
        assert builder.finish().commands == 20_000
        assert turns > before
    finally:
        done.set()
        counter.join()


def test_a_snapshot_comes_back_under_a_new_id(new_segment: NewSegment, tmp_path: Path) -> None:
    name, path = new_segment(1), tmp_path / "catalog.snapshot"
    builder = _native.SegmentBuilder(name, 1, "lite", b"key")
    builder.push(1, b"if", b"code")
    report = builder.finish()
    _native.snapshot_write(name, path)
    assert path.stat().st_mode & 0o777 == 0o600
    info = _native.snapshot_probe(path)
    assert (info.digest, info.commands, info.wire, info.bytes) == (report.digest, 1, "lite", report.bytes)
    copy = new_segment(1)
    assert _native.snapshot_restore(path, copy, 77).digest == report.digest
    with _native.Segment.open(name) as before, _native.Segment.open(copy) as after:
        assert (before.segment_id, after.segment_id) == (1, 77)
        assert before.sync_body() == after.sync_body()
        assert before.created_at_ms == after.created_at_ms == info.created_at_ms

    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(_native.SnapshotError, match="SHA-256") as caught:
        _native.snapshot_restore(path, copy, 78)
    assert caught.value.code == "damaged"
    path.chmod(0o666)
    with pytest.raises(_native.SnapshotError) as untrusted:
        _native.snapshot_probe(path)
    assert untrusted.value.code == "untrusted"


def test_announcements_only_go_forward(new_segment: NewSegment) -> None:
    announcer = _native.Announcer(new_segment(_native.Announcer.ANNOUNCE_BYTES))
    assert announcer.current() is None
    announcer.announce(3, 40, 500)
    announcer.announce(4, 40, 500, code_segment_id=41)
    assert announcer.current() == (4, 40, 500, 41)
    with pytest.raises(_native.SegmentError) as caught:
        announcer.announce(4, 41, 500)
    assert caught.value.code == "generation"


def test_worker_slots_start_vacant_and_every_sample_belongs_to_a_family(new_segment: NewSegment) -> None:
    slots = _native.WorkerSlots(new_segment(_native.WorkerSlots.segment_bytes(2)), 2)
    assert len(slots) == 2
    assert slots.state(1)["state"] == "vacant"
    slots.fold(0)
    slots.clear(1)
    with pytest.raises(IndexError):
        slots.fold(2)
    families = {family.name: family for family in _native.metric_families()}
    assert families["avap_requests_total"].labels == ["method", "status"]
    assert {family.kind for family in families.values()} == {"counter", "gauge", "histogram"}
    for name, labels, value in slots.samples():
        base = name if name in families else name.rsplit("_", 1)[0]
        assert value == 0
        assert len(labels) == len(families[base].labels) + name.endswith("_bucket")


def test_room_is_told_in_bytes() -> None:
    room = _native.room_available()
    assert room["shm"] > 0
    assert room["memory"] > 0
    assert room["cgroup"] is None or room["cgroup"] >= 0
