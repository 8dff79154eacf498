"""Rows out of libpq: gathered natively, or one by one where psycopg's libpq is not a library of its own."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from appliance._native import CopyReader
from supervisor import database_link
from supervisor.database_link import StopSignal
from tests.postgres.conftest import Database, MakeSource
from tests.postgres.recording import RecordingSink

COPY = b"COPY (SELECT repeat('x', n) FROM generate_series(1, 1000) AS n) TO STDOUT"
SLOW_COPY = (
    b"COPY (SELECT CASE WHEN n < 1000 THEN repeat('x', 100) ELSE pg_sleep(60)::text END "
    b"FROM generate_series(1, 1000) AS n) TO STDOUT"
)


def test_the_libpq_that_psycopg_loaded_is_found() -> None:
    path = database_link._loaded_libpq()
    assert path is not None
    assert "libpq" in path


def test_rows_gathered_and_rows_one_by_one_are_the_same_bytes(
    database: Database, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.create_table()
    database.add_commands(5_000, code_bytes=500)
    database.execute("UPDATE obex_dapl_functions SET code = repeat('y', 3000000) WHERE id = 2500")
    gathered = RecordingSink()
    make_source().hydrate(gathered)
    monkeypatch.setattr(database_link, "_loaded_libpq", lambda: None)
    one_by_one = RecordingSink()
    make_source().hydrate(one_by_one)
    assert len(gathered.rows) == 5_000
    assert gathered.stream == one_by_one.stream


def test_a_read_ends_with_its_chunk_and_the_last_one_with_the_copy(database: Database) -> None:
    libpq = database_link._loaded_libpq()
    assert libpq is not None
    stop = StopSignal()
    with closing(stop), closing(psycopg.connect(database.url())) as connection:
        connection.pgconn.send_query(COPY)
        while connection.pgconn.is_busy():
            connection.pgconn.consume_input()
        assert connection.pgconn.get_result() is not None
        reader = CopyReader(connection.pgconn, libpq)
        chunks: list[bytes] = []
        state = "open"
        while state == "open":
            chunk, state = reader.read(10_000, stop.fileno(), 10.0)
            chunks.append(chunk)
        assert state == "end"
        assert b"".join(chunks) == b"".join(b"x" * n + b"\n" for n in range(1, 1001))
        while connection.pgconn.get_result() is not None:
            pass
        assert all(10_000 <= len(chunk) <= 11_001 for chunk in chunks[:-1])


def test_a_connection_without_a_copy_is_a_failure(database: Database) -> None:
    libpq = database_link._loaded_libpq()
    assert libpq is not None
    with closing(psycopg.connect(database.url())) as connection:
        reader = CopyReader(connection.pgconn, libpq)
        assert reader.read(10_000, -1, 1.0) == (b"", "failed")
        assert "no COPY in progress" in connection.pgconn.get_error_message()
        with pytest.raises(ValueError, match="negative"):
            reader.read(10_000, -1, -1.0)
    with pytest.raises(OSError, match="closed"):
        reader.read(10_000, -1, 1.0)


def test_a_set_signal_ends_a_read_at_once(database: Database) -> None:
    libpq = database_link._loaded_libpq()
    assert libpq is not None
    stop = StopSignal()
    stop.set()
    with closing(stop), closing(psycopg.connect(database.url())) as connection:
        connection.pgconn.send_query(SLOW_COPY)
        while connection.pgconn.is_busy():
            connection.pgconn.consume_input()
        assert connection.pgconn.get_result() is not None
        chunk, state = CopyReader(connection.pgconn, libpq).read(1_000_000, stop.fileno(), 60.0)
        assert state == "open"
        assert len(chunk) < 1_000_000
        connection.cancel()


def test_a_library_that_is_not_loaded_is_not_loaded_now(database: Database) -> None:
    with psycopg.connect(database.url()) as connection, pytest.raises(OSError, match="/nowhere/libpq"):
        CopyReader(connection.pgconn, "/nowhere/libpq.so.5")
