"""From the table to the segment: the real builder at the end of the real source."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory

import pytest

from appliance._native import BuildReport, Segment, SegmentBuilder
from supervisor.sources.postgres import FIELD_BYTES_MAX
from tests.postgres.conftest import Database, MakeSource
from tests.postgres_server import PostgresServer, temporary_database


@pytest.fixture
def segment_name() -> Iterator[str]:
    """An empty segment as the supervisor makes it."""
    name = f"avap-test-{os.getpid()}"
    memory = SharedMemory(name, create=True, size=4096)
    memory.close()
    yield name
    memory.unlink()


def build(database: Database, make_source: MakeSource, segment_name: str) -> BuildReport:
    builder = SegmentBuilder(segment_name, 1, "standard")
    make_source(url=database.url(), stall_timeout_s=10).hydrate(builder)
    return builder.finish()


def test_bad_rows_are_left_out_and_the_rest_is_served(
    server: PostgresServer, make_source: MakeSource, segment_name: str
) -> None:
    """Names that are NULL, empty, too long or not UTF-8, code that is not UTF-8 or beyond a record, and duplicates."""
    with temporary_database(server, "bad_rows", "SQL_ASCII") as name:
        database = Database(server, name)
        database.create_table("id serial PRIMARY KEY, name text, code text, type text, interface text")
        database.execute(
            r"INSERT INTO obex_dapl_functions (name, code) VALUES ('twice', 'old'), (NULL, 'c'), ('', 'c'), "
            r"(repeat('n', 257), 'c'), (E'\xff', 'c'), ('latin', E'caf\xe9'), ('null', NULL), ('twice', 'new')"
        )
        database.execute(
            f"INSERT INTO obex_dapl_functions (name, code) VALUES ('big', repeat('x', {FIELD_BYTES_MAX + 9}))"
        )
        report = build(database, make_source, segment_name)
    assert (report.rows, report.commands, report.bad_rows, report.duplicates) == (9, 2, 6, 1)
    assert [(row_id, name) for row_id, name, _ in report.bad_rows_shown] == [
        (2, ""), (3, ""), (4, ""), (5, ""), (6, "latin"), (9, "big"),
    ]  # fmt: skip
    assert report.duplicate_names == ["twice"]
    segment = Segment.open(segment_name)
    segment.verify()
    assert segment.names() == ["null", "twice"]
    record = segment.get(b"twice")
    assert record is not None
    assert re.search(rb"\x12\x03new", record), record
    segment.close()


def test_every_row_of_a_large_table_is_served(database: Database, make_source: MakeSource, segment_name: str) -> None:
    """More than one batch, so that rows are cut anywhere."""
    database.create_table()
    database.add_commands(5000, code_bytes=777)
    report = build(database, make_source, segment_name)
    assert (report.commands, report.rows, report.bad_rows, report.duplicates) == (5000, 5000, 0, 0)
    segment = Segment.open(segment_name)
    segment.verify()
    for number in (1, 2500, 5000):
        record = segment.get(b"command_%d" % number)
        assert record is not None
        assert (b"code %d" % number).ljust(777, b"x") in record
    segment.close()
